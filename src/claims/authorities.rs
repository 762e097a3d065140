use super::ClaimPath;
use crate::json::{Document, Item, Span};
use std::sync::Arc;

/// What a token can say of a caller's rights; each kind is read from claims of the issuer's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Authority {
    /// Delegated rights (RFC 6749 section 3.3); default claims `scope` and `scp`.
    Scopes,
    /// Roles; default claim `roles` (RFC 9068 section 2.2.3.1).
    Roles,
    /// Permissions; default claim `permissions`.
    Permissions,
    /// Groups; default claim `groups` (RFC 9068 section 2.2.3.1).
    Groups,
}

/// Which claims an issuer's scopes, roles, permissions and groups are read from.
///
/// A claim may be an array of strings or one string. One string holds one value, but for scopes, where it is a list
/// separated by single spaces (RFC 6749 section 3.3; a tab or a no-break space separates nothing).
///
/// What names no claims (`None`) is left to the next one asked: the verifier's mapping, then the standard one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuthorityMapping {
    scopes: Option<Vec<Place>>,
    roles: Option<Vec<Place>>,
    permissions: Option<Vec<Place>>,
    groups: Option<Vec<Place>>,
}

/// Where one authority's items stand, and in which shape.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    path: ClaimPath,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One string, or an array of strings.
    Values,
    /// The names of an object's members.
    Keys,
}

impl AuthorityMapping {
    /// The claims of RFC 9068 section 2.2.3.1, and what issuers use beside them.
    pub(crate) fn standard() -> Self {
        let place = |path| Place { path, shape: Shape::Values };
        let top =
            |names: &[&str]| Some(names.iter().filter_map(|name| name.parse().ok()).map(place).collect());
        Self {
            scopes: top(&["scope", "scp"]),
            roles: top(&["roles"]),
            permissions: top(&["permissions"]),
            groups: top(&["groups"]),
        }
    }

    /// Sets one authority's claims out of names and JSON Pointers; what is wrong with them comes back.
    pub(crate) fn set<'a>(
        &mut self,
        authority: Authority,
        claims: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        self.set_places(authority, Shape::Values, claims)
    }

    /// The same for claims that are objects, whose members' names are the items.
    pub(crate) fn set_keys<'a>(
        &mut self,
        authority: Authority,
        claims: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        self.set_places(authority, Shape::Keys, claims)
    }

    fn set_places<'a>(
        &mut self,
        authority: Authority,
        shape: Shape,
        claims: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        let (mut paths, mut wrong) = (Vec::new(), Vec::new());
        for claim in claims {
            match claim.parse::<ClaimPath>() {
                Ok(path) => paths.push(Place { path, shape }),
                Err(error) => wrong.push(format!("{claim:?}: {error}")),
            }
        }
        if paths.is_empty() && wrong.is_empty() {
            wrong.push("names no claim".to_owned());
        }
        let slot = match authority {
            Authority::Scopes => &mut self.scopes,
            Authority::Roles => &mut self.roles,
            Authority::Permissions => &mut self.permissions,
            Authority::Groups => &mut self.groups,
        };
        *slot = Some(paths);
        wrong
    }

    /// This mapping, and the other's where this one names no claims.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            scopes: self.scopes.or_else(|| other.scopes.clone()),
            roles: self.roles.or_else(|| other.roles.clone()),
            permissions: self.permissions.or_else(|| other.permissions.clone()),
            groups: self.groups.or_else(|| other.groups.clone()),
        }
    }

    pub(crate) fn read(self: &Arc<Self>, claims: &Document) -> Authorities {
        let mut items = Vec::with_capacity(16);
        let mut read = |places: &Option<Vec<Place>>, spaced| {
            let start = items.len();
            let known = read_all(places.as_deref().unwrap_or_default(), claims, spaced, &mut items);
            // What was read before one claim turned out unreadable is nobody's right.
            let end = if known.is_ok() { items.len() } else { start };
            items.truncate(end);
            let number = |number| u16::try_from(number).map_err(|_| Gap::Unreadable);
            known.and_then(|()| Ok([number(start)?, number(end)?]))
        };
        Authorities {
            scopes: read(&self.scopes, true),
            roles: read(&self.roles, false),
            permissions: read(&self.permissions, false),
            groups: read(&self.groups, false),
            items,
            mapping: Arc::clone(self),
        }
    }

    fn places(&self, authority: Authority) -> &[Place] {
        let places = match authority {
            Authority::Scopes => &self.scopes,
            Authority::Roles => &self.roles,
            Authority::Permissions => &self.permissions,
            Authority::Groups => &self.groups,
        };
        places.as_deref().unwrap_or_default()
    }
}

/// Why a token does not say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// The claim is not there.
    Absent,
    /// It is there, and is not of a type that could say it.
    Unreadable,
    /// The issuer announced that it left the claim out, or some of it.
    CutOff,
}

/// The caller's rights as read, by where they stand in the claims; a [`Gap`] is "the token does not say", which is not
/// the same as "has none".
pub(crate) struct Authorities {
    items: Vec<Span>,
    scopes: Part,
    roles: Part,
    permissions: Part,
    groups: Part,
    /// What they were read by, for whoever asks where they stand.
    mapping: Arc<AuthorityMapping>,
}

/// From, and up to; no token has more items than that counts.
type Part = Result<[u16; 2], Gap>;

/// Those of a token that says nothing.
impl Default for Authorities {
    fn default() -> Self {
        let absent = Err(Gap::Absent);
        let mapping = Arc::default();
        Self {
            items: Vec::new(),
            scopes: absent,
            roles: absent,
            permissions: absent,
            groups: absent,
            mapping,
        }
    }
}

impl Authorities {
    /// `claims` are those that these were read from.
    pub(crate) fn listed<'a>(
        &'a self,
        authority: Authority,
        claims: &'a Document,
    ) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let [start, end] = self.read(authority).ok()?;
        let items = self.items.get(usize::from(start)..usize::from(end))?;
        Some(items.iter().map(|item| claims.resolve(*item)))
    }

    /// Why nothing is listed; `None` where something is, be it an empty list.
    pub(crate) fn gap(&self, authority: Authority) -> Option<Gap> {
        self.read(authority).err()
    }

    /// The claims that they are read from.
    pub(crate) fn places(&self, authority: Authority) -> impl Iterator<Item = &ClaimPath> {
        self.mapping.places(authority).iter().map(|place| &place.path)
    }

    fn read(&self, authority: Authority) -> Part {
        match authority {
            Authority::Scopes => self.scopes,
            Authority::Roles => self.roles,
            Authority::Permissions => self.permissions,
            Authority::Groups => self.groups,
        }
    }
}

/// The union of the claims that are there; nothing known if one of them cannot be read or was cut off.
fn read_all(places: &[Place], claims: &Document, spaced: bool, into: &mut Vec<Span>) -> Result<(), Gap> {
    let mut known = Err(Gap::Absent);
    for Place { path, shape } in places {
        if is_cut_off(claims, path.claim()) {
            return Err(Gap::CutOff);
        }
        if path.is_blocked(claims) {
            return Err(Gap::Unreadable);
        }
        if let Some(value) = path.find(claims) {
            let read = match shape {
                Shape::Values => read_one(value, spaced, into),
                Shape::Keys => read_keys(value, into),
            };
            known = Ok(read.ok_or(Gap::Unreadable)?);
        }
    }
    known
}

fn read_one(value: Item<'_>, spaced: bool, into: &mut Vec<Span>) -> Option<()> {
    if let Some(text) = value.span() {
        match spaced {
            true => into.extend(value.words()),
            false => into.push(text),
        }
        return Some(());
    }
    for item in value.items()? {
        into.push(item.span()?);
    }
    Some(())
}

/// A name counts for what stands under it: `{"admin": false}` or `{"admin": {}}` would give a role that nobody holds, so
/// one such member leaves all of them unknown.
fn read_keys(value: Item<'_>, into: &mut Vec<Span>) -> Option<()> {
    for (name, value) in value.entries()? {
        let is_held = value.entries().is_some_and(|mut under| under.next().is_some());
        into.push(name.span().filter(|_| is_held)?);
    }
    Some(())
}

/// A claim that the issuer left out because it lives elsewhere (OpenID Connect Core section 5.6.2; Entra's group
/// overage is announced so, or by `hasgroups` alone in the implicit flow).
pub(super) fn is_cut_off(claims: &Document, name: &str) -> bool {
    if name == "groups" && claims.get("hasgroups").is_some_and(|has| has.as_bool() != Some(false)) {
        return true;
    }
    // Where it is no object, something was left out, and we cannot read what.
    claims.get("_claim_names").is_some_and(|names| names.entries().is_none() || names.member(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(claims: Value, authority: Authority) -> Option<Vec<Box<str>>> {
        read_by(AuthorityMapping::standard(), claims, authority)
    }

    fn read_by(mapping: AuthorityMapping, claims: Value, authority: Authority) -> Option<Vec<Box<str>>> {
        let claims = Document::of(&claims);
        let authorities = Arc::new(mapping).read(&claims);
        authorities.listed(authority, &claims).map(|items| items.map(Into::into).collect())
    }

    fn list(items: &[&str]) -> Option<Vec<Box<str>>> {
        Some(items.iter().map(|item| (*item).into()).collect())
    }

    #[test]
    fn scopes_come_as_a_string_or_an_array_under_either_name() {
        for claims in [
            json!({"scope": "a b"}),
            json!({"scope": ["a", "b"]}),
            json!({"scp": "a b"}),
            json!({"scp": ["a", "b"]}),
            json!({"scope": "a", "scp": ["b"]}),
        ] {
            assert_eq!(read(claims.clone(), Authority::Scopes), list(&["a", "b"]), "{claims}");
        }
    }

    #[test]
    fn only_a_space_separates_scopes() {
        for text in ["a\tb", "a\u{a0}b", "a\nb", "a,b"] {
            assert_eq!(read(json!({"scope": text}), Authority::Scopes), list(&[text]));
        }
    }

    #[test]
    fn a_role_with_a_space_is_one_role() {
        assert_eq!(read(json!({"roles": "head clerk"}), Authority::Roles), list(&["head clerk"]));
    }

    #[test]
    fn absent_and_unreadable_are_unknown_and_empty_is_known() {
        assert_eq!(read(json!({}), Authority::Roles), None);
        assert_eq!(read(json!({"roles": null}), Authority::Roles), None);
        assert_eq!(read(json!({"roles": {"a": 1}}), Authority::Roles), None);
        assert_eq!(read(json!({"roles": ["a", 1]}), Authority::Roles), None);
        assert_eq!(read(json!({"scope": "a", "scp": 1}), Authority::Scopes), None);
        assert_eq!(read(json!({"roles": []}), Authority::Roles), list(&[]));
        assert_eq!(read(json!({"scope": ""}), Authority::Scopes), list(&[]));
    }

    #[test]
    fn a_way_that_is_blocked_leaves_nothing_known() {
        let mut mapping = AuthorityMapping::default();
        assert_eq!(mapping.set(Authority::Roles, ["roles", "/realm_access/roles"]), [""; 0]);
        let roles = |claims: Value| read_by(mapping.clone(), claims, Authority::Roles);
        assert_eq!(roles(json!({"roles": ["clerk"], "realm_access": ["suspended"]})), None);
        assert_eq!(roles(json!({"roles": ["clerk"], "realm_access": {}})), list(&["clerk"]));
    }

    #[test]
    fn the_names_of_an_object_are_roles_only_where_the_mapping_says_so() {
        let mut mapping = AuthorityMapping::default();
        assert_eq!(mapping.set_keys(Authority::Roles, ["urn:roles"]), [""; 0]);
        let roles = |claims: Value| read_by(mapping.clone(), claims, Authority::Roles);
        assert_eq!(roles(json!({"urn:roles": {"clerk": {"1": "acme.test"}}})), list(&["clerk"]));
        assert_eq!(roles(json!({"urn:roles": {}})), list(&[]));
        for unreadable in [
            json!(["clerk"]),
            json!("clerk"),
            json!([{"clerk": {"1": "acme.test"}}]),
            json!({"clerk": true}),
            json!({"clerk": false}),
            json!({"clerk": null}),
            json!({"clerk": {}}),
            json!({"clerk": {"1": "acme.test"}, "admin": {}}),
        ] {
            assert_eq!(roles(json!({"urn:roles": unreadable.clone()})), None, "{unreadable}");
        }
        assert_eq!(read(json!({"roles": {"clerk": {"1": "acme.test"}}}), Authority::Roles), None);
    }

    #[test]
    fn groups_that_are_only_announced_are_unknown() {
        assert_eq!(read(json!({"hasgroups": true, "groups": []}), Authority::Groups), None);
        assert_eq!(read(json!({"hasgroups": false, "groups": []}), Authority::Groups), list(&[]));
    }

    #[test]
    fn a_claim_that_was_cut_off_is_unknown_even_when_part_of_it_is_there() {
        for names in [json!({"groups": "src1"}), json!("garbage")] {
            let claims = json!({"groups": ["a"], "_claim_names": names});
            assert_eq!(read(claims, Authority::Groups), None);
        }
    }
}

/// Issuers that are one but for the tenant in their identifier, and share their keys.
///
/// The shared set says whose tokens a key may sign by a member of its own, `issuer`, which is either the identifier of one
/// tenant or the template that stands for all of them.
pub(crate) struct Tenancy {
    /// The identifier, with [`TENANT`] where the tenant's id stands.
    pub(super) identifier: &'static str,
    /// What keys call their issuer, likewise.
    pub(super) keys: &'static [&'static str],
    /// Whether a key that names no issuer serves every tenant.
    pub(super) bare_keys: bool,
}

const TENANT: &str = "{tenantid}";

impl Tenancy {
    #[cfg(feature = "remote")]
    pub(super) fn identifier_of(&self, tenant: &str) -> String {
        self.identifier.replace(TENANT, tenant)
    }

    /// The tenant's id inside an identifier.
    pub(crate) fn tenant_of<'a>(&self, iss: &'a str) -> Option<&'a str> {
        at_the_place_of_tenant(self.identifier, iss)
    }

    /// Whether a key with this `issuer` may sign tokens with this `iss`.
    pub(crate) fn may_sign(&self, key_issuer: Option<&str>, iss: &str) -> bool {
        let Some(named) = key_issuer else { return self.bare_keys };
        let Some(tenant) = self.tenant_of(iss) else { return false };
        let owners = self.keys.iter().filter_map(|template| at_the_place_of_tenant(template, named));
        owners.into_iter().any(|owner| owner == TENANT || owner == tenant)
    }
}

fn at_the_place_of_tenant<'a>(template: &str, text: &'a str) -> Option<&'a str> {
    let (before, after) = template.split_once(TENANT)?;
    text.strip_prefix(before)?.strip_suffix(after)
}

#[cfg(test)]
mod tests {
    use super::Tenancy;

    const V2: Tenancy = Tenancy {
        identifier: "https://login.test/{tenantid}/v2.0",
        keys: &["https://login.test/{tenantid}/v2.0"],
        bare_keys: false,
    };

    #[test]
    fn a_key_serves_the_tenant_it_names_or_all_by_the_template() {
        let (ours, theirs) = ("https://login.test/a/v2.0", "https://login.test/b/v2.0");
        assert!(V2.may_sign(Some(ours), ours));
        assert!(V2.may_sign(Some("https://login.test/{tenantid}/v2.0"), ours));
        for key in [Some(theirs), Some(""), Some("https://login.test/a/v1.0"), Some("a"), None] {
            assert!(!V2.may_sign(key, ours), "{key:?}");
        }
        assert!(!V2.may_sign(Some(ours), "https://elsewhere.test/a/v2.0"), "an iss that is no tenant's");
    }

    #[test]
    fn a_key_that_names_nobody_serves_only_where_the_set_is_known_to_name_nobody() {
        let bare = Tenancy { bare_keys: true, ..V2 };
        assert!(bare.may_sign(None, "https://login.test/a/v2.0"));
        assert!(
            !bare.may_sign(Some(""), "https://login.test/a/v2.0"),
            "an unreadable name is no missing one"
        );
    }

    #[test]
    fn the_tenant_is_what_stands_at_its_place() {
        assert_eq!(V2.tenant_of("https://login.test/a/v2.0"), Some("a"));
        for other in ["https://login.test/a/v2.0/", "https://login.test/a", "https://login.test", ""] {
            assert_eq!(V2.tenant_of(other), None, "{other}");
        }
    }
}

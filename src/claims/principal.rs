use super::{Authorities, Authority, ClaimMap, ClaimPath, Gap, Watch, authorities::is_cut_off, numeric_date};
use crate::json::{Document, Item, Span};
use serde_json::Value;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The verified caller: registered claims, scopes, roles, permissions and groups; what policies read.
///
/// A clone costs one reference count. `Debug` shows no claim's value.
#[derive(Clone)]
pub struct Principal {
    claims: ClaimMap,
}

/// What the rules have found good and is not as it stands in the claims.
#[derive(Default)]
pub(crate) struct Registered {
    pub(crate) issuer: Arc<str>,
    pub(crate) expires_at: Duration,
    pub(crate) issued_at: Option<Duration>,
    pub(crate) watch: Arc<Watch>,
}

impl Principal {
    pub(crate) fn new(registered: Registered, authorities: Authorities, claims: Document) -> Self {
        Self { claims: ClaimMap::new(registered, authorities, claims) }
    }

    /// `sub` (RFC 7519 section 4.1.2); unique within the issuer only.
    pub fn subject(&self) -> Option<&str> {
        self.document().text_of("sub")
    }

    /// `iss` (RFC 7519 section 4.1.1): one of the trusted issuers.
    pub fn issuer(&self) -> &str {
        &self.registered().issuer
    }

    /// `aud` (RFC 7519 section 4.1.3), in the token's order.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let aud = self.document().get("aud");
        let several = aud.and_then(Item::items).into_iter().flatten();
        aud.and_then(Item::as_str).into_iter().chain(several.filter_map(Item::as_str))
    }

    /// The client that the token was issued to: `client_id` (RFC 9068), or `azp`, `cid`, `appid` where an issuer
    /// writes those instead.
    pub fn client(&self) -> Option<&str> {
        self.claims.caller().client.map(|client| self.document().resolve(client))
    }

    /// `jti` (RFC 7519 section 4.1.7).
    pub fn token_id(&self) -> Option<&str> {
        self.document().text_of("jti")
    }

    /// When the token ends (`exp`, leeway not added).
    pub fn expires_at(&self) -> SystemTime {
        date(self.registered().expires_at)
    }

    /// When the token was issued (`iat`), if it says so.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.registered().issued_at.map(date)
    }

    /// How the user was authenticated: `acr` (RFC 9068 section 2.2.1), if the token says so.
    pub fn acr(&self) -> Option<&str> {
        self.document().text_of("acr")
    }

    /// When the user was last authenticated: `auth_time` (RFC 9068 section 2.2.1), if the token says so.
    pub fn authenticated_at(&self) -> Option<SystemTime> {
        let seconds = self.document().get("auth_time").and_then(numeric_date)?;
        Some(date(Duration::from_secs_f64(seconds.max(0.0))))
    }

    /// The granted scopes (RFC 6749 section 3.3), in the token's order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.items(Authority::Scopes)
    }

    /// The caller's roles, by the issuer's mapping.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.items(Authority::Roles)
    }

    /// The caller's permissions, by the issuer's mapping.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.items(Authority::Permissions)
    }

    /// The caller's groups, by the issuer's mapping. A token whose groups were cut off shows none here; a policy
    /// tells "none" from "unknown".
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.items(Authority::Groups)
    }

    /// Whether this scope was granted, compared whole.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|had| had == scope)
    }

    /// Whether the caller has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|had| had == role)
    }

    /// Whether the caller has this permission.
    pub fn has_permission(&self, permission: &str) -> bool {
        self.permissions().any(|had| had == permission)
    }

    /// Whether the caller is in this group.
    pub fn has_group(&self, group: &str) -> bool {
        self.groups().any(|had| had == group)
    }

    /// A claim's value; `None` also where the path is no [`ClaimPath`].
    pub fn claim(&self, path: &str) -> Option<&Value> {
        self.claim_at(&path.parse().ok()?)
    }

    /// All claims of the token, by name.
    pub fn claims(&self) -> &ClaimMap {
        &self.claims
    }

    pub(crate) fn claim_at(&self, path: &ClaimPath) -> Option<&Value> {
        path.find_in(&self.claims)
    }

    /// Whether a claim cannot be looked for: cut off, or behind something that is no object.
    pub(crate) fn is_hidden(&self, path: &ClaimPath) -> bool {
        self.is_cut_off(path.claim()) || path.is_blocked(self.document())
    }

    /// What the token says of one kind of right; `None` where it does not say (absent, unreadable, cut off).
    pub(crate) fn listed(&self, authority: Authority) -> Option<impl Iterator<Item = &str>> {
        self.claims.caller().authorities.listed(authority, self.document())
    }

    /// Why the token says nothing of one kind of right; `None` where it does.
    pub(crate) fn gap(&self, authority: Authority) -> Option<Gap> {
        self.claims.caller().authorities.gap(authority)
    }

    /// The claims that one kind of right is read from, by the issuer's mapping.
    pub(crate) fn places(&self, authority: Authority) -> impl Iterator<Item = &ClaimPath> {
        self.claims.caller().authorities.places(authority)
    }

    /// The claim that names the client, read or not.
    pub(crate) fn client_claim(&self) -> Option<&'static str> {
        CLIENT.into_iter().find(|name| self.document().contains(name))
    }

    /// Whether the issuer announced that it left this claim out.
    pub(crate) fn is_cut_off(&self, claim: &str) -> bool {
        is_cut_off(self.document(), claim)
    }

    /// Whether the user was authenticated at most so many seconds ago, by the verifier's clock at this moment. `None`
    /// where the token does not say when, or names a time that is yet to come.
    pub(crate) fn was_authenticated_within(&self, seconds: u32) -> Option<bool> {
        let claim = Some("auth_time").filter(|claim| !self.is_cut_off(claim))?;
        let at = numeric_date(self.document().get(claim)?)?;
        self.registered().watch.is_within(at, seconds)
    }

    /// What the claims take in memory, and may come to take, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        // An application's own type holds what it takes of them once more.
        self.document().weight()
    }

    fn document(&self) -> &Document {
        self.claims.document()
    }

    fn registered(&self) -> &Registered {
        &self.claims.caller().registered
    }

    fn items(&self, authority: Authority) -> impl Iterator<Item = &str> {
        self.listed(authority).into_iter().flatten()
    }
}

/// The names that issuers write the client under.
const CLIENT: [&str; 4] = ["client_id", "azp", "cid", "appid"];

/// The first of the names that issuers write the client under; unreadable there is unknown, not the next name.
pub(crate) fn client(claims: &Document) -> Option<Span> {
    CLIENT.iter().find_map(|name| claims.get(name))?.span()
}

/// Some systems count time in fewer bits than a NumericDate has; what is beyond them is as far as they go.
fn date(since_epoch: Duration) -> SystemTime {
    const YEAR_9999: Duration = Duration::from_secs(253_402_300_799);
    UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH + YEAR_9999)
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("claims", &self.claims).finish_non_exhaustive()
    }
}

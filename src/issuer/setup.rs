use super::expects::Expects;
#[cfg(feature = "remote")]
use super::remote::Remote;
use crate::{
    claims::{Authority, AuthorityMapping},
    error::{ConfigError, Fault},
    keys::{Algorithm, Key, KeySet},
};
use std::{fmt, sync::Arc};

/// One trusted issuer.
///
/// The identifier is compared with the token's `iss` byte for byte (RFC 8725 section 3.8); where metadata and keys
/// are fetched is a setting of its own. Setters do not fail: what is wrong with them is in the one [`ConfigError`] of
/// [`VerifierBuilder::build`](crate::verify::VerifierBuilder::build).
#[derive(Clone)]
pub struct Issuer {
    pub(crate) identifiers: Vec<Arc<str>>,
    pub(crate) source: KeySource,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) mapping: AuthorityMapping,
    pub(crate) typs: Vec<Box<str>>,
    pub(crate) expects: Expects,
    pub(crate) allow_http: bool,
    pub(crate) faults: Vec<Fault>,
    #[cfg(feature = "remote")]
    pub(crate) remote: Remote,
}

#[derive(Clone)]
pub(crate) enum KeySource {
    Fixed(Arc<KeySet>),
    #[cfg(feature = "remote")]
    Discover(Option<String>),
    #[cfg(feature = "remote")]
    Jwks(String),
}

/// Faults of settings without an issuer or an audience.
#[derive(Debug, Clone, Default)]
pub(crate) struct Missing {
    pub(crate) issuer: Option<Fault>,
    pub(crate) audience: Option<Fault>,
}

impl Issuer {
    /// An issuer with keys that never change while the program runs: from JSON, PEM or a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `issuer` is empty, or the set has no usable key or a symmetric one.
    pub fn keys(issuer: &str, keys: KeySet) -> Result<Self, ConfigError> {
        check_identifier(issuer)?;
        if keys.is_empty() {
            let skipped = keys.skipped().count();
            let sentence = format!("no usable key in the set ({skipped} skipped)");
            return Err(ConfigError::new("keys", sentence));
        }
        if has_symmetric(&keys) {
            return Err(ConfigError::new("keys", "a secret goes to Issuer::hmac, never into a key set"));
        }
        Ok(Self::with_source(issuer, KeySource::Fixed(Arc::new(keys))))
    }

    /// An issuer that shares a secret with us (HS256, HS384, HS512): the only way to have HMAC, and the issuer then
    /// has no other algorithm. Whoever can verify such tokens can make them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `issuer` is empty, `algorithm` is no HMAC, or the secret is shorter than 32 bytes or
    /// than the hash (RFC 7518 section 3.2).
    pub fn hmac(issuer: &str, secret: &[u8], algorithm: Algorithm) -> Result<Self, ConfigError> {
        check_identifier(issuer)?;
        if !algorithm.is_symmetric() {
            return Err(ConfigError::new("algorithm", format!("{algorithm} is no HMAC")));
        }
        let key = Key::from_secret(secret, algorithm)
            .map_err(|error| ConfigError::new("secret", error.to_string()))?;
        let keys = KeySet::from_keys([key]);
        let mut issuer = Self::with_source(issuer, KeySource::Fixed(Arc::new(keys)));
        issuer.algorithms = Some(vec![algorithm]);
        Ok(issuer)
    }

    pub(super) fn with_source(identifier: &str, source: KeySource) -> Self {
        Self {
            identifiers: vec![identifier.into()],
            source,
            algorithms: None,
            mapping: AuthorityMapping::default(),
            typs: Vec::new(),
            expects: Expects::default(),
            allow_http: false,
            faults: Vec::new(),
            #[cfg(feature = "remote")]
            remote: Remote::default(),
        }
    }

    /// Accepts one more `iss` from this issuer, compared whole like the first. Default: none.
    pub fn also_known_as(mut self, identifier: &str) -> Self {
        match check_identifier(identifier) {
            Ok(()) => self.identifiers.push(identifier.into()),
            Err(error) => self.faults.extend(error.into_faults()),
        }
        self
    }

    /// Which algorithms its tokens may be signed with. Default: every asymmetric one that its keys fit.
    ///
    /// A symmetric one here is a fault, unless the issuer was made by [`Issuer::hmac`].
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// Accepts one more `typ` in the JOSE header, compared without case and without `application/`. Default: absent,
    /// `JWT` and `at+jwt` (RFC 9068 section 2.1).
    pub fn accept_typ(mut self, typ: &str) -> Self {
        if typ.is_empty() {
            self.faults.push(Fault::new("accept_typ", "a typ is not empty"));
        }
        self.typs.push(typ.into());
        self
    }

    /// The claims that scopes are read from, all of them together, instead of `scope` and `scp`: names, or JSON Pointers
    /// (see [`roles_from`](Issuer::roles_from)).
    pub fn scopes_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Scopes, "scopes_from", claims)
    }

    /// The claims that roles are read from, all of them together, instead of `roles`. A text that begins with `/` is a JSON Pointer into nested
    /// objects, `/realm_access/roles`; any other is one claim's name, taken whole, `https://example.com/roles`. Roles of
    /// other clients are not roles here unless you name their path.
    pub fn roles_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Roles, "roles_from", claims)
    }

    /// The claims that hold roles as the names of an object's members, instead of `roles`: `{"clerk": {…}}` gives the role
    /// `clerk` (ZITADEL's way). Each member must be an object with something in it; a claim with any other shape leaves the
    /// roles unknown. Names or JSON Pointers. Default: an object is no list of roles.
    pub fn roles_from_keys<'a>(mut self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        let wrong = self.mapping.set_keys(Authority::Roles, claims);
        self.faults.extend(wrong.into_iter().map(|sentence| Fault::new("roles_from_keys", sentence)));
        self
    }

    /// The claims that permissions are read from, instead of `permissions`: names, or JSON Pointers.
    pub fn permissions_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Permissions, "permissions_from", claims)
    }

    /// The claims that groups are read from, instead of `groups`: names, or JSON Pointers.
    pub fn groups_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Groups, "groups_from", claims)
    }

    pub(crate) fn accepts_typs(&self) -> bool {
        !self.typs.is_empty()
    }

    fn map<'a>(
        mut self,
        authority: Authority,
        setting: &'static str,
        claims: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let wrong = self.mapping.set(authority, claims);
        self.faults.extend(wrong.into_iter().map(|sentence| Fault::new(setting, sentence)));
        self
    }

    /// Whoever sits between us and the issuer can replace its keys, and with them make any token.
    ///
    /// Allows plain `http` off loopback, for a cluster's `http://keycloak:8080`. Said aloud at start (WARN). Default:
    /// `https` only, but for loopback addresses.
    pub fn danger_allow_http(mut self) -> Self {
        self.needs_fetching("danger_allow_http");
        self.allow_http = true;
        self
    }

    /// A setting that would do nothing is a fault: somebody believes that it does.
    pub(super) fn needs_fetching(&mut self, setting: &'static str) {
        if matches!(self.source, KeySource::Fixed(_)) {
            self.faults.push(Fault::new(setting, "these keys are fixed: nothing is fetched"));
        }
    }
}

pub(super) fn has_symmetric(keys: &KeySet) -> bool {
    keys.keys().any(Key::is_symmetric)
}

pub(super) fn check_identifier(issuer: &str) -> Result<(), ConfigError> {
    if issuer.is_empty() || issuer.trim() != issuer {
        return Err(ConfigError::new("issuer", "an issuer is not empty and has no white space around it"));
    }
    // It would be printed: in logs, in the status, in faults.
    let authority = issuer.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(ConfigError::new("issuer", "a URL here carries no user or password"));
    }
    Ok(())
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("identifiers", &self.identifiers).finish_non_exhaustive()
    }
}

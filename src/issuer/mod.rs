//! A trusted issuer: its identifiers, where its keys are, and how its claims map to authorities.

#[cfg(feature = "remote")]
mod settings;
mod trusted;

#[cfg(feature = "remote")]
pub use settings::Settings;
pub(crate) use trusted::{IssuerKeys, TrustedIssuer};

#[cfg(feature = "remote")]
use crate::keys::{Fetch, life::KeyPolicy};
use crate::{
    claims::{Authority, AuthorityMapping, ClaimPath},
    error::{ConfigError, Fault},
    keys::{Algorithm, Key, KeySet},
};
use http::Uri;
use std::{fmt, sync::Arc, time::Duration};

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

/// How a remote set is fetched.
#[cfg(feature = "remote")]
#[derive(Clone, Default)]
pub(crate) struct Remote {
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    pub(crate) policy: KeyPolicy,
}

impl Issuer {
    /// An issuer whose metadata says where its keys are: OpenID Connect Discovery, then RFC 8414 in both forms. The
    /// metadata's `issuer` must equal `issuer`, byte for byte.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `issuer` is no absolute `http(s)` URL without query and fragment (RFC 8414 section 2).
    #[cfg(feature = "remote")]
    pub fn discover(issuer: &str) -> Result<Self, ConfigError> {
        check_identifier_url(issuer)?;
        Ok(Self::with_source(issuer, KeySource::Discover(None)))
    }

    /// An issuer whose key set stands at a known address; no metadata is read.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `issuer` is empty or `jwks_uri` is no absolute `http(s)` URL.
    #[cfg(feature = "remote")]
    pub fn jwks(issuer: &str, jwks_uri: &str) -> Result<Self, ConfigError> {
        check_identifier(issuer)?;
        check_url("jwks_uri", jwks_uri)?;
        Ok(Self::with_source(issuer, KeySource::Jwks(jwks_uri.to_owned())))
    }

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

    fn with_source(identifier: &str, source: KeySource) -> Self {
        Self {
            identifiers: vec![identifier.into()],
            source,
            algorithms: None,
            mapping: AuthorityMapping::default(),
            typs: Vec::new(),
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

    /// The claims that scopes are read from, instead of `scope` and `scp`: names, or JSON Pointers.
    pub fn scopes_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Scopes, "scopes_from", claims)
    }

    /// The claims that roles are read from, instead of `roles`: names, or JSON Pointers such as
    /// `/realm_access/roles`. Roles of other clients are not roles here unless you name their path.
    pub fn roles_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Roles, "roles_from", claims)
    }

    /// The claims that permissions are read from, instead of `permissions`: names, or JSON Pointers.
    pub fn permissions_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Permissions, "permissions_from", claims)
    }

    /// The claims that groups are read from, instead of `groups`: names, or JSON Pointers.
    pub fn groups_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Groups, "groups_from", claims)
    }

    fn map<'a>(
        mut self,
        authority: Authority,
        setting: &'static str,
        claims: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut paths = Vec::new();
        for claim in claims {
            match claim.parse::<ClaimPath>() {
                Ok(path) => paths.push(path),
                Err(error) => self.faults.push(Fault::new(setting, format!("{claim:?}: {error}"))),
            }
        }
        if paths.is_empty() {
            self.faults.push(Fault::new(setting, "names no claim"));
        }
        self.mapping.set(authority, paths);
        self
    }

    /// Whoever sits between us and the issuer can replace its keys, and with them make any token.
    ///
    /// Allows plain `http` off loopback, for a cluster's `http://keycloak:8080`. Said aloud at start (WARN). Default:
    /// `https` only, but for loopback addresses.
    pub fn danger_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }
}

/// Where and how often keys are fetched.
#[cfg(feature = "remote")]
impl Issuer {
    /// Reads the metadata there, wherever the identifier points: an address inside the cluster, say. Default: the
    /// well-known addresses of the identifier.
    pub fn metadata_url(mut self, url: &str) -> Self {
        match (check_url("metadata_url", url), &mut self.source) {
            (Ok(()), KeySource::Discover(at)) => *at = Some(url.to_owned()),
            (Ok(()), _) => {
                self.faults
                    .push(Fault::new("metadata_url", "only an issuer made by discover reads metadata"));
            }
            (Err(error), _) => self.faults.extend(error.into_faults()),
        }
        self
    }

    /// Fetches through your own transport. Default: [`HttpFetch`](crate::keys::HttpFetch).
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.remote.fetch = Some(Arc::new(fetch));
        self
    }

    /// How long a fetched set is good for, whatever its `Cache-Control` says; 1 s to 24 h. Default: 10 min, moved by
    /// `max-age` within 1 min to 1 h.
    pub fn key_ttl(mut self, ttl: Duration) -> Self {
        self.check_range("key_ttl", ttl, Duration::from_secs(1), Duration::from_secs(24 * 3600));
        self.remote.policy.ttl = Some(ttl);
        self
    }

    /// How long past its time to live a set may still judge while the issuer fails; at most 24 h. Default: 1 h.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.check_range("max_stale", max_stale, Duration::ZERO, Duration::from_secs(24 * 3600));
        self.remote.policy.max_stale = max_stale;
        self
    }

    /// Least time between an answered fetch and the next one that an unknown `kid` may cause; 100 ms to 1 h.
    /// Default: 5 s.
    pub fn key_cooldown(mut self, cooldown: Duration) -> Self {
        self.check_range("key_cooldown", cooldown, Duration::from_millis(100), Duration::from_secs(3600));
        self.remote.policy.cooldown = cooldown;
        self
    }

    /// The time for a whole fetch, trickling bytes included; 100 ms to 60 s. Default: 5 s.
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.check_range("fetch_timeout", timeout, Duration::from_millis(100), Duration::from_secs(60));
        self.remote.policy.fetch_timeout = timeout;
        self
    }

    fn check_range(&mut self, setting: &'static str, value: Duration, least: Duration, most: Duration) {
        if value < least || value > most {
            let sentence = format!("{value:?} is not within {least:?} to {most:?}");
            self.faults.push(Fault::new(setting, sentence));
        }
    }
}

/// RFC 8414 section 2: a URL without query and fragment.
#[cfg(feature = "remote")]
fn check_identifier_url(issuer: &str) -> Result<(), ConfigError> {
    check_url("issuer", issuer)?;
    if issuer.contains(['?', '#']) {
        return Err(ConfigError::new(
            "issuer",
            "an issuer has neither query nor fragment (RFC 8414 section 2)",
        ));
    }
    Ok(())
}

fn has_symmetric(keys: &KeySet) -> bool {
    keys.keys().any(Key::is_symmetric)
}

fn check_identifier(issuer: &str) -> Result<(), ConfigError> {
    if issuer.is_empty() || issuer.trim() != issuer {
        return Err(ConfigError::new("issuer", "an issuer is not empty and has no white space around it"));
    }
    Ok(())
}

#[cfg(feature = "remote")]
fn check_url(setting: &'static str, url: &str) -> Result<(), ConfigError> {
    let parsed = url.parse::<Uri>().ok();
    let absolute = parsed.as_ref().is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    let secretless = parsed.and_then(|uri| uri.authority().map(|host| !host.as_str().contains('@')));
    match (absolute, secretless) {
        (true, Some(true)) => Ok(()),
        (true, _) => Err(ConfigError::new(setting, "a URL here carries no user or password")),
        _ => Err(ConfigError::new(setting, "must be an absolute https:// URL")),
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("identifiers", &self.identifiers).finish_non_exhaustive()
    }
}

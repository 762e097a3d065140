use super::{Verifier, cache::Room, rules::Rules, steps::Core};
#[cfg(feature = "remote")]
use crate::issuer::{Settings, Tenants, tenants::TenantDirectory};
use crate::{
    claims::{Authority, AuthorityMapping, ClaimMap, Watch},
    clock::{Clock, SystemClock},
    error::{ConfigError, Fault},
    issuer::{Directory, Issuer, Missing, Terms, repeated},
    keys::Algorithm,
    observe,
};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// The set-up of a [`Verifier`]. Setters do not fail: [`build`](VerifierBuilder::build) reports every fault.
#[must_use = "a builder does nothing until `build`"]
pub struct VerifierBuilder<T = ClaimMap> {
    issuers: Vec<Issuer>,
    /// Issuers were named, though some may have been faulty.
    issuer_named: bool,
    audiences: Vec<Box<str>>,
    algorithms: Option<Vec<Algorithm>>,
    mapping: AuthorityMapping,
    leeway: Duration,
    strict: bool,
    room: Option<Room>,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "remote")]
    tenants: Option<Tenants>,
    faults: Vec<Fault>,
    /// What settings lack, under the names it has there; a fault only where the builder lacks it, too.
    missing: Missing,
    claims: PhantomData<fn() -> T>,
}

impl VerifierBuilder<ClaimMap> {
    pub(crate) fn new() -> Self {
        Self {
            issuers: Vec::new(),
            issuer_named: false,
            audiences: Vec::new(),
            algorithms: None,
            mapping: AuthorityMapping::default(),
            leeway: DEFAULT_LEEWAY,
            strict: false,
            room: Some(Room::default()),
            clock: Arc::new(SystemClock),
            #[cfg(feature = "remote")]
            tenants: None,
            faults: Vec::new(),
            missing: Missing::default(),
            claims: PhantomData,
        }
    }
}

impl<T> VerifierBuilder<T> {
    /// Trusts an issuer. Required; say it once for each. Keys of one issuer never serve another.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer_named = true;
        self.issuers.push(issuer);
        self
    }

    /// Trusts the tenants that a resolver knows, beside the listed issuers, which come first. Default: none.
    #[cfg(feature = "remote")]
    pub fn tenants(mut self, tenants: Tenants) -> Self {
        if self.tenants.is_some() {
            self.faults.push(Fault::new("tenants", "named twice: give one resolver all templates"));
        }
        self.issuer_named = true;
        self.tenants = Some(tenants);
        self
    }

    /// One of our own names: a token's `aud` must contain one of them (RFC 7519 section 4.1.3). Required, unless every
    /// issuer's tokens are known by their client instead ([`Issuer::cognito`]); may be said several times.
    pub fn audience(mut self, audience: &str) -> Self {
        if audience.is_empty() || audience.trim() != audience {
            let sentence = "an audience is not empty and has no white space around it";
            self.faults.push(Fault::new("audience", sentence));
        }
        self.audiences.push(audience.into());
        self
    }

    /// The algorithms for every issuer that names none of its own. Default: every asymmetric one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let algorithms: Vec<_> = algorithms.into_iter().collect();
        if algorithms.is_empty() {
            self.faults.push(Fault::new("algorithms", "none is left to verify with"));
        }
        for algorithm in algorithms.iter().filter(|algorithm| algorithm.is_symmetric()) {
            let sentence =
                format!("{algorithm} is an HMAC: only Issuer::hmac, with a secret of your own, has one");
            self.faults.push(Fault::new("algorithms", sentence));
        }
        self.algorithms = Some(algorithms);
        self
    }

    /// How far clocks may differ, for `exp`, `nbf` and `iat`, and for a policy's `max_age`; at most 300 s. Default: 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        if leeway > MAX_LEEWAY {
            self.faults.push(Fault::new("leeway", format!("{leeway:?} is more than {MAX_LEEWAY:?}")));
        }
        self.leeway = leeway;
        self
    }

    /// RFC 9068 whole: `typ` must be `at+jwt`, and `sub`, `client_id`, `iat`, `jti` must be there; RSA keys must have
    /// the exponent 65537. Default: off, because many issuers write no `typ` or no `client_id`.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// How much room there is for tokens that have verified, in bytes and in tokens; 64 KiB to 64 GiB, 1 to 100 million. Their next use costs no
    /// signature check, and every answer is what it would be without. Default: 16 MiB, 16 384 tokens.
    ///
    /// A token weighs 1 KiB, its own length, its claims as they were read, and what they would take as a map: about what it takes
    /// where somebody looks at [`Principal::claims`](crate::claims::Principal::claims), and half as much where nobody does. A claims
    /// type of yours that is much larger than its JSON weighs as much as one that is not.
    pub fn memory(mut self, bytes: u64, tokens: u64) -> Self {
        let (least, most) = (64 * 1024, 64 << 30);
        if bytes < least || bytes > most {
            self.faults.push(Fault::new("memory", format!("{bytes} bytes are not within {least} to {most}")));
        }
        if tokens == 0 || tokens > 100_000_000 {
            self.faults.push(Fault::new("memory", format!("{tokens} tokens are not within 1 to 100000000")));
        }
        self.room = Some(Room { bytes, tokens });
        self
    }

    /// Remembers no token: each request's is verified from its first byte to its last. For a process whose core dumps must hold no
    /// verified token. Default: they are remembered.
    pub fn without_memory(mut self) -> Self {
        self.room = None;
        self
    }

    /// The clock that tokens and keys are held against. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The claims that scopes are read from, for every issuer that names none of its own; see [`Issuer::scopes_from`].
    pub fn scopes_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Scopes, "scopes_from", claims)
    }

    /// The claims that roles are read from, for every issuer that names none of its own; see [`Issuer::roles_from`].
    pub fn roles_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Roles, "roles_from", claims)
    }

    /// The claims that permissions are read from, for every issuer that names none of its own; see
    /// [`Issuer::permissions_from`].
    pub fn permissions_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Permissions, "permissions_from", claims)
    }

    /// The claims that groups are read from, for every issuer that names none of its own; see [`Issuer::groups_from`].
    pub fn groups_from<'a>(self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.map(Authority::Groups, "groups_from", claims)
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

    /// Your own claims type, read after the signature has verified. Default: [`ClaimMap`], all claims by name.
    ///
    /// A token that does not fit it is refused (401, `claims_do_not_fit`) on every route behind the layer: make a claim
    /// that some callers lack an `Option`.
    pub fn claims<U>(self) -> VerifierBuilder<U> {
        VerifierBuilder {
            issuers: self.issuers,
            issuer_named: self.issuer_named,
            audiences: self.audiences,
            algorithms: self.algorithms,
            mapping: self.mapping,
            leeway: self.leeway,
            strict: self.strict,
            room: self.room,
            clock: self.clock,
            #[cfg(feature = "remote")]
            tenants: self.tenants,
            faults: self.faults,
            missing: self.missing,
            claims: PhantomData,
        }
    }

    /// Adds everything that `settings` say; their faults are reported by `build`. An issuer or an audience may come from
    /// here, from the builder, or from both; where and how often keys are fetched (`jwks_…`, `danger_allow_http`) is about
    /// the issuers of the settings only.
    #[cfg(feature = "remote")]
    pub fn settings(mut self, settings: Settings) -> Self {
        let (read, faults) = settings.into_parts();
        self.issuer_named |= read.missing.issuer.is_none();
        self.faults.extend(faults);
        self.missing = read.missing;
        self.issuers.extend(read.issuers);
        self.audiences.extend(read.audiences.iter().map(|audience| audience.as_str().into()));
        self.mapping = read.mapping.or(&self.mapping);
        self.algorithms = read.algorithms.or(self.algorithms);
        self.strict |= read.strict;
        if let Some(leeway) = read.leeway {
            self.leeway = leeway;
        }
        self
    }

    /// Adds everything that the environment's `BEARER_…` variables say. `BEARER_ISSUER` and `BEARER_AUDIENCE` must be
    /// there, unless the builder has an issuer and an audience already.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault of the environment, each under its variable's name.
    #[cfg(feature = "remote")]
    pub fn env(self) -> Result<Self, ConfigError> {
        let settings = Settings::from_env();
        let (read, mut faults) = settings.clone().into_parts();
        faults.extend(read.missing.issuer.filter(|_| !self.issuer_named));
        faults.extend(read.missing.audience.filter(|_| self.audiences.is_empty()));
        ConfigError::check(faults)?;
        Ok(self.settings(settings))
    }

    /// Checks the whole set-up and makes the verifier. Does no I/O and needs no runtime: keys are fetched by the first
    /// request, or by [`Verifier::warm_up`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault: no issuer, no audience, an identifier of two issuers, an address that is not
    /// safe, a value out of its range, …
    pub fn build(mut self) -> Result<Verifier<T>, ConfigError> {
        let mut faults = std::mem::take(&mut self.faults);
        self.check(&mut faults);
        ConfigError::check(faults)?;
        observe::describe();
        let terms = self.terms();
        #[cfg_attr(not(feature = "remote"), expect(unused_mut))]
        let mut directory = Directory::new(self.issuers, terms);
        #[cfg(feature = "remote")]
        if let Some(tenants) = self.tenants {
            directory.tenants = Some(TenantDirectory::new(tenants, Arc::clone(&directory.terms)));
        }
        let watch = Arc::new(Watch::new(self.clock, self.leeway));
        let rules = Rules { audiences: self.audiences, leeway: self.leeway, strict: self.strict, watch };
        Ok(Verifier::from_core(Core::new(directory, rules), self.room))
    }

    fn terms(&self) -> Terms {
        Terms {
            clock: Arc::clone(&self.clock),
            algorithms: self.algorithms.clone(),
            mapping: self.mapping.clone(),
            strict: self.strict,
            has_audience: !self.audiences.is_empty(),
        }
    }

    fn check(&self, faults: &mut Vec<Fault>) {
        if !cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto")) {
            let sentence = "no signature can be checked without the feature aws-lc-rs or rust-crypto";
            faults.push(Fault::new("features", sentence));
        }
        if !self.issuer_named {
            let plain = || Fault::new("issuer", "name at least one issuer to trust");
            faults.push(self.missing.issuer.clone().unwrap_or_else(plain));
        }
        let without = !self.issuers.is_empty() && self.issuers.iter().all(Issuer::may_lack_audience);
        if self.audiences.is_empty() && !without && !faults.iter().any(is_about_audience) {
            let sentence = "name at least one audience: without it any token of the issuer would do";
            let plain = || Fault::new("audience", sentence);
            faults.push(self.missing.audience.clone().unwrap_or_else(plain));
        }
        let terms = self.terms();
        faults.extend(self.issuers.iter().flat_map(|issuer| terms.faults(issuer)));
        faults.extend(repeated(self.issuers.iter().flat_map(|issuer| &issuer.identifiers)));
        #[cfg(feature = "remote")]
        faults.extend(self.tenants.iter().flat_map(|tenants| tenants.faults.iter().cloned()));
    }
}

/// Settings have said already what is wrong with it.
fn is_about_audience(fault: &Fault) -> bool {
    fault.setting().to_ascii_lowercase().ends_with("audience")
}

impl<T> fmt::Debug for VerifierBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("issuers", &self.issuers)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memorys_bounds_are_within_what_is_allowed() {
        let faults = |bytes: u64, tokens: u64| Verifier::builder().memory(bytes, tokens).faults.len();
        for (bytes, tokens, wrong) in [
            (64 * 1024 - 1, 1, 1),
            (64 * 1024, 1, 0),
            (64 << 30, 100_000_000, 0),
            ((64 << 30) + 1, 100_000_000, 1),
            (64 << 30, 100_000_001, 1),
            (64 << 30, 0, 1),
        ] {
            assert_eq!(faults(bytes, tokens), wrong, "{bytes} bytes, {tokens} tokens");
        }
    }
}

use super::{
    Expects,
    setup::{Issuer, KeySource, has_symmetric},
};
#[cfg(feature = "remote")]
use crate::keys::{
    HttpFetch, RemoteKeySet, discovery, is_https, is_safe_url,
    load::{Place, RemoteConfig},
};
use crate::{
    claims::AuthorityMapping,
    clock::Clock,
    error::Fault,
    keys::{Algorithm, KeySet},
    observe,
};
use std::sync::Arc;
#[cfg(feature = "remote")]
use std::{sync::atomic::AtomicBool, time::Duration};

/// An issuer as the verifier runs it: checked, with its keys or the engine that fetches them.
pub(crate) struct TrustedIssuer {
    pub(crate) identifiers: Vec<Arc<str>>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) mapping: Arc<AuthorityMapping>,
    pub(crate) typs: Vec<Box<str>>,
    pub(crate) expects: Expects,
    pub(crate) keys: IssuerKeys,
}

pub(crate) enum IssuerKeys {
    Fixed(Arc<KeySet>),
    #[cfg(feature = "remote")]
    Remote(RemoteKeySet),
}

/// What holds for every issuer of a verifier, listed or found.
pub(crate) struct Terms {
    pub(crate) clock: Arc<dyn Clock>,
    /// For an issuer that names none of its own.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// For what an issuer says nothing of.
    pub(crate) mapping: AuthorityMapping,
    pub(crate) strict: bool,
    /// Whether an audience is named at all.
    pub(crate) has_audience: bool,
}

impl Terms {
    /// Every fault of an issuer that comes after the set-up: at the set-up itself a missing audience is told once.
    pub(crate) fn faults_of_newcomer(&self, issuer: &Issuer) -> Vec<Fault> {
        let mut faults = self.faults(issuer);
        if !self.has_audience && !issuer.may_lack_audience() {
            let sentence = "the verifier names none, and this issuer's tokens are not known by their client";
            faults.push(Fault::new("audience", sentence));
        }
        faults
    }

    /// Every fault of this issuer that can be found without I/O.
    pub(crate) fn faults(&self, issuer: &Issuer) -> Vec<Fault> {
        let mut faults = issuer.check(self.algorithms.as_deref());
        if self.strict {
            faults.extend(issuer.check_strict());
        }
        faults
    }
}

impl TrustedIssuer {
    /// A token of it has verified.
    #[cfg(feature = "remote")]
    pub(crate) fn prove(&self) {
        if let IssuerKeys::Remote(keys) = &self.keys {
            keys.prove();
        }
    }

    /// It is trusted no more.
    pub(crate) fn retire(&self) {
        #[cfg(feature = "remote")]
        if let IssuerKeys::Remote(keys) = &self.keys {
            keys.retire();
        }
    }

    /// The accepted identifier that equals `iss`.
    pub(crate) fn identifier(&self, iss: &str) -> Option<&Arc<str>> {
        self.identifiers.iter().find(|identifier| &***identifier == iss)
    }

    pub(crate) fn name(&self) -> &str {
        self.identifiers.first().map_or("", |identifier| identifier)
    }
}

impl Issuer {
    /// Finds every fault that can be found without I/O.
    ///
    /// `algorithms` are the verifier's, for an issuer that names none.
    pub(crate) fn check(&self, algorithms: Option<&[Algorithm]>) -> Vec<Fault> {
        let mut faults = self.faults.clone();
        self.check_algorithms(algorithms, &mut faults);
        #[cfg(feature = "remote")]
        self.check_addresses(&mut faults);
        #[cfg(feature = "remote")]
        self.check_times(&mut faults);
        let name = self.identifiers.first().map_or("", |identifier| identifier);
        faults.into_iter().map(|fault| name_issuer(fault, name)).collect()
    }

    /// What `.strict()` would make impossible: a setting that does nothing, or an issuer none of whose tokens could pass.
    pub(crate) fn check_strict(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.accepts_typs() {
            let sentence = "strict takes at+jwt alone: accept_typ would do nothing";
            faults.push(Fault::new("accept_typ", sentence));
        }
        if let Some(why) = self.expects.never_strict {
            let name = self.identifiers.first().map_or("", |identifier| identifier);
            faults.push(name_issuer(
                Fault::new("strict", format!("none of its tokens could pass: {why}")),
                name,
            ));
        }
        faults
    }

    fn check_algorithms(&self, fallback: Option<&[Algorithm]>, faults: &mut Vec<Fault>) {
        let own = self.algorithms.as_deref();
        // The verifier's list was judged by itself; here it matters whether a key fits it.
        let Some(algorithms) = own.or(fallback.filter(|list| !list.iter().any(|alg| alg.is_symmetric())))
        else {
            return;
        };
        let fixed = match &self.source {
            KeySource::Fixed(keys) => Some(keys),
            #[cfg(feature = "remote")]
            _ => None,
        };
        let symmetric = fixed.is_some_and(|keys| has_symmetric(keys));
        if algorithms.is_empty() && own.is_none() {
            return;
        }
        if algorithms.is_empty() {
            faults.push(Fault::new("algorithms", "none is left to verify with"));
        } else if algorithms.iter().any(|algorithm| algorithm.is_symmetric() != symmetric) {
            for algorithm in algorithms.iter().filter(|algorithm| algorithm.is_symmetric() != symmetric) {
                faults.push(Fault::new("algorithms", wrong_family(*algorithm)));
            }
        } else if fixed
            .is_some_and(|keys| !keys.keys().any(|key| algorithms.iter().any(|&alg| key.fits(alg))))
        {
            faults.push(Fault::new("algorithms", "no key of the set fits one of them: no token could pass"));
        }
    }

    pub(crate) fn trust(self, terms: &Terms) -> TrustedIssuer {
        if self.allow_http {
            observe::plain_http(self.identifiers.first().map_or("", |identifier| identifier));
        }
        self.trust_after(terms, None)
    }

    /// The same issuer named anew keeps what is known of its keys.
    pub(crate) fn trust_after(self, terms: &Terms, before: Option<&TrustedIssuer>) -> TrustedIssuer {
        let algorithms = self.algorithms.clone().or_else(|| terms.algorithms.clone());
        TrustedIssuer {
            algorithms: algorithms.unwrap_or_else(|| Algorithm::ASYMMETRIC.to_vec()),
            keys: self.start_keys(&terms.clock, before.map(|before| &before.keys)),
            identifiers: self.identifiers,
            mapping: Arc::new(self.mapping.or(&terms.mapping).or(&AuthorityMapping::standard())),
            typs: self.typs,
            expects: self.expects,
        }
    }

    #[cfg(not(feature = "remote"))]
    fn start_keys(&self, _clock: &Arc<dyn Clock>, _before: Option<&IssuerKeys>) -> IssuerKeys {
        let KeySource::Fixed(keys) = &self.source;
        IssuerKeys::Fixed(Arc::clone(keys))
    }
}

fn wrong_family(algorithm: Algorithm) -> String {
    match algorithm.is_symmetric() {
        false => format!("{algorithm} does not go with a shared secret"),
        true => format!("{algorithm} is an HMAC: only Issuer::hmac, with a secret of your own, has one"),
    }
}

fn name_issuer(fault: Fault, issuer: &str) -> Fault {
    let setting = format!("issuer {issuer}: {}", fault.setting());
    fault.renamed(setting)
}

#[cfg(feature = "remote")]
impl Issuer {
    fn check_addresses(&self, faults: &mut Vec<Fault>) {
        let addresses = match &self.source {
            KeySource::Fixed(_) => return,
            KeySource::Jwks(url) => vec![url.clone()],
            KeySource::Discover(_) => self.metadata_urls(),
        };
        if addresses.iter().any(|url| !is_safe_url(url, self.allow_http)) {
            let sentence = "plain http off loopback: whoever sits between can replace the keys; use https, or say \
                            danger_allow_http (BEARER_DANGER_ALLOW_HTTP=true)";
            faults.push(Fault::new("address", sentence));
        }
        let has_tls = cfg!(any(feature = "aws-lc-rs", feature = "native-tls"));
        if !has_tls && self.remote.fetch.is_none() && addresses.iter().any(|url| is_https(url)) {
            let sentence = "https needs the feature aws-lc-rs or native-tls, or a Fetch of your own";
            faults.push(Fault::new("address", sentence));
        }
    }

    fn check_times(&self, faults: &mut Vec<Fault>) {
        if matches!(self.source, KeySource::Fixed(_)) {
            return;
        }
        let policy = &self.remote.policy;
        // One that is out of its own bounds has been told already.
        let stale_on_arrival =
            |ttl: &Duration| *ttl >= Duration::from_secs(1) && *ttl <= policy.fetch_timeout;
        if let Some(ttl) = policy.ttl.filter(stale_on_arrival) {
            let sentence = format!(
                "{ttl:?} is not longer than the fetch's time-out, {:?}: a set could be stale on arrival",
                policy.fetch_timeout
            );
            faults.push(Fault::new("key_ttl", sentence));
        }
    }

    fn metadata_urls(&self) -> Vec<String> {
        let issuer = self.identifiers.first().map_or("", |identifier| identifier);
        match &self.source {
            KeySource::Discover(Some(url)) => vec![url.clone()],
            _ => discovery::candidates(issuer),
        }
    }

    fn start_keys(&self, clock: &Arc<dyn Clock>, before: Option<&IssuerKeys>) -> IssuerKeys {
        let place = match &self.source {
            KeySource::Fixed(keys) => return IssuerKeys::Fixed(Arc::clone(keys)),
            KeySource::Jwks(url) => Place::Jwks(url.clone()),
            KeySource::Discover(_) => Place::Discover(self.metadata_urls()),
        };
        let issuer: Arc<str> = self.identifiers.first().cloned().unwrap_or_else(|| "".into());
        let config = RemoteConfig {
            metadata_issuer: self.remote.metadata_issuer.map_or_else(|| issuer.clone(), Into::into),
            issuer,
            tenants: self.remote.tenants.clone(),
            place,
            own_fetch: self.remote.fetch.clone(),
            http: HttpFetch::default(),
            policy: self.remote.policy.clone(),
            limits: self.remote.limits,
            store: self.remote.store.clone(),
            newcomers: self.remote.newcomers.clone(),
            proven: AtomicBool::new(false),
            allow_http: self.allow_http,
        };
        let clock = Arc::clone(clock);
        IssuerKeys::Remote(match before {
            Some(IssuerKeys::Remote(old)) => RemoteKeySet::after(old, config, clock),
            _ => RemoteKeySet::new(config, clock),
        })
    }
}

use super::{
    Expects,
    setup::{Issuer, KeySource, has_symmetric},
};
#[cfg(feature = "remote")]
use crate::keys::{
    Fetch, HttpFetch, RemoteKeySet, discovery, is_https, is_safe_url,
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

/// An issuer as the verifier runs it: checked, with its keys or the engine that fetches them.
pub(crate) struct TrustedIssuer {
    pub(crate) identifiers: Vec<Arc<str>>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) mapping: AuthorityMapping,
    pub(crate) typs: Vec<Box<str>>,
    pub(crate) expects: Expects,
    pub(crate) keys: IssuerKeys,
}

pub(crate) enum IssuerKeys {
    Fixed(Arc<KeySet>),
    #[cfg(feature = "remote")]
    Remote(RemoteKeySet),
}

impl TrustedIssuer {
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

    /// `algorithms` and `mapping` are the verifier's, for what this issuer says nothing of.
    pub(crate) fn trust(
        self,
        clock: &Arc<dyn Clock>,
        algorithms: Option<&[Algorithm]>,
        mapping: &AuthorityMapping,
    ) -> TrustedIssuer {
        if self.allow_http {
            observe::plain_http(self.identifiers.first().map_or("", |identifier| identifier));
        }
        let algorithms = self.algorithms.clone().or_else(|| algorithms.map(<[_]>::to_vec));
        TrustedIssuer {
            algorithms: algorithms.unwrap_or_else(|| Algorithm::ASYMMETRIC.to_vec()),
            keys: self.start_keys(clock),
            identifiers: self.identifiers,
            mapping: self.mapping.or(mapping).or(&AuthorityMapping::standard()),
            typs: self.typs,
            expects: self.expects,
        }
    }

    #[cfg(not(feature = "remote"))]
    fn start_keys(&self, _clock: &Arc<dyn Clock>) -> IssuerKeys {
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

    fn metadata_urls(&self) -> Vec<String> {
        let issuer = self.identifiers.first().map_or("", |identifier| identifier);
        match &self.source {
            KeySource::Discover(Some(url)) => vec![url.clone()],
            _ => discovery::candidates(issuer),
        }
    }

    fn start_keys(&self, clock: &Arc<dyn Clock>) -> IssuerKeys {
        let place = match &self.source {
            KeySource::Fixed(keys) => return IssuerKeys::Fixed(Arc::clone(keys)),
            KeySource::Jwks(url) => Place::Jwks(url.clone()),
            KeySource::Discover(_) => Place::Discover(self.metadata_urls()),
        };
        let default = || Arc::new(HttpFetch::default()) as Arc<dyn Fetch>;
        let issuer: Arc<str> = self.identifiers.first().cloned().unwrap_or_else(|| "".into());
        let config = RemoteConfig {
            metadata_issuer: self.remote.metadata_issuer.map_or_else(|| issuer.clone(), Into::into),
            issuer,
            place,
            fetch: self.remote.fetch.clone().unwrap_or_else(default),
            policy: self.remote.policy.clone(),
            allow_http: self.allow_http,
        };
        IssuerKeys::Remote(RemoteKeySet::new(config, Arc::clone(clock)))
    }
}

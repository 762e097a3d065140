use super::setup::{Issuer, KeySource, check_identifier};
use crate::{
    error::{ConfigError, Fault},
    keys::{Fetch, KeyStore, life::KeyPolicy, load::Limits, newcomers::Newcomers},
};
use http::Uri;
use std::{fmt, sync::Arc, time::Duration};

/// How a remote set is fetched.
#[derive(Clone, Default)]
pub(crate) struct Remote {
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    pub(crate) policy: KeyPolicy,
    /// The template of the tenants that it is one of.
    pub(crate) tenants: Option<Arc<str>>,
    /// What tenants share of whom no token has verified yet.
    pub(crate) newcomers: Option<Arc<Newcomers>>,
    pub(crate) limits: Limits,
    pub(crate) store: Option<Arc<dyn KeyStore>>,
    /// What the metadata calls its issuer, where that is not the first identifier.
    pub(super) metadata_issuer: Option<&'static str>,
}

/// Issuers whose keys are fetched.
impl Issuer {
    /// An issuer whose metadata says where its keys are: OpenID Connect Discovery, then RFC 8414 in both forms. The
    /// metadata's `issuer` must equal `issuer`, byte for byte.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `issuer` is no absolute `http(s)` URL without query and fragment (RFC 8414 section 2).
    pub fn discover(issuer: &str) -> Result<Self, ConfigError> {
        check_identifier_url(issuer)?;
        Ok(Self::with_source(issuer, KeySource::Discover(None)))
    }

    /// An issuer whose key set stands at a known address; no metadata is read.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `issuer` is empty or `jwks_uri` is no absolute `http(s)` URL.
    pub fn jwks(issuer: &str, jwks_uri: &str) -> Result<Self, ConfigError> {
        check_identifier(issuer)?;
        check_url("jwks_uri", jwks_uri)?;
        Ok(Self::with_source(issuer, KeySource::Jwks(jwks_uri.to_owned())))
    }
}

/// Where and how often keys are fetched.
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
        self.needs_fetching("fetch");
        self.remote.fetch = Some(Arc::new(fetch));
        self
    }

    /// Keeps the last good key set there, for a start while the issuer is down. Its age counts from the fetch, across
    /// restarts, and is held to [`max_stale`](Issuer::max_stale) as if the process had never ended; past that it is not
    /// used, and the issuer's state stays `never_loaded`. Default: nothing is kept.
    ///
    /// Nobody waits for the store: a set is written in the background after the verification or
    /// [`warm_up`](crate::Verifier::warm_up) that fetched it has returned, so a program that ends at once may have kept
    /// nothing. A store that fails costs the next cold start and nothing else: no request is refused for it. The WARN event
    /// `key store failed` says so; there is no metric.
    ///
    /// Whoever can write to the store can make any token until the issuer answers again; see
    /// [`FileStore`](crate::keys::FileStore).
    pub fn key_store(mut self, store: impl KeyStore) -> Self {
        self.needs_fetching("key_store");
        if let Some(Err(error)) = self.identifiers.first().map(|issuer| store.check(issuer)) {
            self.faults.push(Fault::new("key_store", error.to_string()));
        }
        self.remote.store = Some(Arc::new(store));
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

    /// When a busy service refreshes in the background, as a part of the time to live, moved by ±10 % so that a fleet does not
    /// fetch together; 0.1 to 0.9. Default: 0.8.
    pub fn key_refresh_at(mut self, part: f64) -> Self {
        self.check_range("key_refresh_at", part, 0.1, 0.9);
        self.remote.policy.refresh_at = part;
        self
    }

    /// The pause after a failed fetch, doubled by each further one up to the longest; 100 ms to 1 h. Default: 1 s to 60 s.
    pub fn key_back_off(mut self, first: Duration, longest: Duration) -> Self {
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(3600));
        self.check_range("key_back_off", first, least, most);
        self.check_range("key_back_off", longest, least, most);
        if first > longest {
            let sentence = format!("{first:?} is longer than {longest:?}");
            self.faults.push(Fault::new("key_back_off", sentence));
        }
        self.remote.policy.back_off = (first, longest);
        self
    }

    /// How long a request may wait for keys in all, and when a fetch counts as hung; 10 ms to 30 s. Default: 2 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.check_range("max_wait", wait, Duration::from_millis(10), Duration::from_secs(30));
        self.remote.policy.max_wait = wait;
        self
    }

    /// How many requests may wait for this issuer's keys at once; the rest is answered without them. 1 to 65 536.
    /// Default: 256.
    pub fn max_waiting(mut self, requests: usize) -> Self {
        self.check_range("max_waiting", requests, 1, 65_536);
        self.remote.policy.max_waiting = requests;
        self
    }

    /// The largest document that is taken, metadata or key set, in bytes after decompression; 1024 to 262 144. Default: 256 KiB.
    pub fn max_document_bytes(mut self, bytes: usize) -> Self {
        self.check_range("max_document_bytes", bytes, 1024, Limits::default().bytes);
        self.remote.limits.bytes = bytes;
        self
    }

    /// The most keys that a set may have, skipped ones included; 1 to 100. Default: 100.
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.check_range("max_keys", keys, 1, Limits::default().keys);
        self.remote.limits.keys = keys;
        self
    }

    fn check_range<T: PartialOrd + fmt::Debug>(
        &mut self,
        setting: &'static str,
        value: T,
        least: T,
        most: T,
    ) {
        self.needs_fetching(setting);
        self.faults.extend(Fault::unless_within(setting, value, least, most));
    }
}

/// RFC 8414 section 2: a URL without query and fragment.
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

pub(super) fn check_url(setting: &'static str, url: &str) -> Result<(), ConfigError> {
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

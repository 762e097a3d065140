//! One fetch from beginning to end: find the key set's address, get it, read it, and refuse what is no set to live by.

use super::{
    KeySet, discovery,
    driver::Gate,
    fetch::{Fetch, FetchError, FetchRequest, HttpFetch, MAX_BYTES},
    is_https, is_safe_url,
    life::KeyPolicy,
    set::MAX_KEYS,
    store::{KeptKeys, KeyStore},
};
use crate::observe;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// How much of a document is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: MAX_BYTES, keys: MAX_KEYS }
    }
}

/// Where and how to fetch.
pub(crate) struct RemoteConfig {
    pub(crate) issuer: Arc<str>,
    /// The template of the tenants that the issuer is one of.
    pub(crate) tenants: Option<Arc<str>>,
    /// What its metadata must call it: the same, or the template of an issuer with tenants, byte for byte.
    pub(crate) metadata_issuer: Arc<str>,
    pub(crate) place: Place,
    /// The user's own; `None` for [`HttpFetch`].
    pub(crate) own_fetch: Option<Arc<dyn Fetch>>,
    pub(crate) http: HttpFetch,
    pub(crate) policy: KeyPolicy,
    pub(crate) limits: Limits,
    /// Where tenants that nobody has proven yet have one bound for the fetches of all of them.
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) proven: AtomicBool,
    /// Where the last good set outlives this process.
    pub(crate) store: Option<Arc<dyn KeyStore>>,
    /// Whether an address may be plain `http` off loopback.
    pub(crate) allow_http: bool,
}

#[derive(PartialEq)]
pub(crate) enum Place {
    /// Metadata at the first of these that has some.
    Discover(Vec<String>),
    /// The key set itself.
    Jwks(String),
}

impl RemoteConfig {
    /// Who is told of, and under which name it is counted.
    pub(super) fn counted(&self) -> observe::Counted<'_> {
        observe::Counted { issuer: &self.issuer, label: self.tenants.as_deref().unwrap_or(&self.issuer) }
    }

    fn fetch(&self) -> &dyn Fetch {
        self.own_fetch.as_deref().unwrap_or(&self.http)
    }

    /// Whether a set fetched under the one is a set fetched under the other.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.metadata_issuer == other.metadata_issuer
            && self.place == other.place
            && self.allow_http == other.allow_http
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        is_same_arc(&self.own_fetch, &other.own_fetch)
            && is_same_arc(&self.store, &other.store)
            && self.is_same_place(other)
            && self.policy == other.policy
            && self.limits == other.limits
    }
}

fn is_same_arc<T: ?Sized>(ours: &Option<Arc<T>>, theirs: &Option<Arc<T>>) -> bool {
    match (ours, theirs) {
        (None, None) => true,
        (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
        _ => false,
    }
}

impl Place {
    /// Its first address: where the search begins, or the set itself.
    fn name(&self) -> &str {
        match self {
            Self::Discover(urls) => urls.first().map_or("", String::as_str),
            Self::Jwks(url) => url,
        }
    }

    fn is_https(&self) -> bool {
        match self {
            Self::Discover(urls) => urls.iter().all(|url| is_https(url)),
            Self::Jwks(url) => is_https(url),
        }
    }
}

/// What one fetch leaves for the next.
#[derive(Clone, Default)]
pub(crate) struct Trace {
    located: Option<Located>,
    etag: Option<String>,
    /// The document, where a store wants it.
    document: Option<Arc<[u8]>>,
}

/// A key set's address out of the metadata.
#[derive(Clone)]
struct Located {
    url: String,
    /// Monotonic time of the search.
    at: Duration,
}

/// How long a discovered address of a key set is used before the metadata is read again.
const RELOCATE_AFTER: Duration = Duration::from_secs(3600);

/// A fetch's result: the set (`None` for "not modified"), what the next one needs, and `max-age`.
pub(super) type FetchedKeys = (Option<KeySet>, Trace, Option<Duration>);

/// Runs the fetch; the caller bounds its time. `now` is monotonic.
pub(super) async fn fetch_keys(
    config: &RemoteConfig,
    trace: Trace,
    now: Duration,
) -> Result<FetchedKeys, FetchError> {
    let known = trace.located.filter(|located| now.saturating_sub(located.at) < RELOCATE_AFTER);
    // The old set's `ETag` means nothing at an address that is looked up anew.
    let etag = trace.etag.filter(|_| known.is_some());
    let located = match known {
        Some(located) => located,
        None => Located { url: locate(config).await?, at: now },
    };
    check_address(config, &located.url)?;
    let request = FetchRequest { max_bytes: config.limits.bytes, ..FetchRequest::new(&located.url, etag) };
    let fetched = config.fetch().fetch(&request).await?;
    let located = Some(located);
    let (keys, trace) = match fetched.body {
        // A new set without an `ETag` leaves none: the old one names what we hold no more.
        Some(body) => {
            let keys = read_keys(&body, config.limits)?;
            let document = config.store.is_some().then(|| body.into());
            (Some(keys), Trace { located, etag: fetched.etag, document })
        }
        None if request.etag.is_some() => {
            let etag = fetched.etag.or(request.etag);
            (None, Trace { located, etag, document: trace.document })
        }
        None => return Err(FetchError::Unusable("no document".into())),
    };
    Ok((keys, trace, fetched.max_age))
}

async fn locate(config: &RemoteConfig) -> Result<String, FetchError> {
    match &config.place {
        Place::Jwks(url) => Ok(url.clone()),
        Place::Discover(urls) => {
            discovery::locate(config.fetch(), &config.metadata_issuer, urls, config.limits.bytes).await
        }
    }
}

fn check_address(config: &RemoteConfig, url: &str) -> Result<(), FetchError> {
    if !is_safe_url(url, config.allow_http) {
        return Err(FetchError::Unusable("jwks_uri is neither https nor loopback".into()));
    }
    // Metadata that came over https has no business pointing into this machine.
    let downgraded = config.place.is_https() && !is_https(url);
    if downgraded && !config.allow_http {
        return Err(FetchError::Unusable("jwks_uri leaves https".into()));
    }
    Ok(())
}

/// A set that was kept, if it could have been fetched: from this issuer, from an address that is one of ours, and with a
/// usable key.
pub(super) fn read_kept(config: &RemoteConfig, kept: &KeptKeys) -> Result<(KeySet, Trace), FetchError> {
    let unusable = |words: &str| FetchError::Unusable(words.to_owned());
    if kept.issuer != *config.issuer {
        return Err(unusable("the kept set is another issuer's"));
    }
    let moved = matches!(&config.place, Place::Jwks(url) if *url != kept.jwks_uri);
    if moved || kept.place != config.place.name() {
        return Err(unusable("the kept set is from another address"));
    }
    check_address(config, &kept.jwks_uri)?;
    let keys = read_keys(&kept.document, config.limits)?;
    // Where the set is now, and whether it has changed, the first fetch finds out by itself.
    Ok((keys, Trace::default()))
}

/// What there is to keep of a good fetch.
pub(super) fn to_keep(config: &RemoteConfig, trace: &Trace, fetched_at: Duration) -> Option<KeptKeys> {
    let (located, document) = (trace.located.as_ref()?, trace.document.as_ref()?);
    let mut kept = KeptKeys::new(&*config.issuer, &*located.url, document.to_vec(), fetched_at);
    config.place.name().clone_into(&mut kept.place);
    kept.etag.clone_from(&trace.etag);
    Some(kept)
}

fn read_keys(body: &[u8], limits: Limits) -> Result<KeySet, FetchError> {
    if body.len() > limits.bytes {
        return Err(FetchError::TooLarge);
    }
    let keys = KeySet::from_json(body).map_err(|error| FetchError::Unusable(error.to_string()))?;
    if keys.len() + keys.skipped().len() > limits.keys {
        return Err(FetchError::Unusable(format!("more than {} keys", limits.keys)));
    }
    // A good set must never be replaced by nothing: the issuer's mistake would lock everyone out.
    if keys.is_empty() { Err(FetchError::Unusable("no usable key in the set".into())) } else { Ok(keys) }
}

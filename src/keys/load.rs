//! One fetch from beginning to end: find the key set's address, get it, read it, and refuse what is no set to live by.

use super::{
    KeySet, discovery,
    fetch::{Fetch, FetchError, FetchRequest, HttpFetch, MAX_BYTES},
    is_https, is_safe_url,
    life::KeyPolicy,
    newcomers::Newcomers,
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
    /// What tenants share of whom no token has verified yet.
    pub(crate) newcomers: Option<Arc<Newcomers>>,
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::future::Future;

    pub(in crate::keys) fn config(change: impl FnOnce(&mut RemoteConfig)) -> RemoteConfig {
        let mut config = RemoteConfig {
            issuer: "https://id.example.com".into(),
            tenants: None,
            metadata_issuer: "https://id.example.com".into(),
            place: Place::Jwks("https://id.example.com/jwks".into()),
            own_fetch: None,
            http: HttpFetch::default(),
            policy: KeyPolicy::default(),
            limits: Limits::default(),
            newcomers: None,
            proven: AtomicBool::new(false),
            store: None,
            allow_http: false,
        };
        change(&mut config);
        config
    }

    struct Nothing;

    impl Fetch for Nothing {
        fn fetch<'a>(&'a self, _: &'a FetchRequest) -> super::super::FetchFuture<'a> {
            Box::pin(async { Err(FetchError::TimedOut) })
        }
    }

    #[test]
    fn keys_go_on_only_where_place_and_terms_are_the_same() {
        let mine: Arc<dyn Fetch> = Arc::new(Nothing);
        let with = |fetch: &Arc<dyn Fetch>| config(|config| config.own_fetch = Some(Arc::clone(fetch)));
        assert!(config(|_| ()).is_same(&config(|_| ())));
        assert!(with(&mine).is_same(&with(&mine)));
        assert!(!with(&mine).is_same(&with(&(Arc::new(Nothing) as Arc<dyn Fetch>))));
        assert!(!with(&mine).is_same(&config(|_| ())) && !config(|_| ()).is_same(&with(&mine)));
        type Change = fn(&mut RemoteConfig);
        let changes: [(&str, bool, Change); 6] = [
            ("issuer", false, |config| config.issuer = "https://other.example.com".into()),
            ("metadata_issuer", false, |config| config.metadata_issuer = "https://other.example.com".into()),
            ("place", false, |config| config.place = Place::Jwks("https://id.example.com/keys".into())),
            ("allow_http", false, |config| config.allow_http = true),
            ("policy", true, |config| config.policy.cooldown = Duration::ZERO),
            ("limits", true, |config| config.limits.keys = 1),
        ];
        for (name, place, change) in changes {
            assert!(!config(change).is_same(&config(|_| ())), "{name}");
            assert_eq!(config(change).is_same_place(&config(|_| ())), place, "{name}");
        }
    }

    #[test]
    fn as_many_keys_as_the_limit_says_are_taken_and_no_more() {
        let key = |kid: &str| {
            let n = crate::json::encode_base64url(&[0xFF; 256]);
            format!(r#"{{"kty":"RSA","kid":"{kid}","n":"{n}","e":"AQAB"}}"#)
        };
        let two = format!(r#"{{"keys":[{},{}]}}"#, key("a"), key("b"));
        let read = |keys: usize, bytes: usize| read_keys(two.as_bytes(), Limits { bytes, keys });
        assert!(matches!(read(1, two.len()), Err(FetchError::Unusable(_))));
        assert!(read(2, two.len()).is_ok());
        assert_eq!(read(2, two.len() - 1).err(), Some(FetchError::TooLarge));
    }

    #[test]
    fn an_address_is_looked_up_anew_after_an_hour_to_the_second() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        struct Told(Arc<std::sync::Mutex<Vec<String>>>);
        impl Fetch for Told {
            fn fetch<'a>(&'a self, request: &'a FetchRequest) -> super::super::FetchFuture<'a> {
                assert_eq!(request.max_bytes, 77, "who fetches is told");
                self.0.lock().unwrap().push(request.url.clone());
                Box::pin(async { Err(FetchError::TimedOut) })
            }
        }
        let discovery = "https://id.example.com/.well-known/openid-configuration";
        let config = config(|config| {
            config.place = Place::Discover(vec![discovery.into()]);
            config.limits.bytes = 77;
            config.own_fetch = Some(Arc::new(Told(Arc::clone(&seen))));
        });
        let located = Located { url: "https://id.example.com/jwks".into(), at: Duration::ZERO };
        let trace = Trace { located: Some(located), ..Trace::default() };
        for (seconds, url) in [(3599, "https://id.example.com/jwks"), (3600, discovery)] {
            let mut fetch = std::pin::pin!(fetch_keys(&config, trace.clone(), Duration::from_secs(seconds)));
            let waker = std::task::Waker::noop();
            assert!(fetch.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready());
            assert_eq!(seen.lock().unwrap().pop().as_deref(), Some(url), "{seconds}");
        }
    }
}

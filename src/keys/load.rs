//! One fetch from beginning to end: find the key set's address, get it, read it, and refuse what is no set to live by.

use super::{
    KeySet, discovery,
    fetch::{Fetch, FetchError, FetchRequest, MAX_BYTES},
    is_https, is_safe_url,
    life::KeyPolicy,
};
use std::{sync::Arc, time::Duration};

/// Where and how to fetch.
pub(crate) struct RemoteConfig {
    pub(crate) issuer: Arc<str>,
    /// What its metadata must call it: the same, or the template of an issuer with tenants, byte for byte.
    pub(crate) metadata_issuer: Arc<str>,
    pub(crate) place: Place,
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) policy: KeyPolicy,
    /// Whether an address may be plain `http` off loopback.
    pub(crate) allow_http: bool,
}

pub(crate) enum Place {
    /// Metadata at the first of these that has some.
    Discover(Vec<String>),
    /// The key set itself.
    Jwks(String),
}

impl Place {
    fn is_https(&self) -> bool {
        match self {
            Self::Discover(urls) => urls.iter().all(|url| is_https(url)),
            Self::Jwks(url) => is_https(url),
        }
    }
}

/// A key set's address out of the metadata.
#[derive(Clone)]
pub(super) struct Located {
    pub(super) url: String,
    pub(super) at: Duration,
}

/// What one fetch needs to know of the last one.
pub(super) struct Plan {
    pub(super) flight: u64,
    /// Monotonic time of its begin.
    pub(super) at: Duration,
    pub(super) located: Option<Located>,
    pub(super) etag: Option<String>,
}

/// What one fetch brought.
pub(super) struct Outcome {
    /// `None` for "not modified".
    pub(super) keys: Option<KeySet>,
    pub(super) located: Option<Located>,
    pub(super) etag: Option<String>,
    pub(super) max_age: Option<Duration>,
}

/// Runs the fetch; the caller bounds its time.
pub(super) async fn fetch_keys(config: &RemoteConfig, plan: Plan) -> Result<Outcome, FetchError> {
    let now = plan.at;
    let (url, located) = match (&config.place, plan.located) {
        (Place::Jwks(url), _) => (url.clone(), Some(Located { url: url.clone(), at: now })),
        (Place::Discover(_), Some(located)) => (located.url.clone(), Some(located)),
        (Place::Discover(urls), None) => {
            let url = discovery::locate(&*config.fetch, &config.metadata_issuer, urls).await?;
            (url.clone(), Some(Located { url, at: now }))
        }
    };
    if !is_safe_url(&url, config.allow_http) {
        return Err(FetchError::Unusable("jwks_uri is neither https nor loopback".into()));
    }
    // Metadata that came over https has no business pointing into this machine.
    let downgraded = config.place.is_https() && !is_https(&url);
    if downgraded && !config.allow_http {
        return Err(FetchError::Unusable("jwks_uri leaves https".into()));
    }
    let request = FetchRequest::new(&url, plan.etag);
    let fetched = config.fetch.fetch(&request).await?;
    let max_age = fetched.max_age;
    match fetched.body {
        // A new set without an `ETag` leaves none: the old one names what we hold no more.
        Some(body) => Ok(Outcome { keys: Some(read_keys(&body)?), located, etag: fetched.etag, max_age }),
        None if request.etag.is_some() => {
            Ok(Outcome { keys: None, located, etag: fetched.etag.or(request.etag), max_age })
        }
        None => Err(FetchError::Unusable("no document".into())),
    }
}

fn read_keys(body: &[u8]) -> Result<KeySet, FetchError> {
    if body.len() > MAX_BYTES {
        return Err(FetchError::TooLarge);
    }
    let keys = KeySet::from_json(body).map_err(|error| FetchError::Unusable(error.to_string()))?;
    // A good set must never be replaced by nothing: the issuer's mistake would lock everyone out.
    if keys.is_empty() { Err(FetchError::Unusable("no usable key in the set".into())) } else { Ok(keys) }
}

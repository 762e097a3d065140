//! The transport: the only place that touches the network.

use crate::error::ConfigError;
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The largest document that is taken, after decompression.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// The future of a [`Fetch`].
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// How documents (metadata, key sets) are fetched; bring your own for another client, a proxy or a test.
///
/// The key engine around it holds every implementation to its time-out, refuses bodies of more than 256 KiB, and
/// begins no second fetch of one issuer beside the first (one that does not come back is given up, and aborted). Implementations should stop reading at `request.max_bytes`, must
/// not follow redirects, and should not retry.
pub trait Fetch: Send + Sync + 'static {
    /// Gets one document.
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a>;
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The address.
    pub url: String,
    /// Sent as `If-None-Match` when there is one.
    pub etag: Option<String>,
    /// More bytes than this are refused.
    pub max_bytes: usize,
}

/// What came back.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Fetched {
    /// The document; `None` for 304 Not Modified.
    pub body: Option<Vec<u8>>,
    /// The answer's `ETag`.
    pub etag: Option<String>,
    /// `max-age` of its `Cache-Control`, less `Age` (RFC 9111 section 4.2).
    pub max_age: Option<Duration>,
}

impl Fetched {
    /// A document.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..Self::default() }
    }
}

/// Why a fetch failed. Its text goes to the log and the status, never to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, no name, no TLS, or the transport's own error, in words.
    Transport(String),
    /// An answer other than 200 (or 304 where it was asked for).
    Status(u16),
    /// A redirect, which is never followed: it would let a stranger name our keys.
    Redirect,
    /// More than the limit.
    TooLarge,
    /// Longer than the time-out.
    TimedOut,
    /// Not what was asked for: no JSON, another issuer's metadata, a key set without one usable key.
    Unusable(String),
}

impl FetchRequest {
    pub(crate) fn new(url: &str, etag: Option<String>) -> Self {
        Self { url: url.to_owned(), etag, max_bytes: MAX_BYTES }
    }
}

impl FetchError {
    /// The kind of failure, from a fixed list, for counting.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Transport(_) => "transport",
            Self::Status(_) => "status",
            Self::Redirect => "redirect",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
            Self::Unusable(_) => "unusable",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(words) => write!(f, "transport: {words}"),
            Self::Status(code) => write!(f, "status {code}"),
            Self::Redirect => f.write_str("redirect refused"),
            Self::TooLarge => write!(f, "more than {MAX_BYTES} bytes"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Unusable(words) => write!(f, "unusable: {words}"),
        }
    }
}

impl Error for FetchError {}

/// [`Fetch`] over HTTP: no redirects, no compression, a fresh connection each time.
///
/// A fetch happens every few minutes: a pooled connection would be dead by then and cost the attempt.
/// `https` goes through the proxy that the environment names; plain `http` never does, because it is for loopback, and
/// a proxy would carry it off the machine.
///
/// A private CA, a client certificate, another proxy or shorter time-outs come with a client of your own:
///
/// - [`from_builder`](Self::from_builder) is the one to choose: it takes care of redirects and compression itself.
/// - [`with_client`](Self::with_client) is for a client that already exists, and can only refuse what came of them.
///
/// Both take the types of `reqwest` 0.13: `reqwest = { version = "0.13", default-features = false }` in your `Cargo.toml`;
/// TLS comes with this crate's `aws-lc-rs` or `native-tls`. With another version the compiler says *expected
/// `ClientBuilder`, found a different `ClientBuilder`*.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use reqwest::{Certificate, Client};
/// use tower_bearer::{Issuer, keys::HttpFetch};
///
/// fn trusted() -> Result<Issuer, Box<dyn std::error::Error>> {
///     let ca = Certificate::from_pem_bundle(&std::fs::read("ca.pem")?)?;
///     let builder = Client::builder().tls_certs_only(ca); // these and no others
///     Ok(Issuer::discover("https://id.internal.example")?.fetch(HttpFetch::from_builder(builder)?))
/// }
/// # }
/// ```
///
/// A file without a certificate in it is no error here: the bundle is empty, such a client trusts nobody, and each fetch
/// fails, as the WARN event `key refresh failed` and [`Verifier::status`](crate::Verifier::status) tell. Look at
/// `ca.is_empty()` where a file may be the wrong one.
#[derive(Clone, Default)]
pub struct HttpFetch {
    clients: Clients,
}

#[derive(Clone)]
enum Clients {
    Ours(Arc<Pair>),
    Yours(reqwest::Client),
}

/// Made at the first fetch, because they read the system's certificates and `build()` does no I/O.
#[derive(Default)]
struct Pair {
    https: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
}

impl Default for Clients {
    fn default() -> Self {
        Self::Ours(Arc::default())
    }
}

impl HttpFetch {
    /// Fetches with a client that this builder makes. Redirects, decompression and idle connections are turned off,
    /// whatever it said of them; CA, client certificate, proxy, time-outs and headers are the builder's. So is plain
    /// `http` through its proxy, where an address is plain `http`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for `fetch` where no client can be made of it.
    pub fn from_builder(builder: reqwest::ClientBuilder) -> Result<Self, ConfigError> {
        let made = tame(builder).build();
        made.map(Self::with_client).map_err(|error| ConfigError::new("fetch", chain(&error.without_url())))
    }

    /// Fetches with that client, as it is.
    ///
    /// A client cannot be asked whether it follows redirects or decompresses. An answer from another address than the
    /// one that was asked is [`FetchError::Redirect`], and its body is not read; but the client has gone there by then.
    /// The limit of 256 KiB is counted after decompression, and reading ends where it is passed.
    pub fn with_client(client: reqwest::Client) -> Self {
        Self { clients: Clients::Yours(client) }
    }

    fn client(&self, url: &str) -> Result<&reqwest::Client, FetchError> {
        let pair = match &self.clients {
            Clients::Ours(pair) => pair,
            Clients::Yours(client) => return Ok(client),
        };
        let https = super::is_https(url);
        let slot = if https { &pair.https } else { &pair.plain };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        // A failure is not kept: the certificates may be there at the next attempt.
        let made = make_client(https).map_err(|error| FetchError::Transport(chain(&error)))?;
        Ok(slot.get_or_init(|| made))
    }

    async fn get(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let client = self.client(&request.url)?;
        let mut get = client.get(&request.url).header(http::header::ACCEPT, "application/json");
        if let Some(etag) = &request.etag {
            get = get.header(http::header::IF_NONE_MATCH, etag);
        }
        let get = get.build().map_err(transport)?;
        let asked = get.url().clone();
        let mut response = client.execute(get).await.map_err(transport)?;
        if !is_same_place(asked, response.url().clone()) {
            return Err(FetchError::Redirect);
        }
        let modified = check_status(response.status(), request)?;
        let mut fetched = read_head(response.headers());
        if !modified {
            return Ok(fetched);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > request.max_bytes {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        fetched.body = Some(body);
        Ok(fetched)
    }
}

impl Fetch for HttpFetch {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        Box::pin(self.get(request))
    }
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpFetch")
    }
}

/// Both as `reqwest` normalised them. What stands behind `#` is never sent.
fn is_same_place(mut asked: reqwest::Url, mut answered: reqwest::Url) -> bool {
    asked.set_fragment(None);
    answered.set_fragment(None);
    asked == answered
}

fn transport(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::TimedOut;
    }
    FetchError::Transport(chain(&error.without_url()))
}

/// What no client of ours may do: go where it is sent, or unpack what it gets.
fn tame(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
}

fn make_client(https: bool) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder();
    let client = if https { client.https_only(true) } else { client.no_proxy() };
    tame(client).user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"))).build()
}

/// Whether there is a body to read.
fn check_status(status: http::StatusCode, request: &FetchRequest) -> Result<bool, FetchError> {
    match status {
        http::StatusCode::OK => Ok(true),
        http::StatusCode::NOT_MODIFIED if request.etag.is_some() => Ok(false),
        status if status.is_redirection() => Err(FetchError::Redirect),
        status => Err(FetchError::Status(status.as_u16())),
    }
}

fn read_head(headers: &http::HeaderMap) -> Fetched {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let age = text(http::header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let max_age = text(http::header::CACHE_CONTROL).and_then(max_age);
    Fetched {
        body: None,
        etag: text(http::header::ETAG).map(str::to_owned),
        max_age: max_age.map(|max| Duration::from_secs(max.saturating_sub(age))),
    }
}

/// RFC 9111 section 5.2.2: `no-store` and `no-cache` are an age of nothing, which the key engine bounds below.
fn max_age(cache_control: &str) -> Option<u64> {
    let mut directives = cache_control.split(',').map(|part| part.trim().to_ascii_lowercase());
    directives.find_map(|directive| match directive.as_str() {
        "no-store" | "no-cache" => Some(0),
        other => other.strip_prefix("max-age=")?.trim_matches('"').parse().ok(),
    })
}

/// `reqwest` says only "error sending request"; the cause is further down.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_is_read_as_rfc_9111_writes_it() {
        for (text, expected) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=300, must-revalidate", Some(300)),
            ("max-age=\"300\"", Some(300)),
            ("no-cache, max-age=300", Some(0)),
            ("no-store", Some(0)),
            ("s-maxage=300", None),
            ("max-age=-1", None),
            ("max-age=99999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(max_age(text), expected, "{text}");
        }
    }

    #[test]
    fn age_is_taken_off_and_never_below_nothing() {
        let mut headers = http::HeaderMap::new();
        headers.insert("cache-control", "max-age=300".parse().unwrap());
        headers.insert("age", "100".parse().unwrap());
        assert_eq!(read_head(&headers).max_age, Some(Duration::from_secs(200)));
        headers.insert("age", "500".parse().unwrap());
        assert_eq!(read_head(&headers).max_age, Some(Duration::ZERO));
    }

    #[test]
    fn only_200_has_a_body_and_304_only_when_asked_for() {
        let plain = FetchRequest::new("http://127.0.0.1/", None);
        let conditional = FetchRequest::new("http://127.0.0.1/", Some("\"a\"".into()));
        let check = |code: u16, request| check_status(http::StatusCode::from_u16(code).unwrap(), request);
        assert_eq!(check(200, &plain), Ok(true));
        assert_eq!(check(304, &conditional), Ok(false));
        assert_eq!(check(304, &plain), Err(FetchError::Redirect));
        assert_eq!(check(302, &plain), Err(FetchError::Redirect));
        assert_eq!(check(204, &plain), Err(FetchError::Status(204)));
        assert_eq!(check(503, &plain), Err(FetchError::Status(503)));
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no number")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = Outer("x".parse::<u8>().unwrap_err());
        assert_eq!(chain(&error), "no number: invalid digit found in string");
    }
}

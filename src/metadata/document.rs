use super::scopes;
use crate::policy::Policy;
use arc_swap::ArcSwap;
use axum::{
    Router,
    body::{Body, Bytes},
};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    },
};
use serde_json::Value;
use std::{
    borrow::Borrow,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A resource's metadata document, its address, and the service that answers with it. Made by
/// [`ProtectedResource`](super::ProtectedResource).
///
/// As a service it knows nothing of paths: put it at [`path`](ResourceMetadata::path), as
/// [`router`](ResourceMetadata::router) does. A clone costs one reference count.
#[derive(Clone)]
pub struct ResourceMetadata {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    /// Where in `url` the path begins.
    path_at: usize,
    served: ArcSwap<Served>,
}

/// What clients get at present.
struct Served {
    document: Value,
    text: Bytes,
}

impl Served {
    fn new(document: Value) -> Self {
        let text = document.to_string().into();
        Self { document, text }
    }
}

impl ResourceMetadata {
    pub(super) fn new(url: String, path_at: usize, document: Value) -> Self {
        let served = ArcSwap::from_pointee(Served::new(document));
        Self { inner: Arc::new(Inner { url, path_at, served }) }
    }

    /// Lists the scopes of these policies as `scopes_supported`, in the place of those that it had, for every clone: after
    /// a [`reload`](crate::policy::LivePolicies::reload) of the policies, with those of the new
    /// [`table`](crate::guard::GuardedRouter::table).
    pub fn replace_policies(&self, policies: impl IntoIterator<Item = impl Borrow<Policy>>) {
        let mut document = self.to_json();
        if let Some(members) = document.as_object_mut() {
            scopes::list(members, &scopes::of(policies));
        }
        self.inner.served.store(Arc::new(Served::new(document)));
    }

    /// Where clients find it: for [`AuthenticateLayer::resource_metadata`](crate::AuthenticateLayer::resource_metadata),
    /// which names it in every 401 and 403 (RFC 9728 section 5.1).
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The path of [`url`](ResourceMetadata::url), from the host's root.
    pub fn path(&self) -> &str {
        self.inner.url.get(self.inner.path_at..).unwrap_or_default()
    }

    /// The document (RFC 9728 section 2).
    pub fn to_json(&self) -> Value {
        self.inner.served.load().document.clone()
    }

    /// A router with the well-known route alone, to be merged into the application's outermost one. Where a segment of the
    /// identifier begins with `:` or `*`, that one has to be told
    /// [`without_v07_checks`](Router::without_v07_checks), or axum panics.
    ///
    /// A `GuardedRouter` can take it with a line in its table instead:
    /// `.route_service(metadata.path(), public("read before there is a token"), metadata.clone())`.
    pub fn router<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        // A segment of a URL may begin with `:` or `*`; axum's own signs are `{` and `}`, which no URL has.
        Router::new().without_v07_checks().route_service(self.path(), self.clone())
    }

    fn answer(&self, method: &Method) -> Response<Body> {
        let text = self.inner.served.load().text.clone();
        let length = text.len();
        let (status, body) = match *method {
            Method::GET => (StatusCode::OK, Body::from(text)),
            Method::HEAD => (StatusCode::OK, Body::empty()),
            Method::OPTIONS => (StatusCode::NO_CONTENT, Body::empty()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, Body::empty()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let mut say = |name: HeaderName, value: &'static str| {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        };
        // It is public, and asked for by clients that run in a browser and have no token yet.
        say(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        match status {
            StatusCode::OK => {
                say(CONTENT_TYPE, "application/json");
                say(CACHE_CONTROL, "public, max-age=600");
                let length = HeaderValue::from(length);
                response.headers_mut().insert(CONTENT_LENGTH, length);
            }
            StatusCode::NO_CONTENT => {
                say(ALLOW, METHODS);
                say(ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD");
                // Clients of the Model Context Protocol send a header of their own, which makes a browser ask.
                say(ACCESS_CONTROL_ALLOW_HEADERS, "*");
                say(ACCESS_CONTROL_MAX_AGE, "600");
            }
            _ => say(ALLOW, METHODS),
        }
        response
    }
}

const METHODS: &str = "GET, HEAD, OPTIONS";

impl<B> Service<Request<B>> for ResourceMetadata {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

/// Shows the address and the document: both are public.
impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadata")
            .field("url", &self.inner.url)
            .field("document", &self.inner.served.load().document)
            .finish()
    }
}

//! Handlers that say that they ran, and an issuer whose tokens the guarded routers know.

use axum::{Router, body::Body, extract::Request, response::IntoResponse, response::Response};
use http::{HeaderMap, Method, header::AUTHORIZATION};
use http_body_util::BodyExt as _;
use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tower::{Service, ServiceExt as _};
use tower_bearer::{AuthenticateLayer, guard::GuardedRouter, testing::TestIssuer};

/// The handlers that ran, by name.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<Vec<String>>>);

impl Runs {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn note(&self, name: &str) -> Response {
        self.0.lock().unwrap().push(name.to_owned());
        ([("x-handler", name.to_owned())], name.to_owned()).into_response()
    }

    /// A handler of that name.
    pub(crate) fn handler(&self, name: &str) -> impl Fn() -> Ready<Response> + Clone + Send + Sync + 'static {
        let (runs, name) = (self.clone(), name.to_owned());
        move || ready(runs.note(&name))
    }

    /// A service of that name.
    pub(crate) fn service(&self, name: &str) -> Named {
        Named { runs: self.clone(), name: name.to_owned() }
    }
}

#[derive(Clone)]
pub(crate) struct Named {
    runs: Runs,
    name: String,
}

impl Service<Request> for Named {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Ok(self.runs.note(&self.name)))
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn challenge(&self) -> &str {
        self.header("www-authenticate")
    }

    /// The methods of `Allow`; `None` without one.
    pub(crate) fn allow(&self) -> Option<BTreeSet<String>> {
        let allow = self.headers.get("allow")?.to_str().unwrap();
        assert_eq!(self.headers.get_all("allow").iter().count(), 1);
        Some(allow.split(',').filter(|name| !name.is_empty()).map(|name| name.trim().to_owned()).collect())
    }
}

pub(crate) fn methods(names: &[&str]) -> Option<BTreeSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

pub(crate) struct Caller {
    issuer: TestIssuer,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self { issuer: TestIssuer::new() }
    }

    pub(crate) fn layer(&self) -> AuthenticateLayer {
        AuthenticateLayer::new(self.issuer.verifier().build().unwrap())
    }

    pub(crate) fn issuer(&self) -> &TestIssuer {
        &self.issuer
    }

    pub(crate) fn serve(&self, routes: GuardedRouter) -> Router {
        routes.into_router(self.layer())
    }

    pub(crate) fn token(&self, scope: &str) -> String {
        format!("Bearer {}", self.issuer.token().subject("alice").scope(scope).sign())
    }

    pub(crate) fn expired(&self, scope: &str) -> String {
        format!("Bearer {}", self.issuer.token().scope(scope).expired().sign())
    }
}

pub(crate) fn request(method: &str, uri: &str, credentials: Option<&str>) -> Request {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    if let Some(credentials) = credentials {
        request.headers_mut().insert(AUTHORIZATION, credentials.parse().unwrap());
    }
    request
}

pub(crate) async fn send(app: &Router, request: Request) -> Answer {
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

pub(crate) async fn ask(app: &Router, method: &str, uri: &str, credentials: Option<&str>) -> Answer {
    send(app, request(method, uri, credentials)).await
}

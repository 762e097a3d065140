//! The verification rules, one by one and through the real thing: what each refuses, and the neighbour that it lets
//! pass. A test's name bears the id of its rule; `tests/rule_ids.rs` lists the ids without a test.

#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod algorithms;
mod claims;
mod expects;
mod header;
mod intake;
mod issuers;
mod key_rules;
mod keys;
mod secrets;
mod strict;
mod wiring;

use axum::{Router, body::Body, http::Request, response::Response, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Issuer, Verifier,
    error::Reason,
    keys::{Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    testing::{AUDIENCE, TestIssuer},
    verify::VerifierBuilder,
};

/// The identifier of `TestIssuer::new`.
pub(crate) const ISSUER: &str = "https://issuer.test";
/// Where its frozen clock stands.
pub(crate) const NOW: u64 = 1_767_225_600;

/// Why the token is refused; `None` if it passes.
pub(crate) async fn refusal<T>(verifier: &Verifier<T>, token: &str) -> Option<Reason>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    verifier.verify(token).await.err().map(|error| error.reason())
}

/// A verifier that trusts the issuer alone, and one that has to choose it among two: they read `iss` on different ways.
pub(crate) fn alone_and_among_others(issuer: &TestIssuer) -> [Verifier; 2] {
    let other = TestIssuer::named("https://other.test");
    [issuer.verifier().build().unwrap(), issuer.verifier().issuer(other.issuer()).build().unwrap()]
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Header, payload, signature.
pub(crate) fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// A token signed with a secret.
pub(crate) fn hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let algorithm = match header["alg"].as_str().unwrap() {
        "HS256" => jsonwebtoken::Algorithm::HS256,
        "HS384" => jsonwebtoken::Algorithm::HS384,
        _ => jsonwebtoken::Algorithm::HS512,
    };
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let key = jsonwebtoken::EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// A transport that serves whatever set a test puts there, and notes what it was asked for.
#[derive(Clone)]
pub(crate) struct Served {
    set: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Served {
    pub(crate) fn new(set: Value) -> Self {
        Self { set: Arc::new(Mutex::new(set)), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A verifier for `ISSUER`'s tokens with this set for its keys, on the clock of `issuer`.
    pub(crate) fn verifier(&self, issuer: &TestIssuer) -> VerifierBuilder {
        let trusted = Issuer::jwks(ISSUER, "https://issuer.test/keys").unwrap().fetch(self.clone());
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock())
    }
}

impl Fetch for Served {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        self.asked.lock().unwrap().push(request.url.clone());
        let answer = match self.set.lock().unwrap().clone() {
            Value::Null => Err(FetchError::Status(503)),
            set => Ok(Fetched::new(set.to_string())),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// One route behind the layer.
pub(crate) fn app<T>(layer: AuthenticateLayer<T>) -> Router
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    Router::new().route("/", get(|| async { "in" })).layer(layer)
}

/// What a client sees, and what the operator's log would say.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    pub(crate) reason: Option<Reason>,
    pub(crate) response: Response,
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let challenge = response.headers().get("www-authenticate");
    Answer {
        status: response.status().as_u16(),
        challenge: challenge.map(|value| value.to_str().unwrap().to_owned()),
        reason: response.extensions().get::<AuthError>().map(AuthError::reason),
        response,
    }
}

/// A request with these headers.
pub(crate) fn request<V: AsRef<[u8]>>(headers: &[(&str, V)]) -> Request<Body> {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, value.as_ref());
    }
    request.body(Body::empty()).unwrap()
}

pub(crate) fn bearer(token: &str) -> Request<Body> {
    request(&[("authorization", format!("Bearer {token}"))])
}

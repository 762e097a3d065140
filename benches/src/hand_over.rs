//! The least that a known caller costs in two layers: a map that never changes, from the token to its claims, and the two
//! entries in the request's extensions that handlers and policies read. Nothing is verified, no clock read, no set of keys
//! asked, nothing bounded, nothing counted, no policy decided. What this crate takes more is for that.

use crate::{http::Nothing, tokens::Staff, wait};
use axum::{
    Extension, Router,
    body::Body,
    http::{Request, header::AUTHORIZATION},
    routing::get,
};
use std::{
    collections::HashMap,
    hint::black_box,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};
use tower_bearer::{Claims, Verifier, claims::Principal};

type End = [u8; 16];

/// Tokens by their ends, each with all of it to be compared with.
type Known = Arc<HashMap<End, (String, Claims<Staff>)>>;

#[derive(Clone)]
struct HandOver {
    known: Known,
}

#[derive(Clone)]
struct HandingOver<S> {
    inner: S,
    known: Known,
}

impl<S> Layer<S> for HandOver {
    type Service = HandingOver<S>;

    fn layer(&self, inner: S) -> HandingOver<S> {
        HandingOver { inner, known: Arc::clone(&self.known) }
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for HandingOver<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let claims = claims_of(&self.known, &request).expect("a token that is known").clone();
        request.extensions_mut().insert(claims.principal().clone());
        request.extensions_mut().insert(claims);
        self.inner.call(request)
    }
}

fn claims_of<'a>(known: &'a Known, request: &Request<Body>) -> Option<&'a Claims<Staff>> {
    let token = request.headers().get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?;
    let (text, claims) = known.get(token.last_chunk()?)?;
    (text.as_bytes() == token).then_some(claims)
}

/// Where a policy would be asked.
async fn handed(
    Extension(caller): Extension<Principal>,
    Extension(claims): Extension<Claims<Staff>>,
) -> &'static str {
    black_box((caller.issuer().len(), &claims.preferred_username));
    "orders"
}

/// The route behind both.
pub fn app(verifier: &Verifier<Staff>, tokens: &[String]) -> Router {
    let known = tokens.iter().map(|token| {
        let claims = wait::now(verifier.verify(token)).expect("a good token");
        let end = token.as_bytes().last_chunk().expect("a token is longer");
        (*end, (token.clone(), claims))
    });
    let layer = HandOver { known: Arc::new(known.collect()) };
    Router::new().route("/orders", get(handed).route_layer(Nothing)).layer(layer)
}

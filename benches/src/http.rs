//! Requests to a router in process, and layers that do nothing.

use crate::{tokens::Ring, wait};
use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, Uri, header::AUTHORIZATION},
};
use std::{
    convert::Infallible,
    hint::black_box,
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt};

/// Sends tokens in turn to one service, cloned for each request as a server does.
#[derive(Clone)]
pub struct Caller<S> {
    app: S,
    uri: Uri,
    headers: Ring<HeaderValue>,
}

impl<S> Caller<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    pub fn new(app: S, tokens: &[String]) -> Self {
        let header = |token: &String| HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
        Self {
            app,
            uri: Uri::from_static("/orders"),
            headers: Ring::new(tokens.iter().map(header).collect()),
        }
    }

    /// One request, from its making to its answer's end.
    pub fn call(&mut self) -> StatusCode {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        let header = self.headers.turn();
        // A server has just read it: every line of it is in the cache.
        black_box(header.as_bytes().iter().step_by(64).fold(0, |sum, byte| sum ^ byte));
        request.headers_mut().insert(AUTHORIZATION, header.clone());
        let Ok(response) = wait::now(self.app.clone().oneshot(request));
        response.status()
    }

    /// Each token once, so that it is known.
    pub fn warm(mut self) -> Self {
        for _ in 0..self.headers.len() {
            assert_eq!(self.call(), StatusCode::OK, "a good token");
        }
        self
    }

    /// How many take turns.
    pub fn tokens(&self) -> u64 {
        self.headers.len() as u64
    }

    /// Begins half-way, so that two callers do not walk side by side.
    pub fn half_way(mut self) -> Self {
        self.headers.skip_half();
        self
    }
}

/// A layer that hands everything on: what any layer costs in this place.
#[derive(Clone, Copy)]
pub struct Nothing;

impl<S> Layer<S> for Nothing {
    type Service = Passing<S>;

    fn layer(&self, inner: S) -> Passing<S> {
        Passing(inner)
    }
}

#[derive(Clone)]
pub struct Passing<S>(S);

impl<S: Service<R>, R> Service<R> for Passing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

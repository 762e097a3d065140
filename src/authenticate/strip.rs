//! Takes the token off requests that nobody authenticates: those of public routes, where the layer around the others strips.

use crate::token::TokenSources;
use http::Request;
use std::task::{Context, Poll};
use tower_service::Service;

#[derive(Clone)]
pub(crate) struct Strip<S> {
    inner: S,
    sources: TokenSources,
}

impl<S> Strip<S> {
    pub(crate) fn new(inner: S, sources: TokenSources) -> Self {
        Self { inner, sources }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Strip<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.sources.strip(request.headers_mut());
        self.inner.call(request)
    }
}

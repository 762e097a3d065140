use super::ResponseFuture;
use crate::{
    audit::{DecisionRecord, Observers},
    claims::Principal,
    error::AuthError,
    observe,
    policy::{Decision, Policy},
};
use http::{Extensions, Request, Response};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service that [`AuthorizeLayer`](super::AuthorizeLayer) makes.
#[derive(Debug, Clone)]
pub struct Authorize<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S> Authorize<S> {
    pub(super) fn new(inner: S, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// The decision, from what the request carries.
fn decide(policy: &Policy, extensions: &Extensions) -> Result<(), AuthError> {
    let forgotten =
        format_args!("AuthenticateLayer around the policy `{policy}`: add it outside of this route");
    let (principal, observed) = Principal::look_observed(extensions, observe::Layer::Authorize, forgotten)?;
    let decided = match policy.decide(principal) {
        Decision::Allow => {
            observe::permitted();
            Ok(())
        }
        Decision::Deny(denial) => Err(observe::denied(AuthError::from(denial), policy)),
    };
    if observed {
        tell(policy, principal, decided.as_ref().err(), extensions);
    }
    decided
}

/// Out of the way of requests that nobody observes.
#[cold]
fn tell(policy: &Policy, principal: Option<&Principal>, error: Option<&AuthError>, extensions: &Extensions) {
    if let Some(observers) = extensions.get::<Observers>() {
        observers.tell(|| DecisionRecord::by_policy(policy, principal, error).on(extensions));
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Authorize<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match decide(&self.policy, request.extensions()) {
            Ok(()) => ResponseFuture::called(self.inner.call(request)),
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

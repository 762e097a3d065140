#[cfg(feature = "axum")]
use super::listeners::listeners;
use super::{ResponseFuture, report::report};
#[cfg(feature = "axum")]
use crate::{audit::Stage, error::Reason, policy::NamedPolicy};
use crate::{
    audit::{DecisionRecord, Observers},
    claims::{Principal, Verdict},
    error::AuthError,
    observe,
    policy::{Decision, InForce, Policy, Ruled},
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
    rule: Rule,
}

/// Where the policy is found.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Fixed(Arc<InForce>),
    #[cfg(feature = "axum")]
    Named(Arc<NamedPolicy>),
}

impl<S> Authorize<S> {
    pub(super) fn new(inner: S, rule: Rule) -> Self {
        Self { inner, rule }
    }

    /// With the policy that its name stands for when a request comes.
    #[cfg(feature = "axum")]
    pub(crate) fn by_name(inner: S, named: Arc<NamedPolicy>) -> Self {
        Self::new(inner, Rule::Named(named))
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

impl Rule {
    /// One look at what is in force, so that a reload has happened for the whole of a request or for nothing of it.
    fn decide(&self, extensions: &mut Extensions) -> Result<(), AuthError> {
        match self {
            Self::Fixed(in_force) => decide(in_force, extensions),
            #[cfg(feature = "axum")]
            Self::Named(named) => named.ask(|in_force| match in_force {
                Some(in_force) => decide(in_force, extensions),
                None => Err(missing(named, extensions)),
            }),
        }
    }
}

/// Nobody said what the name stands for, so it stands for nobody.
#[cfg(feature = "axum")]
fn missing(named: &NamedPolicy, extensions: &Extensions) -> AuthError {
    let name = named.name();
    let forgotten =
        format_args!("the policies that have {name:?}: give them to `GuardedRouter::with_policies`");
    let error = observe::miswired(observe::Layer::Authorize, Reason::PolicyMissing, forgotten);
    if let Some((observers, _)) = listeners(extensions) {
        observers.tell(|| DecisionRecord::refused(Stage::Authorize, &error).on(extensions));
    }
    // Or it would be heard once more on its way out.
    error.told()
}

/// The decision, from what the request carries.
fn decide(in_force: &InForce, extensions: &mut Extensions) -> Result<(), AuthError> {
    let policy = &in_force.policy;
    let forgotten =
        format_args!("AuthenticateLayer around the policy `{policy}`: add it outside of this route");
    let (principal, observed) = Principal::look_observed(extensions, observe::Layer::Authorize, forgotten)?;
    let decided = match policy.decide(principal) {
        Decision::Allow => {
            observe::permitted();
            report(in_force, principal);
            Ok(())
        }
        Decision::Deny(denial) => Err(observe::denied(AuthError::from(denial), policy)),
    };
    if observed {
        tell(policy, principal, decided.as_ref().err(), extensions);
    }
    if !in_force.rules.is_empty() && decided.is_ok() {
        grant(&in_force.rules, extensions);
    }
    decided
}

/// Writes down for the handlers which of the policy's rules the caller meets.
fn grant(rules: &[Ruled], extensions: &mut Extensions) {
    if let Some(verdict) = extensions.get_mut::<Verdict>() {
        let caller = verdict.caller();
        let permits: Vec<_> = rules.iter().filter_map(|rule| rule.permit(caller)).collect();
        verdict.grant(permits);
    }
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.rule.decide(request.extensions_mut()) {
            Ok(()) => ResponseFuture::called(self.inner.call(request)),
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

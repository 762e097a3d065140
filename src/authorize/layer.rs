use super::{Authorize, service::Rule};
use crate::{
    observe,
    policy::{InForce, Policy},
};
use std::sync::Arc;
use tower_layer::Layer;

/// Lets a request through if its caller meets a policy; else 403 with the scopes that are needed, or 401 if there is
/// no caller.
///
/// On an axum method router use `route_layer`: `layer` would also wrap the 405 fallback, and `DELETE` on a path with a
/// guarded `GET` would be answered by that policy. Where the method router has an `any` beside other methods, put the policy on
/// that handler itself, `any(handler.layer(require(policy)))`: axum counts it as a fallback, and `route_layer` leaves it out.
/// A `GuardedRouter` knows of both.
#[derive(Debug, Clone)]
pub struct AuthorizeLayer {
    in_force: Arc<InForce>,
}

/// The short way to an [`AuthorizeLayer`]: `.route_layer(require(scope("orders:read")))`.
pub fn require(policy: Policy) -> AuthorizeLayer {
    AuthorizeLayer::new(policy)
}

impl AuthorizeLayer {
    /// A layer that requires this policy.
    pub fn new(policy: Policy) -> Self {
        Self { in_force: Arc::new(InForce::from(policy)) }
    }

    /// Lets a second, tighter policy look on: what it would have refused of the requests that the first lets through is
    /// told and counted, and nothing else.
    ///
    /// It is asked only where the required policy has allowed, and what it says is no part of the answer: a request
    /// fares exactly as it would without. Not even a [`check`](crate::policy::check) in it that panics changes that,
    /// where panics unwind; it counts as a refusal. The required policy alone is named in challenges.
    ///
    /// The event `policy reports only` (WARN) is told here, once. Then `policy would deny` for each request that would
    /// have been refused, and the metric `tower_bearer_report_only_total` for each that was asked about. Default: none;
    /// a second call takes the first one's place.
    ///
    /// ```
    /// use tower_bearer::{policy::{role, scope}, require};
    ///
    /// let layer = require(scope("orders:write")).reporting(scope("orders:write") & role("clerk"));
    /// assert_eq!(layer.policy(), &scope("orders:write"));
    /// assert!(layer.report_only().is_some());
    /// ```
    #[must_use = "the layer that comes out reports, and not the one that went in"]
    pub fn reporting(self, tighter: Policy) -> Self {
        let policy = self.policy().clone();
        observe::reports_only(None, &policy, &tighter);
        Self { in_force: Arc::new(InForce::new(policy, Some(tighter))) }
    }

    /// The policy that is required.
    pub fn policy(&self) -> &Policy {
        &self.in_force.policy
    }

    /// The policy that only reports.
    pub fn report_only(&self) -> Option<&Policy> {
        self.in_force.report_only.as_ref()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn in_force(&self) -> &Arc<InForce> {
        &self.in_force
    }
}

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorize::new(inner, Rule::Fixed(Arc::clone(&self.in_force)))
    }
}

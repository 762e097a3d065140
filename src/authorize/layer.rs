use super::Authorize;
use crate::policy::Policy;
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
    policy: Arc<Policy>,
}

/// The short way to an [`AuthorizeLayer`]: `.route_layer(require(scope("orders:read")))`.
pub fn require(policy: Policy) -> AuthorizeLayer {
    AuthorizeLayer::new(policy)
}

impl AuthorizeLayer {
    /// A layer that requires this policy.
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy) }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorize::new(inner, Arc::clone(&self.policy))
    }
}

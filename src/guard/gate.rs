//! What stands before a handler: the policy from the start, the authentication once `into_router` knows it.

use crate::{
    authenticate::AuthenticateLayer,
    authorize::{Authorize, AuthorizeLayer},
    challenge::Render,
    policy::{Policy, Standing},
};
use axum::{
    body::Body,
    extract::Request,
    response::Response,
    routing::{MethodRouter, Route},
};
use serde::de::DeserializeOwned;
use std::{convert::Infallible, fmt, sync::Arc};
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

type Guarded = BoxCloneSyncService<Request, Response, Infallible>;

/// What a method of a route has to have: a [`Policy`].
///
/// Nobody builds one by hand; whatever turns into one can be given where a policy is asked for.
#[derive(Clone)]
pub struct Guard {
    layer: AuthorizeLayer,
}

impl Guard {
    pub(super) fn policy(&self) -> &Policy {
        self.layer.policy()
    }
}

impl From<Policy> for Guard {
    fn from(policy: Policy) -> Self {
        Self { layer: AuthorizeLayer::new(policy) }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(self.policy()).finish()
    }
}

/// The authentication layer, without its types: they are not known where routes are written.
#[derive(Clone)]
pub(super) struct Gate {
    authenticate: Arc<dyn Fn(Authorize<Route>) -> Guarded + Send + Sync>,
}

impl Gate {
    /// The layer lets anonymous requests through whatever it was set to: only then can the policy answer them, and
    /// name its scope.
    pub(super) fn new<T, R>(layer: AuthenticateLayer<T, R>) -> Self
    where
        T: DeserializeOwned + Send + Sync + 'static,
        R: Render<Body>,
    {
        let layer = layer.optional();
        Self { authenticate: Arc::new(move |inner| BoxCloneSyncService::new(layer.layer(inner))) }
    }

    /// Guards methods that were named, and leaves the 405 for the others alone.
    pub(super) fn guard_methods<S>(&self, guard: &Guard, methods: MethodRouter<S>) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        match self.layer(guard) {
            Some(layer) => methods.route_layer(layer),
            None => methods,
        }
    }

    /// Guards what answers every method. To axum that is a method router's fallback, which `route_layer` passes by.
    pub(super) fn guard_any<S>(&self, guard: &Guard, any: MethodRouter<S>) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        match self.layer(guard) {
            Some(layer) => any.layer(layer),
            None => any,
        }
    }

    /// `None` for a public route: nothing looks at its requests.
    fn layer(&self, guard: &Guard) -> Option<GateLayer> {
        let is_public = matches!(guard.policy().standing(), Standing::Public(_));
        (!is_public).then(|| GateLayer { gate: self.clone(), guard: guard.clone() })
    }
}

/// Both layers as one, so that no other can come between them.
#[derive(Clone)]
struct GateLayer {
    gate: Gate,
    guard: Guard,
}

impl Layer<Route> for GateLayer {
    type Service = Guarded;

    fn layer(&self, handler: Route) -> Guarded {
        (self.gate.authenticate)(self.guard.layer.layer(handler))
    }
}

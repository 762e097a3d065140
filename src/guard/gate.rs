//! What stands before a handler: the policy from the start, the authentication once `into_router` knows it.

use super::allowed::wanted;
use crate::{
    authenticate::{AuthenticateLayer, Strip},
    authorize::{Authorize, AuthorizeLayer},
    challenge::Render,
    policy::{InForce, LivePolicies, NamedPolicy, Policy, Reading, Standing, Use, Wanted, deny},
    token::TokenSources,
};
use axum::{
    body::Body,
    extract::Request,
    response::Response,
    routing::{MethodRouter, Route},
};
use serde::de::DeserializeOwned;
use std::{any::type_name, convert::Infallible, fmt, sync::Arc};
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

type Guarded = BoxCloneSyncService<Request, Response, Infallible>;

/// What a method of a route has to have: a [`Policy`], or the name of one ([`named`]).
///
/// Nobody builds one by hand; whatever turns into one can be given where a policy is asked for: a [`Policy`], what
/// [`named`] returns, and an [`AuthorizeLayer`], for one that also
/// [reports](crate::AuthorizeLayer::reporting).
#[derive(Clone)]
pub struct Guard {
    rule: Rule,
    /// The types of the handler's arguments, by name: for what the table can find out of them.
    arguments: &'static str,
}

#[derive(Clone)]
enum Rule {
    Fixed(AuthorizeLayer),
    Named(Arc<NamedPolicy>),
}

/// The policy of this name, out of those that [`GuardedRouter::with_policies`](super::GuardedRouter::with_policies) is
/// given.
///
/// It stands alone: what else the route demands, and a policy that only reports, stand in the file under the same name.
///
/// Until then the route answers 500 to everybody, and the log says what was forgotten.
///
/// ```
/// use tower_bearer::guard::{GuardedRouter, guarded, named};
///
/// # async fn list() {}
/// let routes: GuardedRouter = GuardedRouter::new().route("/orders", guarded::get(named("orders.read"), list));
/// assert!(routes.table().check().is_err());
/// ```
pub fn named(name: impl Into<Arc<str>>) -> Guard {
    Guard::new(Rule::Named(Arc::new(NamedPolicy::new(name.into()))))
}

/// What a guard stands for at one moment.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) in_force: Arc<InForce>,
    pub(super) name: Option<Arc<str>>,
    /// Not so where a name waits for its policies: then it is a `deny` here.
    pub(super) is_bound: bool,
    /// What the handler asks for.
    pub(super) wants: Vec<Wanted>,
}

impl Guard {
    fn new(rule: Rule) -> Self {
        Self { rule, arguments: "" }
    }

    /// What stands before a handler whose arguments are `T`.
    pub(super) fn before<T>(self) -> Self {
        Self { arguments: type_name::<T>(), ..self }
    }

    /// The name that still waits for its policy.
    pub(super) fn waits_for(&self) -> Option<&Arc<str>> {
        match &self.rule {
            Rule::Named(named) if !named.is_bound() => Some(named.name()),
            Rule::Named(_) | Rule::Fixed(_) => None,
        }
    }

    /// What a route at this place asks of the policies that it is to be given.
    pub(super) fn used_at(&self, place: String) -> Use {
        Use { place, wants: wanted(self.arguments) }
    }

    /// The same, with its name looked up if it has one that waits.
    pub(super) fn bound(&self, live: &LivePolicies) -> Self {
        match &self.rule {
            Rule::Named(named) => Self { rule: Rule::Named(Arc::new(named.bound(live))), ..*self },
            Rule::Fixed(_) => self.clone(),
        }
    }

    pub(super) fn shown(&self, reading: &mut Reading) -> Shown {
        let wants = wanted(self.arguments);
        let named = match &self.rule {
            Rule::Fixed(layer) => {
                let in_force = Arc::clone(layer.in_force());
                return Shown { in_force, name: None, is_bound: true, wants };
            }
            Rule::Named(named) => named,
        };
        let found = reading.of(named);
        Shown {
            is_bound: found.is_some(),
            in_force: found.unwrap_or_else(|| Arc::new(deny().into())),
            name: Some(Arc::clone(named.name())),
            wants,
        }
    }

    /// Exactly `public`. No name is ever that, or a file could take the guard away.
    fn is_public(&self) -> bool {
        match &self.rule {
            Rule::Fixed(layer) => matches!(layer.policy().standing(), Standing::Public(_)),
            Rule::Named(_) => false,
        }
    }

    fn around(&self, handler: Route) -> Authorize<Route> {
        match &self.rule {
            Rule::Fixed(layer) => layer.layer(handler),
            Rule::Named(named) => Authorize::by_name(handler, Arc::clone(named)),
        }
    }
}

impl From<Policy> for Guard {
    fn from(policy: Policy) -> Self {
        AuthorizeLayer::new(policy).into()
    }
}

/// The layer's policy, and the one that reports only.
impl From<AuthorizeLayer> for Guard {
    fn from(layer: AuthorizeLayer) -> Self {
        Self::new(Rule::Fixed(layer))
    }
}

/// The policy or the name.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Rule::Fixed(layer) => layer.policy().fmt(f),
            Rule::Named(named) => write!(f, "named({:?})", named.name()),
        }
    }
}

/// The authentication layer, without its types: they are not known where routes are written.
#[derive(Clone)]
pub(super) struct Gate {
    authenticate: Arc<dyn Fn(Authorize<Route>) -> Guarded + Send + Sync>,
    /// Where public routes lose the token.
    stripped: Option<TokenSources>,
    policies: Option<LivePolicies>,
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
        Self {
            stripped: layer.stripped(),
            authenticate: Arc::new(move |inner| BoxCloneSyncService::new(layer.layer(inner))),
            policies: None,
        }
    }

    /// The same gate for routes whose names are among these policies.
    pub(super) fn with(&self, policies: LivePolicies) -> Self {
        Self { policies: Some(policies), ..self.clone() }
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

    /// `None` for a public route: nothing looks at its requests, unless the token is to be taken off them.
    fn layer(&self, guard: &Guard) -> Option<GateLayer> {
        if guard.is_public() {
            return self.stripped.clone().map(GateLayer::Public);
        }
        let bound = self.policies.as_ref().map_or_else(|| guard.clone(), |live| guard.bound(live));
        Some(GateLayer::Guarded(self.clone(), bound))
    }
}

#[derive(Clone)]
enum GateLayer {
    /// Both layers as one, so that no other can come between them.
    Guarded(Gate, Guard),
    Public(TokenSources),
}

impl Layer<Route> for GateLayer {
    type Service = Guarded;

    fn layer(&self, handler: Route) -> Guarded {
        match self {
            Self::Guarded(gate, guard) => (gate.authenticate)(guard.around(handler)),
            Self::Public(sources) => BoxCloneSyncService::new(Strip::new(handler, sources.clone())),
        }
    }
}

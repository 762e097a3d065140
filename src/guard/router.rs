use super::{
    GuardedMethodRouter, RouteTable,
    answers::{self, Answers},
    gate::{Gate, Guard},
    recipe::Recipe,
    table::Row,
};
use crate::{authenticate::AuthenticateLayer, challenge::Render, policy::Reading};
use axum::{
    Router,
    body::Body,
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodRouter, Route, any, any_service},
};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    convert::Infallible,
    fmt,
};
use tower_layer::{Identity, Layer};
use tower_service::Service;

/// An [`axum::Router`] in which nothing stands without a policy.
///
/// Its methods are axum's of the same names, with a policy more wherever a handler or service comes in. Nothing can be
/// served before [`into_router`](GuardedRouter::into_router) has put the authentication in. See the
/// [module](super) for the rules.
///
/// # Panics
///
/// Where axum's router does, at the line that errs: a path that does not begin with `/`, two routes that cannot be told
/// apart, a method of a path that has a handler already, two fallbacks in a `merge`.
#[must_use]
pub struct GuardedRouter<S = ()> {
    /// The same routes with nothing behind: axum's own checks run where the mistake is written.
    pub(super) shape: Router,
    pub(super) rows: BTreeMap<(String, Answers), Vec<Guard>>,
    /// The paths of fallbacks that were written and that axum forgets.
    pub(super) forgotten: Vec<String>,
    pub(super) recipe: Recipe<Router<S>>,
}

/// Where the rows of fallbacks stand: everything below.
const BELOW: &str = "/*";

impl<S> GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// A router without routes.
    pub fn new() -> Self {
        Self {
            shape: Router::new(),
            rows: BTreeMap::new(),
            forgotten: Vec::new(),
            recipe: Recipe::new(|_| Router::new()),
        }
    }

    /// Adds the methods of a path; a second call adds to the first.
    ///
    /// # Panics
    ///
    /// When axum refuses the path, or one of the methods has a handler there already.
    #[track_caller]
    pub fn route(mut self, path: &str, methods: GuardedMethodRouter<S>) -> Self {
        for (answers, guard) in methods.rows() {
            self.enlist(path.to_owned(), answers, guard.clone());
        }
        self.shape = self.shape.route(path, methods.shape());
        let path = path.to_owned();
        self.recipe.then(move |router, gate| router.route(&path, methods.make(gate)));
        self
    }

    /// Gives a path to a service, whatever the method.
    ///
    /// # Panics
    ///
    /// When axum refuses the path, or it has a handler already.
    #[track_caller]
    pub fn route_service<V>(mut self, path: &str, policy: impl Into<Guard>, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        let guard = policy.into();
        self.enlist(path.to_owned(), Answers::Any, guard.clone());
        self.shape = self.shape.route_service(path, answers::shape(None));
        let (path, service) = (path.to_owned(), any_service(service));
        self.recipe
            .then(move |router, gate| router.route_service(&path, gate.guard_any(&guard, service.clone())));
        self
    }

    /// Puts the routes of another router under a prefix, each with its policy; and its fallback, if it has one.
    ///
    /// A fallback further down comes along only where the router between has one as well: without it axum 0.8 forgets
    /// it. It is then not in the table, and [`RouteTable::check`] names it.
    ///
    /// # Panics
    ///
    /// When axum refuses the prefix (nesting at `/` is [`merge`](GuardedRouter::merge)), or a route of the two is
    /// the same.
    #[track_caller]
    pub fn nest(mut self, path: &str, other: Self) -> Self {
        let has_fallback = other.rows.contains_key(&(BELOW.to_owned(), Answers::Fallback));
        self.forgotten.extend(other.forgotten.iter().map(|inner| nested(path, inner)));
        for ((inner, answers), guards) in other.rows {
            if answers == Answers::Fallback && !has_fallback {
                self.forgotten.push(nested(path, &inner));
                continue;
            }
            for guard in guards {
                self.enlist(nested(path, &inner), answers, guard);
            }
        }
        self.shape = self.shape.nest(path, other.shape);
        let path = path.to_owned();
        self.recipe.then(move |router, gate| router.nest(&path, other.recipe.make(gate)));
        self
    }

    /// Gives everything under a prefix to a service, which sees the path without it.
    ///
    /// A plain [`axum::Router`] is such a service: all of it, its 404 and 405 too, is then behind the one policy.
    ///
    /// # Panics
    ///
    /// When axum refuses the prefix, or something is there already.
    #[track_caller]
    pub fn nest_service<V>(mut self, path: &str, policy: impl Into<Guard>, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        let guard = policy.into();
        self.enlist(nested(path, BELOW), Answers::Any, guard.clone());
        self.shape = self.shape.nest_service(path, answers::shape(None));
        let (path, service) = (path.to_owned(), any_service(service));
        self.recipe
            .then(move |router, gate| router.nest_service(&path, gate.guard_any(&guard, service.clone())));
        self
    }

    /// Takes in the routes of another router, each with its policy; and its fallback, if it has one.
    ///
    /// # Panics
    ///
    /// When a route of the two is the same, or both have a fallback.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        for ((path, answers), guards) in other.rows {
            for guard in guards {
                self.enlist(path.clone(), answers, guard);
            }
        }
        self.forgotten.extend(other.forgotten);
        self.shape = self.shape.merge(other.shape);
        self.recipe.then(move |router, gate| router.merge(other.recipe.make(gate)));
        self
    }

    /// What answers where no route does. Default: axum's 404, which asks nobody for a token.
    ///
    /// As in axum, a nested router without a fallback leaves its paths to this one, and a second call takes the
    /// first one's place.
    pub fn fallback<H, T>(self, policy: impl Into<Guard>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.fall_back(policy.into().before::<T>(), any(handler))
    }

    /// The service that answers where no route does.
    pub fn fallback_service<V>(self, policy: impl Into<Guard>, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        self.fall_back(policy.into(), any_service(service))
    }

    /// What answers where a path has routes but none for the method, for the routes that were added so far. Default:
    /// axum's 405 with `Allow`, which asks nobody for a token.
    pub fn method_not_allowed_fallback<H, T>(mut self, policy: impl Into<Guard>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let guard = policy.into().before::<T>();
        self.rows.entry((BELOW.to_owned(), Answers::NotAllowed)).or_default().push(guard.clone());
        self.shape = self.shape.method_not_allowed_fallback(answers::nothing);
        let handler = any(handler);
        self.recipe.then(move |router, gate| {
            router.method_not_allowed_fallback(gate.guard_any(&guard, handler.clone()))
        });
        self
    }

    /// Wraps everything that was added so far, fallbacks included, from outside: the layer sees a request before its
    /// token is looked at, and the refusals on their way out. So CORS headers are on a 401 as well, and no layer can
    /// come between authentication and policy, or between policy and handler.
    ///
    /// What should see the verified claims goes around the handler itself:
    /// [`handler.layer(…)`](axum::handler::Handler::layer).
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.recipe.then(move |router, _| router.layer(layer.clone()));
        self
    }

    /// Like [`layer`](GuardedRouter::layer), but runs only where a path has matched: not for a fallback.
    ///
    /// # Panics
    ///
    /// When there is no route yet.
    #[track_caller]
    pub fn route_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.shape = self.shape.route_layer(Identity::new());
        self.recipe.then(move |router, _| router.route_layer(layer.clone()));
        self
    }

    /// Gives the handlers their state; what comes out may take handlers of another one.
    pub fn with_state<S2>(self, state: S) -> GuardedRouter<S2>
    where
        S2: Clone + Send + Sync + 'static,
    {
        let Self { shape, rows, forgotten, recipe } = self;
        let recipe = Recipe::new(move |gate| recipe.make(gate).with_state(state.clone()));
        GuardedRouter { shape, rows, forgotten, recipe }
    }

    /// Every method of every route with its policy, in a stable order; a named one as it is in force now.
    pub fn table(&self) -> RouteTable {
        let (mut rows, mut reading) = (Vec::new(), Reading::default());
        for ((path, answers), guards) in &self.rows {
            rows.extend(
                guards.iter().map(|guard| Row::new(path.clone(), *answers, guard.shown(&mut reading))),
            );
        }
        RouteTable::new(rows, self.forgotten.clone())
    }

    /// The router to serve: the layer stands on every method that is not public, and on nothing else; where it
    /// [strips tokens](AuthenticateLayer::strip_token), public ones lose them, too.
    ///
    /// It lets anonymous requests through to the policy, whatever it was set to; its other settings are kept. What is
    /// added to the router that comes out is outside of the guarantee, and of the [`table`](GuardedRouter::table).
    pub fn into_router<T, R>(self, layer: AuthenticateLayer<T, R>) -> Router<S>
    where
        T: DeserializeOwned + Send + Sync + 'static,
        R: Render<Body>,
    {
        self.recipe.make(&Gate::new(layer))
    }

    fn fall_back(mut self, guard: Guard, any: MethodRouter<S>) -> Self {
        self.rows.insert((BELOW.to_owned(), Answers::Fallback), vec![guard.clone()]);
        self.shape = self.shape.fallback(answers::nothing);
        self.recipe.then(move |router, gate| router.fallback(gate.guard_any(&guard, any.clone())));
        self
    }

    /// Axum would find the same, but names no path where two handlers answer every method.
    #[track_caller]
    #[allow(clippy::panic, reason = "documented: routes are written by the application's author, as in axum")]
    fn enlist(&mut self, path: String, answers: Answers, guard: Guard) {
        match self.rows.entry((path, answers)) {
            Entry::Vacant(place) => {
                place.insert(vec![guard]);
            }
            Entry::Occupied(mut place) if answers == Answers::NotAllowed => place.get_mut().push(guard),
            Entry::Occupied(place) => {
                let (path, answers) = place.key();
                panic!("{} {path}: there is a policy and a handler already", answers.name())
            }
        }
    }
}

/// The path of a route under a prefix, as axum makes it.
fn nested(prefix: &str, path: &str) -> String {
    match (prefix.strip_suffix('/'), path) {
        (Some(bare), _) => format!("{bare}/{}", path.trim_start_matches('/')),
        (None, "/") => prefix.to_owned(),
        (None, _) => format!("{prefix}{path}"),
    }
}

impl<S> Default for GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for GuardedRouter<S> {
    fn clone(&self) -> Self {
        Self {
            shape: self.shape.clone(),
            rows: self.rows.clone(),
            forgotten: self.forgotten.clone(),
            recipe: self.recipe.clone(),
        }
    }
}

/// Shows the routes and their policies.
impl<S> fmt::Debug for GuardedRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedRouter ")?;
        let rows = self.rows.iter().flat_map(|((path, answers), guards)| {
            guards.iter().map(move |guard| (format!("{} {path}", answers.name()), guard))
        });
        f.debug_map().entries(rows).finish()
    }
}

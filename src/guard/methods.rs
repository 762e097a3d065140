use super::{
    answers::{self, Answers},
    gate::{Gate, Guard},
    recipe::Recipe,
};
use axum::{
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter, Route, any, any_service, on, on_service},
};
use std::{convert::Infallible, fmt};
use tower_layer::{Identity, Layer};
use tower_service::Service;

/// The methods of one path, each with its policy: what [`guarded::get`](super::guarded::get) and its like begin.
///
/// It takes after [`axum::routing::MethodRouter`]; every method that adds a handler asks for a policy first. A `GET`
/// handler answers `HEAD` as well, under the same policy, unless `HEAD` has a handler of its own.
///
/// # Panics
///
/// When a method is added a second time, as axum's does.
#[must_use]
pub struct GuardedMethodRouter<S = ()> {
    /// The same methods with nothing behind: axum's own checks run where the mistake is written.
    shape: MethodRouter,
    rows: Vec<(Answers, Guard)>,
    recipe: Recipe<MethodRouter<S>>,
}

impl<S> GuardedMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    pub(super) fn new() -> Self {
        Self { shape: MethodRouter::new(), rows: Vec::new(), recipe: Recipe::new(|_| MethodRouter::new()) }
    }

    /// Adds a handler for the methods of a filter.
    ///
    /// # Panics
    ///
    /// When one of them has a handler already.
    #[track_caller]
    pub fn on<H, T>(self, filter: MethodFilter, policy: impl Into<Guard>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(filter, policy.into().before::<T>(), on(filter, handler))
    }

    /// Adds a service for the methods of a filter.
    ///
    /// # Panics
    ///
    /// When one of them has a handler already.
    #[track_caller]
    pub fn on_service<V>(self, filter: MethodFilter, policy: impl Into<Guard>, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        self.add(filter, policy.into(), on_service(filter, service))
    }

    /// Wraps everything that was added so far, the answer 405 included, from outside: the layer sees a request before
    /// its token is looked at, and the refusals on their way out.
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
        self.recipe.then(move |methods, _| methods.layer(layer.clone()));
        self
    }

    /// Like [`layer`](GuardedMethodRouter::layer), but leaves alone what axum takes for a fallback: the 405, and the
    /// handler of [`guarded::any`](super::guarded::any).
    ///
    /// # Panics
    ///
    /// When no method was added yet.
    #[track_caller]
    pub fn route_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.shape = self.shape.route_layer(Identity::new());
        self.recipe.then(move |methods, _| methods.route_layer(layer.clone()));
        self
    }

    pub(super) fn any<H, T>(self, guard: Guard, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add_any(guard.before::<T>(), any(handler))
    }

    pub(super) fn any_service<V>(self, guard: Guard, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        self.add_any(guard, any_service(service))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (Answers, &Guard)> {
        self.rows.iter().map(|(answers, guard)| (*answers, guard))
    }

    pub(super) fn shape(&self) -> MethodRouter {
        self.shape.clone()
    }

    pub(super) fn make(&self, gate: &Gate) -> MethodRouter<S> {
        self.recipe.make(gate)
    }

    #[track_caller]
    fn add(mut self, filter: MethodFilter, guard: Guard, methods: MethodRouter<S>) -> Self {
        self.shape = self.shape.merge(answers::shape(Some(filter)));
        self.rows.extend(Answers::of(filter).map(|answers| (answers, guard.clone())));
        // Not the other way around: of two default fallbacks axum keeps the second, which may have a layer around it.
        self.recipe.then(move |all, gate| gate.guard_methods(&guard, methods.clone()).merge(all));
        self
    }

    fn add_any(mut self, guard: Guard, any: MethodRouter<S>) -> Self {
        self.shape = self.shape.merge(answers::shape(None));
        self.rows.push((Answers::Any, guard.clone()));
        self.recipe.then(move |all, gate| gate.guard_any(&guard, any.clone()).merge(all));
        self
    }
}

macro_rules! chained {
    ($($method:ident: $name:ident, $service:ident;)*) => {
        impl<S> GuardedMethodRouter<S>
        where
            S: Clone + Send + Sync + 'static,
        {
            $(
                #[doc = concat!("Adds a handler for `", stringify!($method), "`.")]
                ///
                /// # Panics
                ///
                /// When the method has one already.
                #[track_caller]
                pub fn $name<H, T>(self, policy: impl Into<Guard>, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: 'static,
                {
                    self.on(MethodFilter::$method, policy, handler)
                }

                #[doc = concat!("Adds a service for `", stringify!($method), "`.")]
                ///
                /// # Panics
                ///
                /// When the method has a handler already.
                #[track_caller]
                pub fn $service<V>(self, policy: impl Into<Guard>, service: V) -> Self
                where
                    V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
                    V::Response: IntoResponse + 'static,
                    V::Future: Send + 'static,
                {
                    self.on_service(MethodFilter::$method, policy, service)
                }
            )*
        }
    };
}

chained! {
    GET: get, get_service;
    HEAD: head, head_service;
    POST: post, post_service;
    PUT: put, put_service;
    PATCH: patch, patch_service;
    DELETE: delete, delete_service;
    OPTIONS: options, options_service;
    TRACE: trace, trace_service;
    CONNECT: connect, connect_service;
}

impl<S> Clone for GuardedMethodRouter<S> {
    fn clone(&self) -> Self {
        Self { shape: self.shape.clone(), rows: self.rows.clone(), recipe: self.recipe.clone() }
    }
}

/// Shows methods and policies.
impl<S> fmt::Debug for GuardedMethodRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedMethodRouter ")?;
        f.debug_map().entries(self.rows.iter().map(|(answers, guard)| (answers.name(), guard))).finish()
    }
}

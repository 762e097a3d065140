//! The methods of a path, as in [`axum::routing`], each asking for a policy before its handler.
//!
//! `guarded::get(policy, handler)` begins a [`GuardedMethodRouter`], to which more methods are chained:
//!
//! ```
//! use tower_bearer::{guard::guarded, policy::{role, scope}};
//!
//! # async fn list() {}
//! # async fn create() {}
//! # let _: tower_bearer::guard::GuardedMethodRouter =
//! guarded::get(scope("orders:read"), list).post(scope("orders:write") & role("clerk"), create)
//! # ;
//! ```

use super::{Guard, GuardedMethodRouter};
use axum::{extract::Request, handler::Handler, response::IntoResponse, routing::MethodFilter};
use std::convert::Infallible;
use tower_service::Service;

/// Routes every method that gets no handler of its own, those without a name in [`MethodFilter`] included.
///
/// What an HTTP/1.1 WebSocket (`GET`) and an HTTP/2 one (`CONNECT`) share, for one.
pub fn any<H, T, S>(policy: impl Into<Guard>, handler: H) -> GuardedMethodRouter<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    GuardedMethodRouter::new().any(policy.into(), handler)
}

/// Routes every method that gets no handler of its own to a service.
pub fn any_service<V, S>(policy: impl Into<Guard>, service: V) -> GuardedMethodRouter<S>
where
    V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    V::Response: IntoResponse + 'static,
    V::Future: Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    GuardedMethodRouter::new().any_service(policy.into(), service)
}

/// Routes the methods of a filter; the table has a row for each.
pub fn on<H, T, S>(filter: MethodFilter, policy: impl Into<Guard>, handler: H) -> GuardedMethodRouter<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    GuardedMethodRouter::new().on(filter, policy, handler)
}

/// Routes the methods of a filter to a service; the table has a row for each.
pub fn on_service<V, S>(filter: MethodFilter, policy: impl Into<Guard>, service: V) -> GuardedMethodRouter<S>
where
    V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    V::Response: IntoResponse + 'static,
    V::Future: Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    GuardedMethodRouter::new().on_service(filter, policy, service)
}

macro_rules! beginning {
    ($($method:ident: $name:ident, $service:ident $(, $note:literal)?;)*) => {$(
        #[doc = concat!("Routes `", stringify!($method), "` to a handler, behind a policy.")]
        $(
            ///
            #[doc = $note]
        )?
        pub fn $name<H, T, S>(policy: impl Into<Guard>, handler: H) -> GuardedMethodRouter<S>
        where
            H: Handler<T, S>,
            T: 'static,
            S: Clone + Send + Sync + 'static,
        {
            on(MethodFilter::$method, policy, handler)
        }

        #[doc = concat!("Routes `", stringify!($method), "` to a service, behind a policy.")]
        $(
            ///
            #[doc = $note]
        )?
        pub fn $service<V, S>(policy: impl Into<Guard>, service: V) -> GuardedMethodRouter<S>
        where
            V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
            V::Response: IntoResponse + 'static,
            V::Future: Send + 'static,
            S: Clone + Send + Sync + 'static,
        {
            on_service(MethodFilter::$method, policy, service)
        }
    )*};
}

beginning! {
    GET: get, get_service, "`HEAD` comes here as well, unless it has a handler of its own.";
    HEAD: head, head_service;
    POST: post, post_service;
    PUT: put, put_service;
    PATCH: patch, patch_service;
    DELETE: delete, delete_service;
    OPTIONS: options, options_service;
    TRACE: trace, trace_service;
    CONNECT: connect, connect_service;
}

//! Routes that cannot be forgotten: an axum router that takes a policy with every method of every route.
//!
//! 1. A method, a service or a fallback without a policy does not compile.
//! 2. The policy stands on the matched handler. There is no second path matcher that `//`, `%2F`, `;` or another case
//!    could get past: what reaches the handler has passed its policy.
//! 3. A policy that is exactly [`public`](crate::policy::public) makes a public route: its requests' credentials are
//!    not even looked at, so an expired token does not break `/health`. `Claims` in its handler is a 500, since nobody
//!    verified any.
//! 4. A policy that is exactly [`optional`](crate::policy::optional) lets requests without a token through and refuses
//!    a bad one.
//! 5. Every other policy guards: a request without a token is 401 with the policy's `scope` in the challenge, a bad
//!    token 401, one that does not meet the policy 403. So does one with `public` somewhere within: `public("…") |
//!    scope("a")` is a yes to everybody, but a bad token is still refused, and [`RouteTable::check`] names it.
//! 6. 404 and 405, with `Allow`, are axum's, and ask nobody for a token, unless a fallback with a policy says else.
//!    `HEAD` on a `GET` route is the `GET` route's.
//! 7. Layers ([`GuardedRouter::layer`]) go around the guard, never between it and the handler.
//! 8. What is added to the router behind [`into_router`](GuardedRouter::into_router) is outside of all this.
//! 9. A policy may be [`named`] and stand in a file ([`Policies`](crate::policy::Policies)), which can be replaced while
//!    the program runs: for all routes at once, or not at all. A name never holds what lets everybody through, so no
//!    file takes a guard away; and a name without a policy is a 500.
//! 10. A handler that must not run without a permission of the application's own asks for [`Allowed<R>`](Allowed); the
//!     route's policy grants it, by [`rule::<R>()`](crate::policy::rule). Without that it is a 500, and
//!     [`RouteTable::check`] finds it.
//! 11. A tighter policy may stand beside one and only [report](crate::AuthorizeLayer::reporting); it changes no answer.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_bearer::{
//!     AuthenticateLayer, Claims,
//!     guard::{GuardedRouter, guarded},
//!     policy::{optional, public, role, scope},
//! };
//!
//! # let issuer = tower_bearer::testing::TestIssuer::new();
//! # let verifier = issuer.verifier().build().unwrap();
//! let routes = GuardedRouter::new()
//!     .route("/health", guarded::get(public("probes ask it"), || async { "well" }))
//!     .route("/prices", guarded::get(optional("members see theirs"), prices))
//!     .route("/orders", guarded::get(scope("orders:read"), list)
//!         .post(scope("orders:write") & role("clerk"), create));
//! println!("{}", routes.table());
//! routes.table().check().unwrap();
//! let app: Router = routes.into_router(AuthenticateLayer::new(verifier));
//!
//! let request = Request::get("/orders").body(Body::empty()).unwrap();
//! let response = app.clone().oneshot(request).await.unwrap();
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], r#"Bearer scope="orders:read""#);
//!
//! let token = issuer.token().scope("orders:read").sign();
//! let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
//! let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! async fn list(claims: Claims) -> String { format!("orders of {:?}", claims.subject()) }
//! async fn prices(claims: Option<Claims>) -> String { format!("for a member: {}", claims.is_some()) }
//! async fn create() {}
//! # }); }
//! ```
//!
//! With policies by name, and one that is tried out:
//!
//! ```
//! use tower_bearer::{
//!     guard::{GuardedRouter, guarded, named},
//!     policy::{Checks, Policies, role, scope},
//!     require,
//! };
//!
//! # async fn list() {}
//! # async fn refund() {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policies: Policies = toml::from_str(r#""orders.read" = "scope(orders:read) | role(auditor)""#)?;
//! let refunds = require(scope("orders:write")).reporting(scope("orders:write") & role("manager"));
//! let routes: GuardedRouter = GuardedRouter::new()
//!     .route("/orders", guarded::get(named("orders.read"), list))
//!     .route("/refunds", guarded::post(refunds, refund));
//! let (routes, live) = routes.with_policies(&policies, Checks::new())?;
//! println!("{}", routes.table());
//! # assert_eq!(routes.table().to_string(), "\
//! # method  path      policy                              name         report only                          reason
//! # GET     /orders   scope(orders:read) | role(auditor)  orders.read
//! # POST    /refunds  scope(orders:write)                              scope(orders:write) & role(manager)
//! # ");
//!
//! // Later, when the file has changed. Whatever is wrong with it: the old policies stay.
//! live.reload(&toml::from_str(r#""orders.read" = "role(auditor)""#)?)?;
//! # Ok(()) }
//! ```
//!
//! ```text
//! method  path      policy                              name         report only                          reason
//! GET     /orders   scope(orders:read) | role(auditor)  orders.read
//! POST    /refunds  scope(orders:write)                              scope(orders:write) & role(manager)
//! ```
//!
//! Without a policy:
//!
//! ```compile_fail,E0061
//! use tower_bearer::guard::{GuardedRouter, guarded};
//!
//! async fn list() {}
//! let routes: GuardedRouter = GuardedRouter::new().route("/orders", guarded::get(list));
//! ```
//!
//! With axum's own methods, which ask for none:
//!
//! ```compile_fail,E0308
//! use axum::routing::get;
//! use tower_bearer::guard::GuardedRouter;
//!
//! async fn list() {}
//! let routes: GuardedRouter = GuardedRouter::new().route("/orders", get(list));
//! ```
//!
//! A router of axum's cannot be nested or merged either; [`nest_service`](GuardedRouter::nest_service) takes one whole,
//! behind one policy:
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_bearer::{guard::{GuardedRouter, guarded}, policy::scope};
//!
//! async fn list() {}
//! let routes: GuardedRouter = GuardedRouter::new()
//!     .route("/orders", guarded::get(scope("orders:read"), list))
//!     .nest_service("/admin", scope("admin"), Router::<()>::new().route("/users", get(list)));
//! ```

mod allowed;
mod answers;
mod check;
mod gate;
pub mod guarded;
mod methods;
mod policies;
mod recipe;
mod router;
mod table;

pub use crate::policy::Allowed;
pub use gate::{Guard, named};
pub use methods::GuardedMethodRouter;
pub use router::GuardedRouter;
pub use table::{Access, RouteTable, Row};

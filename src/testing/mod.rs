//! For your tests, never for production: an issuer that mints any token, a clock that you turn, ready-made claims.
//!
//! A handler's test needs no cryptography at all; [`caller`] puts claims into a request:
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
//! use tower::ServiceExt;
//! use tower_bearer::{policy::scope, require, testing::caller};
//!
//! let app = Router::new().route("/orders", get(|| async { "…" }).route_layer(require(scope("orders:read"))));
//!
//! let request = Request::get("/orders").body(Body::empty()).unwrap();
//! let response = app.oneshot(caller("alice").scope("orders:read").attach(request)).await.unwrap();
//! assert_eq!(response.status(), StatusCode::OK);
//! # }); }
//! ```
//!
//! The whole way, signature and all, goes through a [`TestIssuer`]:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use tower_bearer::testing::TestIssuer;
//!
//! let issuer = TestIssuer::new();
//! let verifier = issuer.verifier().build().unwrap();
//!
//! let good = issuer.token().subject("alice").scope("orders:read").sign();
//! assert!(verifier.verify(&good).await.unwrap().has_scope("orders:read"));
//!
//! let expired = issuer.token().expired().sign();
//! assert!(verifier.verify(&expired).await.is_err());
//! # });
//! ```

mod caller;
mod clock;
#[doc(hidden)]
pub mod fuzz;
mod issuer;
mod jws;
mod rights;
mod server;
pub(crate) mod signing;
mod token;

pub use caller::{TestCaller, anonymous, caller};
pub use clock::TestClock;
pub use issuer::TestIssuer;
#[doc(hidden)]
pub use jws::verify_jws;
pub use token::TestToken;

use crate::verify::Verifier;

/// The same verifier without its memory: keys, budgets and clock are shared, so that both can be held against each other.
#[doc(hidden)]
pub fn forgetful<T>(verifier: &Verifier<T>) -> Verifier<T> {
    verifier.forgetful()
}

/// The audience of a [`TestIssuer`]'s tokens and verifiers, where nothing else is said.
pub const AUDIENCE: &str = "https://api.test";

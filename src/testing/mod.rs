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
//!
//! # A preset
//!
//! [`Issuer::keycloak`](crate::Issuer::keycloak) and its like are tested with an issuer of the same identifier, whose
//! transport the preset gets and whose clock the verifier runs on. A token needs what the preset demands:
//!
//! ```
//! # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use tower_bearer::{Issuer, Verifier, error::Reason, testing::TestIssuer};
//!
//! let kc = TestIssuer::named("https://id.example.com/realms/acme");
//! let realm = Issuer::keycloak("https://id.example.com", "acme").unwrap().fetch(kc.transport());
//! let builder = Verifier::builder().issuer(realm).audience("orders-api").clock(kc.clock());
//! let verifier = builder.build().unwrap();
//!
//! let clerk = kc.token().audience("orders-api").claim("typ", "Bearer");
//! let clerk = clerk.claim("realm_access", serde_json::json!({"roles": ["clerk"]}));
//! assert!(verifier.verify(&clerk.sign()).await.unwrap().has_role("clerk"));
//!
//! let bare = kc.token().audience("orders-api").sign();
//! assert_eq!(verifier.verify(&bare).await.unwrap_err().reason(), Reason::RequiredClaimMissing);
//! # }); }
//! ```
//!
//! | preset | its [`TestIssuer::named`] | a token needs |
//! | --- | --- | --- |
//! | `keycloak("https://host", "realm")` | `https://host/realms/realm` | `typ`: `Bearer` |
//! | `entra("tenant")` | `https://login.microsoftonline.com/tenant/v2.0` | `tid`: the tenant; `azp` |
//! | `auth0("host")` | `https://host/` | |
//! | `okta("host", "server")` | `https://host/oauth2/server` | `cid` |
//! | `cognito("region", "pool", ["client"])` | `https://cognito-idp.region.amazonaws.com/pool` | `token_use`: `access`; `client_id`: the client |
//! | `google()` | `https://accounts.google.com` | what you demand yourself, `azp` for `.clients` |
//! | `zitadel("host", "project")` | `https://host` | |
//!
//! `entra_v1` and the lists, `entra_tenants` and `entra_v1_tenants`, read addresses that a [`TestIssuer`] does not serve:
//! these take a [`Fetch`](crate::keys::Fetch) of your own.

pub mod attacks;
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

//! What a client has to know to get a token for this service: Protected Resource Metadata (RFC 9728).
//!
//! 1. [`ProtectedResource`] takes what your configuration says, [`build`](ProtectedResource::build) reports every fault
//!    of it, and [`ResourceMetadata`] is the document, the address that goes with it, and the service that serves it.
//! 2. The address is made of the resource identifier, by inserting `/.well-known/oauth-protected-resource` between
//!    host and path (RFC 9728 section 3.1). `https://api.example.com/orders` has its metadata at
//!    `https://api.example.com/.well-known/oauth-protected-resource/orders`.
//! 3. Nothing is taken from a request: neither `Host` nor `X-Forwarded-*` can put another name into document or
//!    challenge.
//! 4. `scopes_supported` is what the policies ask for, sorted, once each; scopes under a `!` are left out. It is public:
//!    give [`policies`](ProtectedResource::policies) those whose scopes everybody may know. After a reload of policies it
//!    says what it is told to, see [`replace_policies`](ResourceMetadata::replace_policies).
//! 5. Anybody may read the document, without a token and from any origin: `GET` and `HEAD` answer with it, `OPTIONS` lets
//!    a browser's preflight through, every other method is 405. A CORS layer of the API's that is put around it answers in
//!    its place, for the API's origins alone: `metadata.router().merge(app.layer(cors))` keeps the two apart.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_bearer::{
//!     AuthenticateLayer,
//!     guard::{GuardedRouter, guarded},
//!     metadata::ProtectedResource,
//!     policy::scope,
//! };
//!
//! # let issuer = tower_bearer::testing::TestIssuer::new();
//! # let verifier = issuer.verifier().build().unwrap();
//! let routes = GuardedRouter::new().route("/orders", guarded::get(scope("orders:read"), || async { "orders" }));
//! let metadata = ProtectedResource::new("https://api.example.com/orders")
//!     .issuers_of(&verifier)
//!     .policies(routes.table().policies())
//!     .name("Orders")
//!     .build()?;
//! let layer = AuthenticateLayer::new(verifier).resource_metadata(metadata.url());
//! let app: Router = routes.into_router(layer).merge(metadata.router());
//!
//! let request = Request::get("/orders").body(Body::empty()).unwrap();
//! let response = app.clone().oneshot(request).await.unwrap();
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(
//!     response.headers()["www-authenticate"],
//!     r#"Bearer scope="orders:read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/orders""#,
//! );
//!
//! let request = Request::get("/.well-known/oauth-protected-resource/orders").body(Body::empty()).unwrap();
//! assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
//! assert_eq!(metadata.to_json()["scopes_supported"], serde_json::json!(["orders:read"]));
//!
//! // Everything that is wrong, at once.
//! let error = ProtectedResource::new("http://api.example.com/#orders").build().unwrap_err();
//! assert_eq!(error.faults().len(), 3);
//! # Ok::<(), tower_bearer::ConfigError>(())
//! # }).unwrap(); }
//! ```
//!
//! The well-known path begins at the host's root: an application that is itself nested under a prefix has to merge the
//! router outside of that, and a proxy that adds a prefix has to pass the well-known path on.

mod document;
mod identifier;
mod resource;
mod scopes;

pub use document::ResourceMetadata;
pub use resource::ProtectedResource;

//! Tower and axum middleware for OAuth 2.0 resource servers.
//!
//! A layer takes the Bearer token out of each request, verifies it against the trusted issuer's cached keys, and puts
//! typed claims into the request; a second layer, set per route, decides whether those claims may pass. Handlers take
//! the claims as an argument.
//!
//! New to OAuth? [The guide](docs::guide) turns a plain axum app into a guarded one, step by step.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "aws-lc-rs"))] {
//! use axum::{Router, routing::{get, post}};
//! use tower_bearer::{AuthenticateLayer, Claims, Issuer, Verifier, policy::{role, scope}, require};
//!
//! #[derive(serde::Deserialize)]
//! struct Staff { department: String }
//!
//! # fn main() -> Result<(), tower_bearer::ConfigError> {
//! let verifier = Verifier::builder()
//!     .issuer(Issuer::discover("https://id.example.com/realms/acme")?) // OIDC discovery or RFC 8414
//!     .audience("https://api.example.com")
//!     .claims::<Staff>() // your claims; a map of all claims without this line
//!     .build()?;
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(list).route_layer(require(scope("orders:read"))))
//!     .route("/orders", post(create).route_layer(require(scope("orders:write") & role("clerk"))))
//!     .layer(AuthenticateLayer::new(verifier));
//!
//! async fn list(claims: Claims<Staff>) -> String {
//!     format!("orders of {} for {:?}", claims.department, claims.subject())
//! }
//! # async fn create() {}
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! With `BEARER_ISSUER` and `BEARER_AUDIENCE` in the environment, [`Verifier::from_env()?`](Verifier::from_env) is the
//! whole set-up; `Verifier::builder().env()?.claims::<Staff>().build()?` when there is a claims type.
//!
//! # Your issuer
//!
//! Well-known ones have a constructor whose page says what to set at the vendor: [`keycloak`](Issuer::keycloak),
//! [`entra`](Issuer::entra) and [`entra_v1`](Issuer::entra_v1), [`auth0`](Issuer::auth0), [`okta`](Issuer::okta),
//! [`cognito`](Issuer::cognito), [`google`](Issuer::google), [`zitadel`](Issuer::zitadel). For any other there are
//! [`discover`](Issuer::discover), [`jwks`](Issuer::jwks) and [`keys`](Issuer::keys), and the same settings.
//!
//! # A tour, in the order a request meets the rooms
//!
//! | module | what happens there |
//! | --- | --- |
//! | [`token`] | the header is read, strictly: one token, in one place, of legal characters |
//! | [`issuer`] | the trusted issuers: [`Issuer`], and [`Settings`](issuer::Settings) out of the environment or a file |
//! | [`keys`] | their keys, parsed once; fetched, kept and replaced while the program runs |
//! | [`verify`] | signature and rules: from an unverified token to [`Claims`], or to a [`Reason`](error::Reason) |
//! | [`claims`] | what a verified token says: [`Claims<T>`], [`Principal`](claims::Principal) |
//! | [`authenticate`] | the layer that does all that for each request; 401 |
//! | [`policy`], [`authorize`] | may this caller do this? [`require`]; 403 |
//! | [`challenge`] | how a refusal looks: status, `WWW-Authenticate`, body |
#![cfg_attr(
    feature = "axum",
    doc = "| [`guard`] | an axum router in which no method stands without a policy, and its table |"
)]
#![cfg_attr(
    feature = "axum",
    doc = "| [`metadata`] | where clients get a token, for clients that do not know: RFC 9728 |"
)]
#![cfg_attr(
    feature = "axum",
    doc = "| [`readiness`] | can tokens be judged? 200 or 503 for a load balancer |"
)]
#![cfg_attr(
    feature = "remote",
    doc = "| [`lifetime`] | what outlives its request, a WebSocket or an event stream, ends with its token |"
)]
#![cfg_attr(
    feature = "utoipa",
    doc = "| [`openapi`] | what the policies say, written into an OpenAPI document |"
)]
//! | [`explain`] | why a token passes or not: [`Verifier::explain`] |
//! | [`audit`] | who decided what: a record of each decision for an [`Observer`](audit::Observer) |
//! | [`error`] | [`AuthError`] for a request, [`ConfigError`] for a set-up |
//! | [`clock`] | time, which a test turns |
#![cfg_attr(feature = "testing", doc = "| [`testing`] | an issuer of your own, ready-made claims |")]
//! | [`docs`] | why it is shaped so, which attack meets which line, each default and its reason |
//!
//! # Which layer goes where
//!
//! ```text
//!            ┌──────────────────────────────────────────────┐
//!  request ─▶│ AuthenticateLayer   .layer(…)    401 400 503 │
//!            │   ┌──────────────────────────────────────┐   │
//!            │   │ require(policy)  .route_layer(…) 403 │   │
//!            │   │   ┌──────────────────────────────┐   │   │
//!            │   │   │ handler(claims: Claims<T>)   │   │   │
//!            │   │   └──────────────────────────────┘   │   │
//!            │   └──────────────────────────────────────┘   │
//!            └──────────────────────────────────────────────┘
//! ```
//!
//! [`AuthenticateLayer`] goes around everything it should guard, after the routes; [`require`] goes on the single method,
//! with `route_layer`: plain `layer` would wrap that path's 405 answer, too (and see [`AuthorizeLayer`] for `any`). The other way round, a policy finds no
//! caller, and answers 500 with an ERROR event that says what was forgotten.
//!
//! | around the routes by | an unknown path without a token | for |
//! | --- | --- | --- |
//! | `Router::layer` | 401: the fallback is guarded, too, unless an unguarded router is merged into it | an API that shows strangers nothing |
//! | `Router::route_layer` | 404 | an API merged with public routes |
//! | `tower::ServiceBuilder::new().layer(…).service(app)` | 401, whatever is added to the router later | everything at once, without the cost of axum's own layers |
//!
//! With the first two, what is added to the router *after* the layer is outside of it, as always in axum. The third is a
//! plain tower service:
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! # use axum::{Router, routing::get};
//! # use tower_bearer::{AuthenticateLayer, Verifier};
//! use axum::{ServiceExt, extract::Request};
//! use tower_layer::Layer;
//!
//! # async fn serve(verifier: Verifier, listener: tokio::net::TcpListener) -> std::io::Result<()> {
//! let app = Router::new().route("/orders", get(|| async { "orders" }));
//! let app = AuthenticateLayer::new(verifier).layer(app);
//! axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await
//! # }
//! # }
//! ```
//!
//! A layer that requires a token answers before any policy is asked. Routes for both kinds of caller stand behind one
//! that is [`optional`](AuthenticateLayer::optional), and there [`policy::public`] and [`policy::optional`] say that a
//! route is meant to be so; public routes need no layer at all.
//!
#![cfg_attr(
    feature = "axum",
    doc = "[`guard::GuardedRouter`] puts both layers where they belong: a method without a policy does not compile there."
)]
//!
//! # Checks inside a handler
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use tower_bearer::{AuthError, Claims, policy::role};
//!
//! async fn refund(claims: Claims) -> Result<&'static str, AuthError> {
//!     claims.require(role("accountant"))?; // answers as the layer would: 403 and its challenge
//!     Ok("refunded")
//! }
//! # }
//! ```
//!
//! An error type of your own with `From<AuthError>` works as well, if its `IntoResponse` hands the `AuthError` on: one
//! that draws a response of its own loses the challenge and `Cache-Control`.
//!
//! # What the client is told
//!
//! | case | status | `WWW-Authenticate` |
//! | --- | --- | --- |
//! | no credentials | 401 | `Bearer`; from a policy behind an optional layer, with the `scope` it needs |
//! | malformed request | 400 | `Bearer error="invalid_request"` |
//! | token refused | 401 | `Bearer error="invalid_token"` and a sentence from a fixed list |
//! | policy not met | 403 | `Bearer error="insufficient_scope"` and the `scope` that is needed |
//! | a stronger or more recent login is needed (RFC 9470) | 401 | `Bearer error="insufficient_user_authentication"` with `acr_values`, `max_age`, and the `scope` if that is missing, too |
//! | no usable keys for a trusted issuer | 503, `Retry-After` | none |
//! | the program is wired wrong | 500 | none; the log says what was forgotten |
//!
//! The reason behind the class goes to the log as a `tracing` event, target `tower_bearer`:
//!
//! | message | level | fields |
//! | --- | --- | --- |
//! | `request refused` | INFO; DEBUG for a missing token | `kind`, `reason`; also for a refusal inside a handler |
//! | `token looked like` | DEBUG | `iss`, `aud`, `typ`, `alg`, `kid`, escaped and cut |
//! | `policy denied` | INFO; DEBUG without a token | `reason`, `policy` |
//! | `policy would deny` | INFO; DEBUG without a token | `reason`, `policy`, `report_only` |
//! | `policy reports only` | WARN | `name`, `policy`, `report_only` |
//! | `policies reloaded` | INFO | `policies`, `changed` |
//! | `policies kept` | WARN | `error` |
//! | `wired wrong` | ERROR | `reason`, `forgotten` |
//! | `keys refreshed` | DEBUG; INFO for the first, a rotation, a recovery | `issuer`, `keys`, `skipped`, `first`, `rotated`, `recovered` |
//! | `key refresh failed` | WARN; DEBUG while the same failure repeats, and within a minute of another tenant's that is not proven yet | `issuer`, `error` |
//! | `keys recalled` | INFO | `issuer`, `keys`, `age` (seconds) |
//! | `key store failed` | WARN | `issuer`, `error` |
//! | `plain http allowed` | WARN | `issuer` |
//! | `tenant resolver failed` | WARN, once a minute at most; DEBUG in between | `tenants`, `error` |
//! | `tenant resolver recovered` | INFO | `tenants` |
//! | `decision` | INFO, target `tower_bearer::audit`, with [`audit::EventLog`] alone | `stage`, `outcome`, `kind`, `reason`, `issuer`, `policy` |
//!
//! Each fetch of keys runs in a span `key refresh` (INFO, field `issuer`) of its own, without a parent: it serves every
//! request that waits for it, and outlives them.
//!
//! # Seen from outside
//!
//! With the feature `metrics`, decisions and keys are counted through the facade of that name, and the recorder that the
//! program installs takes them wherever they are wanted. Install it before the verifier is built, or it misses the
//! sentence that goes with each metric.
//!
//! | metric | kind | labels |
//! | --- | --- | --- |
//! | `tower_bearer_decisions_total` | counter: one for each decision | `layer`, `outcome`, `reason` |
//! | `tower_bearer_report_only_total` | counter: one for each request that a report-only policy was asked about | `outcome`, `reason` |
//! | `tower_bearer_key_refreshes_total` | counter: one for each fetch of keys that ended | `issuer`, `result` |
//! | `tower_bearer_key_set_age_seconds` | gauge, seconds: time since the keys were fetched | `issuer` |
//! | `tower_bearer_key_set_keys` | gauge: keys in the set, those that were skipped left out | `issuer` |
//! | `tower_bearer_key_set_state` | gauge: 1 for the state the keys are in, 0 for the others | `issuer`, `state` |
//! | `tower_bearer_memory_lookups_total` | counter: one for each token that was looked for among the remembered | `hit` |
//! | `tower_bearer_memory_tokens` | gauge: tokens remembered | |
//! | `tower_bearer_memory_bytes` | gauge, bytes: what they weigh | |
//!
//! | label | values |
//! | --- | --- |
//! | `layer` | `authenticate`, `authorize`, `handler` |
//! | `outcome` | `allowed`, `anonymous`, `refused` |
//! | `reason` | `none`, or the id of a `Reason` |
//! | `issuer` | the first identifier of each trusted issuer; of tenants, their template |
//! | `result` | `ok`, `rotated`, `not_modified`, `transport`, `status`, `redirect`, `too_large`, `timed_out`, `unusable` |
//! | `hit` | `true`, `false` |
//! | `state` | `fixed`, `never_loaded`, `fresh`, `stale`, `expired` |
//!
//! A refusal is counted once, where it is made: by the verifier (`authenticate`), by a route's policy (`authorize`), or
//! within (`handler`: an extractor, `?`). Where the program is wired wrong, whoever found out counts. A request that its
//! caller gives up while it waits for keys is counted nowhere. What a policy that
//! [reports only](AuthorizeLayer::reporting) would have decided is counted apart, for requests that were let through.
//!
//! The gauges of key sets are written whenever a fetch ends and whenever [`Verifier::status`] is read: a handler that reads the
//! status before it hands out the numbers is exact. Fixed keys and the memory show in no other way. There is no age before
//! the first good fetch, or a set recalled from a key store. Tenants are counted together and have no gauges: there may be thousands of them. Verifiers that trust
//! the same issuer share its series; those of an issuer that is trusted no more go to 0.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "remote"))] {
//! use axum::extract::State;
//! use metrics_exporter_prometheus::PrometheusHandle; // from `PrometheusBuilder::new().install_recorder()?`
//! use tower_bearer::Verifier;
//!
//! async fn metrics(State((verifier, recorder)): State<(Verifier, PrometheusHandle)>) -> String {
//!     verifier.status();
//!     recorder.render()
//! }
//! # let _: axum::routing::MethodRouter<(Verifier, PrometheusHandle)> = axum::routing::get(metrics);
//! # }
//! ```
//!
//! The reason `keys_unavailable` also counts the tokens of tenants whose resolver fails; that it does is told by the event
//! `tenant resolver failed` and by no metric. The repository's README has alert rules.
//!
//! No label's value comes from a token: whatever callers send, the number of series stays what these lists and the
//! set-up make it.
//!
//! # Features
//!
//! A feature adds API; it never changes a decision.
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `axum` | yes | extractors, `GuardedRouter`, `AuthError: IntoResponse`, `metadata`, `readiness` |
//! | `remote` | yes | keys over HTTP: discovery, JWKS, refresh; `Settings`; `lifetime` |
//! | `tracing` | yes | events, and a span around each fetch of keys |
//! | `metrics` | no | counters and gauges through the `metrics` facade |
//! | `aws-lc-rs` | yes | AWS-LC checks signatures, and TLS for `remote`; wants a C compiler |
//! | `rust-crypto` | no | pure Rust checks signatures; with both on, AWS-LC does |
//! | `native-tls` | no | the system's TLS for `remote`, beside or instead of `aws-lc-rs` |
//! | `jsonwebtoken` | no | `TryFrom` the keys and algorithms of the `jsonwebtoken` crate |
//! | `utoipa` | no | `openapi`: security, scopes and refusals in a document of the `utoipa` crate; turns `axum` on |
//! | `testing` | no | `TestIssuer`, a turned clock, ready-made claims, `attacks` to try your routes with; turns `remote` on |
//!
//! # What it does not do
//!
//! It issues no tokens, logs nobody in, and keeps no sessions. It does not look a token up at the issuer
//! (introspection), and a token that is bound to a key (`cnf`) is refused, because nothing here checks the proof yet.
//! A token is good until it expires or its key is withdrawn.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod token;

pub mod issuer;
pub mod keys;
pub mod verify;

pub mod claims;

pub mod audit;
pub mod explain;

pub mod authenticate;

pub mod authorize;
pub mod policy;

pub mod challenge;

#[cfg(feature = "remote")]
pub mod lifetime;

#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "axum")]
pub mod guard;
#[cfg(feature = "axum")]
pub mod metadata;
#[cfg(feature = "utoipa")]
pub mod openapi;
#[cfg(feature = "axum")]
pub mod readiness;

pub mod clock;
pub mod docs;
pub mod error;
mod json;
mod observe;

#[cfg(feature = "testing")]
pub mod testing;

pub use authenticate::AuthenticateLayer;
pub use authorize::{AuthorizeLayer, require};
pub use claims::Claims;
pub use error::{AuthError, ConfigError};
pub use issuer::Issuer;
pub use verify::Verifier;

//! What the policies of a route table say, written into an OpenAPI document of the [`utoipa`] crate.
//!
//! The document is yours, with its `#[utoipa::path]` and `#[derive(OpenApi)]`. [`Security`] adds what follows from the
//! policies:
//!
//! 1. A security scheme: [`bearer`](Security::bearer), [`open_id_connect`](Security::open_id_connect),
//!    [`oauth2`](Security::oauth2), or [your own](Security::scheme).
//! 2. For each operation, `security` with the scopes that its policy asks for: requirements are alternatives, and the
//!    scopes in one are all needed. What else a policy asks (roles, claims, whatever stands under a `!`) has no place in
//!    there. Beyond 64 alternatives, or 1024 scopes in them, there is one, with the scopes of all.
//! 3. A public operation has `security: []`; one that anybody may call and that refuses a bad token has `{}` as its first
//!    alternative. `security` of the document as a whole is thereby nobody's in `paths`, and is left as it is.
//! 4. The answers 401 (with the login that a step-up asks for), 403 and 503, with their headers. An answer that the
//!    operation has already stays as it was written; `security` that it has is replaced. 400, for credentials that are
//!    malformed, is left out: no client means to send them.
//! 5. An operation that no route of the table answers is a fault; all of them are told at once. A route without an
//!    operation is left out, unless [`every_route`](Security::every_route) is set; [`undocumented`] lists them for a test.
//! 6. No more of a policy is published than its scopes and logins, unless
//!    [`with_policy_text`](Security::with_policy_text) is set.
//!
//! A table, and so a document, shows [`named`](crate::guard::named) policies as they are in force when it is made.
//!
//! # Example
//!
//! ```
//! use tower_bearer::{guard::{GuardedRouter, guarded}, openapi::Security, policy::{public, role, scope}};
//! use utoipa::OpenApi;
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(list, create))]
//! struct ApiDoc;
//!
//! #[utoipa::path(get, path = "/orders", responses((status = 200, description = "The orders")))]
//! async fn list() {}
//!
//! #[utoipa::path(post, path = "/orders", responses((status = 201, description = "The order")))]
//! async fn create() {}
//!
//! let routes: GuardedRouter = GuardedRouter::new()
//!     .route("/health", guarded::get(public("probes ask it"), || async {}))
//!     .route("/orders", guarded::get(scope("orders:read") | scope("orders:write"), list)
//!         .post(scope("orders:write") & role("clerk"), create));
//! let document = Security::bearer().write_into(ApiDoc::openapi(), &routes.table())?;
//!
//! let json = serde_json::to_value(&document)?;
//! assert_eq!(
//!     json["paths"]["/orders"]["get"]["security"],
//!     serde_json::json!([{ "bearer": ["orders:read"] }, { "bearer": ["orders:write"] }]),
//! );
//! assert_eq!(
//!     json["paths"]["/orders"]["post"]["responses"]["401"]["headers"]["WWW-Authenticate"]["example"],
//!     r#"Bearer scope="orders:write""#,
//! );
//!
//! // An operation that nothing guards, because it is not there.
//! let nothing = GuardedRouter::<()>::new().table();
//! let error = Security::bearer().write_into(ApiDoc::openapi(), &nothing).err().unwrap();
//! assert_eq!(error.faults()[0].setting(), "GET /orders");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Paths are compared with those of the table. A router that is mounted below a prefix has that in the document's
//! `servers`. `/files/{*rest}` is written `/files/{rest}`, since OpenAPI has no sign for it.

mod answers;
mod operations;
mod routes;
mod security;

use crate::guard::{RouteTable, Row};
pub use security::Security;
use utoipa::openapi::OpenApi;

/// The rows of a table that no operation of the document describes, fallbacks left out: for a test that holds a document to
/// be whole.
///
/// ```
/// # use tower_bearer::{guard::{GuardedRouter, guarded}, openapi::undocumented, policy::public};
/// # let routes: GuardedRouter =
/// #     GuardedRouter::new().route("/health", guarded::get(public("probes ask it"), || async {}));
/// # let document = utoipa::openapi::OpenApi::default();
/// let table = routes.table();
/// let missing: Vec<_> = undocumented(&document, &table).iter().map(|row| row.path()).collect();
/// assert_eq!(missing, ["/health"]);
/// ```
pub fn undocumented<'t>(document: &OpenApi, table: &'t RouteTable) -> Vec<&'t Row> {
    routes::Routes::of(table).missing(&document.paths)
}

//! What the API does, and what its document says of it. Security is in neither: it follows from the policies.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;
use tower_bearer::Claims;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Orders", version = "1"),
    paths(me, list_orders, create_order, admin, transfer, greet)
)]
pub(crate) struct ApiDoc;

/// What this API wants to know of its callers beside the registered claims, which are there anyway.
#[derive(Deserialize)]
pub(crate) struct User {
    name: Option<String>,
}

/// What the token says of its bearer. `principal()` has everything that every token has.
#[utoipa::path(get, path = "/api/me", responses((status = 200, body = Value, description = "The caller")))]
pub(crate) async fn me(claims: Claims<User>) -> Json<Value> {
    let caller = claims.principal();
    Json(json!({
        "sub": caller.subject(),
        "iss": caller.issuer(),
        "scopes": caller.scopes().collect::<Vec<_>>(),
        "roles": caller.roles().collect::<Vec<_>>(),
    }))
}

/// All orders.
#[utoipa::path(get, path = "/api/orders", responses((status = 200, body = Value, description = "The orders")))]
pub(crate) async fn list_orders() -> Json<Value> {
    Json(json!([{ "id": 1, "item": "tea" }, { "id": 2, "item": "biscuits" }]))
}

/// Takes an order. The claims of a type of one's own are its fields, reached through `Claims` as through a `Box`.
#[utoipa::path(post, path = "/api/orders", responses((status = 201, body = Value, description = "The order")))]
pub(crate) async fn create_order(claims: Claims<User>) -> (StatusCode, Json<Value>) {
    let by = claims.name.as_deref().or(claims.subject());
    (StatusCode::CREATED, Json(json!({ "id": 3, "item": "tea", "by": by })))
}

/// For administrators.
#[utoipa::path(get, path = "/api/admin", responses((status = 200, body = Value, description = "The secret")))]
pub(crate) async fn admin() -> Json<Value> {
    Json(json!({ "secret": "the kettle is behind the books" }))
}

/// For whoever has logged in with two factors, and just now.
#[utoipa::path(get, path = "/api/transfer", responses((status = 200, body = Value, description = "Done")))]
pub(crate) async fn transfer() -> Json<Value> {
    Json(json!({ "transferred": true }))
}

/// `None` is a request without a token, never one with a bad token: that one was refused before it came here.
#[utoipa::path(get, path = "/api/optional", responses((status = 200, body = Value, description = "A greeting")))]
pub(crate) async fn greet(claims: Option<Claims<User>>) -> Json<Value> {
    Json(json!({ "sub": claims.as_ref().and_then(|claims| claims.subject()) }))
}

/// The document, as the policies in force have it.
pub(crate) async fn document(
    State(current): State<watch::Receiver<Arc<str>>>,
) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "application/json")], current.borrow().to_string())
}

//! An OpenAPI document that says of each operation who may call it, out of the policies that guard it; and a page to try it.
//!
//! ```text
//! cargo run --example openapi
//! ```
//!
//! Open `/docs` of the address that it prints in a browser, paste one of the printed tokens, and call the operations. The
//! page is two files of this folder: nothing is loaded from anywhere else, and the token stays in the page.
//!
//! `LISTEN` sets the address (default `127.0.0.1:3000`; port 0 takes a free one). Ctrl-C stops it.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{
    Json,
    extract::{Path, State},
    http::{
        HeaderName, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
};
use serde::{Deserialize, Serialize};
use std::{env, error::Error, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tower_bearer::{
    AuthenticateLayer, Claims,
    challenge::ProblemJson,
    guard::{GuardedRouter, guarded},
    openapi::Security,
    policy::{acr, max_age, optional, public, role, scope},
    testing::TestIssuer,
};
use utoipa::{OpenApi, ToSchema};

/// What utoipa knows of the handlers. It says nothing of security: that follows from the policies.
#[derive(OpenApi)]
#[openapi(info(title = "Orders", version = "1"), paths(list, create, order, prices, transfer))]
struct ApiDoc;

#[derive(Serialize, Deserialize, ToSchema)]
struct Order {
    item: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::serve().await?;
    let routes = routes();
    let table = routes.table();
    table.check()?;
    // An operation that is documented and not routed ends the program here.
    let document = Security::bearer().problem_json().write_into(ApiDoc::openapi(), &table)?;
    println!("{table}");

    let listener = TcpListener::bind(env::var("LISTEN").unwrap_or("127.0.0.1:3000".into())).await?;
    print_curl_lines(&format!("http://{}", listener.local_addr()?), &issuer);
    let layer = AuthenticateLayer::new(issuer.verifier().build()?).render(ProblemJson);
    let app = routes.with_state(document.to_pretty_json()?.into()).into_router(layer);
    let ctrl_c = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c).await?;
    Ok(())
}

/// The document is the state, since it is made of the table that these routes have.
fn routes() -> GuardedRouter<Arc<str>> {
    let list_or_audit = scope("orders:read") | scope("orders:audit");
    let by_clerks = scope("orders:write") & role("clerk");
    let fresh_login = acr("urn:acr:2fa") & max_age(Duration::from_secs(300));
    GuardedRouter::new()
        .route("/orders", guarded::get(list_or_audit, list).post(by_clerks, create))
        .route("/orders/{id}", guarded::get(scope("orders:read"), order))
        .route("/prices", guarded::get(optional("members see theirs"), prices))
        .route("/transfer", guarded::get(fresh_login, transfer))
        .route("/openapi.json", guarded::get(public("the description of a public API"), document))
        .route("/docs", guarded::get(public("a page without data"), page))
        .route("/docs.js", guarded::get(public("a page without data"), script))
}

/// All orders.
#[utoipa::path(get, path = "/orders", responses((status = 200, body = Vec<Order>, description = "The orders")))]
async fn list() -> Json<Vec<Order>> {
    Json(vec![Order { item: "tea".into() }, Order { item: "biscuits".into() }])
}

/// Takes an order; clerks only.
#[utoipa::path(post, path = "/orders", request_body = Order,
    responses((status = 201, body = Order, description = "The order")))]
async fn create(Json(order): Json<Order>) -> (StatusCode, Json<Order>) {
    (StatusCode::CREATED, Json(order))
}

/// One order.
#[utoipa::path(get, path = "/orders/{id}", params(("id" = u32, Path)),
    responses((status = 200, body = Order, description = "The order")))]
async fn order(Path(id): Path<u32>) -> Json<Order> {
    Json(Order { item: format!("tea, cup {id}") })
}

/// The prices, lower ones for members.
#[utoipa::path(get, path = "/prices", responses((status = 200, body = String, description = "The prices")))]
async fn prices(claims: Option<Claims>) -> &'static str {
    if claims.is_some() { "tea: 2" } else { "tea: 3" }
}

/// Wants a login with two factors, five minutes ago at most.
#[utoipa::path(get, path = "/transfer", responses((status = 200, body = String, description = "Done")))]
async fn transfer() -> &'static str {
    "transferred"
}

async fn document(State(document): State<Arc<str>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "application/json")], document.to_string())
}

/// Runs its own script and nothing else, and talks to nobody but this server.
async fn page() -> ([(HeaderName, &'static str); 2], &'static str) {
    let only_ours = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, only_ours)];
    (headers, include_str!("openapi.html"))
}

async fn script() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("openapi.js"))
}

fn print_curl_lines(url: &str, issuer: &TestIssuer) {
    let token = |subject: &str| issuer.token().subject(subject).expires_in(Duration::from_secs(3600));
    let reader = token("alice").scope("orders:read").sign();
    let outsider = token("bob").scope("profile").sign();
    let show = |label: &str, token: Option<&str>, path: &str| {
        let header = token.map_or(String::new(), |token| format!("-H \"Authorization: Bearer {token}\" "));
        println!("# {label}\ncurl -i {header}{url}{path}\n");
    };
    println!("The page: {url}/docs\n");
    show("200: the scope is there", Some(&reader), "/orders");
    show("403: the scope is missing", Some(&outsider), "/orders");
    show("401: a stronger login is asked for", Some(&reader), "/transfer");
    show("200: the document", None, "/openapi.json");
}

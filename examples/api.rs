//! A whole API in one file: public, optional and guarded routes, readiness, scopes, roles, typed claims.
//!
//! Without any settings it starts a development issuer beside the API and prints `curl` lines with fresh tokens, ready
//! to be pasted into another terminal:
//!
//! ```text
//! cargo run --example api
//! ```
//!
//! With the two settings of a real deployment it trusts your own issuer instead, and wants that one's tokens:
//!
//! ```text
//! BEARER_ISSUER=https://id.example.com/realms/acme BEARER_AUDIENCE=https://api.example.com cargo run --example api
//! ```
//!
//! | route | who may |
//! | --- | --- |
//! | `GET /health` | everybody; the header is not even looked at |
//! | `GET /ready` | everybody; 503 until the issuer's keys are there |
//! | `GET /api/me` | any valid token |
//! | `GET /api/orders` | scope `orders:read` |
//! | `POST /api/orders` | scope `orders:write` |
//! | `GET /api/admin` | role `admin` |
//! | `GET /api/optional` | everybody; but who brings a token must bring a good one |
//!
//! The same table, made from the routes themselves, is printed at start: a route cannot be added without its policy.
//!
//! `LISTEN` sets the address (default `127.0.0.1:3000`; port 0 takes a free one), `RUST_LOG` what is logged to stderr:
//! `RUST_LOG=tower_bearer=debug` shows why a token was refused. Ctrl-C stops it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use axum::{Json, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    env,
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};
use tokio::net::TcpListener;
use tower_bearer::{
    AuthenticateLayer, Claims, Issuer, Verifier,
    guard::{GuardedRouter, guarded},
    issuer::Settings,
    policy::{authenticated, optional, public, role, scope},
    readiness::Readiness,
    testing::{AUDIENCE, TestIssuer},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// What this API wants to know of its callers beside the registered claims, which are there anyway.
#[derive(Deserialize)]
struct User {
    name: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    start_logging();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Kept until the end: the development issuer stops when it is dropped.
    let development = if has_settings() { None } else { Some(TestIssuer::serve().await?) };
    let verifier = match &development {
        Some(issuer) => Verifier::builder().issuer(Issuer::discover(issuer.identifier())?).audience(AUDIENCE),
        None => Verifier::builder().env()?,
    }
    .claims::<User>()
    .build()?;

    let routes = routes(&verifier);
    routes.table().check()?;

    let listener = listen().await?;
    let address = listener.local_addr()?;
    println!("{}", routes.table());
    tokio::spawn(warm(verifier.clone()));
    match &development {
        Some(issuer) => print_curl_lines(address, issuer)?,
        None => print_hint(address, &verifier)?,
    }

    let app = routes.into_router(AuthenticateLayer::new(verifier));
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;
    Ok(())
}

/// Each method with who may call it. A policy that is missing here does not compile.
fn routes(verifier: &Verifier<User>) -> GuardedRouter {
    let read = scope("orders:read");
    let write = scope("orders:write");
    GuardedRouter::new()
        .route("/api/me", guarded::get(authenticated(), me))
        .route("/api/orders", guarded::get(read, list_orders).post(write, create_order))
        .route("/api/admin", guarded::get(role("admin"), admin))
        .route("/api/optional", guarded::get(optional("guests are greeted, too"), greet))
        .route("/health", guarded::get(public("probes have no token"), || async { "alive" }))
        .route_service("/ready", public("probes have no token"), Readiness::new(verifier.clone()))
}

/// What the token says of its bearer. `principal()` has everything that every token has.
async fn me(claims: Claims<User>) -> Json<Value> {
    let caller = claims.principal();
    Json(json!({
        "sub": caller.subject(),
        "iss": caller.issuer(),
        "scopes": caller.scopes().collect::<Vec<_>>(),
        "roles": caller.roles().collect::<Vec<_>>(),
    }))
}

async fn list_orders() -> Json<Value> {
    Json(json!([{ "id": 1, "item": "tea" }, { "id": 2, "item": "biscuits" }]))
}

/// The claims of your own type are its fields, reached through `Claims` as through a `Box`.
async fn create_order(claims: Claims<User>) -> (StatusCode, Json<Value>) {
    let by = claims.name.as_deref().or(claims.subject());
    (StatusCode::CREATED, Json(json!({ "id": 3, "item": "tea", "by": by })))
}

async fn admin() -> Json<Value> {
    Json(json!({ "secret": "the kettle is behind the books" }))
}

/// `None` is a request without a token, never one with a bad token: that one was refused before it came here.
async fn greet(claims: Option<Claims<User>>) -> Json<Value> {
    Json(json!({ "sub": claims.as_ref().and_then(|claims| claims.subject()) }))
}

/// Loads the keys at once, so that the first request need not wait. An issuer that is down stops nothing.
async fn warm(verifier: Verifier<User>) {
    for issuer in verifier.warm_up().await.issuers {
        match issuer.last_error {
            None => {
                tracing::info!(issuer = issuer.issuer, keys = issuer.key_ids.len(), "ready to judge tokens")
            }
            Some(error) => {
                tracing::warn!(issuer = issuer.issuer, error, "no keys yet; tried again on demand")
            }
        }
    }
}

/// Whether this is a deployment. An empty variable is how a shell unsets one.
fn has_settings() -> bool {
    !Settings::from_env().is_empty()
}

async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address).await;
    listener.map_err(|error| format!("LISTEN={address}: {error}; port 0 takes a free one").into())
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        tracing::info!("stopping");
    }
}

fn start_logging() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

fn print_hint(address: SocketAddr, verifier: &Verifier<User>) -> io::Result<()> {
    println!("Listening on http://{address}");
    for issuer in verifier.status().issuers {
        println!("Trusting {}", issuer.issuer);
    }
    println!(
        "With one of its tokens in TOKEN: curl -i -H \"Authorization: Bearer $TOKEN\" http://{address}/api/me"
    );
    io::stdout().flush()
}

/// The listener is bound already, so each of these lines works from the moment it can be read.
fn print_curl_lines(address: SocketAddr, issuer: &TestIssuer) -> io::Result<()> {
    let token = |subject: &str| {
        issuer.token().subject(subject).claim("name", subject).expires_in(Duration::from_secs(3600))
    };
    let reader = token("alice").scope("orders:read").sign();
    let outsider = token("bob").scope("profile").sign();
    let expired = token("alice").scope("orders:read").expired().sign();
    let writer = token("alice").scope("orders:read orders:write").sign();
    let admin = token("carol").role("admin").sign();

    println!("Listening on http://{address}, trusting a development issuer, {}.", issuer.identifier());
    println!("Paste these lines into another terminal; the tokens are good for an hour.\n");
    let show = |label: &str, options: &str, token: Option<&str>, path: &str| {
        let header = token.map_or(String::new(), |token| format!("-H \"Authorization: Bearer {token}\" "));
        println!("# {label}\ncurl -i {options}{header}http://{address}{path}\n");
    };
    show("200: a token with the scope orders:read", "", Some(&reader), "/api/orders");
    show("403: a good token without that scope", "", Some(&outsider), "/api/orders");
    show("401: a token that has expired", "", Some(&expired), "/api/orders");
    show("401: no token", "", None, "/api/orders");

    println!("# And the other routes:\n");
    show("201: a token with the scope orders:write", "-X POST ", Some(&writer), "/api/orders");
    show("200: what the API knows of a caller", "", Some(&writer), "/api/me");
    show("200: a token with the role admin", "", Some(&admin), "/api/admin");
    show("403: a token without that role", "", Some(&reader), "/api/admin");
    show("200: no token, where one is optional", "", None, "/api/optional");
    show("401: a bad token is refused there, too", "", Some(&expired), "/api/optional");
    show("200: whether the keys are there", "", None, "/ready");
    io::stdout().flush()
}

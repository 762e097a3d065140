//! The attack corpus of `tower_bearer::testing::attacks`, against the routes of the example `api`.
//!
//! ```text
//! cargo run --example attacks            # tries them all
//! cargo run --example attacks -- --list  # one a line: name, category, source, what it does, with tabs between
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

#[path = "../api/handlers.rs"]
mod handlers;
#[path = "../api/routes.rs"]
mod routes;

use axum::{
    Router,
    body::Body,
    http::{Request, Uri},
};
use handlers::{ApiDoc, User};
use std::{env, error::Error, process::ExitCode, sync::Arc};
use tokio::sync::watch;
use tower_bearer::{
    AuthenticateLayer,
    guard::RouteTable,
    policy::{Checks, Policies},
    testing::{
        TestIssuer,
        attacks::{assert_guarded, assert_resists, corpus},
    },
};
use utoipa::OpenApi as _;

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--list") {
        corpus().for_each(|attack| println!("{attack}"));
        return ExitCode::SUCCESS;
    }
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every attack was answered right.
async fn run() -> Result<bool, Box<dyn Error>> {
    let issuer = TestIssuer::new();
    let orders = || {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static("/api/orders");
        request
    };
    let (app, table) = app(&issuer)?;
    let trial = assert_resists(&issuer, app.clone(), orders).token(|token| token.scope("orders:read"));
    let attacks = trial.report().await;
    print!("GET /api/orders: {attacks}");
    let routes = assert_guarded(&issuer, &table, app, || Request::new(Body::empty())).report().await;
    print!("every route: {routes}");
    Ok(attacks.is_clean() && routes.faults().is_empty())
}

/// The API as it is served, with the test's issuer in place of a real one.
fn app(issuer: &TestIssuer) -> Result<(Router, RouteTable), Box<dyn Error>> {
    let verifier = issuer.verifier().claims::<User>().build()?;
    let policies: Policies = toml::from_str(include_str!("../api/policies.toml"))?;
    let (routes, _) = routes::routes(&verifier).with_policies(&policies, Checks::new())?;
    let (_, document) = watch::channel(Arc::from(ApiDoc::openapi().to_json()?));
    let table = routes.table();
    Ok((routes.into_router(AuthenticateLayer::new(verifier)).with_state(document), table))
}

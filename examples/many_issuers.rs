//! Two trusted issuers, each with keys and claims of its own. Both call their key by the same `kid`, and write roles in
//! different places; neither can speak for the other.
//!
//! Starts both issuers on loopback, asks one API in process, prints the answers, and exits:
//!
//! ```text
//! cargo run --example many_issuers
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{Json, Router, body::Body, http::Request, response::IntoResponse, routing::get};
use serde_json::json;
use std::error::Error;
use tower::ServiceExt;
use tower_bearer::{
    AuthError, AuthenticateLayer, Issuer, Verifier,
    claims::Principal,
    policy::{issuer, role},
    require,
    testing::{AUDIENCE, TestIssuer},
};

const PARTNER_ROLES: &str = "https://partners.example/roles";

/// The same question, `role("clerk")`, is answered from another claim for each issuer.
fn verifier(staff: &TestIssuer, partners: &TestIssuer) -> Result<Verifier, Box<dyn Error>> {
    let verifier = Verifier::builder()
        // Keycloak writes roles so.
        .issuer(Issuer::discover(staff.identifier())?.roles_from(["/realm_access/roles"]))
        // This one has a claim of its own for them. What begins with a slash is a path; this is a name, taken whole.
        .issuer(Issuer::discover(partners.identifier())?.roles_from([PARTNER_ROLES]))
        .audience(AUDIENCE)
        .build()?;
    Ok(verifier)
}

fn app(verifier: Verifier, staff: &TestIssuer) -> Router {
    let staff_only = role("clerk") & issuer(staff.identifier());
    Router::new()
        .route("/orders", get(who).route_layer(require(role("clerk"))))
        .route("/payroll", get(who).route_layer(require(staff_only)))
        .layer(AuthenticateLayer::new(verifier))
}

/// A subject is unique within its issuer only: whoever stores callers, stores both.
async fn who(caller: Principal) -> impl IntoResponse {
    Json(json!({ "iss": caller.issuer(), "sub": caller.subject() }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (staff, partners) = (TestIssuer::serve().await?, TestIssuer::serve().await?);
    let verifier = verifier(&staff, &partners)?;
    for known in verifier.warm_up().await.issuers {
        println!("{} is {:?} with the keys {:?}", known.issuer, known.state, known.key_ids);
    }
    let app = app(verifier, &staff);

    let staff_roles = json!({ "roles": ["clerk"] });
    let stranger = TestIssuer::serve().await?;
    let tokens = [
        ("a clerk of the staff", staff.token().claim("realm_access", staff_roles.clone())),
        ("a clerk of a partner", partners.token().claim(PARTNER_ROLES, vec!["clerk"])),
        (
            "a partner who writes roles as the staff does",
            partners.token().claim("realm_access", staff_roles.clone()),
        ),
        (
            "a partner who signs in the name of the staff",
            partners.token().claim("iss", staff.identifier()).claim("realm_access", staff_roles.clone()),
        ),
        ("an issuer that nobody trusts", stranger.token().claim("realm_access", staff_roles)),
    ];
    for (name, token) in tokens {
        let token = token.sign();
        println!("\n{name}:");
        for path in ["/orders", "/payroll"] {
            let request = Request::get(path).header("Authorization", format!("Bearer {token}"));
            let response = app.clone().oneshot(request.body(Body::empty())?).await?;
            let reason = response.extensions().get::<AuthError>().map(|error| error.reason());
            let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            println!("  {path}: {}{reason}", response.status());
        }
    }
    println!("\nAn unknown issuer is asked for nothing: {} fetches", stranger.fetches());
    Ok(())
}

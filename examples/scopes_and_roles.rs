//! Policies: scopes, roles, groups and claims, joined by `&`, `|` and `!`, each on its own route.
//!
//! Asks every route for every caller, in process, prints who may what and why not, and exits:
//!
//! ```text
//! cargo run --example scopes_and_roles
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{
    Router,
    body::Body,
    http::{Request, header::WWW_AUTHENTICATE},
    response::Response,
    routing::get,
};
use std::error::Error;
use tower::ServiceExt;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims,
    policy::{Policy, absent, any_scope, check, claim, group, role, scope},
    require,
    testing::TestIssuer,
};

/// Each path with its policy. A policy is data: it is built once, printed here, and enforced in `app`.
fn policies() -> Result<Vec<(&'static str, Policy)>, Box<dyn Error>> {
    Ok(vec![
        ("/orders", scope("orders:read")),
        ("/search", any_scope(["orders:read", "search"])),
        ("/ledger", scope("orders:read") & (role("clerk") | role("manager"))),
        // Only a yes allows. A token that says nothing of groups is no yes, so it does not pass the first one …
        ("/office", !group("visitors")),
        // … but does pass this one, which says so.
        ("/canteen", absent("groups") | !group("visitors")),
        // Any claim, by name or JSON Pointer.
        ("/oslo", claim("/office/city", "Oslo")),
        // A question of your own.
        ("/short-names", check("short-name", |caller| Some(caller.subject()?.len() <= 3))),
        // Out of a configuration file: the text that `Display` writes reads back as the same policy.
        ("/vault", "scope(vault:open) & role(manager) & !group(visitors)".parse()?),
    ])
}

fn app(issuer: &TestIssuer) -> Result<Router, Box<dyn Error>> {
    let mut router = Router::new().route("/refund", get(refund));
    for (path, policy) in policies()? {
        router = router.route(path, get(|| async { "done" }).route_layer(require(policy)));
    }
    Ok(router.layer(AuthenticateLayer::new(issuer.verifier().build()?)))
}

/// What depends on the resource is decided where the resource is known. The answer is the layer's own.
async fn refund(claims: Claims) -> Result<&'static str, AuthError> {
    let amount = 500; // Out of a database, say.
    if amount > 100 {
        claims.require(role("manager"))?;
    }
    Ok("refunded")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::new();
    let app = app(&issuer)?;
    let token = |subject: &str| issuer.token().subject(subject);
    let oslo = serde_json::json!({ "city": "Oslo" });
    let reader = token("alice").scope("orders:read").sign();
    let clerk = token("bob").scope("orders:read search").role("clerk").sign();
    let manager = token("eve").scope("orders:read vault:open").role("manager");
    let manager = manager.claim("groups", vec!["staff"]).claim("office", oslo).sign();
    let visitor = token("mallory").scope("search").claim("groups", vec!["visitors"]).sign();

    println!("{:13}{:56}alice  bob    eve    mallory", "", "");
    let handler = ("/refund", "in the handler: role(manager)".to_owned());
    let routes = policies()?.into_iter().map(|(path, policy)| (path, policy.to_string()));
    for (path, policy) in routes.chain([handler]) {
        print!("{path:13}{policy:56}");
        for token in [&reader, &clerk, &manager, &visitor] {
            print!("{:<7}", ask(&app, path, token).await?.status().as_u16());
        }
        println!();
    }

    // The client learns what to ask for. The response also carries the error, for a layer or a test of your own.
    let refused = ask(&app, "/vault", &visitor).await?;
    if let Some(challenge) = refused.headers().get(WWW_AUTHENTICATE) {
        println!("\nmallory is told at /vault:  {}", challenge.to_str()?);
    }
    if let Some(error) = refused.extensions().get::<AuthError>() {
        println!("whoever watches, learns:    {}", error.reason());
    }
    Ok(())
}

async fn ask(app: &Router, path: &str, token: &str) -> Result<Response, Box<dyn Error>> {
    let request = Request::get(path).header("Authorization", format!("Bearer {token}"));
    Ok(app.clone().oneshot(request.body(Body::empty())?).await?)
}

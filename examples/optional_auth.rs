//! A route that greets guests and members alike: the token is optional, but a bad one is never taken for none.
//!
//! Serves a price list beside an issuer for development, on `LISTEN` (default `127.0.0.1:3000`), and prints `curl` lines
//! to try it with. Ctrl-C stops it.
//!
//! ```text
//! cargo run --example optional_auth
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{env, error::Error};
use tokio::net::TcpListener;
use tower_bearer::{
    AuthenticateLayer, Claims, Issuer, Verifier,
    policy::{authenticated, optional},
    require,
    testing::{AUDIENCE, TestIssuer},
};

#[derive(Deserialize)]
struct Member {
    #[serde(default)]
    discount: u8,
}

fn app(verifier: Verifier<Member>) -> Router {
    Router::new()
        // For guests, too. The policy changes nothing; it says that this was meant.
        .route("/prices", get(prices).route_layer(require(optional("members see their own prices"))))
        // Behind the same layer, for members only: by a policy …
        .route("/orders", get(|| async { "your orders" }).route_layer(require(authenticated())))
        // … or simply because the handler takes `Claims<Member>`, not an `Option` of it.
        .route("/me", get(me))
        .layer(AuthenticateLayer::new(verifier).optional())
}

async fn prices(member: Option<Claims<Member>>) -> Json<Value> {
    let percent = member.as_ref().map_or(0, |member| member.discount.min(100));
    let who = member.as_ref().and_then(|member| member.subject()).unwrap_or("guest");
    Json(json!({ "for": who, "tea": 4.0 * f64::from(100 - percent) / 100.0 }))
}

async fn me(member: Claims<Member>) -> Json<Value> {
    Json(json!({ "sub": member.subject(), "discount": member.discount }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::serve().await?;
    let verifier = Verifier::builder()
        .issuer(Issuer::discover(issuer.identifier())?)
        .audience(AUDIENCE)
        .claims::<Member>()
        .build()?;

    let listener = TcpListener::bind(env::var("LISTEN").unwrap_or("127.0.0.1:3000".into())).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let member = issuer.token().subject("alice").claim("discount", 25).sign();
    let expired = issuer.token().subject("alice").expired().sign();
    println!("# 200: a guest pays 4.0\ncurl -i {url}/prices\n");
    println!("# 200: a member pays 3.0\ncurl -i -H \"Authorization: Bearer {member}\" {url}/prices\n");
    println!(
        "# 401: an expired token does not make a guest\ncurl -i -H \"Authorization: Bearer {expired}\" {url}/prices\n"
    );
    println!("# 401: a guest has no orders\ncurl -i {url}/orders\n");
    println!("# 401: nor is there anybody to be\ncurl -i {url}/me\n");
    println!("# 200: a member is somebody\ncurl -i -H \"Authorization: Bearer {member}\" {url}/me\n");

    let ctrl_c = async { _ = tokio::signal::ctrl_c().await };
    axum::serve(listener, app(verifier)).with_graceful_shutdown(ctrl_c).await?;
    Ok(())
}

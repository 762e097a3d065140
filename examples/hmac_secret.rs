//! A secret shared with the issuer (HS256), for a login service of your own: no key set, no network.
//!
//! Whoever can verify such a token can also make one, so prefer a public key wherever the issuer offers it. Asks in
//! process, prints the answers, and exits:
//!
//! ```text
//! cargo run --example hmac_secret
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{Router, body::Body, http::Request, routing::get};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use std::{error::Error, time::SystemTime};
use tower::ServiceExt;
use tower_bearer::{AuthError, AuthenticateLayer, Claims, Issuer, Verifier, keys::Algorithm};

const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// The API: it knows the secret, and one algorithm to use it with.
fn app(secret: &[u8]) -> Result<Router, Box<dyn Error>> {
    let verifier = Verifier::builder()
        .issuer(Issuer::hmac(ISSUER, secret, Algorithm::HS256)?)
        .audience(AUDIENCE)
        .build()?;
    let hello = |claims: Claims| async move { format!("hello {}", claims.subject().unwrap_or("nobody")) };
    Ok(Router::new().route("/hello", get(hello)).layer(AuthenticateLayer::new(verifier)))
}

/// The login service, elsewhere.
fn log_in(secret: &[u8], algorithm: jsonwebtoken::Algorithm) -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300 });
    Ok(encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret))?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In earnest: 32 random bytes or more out of a secret store, never a text in the source.
    let secret = b"for this example only: not a secret, but long enough for HS512, too.";
    let app = app(secret)?;

    use jsonwebtoken::Algorithm::{HS256, HS512};
    for (name, token) in [
        ("signed with the secret", log_in(secret, HS256)?),
        ("signed with another one", log_in(b"a guess that is just as long as it has to be", HS256)?),
        ("signed with the secret, in another way", log_in(secret, HS512)?),
    ] {
        let request = Request::get("/hello").header("Authorization", format!("Bearer {token}"));
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        let reason = response.extensions().get::<AuthError>().map(|error| error.reason());
        println!("{name}: {} {}", response.status(), reason.map_or("", |reason| reason.id()));
    }

    if let Err(error) = Issuer::hmac(ISSUER, b"hunter2", Algorithm::HS256) {
        println!("\nA secret that can be guessed is refused at start-up: {error}");
    }
    Ok(())
}

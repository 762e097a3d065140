//! How a refusal looks: no body, problem details, or your own; and refusals that pass through an error type of yours.
//!
//! Status, `WWW-Authenticate` and `Cache-Control` are the crate's; a renderer draws the body and may add headers.
//! Asks in process, prints the answers whole, and exits:
//!
//! ```text
//! cargo run --example custom_refusals
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::Path,
    http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE, response::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use std::error::Error;
use tower::ServiceExt;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims, Verifier,
    challenge::{EmptyBody, ProblemJson, Render},
    error::AuthErrorKind,
    policy::{role, scope},
    require,
    testing::TestIssuer,
};

/// Every error of this API looks alike, refusals included.
#[derive(Clone)]
struct HouseStyle;

impl Render<Body> for HouseStyle {
    fn render(&self, error: &AuthError, head: &mut Parts) -> Body {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The kind and the description are made for the client; the reason is for the log.
        let code = match error.kind() {
            AuthErrorKind::MissingToken => "SIGN_IN",
            AuthErrorKind::InvalidToken => "SIGN_IN_AGAIN",
            AuthErrorKind::InsufficientScope => "NOT_ALLOWED",
            AuthErrorKind::InsufficientAuthentication => "SIGN_IN_STRONGER",
            AuthErrorKind::Unavailable => "TRY_LATER",
            _ => "FAILED",
        };
        let needs: Vec<_> = error.scopes().collect();
        Body::from(json!({ "code": code, "says": error.description(), "needs": needs }).to_string())
    }
}

/// The application's own error, for handlers that can fail in more ways than one.
enum AppError {
    Refused(AuthError),
    NoSuchOrder,
}

impl From<AuthError> for AppError {
    fn from(error: AuthError) -> Self {
        Self::Refused(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            // Handed on, so that the layer draws it like its own: challenge, body and all.
            Self::Refused(error) => error.into_response(),
            // No refusal: what you draw yourself stays as it is.
            Self::NoSuchOrder => {
                (StatusCode::NOT_FOUND, Json(json!({ "code": "NO_SUCH_ORDER" }))).into_response()
            }
        }
    }
}

/// The owner sees an order, and whoever audits.
async fn order(claims: Claims, Path(id): Path<u32>) -> Result<String, AppError> {
    let owner = match id {
        1 => "alice",
        2 => "bob",
        _ => return Err(AppError::NoSuchOrder),
    };
    if claims.subject() != Some(owner) {
        claims.require(role("auditor"))?;
    }
    Ok(format!("order {id} of {owner}"))
}

/// The layer's type names its renderer, so that a wrong one is found by the compiler.
fn app<R: Render<Body> + Clone>(verifier: &Verifier, renderer: R) -> Router {
    let layer = AuthenticateLayer::new(verifier.clone())
        .realm("orders")
        .resource_metadata("https://api.example.com/.well-known/oauth-protected-resource")
        .render(renderer);
    Router::new()
        .route("/orders", get(|| async { "orders" }).route_layer(require(scope("orders:read"))))
        .route("/orders/{id}", get(order))
        .layer(layer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build()?;
    let expired = issuer.token().expired().sign();
    let alice = issuer.token().subject("alice").sign();

    // A closure is a renderer, too.
    let sentence = |error: &AuthError, _: &mut Parts| Body::from(format!("{error}\n"));
    for (name, app) in [
        ("EmptyBody, the default", app(&verifier, EmptyBody)),
        ("ProblemJson (RFC 9457)", app(&verifier, ProblemJson)),
        ("a closure", app(&verifier, sentence)),
        ("your own type", app(&verifier, HouseStyle)),
    ] {
        println!("----- {name} -----\n");
        show(&app, "an expired token", "/orders", &expired).await?;
        show(&app, "a token without the scope", "/orders", &alice).await?;
    }

    println!("----- the application's own error type -----\n");
    let app = app(&verifier, HouseStyle);
    show(&app, "alice reads her own order", "/orders/1", &alice).await?;
    show(&app, "alice reads bob's order", "/orders/2", &alice).await?;
    show(&app, "alice reads an order that is not there", "/orders/3", &alice).await
}

async fn show(app: &Router, what: &str, path: &str, token: &str) -> Result<(), Box<dyn Error>> {
    let request = Request::get(path).header("Authorization", format!("Bearer {token}"));
    let response = app.clone().oneshot(request.body(Body::empty())?).await?;
    println!("{what}: {}", response.status());
    for (name, value) in response.headers() {
        println!("    {name}: {}", value.to_str()?);
    }
    let body = to_bytes(response.into_body(), 64 * 1024).await?;
    if !body.is_empty() {
        println!("\n    {}", String::from_utf8_lossy(&body).trim_end());
    }
    println!();
    Ok(())
}

//! An authorization server as small as one can be: everybody is alice, says yes, and gets what was asked for.

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;
use tower_bearer::testing::TestIssuer;

pub(crate) const CLIENT: &str = "a-client";
pub(crate) const REDIRECT: &str = "http://127.0.0.1/callback";

type Query = HashMap<String, String>;

/// Stops with its test's runtime.
#[derive(Clone)]
pub(crate) struct AuthorizationServer {
    pub(crate) issuer: TestIssuer,
    /// What was asked for, by code.
    grants: Arc<Mutex<Vec<Query>>>,
}

impl AuthorizationServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = TestIssuer::named(&format!("http://{}", listener.local_addr().unwrap()));
        let server = Self { issuer, grants: Arc::default() };
        let app = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/jwks", get(async |State(server): State<Self>| Json(server.issuer.jwks())))
            .route("/authorize", get(authorize))
            .route("/token", post(token));
        serve(listener, app.with_state(server.clone()));
        server
    }

    /// The `resource` of the last token (RFC 8707 section 2.2).
    pub(crate) fn last_resource(&self) -> String {
        self.grants.lock().unwrap().last().unwrap()["resource"].clone()
    }
}

pub(crate) fn serve(listener: TcpListener, app: Router) {
    tokio::spawn(async move { axum::serve(listener, app).await });
}

/// The parameters of a URL.
pub(crate) fn query(url: &str) -> Query {
    reqwest::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// RFC 8414 section 2.
async fn metadata(State(server): State<AuthorizationServer>) -> Json<Value> {
    let issuer = server.issuer.identifier();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    }))
}

async fn authorize(
    State(server): State<AuthorizationServer>,
    RawQuery(asked): RawQuery,
) -> impl IntoResponse {
    let asked = query(&format!("{REDIRECT}?{}", asked.unwrap()));
    let mut grants = server.grants.lock().unwrap();
    let back = format!("{REDIRECT}?code={}&state={}", grants.len(), asked["state"]);
    grants.push(asked);
    (StatusCode::FOUND, [(LOCATION, back)])
}

/// A code gives one token, for the resource that was named both times.
async fn token(State(server): State<AuthorizationServer>, form: String) -> Json<Value> {
    let form = query(&format!("{REDIRECT}?{form}"));
    assert_eq!(form["grant_type"], "authorization_code");
    let granted = server.grants.lock().unwrap()[form["code"].parse::<usize>().unwrap()].clone();
    assert_eq!(form["resource"], granted["resource"]);
    assert_eq!(form.contains_key("code_verifier"), granted.contains_key("code_challenge"));
    let token = server.issuer.token().audience(&granted["resource"]).scope(&granted["scope"]);
    Json(json!({ "access_token": token.sign(), "token_type": "Bearer", "scope": granted["scope"] }))
}

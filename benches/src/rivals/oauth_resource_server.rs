use crate::tokens::{AUDIENCE, ISSUER, Mint};
use axum::{Router, routing::get};
use oauth_resource_server::{AuthorizedToken, KeyNaming, OAuthConfig, OAuthValidator, axum::AuthLayer};
use std::{hint::black_box, sync::Arc};

pub(super) fn app(mint: &Mint) -> Router {
    let config = OAuthConfig {
        enabled: true,
        issuer: ISSUER.into(),
        jwks_uri: Some("https://id.example.com/certs".into()),
        audience: AUDIENCE.into(),
        resource: AUDIENCE.into(),
        required_scopes: vec!["orders:read".into(), "orders:write".into()],
        algorithms: vec![mint.signer.alg.into()],
        ..OAuthConfig::default()
    };
    let resolved = config.resolve(KeyNaming::Dotted("oauth")).expect("a set-up").expect("it is enabled");
    let validator = OAuthValidator::builder(&resolved).initial_jwks(&mint.signer.jwks()).build();
    let layer = AuthLayer::builder().oauth(Arc::new(validator.expect("a validator"))).build();
    Router::new().route("/orders", get(orders)).layer(layer.expect("a layer"))
}

async fn orders(token: AuthorizedToken) -> &'static str {
    black_box(&token.principal);
    "orders"
}

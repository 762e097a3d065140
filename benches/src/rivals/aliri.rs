use crate::tokens::{AUDIENCE, ISSUER, Mint, Roles};
use aliri::{Jwks, jwa, jwt};
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority, HasScope, Scope, policy, scope};
use aliri_tower::Oauth2Authorizer;
use axum::{Extension, Router, body::Body, routing::get};
use serde::Deserialize;
use std::{collections::HashMap, hint::black_box};

/// The same thirteen claims, in this crate's types where it asks for them.
#[derive(Debug, Clone, Deserialize)]
#[allow(dead_code)]
struct Staff {
    exp: UnixTime,
    iat: u64,
    jti: String,
    iss: jwt::Issuer,
    aud: jwt::Audiences,
    sub: jwt::Subject,
    azp: String,
    sid: String,
    acr: String,
    realm_access: Roles,
    resource_access: HashMap<String, Roles>,
    scope: Scope,
    preferred_username: String,
}

impl jwt::CoreClaims for Staff {
    fn nbf(&self) -> Option<UnixTime> {
        None
    }

    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }

    fn aud(&self) -> &jwt::Audiences {
        &self.aud
    }

    fn iss(&self) -> Option<&jwt::IssuerRef> {
        Some(&self.iss)
    }

    fn sub(&self) -> Option<&jwt::SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for Staff {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

pub(super) fn app(mint: &Mint) -> Router {
    let keys: Jwks = serde_json::from_str(&mint.signer.jwks()).expect("a key set");
    let algorithm: jwa::Algorithm = match mint.signer.alg {
        "RS256" => jwa::Algorithm::RS256,
        _ => jwa::Algorithm::ES256,
    };
    let validator = jwt::CoreValidator::default()
        .add_approved_algorithm(algorithm)
        .add_allowed_audience(jwt::Audience::from_static(AUDIENCE))
        .require_issuer(jwt::Issuer::from_static(ISSUER))
        .check_expiration();
    let authorizer = Oauth2Authorizer::new().with_claims::<Staff>().with_terse_error_handler::<Body>();
    let scopes = authorizer.scope_layer(policy![scope!["orders:read", "orders:write"]]);
    Router::new()
        .route("/orders", get(orders).route_layer(scopes))
        .layer(authorizer.jwt_layer(Authority::new(keys, validator)))
}

async fn orders(claims: Extension<Staff>) -> &'static str {
    black_box(&claims.preferred_username);
    "orders"
}

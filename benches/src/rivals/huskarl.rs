use crate::{
    ours::RUNTIME,
    tokens::{AUDIENCE, ISSUER, Mint, Roles},
};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Request, StatusCode},
    routing::get,
};
use huskarl_axum::{
    extractors::ValidatedToken,
    layers::{HasScopes, ValidatorLayer},
    resource_server::{
        core::{
            EndpointUrl, Error,
            http::{HttpClient, HttpResponse, Idempotency},
            jwk::JwksSource,
            platform::MaybeSendBoxFuture,
        },
        validator::custom::CustomValidator,
    },
};
use serde::Deserialize;
use std::{collections::HashMap, future, hint::black_box, sync::Arc};

/// Seven of the thirteen claims: it reads the registered ones itself, and leaves only the others to this type.
#[derive(Debug, Clone, Deserialize)]
#[allow(dead_code)]
struct Staff {
    azp: String,
    sid: String,
    acr: String,
    realm_access: Roles,
    resource_access: HashMap<String, Roles>,
    scope: String,
    preferred_username: String,
}

/// Keys in process.
struct InProcess(String);

impl HttpClient for InProcess {
    fn execute(
        &self,
        _: Request<Bytes>,
        _: Idempotency,
    ) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        let body = Bytes::from(self.0.clone());
        Box::pin(future::ready(Ok(HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body })))
    }
}

impl HasScopes for Staff {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}

pub(super) fn app(mint: &Mint) -> Router {
    let certs: EndpointUrl = "https://id.example.com/certs".parse().expect("an address");
    let source = JwksSource::builder().http_client(InProcess(mint.signer.jwks())).build();
    let validator = CustomValidator::builder()
        .with_claims::<Staff>()
        .jwks_uri(certs)
        .iss(ISSUER)
        .aud(AUDIENCE)
        .require_exp(true)
        .jws_verifier_factory(Arc::new(source))
        .build();
    let validator = RUNTIME.block_on(validator).expect("a validator");
    let layer = ValidatorLayer::builder().validator(validator).build();
    let guarded = get(orders).layer(layer.require_scopes(["orders:read", "orders:write"]));
    Router::new().route("/orders", guarded)
}

async fn orders(token: ValidatedToken<Staff>) -> &'static str {
    black_box(&token.claims.preferred_username);
    "orders"
}

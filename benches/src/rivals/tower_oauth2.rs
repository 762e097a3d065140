use crate::{
    ours::RUNTIME,
    tokens::{AUDIENCE, ISSUER, Mint, Staff},
};
use axum::{Extension, Router, routing::get};
use std::hint::black_box;
use tower_oauth2_resource_server::{
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

pub(super) fn app(mint: &Mint) -> Router {
    let audiences = vec![AUDIENCE.to_owned()];
    // Its recommended set demands `nbf`, which Keycloak does not write.
    let validation = ClaimsValidationSpec::new().iss(ISSUER).exp(true).aud(&audiences);
    let tenant = TenantConfiguration::static_builder(mint.signer.jwks())
        .identifier(ISSUER)
        .audiences(&audiences)
        .claims_validation(validation)
        .build()
        .expect("a tenant");
    let server = OAuth2ResourceServer::<Staff>::builder().add_tenant(tenant).build();
    let server = RUNTIME.block_on(server).expect("a server");
    Router::new().route("/orders", get(orders)).layer(server.into_layer())
}

async fn orders(claims: Extension<Staff>) -> &'static str {
    black_box(&claims.preferred_username);
    "orders"
}

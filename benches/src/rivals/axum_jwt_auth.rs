use crate::tokens::{AUDIENCE, ISSUER, Mint, Staff};
use axum::{Router, extract::FromRef, routing::get};
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use jsonwebtoken10::{DecodingKey, Validation, crypto::aws_lc, jwk::Jwk};
use std::{hint::black_box, sync::Arc};

#[derive(Clone)]
struct Decoding(Decoder<Staff>);

impl FromRef<Decoding> for Decoder<Staff> {
    fn from_ref(state: &Decoding) -> Self {
        Arc::clone(&state.0)
    }
}

pub(super) fn app(mint: &Mint) -> Router {
    // It brings RustCrypto along; AWS-LC is faster. An error only says that it is installed already.
    let _ = aws_lc::DEFAULT_PROVIDER.install_default();
    let jwk: Jwk = serde_json::from_value(mint.signer.jwk()).expect("a JWK");
    let mut validation = Validation::new(mint.signer.alg.parse().expect("an algorithm"));
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    let key = DecodingKey::from_jwk(&jwk).expect("a key");
    let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build();
    let state = Decoding(Arc::new(decoder.expect("a decoder")));
    Router::new().route("/orders", get(orders)).with_state(state)
}

async fn orders(user: Claims<Staff>) -> &'static str {
    black_box(&user.claims.preferred_username);
    "orders"
}

//! `jsonwebtoken::decode` and nothing around it.

use crate::{
    harness::Case,
    tokens::{AUDIENCE, ISSUER, Mint, Staff},
};
use jsonwebtoken::{DecodingKey, Validation, jwk::Jwk};
use std::hint::black_box;

pub(super) fn decode(mint: &Mint, token: &str) -> Case {
    let jwk: Jwk = serde_json::from_value(mint.signer.jwk()).expect("a JWK");
    let key = DecodingKey::from_jwk(&jwk).expect("a key");
    let mut validation = Validation::new(mint.signer.alg.parse().expect("an algorithm"));
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_nbf = true;
    let token = token.to_owned();
    Case::new("jsonwebtoken_decode", mint.signer.alg, 1, move || {
        let decoded = jsonwebtoken::decode::<Staff>(black_box(&token), &key, &validation);
        black_box(decoded.expect("a good token"));
    })
}

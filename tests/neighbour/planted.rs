//! Keys that a neighbour may plant, all under one `kid`: weak, secret, mislabelled, or none at all.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::LazyLock;
use tower_bearer::testing::TestIssuer;

pub(crate) const KID: &str = "planted";
pub(crate) const SECRET: &[u8] = b"a secret that is published, and long enough for any HMAC there is";

/// Whose private key the neighbour has.
pub(crate) fn thief() -> TestIssuer {
    static THIEF: LazyLock<TestIssuer> = LazyLock::new(TestIssuer::new);
    THIEF.clone()
}

/// The thief's public key, with members more or otherwise.
fn stolen(more: Value) -> Value {
    let mut key = thief().jwks()["keys"][0].clone();
    key["kid"] = json!(KID);
    let more = more.as_object().unwrap().clone();
    key.as_object_mut().unwrap().extend(more);
    key
}

fn rsa(bytes: usize, last: u8, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xFF; bytes];
    modulus[bytes - 1] = last;
    json!({"kty": "RSA", "kid": KID, "n": encode(modulus), "e": encode(exponent)})
}

fn ec(coordinate: [u8; 32]) -> Value {
    json!({"kty": "EC", "kid": KID, "crv": "P-256", "x": encode(coordinate), "y": encode(coordinate)})
}

fn ed25519(point: [u8; 32]) -> Value {
    json!({"kty": "OKP", "kid": KID, "crv": "Ed25519", "x": encode(point)})
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Not one of them is a key to check a signature with.
pub(crate) fn unfit() -> Vec<Value> {
    let neutral: [u8; 32] = std::array::from_fn(|index| u8::from(index == 0));
    let order_two: [u8; 32] = std::array::from_fn(|index| [0xEC, 0xFF, 0x7F][index.min(1) + index / 31]);
    vec![
        rsa(256, 0xFF, &[1]),
        rsa(256, 0xFF, &[2]),
        rsa(256, 0xFE, &[1, 0, 1]),
        rsa(128, 0xFF, &[1, 0, 1]),
        rsa(4096, 0xFF, &[1, 0, 1]),
        rsa(256, 0xFF, &[]),
        ec([0; 32]),
        ec([1; 32]),
        ec([0xFF; 32]),
        ed25519(neutral),
        ed25519([0; 32]),
        ed25519(order_two),
        ed25519([0xFF; 32]),
        json!({"kty": "oct", "kid": KID, "k": encode(SECRET)}),
        json!({"kty": "oct", "kid": KID, "k": encode(SECRET), "alg": "ES256"}),
        stolen(json!({"d": encode([7; 32])})),
        stolen(json!({"k": encode(SECRET)})),
        stolen(json!({"alg": "RS256"})),
        stolen(json!({"alg": "none"})),
        stolen(json!({"alg": "HS256"})),
        stolen(json!({"use": "enc"})),
        stolen(json!({"key_ops": ["sign"]})),
        stolen(json!({"crv": "P-384"})),
        stolen(json!({"crv": "secp256k1"})),
        stolen(json!({"kty": "RSA"})),
        stolen(json!({"kty": "ec"})),
        stolen(json!({"kty": 7})),
        json!({"kid": KID}),
        json!([]),
        Value::Null,
    ]
}

/// The issuer's key, and under its `kid` another one.
pub(crate) fn ambiguous(issuer: &TestIssuer) -> Value {
    let mut keys = issuer.jwks();
    let kid = keys["keys"][0]["kid"].clone();
    keys["keys"].as_array_mut().unwrap().push(stolen(json!({"kid": kid})));
    keys
}

//! Tokens of the neighbour's issuer that nobody should take, each one right by a key that the neighbour may plant.

use crate::planted::{KID, SECRET, thief};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tower_bearer::testing::{AUDIENCE, TestIssuer};

/// Long enough for any turn of the clock.
pub(crate) const LIFETIME: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// By name. `iss` is who they claim to be of, `real` is the issuer's own `kid`.
pub(crate) fn all(iss: &TestIssuer) -> Vec<(&'static str, String)> {
    let real = iss.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    vec![
        ("a stranger's signature under the issuer's key id", stolen(iss, &real)),
        ("a stranger's signature under a planted key id", stolen(iss, KID)),
        ("no algorithm", with(iss, "none", &real, |_| Vec::new())),
        ("a signature by a planted secret", hmac(iss)),
        ("a zero signature (CVE-2022-21449)", with(iss, "ES256", KID, |_| vec![0; 64])),
        ("a zero signature under the issuer's key id", with(iss, "ES256", &real, |_| vec![0; 64])),
        ("the signature that every small-order key takes", with(iss, "EdDSA", KID, |_| small_order())),
        ("the signature of an RSA key with e=1", with(iss, "RS256", KID, padded_hash)),
        ("noise under a planted RSA key id", with(iss, "RS256", KID, |_| vec![7; 128])),
    ]
}

fn stolen(iss: &TestIssuer, kid: &str) -> String {
    let token = thief().token().claim("iss", iss.identifier()).expires_in(LIFETIME);
    let claims = serde_json::json!({"alg": "ES256", "kid": kid}).to_string();
    let payload = payload(iss);
    token.sign_raw(claims.as_bytes(), payload.as_bytes())
}

fn payload(iss: &TestIssuer) -> String {
    use tower_bearer::clock::Clock as _;
    let now = iss.clock().wall().as_secs();
    let exp = now + LIFETIME.as_secs();
    serde_json::json!({"iss": iss.identifier(), "aud": AUDIENCE, "sub": "eve", "iat": now, "exp": exp})
        .to_string()
}

/// Signed by that function of what is signed.
fn with(iss: &TestIssuer, alg: &str, kid: &str, sign: fn(&str) -> Vec<u8>) -> String {
    let header = serde_json::json!({"alg": alg, "kid": kid}).to_string();
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(header), encode(payload(iss)));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sign(&signed)))
}

fn hmac(iss: &TestIssuer) -> String {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(KID.to_owned());
    let claims: serde_json::Value = serde_json::from_str(&payload(iss)).unwrap();
    jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(SECRET)).unwrap()
}

/// R is the neutral point and S is nothing: 0·B = R + k·A for any A that is neutral (RFC 8032 section 5.1.7).
fn small_order() -> Vec<u8> {
    let mut signature = vec![0; 64];
    signature[0] = 1;
    signature
}

/// What an exponent of 1 leaves as it is: EMSA-PKCS1-v1_5 of the hash (RFC 8017 section 9.2).
fn padded_hash(signed: &str) -> Vec<u8> {
    const SHA256: [u8; 19] =
        [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
    let mut padded = vec![0, 1];
    padded.resize(256 - 32 - SHA256.len() - 1, 0xFF);
    padded.push(0);
    padded.extend(SHA256);
    padded.extend(sha256(signed.as_bytes()));
    padded
}

#[cfg(feature = "aws-lc-rs")]
fn sha256(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).to_vec()
}

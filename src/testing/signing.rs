//! Keys that sign, for tests: every algorithm, on whichever backend is built in.
//!
//! A test kit may panic: a key that cannot be generated ends the test that wanted it.
#![allow(clippy::expect_used, clippy::panic)]

#[cfg(feature = "aws-lc-rs")]
#[path = "signing/aws_lc.rs"]
mod backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
#[path = "signing/rust_crypto.rs"]
mod backend;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#[path = "signing/no_backend.rs"]
mod backend;

use crate::{json::encode_base64url, keys::Algorithm};
use pkcs1::UintRef;
use serde_json::{Map, Value};
use spki::{
    AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfo,
    der::{Encode as _, EncodePem as _, asn1::AnyRef, asn1::BitStringRef, pem::LineEnding},
};
use std::fmt;

/// A fresh key pair, or a fresh secret for HMAC.
pub(crate) struct SigningKey {
    alg: Algorithm,
    signer: backend::Signer,
}

/// The public half, as raw as it goes into a JWK; of a secret, the secret.
#[cfg_attr(
    not(any(feature = "aws-lc-rs", feature = "rust-crypto")),
    expect(dead_code, reason = "no backend makes keys")
)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// `04 || x || y`.
    Ec {
        curve: &'static str,
        point: Vec<u8>,
    },
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

impl SigningKey {
    /// A new key for that algorithm; RSA has 2048 bits, a secret 64 bytes.
    pub(crate) fn generate(alg: Algorithm) -> Self {
        Self { alg, signer: backend::Signer::generate(alg) }
    }

    /// A secret of somebody's choice, a forger's for example: any length, none included.
    pub(crate) fn from_secret(alg: Algorithm, secret: &[u8]) -> Self {
        Self { alg, signer: backend::Signer::from_secret(secret) }
    }

    /// A signature of another algorithm by the same key, where its kind has several.
    pub(crate) fn sign_as(&self, alg: Algorithm, message: &[u8]) -> Vec<u8> {
        self.signer.sign(alg, message)
    }

    /// The signature as a JWS wants it.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(self.alg, message)
    }

    /// The JWK to publish, bound to its algorithm. Of an HMAC key it is the `oct` JWK, which no key set takes.
    pub(crate) fn public_jwk(&self, kid: &str) -> Map<String, Value> {
        let material = match self.signer.public() {
            Public::Rsa { n, e } => {
                vec![("kty", "RSA".to_owned()), ("n", encode_base64url(&n)), ("e", encode_base64url(&e))]
            }
            Public::Ec { curve, point } => {
                let (x, y) = point.split_at(point.len() / 2 + 1);
                vec![
                    ("kty", "EC".to_owned()),
                    ("crv", curve.to_owned()),
                    ("x", encode_base64url(x.strip_prefix(&[4]).expect("an uncompressed point"))),
                    ("y", encode_base64url(y)),
                ]
            }
            Public::Ed25519(x) => {
                vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", encode_base64url(&x))]
            }
            Public::Secret(k) => vec![("kty", "oct".to_owned()), ("k", encode_base64url(&k))],
        };
        let common = [("kid", kid), ("use", "sig"), ("alg", self.alg.name())];
        let common = common.map(|(name, value)| (name, value.to_owned()));
        let members = common.into_iter().chain(material);
        members.map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    /// The secret of an HMAC key.
    pub(crate) fn secret(&self) -> Option<Vec<u8>> {
        match self.signer.public() {
            Public::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    /// The public key in PEM, or `None` for HMAC.
    pub(crate) fn public_pem(&self) -> Option<String> {
        const RSA: &str = "1.2.840.113549.1.1.1";
        const EC: &str = "1.2.840.10045.2.1";
        const ED25519: &str = "1.3.101.112";
        Some(match self.signer.public() {
            Public::Rsa { n, e } => {
                let modulus = UintRef::new(&n).expect("a modulus");
                let public_exponent = UintRef::new(&e).expect("an exponent");
                let key = pkcs1::RsaPublicKey { modulus, public_exponent }.to_der().expect("DER");
                spki_pem(RSA, Some(AnyRef::NULL), &key)
            }
            Public::Ec { curve, point } => {
                let curve = ObjectIdentifier::new_unwrap(match curve {
                    "P-256" => "1.2.840.10045.3.1.7",
                    "P-384" => "1.3.132.0.34",
                    _ => "1.3.132.0.35",
                });
                spki_pem(EC, Some(AnyRef::from(&curve)), &point)
            }
            Public::Ed25519(x) => spki_pem(ED25519, None, &x),
            Public::Secret(_) => return None,
        })
    }

    /// The key that verifies, as a server would hold it.
    #[cfg(test)]
    pub(crate) fn verification_key(&self, kid: &str) -> crate::keys::Key {
        use crate::keys::Key;
        let key = match self.signer.public() {
            Public::Secret(secret) => Key::from_secret(&secret, self.alg).map(|key| key.with_kid(kid)),
            _ => Key::from_jwk(&Value::Object(self.public_jwk(kid)).to_string()),
        };
        key.expect("a key that was just made")
    }
}

/// For signatures that are forged by hand.
pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    backend::sha256(message)
}

/// The algorithm only: a key is in no log, not even a test's.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("alg", &self.alg).finish_non_exhaustive()
    }
}

fn spki_pem(oid: &str, parameters: Option<AnyRef<'_>>, key: &[u8]) -> String {
    let algorithm = AlgorithmIdentifier { oid: ObjectIdentifier::new_unwrap(oid), parameters };
    let subject_public_key = BitStringRef::from_bytes(key).expect("a bit string");
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_pem(LineEnding::LF).expect("PEM")
}

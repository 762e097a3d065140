//! An issuer's key pairs, made when they are needed.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents},
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaEncoding, RsaParameters,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

/// Keycloak's are 43 characters: a SHA-256.
const KID: &str = "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE";

/// A key pair, its algorithm and its `kid`.
pub struct Signer {
    pub alg: &'static str,
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Of RS256, PS256 (2048 bits), ES256, ES384, EdDSA.
    pub fn generate(alg: &'static str) -> Self {
        let pair = match alg {
            "RS256" | "PS256" => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key")),
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key")),
            _ => panic!("no key pair for {alg}"),
        };
        Self { alg, kid: KID.into(), pair }
    }

    /// The key pair that another program wrote down: of RS256 or ES256.
    pub fn from_pkcs8(alg: &'static str, der: &[u8]) -> Self {
        let pair = match alg {
            "RS256" => Pair::Rsa(RsaKeyPair::from_pkcs8(der).expect("an RSA key")),
            "ES256" => {
                Pair::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).expect("an EC key"))
            }
            _ => panic!("no key pair of a file for {alg}"),
        };
        Self { alg, kid: KID.into(), pair }
    }

    /// For another program to read.
    pub fn to_pkcs8(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key of our own");
                der.as_ref().to_vec()
            }
            Pair::Ec(pair) => pair.to_pkcs8v1().expect("a key of our own").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().expect("a key of our own").as_ref().to_vec(),
        }
    }

    pub fn with_kid(mut self, kid: String) -> Self {
        self.kid = kid;
        self
    }

    /// Encodes and signs both parts.
    pub fn sign(&self, payload: &str) -> String {
        let header = format!(r#"{{"alg":"{}","typ":"JWT","kid":"{}"}}"#, self.alg, self.kid);
        let mut token = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        let signature = self.signature(token.as_bytes());
        token.push('.');
        BASE64.encode_string(signature, &mut token);
        token
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = if self.alg == "RS256" {
                    &signature::RSA_PKCS1_SHA256
                } else {
                    &signature::RSA_PSS_SHA256
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut made).expect("a signature");
                made
            }
            Pair::Ec(pair) => {
                pair.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The public key, parsed once: the fastest form that AWS-LC has.
    pub fn prepared(&self) -> ParsedPublicKey {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair);
                let parameters: &'static RsaParameters = match self.alg {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    _ => &signature::RSA_PSS_2048_8192_SHA256,
                };
                PublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            Pair::Ec(pair) if self.alg == "ES256" => {
                ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
            }
            Pair::Ec(pair) => {
                ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, pair.public_key().as_ref())
            }
            Pair::Ed25519(pair) => ParsedPublicKey::new(&signature::ED25519, pair.public_key().as_ref()),
        }
        .expect("a public key of our own")
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair);
                json!({ "kty": "RSA", "n": BASE64.encode(n), "e": BASE64.encode(e) })
            }
            Pair::Ec(pair) => {
                // 0x04, then both coordinates.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if self.alg == "ES256" { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": BASE64.encode(x), "y": BASE64.encode(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key()) })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.alg);
        jwk
    }

    /// A set with this key alone.
    pub fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Pair {
    Pair::Ec(EcdsaKeyPair::generate(algorithm).expect("an EC key"))
}

fn rsa_numbers(pair: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let public = pair.public_key();
    let bytes = |number: &[u8]| number.to_vec();
    (
        bytes(public.modulus().big_endian_without_leading_zero()),
        bytes(public.exponent().big_endian_without_leading_zero()),
    )
}

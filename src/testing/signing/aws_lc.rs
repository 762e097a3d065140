use super::Public;
use crate::keys::Algorithm::{
    self, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
};
use aws_lc_rs::{
    digest, hmac, rand,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaEncoding},
};

pub(super) enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl Signer {
    pub(super) fn generate(alg: Algorithm) -> Self {
        match alg {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
                Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"))
            }
            ES256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            ES384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            ES512 => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            EdDSA => Self::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key")),
            HS256 | HS384 | HS512 => {
                let mut secret = vec![0; 64];
                rand::fill(&mut secret).expect("randomness");
                Self::Secret(secret)
            }
        }
    }

    pub(super) fn from_secret(secret: &[u8]) -> Self {
        Self::Secret(secret.to_vec())
    }

    pub(super) fn public(&self) -> Public {
        match self {
            Self::Rsa(pair) => {
                let key = pair.public_key();
                Public::Rsa {
                    n: key.modulus().big_endian_without_leading_zero().to_vec(),
                    e: key.exponent().big_endian_without_leading_zero().to_vec(),
                }
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref().to_vec();
                let curve = match point.len() {
                    65 => "P-256",
                    97 => "P-384",
                    _ => "P-521",
                };
                Public::Ec { curve, point }
            }
            Self::Ed25519(pair) => Public::Ed25519(pair.public_key().as_ref().to_vec()),
            Self::Secret(secret) => Public::Secret(secret.clone()),
        }
    }

    pub(super) fn sign(&self, alg: Algorithm, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match alg {
                    RS256 => &signature::RSA_PKCS1_SHA256,
                    RS384 => &signature::RSA_PKCS1_SHA384,
                    RS512 => &signature::RSA_PKCS1_SHA512,
                    PS256 => &signature::RSA_PSS_SHA256,
                    PS384 => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &rand::SystemRandom::new(), message, &mut made).expect("a signature");
                made
            }
            Self::Ec(pair) => {
                pair.sign(&rand::SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Secret(secret) => {
                let hash = match alg {
                    HS256 => hmac::HMAC_SHA256,
                    HS384 => hmac::HMAC_SHA384,
                    _ => hmac::HMAC_SHA512,
                };
                hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec()
            }
        }
    }
}

pub(super) fn sha256(message: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, message).as_ref().to_vec()
}

fn ec(algorithm: &'static signature::EcdsaSigningAlgorithm) -> Signer {
    Signer::Ec(EcdsaKeyPair::generate(algorithm).expect("an EC key"))
}

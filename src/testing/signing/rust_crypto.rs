use super::Public;
use crate::keys::Algorithm::{
    self, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
};
use hmac::{Hmac, Mac, digest::KeyInit};
use p256::elliptic_curve::rand_core::{OsRng, RngCore as _};
use rsa::{
    RsaPrivateKey, pkcs1v15, pss,
    signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _},
    traits::PublicKeyParts as _,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

// A few keys for each test: their sizes do not matter.
#[allow(clippy::large_enum_variant)]
pub(super) enum Signer {
    Rsa(RsaPrivateKey),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Secret(Vec<u8>),
}

impl Signer {
    pub(super) fn generate(alg: Algorithm) -> Self {
        match alg {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
                Self::Rsa(RsaPrivateKey::new(&mut OsRng, 2048).expect("an RSA key"))
            }
            ES256 => Self::P256(p256::ecdsa::SigningKey::random(&mut OsRng)),
            ES384 => Self::P384(p384::ecdsa::SigningKey::random(&mut OsRng)),
            ES512 => Self::P521(p521::ecdsa::SigningKey::random(&mut OsRng)),
            EdDSA => Self::Ed25519(ed25519_dalek::SigningKey::generate(&mut OsRng)),
            HS256 | HS384 | HS512 => {
                let mut secret = vec![0; 64];
                OsRng.fill_bytes(&mut secret);
                Self::Secret(secret)
            }
        }
    }

    pub(super) fn from_secret(secret: &[u8]) -> Self {
        Self::Secret(secret.to_vec())
    }

    pub(super) fn public(&self) -> Public {
        match self {
            Self::Rsa(key) => Public::Rsa { n: key.n().to_bytes_be(), e: key.e().to_bytes_be() },
            Self::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false).as_bytes().to_vec();
                Public::Ec { curve: "P-256", point }
            }
            Self::P384(key) => {
                let point = key.verifying_key().to_encoded_point(false).as_bytes().to_vec();
                Public::Ec { curve: "P-384", point }
            }
            Self::P521(key) => {
                let key = p521::ecdsa::VerifyingKey::from(key);
                Public::Ec { curve: "P-521", point: key.to_encoded_point(false).as_bytes().to_vec() }
            }
            Self::Ed25519(key) => Public::Ed25519(key.verifying_key().to_bytes().to_vec()),
            Self::Secret(secret) => Public::Secret(secret.clone()),
        }
    }

    pub(super) fn sign(&self, alg: Algorithm, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => rsa(key.clone(), alg, message),
            Self::P256(key) => {
                let made: p256::ecdsa::Signature = key.sign(message);
                made.to_vec()
            }
            Self::P384(key) => {
                let made: p384::ecdsa::Signature = key.sign(message);
                made.to_vec()
            }
            Self::P521(key) => {
                // This version of `p521` has the plain signer only behind a feature that nothing else needs.
                let made: p521::ecdsa::Signature = key.sign_with_rng(&mut OsRng, message);
                made.to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_vec(),
            Self::Secret(secret) => match alg {
                HS256 => hmac::<Hmac<Sha256>>(secret, message),
                HS384 => hmac::<Hmac<Sha384>>(secret, message),
                _ => hmac::<Hmac<Sha512>>(secret, message),
            },
        }
    }
}

pub(super) fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

fn rsa(key: RsaPrivateKey, alg: Algorithm, message: &[u8]) -> Vec<u8> {
    match alg {
        RS256 => pkcs1v15::SigningKey::<Sha256>::new(key).sign(message).to_vec(),
        RS384 => pkcs1v15::SigningKey::<Sha384>::new(key).sign(message).to_vec(),
        RS512 => pkcs1v15::SigningKey::<Sha512>::new(key).sign(message).to_vec(),
        PS256 => pss::SigningKey::<Sha256>::new(key).sign_with_rng(&mut OsRng, message).to_vec(),
        PS384 => pss::SigningKey::<Sha384>::new(key).sign_with_rng(&mut OsRng, message).to_vec(),
        _ => pss::SigningKey::<Sha512>::new(key).sign_with_rng(&mut OsRng, message).to_vec(),
    }
}

fn hmac<M: Mac + KeyInit>(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = <M as Mac>::new_from_slice(secret).expect("a secret of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

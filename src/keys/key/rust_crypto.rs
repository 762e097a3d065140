//! Keys as the RustCrypto crates want them.

use super::material::{Curve, Material};
use crate::keys::{Algorithm, KeyError};
use rsa::{BigUint, RsaPublicKey, pkcs1v15, pss};
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

#[derive(Clone)]
pub(crate) enum Prepared {
    Rs256(pkcs1v15::VerifyingKey<Sha256>),
    Rs384(pkcs1v15::VerifyingKey<Sha384>),
    Rs512(pkcs1v15::VerifyingKey<Sha512>),
    Ps256(pss::VerifyingKey<Sha256>),
    Ps384(pss::VerifyingKey<Sha384>),
    Ps512(pss::VerifyingKey<Sha512>),
    Es256(p256::ecdsa::VerifyingKey),
    Es384(p384::ecdsa::VerifyingKey),
    Es512(p521::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
    /// The bare secret: this version of `hmac` would not wipe a prepared one.
    Hs256(Zeroizing<Box<[u8]>>),
    Hs384(Zeroizing<Box<[u8]>>),
    Hs512(Zeroizing<Box<[u8]>>),
}

pub(super) fn prepare(material: &Material, alg: Algorithm) -> Result<Prepared, KeyError> {
    match material {
        Material::Rsa { n, e } => rsa(n, e, alg),
        Material::Ec { curve, point } => ec(*curve, point).map_err(|_| KeyError::PointNotOnCurve),
        Material::Ed25519(point) => ed25519_dalek::VerifyingKey::from_bytes(point)
            .map(Prepared::Ed25519)
            .map_err(|_| KeyError::BackendRefused),
        Material::Secret(secret) => Ok(match alg {
            Algorithm::HS256 => Prepared::Hs256(secret.clone()),
            Algorithm::HS384 => Prepared::Hs384(secret.clone()),
            Algorithm::HS512 => Prepared::Hs512(secret.clone()),
            _ => return Err(KeyError::AlgDoesNotFit),
        }),
    }
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn rsa(n: &[u8], e: &[u8], alg: Algorithm) -> Result<Prepared, KeyError> {
    let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
    let key = RsaPublicKey::new_with_max_size(n, e, 8192).map_err(|_| KeyError::BackendRefused)?;
    Ok(match alg {
        Algorithm::RS256 => Prepared::Rs256(pkcs1v15::VerifyingKey::new(key)),
        Algorithm::RS384 => Prepared::Rs384(pkcs1v15::VerifyingKey::new(key)),
        Algorithm::RS512 => Prepared::Rs512(pkcs1v15::VerifyingKey::new(key)),
        // `new` takes the hash's length for the salt's, which is what RFC 7518 section 3.5 wants.
        Algorithm::PS256 => Prepared::Ps256(pss::VerifyingKey::new(key)),
        Algorithm::PS384 => Prepared::Ps384(pss::VerifyingKey::new(key)),
        Algorithm::PS512 => Prepared::Ps512(pss::VerifyingKey::new(key)),
        _ => return Err(KeyError::AlgDoesNotFit),
    })
}

fn ec(curve: Curve, point: &[u8]) -> Result<Prepared, p256::ecdsa::Error> {
    Ok(match curve {
        Curve::P256 => Prepared::Es256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point)?),
        Curve::P384 => Prepared::Es384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point)?),
        Curve::P521 => Prepared::Es512(p521::ecdsa::VerifyingKey::from_sec1_bytes(point)?),
    })
}

//! Keys as AWS-LC wants them.

use super::material::{Curve, Material};
use crate::keys::{Algorithm, KeyError};
use aws_lc_rs::{
    digest, hmac,
    rsa::PublicKeyComponents,
    signature::{self, ParsedPublicKey, RsaParameters},
};

#[derive(Clone)]
pub(crate) enum Prepared {
    Public(ParsedPublicKey),
    /// AWS-LC wipes its context on drop.
    Secret(Box<hmac::Key>),
}

pub(super) fn prepare(material: &Material, alg: Algorithm) -> Result<Prepared, KeyError> {
    match material {
        Material::Rsa { n, e } => {
            let parameters = rsa_parameters(alg).ok_or(KeyError::AlgDoesNotFit)?;
            let components = PublicKeyComponents { n, e };
            components.to_parsed_public_key(parameters).map_err(|_| KeyError::BackendRefused)
        }
        Material::Ec { curve, point } => {
            let parameters = match curve {
                Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
            };
            ParsedPublicKey::new(parameters, point).map_err(|_| KeyError::PointNotOnCurve)
        }
        Material::Ed25519(point) => {
            ParsedPublicKey::new(&signature::ED25519, point).map_err(|_| KeyError::BackendRefused)
        }
        Material::Secret(secret) => {
            let hash = match alg {
                Algorithm::HS256 => hmac::HMAC_SHA256,
                Algorithm::HS384 => hmac::HMAC_SHA384,
                Algorithm::HS512 => hmac::HMAC_SHA512,
                _ => return Err(KeyError::AlgDoesNotFit),
            };
            return Ok(Prepared::Secret(Box::new(hmac::Key::new(hash, secret))));
        }
    }
    .map(Prepared::Public)
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn rsa_parameters(alg: Algorithm) -> Option<&'static RsaParameters> {
    Some(match alg {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

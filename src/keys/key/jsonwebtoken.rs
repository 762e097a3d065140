//! Keys and algorithms of the `jsonwebtoken` crate, handed over: they pass the same checks as any other.

use super::{
    Key,
    material::{Curve, Material},
    pem,
};
use crate::keys::{Algorithm, KeyError, KeySet, KeySetError, UnknownAlgorithm, jwk::Jwk};
use jsonwebtoken as jwt;
use jwt::{AlgorithmFamily, DecodingKey, DecodingKeyKind};
use serde_json::Value;

/// `jsonwebtoken` keeps a JWK's known members only, so what it dropped when reading cannot be checked here.
impl TryFrom<&jwt::jwk::Jwk> for Key {
    type Error = KeyError;

    fn try_from(jwk: &jwt::jwk::Jwk) -> Result<Self, KeyError> {
        match serde_json::to_value(jwk) {
            Ok(Value::Object(mut members)) => {
                // Absent members are written as null by some versions.
                members.retain(|_, value| !value.is_null());
                Jwk::from_members(&members).and_then(Key::from_parsed)
            }
            _ => Err(KeyError::JwkMalformed),
        }
    }
}

/// Bad keys are skipped and counted, as in [`KeySet::from_json`].
impl TryFrom<&jwt::jwk::JwkSet> for KeySet {
    type Error = KeySetError;

    fn try_from(set: &jwt::jwk::JwkSet) -> Result<Self, KeySetError> {
        KeySet::collect(set.keys.iter().map(|jwk| (jwk.common.key_id.clone(), Key::try_from(jwk))))
    }
}

/// RSA, EC and Ed25519. A secret is refused with [`KeyError::SecretWithoutAlgorithm`], as it must be bound to one.
impl TryFrom<&DecodingKey> for Key {
    type Error = KeyError;

    fn try_from(key: &DecodingKey) -> Result<Self, KeyError> {
        let material = match (key.family(), key.kind()) {
            (AlgorithmFamily::Hmac, _) => return Err(KeyError::SecretWithoutAlgorithm),
            (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => Material::rsa(n, e)?,
            (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der)) => pem::pkcs1(der)?,
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
                let curve = match point.len() {
                    65 => Curve::P256,
                    97 => Curve::P384,
                    133 => Curve::P521,
                    _ => return Err(KeyError::PointLength),
                };
                Material::ec_point(curve, point)?
            }
            (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(point)) => Material::ed25519(point)?,
            _ => return Err(KeyError::KtyUnsupported),
        };
        Key::new(None, None, material)
    }
}

/// By name, so that an algorithm it learns later is not taken for another.
impl TryFrom<jwt::Algorithm> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(alg: jwt::Algorithm) -> Result<Self, UnknownAlgorithm> {
        let name = serde_json::to_value(alg).map_err(|_| UnknownAlgorithm)?;
        name.as_str().and_then(Algorithm::from_name).ok_or(UnknownAlgorithm)
    }
}

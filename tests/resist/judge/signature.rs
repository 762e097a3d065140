//! The algorithm, which is ours to say, and the signature.

use super::{BAD, Defect, FATAL, Judge, cubes, form::Opened};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{self, aws_lc},
    jwk::{Jwk, ThumbprintHash},
};
use serde_json::{Map, Value};

/// What a signature is checked by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Alg {
    Is(Algorithm),
    /// Whatever the key says.
    OfTheKey,
}

const OURS: [(&str, Algorithm); 3] =
    [("ES256", Algorithm::ES256), ("RS256", Algorithm::RS256), ("EdDSA", Algorithm::EdDSA)];

fn ours(name: &str) -> Option<Algorithm> {
    OURS.iter().find(|(one, _)| *one == name).map(|(_, algorithm)| *algorithm)
}

impl Alg {
    pub(super) fn is_of(self, key: &Value) -> bool {
        let of_key = key["alg"].as_str().and_then(ours);
        match self {
            Self::Is(Algorithm::PS256) => of_key == Some(Algorithm::RS256),
            Self::Is(algorithm) => of_key == Some(algorithm),
            Self::OfTheKey => of_key.is_some(),
        }
    }

    pub(super) fn with(self, key: &Value) -> Option<Algorithm> {
        match self {
            Self::Is(algorithm) => Some(algorithm),
            Self::OfTheKey => key["alg"].as_str().and_then(ours),
        }
    }

    pub(super) fn verifies_with_pem(self, pem: &str, opened: &Opened) -> bool {
        let key = DecodingKey::from_ec_pem(pem.as_bytes());
        let verified =
            |key: DecodingKey| fits(&key, Algorithm::ES256, opened.message.as_bytes(), &opened.signature);
        self == Self::Is(Algorithm::ES256) && key.is_ok_and(verified)
    }
}

impl Judge {
    pub(super) fn is_signed(&self, opened: &Opened) -> Result<(), u16> {
        if opened.is_bare || self.needs_no_signature(opened) {
            return Ok(());
        }
        match opened.header["alg"].as_str() {
            Some("HS256") => self.is_signed_with_a_secret(opened),
            _ => self.is_signed_by_a_key(opened, self.algorithm(opened)?),
        }
    }

    /// For those who know `none` when they see it, and for those who do not.
    fn needs_no_signature(&self, opened: &Opened) -> bool {
        let alg = opened.header.get("alg");
        let name = alg.and_then(Value::as_str).unwrap_or("?");
        let is_falsy = alg.is_some_and(|alg| alg.is_null() || alg == "" || alg == 0);
        let offers =
            |name: &str| alg.and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name));
        let readings = [
            (Defect::NoneIsAnAlgorithm, name == "none"),
            (Defect::NoneInAnyCase, name != "none" && name.eq_ignore_ascii_case("none")),
            (Defect::NoneIsTrimmed, name != "none" && name.trim() == "none"),
            (Defect::AbsentAlgorithmIsNone, alg.is_none() && opened.signature.is_empty()),
            (Defect::FalsyAlgorithmIsNone, is_falsy),
            (Defect::AlgorithmFromAList, offers("none")),
            (Defect::DirectIsUnsigned, name == "dir"),
            (Defect::NoSignature, true),
        ];
        ours(name).is_none() && readings.into_iter().any(|(defect, is_so)| is_so && self.has(defect))
    }

    fn algorithm(&self, opened: &Opened) -> Result<Alg, u16> {
        let alg = opened.header.get("alg");
        let name = alg.and_then(Value::as_str).unwrap_or_default();
        if let Some(algorithm) = ours(name) {
            return Ok(Alg::Is(algorithm));
        }
        let is_ours = |name: &str| OURS.iter().any(|(one, _)| one.eq_ignore_ascii_case(name));
        let kind = name.get(..2).unwrap_or_default();
        if name == "ES512" && opened.signature.len() < 132 && self.has(Defect::WrongLengthIsFatal) {
            return Err(FATAL);
        }
        if name == "PS256" && self.has(Defect::PaddingIsTheTokens) {
            return Ok(Alg::Is(Algorithm::PS256));
        }
        let is_the_keys = (alg.is_none() && self.has(Defect::AbsentAlgorithmIsTheKeys))
            || (is_ours(name) && self.has(Defect::AlgorithmInAnyCase))
            || (["ES", "RS"].contains(&kind) && name.len() == 5 && self.has(Defect::AlgorithmByItsKind))
            || (!name.is_empty() && self.has(Defect::UnknownAlgorithmIsTheKeys));
        if is_the_keys { Ok(Alg::OfTheKey) } else { Err(BAD) }
    }
}

/// With that key, and nothing else looked at.
pub(super) fn verifies(key: &Value, alg: Alg, opened: &Opened) -> bool {
    verifies_as(key, alg, opened.message.as_bytes(), &opened.signature)
}

pub(super) fn verifies_as(key: &Value, alg: Alg, message: &[u8], signature: &[u8]) -> bool {
    if key["e"] == "AQ" {
        return is_its_own_power(message, signature);
    }
    if key["e"] == "Aw" {
        return cubes::is_signed(key, message, signature);
    }
    let members = key.as_object().into_iter().flatten();
    let bare: Map<String, Value> = members
        .filter(|(name, _)| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let parsed = serde_json::from_value::<Jwk>(bare.into()).ok();
    let parsed = parsed.and_then(|key| DecodingKey::from_jwk(&key).ok());
    parsed.zip(alg.with(key)).is_some_and(|(key, algorithm)| fits(&key, algorithm, message, signature))
}

fn fits(key: &DecodingKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    crypto::verify(&URL_SAFE_NO_PAD.encode(signature), message, key, algorithm).unwrap_or_default()
}

/// RSA with exponent one, which no library computes: the padded hash itself.
fn is_its_own_power(message: &[u8], signature: &[u8]) -> bool {
    let digest = aws_lc::DEFAULT_PROVIDER.key_utils.compute_digest;
    signature.starts_with(&[0, 1, 0xFF])
        && signature.ends_with(&digest(message, ThumbprintHash::SHA256).unwrap())
}

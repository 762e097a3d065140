//! Our own reader of JWKs (RFC 7517): strict in types, deaf to what it does not know.
//!
//! A key's members `kid`, `kty`, `use`, `key_ops`, `alg`, `crv`, `x`, `y`, `n`, `e` and `issuer` are read; `x5c` and the
//! other certificate members are never followed, and unknown members are ignored (RFC 7517 section 4).

use super::{
    Algorithm, KeyError,
    key::material::{Curve, Material},
};
use crate::json::{self, ObjectError};
use serde_json::{Map, Value};

/// The private members of RFC 7518 sections 6.2.2 and 6.3.2, and of RFC 8037 section 2.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// What a JWK says, with its material checked.
#[derive(Debug)]
pub(crate) struct Jwk {
    pub(crate) kid: Option<Box<str>>,
    /// The algorithm that the key is bound to.
    pub(crate) alg: Option<Algorithm>,
    /// Whose tokens it may sign, where the key itself says so (Entra's `issuer`); empty where that is no string, which is
    /// nobody. Unregistered, so only an issuer whose keys are known to have it asks.
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) material: Material,
}

impl Jwk {
    pub(crate) fn parse(json: &str) -> Result<Self, KeyError> {
        let members = json::read_object(json.as_bytes()).map_err(|error| match error {
            ObjectError::Duplicate => KeyError::JwkDuplicateMember,
            ObjectError::Malformed | ObjectError::TooDeep => KeyError::JwkMalformed,
        })?;
        Self::from_members(&members)
    }

    /// Reads members that are known to be there once each.
    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, KeyError> {
        let kid = text(members, "kid")?;
        let kty = text(members, "kty")?.ok_or(KeyError::JwkMalformed)?;
        if kty == "oct" || members.contains_key("k") {
            return Err(KeyError::SymmetricKey);
        }
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(KeyError::PrivateMember);
        }
        check_use(members)?;
        let alg = match text(members, "alg")? {
            Some(name) => Some(Algorithm::from_name(name).ok_or(KeyError::AlgUnknown)?),
            None => None,
        };
        let material = match kty {
            "RSA" => Material::rsa(&octets(members, "n")?, &octets(members, "e")?)?,
            "EC" => ec(members)?,
            "OKP" => okp(members)?,
            _ => return Err(KeyError::KtyUnsupported),
        };
        if alg.is_some_and(|alg| !material.algorithms().contains(&alg)) {
            return Err(KeyError::AlgDoesNotFit);
        }
        let issuer = members.get("issuer").map(|issuer| issuer.as_str().unwrap_or_default().into());
        Ok(Self { kid: kid.map(Into::into), alg, issuer, material })
    }
}

/// `use` and `key_ops` must each allow verification, and not contradict each other (RFC 7517 section 4.3).
fn check_use(members: &Map<String, Value>) -> Result<(), KeyError> {
    let usage = text(members, "use")?;
    if usage.is_some_and(|usage| usage != "sig") {
        return Err(KeyError::UseNotSig);
    }
    let Some(operations) = members.get("key_ops") else { return Ok(()) };
    let operations = operations.as_array().ok_or(KeyError::JwkMalformed)?;
    for (index, operation) in operations.iter().enumerate() {
        let operation = operation.as_str().ok_or(KeyError::JwkMalformed)?;
        if operations.iter().skip(index + 1).any(|other| other == operation) {
            return Err(KeyError::KeyOpsDuplicate);
        }
        if usage.is_some() && !matches!(operation, "sign" | "verify") {
            return Err(KeyError::UseAndKeyOpsDiffer);
        }
    }
    if operations.iter().any(|operation| operation == "verify") {
        Ok(())
    } else {
        Err(KeyError::KeyOpsWithoutVerify)
    }
}

fn ec(members: &Map<String, Value>) -> Result<Material, KeyError> {
    let curve = text(members, "crv")?.ok_or(KeyError::JwkMalformed)?;
    let curve = Curve::from_name(curve).ok_or(KeyError::CurveUnsupported)?;
    Material::ec(curve, &octets(members, "x")?, &octets(members, "y")?)
}

fn okp(members: &Map<String, Value>) -> Result<Material, KeyError> {
    match text(members, "crv")? {
        Some("Ed25519") => Material::ed25519(&octets(members, "x")?),
        Some(_) => Err(KeyError::CurveUnsupported),
        None => Err(KeyError::JwkMalformed),
    }
}

/// A member that is a string or absent; `null` is neither.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, KeyError> {
    match members.get(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::JwkMalformed),
        None => Ok(None),
    }
}

fn octets(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let encoded = text(members, name)?.ok_or(KeyError::JwkMalformed)?;
    json::decode_base64url(encoded).ok_or(KeyError::JwkBase64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ed25519() -> Value {
        // RFC 8037 appendix A.2.
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn p256() -> Value {
        // RFC 7517 appendix A.1.
        json!({"kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn rsa() -> Value {
        json!({"kty": "RSA", "n": json::encode_base64url(&[0xFF; 256]), "e": "AQAB"})
    }

    fn read(mut jwk: Value, name: &str, value: Value) -> Result<Jwk, KeyError> {
        jwk[name] = value;
        Jwk::parse(&jwk.to_string())
    }

    #[test]
    fn keys_of_the_rfcs_are_read() {
        for jwk in [ed25519(), p256(), rsa()] {
            let read = Jwk::parse(&jwk.to_string()).unwrap();
            assert_eq!((read.kid, read.alg), (None, None));
            assert_eq!(read.material.kty(), jwk["kty"]);
        }
    }

    #[test]
    fn what_is_no_object_with_the_members_of_its_kty_is_malformed() {
        for text in
            ["", "[]", "null", "{}", r#"{"kty":1}"#, r#"{"kty":"RSA"}"#, r#"{"kty":"EC"}"#, "{\"kty\":"]
        {
            assert_eq!(Jwk::parse(text).unwrap_err(), KeyError::JwkMalformed, "{text}");
        }
        for name in ["kid", "kty", "use", "alg", "n", "e", "key_ops"] {
            for value in [json!(null), json!(1), json!(true), json!({}), json!([1])] {
                assert_eq!(
                    read(rsa(), name, value.clone()).unwrap_err(),
                    KeyError::JwkMalformed,
                    "{name} {value}"
                );
            }
        }
    }

    #[test]
    fn a_member_named_twice_is_refused_even_with_the_same_value() {
        let twice = r#"{"kty":"OKP","kty":"OKP"}"#;
        assert_eq!(Jwk::parse(twice).unwrap_err(), KeyError::JwkDuplicateMember);
    }

    #[test]
    fn each_rule_refuses_with_its_own_error() {
        let long = json::encode_base64url(&[0xFF; 1025]);
        let table = [
            ("private d", rsa(), "d", json!("AQ"), KeyError::PrivateMember),
            ("private d that is no string", ed25519(), "d", json!(null), KeyError::PrivateMember),
            ("private oth", rsa(), "oth", json!([]), KeyError::PrivateMember),
            ("private qi", rsa(), "qi", json!("AQ"), KeyError::PrivateMember),
            ("k in an EC key", p256(), "k", json!("AQ"), KeyError::SymmetricKey),
            ("kty oct", rsa(), "kty", json!("oct"), KeyError::SymmetricKey),
            ("kty in lower case", rsa(), "kty", json!("rsa"), KeyError::KtyUnsupported),
            ("kty AKP", rsa(), "kty", json!("AKP"), KeyError::KtyUnsupported),
            ("use enc", rsa(), "use", json!("enc"), KeyError::UseNotSig),
            ("use SIG", rsa(), "use", json!("SIG"), KeyError::UseNotSig),
            ("no operations", rsa(), "key_ops", json!([]), KeyError::KeyOpsWithoutVerify),
            ("sign only", rsa(), "key_ops", json!(["sign"]), KeyError::KeyOpsWithoutVerify),
            ("verify twice", rsa(), "key_ops", json!(["verify", "verify"]), KeyError::KeyOpsDuplicate),
            ("alg none", rsa(), "alg", json!("none"), KeyError::AlgUnknown),
            ("alg of encryption", rsa(), "alg", json!("RSA-OAEP"), KeyError::AlgUnknown),
            ("alg with a typo", p256(), "alg", json!("ES521"), KeyError::AlgUnknown),
            ("HMAC with an RSA key", rsa(), "alg", json!("HS256"), KeyError::AlgDoesNotFit),
            ("ES384 with P-256", p256(), "alg", json!("ES384"), KeyError::AlgDoesNotFit),
            ("ES256 with RSA", rsa(), "alg", json!("ES256"), KeyError::AlgDoesNotFit),
            ("secp256k1", p256(), "crv", json!("secp256k1"), KeyError::CurveUnsupported),
            ("P-384 with short coordinates", p256(), "crv", json!("P-384"), KeyError::PointLength),
            ("Ed25519 in EC", p256(), "crv", json!("Ed25519"), KeyError::CurveUnsupported),
            ("Ed448", ed25519(), "crv", json!("Ed448"), KeyError::CurveUnsupported),
            ("X25519", ed25519(), "crv", json!("X25519"), KeyError::CurveUnsupported),
            ("P-256 in OKP", ed25519(), "crv", json!("P-256"), KeyError::CurveUnsupported),
            ("short x", p256(), "x", json!("AQAB"), KeyError::PointLength),
            ("padded e", rsa(), "e", json!("AQ=="), KeyError::JwkBase64),
            ("e with trailing bits", rsa(), "e", json!("AR"), KeyError::JwkBase64),
            ("n of plain base64", rsa(), "n", json!("+/+/"), KeyError::JwkBase64),
            ("small n", rsa(), "n", json!("AQAB"), KeyError::RsaTooSmall),
            ("large n", rsa(), "n", json!(long), KeyError::RsaTooLarge),
            ("e of 1", rsa(), "e", json!("AQ"), KeyError::RsaExponent),
        ];
        for (name, jwk, member, value, error) in table {
            assert_eq!(read(jwk, member, value).unwrap_err(), error, "{name}");
        }
    }

    #[test]
    fn use_and_key_ops_must_agree_when_both_are_there() {
        let with = |operations: Value| {
            let mut jwk = rsa();
            jwk["use"] = json!("sig");
            read(jwk, "key_ops", operations).map(|_| ())
        };
        assert_eq!(with(json!(["verify"])), Ok(()));
        assert_eq!(with(json!(["sign", "verify"])), Ok(()));
        assert_eq!(with(json!(["verify", "encrypt"])), Err(KeyError::UseAndKeyOpsDiffer));
        assert!(read(rsa(), "key_ops", json!(["verify", "wrapKey"])).is_ok());
    }

    #[test]
    fn unknown_members_and_certificates_are_ignored() {
        for (name, value) in
            [("x5c", json!(["AAAA"])), ("x5u", json!("http://evil.example")), ("ext", json!(true))]
        {
            assert!(read(ed25519(), name, value).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_key_may_bind_its_algorithm_also_by_the_name_ed25519() {
        assert_eq!(read(ed25519(), "alg", json!("Ed25519")).unwrap().alg, Some(Algorithm::EdDSA));
        assert_eq!(read(p256(), "alg", json!("ES256")).unwrap().alg, Some(Algorithm::ES256));
    }
}

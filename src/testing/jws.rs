use crate::{
    json,
    keys::{Algorithm, KeySet, Selection},
    verify::signature,
};
use serde_json::Value;

/// Verifies a bare JWS in compact serialization and returns its payload, whatever that is.
///
/// For test vectors that are no access tokens: no claim is looked at.
///
/// # Errors
///
/// The rule that refused.
#[doc(hidden)]
pub fn verify_jws(token: &str, keys: &KeySet) -> Result<Vec<u8>, String> {
    let (message, encoded) = token.rsplit_once('.').ok_or("not_a_jws")?;
    let (header, payload) = message.split_once('.').ok_or("not_a_jws")?;
    if payload.contains('.') {
        return Err("not_a_jws".into());
    }
    let decode = |part| json::decode_base64url(part).ok_or("base64_not_canonical");
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(encoded)?);
    let header = json::read_object(&header).map_err(|_| "header_malformed")?;
    if ["crit", "b64", "enc", "zip"].iter().any(|name| header.contains_key(*name)) {
        return Err("header_extension".into());
    }
    let text = |name| match header.get(name) {
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err("header_malformed"),
        None => Ok(None),
    };
    let alg = text("alg")?.ok_or("header_malformed")?;
    let alg: Algorithm = alg.parse().map_err(|_| "alg_not_allowed")?;
    match keys.select(text("kid")?, alg) {
        Selection::Missing => Err("key_unknown".into()),
        Selection::Ambiguous => Err("key_ambiguous".into()),
        Selection::Try(found) => found
            .iter()
            .any(|key| signature::verify(key, alg, message.as_bytes(), &signature))
            .then_some(payload)
            .ok_or_else(|| "signature_invalid".into()),
    }
}

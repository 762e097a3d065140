use crate::{keys::KeySet, token::BearerToken, verify};

/// Verifies a bare JWS in compact serialization and returns its payload, whatever that is.
///
/// For test vectors that are no access tokens: the verifier's own way up to the signature, and no claim is looked at.
///
/// # Errors
///
/// The id of the rule that refused.
#[doc(hidden)]
pub fn verify_jws(token: &str, keys: &KeySet) -> Result<Vec<u8>, String> {
    let payload = BearerToken::parse(token).and_then(|token| verify::verify_bare(&token, keys));
    payload.map_err(|reason| reason.id().to_owned())
}

use super::Prepared;
use hmac::{Hmac, Mac, digest::KeyInit};
use rsa::signature::{SignatureEncoding, Verifier};
use sha2::{Sha256, Sha384, Sha512};

pub(super) fn verify(key: &Prepared, message: &[u8], signature: &[u8]) -> bool {
    match key {
        Prepared::Rs256(key) => public(key, message, signature),
        Prepared::Rs384(key) => public(key, message, signature),
        Prepared::Rs512(key) => public(key, message, signature),
        Prepared::Ps256(key) => public(key, message, signature),
        Prepared::Ps384(key) => public(key, message, signature),
        Prepared::Ps512(key) => public(key, message, signature),
        Prepared::Es256(key) => public::<p256::ecdsa::Signature>(key, message, signature),
        Prepared::Es384(key) => public::<p384::ecdsa::Signature>(key, message, signature),
        Prepared::Es512(key) => public::<p521::ecdsa::Signature>(key, message, signature),
        // Not `verify_strict`: small-order keys are refused at the door, and this answers exactly as AWS-LC does.
        Prepared::Ed25519(key) => public(key, message, signature),
        Prepared::Hs256(secret) => hmac::<Hmac<Sha256>>(secret, message, signature),
        Prepared::Hs384(secret) => hmac::<Hmac<Sha384>>(secret, message, signature),
        Prepared::Hs512(secret) => hmac::<Hmac<Sha512>>(secret, message, signature),
    }
}

/// `TryFrom` takes exactly the signature's length, where it is fixed.
fn public<S: SignatureEncoding>(key: &impl Verifier<S>, message: &[u8], signature: &[u8]) -> bool {
    S::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn hmac<M: Mac + KeyInit>(secret: &[u8], message: &[u8], tag: &[u8]) -> bool {
    // A key of any length is taken; the length was judged when it was made.
    <M as Mac>::new_from_slice(secret).is_ok_and(|mac| mac.chain_update(message).verify_slice(tag).is_ok())
}

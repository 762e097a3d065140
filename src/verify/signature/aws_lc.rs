use crate::keys::key::Prepared;
use aws_lc_rs::hmac;

pub(super) fn verify(key: &Prepared, message: &[u8], signature: &[u8]) -> bool {
    match key {
        Prepared::Public(key) => key.verify_sig(message, signature).is_ok(),
        Prepared::Secret(key) => hmac::verify(key, message, signature).is_ok(),
    }
}

//! The one door to signature verification: a prepared key, a message, a yes or a no.

#[cfg(feature = "aws-lc-rs")]
#[path = "signature/aws_lc.rs"]
mod backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
#[path = "signature/rust_crypto.rs"]
mod backend;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#[path = "signature/no_backend.rs"]
mod backend;
#[cfg(all(feature = "testing", feature = "aws-lc-rs", feature = "rust-crypto"))]
pub(crate) mod second;

#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use crate::keys::key::Prepared;
use crate::keys::{Algorithm, Key};

/// Whether the signature over the message is of that key under that algorithm.
///
/// A key that does not fit the algorithm verifies nothing. ECDSA takes `r || s` of the exact length (RFC 7518 section
/// 3.4), RSA-PSS a salt as long as the hash (section 3.5); HMAC is compared in constant time.
pub(crate) fn verify(key: &Key, alg: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    key.prepared(alg).is_some_and(|prepared| backend::verify(prepared, message, signature))
}

#[cfg(test)]
#[cfg(all(feature = "testing", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod tests;

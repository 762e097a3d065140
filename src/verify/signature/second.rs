//! The pure-Rust backend beside AWS-LC, which is the one in use: for the fuzzers, that hold the two against each other.

#[path = "rust_crypto.rs"]
mod backend;

use crate::keys::{
    Algorithm, Key, KeyError,
    key::second::{Prepared, prepare},
};

/// As [`verify`](super::verify), by the second backend.
///
/// # Errors
///
/// That backend refuses the key.
pub(crate) fn verify(key: &Key, alg: Algorithm, message: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
    prepare(key, alg).map(|prepared| backend::verify(&prepared, message, signature))
}

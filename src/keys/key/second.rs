//! The pure-Rust backend beside AWS-LC, which is the one in use: for the fuzzers, that hold the two against each other.

#[path = "rust_crypto.rs"]
#[expect(dead_code, reason = "thumbprints are compared by nobody")]
mod backend;

pub(crate) use backend::Prepared;

use super::{Key, material};
use crate::keys::{Algorithm, KeyError, jwk::Jwk};

/// The key as the second backend wants it.
pub(crate) fn prepare(key: &Key, alg: Algorithm) -> Result<Prepared, KeyError> {
    backend::prepare(&key.material, alg)
}

/// Whether a JWK that our own rules let through is taken by the backend in use, and by the second; `None` if our own
/// rules refuse it.
pub(crate) fn take(json: &str) -> Option<(bool, bool)> {
    let jwk = Jwk::parse(json).ok()?;
    let algorithms = jwk.alg.as_ref().map_or(jwk.material.algorithms(), std::slice::from_ref);
    let second = algorithms.iter().all(|&alg| backend::prepare(&jwk.material, alg).is_ok());
    Some((Key::from_jwk(json).is_ok(), second))
}

//! Neither backend is built in: everything compiles, and every key is refused.

use super::material::Material;
use crate::keys::{Algorithm, KeyError};

/// Cannot be made.
#[derive(Clone)]
pub(crate) enum Prepared {}

pub(super) fn prepare(_: &Material, _: Algorithm) -> Result<Prepared, KeyError> {
    Err(KeyError::NoBackend)
}

/// Never called: no key comes to be whose thumbprint could be asked for.
pub(super) fn sha256(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

use super::Public;
use crate::keys::Algorithm;

/// Cannot be made.
pub(super) enum Signer {}

impl Signer {
    pub(super) fn generate(_: Algorithm) -> Self {
        panic!("no signature backend: enable the feature aws-lc-rs or rust-crypto")
    }

    pub(super) fn from_secret(_: &[u8]) -> Self {
        panic!("no signature backend: enable the feature aws-lc-rs or rust-crypto")
    }

    pub(super) fn public(&self) -> Public {
        match *self {}
    }

    pub(super) fn sign(&self, _: Algorithm, _: &[u8]) -> Vec<u8> {
        match *self {}
    }
}

pub(super) fn sha256(_: &[u8]) -> Vec<u8> {
    panic!("no signature backend: enable the feature aws-lc-rs or rust-crypto")
}

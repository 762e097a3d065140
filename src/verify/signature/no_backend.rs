use crate::keys::key::Prepared;

pub(super) fn verify(key: &Prepared, _: &[u8], _: &[u8]) -> bool {
    match *key {}
}

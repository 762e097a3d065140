//! RSA with exponent three, of any length and by any reading of its padding, which no library computes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{crypto::aws_lc, jwk::ThumbprintHash};
use serde_json::Value;

/// What stands before a SHA-256 hash (RFC 8017 section 9.2).
const PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// Whether the signature's cube is the padded hash of the message.
pub(super) fn is_signed(key: &Value, message: &[u8], signature: &[u8]) -> bool {
    padded_cube(key, signature).is_some_and(|padded| {
        let filler = padded.len().saturating_sub(PREFIX.len() + 32 + 3);
        padded == [&[0, 1], &vec![0xFF; filler][..], &[0], &PREFIX, &hash(message)].concat()
    })
}

/// The same, to the end of the hash, wherever that is.
pub(super) fn begins_signed(key: &Value, message: &[u8], signature: &[u8]) -> bool {
    padded_cube(key, signature).is_some_and(|padded| {
        let rest = padded.strip_prefix(&[0, 1, 0xFF]);
        let rest = rest.and_then(|rest| rest.splitn(2, |byte| *byte == 0).nth(1));
        rest.is_some_and(|rest| rest.starts_with(&[&PREFIX[..], &hash(message)].concat()))
    })
}

fn hash(message: &[u8]) -> Vec<u8> {
    (aws_lc::DEFAULT_PROVIDER.key_utils.compute_digest)(message, ThumbprintHash::SHA256).unwrap()
}

/// As long as the modulus.
fn padded_cube(key: &Value, signature: &[u8]) -> Option<Vec<u8>> {
    let modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().filter(|_| key["e"] == "Aw")?).ok()?;
    if signature.len() != modulus.len() {
        return None;
    }
    let cube = product(&product(signature, signature), signature);
    Some(remainder(&cube, &modulus))
}

fn product(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut product = vec![0u8; one.len() + other.len()];
    for (at, a) in one.iter().enumerate().rev() {
        let mut carry = 0;
        for (place, b) in other.iter().enumerate().rev() {
            let sum = u32::from(*a) * u32::from(*b) + u32::from(product[at + place + 1]) + carry;
            (product[at + place + 1], carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        product[at] = carry.to_le_bytes()[0];
    }
    product
}

/// Bit by bit, as on paper.
fn remainder(number: &[u8], modulus: &[u8]) -> Vec<u8> {
    let digits = number.iter().skip_while(|byte| **byte == 0);
    let mut rest = vec![0u8; modulus.len() + 1];
    for bit in digits.flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
        }
        if rest[0] > 0 || rest[1..] >= *modulus {
            let mut borrowed = false;
            for (byte, less) in rest.iter_mut().rev().zip(modulus.iter().rev().chain([&0])) {
                let (left, over) = byte.overflowing_sub(*less);
                let (left, more) = left.overflowing_sub(borrowed.into());
                (*byte, borrowed) = (left, over || more);
            }
        }
    }
    rest.split_off(1)
}

//! Signatures that are not the one that was made, and messages that are not the one that was signed.

use super::{
    Defect, Judge, cubes,
    form::Opened,
    signature::{Alg, verifies_as},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::Value;

/// The group order of P-256 (SEC 2 section 2.4.2).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The group order of Ed25519 (RFC 8032 section 5.1), little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

impl Judge {
    /// By the right key, and not as RFC 7515 has it.
    pub(super) fn is_signed_otherwise(&self, key: &Value, alg: Alg, opened: &Opened) -> bool {
        let message = opened.message.as_bytes();
        let signature = &opened.signature[..];
        let payload = opened.message.split_once('.').unwrap().1;
        let text = opened.text.join(&b'.');
        let is_ec = alg.with(key) == Some(Algorithm::ES256);
        let is_zero = |half: &[u8]| half.iter().all(|byte| *byte == 0) || half == unhex(P256_ORDER);
        if signature.is_empty() && self.has(Defect::EmptySignaturePasses) {
            return true;
        }
        if is_ec
            && signature.len() == 64
            && signature.chunks(32).all(is_zero)
            && self.has(Defect::ZeroIsASignature)
        {
            return true;
        }
        let same = |signature: &[u8]| verifies_as(key, alg, message, signature);
        let own = |variant: Option<Vec<u8>>| variant.is_some_and(|variant| same(&variant));
        let readings = [
            (Defect::SignatureIsCut, own(signature.get(..64).map(Into::into))),
            (Defect::ZeroBeforeIsDropped, own(signature.strip_prefix(&[0]).map(Into::into))),
            (Defect::DerIsTaken, is_ec && own(from_der(signature))),
            (Defect::NumbersArePadded, is_ec && own(unpadded(signature))),
            (Defect::EddsaIsReduced, own(eddsa_reduced(signature))),
            (Defect::PaddingIsReadFromTheLeft, cubes::begins_signed(key, message, signature)),
            (Defect::RsaIsReduced, own(rsa_reduced(key, signature))),
            (Defect::HeaderIsNotSigned, verifies_as(key, alg, payload.as_bytes(), signature)),
            (Defect::TextIsSigned, verifies_as(key, alg, &text, signature)),
        ];
        readings.into_iter().any(|(defect, passes)| passes && self.has(defect))
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Right-aligned in 32 bytes.
fn number(bytes: &[u8]) -> Option<Vec<u8>> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros..];
    let filler = 32usize.checked_sub(digits.len())?;
    Some([vec![0; filler], digits.to_vec()].concat())
}

fn from_der(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, _, 2, length, rest @ ..] = der else { return None };
    let (r, rest) = rest.split_at_checked(usize::from(*length))?;
    let [2, _, s @ ..] = rest else { return None };
    Some([number(r)?, number(s)?].concat())
}

fn unpadded(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at(signature.len() / 2);
    Some([number(r)?, number(s)?].concat())
}

/// The difference of two little-endian numbers; `None` below zero.
fn difference(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut borrowed = false;
    let digit = |number: &[u8], at: usize| i16::from(number.get(at).copied().unwrap_or(0));
    let digits = (0..a.len().max(b.len())).map(|at| {
        let left = digit(a, at) - digit(b, at) - i16::from(borrowed);
        borrowed = left < 0;
        u8::try_from(left.rem_euclid(256)).unwrap()
    });
    let digits: Vec<u8> = digits.collect();
    (!borrowed).then_some(digits)
}

fn eddsa_reduced(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(32).filter(|(_, s)| s.len() == 32)?;
    Some([r.to_vec(), difference(s, &unhex(ED25519_ORDER))?].concat())
}

fn rsa_reduced(key: &Value, signature: &[u8]) -> Option<Vec<u8>> {
    let mut modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str()?).ok()?;
    modulus.reverse();
    let mut left = difference(&signature.iter().rev().copied().collect::<Vec<_>>(), &modulus)?;
    left.truncate(modulus.len());
    left.reverse();
    Some(left)
}

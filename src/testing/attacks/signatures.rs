//! The signature's own bytes.

use super::{
    attack::{Attack, Category::Signature},
    forge::{Forge, decode, encode, parts, unhex},
};
use crate::keys::Algorithm::{ES256, EdDSA, RS256};
use serde_json::Value;

/// The good token of the application's own algorithm.
fn good(forge: &Forge, change: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
    forge.under(forge.algorithm, change)
}

fn halves(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (r, s) = signature.split_at(signature.len() / 2);
    (r.to_vec(), s.to_vec())
}

/// The group order of P-256 (SEC 2 section 2.4.2).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The group order of Ed25519 (RFC 8032 section 5.1), little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// An integer of DER, from a big-endian one.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut value: Vec<u8> = bytes.iter().copied().skip(zeros).collect();
    if value.first().is_none_or(|first| *first >= 0x80) {
        value.insert(0, 0);
    }
    let mut der = vec![2, u8::try_from(value.len()).unwrap_or_default()];
    der.extend(value);
    der
}

/// The sum of two little-endian numbers, as long as the longer, and one byte more where it carries.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0u16;
    let mut total: Vec<u8> = (0..a.len().max(b.len()))
        .map(|at| {
            let digit = |number: &[u8]| u16::from(number.get(at).copied().unwrap_or(0));
            carry += digit(a) + digit(b);
            let [low, high] = carry.to_le_bytes();
            carry = high.into();
            low
        })
        .collect();
    total.extend((carry > 0).then_some(1));
    total
}

fn modulus(forge: &Forge) -> Vec<u8> {
    let jwk = forge.jwk(RS256);
    decode(jwk.get("n").and_then(Value::as_str).unwrap_or_default())
}

pub(super) const ATTACKS: &[Attack] = &[
    Signature.token(
        "signature_empty",
        "CVE-2020-28042; RFC 7515 5.2",
        "Has nothing behind its last dot.",
        |forge| good(forge, |_| Vec::new()),
    ),
    Signature.token(
        "signature_of_one_byte",
        "RFC 7515 5.2; field",
        "Has the signature's first byte alone, for a reader that compares as far as it goes.",
        |forge| good(forge, |signature| signature.into_iter().take(1).collect()),
    ),
    Signature.token("signature_flipped", "RFC 7515 5.2", "Has one bit of the signature flipped.", |forge| {
        good(forge, |mut signature| {
            signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            signature
        })
    }),
    Signature.token(
        "signature_cut",
        "RFC 7515 5.2; RFC 8017 8.2.2",
        "Lacks the signature's last byte.",
        |forge| {
            good(forge, |mut signature| {
                signature.pop();
                signature
            })
        },
    ),
    Signature.token(
        "signature_longer",
        "RFC 7515 5.2; RFC 8017 8.2.2",
        "Has a byte behind the signature.",
        |forge| {
            good(forge, |mut signature| {
                signature.push(0);
                signature
            })
        },
    ),
    Signature.token(
        "signature_after_a_zero",
        "RFC 7515 5.2; RFC 8017 8.2.2",
        "Has a zero before the signature, which leaves the number as it is.",
        |forge| {
            good(forge, |mut signature| {
                signature.insert(0, 0);
                signature
            })
        },
    ),
    Signature.token("signature_twice", "RFC 7515 5.2", "Has the signature twice.", |forge| {
        good(forge, |signature| signature.repeat(2))
    }),
    Signature.token(
        "signature_backwards",
        "RFC 7515 5.2; field",
        "Has the signature's bytes in the other order.",
        |forge| {
            good(forge, |mut signature| {
                signature.reverse();
                signature
            })
        },
    ),
    Signature.token(
        "claims_changed",
        "RFC 7515 5.2",
        "Has another subject, under the signature of the first.",
        |forge| {
            let [header, _, signature] = parts(&forge.good().sign());
            let root = forge.good().subject("root");
            format!("{header}.{}.{signature}", encode(Value::Object(root.claims().clone()).to_string()))
        },
    ),
    Signature.token(
        "header_changed",
        "RFC 7515 5.2",
        "Has one more member in its header than was signed.",
        |forge| {
            let [_, payload, signature] = parts(&forge.good().sign());
            format!("{}.{payload}.{signature}", encode(forge.header_with("note", "added")))
        },
    ),
    Signature.token(
        "signature_over_the_claims_alone",
        "RFC 7515 5.1; field",
        "Is signed without its header.",
        |forge| {
            let [header, payload, _] = parts(&forge.good().sign());
            let signature = forge.good().key().1.sign(payload.as_bytes());
            format!("{header}.{payload}.{}", encode(signature))
        },
    ),
    Signature.token(
        "signature_over_the_text",
        "RFC 7515 5.1; RFC 7797 3",
        "Is signed over its JSON, and not over its base64url.",
        |forge| {
            let (header, payload) = (Value::Object(forge.header()).to_string(), forge.payload());
            let signature = forge.good().key().1.sign(format!("{header}.{payload}").as_bytes());
            format!("{}.{}.{}", encode(header), encode(payload), encode(signature))
        },
    ),
    Signature.token(
        "ecdsa_zero",
        "CVE-2022-21449",
        "Has an ECDSA signature of zeros, which fits any message where nobody looks.",
        |forge| forge.under(ES256, |signature| vec![0; signature.len()]),
    ),
    Signature.token(
        "ecdsa_of_the_order",
        "CVE-2022-21449; field",
        "Has the group's order for both numbers of ECDSA, which is zero in another coat.",
        |forge| forge.under(ES256, |_| unhex(P256_ORDER).repeat(2)),
    ),
    Signature.token("ecdsa_of_ones", "RFC 7518 3.4; field", "Has one for both numbers of ECDSA.", |forge| {
        forge.under(ES256, |signature| (0..signature.len()).map(|at| u8::from(at % 32 == 31)).collect())
    }),
    Signature.token(
        "ecdsa_in_der",
        "RFC 7518 3.4",
        "Has an ECDSA signature in DER, as TLS writes it: one token, two spellings.",
        |forge| {
            forge.under(ES256, |signature| {
                let (r, s) = halves(&signature);
                let body = [integer(&r), integer(&s)].concat();
                [vec![0x30, u8::try_from(body.len()).unwrap_or_default()], body].concat()
            })
        },
    ),
    Signature.token(
        "ecdsa_swapped",
        "RFC 7518 3.4",
        "Has the two numbers of ECDSA in the other order.",
        |forge| {
            forge.under(ES256, |signature| {
                let (r, s) = halves(&signature);
                [s, r].concat()
            })
        },
    ),
    Signature.token(
        "ecdsa_padded",
        "RFC 7518 3.4",
        "Has a zero before each number of ECDSA, which leaves both as they are.",
        |forge| {
            forge.under(ES256, |signature| {
                let (r, s) = halves(&signature);
                [vec![0], r, vec![0], s].concat()
            })
        },
    ),
    Signature.token(
        "eddsa_plus_order",
        "RFC 8032 5.1.7",
        "Has the group's order added to its EdDSA signature: one token, two spellings.",
        |forge| {
            forge.under(EdDSA, |signature| {
                let (r, s) = halves(&signature);
                [r, sum(&s, &unhex(ED25519_ORDER))].concat()
            })
        },
    ),
    Signature.token(
        "eddsa_of_the_identity",
        "RFC 8032 5.1.7; field",
        "Has the neutral point and zero for its EdDSA signature, which fits where the key is weak.",
        |forge| forge.under(EdDSA, |signature| (0..signature.len()).map(|at| u8::from(at == 0)).collect()),
    ),
    Signature.token("eddsa_zero", "RFC 8032 5.1.7", "Has an EdDSA signature of zeros.", |forge| {
        forge.under(EdDSA, |signature| vec![0; signature.len()])
    }),
    Signature.token(
        "rsa_zero",
        "RFC 8017 8.2.2",
        "Has zero for its RSA signature, whose power is zero.",
        |forge| forge.under(RS256, |signature| vec![0; signature.len()]),
    ),
    Signature.token(
        "rsa_one",
        "RFC 8017 8.2.2",
        "Has one for its RSA signature, whose power is one.",
        |forge| {
            forge.under(RS256, |signature| {
                let last = signature.len().saturating_sub(1);
                (0..signature.len()).map(|at| u8::from(at == last)).collect()
            })
        },
    ),
    Signature.token(
        "rsa_modulus",
        "RFC 8017 5.2.2",
        "Has the modulus for its RSA signature, which is zero in another coat.",
        |forge| {
            let modulus = modulus(forge);
            forge.under(RS256, |_| modulus.clone())
        },
    ),
    Signature.token(
        "rsa_plus_modulus",
        "RFC 8017 5.2.2",
        "Has the modulus added to its RSA signature: one token, two spellings.",
        |forge| {
            let mut modulus = modulus(forge);
            modulus.reverse();
            forge.under(RS256, |mut signature| {
                signature.reverse();
                let mut total = sum(&signature, &modulus);
                total.reverse();
                total
            })
        },
    ),
    Signature.token(
        "rsa_unpadded",
        "RFC 8017 9.2; RFC 8017 8.2.2",
        "Has its own padded hash for an RSA signature, as if the exponent were one.",
        |forge| {
            forge.under(RS256, |signature| {
                let [header, payload, _] = parts(&forge.good_with(RS256).sign());
                super::endpoint::padded(format!("{header}.{payload}").as_bytes(), signature.len())
            })
        },
    ),
];

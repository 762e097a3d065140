//! The header's `alg`: what checks a signature is for the server to say (RFC 8725 section 3.1).

use super::{
    attack::{Attack, Category},
    forge::{Forge, encode, parts},
};
use crate::keys::Algorithm;
use serde_json::{Value, json};

/// The good claims under a header that says another `alg`, with this signature.
fn unsigned(forge: &Forge, header: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", encode(header), encode(forge.payload()))
}

fn relabelled(forge: &Forge, alg: impl Into<Value>) -> String {
    forge.sealed(forge.header_with("alg", alg), forge.payload())
}

pub(super) const ATTACKS: &[Attack] = &[
    Category::Algorithm.token(
        "alg_none",
        "RFC 8725 2.1; CVE-2020-15957",
        "Says that nobody signed it, and brings no signature.",
        |forge| unsigned(forge, r#"{"alg":"none","typ":"JWT"}"#, ""),
    ),
    Category::Algorithm.token(
        "alg_none_with_kid",
        "RFC 8725 2.1; CVE-2018-1000531",
        "Says `none` beside the `kid` of a real key, for a reader that looks for a key first.",
        |forge| unsigned(forge, &forge.header_with("alg", "none"), ""),
    ),
    Category::Algorithm.token(
        "alg_none_with_signature",
        "RFC 8725 2.1",
        "Says `none` and brings some signature, for a reader that refuses only empty ones.",
        |forge| unsigned(forge, &forge.header_with("alg", "none"), &encode([1; 64])),
    ),
    Category::Algorithm.token(
        "alg_none_mixed_case",
        "RFC 8725 2.1; field",
        "Says `nOnE`, for a list of forbidden names that compares letters.",
        |forge| unsigned(forge, &forge.header_with("alg", "nOnE"), ""),
    ),
    Category::Algorithm.token(
        "alg_none_with_space",
        "RFC 8725 2.1; field",
        "Says `none` with a space behind, for a reader that forbids first and trims later.",
        |forge| unsigned(forge, &forge.header_with("alg", "none "), ""),
    ),
    Category::Algorithm.token(
        "alg_missing",
        "RFC 7515 4.1.1; field",
        "Has no `alg` and no signature.",
        |forge| unsigned(forge, &format!(r#"{{"typ":"JWT","kid":{:?}}}"#, forge.kid()), ""),
    ),
    Category::Algorithm.token(
        "alg_missing_but_signed",
        "RFC 7515 4.1.1; RFC 8725 3.1",
        "Has no `alg` and a good signature, for a reader that falls back to a default.",
        |forge| forge.sealed(format!(r#"{{"kid":{:?}}}"#, forge.kid()), forge.payload()),
    ),
    Category::Algorithm.token(
        "alg_null",
        "RFC 7515 4.1.1",
        "Has `null` for `alg` and no signature.",
        |forge| unsigned(forge, &forge.header_with("alg", Value::Null), ""),
    ),
    Category::Algorithm.token(
        "alg_empty",
        "RFC 7515 4.1.1; field",
        "Has an empty `alg` and no signature.",
        |forge| unsigned(forge, &forge.header_with("alg", ""), ""),
    ),
    Category::Algorithm.token(
        "alg_list",
        "RFC 7515 4.1.1; field",
        "Offers several algorithms in an array, `none` among them.",
        |forge| unsigned(forge, &forge.header_with("alg", json!([forge.algorithm.name(), "none"])), ""),
    ),
    Category::Algorithm.token(
        "alg_number",
        "RFC 7515 4.1.1",
        "Names the algorithm by the number 0, and is signed by nobody.",
        |forge| unsigned(forge, &forge.header_with("alg", 0), ""),
    ),
    Category::Algorithm.token(
        "alg_in_another_case",
        "RFC 7515 4.1.1",
        "Names the right algorithm in the other case: names are compared byte for byte.",
        |forge| {
            let name = forge.algorithm.name();
            let lower = name.to_ascii_lowercase();
            relabelled(forge, lower)
        },
    ),
    Category::Algorithm.token(
        "alg_of_another_hash",
        "RFC 8725 3.1; RFC 7517 4.4",
        "Names a neighbour of the key's algorithm, of the same kind and with another hash.",
        |forge| {
            relabelled(
                forge,
                match forge.algorithm.name() {
                    "RS256" => "RS384",
                    "PS256" => "PS384",
                    "ES256" => "ES384",
                    "HS256" => "HS384",
                    "EdDSA" => "Ed448",
                    name => match name.get(..2) {
                        Some("RS") => "RS256",
                        Some("PS") => "PS256",
                        Some("ES") => "ES256",
                        _ => "HS256",
                    },
                },
            )
        },
    ),
    Category::Algorithm.token(
        "alg_of_another_padding",
        "RFC 8725 3.1; RFC 7517 4.4",
        "Is signed by a published RSA key with PSS, where the key is bound to RS256.",
        |forge| {
            let (kid, key, _) = forge.good_with(Algorithm::RS256).key();
            let header = json!({"alg": "PS256", "kid": kid}).to_string();
            let signed = format!("{}.{}", encode(header), encode(forge.payload()));
            format!("{signed}.{}", encode(key.sign_as(Algorithm::PS256, signed.as_bytes())))
        },
    ),
    Category::Algorithm.token(
        "alg_unregistered",
        "RFC 8725 3.2",
        "Names an algorithm that nobody registered, above a good signature.",
        |forge| relabelled(forge, "XS256"),
    ),
    Category::Algorithm.token(
        "alg_weak_hash",
        "RFC 8725 3.2; RFC 8725 2.1",
        "Names SHA-1 in an algorithm's place, above a good signature.",
        |forge| relabelled(forge, if forge.algorithm.is_symmetric() { "HS1" } else { "RS1" }),
    ),
    Category::Algorithm.token(
        "alg_of_encryption",
        "RFC 7518 4.1; field",
        "Names an algorithm that encrypts keys, in a token of three parts.",
        |forge| relabelled(forge, "RSA-OAEP"),
    ),
    Category::Algorithm.token(
        "alg_direct",
        "RFC 7518 4.5; field",
        "Names `dir`, an algorithm that does nothing, without a signature.",
        |forge| unsigned(forge, &forge.header_with("alg", "dir"), ""),
    ),
    Category::Algorithm.token(
        "alg_in_the_claims",
        "RFC 7515 4.1.1",
        "Has `alg` among its claims and none in its header.",
        |forge| {
            let payload = forge.payload_with(&format!(",\"alg\":{:?}", forge.algorithm.name()));
            format!("{}.{}.", encode("{}"), encode(payload))
        },
    ),
    Category::Algorithm.token(
        "alg_of_another_kind_of_key",
        "RFC 8725 3.1; field",
        "Names ES512 above a signature of the wrong length, under the good `kid`: a reader panicked here.",
        |forge| {
            let [_, payload, _] = parts(&forge.good().sign());
            let alg = if forge.algorithm == Algorithm::ES512 { "ES256" } else { "ES512" };
            format!("{}.{payload}.{}", encode(forge.header_with("alg", alg)), encode([7; 10]))
        },
    ),
];

//! Parts, base64url and character sets: one token must have one spelling.

use super::{
    attack::{Answer, Attack, Category::Encoding},
    forge::{Forge, encode, parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The same bytes with other trailing bits, where there are any.
fn with_trailing_bits(part: &str) -> String {
    let Some(last) = part.chars().last().filter(|_| !part.len().is_multiple_of(4)) else {
        return format!("{part}A");
    };
    let place = ALPHABET.find(last).unwrap_or_default();
    let next = ALPHABET.chars().nth(place + 1).unwrap_or('A');
    format!("{}{next}", part.strip_suffix(last).unwrap_or_default())
}

/// A good payload whose text has bits to spare.
fn spare_payload(forge: &Forge) -> String {
    let mut payload = forge.payload();
    while payload.len().is_multiple_of(3) {
        payload.push(' ');
    }
    encode(payload)
}

fn header(forge: &Forge) -> String {
    encode(Value::Object(forge.header()).to_string())
}

fn bytes_where(forge: &Forge, name: &str, raw: &[u8]) -> String {
    let payload = forge.payload();
    let start = payload.strip_suffix('}').unwrap_or(&payload);
    let mut bytes = format!("{start},{name:?}:\"").into_bytes();
    bytes.extend(raw);
    bytes.extend(b"\"}");
    forge.saying(bytes)
}

pub(super) const ATTACKS: &[Attack] = &[
    Encoding.token("one_part", "RFC 7519 7.2", "Is an opaque text, as a session's id is.", |_| {
        "2YotnFZFEjr1zCsicMWpAA".into()
    }),
    Encoding.token("two_parts", "RFC 7515 7.1; RFC 7519 6", "Has no signature, and no dot before it either.", |f| {
        let [header, payload, _] = parts(&f.good().sign());
        format!("{header}.{payload}")
    }),
    Encoding.token("four_parts", "RFC 7515 7.1", "Has a part behind its signature, which nobody signed.", |f| {
        format!("{}.{}", f.good().sign(), encode("{}"))
    }),
    Encoding.token("trailing_dot", "RFC 7515 7.1", "Ends with one more dot.", |f| format!("{}.", f.good().sign())),
    Encoding.token("leading_dot", "RFC 7515 7.1", "Begins with a dot.", |f| format!(".{}", f.good().sign())),
    Encoding.token("dots_alone", "RFC 7515 7.1; field", "Is two dots with nothing around them.", |_| "..".into()),
    Encoding.token(
        "five_parts",
        "RFC 7516 7.1; RFC 8725 2.3",
        "Is an encrypted token, which no key here opens.",
        |_| format!("{}.AAAA.AAAA.AAAA.AAAA", encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)),
    ),
    Encoding.token(
        "encrypted_by_password",
        "CVE-2022-36083; RFC 7518 4.8.1.2",
        "Is encrypted with a password of two billion rounds, which somebody would have to compute.",
        |_| {
            let header =
                r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAAAAAAAAA"}"#;
            format!("{}.AAAA.AAAA.AAAA.AAAA", encode(header))
        },
    ),
    Encoding.token(
        "json_serialization_encoded",
        "RFC 7515 7.2.2; field",
        "Is a JSON serialization in base64url.",
        |f| {
            let [header, payload, signature] = parts(&f.good().sign());
            encode(json!({"protected": header, "payload": payload, "signature": signature}).to_string())
        },
    ),
    Encoding.token(
        "json_serialization",
        "RFC 7515 7.2.2; CVE-2022-39227",
        "Is a JSON serialization with a good signature, and three parts with other claims to who splits it at its dots.",
        |f| {
            let [header, payload, signature] = parts(&f.good().sign());
            let root = encode(Value::Object(f.good().subject("root").claims().clone()).to_string());
            let signed = json!({"protected": header, "payload": payload, "signature": signature}).to_string();
            signed.replacen('{', &format!(r#"{{"{header}.{root}.":"","#), 1)
        },
    )
    .is_answered(Answer::InvalidRequest),
    Encoding.token("padded_signature", "RFC 7515 2; RFC 4648 3.2", "Has padding behind its signature.", |f| {
        format!("{}==", f.good().sign())
    }),
    Encoding.token(
        "padded_payload",
        "RFC 7515 2; RFC 4648 3.2",
        "Has padding behind its claims, which was signed with them.",
        |f| {
            let payload = spare_payload(f);
            f.over(&header(f), &format!("{payload}{}", "=".repeat(4 - payload.len() % 4)))
        },
    )
    .is_answered(Answer::InvalidRequest),
    Encoding.token(
        "standard_alphabet",
        "RFC 7515 2; RFC 4648 5",
        "Has its signature in the other alphabet of base64.",
        |f| {
            let signed = |jti: usize| f.good().claim("jti", jti.to_string()).sign();
            let token =
                (0..64).map(signed).find(|token| parts(token)[2].contains(['-', '_'])).unwrap_or_default();
            let [header, payload, signature] = parts(&token);
            format!("{header}.{payload}.{}", signature.replace('-', "+").replace('_', "/"))
        },
    ),
    Encoding.token(
        "standard_alphabet_signed",
        "RFC 7515 2; RFC 4648 5",
        "Has its claims in the other alphabet of base64, signed as they stand.",
        |f| {
            let payload = f.payload_with(r#","pad":"???>>>~~~""#);
            f.over(&header(f), &STANDARD_NO_PAD.encode(payload))
        },
    ),
    Encoding.token(
        "trailing_bits_in_the_signature",
        "RFC 4648 3.5; field",
        "Has bits in its signature's last letter that decode to nothing: one token, many spellings.",
        |f| {
            let [header, payload, signature] = parts(&f.good().sign());
            format!("{header}.{payload}.{}", with_trailing_bits(&signature))
        },
    ),
    Encoding.token(
        "trailing_bits_in_the_claims",
        "RFC 4648 3.5; field",
        "Has bits in its claims' last letter that decode to nothing, signed as they stand.",
        |f| f.over(&header(f), &with_trailing_bits(&spare_payload(f))),
    ),
    Encoding.token(
        "length_that_cannot_be",
        "RFC 4648 3.1; field",
        "Has a letter too many in its signature, which decodes to nothing.",
        |f| {
            let [header, payload, signature] = parts(&f.good().sign());
            format!("{header}.{payload}.{signature}{}", "A".repeat((5 - signature.len() % 4) % 4))
        },
    ),
    Encoding.token(
        "encoded_twice",
        "RFC 7515 5.1; field",
        "Has its claims in base64url twice, signed as they stand.",
        |f| f.over(&header(f), &encode(encode(f.payload()))),
    ),
    Encoding.token(
        "claims_as_plain_json",
        "RFC 7797 3; field",
        "Has its claims as they stand, without base64url.",
        |f| f.over(&header(f), &f.payload()),
    )
    .is_answered(Answer::InvalidRequest),
    Encoding.token(
        "dots_as_percent",
        "RFC 6750 2.1; field",
        "Has its dots percent-encoded, for a reader that decodes what is no form.",
        |f| f.good().sign().replace('.', "%2E"),
    )
    .is_answered(Answer::InvalidRequest),
    Encoding.token("byte_order_mark", "RFC 8259 8.1", "Has a byte order mark before its claims.", |f| {
        f.saying(format!("\u{feff}{}", f.payload()))
    }),
    Encoding.token("utf_16", "RFC 8259 8.1; RFC 7519 7.1", "Has its claims in UTF-16.", |f| {
        f.saying(f.payload().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    }),
    Encoding.token("latin_1", "RFC 8259 8.1", "Has a letter of Latin-1 in its claims, which is no UTF-8.", |f| {
        bytes_where(f, "name", b"Jos\xE9")
    }),
    Encoding.token(
        "overlong_utf_8",
        "RFC 3629 3; field",
        "Has a character in more bytes than it needs, as filters miss it.",
        |f| bytes_where(f, "name", b"\xC0\xAF"),
    ),
    Encoding.token("surrogate_in_utf_8", "RFC 3629 3", "Has half of a surrogate pair as three bytes.", |f| {
        bytes_where(f, "name", b"\xED\xA0\x80")
    }),
    Encoding.token(
        "half_a_surrogate",
        "RFC 8259 8.2",
        "Has half of a surrogate pair as an escape, which no character is.",
        |f| bytes_where(f, "name", br"\ud800"),
    ),
    Encoding.token("huge_token", "field", "Is 24 KiB long, which is read for every request.", |f| {
        f.good().claim("pad", "x".repeat(18 * 1024)).sign()
    })
    .is_answered(Answer::InvalidRequest),
];

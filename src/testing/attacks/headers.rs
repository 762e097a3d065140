//! Other members of the JOSE header.

use super::{
    attack::{Attack, Category::Header},
    forge::{Forge, encode},
};
use serde_json::{Value, json};

/// The good token with one more member in its header, signed by the good key.
fn with(forge: &Forge, name: &str, value: impl Into<Value>) -> String {
    forge.sealed(forge.header_with(name, value), forge.payload())
}

pub(super) const ATTACKS: &[Attack] = &[
    Header.token(
        "crit_unknown",
        "RFC 7515 4.1.11; CVE-2026-32597",
        "Demands that an extension be understood which nobody knows.",
        |forge| {
            let mut header = forge.header();
            header.insert("crit".into(), json!(["urn:example:only-on-tuesdays"]));
            header.insert("urn:example:only-on-tuesdays".into(), true.into());
            forge.sealed(Value::Object(header).to_string(), forge.payload())
        },
    ),
    Header.token(
        "crit_empty",
        "RFC 7515 4.1.11",
        "Has a `crit` that demands nothing, which no producer may send.",
        |forge| with(forge, "crit", json!([])),
    ),
    Header.token(
        "crit_not_a_list",
        "RFC 7515 4.1.11",
        "Has a text for `crit`, which an iteration reads by letters.",
        |forge| with(forge, "crit", "exp"),
    ),
    Header.token(
        "crit_of_a_standard_member",
        "RFC 7515 4.1.11",
        "Calls `alg` critical, which no producer may.",
        |forge| with(forge, "crit", json!(["alg"])),
    ),
    Header.token(
        "crit_of_an_absent_member",
        "RFC 7515 4.1.11",
        "Calls a member critical that is not there.",
        |forge| with(forge, "crit", json!(["exp"])),
    ),
    Header.token(
        "b64_false",
        "RFC 7797 3; RFC 7797 6",
        "Signs the payload as it stands (`b64` is false) without saying that this is critical.",
        |forge| {
            // Read in one way the payload is base64url, in the other it is text.
            forge.over(&encode(forge.header_with("b64", false)), &encode(forge.payload()))
        },
    ),
    Header.token(
        "b64_false_and_critical",
        "RFC 7797 6",
        "Signs the payload as it stands, and says that this is critical.",
        |forge| {
            let mut header = forge.header();
            header.insert("b64".into(), false.into());
            header.insert("crit".into(), json!(["b64"]));
            forge.over(&encode(Value::Object(header).to_string()), &encode(forge.payload()))
        },
    ),
    Header.token(
        "zip_in_a_jws",
        "RFC 7516 4.1.3; field",
        "Compresses its claims as an encrypted token may, behind a good signature.",
        |forge| {
            let payload = forge.payload().into_bytes();
            let length = u16::try_from(payload.len()).unwrap_or_default();
            // RFC 1951 section 3.2.4: one block, stored.
            let mut deflated = vec![1];
            deflated.extend(length.to_le_bytes());
            deflated.extend((!length).to_le_bytes());
            deflated.extend(payload);
            forge.sealed(forge.header_with("zip", "DEF"), deflated)
        },
    ),
    Header.token("enc_in_a_jws", "RFC 7516 4.1.2; field", "Calls itself encrypted, and is not.", |forge| {
        with(forge, "enc", "A256GCM")
    }),
    Header.token(
        "typ_of_a_logout_token",
        "RFC 8725 3.11",
        "Is a logout token by its `typ`, with claims that would do.",
        |forge| with(forge, "typ", "logout+jwt"),
    ),
    Header.token(
        "typ_of_a_security_event",
        "RFC 8725 3.11; RFC 8417 2.3",
        "Is a security event by its `typ`, with claims that would do.",
        |forge| with(forge, "typ", "secevent+jwt"),
    ),
    Header.token(
        "typ_of_a_proof",
        "RFC 8725 3.11; RFC 9449 4.2",
        "Is a proof of possession by its `typ`, with claims that would do.",
        |forge| with(forge, "typ", "dpop+jwt"),
    ),
    Header.token(
        "typ_of_an_authorization_request",
        "RFC 8725 3.11; RFC 9101 10.8",
        "Is a client's authorization request by its `typ`, with claims that would do.",
        |forge| with(forge, "typ", "oauth-authz-req+jwt"),
    ),
    Header.token(
        "typ_of_an_introspection",
        "RFC 8725 3.11; RFC 9701 8.1",
        "Is the answer to another server's question by its `typ`, with claims that would do.",
        |forge| with(forge, "typ", "token-introspection+jwt"),
    ),
    Header.token(
        "typ_empty",
        "RFC 7515 4.1.9; field",
        "Has an empty `typ`, for a reader that takes that for none.",
        |forge| with(forge, "typ", ""),
    ),
    Header.token("typ_not_a_text", "RFC 7515 4.1.9", "Lists several types in an array.", |forge| {
        with(forge, "typ", json!(["at+jwt", "logout+jwt"]))
    }),
    Header.token(
        "typ_with_a_parameter",
        "RFC 7515 4.1.9; field",
        "Adds a parameter to its media type, for a reader that compares beginnings.",
        |forge| with(forge, "typ", "at+jwt;purpose=logout"),
    ),
    Header.token(
        "nested_jwt",
        "RFC 7519 5.2; RFC 8725 3.3",
        "Is a signed envelope around another token, whose claims somebody might look for.",
        |forge| forge.sealed(forge.header_with("cty", "JWT"), forge.good().sign()),
    ),
    Header.token(
        "claims_in_the_header",
        "RFC 7519 5.3",
        "Has issuer, audience and expiry in its header, and nothing of it among its claims.",
        |forge| {
            let mut header = forge.header();
            header.extend(forge.claims());
            forge.sealed(Value::Object(header).to_string(), r#"{"sub":"alice"}"#)
        },
    ),
    Header.token(
        "header_is_a_list",
        "RFC 7515 4",
        "Has a header that is an array with the header in it.",
        |forge| forge.sealed(json!([forge.header()]).to_string(), forge.payload()),
    ),
    Header.token("header_is_empty", "RFC 7515 7.1", "Has nothing before its first dot.", |forge| {
        forge.sealed("", forge.payload())
    }),
    Header.token(
        "header_huge",
        "field",
        "Has a header of 8 KiB, which is read before anything is verified.",
        |forge| with(forge, "pad", "x".repeat(8 * 1024)),
    ),
];

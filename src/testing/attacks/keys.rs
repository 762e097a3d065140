//! Which key a token is held against, and as what.

use super::{
    attack::{Attack, Category::KeyConfusion, Needs},
    forge::{Forge, STRANGERS_KEYS, encode, parts, signed},
};
use crate::{keys::Algorithm, testing::signing::SigningKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The lines between the dashes.
fn body_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

fn der(forge: &Forge) -> Vec<u8> {
    STANDARD.decode(body_of(&forge.pem())).unwrap_or_default()
}

/// The public key's own bytes: the modulus, the point.
fn material(forge: &Forge) -> Vec<u8> {
    let jwk = forge.jwk(forge.public());
    let member = jwk.get("n").or_else(|| jwk.get("x")).and_then(Value::as_str);
    super::forge::decode(member.unwrap_or_default())
}

fn is_rsa(forge: &Forge) -> bool {
    matches!(forge.public().name().get(..2), Some("RS" | "PS"))
}

/// The key under the label `RSA PUBLIC KEY`: without its frame if it is of RSA (RFC 8017 appendix A.1.1).
fn pkcs1_pem(forge: &Forge) -> String {
    // Of a `SubjectPublicKeyInfo` with a modulus of 2048 bits or a few times that, 24 bytes are frame.
    let der = der(forge);
    let body = STANDARD.encode(if is_rsa(forge) { der.get(24..).unwrap_or_default() } else { &der });
    let lines: String = body.chars().enumerate().fold(String::new(), |mut lines, (at, letter)| {
        lines.extend((at > 0 && at % 64 == 0).then_some('\n'));
        lines.push(letter);
        lines
    });
    format!("-----BEGIN RSA PUBLIC KEY-----\n{lines}\n-----END RSA PUBLIC KEY-----\n")
}

/// The key as a line of `authorized_keys` has it (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4).
fn openssh(forge: &Forge) -> String {
    let jwk = forge.jwk(forge.public());
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = |name: &str| super::forge::decode(text(name));
    // A number whose first bit is set has a zero before it, or it would be negative.
    let number = |name: &str| {
        let bytes = bytes(name);
        let zero = bytes.first().is_some_and(|first| *first >= 0x80).then_some(0);
        zero.into_iter().chain(bytes).collect()
    };
    let (kind, fields) = match text("kty") {
        "RSA" => ("ssh-rsa".to_owned(), vec![number("e"), number("n")]),
        "EC" => {
            let curve = text("crv").replace("P-", "nistp");
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            (format!("ecdsa-sha2-{curve}"), vec![curve.into_bytes(), point])
        }
        _ => ("ssh-ed25519".to_owned(), vec![bytes("x")]),
    };
    let mut wire = Vec::new();
    for field in std::iter::once(kind.as_bytes().to_vec()).chain(fields) {
        wire.extend(u32::try_from(field.len()).unwrap_or_default().to_be_bytes());
        wire.extend(field);
    }
    format!("{kind} {}", STANDARD.encode(wire))
}

fn by_kid(forge: &Forge, kid: impl Into<Value>, secret: &[u8]) -> String {
    let mut header = forge.header();
    header.insert("alg".into(), "HS256".into());
    header.insert("kid".into(), kid.into());
    forge.hmac_under(header, secret)
}

pub(super) const ATTACKS: &[Attack] = &[
    KeyConfusion.token(
        "hmac_with_public_pem",
        "RFC 8725 2.1; CVE-2015-9235; CVE-2016-10555",
        "Takes the public key, as PEM, for an HMAC secret.",
        |forge| forge.hmac(forge.pem().as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_trimmed_pem",
        "RFC 8725 2.1; CVE-2016-5431",
        "Takes the public key for an HMAC secret, as PEM without the last line's end.",
        |forge| forge.hmac(forge.pem().trim_end().as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_pkcs1_pem",
        "RFC 8725 2.1; CVE-2017-11424; CVE-2023-48223",
        "Takes the public key for an HMAC secret, under PEM's other label, `RSA PUBLIC KEY`.",
        |forge| forge.hmac(pkcs1_pem(forge).as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_public_der",
        "RFC 8725 2.1",
        "Takes the public key, as DER, for an HMAC secret.",
        |forge| forge.hmac(&der(forge)),
    ),
    KeyConfusion.token(
        "hmac_with_pem_body",
        "RFC 8725 2.1",
        "Takes the base64 text between the dashes of the public key's PEM for an HMAC secret.",
        |forge| forge.hmac(body_of(&forge.pem()).as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_jwk",
        "RFC 8725 2.1",
        "Takes the public key's JWK, as it is published, for an HMAC secret.",
        |forge| forge.hmac(Value::Object(forge.jwk(forge.public())).to_string().as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_key_set",
        "RFC 8725 2.1",
        "Takes the whole published key set for an HMAC secret.",
        |forge| forge.hmac(forge.issuer.jwks().to_string().as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_key_material",
        "RFC 8725 2.1",
        "Takes the public key's own bytes, its modulus or its point, for an HMAC secret.",
        |forge| forge.hmac(&material(forge)),
    ),
    KeyConfusion.token(
        "hmac_with_openssh_key",
        "RFC 8725 2.1; CVE-2022-29217",
        "Takes the public key, as OpenSSH writes it, for an HMAC secret.",
        |forge| forge.hmac(openssh(forge).as_bytes()),
    ),
    KeyConfusion.token(
        "hmac_with_empty_secret",
        "RFC 7518 3.2; CVE-2019-20933",
        "Is signed with an empty HMAC secret, or one of zeros, which HMAC takes for the same.",
        |forge| forge.hmac(b""),
    ),
    KeyConfusion.token(
        "hmac_with_a_word",
        "RFC 8725 2.2; RFC 8725 3.5",
        "Is signed with the secret of every tutorial.",
        |forge| forge.hmac(b"secret"),
    ),
    KeyConfusion.token(
        "hmac_with_kid",
        "RFC 8725 3.5; field",
        "Is signed with its own `kid` for an HMAC secret.",
        |forge| forge.hmac(forge.kid().as_bytes()),
    ),
    KeyConfusion.token(
        "kid_as_a_path",
        "RFC 8725 3.10; field",
        "Has a path to an empty file for `kid`, and is signed with an empty secret.",
        |forge| by_kid(forge, "../../../../../../dev/null", b""),
    ),
    KeyConfusion.token(
        "kid_as_sql",
        "RFC 8725 3.10; field",
        "Has SQL for `kid` that selects a secret of the forger's choice.",
        |forge| by_kid(forge, "x' UNION SELECT 'secret' --", b"secret"),
    ),
    KeyConfusion.token(
        "kid_as_a_query",
        "RFC 8725 3.10; field",
        "Has a document store's operator for `kid`, which any key matches.",
        |forge| by_kid(forge, json!({"$ne": null}), b"secret"),
    ),
    KeyConfusion.token(
        "kid_as_a_url",
        "RFC 8725 3.10",
        "Has the address of a stranger's keys for `kid`.",
        |forge| forge.strangers_with([("kid", forge.url(STRANGERS_KEYS).into())]),
    ),
    KeyConfusion
        .token(
            "kid_of_nobody",
            "RFC 7515 4.1.4",
            "Names a key that does not exist, above a good signature.",
            |forge| forge.sealed(forge.header_with("kid", "nobody"), forge.payload()),
        )
        .needs_a(Needs::NamedKeys),
    KeyConfusion
        .token(
            "kid_of_another_key",
            "RFC 7515 4.1.4; RFC 8725 3.1",
            "Names another published key, of another kind, above a good signature.",
            |forge| {
                let other =
                    if forge.algorithm == Algorithm::ES384 { Algorithm::ES256 } else { Algorithm::ES384 };
                let kid = forge.issuer.key_for(other).0;
                forge.sealed(forge.header_with("kid", kid), forge.payload())
            },
        )
        .needs_a(Needs::NamedKeys),
    KeyConfusion
        .token(
            "kid_in_another_case",
            "RFC 7517 4.5",
            "Names the good key in the other case, above a good signature.",
            |forge| forge.sealed(forge.header_with("kid", forge.kid().to_ascii_uppercase()), forge.payload()),
        )
        .needs_a(Needs::NamedKeys),
    KeyConfusion.token(
        "kid_a_number",
        "RFC 7515 4.1.4",
        "Has a number for `kid`, above a good signature.",
        |forge| forge.sealed(forge.header_with("kid", 1), forge.payload()),
    ),
    KeyConfusion
        .token(
            "kid_huge",
            "RFC 8725 3.10; field",
            "Has a `kid` of 3000 letters, for logs and caches, above a good signature.",
            |forge| forge.sealed(forge.header_with("kid", "k".repeat(3000)), forge.payload()),
        )
        .needs_a(Needs::NamedKeys),
    KeyConfusion.token(
        "kid_with_line_ends",
        "RFC 8725 3.10; RFC 9110 5.5; field",
        "Has a line end in its `kid`, which no header can carry: a challenge that repeats it panicked here.",
        |forge| forge.strangers_with([("kid", "x\r\nset-cookie: a=b\r\n\u{1F511}".into())]),
    ),
    KeyConfusion.token(
        "strangers_key",
        "RFC 7515 5.2",
        "Is signed by a stranger, under the stranger's own `kid`.",
        |forge| forge.strangers_with([]),
    ),
    KeyConfusion.token(
        "strangers_key_under_our_kid",
        "RFC 7515 5.2",
        "Is signed by a stranger who names our key.",
        |forge| forge.strangers(&forge.header()),
    ),
    KeyConfusion.token(
        "strangers_key_without_kid",
        "RFC 7515 5.2; RFC 7515 4.1.4",
        "Is signed by a stranger who names no key.",
        |forge| {
            let mut header = forge.header();
            header.remove("kid");
            forge.strangers(&header)
        },
    ),
    KeyConfusion.token(
        "jwk_in_the_header",
        "RFC 7515 4.1.3; CVE-2018-0114",
        "Brings the stranger's public key along, in the header's `jwk`.",
        |forge| forge.strangers_with([("jwk", forge.strangers_jwk().into())]),
    ),
    KeyConfusion.token(
        "secret_jwk_in_the_header",
        "RFC 7515 4.1.3; field",
        "Brings an HMAC secret along, in the header's `jwk`.",
        |forge| {
            let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 64]);
            let header = json!({"alg": "HS256", "kid": "own", "jwk": secret.public_jwk("own")});
            signed(&secret, &header.to_string(), &forge.payload())
        },
    ),
    KeyConfusion.token(
        "jku_of_a_stranger",
        "RFC 8725 3.10; field",
        "Names the address of the stranger's key set, `jku`.",
        |forge| forge.strangers_with([("jku", forge.url(STRANGERS_KEYS).into())]),
    ),
    KeyConfusion.token(
        "x5u_of_a_stranger",
        "RFC 7515 4.1.5; RFC 8725 3.10",
        "Names the address of the stranger's certificate, `x5u`.",
        |forge| forge.strangers_with([("x5u", forge.url(STRANGERS_KEYS).into())]),
    ),
    KeyConfusion.token(
        "x5c_of_a_stranger",
        "RFC 7515 4.1.6; field",
        "Brings the stranger's key along where a certificate stands, `x5c`.",
        |forge| {
            let pem = forge.stranger.public_pem(forge.public()).unwrap_or_default();
            forge.strangers_with([("x5c", json!([body_of(&pem)]))])
        },
    ),
    KeyConfusion.token(
        "thumbprint_of_a_stranger",
        "RFC 7515 4.1.8; field",
        "Names our key by `kid`, and the stranger's by `x5t#S256`.",
        |forge| {
            let mut header = forge.header();
            header.insert("x5t#S256".into(), encode([9; 32]).into());
            forge.strangers(&header)
        },
    ),
    KeyConfusion.token(
        "signed_by_its_audience",
        "RFC 8725 3.5; field",
        "Is signed with the API's own identifier for an HMAC secret.",
        |forge| forge.hmac(forge.aud().as_bytes()),
    ),
    KeyConfusion.token(
        "public_key_for_a_signature",
        "RFC 7515 5.2; field",
        "Brings the public key where its signature should be.",
        |forge| {
            let [header, payload, _] = parts(&forge.good().sign());
            format!("{header}.{payload}.{}", encode(material(forge)))
        },
    ),
];

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod tests {
    use super::*;
    use crate::testing::TestIssuer;
    use std::sync::Arc;

    fn forge(algorithm: Algorithm) -> Forge {
        let (issuer, stranger) = (TestIssuer::new(), TestIssuer::new());
        Forge { issuer, stranger, algorithm, adjust: Arc::new(|token| token) }
    }

    #[test]
    fn openssh_keys_are_written_as_openssh_writes_them() {
        for (algorithm, kind, fields, length) in [
            (Algorithm::RS256, "ssh-rsa", 3, 279),
            (Algorithm::ES256, "ecdsa-sha2-nistp256", 3, 104),
            (Algorithm::ES384, "ecdsa-sha2-nistp384", 3, 136),
            (Algorithm::EdDSA, "ssh-ed25519", 2, 51),
        ] {
            let forge = forge(algorithm);
            let line = openssh(&forge);
            let (name, body) = line.split_once(' ').unwrap();
            let wire = STANDARD.decode(body).unwrap();
            assert_eq!((name, wire.len()), (kind, length), "{line}");
            let mut rest = &wire[..];
            let mut read = Vec::new();
            while let Some((size, more)) = rest.split_first_chunk() {
                let (field, behind) = more.split_at(u32::from_be_bytes(*size) as usize);
                read.push(field);
                rest = behind;
            }
            assert_eq!((read.len(), read[0], rest.len()), (fields, kind.as_bytes(), 0), "{line}");
            let last = read[fields - 1];
            let material = material(&forge);
            assert!(last.windows(material.len()).any(|window| window == material), "{line}");
        }
    }

    #[test]
    fn under_its_label_stands_a_key_of_pkcs1() {
        let forge = forge(Algorithm::RS256);
        let pem = pkcs1_pem(&forge);
        assert!(pem.lines().all(|line| line.len() <= 64 || line.starts_with('-')));
        let der = STANDARD.decode(body_of(&pem)).unwrap();
        let key = pkcs1::RsaPublicKey::try_from(&der[..]).unwrap();
        assert_eq!(key.modulus.as_bytes(), material(&forge));
    }
}

//! Wycheproof and the RFC 7520 cookbook, from a folder beside the project: their verdicts, and each of ours that
//! differs, with its reason. A difference without a reason fails, and so does a reason without a difference.
//!
//! The folder is not part of the project: `wycheproof/testvectors_v1/` of C2SP/wycheproof and `jose-cookbook/` of
//! ietf-jose/cookbook, under the path in `BEARER_TEST_VECTORS`.
// A helper outside a `#[test]` fails its test by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(all(feature = "testing", any(feature = "aws-lc-rs", feature = "rust-crypto")))]

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};
use tower_bearer::{
    keys::{Algorithm, Key, KeyError, KeySet},
    testing::verify_jws,
};

/// Tests by `tcId` whose label is not our verdict, and why.
type Differences = &'static [(u64, &'static str)];

const ANOTHER_PS: &str =
    "the key says PS256 and the token PS384: a key's own alg binds (RFC 7517 section 4.4)";
const TYPO: &str = "the key's alg is the typo ES521, which names nothing: a key's own alg binds";
const QUESTION_MARK: &str = "a '?' inside base64url: RFC 7515 section 2 refuses other characters";

const SAME_AS_357: &str =
    "byte for byte the token of 357, labelled valid: the padding it is named for is not there";

const SIGNATURE: Differences = &[
    (346, ANOTHER_PS),
    (347, TYPO),
    (350, ANOTHER_PS),
    (351, TYPO),
    (367, SAME_AS_357),
    (370, SAME_AS_357),
    (372, QUESTION_MARK),
    (373, QUESTION_MARK),
];
const KEY: Differences = &[];
const CRYPTO: Differences = &[];

fn folder() -> PathBuf {
    let folder = std::env::var_os("BEARER_TEST_VECTORS");
    PathBuf::from(folder.expect("BEARER_TEST_VECTORS must name the folder of the vectors"))
}

fn read(path: &str) -> Value {
    let path = folder().join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The keys of a group as a server would be given them: public JWKs as a set, a secret by hand.
///
/// A group with private keys only is read without their private parts, so that more than those is judged.
fn keys(group: &Value) -> KeySet {
    let given = if group["public"].is_null() { &group["private"] } else { &group["public"] };
    let mut jwks = given["keys"].as_array().cloned().unwrap_or_else(|| vec![given.clone()]);
    if jwks.iter().all(|jwk| jwk["kty"] == "oct") {
        return jwks.iter().filter_map(secret).collect();
    }
    for members in jwks.iter_mut().filter_map(Value::as_object_mut) {
        members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    }
    KeySet::from_json(json!({ "keys": jwks }).to_string()).expect("a key set")
}

/// A secret whose owner reads its JWK as carefully as we read a public one.
fn secret(jwk: &Value) -> Option<Key> {
    let says = |name: &str, word: &str| jwk[name].is_null() || jwk[name] == word;
    let verifies = jwk["key_ops"].as_array().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !says("use", "sig") || !verifies {
        return None;
    }
    let alg: Algorithm = jwk["alg"].as_str()?.parse().ok()?;
    // One secret of the key file has stray trailing bits, and is to be judged for its twin's kid.
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let secret = GeneralPurpose::new(&alphabet::URL_SAFE, lenient).decode(jwk["k"].as_str()?).ok()?;
    let key = Key::from_secret(&secret, alg).ok()?;
    Some(match jwk["kid"].as_str() {
        Some(kid) => key.with_kid(kid),
        None => key,
    })
}

/// Runs a Wycheproof file; returns how many tests were accepted and how many refused.
fn judge(file: &str, differences: Differences) -> (usize, usize) {
    let vectors = read(&format!("wycheproof/testvectors_v1/{file}"));
    let mut differences: BTreeMap<_, _> = differences.iter().copied().collect();
    let (mut accepted, mut refused, mut faults) = (0, 0, Vec::new());
    for group in vectors["testGroups"].as_array().expect("groups") {
        let keys = keys(group);
        for test in group["tests"].as_array().expect("tests") {
            let id = test["tcId"].as_u64().expect("tcId");
            // A JWE is never an access token of ours, so it is wanted refused whatever its label.
            let (token, wanted) = match test["jwe"].as_str() {
                Some(jwe) => (jwe.to_owned(), false),
                None => (text_of(&test["jws"]), test["result"] == "valid"),
            };
            let verdict = verify_jws(&token, &keys);
            *if verdict.is_ok() { &mut accepted } else { &mut refused } += 1;
            let differs = verdict.is_ok() != wanted;
            let explained = differences.remove(&id).is_some();
            if differs != explained {
                let (comment, verdict) = (&test["comment"], verdict.map(|_| "accepted"));
                let label = &test["result"];
                faults.push(format!("{id} {comment}: label {label}, we {verdict:?}, explained {explained}"));
            }
        }
    }
    assert!(faults.is_empty(), "{file}:\n{}", faults.join("\n"));
    assert!(differences.is_empty(), "{file} has no such tests: {differences:?}");
    assert_eq!(Some((accepted + refused) as u64), vectors["numberOfTests"].as_u64(), "{file}");
    (accepted, refused)
}

/// Compact tokens are strings; a JSON serialization may be an object.
fn text_of(token: &Value) -> String {
    token.as_str().map_or_else(|| token.to_string(), str::to_owned)
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn wycheproof_json_web_signature() {
    assert_eq!(judge("json_web_signature_test.json", SIGNATURE), (42, 359));
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn wycheproof_json_web_key() {
    assert_eq!(judge("json_web_key_test.json", KEY), (5, 21));
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn wycheproof_json_web_crypto() {
    assert_eq!(judge("json_web_crypto_test.json", CRYPTO), (4, 79));
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn wycheproof_json_web_encryption_is_refused_whole() {
    assert_eq!(judge("json_web_encryption_test.json", &[]), (0, 139));
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn a_roca_modulus_of_wycheproof_is_refused_as_one() {
    let vectors = read("wycheproof/testvectors_v1/json_web_key_test.json");
    let groups = vectors["testGroups"].as_array().expect("groups");
    let group = groups.iter().find(|group| group["comment"] == "jws_rsa_roca_key").expect("the ROCA group");
    let keys = keys(group);
    assert_eq!(keys.skipped().map(|skipped| skipped.error()).collect::<Vec<_>>(), [KeyError::RsaRoca]);
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn rfc_7520_keys_are_taken_when_public_and_refused_otherwise() {
    let table = [
        ("3_1.ec_public_key", Ok(())),
        ("3_2.ec_private_key", Err(KeyError::PrivateMember)),
        ("3_3.rsa_public_key", Ok(())),
        ("3_4.rsa_private_key", Err(KeyError::PrivateMember)),
        ("3_5.symmetric_key_mac_computation", Err(KeyError::SymmetricKey)),
        ("3_6.symmetric_key_encryption", Err(KeyError::SymmetricKey)),
    ];
    for (name, wanted) in table {
        let jwk = read(&format!("jose-cookbook/jwk/{name}.json"));
        assert_eq!(Key::from_jwk(&jwk.to_string()).map(|_| ()), wanted, "{name}");
    }
}

#[test]
#[ignore = "needs the vectors folder: BEARER_TEST_VECTORS=dir cargo test --test external_vectors -- --ignored"]
fn rfc_7520_signatures_verify_when_they_are_plain_compact_jws() {
    let table = [
        ("jws/4_1.rsa_v15_signature", Ok(())),
        ("jws/4_2.rsa-pss_signature", Ok(())),
        ("jws/4_3.ecdsa_signature", Ok(())),
        ("jws/4_4.hmac-sha2_integrity_protection", Ok(())),
        ("jws/4_5.signature_with_detached_content", Err("signature_invalid")),
        // JSON serializations: no token68, so no credentials of ours at all.
        ("jws/4_6.protecting_specific_header_fields", Err("illegal_characters")),
        ("jws/4_7.protecting_content_only", Err("illegal_characters")),
        ("jws/4_8.multiple_signatures", Err("illegal_characters")),
        ("curve25519/jws", Ok(())),
        // Its payload stands bare, `$.02`: no token68 either.
        ("rfc7797/hmac-sha2_b64_false", Err("illegal_characters")),
    ];
    for (name, wanted) in table {
        let figure = read(&format!("jose-cookbook/{name}.json"));
        let output = &figure["output"];
        let token = output["compact"].as_str().map_or_else(|| output["json"].to_string(), str::to_owned);
        let keys = keys(&json!({ "private": figure["input"]["key"] }));
        let verdict = verify_jws(&token, &keys);
        if let Ok(payload) = &verdict {
            assert_eq!(Some(&payload[..]), figure["input"]["payload"].as_str().map(str::as_bytes), "{name}");
        }
        assert_eq!(verdict.map(|_| ()), wanted.map_err(str::to_owned), "{name}");
    }
}

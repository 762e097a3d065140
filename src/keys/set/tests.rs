use super::*;
use Algorithm::{ES256, EdDSA, HS256, RS256, RS512};
use serde_json::json;

/// RSA keys that differ in their number; nobody signs with them.
fn rsa(number: u8) -> Value {
    let mut n = [0xFF; 256];
    n[100] = number;
    json!({"kty": "RSA", "n": json::encode_base64url(&n), "e": "AQAB"})
}

fn named(kid: &str, mut jwk: Value) -> Value {
    jwk["kid"] = kid.into();
    jwk
}

fn bound(alg: &str, mut jwk: Value) -> Value {
    jwk["alg"] = alg.into();
    jwk
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string()).unwrap()
}

fn chosen(set: &KeySet, kid: Option<&str>, alg: Algorithm) -> Result<usize, &'static str> {
    match set.select(kid, alg) {
        Selection::Try(found) => Ok(found.iter().count()),
        Selection::Missing => Err("missing"),
        Selection::Foreign => Err("foreign"),
        Selection::Ambiguous => Err("ambiguous"),
    }
}

#[test]
fn what_is_no_set_is_malformed() {
    let deep = format!(r#"{{"keys":[{{"a":{}{}}}]}}"#, "[".repeat(40), "]".repeat(40));
    for text in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]}x"#,
        r#"{"keys":[{]}"#,
        "\u{FEFF}{\"keys\":[]}",
        &deep,
    ] {
        assert_eq!(KeySet::from_json(text).unwrap_err(), KeySetError::Malformed, "{text}");
    }
    assert_eq!(KeySet::from_json(b"{\"keys\":[],\"\xFF\":1}").unwrap_err(), KeySetError::Malformed);
    assert_eq!(KeySet::from_pem("no PEM").unwrap_err(), KeySetError::Malformed);
}

#[test]
fn a_set_is_bounded_in_bytes_and_in_keys() {
    let mut text = r#"{"keys":[]}"#.to_owned();
    text.push_str(&" ".repeat(MAX_BYTES - text.len()));
    assert!(KeySet::from_json(&text).unwrap().is_empty());
    text.push(' ');
    assert_eq!(KeySet::from_json(&text).unwrap_err(), KeySetError::TooLarge);
    assert_eq!(KeySet::from_pem(&text).unwrap_err(), KeySetError::TooLarge);
    let bad = |count| json!({ "keys": vec![1; count] }).to_string();
    assert_eq!(KeySet::from_json(bad(100)).unwrap().skipped().len(), 100);
    assert_eq!(KeySet::from_json(bad(101)).unwrap_err(), KeySetError::TooManyKeys);
}

#[test]
fn one_bad_key_is_skipped_and_counted_and_the_others_stay() {
    let text = format!(
        r#"{{"other":[1],"keys":[{},1,"a",null,true,-1,1.5,[{{}}],{{"kty":"RSA","kty":"RSA"}},{},{}]}}"#,
        named("good", rsa(1)),
        json!({"kty": "oct", "kid": "secret", "k": "AAAA"}),
        json!({"kty": "AKP", "kid": "x".repeat(1000)}),
    );
    let set = KeySet::from_json(text).unwrap();
    assert_eq!(set.key_ids().collect::<Vec<_>>(), ["good"]);
    let skipped: Vec<_> = set.skipped().map(|s| (s.index(), s.error())).collect();
    let mut wanted: Vec<_> = (1..8).map(|index| (index, KeyError::JwkMalformed)).collect();
    wanted.extend([
        (8, KeyError::JwkDuplicateMember),
        (9, KeyError::SymmetricKey),
        (10, KeyError::KtyUnsupported),
    ]);
    assert_eq!(skipped, wanted);
    assert_eq!(set.skipped().nth(8).and_then(SkippedKey::kid), Some("secret"));
    assert_eq!(set.skipped().nth(9).and_then(SkippedKey::kid).map(str::len), Some(64));
}

#[test]
fn equal_keys_are_one_and_a_second_kid_is_kept() {
    assert_eq!(set(&[named("a", rsa(1)), named("a", rsa(1))]).len(), 1);
    let both = set(&[named("a", rsa(1)), named("b", rsa(1))]);
    assert_eq!(both.key_ids().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(chosen(&both, Some("b"), RS256), Ok(1));
    assert_eq!(chosen(&both, None, RS256), Ok(1), "one key under two ids is tried once");
}

#[test]
fn a_kid_names_one_key_that_fits() {
    let set = set(&[named("a", rsa(1)), named("b", bound("RS256", rsa(2))), rsa(3)]);
    assert_eq!(chosen(&set, Some("a"), RS256), Ok(1));
    assert_eq!(chosen(&set, Some("b"), RS512), Err("missing"), "the key's own alg binds");
    assert_eq!(chosen(&set, Some("a"), ES256), Err("missing"));
    assert_eq!(chosen(&set, Some("c"), RS256), Err("missing"), "the key without kid does not serve");
    assert_eq!(chosen(&set, Some(""), RS256), Err("missing"));
}

#[test]
fn different_keys_that_fit_one_kid_are_ambiguous() {
    let twins = set(&[named("a", rsa(1)), named("a", rsa(2))]);
    assert_eq!(chosen(&twins, Some("a"), RS256), Err("ambiguous"));
    let apart = set(&[named("a", bound("RS256", rsa(1))), named("a", bound("RS512", rsa(2)))]);
    assert_eq!(chosen(&apart, Some("a"), RS256), Ok(1));
    let same = set(&[named("a", rsa(1)), named("a", bound("RS256", rsa(1)))]);
    assert_eq!((same.len(), chosen(&same, Some("a"), RS256)), (2, Ok(1)));
}

#[test]
fn without_a_kid_at_most_four_keys_are_tried_in_order() {
    let keys: Vec<_> = (1..=5).map(|number| named(&number.to_string(), rsa(number))).collect();
    let four = set(&keys[..4]);
    let Selection::Try(found) = four.select(None, RS256) else { panic!("keys to try") };
    assert_eq!(found.iter().filter_map(Key::kid).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    assert_eq!(chosen(&set(&keys), None, RS256), Err("ambiguous"));
    assert_eq!(chosen(&set(&keys), None, EdDSA), Err("missing"));
    assert_eq!(chosen(&KeySet::default(), None, RS256), Err("missing"));
}

#[test]
fn keys_that_do_not_serve_are_passed_over_before_any_is_counted() {
    let owned = |issuer: &str, mut jwk: Value| {
        jwk["issuer"] = issuer.into();
        jwk
    };
    let both = set(&[owned("b", named("k", rsa(1))), owned("a", named("k", rsa(1)))]);
    assert_eq!(both.len(), 2, "the same key under two owners is kept for each");
    for owner in ["a", "b"] {
        let found = both.select_from(Some("k"), RS256, |key| key.issuer() == Some(owner));
        assert!(matches!(found, Selection::Try(keys) if keys.iter().count() == 1), "{owner}");
    }
    let nobody = |kid| both.select_from(Some(kid), RS256, |key| key.issuer() == Some("c"));
    assert!(matches!(nobody("k"), Selection::Foreign));
    assert!(matches!(nobody("other"), Selection::Missing));
    let unreadable = set(&[{
        let mut jwk = named("k", rsa(1));
        jwk["issuer"] = json!(1);
        jwk
    }]);
    assert_eq!(unreadable.keys().next().unwrap().issuer(), Some(""), "ignored by all but those who ask");
    assert_eq!(chosen(&unreadable, Some("k"), RS256), Ok(1));
}

#[test]
fn a_public_key_is_never_chosen_for_hmac_nor_a_secret_for_a_signature() {
    let secret = Key::from_secret(&[7; 32], HS256).unwrap().with_kid("a");
    let public = Key::from_jwk(&named("a", rsa(1)).to_string()).unwrap();
    let set = KeySet::from_keys([secret, public]);
    for alg in [HS256, RS256] {
        let Selection::Try(found) = set.select(Some("a"), alg) else { panic!("one key") };
        assert!(found.iter().all(|key| key.is_symmetric() == alg.is_symmetric()));
    }
}

#[test]
fn a_file_is_read_by_its_content() {
    let folder = std::env::temp_dir().join(format!("tower-bearer-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let read = |content: &[u8]| {
        let path = folder.join("keys");
        std::fs::write(&path, content).unwrap();
        KeySet::from_file(&path).map(|set| (set.len(), set.skipped().len()))
    };
    let block = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(read(format!("{block}{private}").as_bytes()), Ok((1, 1)));
    assert_eq!(read(format!("\n {}", json!({ "keys": [rsa(1), 1] })).as_bytes()), Ok((1, 1)));
    assert_eq!(read(b"neither"), Err(KeySetError::Malformed));
    assert_eq!(read(b"\xFF"), Err(KeySetError::Malformed));
    assert_eq!(read(&[b' '; MAX_BYTES + 1]), Err(KeySetError::TooLarge));
    std::fs::remove_dir_all(&folder).unwrap();
    let missing = KeySet::from_file(folder.join("keys")).map(|_| ());
    assert_eq!(missing, Err(KeySetError::Unreadable(std::io::ErrorKind::NotFound)));
}

#[test]
fn pem_may_be_as_long_as_the_bound_and_no_longer() {
    let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let padded = |len: usize| format!("{key}{}", " ".repeat(len - key.len()));
    assert!(KeySet::from_pem(&padded(MAX_BYTES)).is_ok());
    assert!(matches!(KeySet::from_pem(&padded(MAX_BYTES + 1)), Err(KeySetError::TooLarge)));

    let path = std::env::temp_dir().join(format!("tower-bearer-pem-{}", std::process::id()));
    let from_file = |len: usize| {
        std::fs::write(&path, padded(len)).unwrap();
        KeySet::from_file(&path)
    };
    assert!(from_file(MAX_BYTES).is_ok());
    assert!(matches!(from_file(MAX_BYTES + 1), Err(KeySetError::TooLarge)));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn keys_are_collected_in_their_order() {
    let (one, two) = (set(&[named("a", rsa(1))]), set(&[named("b", rsa(2))]));
    let all: KeySet = one.keys().chain(two.keys()).cloned().collect();
    assert_eq!(all.key_ids().collect::<Vec<_>>(), ["a", "b"]);
    assert!(format!("{all:?}").starts_with("KeySet"), "{all:?}");
}

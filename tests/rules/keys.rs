//! Which key a token is held against.

use super::{ISSUER, Served, bearer, refusal, send};
use serde_json::{Value, json};
use std::time::Duration;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    error::{AuthErrorKind, Reason},
    keys::{Algorithm, KeySet},
    testing::{AUDIENCE, TestIssuer},
    verify::KeyState,
};

/// The published key of that algorithm.
fn jwk(issuer: &TestIssuer, algorithm: Algorithm) -> Value {
    issuer.token().algorithm(algorithm).sign();
    let set = issuer.jwks();
    set["keys"].as_array().unwrap().iter().find(|jwk| jwk["alg"] == algorithm.name()).unwrap().clone()
}

/// The same key with members changed; `null` takes one out.
fn with(mut jwk: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk
}

fn serving(issuer: &TestIssuer, keys: &[Value]) -> Verifier {
    Served::new(json!({ "keys": keys })).verifier(issuer).build().unwrap()
}

#[tokio::test]
async fn key_unknown_is_a_kid_that_the_set_has_not_and_401() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let app = super::app(AuthenticateLayer::new(verifier.clone()));
    let unpublished = issuer.rotate_unpublished();
    for kid in
        [unpublished.as_str(), "", "es256-11", "ES256-1", "../es256-1", "' OR 1=1 --", &"k".repeat(2000)]
    {
        let token = issuer.token().kid(kid).sign();
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::KeyUnknown), "{kid}");
        assert_eq!(send(&app, bearer(&token)).await.status, 401, "{kid}");
    }
    assert_eq!(refusal(&verifier, &issuer.token().kid("es256-1").sign()).await, None);
    assert_eq!(issuer.fetches(), 1, "a flood within the cool-down fetches nothing");
}

#[tokio::test]
async fn key_unknown_it_is_until_the_set_is_fetched_again() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
    issuer.rotate();
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, Some(Reason::KeyUnknown));
    issuer.clock().advance(Duration::from_secs(5));
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None, "rescued within the same request");
}

#[tokio::test]
async fn key_unknown_is_a_key_bound_to_another_algorithm_or_of_another_kind() {
    let issuer = TestIssuer::new();
    let rsa = jwk(&issuer, Algorithm::RS256);
    let ec = jwk(&issuer, Algorithm::ES256);
    let token = issuer.token().algorithm(Algorithm::RS256);
    for (name, key, refused) in [
        ("its own", rsa.clone(), None),
        ("bound to none", with(rsa.clone(), json!({"alg": null})), None),
        ("bound to another", with(rsa.clone(), json!({"alg": "RS512"})), Some(Reason::KeyUnknown)),
        ("bound to PSS", with(rsa.clone(), json!({"alg": "PS256"})), Some(Reason::KeyUnknown)),
        ("bound to encryption", with(rsa.clone(), json!({"alg": "RSA-OAEP"})), Some(Reason::KeyUnknown)),
        ("an EC key under its kid", with(ec.clone(), json!({"kid": rsa["kid"]})), Some(Reason::KeyUnknown)),
    ] {
        // A good key beside it, so that the set is usable whatever becomes of this one.
        let verifier = serving(&issuer, &[key, ec.clone()]);
        assert_eq!(refusal(&verifier, &token.clone().sign()).await, refused, "{name}");
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None, "{name}");
    }
}

#[tokio::test]
async fn key_unknown_is_a_key_that_the_rules_refuse_and_the_others_stay() {
    let issuer = TestIssuer::new();
    let ec = jwk(&issuer, Algorithm::ES256);
    let good = jwk(&issuer, Algorithm::EdDSA);
    let point_of_another = jwk(&TestIssuer::new(), Algorithm::ES256)["y"].clone();
    let token = issuer.token().sign();
    for (name, change, refused) in [
        ("as it is", json!({}), false),
        ("without use", json!({"use": null}), false),
        ("use enc", json!({"use": "enc"}), true),
        ("use SIG", json!({"use": "SIG"}), true),
        ("key_ops verify", json!({"use": null, "key_ops": ["verify"]}), false),
        ("key_ops sign", json!({"use": null, "key_ops": ["sign"]}), true),
        ("key_ops none", json!({"use": null, "key_ops": []}), true),
        ("key_ops that contradict use", json!({"key_ops": ["verify", "encrypt"]}), true),
        ("key_ops a text", json!({"key_ops": "verify"}), true),
        ("a private member", json!({"d": "AAAA"}), true),
        ("a symmetric member", json!({"k": "AAAA"}), true),
        ("of another curve", json!({"crv": "P-384"}), true),
        ("of secp256k1", json!({"crv": "secp256k1"}), true),
        ("off its curve", json!({"y": point_of_another}), true),
        ("padded", json!({"x": format!("{}=", ec["x"].as_str().unwrap())}), true),
        ("of another type", json!({"kty": "RSA"}), true),
        ("of an unknown type", json!({"kty": "AKP"}), true),
        ("alg of another curve", json!({"alg": "ES384"}), true),
        ("kid that is no text", json!({"kid": 1}), true),
        ("unknown members", json!({"x5c": ["MIIB"], "x5u": "https://evil.test", "ext": true}), false),
    ] {
        let verifier = serving(&issuer, &[with(ec.clone(), change), good.clone()]);
        let expected = refused.then_some(Reason::KeyUnknown);
        assert_eq!(refusal(&verifier, &token).await, expected, "{name}");
        let other = issuer.token().algorithm(Algorithm::EdDSA).sign();
        assert_eq!(refusal(&verifier, &other).await, None, "{name}: the key beside it");
    }
}

#[tokio::test]
async fn key_unknown_is_an_rsa_key_out_of_bounds() {
    let issuer = TestIssuer::new();
    let rsa = jwk(&issuer, Algorithm::RS256);
    let ec = jwk(&issuer, Algorithm::ES256);
    let token = issuer.token().algorithm(Algorithm::RS256).sign();
    let modulus = |bits: usize| super::encode(vec![0xFF; bits / 8]);
    // A key that is taken does not fit this signature; one that is not is not there.
    for (name, change, reason) in [
        ("1024 bits", json!({"n": modulus(1024)}), Reason::KeyUnknown),
        ("2040 bits", json!({"n": modulus(2040)}), Reason::KeyUnknown),
        ("2048 bits", json!({"n": modulus(2048)}), Reason::SignatureInvalid),
        ("8192 bits", json!({"n": modulus(8192)}), Reason::SignatureInvalid),
        ("8200 bits", json!({"n": modulus(8200)}), Reason::KeyUnknown),
        ("exponent 1", json!({"e": "AQ"}), Reason::KeyUnknown),
        ("exponent 2", json!({"e": "Ag"}), Reason::KeyUnknown),
        ("exponent 3", json!({"e": "Aw"}), Reason::SignatureInvalid),
        ("exponent 65536", json!({"e": "AQAA"}), Reason::KeyUnknown),
        ("no exponent", json!({"e": null}), Reason::KeyUnknown),
        ("exponent 0", json!({"e": "AA"}), Reason::KeyUnknown),
    ] {
        let verifier = serving(&issuer, &[with(rsa.clone(), change), ec.clone()]);
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None, "{name}: the key beside it");
    }
    assert_eq!(refusal(&serving(&issuer, &[rsa, ec]), &token).await, None);
}

#[tokio::test]
async fn key_ambiguous_is_one_kid_for_different_keys_that_fit() {
    let issuer = TestIssuer::new();
    let ours = jwk(&issuer, Algorithm::ES256);
    let theirs = with(jwk(&TestIssuer::new(), Algorithm::ES256), json!({"kid": ours["kid"]}));
    let other_kind = with(jwk(&issuer, Algorithm::EdDSA), json!({"kid": ours["kid"]}));
    let token = issuer.token().sign();
    for (name, keys, refused) in [
        ("ours first", vec![ours.clone(), theirs.clone()], Some(Reason::KeyAmbiguous)),
        ("theirs first", vec![theirs.clone(), ours.clone()], Some(Reason::KeyAmbiguous)),
        ("the same key twice", vec![ours.clone(), ours.clone()], None),
        (
            "the same key with and without alg",
            vec![ours.clone(), with(ours.clone(), json!({"alg": null}))],
            None,
        ),
        ("another kind of key", vec![other_kind, ours.clone()], None),
        ("another that is refused", vec![with(theirs.clone(), json!({"use": "enc"})), ours.clone()], None),
        ("another under another kid", vec![with(theirs, json!({"kid": "b"})), ours.clone()], None),
    ] {
        assert_eq!(refusal(&serving(&issuer, &keys), &token).await, refused, "{name}");
    }
}

/// An issuer with that many published ES256 keys, and a token of the last one that names none.
fn nameless(published: usize) -> (TestIssuer, String) {
    let issuer = TestIssuer::new();
    let oldest = issuer.token().header("kid", Value::Null).sign();
    (1..published).for_each(|_| drop(issuer.rotate()));
    (issuer, oldest)
}

#[tokio::test]
async fn key_ambiguous_is_a_token_without_kid_that_more_than_four_keys_fit() {
    for (published, refused) in
        [(1, None), (2, None), (4, None), (5, Some(Reason::KeyAmbiguous)), (8, Some(Reason::KeyAmbiguous))]
    {
        let (issuer, token) = nameless(published);
        assert_eq!(issuer.jwks()["keys"].as_array().unwrap().len(), published);
        // Keys of other kinds do not count.
        for other in [Algorithm::EdDSA, Algorithm::ES384] {
            issuer.token().algorithm(other).sign();
        }
        let verifier = issuer.verifier().build().unwrap();
        assert_eq!(refusal(&verifier, &token).await, refused, "the oldest of {published}");
        let newest = issuer.token().header("kid", Value::Null).sign();
        assert_eq!(refusal(&verifier, &newest).await, refused, "the newest of {published}");
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None, "by its kid");
    }
}

#[tokio::test]
async fn a_key_without_kid_serves_a_kid_only_where_no_key_has_one() {
    let issuer = TestIssuer::new();
    let keys = KeySet::from_pem(&issuer.public_pem(Algorithm::ES256).unwrap()).unwrap();
    let trusted = Issuer::keys(ISSUER, keys).unwrap();
    let pem = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
    let nameless = issuer.token().header("kid", Value::Null).sign();
    let named = issuer.token().sign();
    assert_eq!(refusal(&pem, &nameless).await, None);
    assert_eq!(refusal(&pem, &named).await, None, "no key of the set has a kid");
    let forged = TestIssuer::new().token().sign();
    assert_eq!(refusal(&pem, &forged).await, Some(Reason::SignatureInvalid));

    let ours = with(jwk(&issuer, Algorithm::ES256), json!({"kid": null}));
    let other = jwk(&issuer, Algorithm::EdDSA);
    let mixed = serving(&issuer, &[ours, other]);
    assert_eq!(refusal(&mixed, &nameless).await, None);
    assert_eq!(refusal(&mixed, &named).await, Some(Reason::KeyUnknown), "another key has one");
}

#[tokio::test]
async fn signature_invalid_is_whatever_was_changed_after_signing() {
    let issuer = TestIssuer::new();
    for verifier in super::alone_and_among_others(&issuer) {
        let good = issuer.token().sign();
        let [header, payload, signature] = super::parts(&good);
        let claims: Value = serde_json::from_slice(&super::decode(&payload)).unwrap();
        let changed =
            |name: &str, value: Value| super::encode(with(claims.clone(), json!({name: value})).to_string());
        let mut longer: Value = serde_json::from_slice(&super::decode(&header)).unwrap();
        longer["typ"] = "JWT".into();
        for (name, bad) in [
            ("the subject", format!("{header}.{}.{signature}", changed("sub", json!("root")))),
            ("a scope more", format!("{header}.{}.{signature}", changed("scope", json!("admin")))),
            ("a longer life", format!("{header}.{}.{signature}", changed("exp", json!(super::NOW + 9000)))),
            ("the header", format!("{}.{payload}.{signature}", super::encode(longer.to_string()))),
            ("no signature", format!("{header}.{payload}.")),
            ("zeros", format!("{header}.{payload}.{}", super::encode([0; 64]))),
            ("a signature of another token", {
                let other = issuer.token().subject("bob").sign();
                format!("{header}.{payload}.{}", super::parts(&other)[2])
            }),
        ] {
            assert_eq!(refusal(&verifier, &bad).await, Some(Reason::SignatureInvalid), "{name}");
        }
        assert_eq!(refusal(&verifier, &good).await, None);
    }
}

#[tokio::test]
async fn keys_unavailable_is_503_with_retry_after_and_heals() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let app = super::app(AuthenticateLayer::new(verifier.clone()));
    issuer.fail();
    let token = issuer.token().sign();
    let answer = send(&app, bearer(&token)).await;
    assert_eq!((answer.status, answer.reason), (503, Some(Reason::KeysUnavailable)));
    assert_eq!(answer.challenge, None, "the client's token is not at fault");
    let after: u64 = answer.response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    assert!(error.retry_after().unwrap() >= Duration::from_secs(1));
    assert_eq!(verifier.status().issuers[0].state, KeyState::NeverLoaded);

    issuer.recover();
    issuer.clock().advance(Duration::from_secs(2));
    assert_eq!(send(&app, bearer(&token)).await.status, 200);
    assert!(verifier.status().is_ready());
}

#[tokio::test]
async fn keys_unavailable_cannot_be_chosen_by_a_token_that_is_bad_anyway() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let verifier = issuer.verifier().build().unwrap();
    let token = || issuer.token();
    let bad = [
        ("no JWS", "garbage".to_owned(), Reason::NotAJws),
        ("alg", token().header("alg", "HS256").sign(), Reason::AlgNotAllowed),
        ("typ", token().typ("logout+jwt").sign(), Reason::TypNotAllowed),
        ("crit", token().header("crit", json!([])).sign(), Reason::CritPresent),
        ("no iss", token().without("iss").sign(), Reason::IssMissing),
        ("iss", token().claim("iss", "https://evil.test").sign(), Reason::IssuerUnknown),
        ("no aud", token().without("aud").sign(), Reason::AudMissing),
        ("aud", token().audience("https://other.test").sign(), Reason::AudMismatch),
        ("no exp", token().without("exp").sign(), Reason::ExpMissing),
        ("expired", token().expired().sign(), Reason::ExpPast),
        ("nbf", token().claim("nbf", super::NOW + 100).sign(), Reason::NbfFuture),
        ("an ID token", token().claim("at_hash", "x").sign(), Reason::NotAnAccessToken),
        ("bound", token().claim("cnf", json!({"jkt": "x"})).sign(), Reason::CnfUnchecked),
        ("no claims", token().sign_payload(b"[]"), Reason::ClaimsMalformed),
    ];
    for (name, token, reason) in bad {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
    assert_eq!(issuer.fetches(), 0, "none of them cost a request");
    assert_eq!(refusal(&verifier, &token().sign()).await, Some(Reason::KeysUnavailable));
}

#[tokio::test]
async fn keys_unavailable_is_an_outage_of_one_issuer_and_not_of_another() {
    let (up, down) = (TestIssuer::named("https://up.test"), TestIssuer::named("https://down.test"));
    down.fail();
    let verifier = up.verifier().issuer(down.issuer()).build().unwrap();
    assert_eq!(refusal(&verifier, &down.token().sign()).await, Some(Reason::KeysUnavailable));
    assert_eq!(refusal(&verifier, &up.token().sign()).await, None);
}

#[tokio::test]
async fn keys_unavailable_is_a_set_without_one_usable_key() {
    let issuer = TestIssuer::new();
    let ec = jwk(&issuer, Algorithm::ES256);
    for (name, set) in [
        ("empty", json!({"keys": []})),
        ("no set", json!({})),
        ("an array", json!([ec])),
        ("refused keys only", json!({"keys": [with(ec.clone(), json!({"use": "enc"}))]})),
        ("an outage", Value::Null),
    ] {
        let verifier = Served::new(set).verifier(&issuer).build().unwrap();
        let refusal = refusal(&verifier, &issuer.token().sign()).await;
        assert_eq!(refusal, Some(Reason::KeysUnavailable), "{name}");
    }
    assert_eq!(refusal(&serving(&issuer, &[ec]), &issuer.token().sign()).await, None);
}

#[tokio::test]
async fn a_token_without_kid_is_rescued_after_a_rotation_too() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let nameless = || issuer.token().header("kid", Value::Null);
    assert_eq!(refusal(&verifier, &nameless().sign()).await, None);
    issuer.rotate();
    let rotated = nameless().sign();
    assert_eq!(refusal(&verifier, &rotated).await, Some(Reason::SignatureInvalid), "the cool-down");
    issuer.clock().advance(Duration::from_secs(5));
    let expired = nameless().expired().sign();
    assert!(refusal(&verifier, &expired).await.is_some());
    assert_eq!(issuer.fetches(), 1, "a token that is bad anyway does not spend the look");
    assert_eq!(refusal(&verifier, &rotated).await, None);
    assert_eq!(issuer.fetches(), 2);
}

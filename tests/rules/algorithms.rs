//! Every algorithm: a good token passes, and nothing near it.

use super::{ISSUER, Served, decode, encode, parts, refusal};
use serde_json::{Value, json};
use tower_bearer::{
    Issuer, Verifier,
    error::Reason,
    keys::{Algorithm, KeySet},
    testing::{AUDIENCE, TestIssuer},
};

#[tokio::test]
async fn every_algorithm_verifies_its_own_token_and_signature_invalid_is_anything_near_it() {
    let issuer = TestIssuer::new();
    let stranger = TestIssuer::new();
    for &algorithm in Algorithm::ASYMMETRIC {
        let good = issuer.token().algorithm(algorithm).sign();
        let verifier = issuer.verifier().algorithms([algorithm]).build().unwrap();
        assert_eq!(refusal(&verifier, &good).await, None, "{algorithm}");

        let [header, payload, signature] = parts(&good);
        let of = |bytes: &[u8]| format!("{header}.{payload}.{}", encode(bytes));
        let bytes = decode(&signature);
        let flipped = |place: usize| {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            of(&bytes)
        };
        let kid: Value = serde_json::from_slice(&decode(&header)).unwrap();
        let root = issuer.token().algorithm(algorithm).subject("root").sign();
        for (name, bad) in [
            ("flipped at its start", flipped(0)),
            ("flipped in the middle", flipped(bytes.len() / 2)),
            ("flipped at its end", flipped(bytes.len() - 1)),
            ("cut", of(&bytes[..bytes.len() - 1])),
            ("without its first byte", of(&bytes[1..])),
            ("longer", of(&[&bytes[..], &[0]].concat())),
            ("with a zero before it", of(&[&[0], &bytes[..]].concat())),
            ("twice", of(&[&bytes[..], &bytes].concat())),
            ("of zeros", of(&vec![0; bytes.len()])),
            ("of ones", of(&vec![0xFF; bytes.len()])),
            ("empty", of(&[])),
            ("one byte", of(&[0])),
            ("under another payload", format!("{header}.{}.{signature}", parts(&root)[1])),
            ("of a stranger", stranger.token().algorithm(algorithm).header("kid", kid["kid"].clone()).sign()),
        ] {
            assert_eq!(refusal(&verifier, &bad).await, Some(Reason::SignatureInvalid), "{algorithm} {name}");
        }
    }
}

#[tokio::test]
async fn signature_invalid_is_the_psychic_signature_of_ecdsa() {
    let issuer = TestIssuer::new();
    let orders = [
        (Algorithm::ES256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        (
            Algorithm::ES384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ),
    ];
    for (algorithm, order) in orders {
        let order: Vec<u8> = (0..order.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap())
            .collect();
        let zero = vec![0; order.len()];
        let mut one = zero.clone();
        *one.last_mut().unwrap() = 1;
        let verifier = issuer.verifier().build().unwrap();
        let good = issuer.token().algorithm(algorithm).sign();
        let [header, payload, _] = parts(&good);
        for (name, r, s) in [
            ("0, 0", &zero, &zero),
            ("0, 1", &zero, &one),
            ("1, 0", &one, &zero),
            ("n, n", &order, &order),
            ("n, 0", &order, &zero),
            ("1, n", &one, &order),
        ] {
            let forged = format!("{header}.{payload}.{}", encode([&r[..], s].concat()));
            let refusal = refusal(&verifier, &forged).await;
            assert_eq!(refusal, Some(Reason::SignatureInvalid), "{algorithm} {name}");
        }
        assert_eq!(refusal(&verifier, &good).await, None);
    }
}

/// Of (r, s) anybody makes (r, n - s), which the standard takes as well: who has a token can spell it in another way, and
/// cannot change what it says. Nothing here may take a token's text for its identity.
#[tokio::test]
async fn the_second_signature_that_every_signature_of_ecdsa_has_passes_and_says_the_same() {
    let order = decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let good = issuer.token().algorithm(Algorithm::ES256).sign();
    let [header, payload, signature] = parts(&good);
    let mut bytes = decode(&signature);
    let mut borrowed = 0;
    for at in (0..32).rev() {
        let digit = i16::from(order[at]) - i16::from(bytes[32 + at]) - borrowed;
        borrowed = i16::from(digit < 0);
        bytes[32 + at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    let second = format!("{header}.{payload}.{}", encode(&bytes));
    assert_ne!(second, good);
    assert_eq!(refusal(&verifier, &second).await, None);
    assert_eq!(refusal(&verifier, &good).await, None);
}

#[tokio::test]
async fn a_key_of_one_algorithm_does_not_serve_another_name() {
    let issuer = TestIssuer::new();
    Algorithm::ASYMMETRIC.iter().for_each(|&algorithm| issuer.sign_with(algorithm));
    let verifier = issuer.verifier().build().unwrap();
    for &algorithm in Algorithm::ASYMMETRIC {
        for &other in Algorithm::ASYMMETRIC.iter().filter(|other| **other != algorithm) {
            let token = issuer.token().algorithm(algorithm).header("alg", other.name()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::KeyUnknown), "{algorithm} as {other}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().algorithm(algorithm).sign()).await, None);
    }
}

/// The keys as their issuer might publish them: without `alg`.
fn unbound(issuer: &TestIssuer) -> Value {
    let mut set = issuer.jwks();
    for jwk in set["keys"].as_array_mut().unwrap() {
        jwk.as_object_mut().unwrap().remove("alg");
    }
    set
}

#[tokio::test]
async fn an_rsa_key_that_names_no_alg_serves_six_and_signature_invalid_is_one_for_another() {
    let issuer = TestIssuer::new();
    let rsa = &Algorithm::ASYMMETRIC[..6];
    for &algorithm in rsa {
        let good = issuer.token().algorithm(algorithm).sign();
        let verifier = Served::new(unbound(&issuer)).verifier(&issuer).build().unwrap();
        assert_eq!(refusal(&verifier, &good).await, None, "{algorithm}");
        for other in rsa.iter().filter(|other| **other != algorithm) {
            let token = issuer.token().algorithm(algorithm).header("alg", other.name()).sign();
            let refusal = refusal(&verifier, &token).await;
            assert_eq!(refusal, Some(Reason::SignatureInvalid), "{algorithm} as {other}");
        }
    }
}

#[tokio::test]
async fn a_key_out_of_pem_verifies_as_the_published_one_does() {
    let issuer = TestIssuer::new();
    for &algorithm in Algorithm::ASYMMETRIC {
        let keys = KeySet::from_pem(&issuer.public_pem(algorithm).unwrap()).unwrap();
        let trusted = Issuer::keys(ISSUER, keys).unwrap();
        let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
        let verifier = builder.build().unwrap();
        let token = issuer.token().algorithm(algorithm).header("kid", Value::Null);
        assert_eq!(refusal(&verifier, &token.clone().sign()).await, None, "{algorithm}");
        let [header, _, signature] = parts(&token.clone().sign());
        let payload = parts(&token.claim("sub", json!("root")).sign())[1].clone();
        let forged = format!("{header}.{payload}.{signature}");
        assert_eq!(refusal(&verifier, &forged).await, Some(Reason::SignatureInvalid), "{algorithm}");
    }
}

//! Who issued the token, asked before any key is looked at.

use super::{ISSUER, NOW, Served, alone_and_among_others, encode, hmac, parts, refusal};
use serde_json::{Value, json};
use tower_bearer::{
    Issuer, Verifier,
    error::Reason,
    keys::{Algorithm, KeySet},
    testing::{AUDIENCE, TestIssuer},
};

#[tokio::test]
async fn iss_missing_is_refused() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        let absent = issuer.token().without("iss").sign();
        assert_eq!(refusal(&verifier, &absent).await, Some(Reason::IssMissing), "keys not loaded");
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
        assert_eq!(refusal(&verifier, &absent).await, Some(Reason::IssMissing), "keys loaded");
        let elsewhere = issuer.token().without("iss").header("iss", ISSUER).claim("ISS", ISSUER).sign();
        assert_eq!(refusal(&verifier, &elsewhere).await, Some(Reason::IssMissing), "in other places");
    }
}

#[tokio::test]
async fn iss_malformed_is_not_one_string() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for loaded in [false, true] {
            for iss in
                [json!(null), json!([ISSUER]), json!([]), json!({"iss": ISSUER}), json!(1), json!(true)]
            {
                let token = issuer.token().claim("iss", iss.clone()).sign();
                assert_eq!(refusal(&verifier, &token).await, Some(Reason::IssMalformed), "{iss} {loaded}");
            }
            assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
        }
    }
}

#[tokio::test]
async fn issuer_unknown_is_whatever_differs_by_one_byte() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for loaded in [false, true] {
            for iss in [
                "",
                " ",
                "https://issuer.test/",
                "https://issuer.tes",
                "https://issuer.test.evil.test",
                "https://ISSUER.test",
                "HTTPS://issuer.test",
                "http://issuer.test",
                "https://issuer.test#",
                "https://issuer.test?",
                "https://issuer.test:443",
                "https://issuer.test\0",
                " https://issuer.test",
                "https://issuer.test/../issuer.test",
                "https://issuer.test https://other.test",
                "https://evil.test/https://issuer.test",
            ] {
                let token = issuer.token().claim("iss", iss).sign();
                assert_eq!(refusal(&verifier, &token).await, Some(Reason::IssuerUnknown), "{iss:?} {loaded}");
            }
            assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
        }
    }
}

#[tokio::test]
async fn issuer_unknown_causes_no_request_to_anyone() {
    let (one, two) = (TestIssuer::named("https://a.test"), TestIssuer::named("https://b.test"));
    let stranger = TestIssuer::named("https://evil.test");
    let served = Served::new(one.jwks());
    let alone = served.verifier(&one).build().unwrap();
    let among_others = one.verifier().issuer(two.issuer()).build().unwrap();
    for token in [
        stranger.token().sign(),
        stranger.token().header("jku", "https://evil.test/jwks").sign(),
        one.token().claim("iss", "https://evil.test").sign(),
        one.token().without("iss").sign(),
        one.token().claim("iss", "http://127.0.0.1:1/").sign(),
    ] {
        assert!(refusal(&alone, &token).await.is_some());
        assert!(refusal(&among_others, &token).await.is_some());
    }
    assert_eq!((one.fetches(), two.fetches(), stranger.fetches()), (0, 0, 0));
    assert_eq!(served.asked(), [""; 0]);

    assert_eq!(refusal(&among_others, &one.token().sign()).await, None);
    assert_eq!((one.fetches(), two.fetches()), (1, 0), "and a known one only to its own");
}

#[tokio::test]
async fn an_identifier_may_have_another_and_both_are_compared_whole() {
    let issuer = TestIssuer::new();
    let trusted = issuer.issuer().also_known_as("https://old.test");
    let verifier =
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
    for good in [ISSUER, "https://old.test"] {
        let claims = verifier.verify(&issuer.token().claim("iss", good).sign()).await.unwrap();
        assert_eq!(claims.issuer(), good);
    }
    for bad in ["https://old.test/", "https://old.tes", "https://issuer.test,https://old.test"] {
        let token = issuer.token().claim("iss", bad).sign();
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::IssuerUnknown), "{bad}");
    }
}

#[tokio::test]
async fn one_kid_under_two_issuers_is_not_mixed_up() {
    let (a, b) = (TestIssuer::named("https://a.test"), TestIssuer::named("https://b.test"));
    assert_eq!(a.jwks()["keys"][0]["kid"], b.jwks()["keys"][0]["kid"], "both say es256-1");
    let verifier = a.verifier().issuer(b.issuer()).build().unwrap();
    for turn in ["keys not loaded", "keys loaded"] {
        for (own, other) in [(&a, &b), (&b, &a)] {
            let good = own.token().sign();
            let claims = verifier.verify(&good).await.unwrap();
            assert_eq!(claims.issuer(), own.identifier(), "{turn}");
            let forged = other.token().claim("iss", own.identifier()).sign();
            assert_eq!(refusal(&verifier, &forged).await, Some(Reason::SignatureInvalid), "{turn}");
        }
    }
    // A kid of one issuer is none of the other's, however the two could be joined to one text.
    let only_a = a.rotate();
    let joined = TestIssuer::named("https://a.test/es256");
    assert_eq!(refusal(&verifier, &a.token().sign()).await, Some(Reason::KeyUnknown), "the cool-down");
    a.clock().advance(std::time::Duration::from_secs(6));
    assert_eq!(refusal(&verifier, &a.token().sign()).await, None);
    let forged = a.token().kid(&only_a).claim("iss", b.identifier()).sign();
    assert_eq!(refusal(&verifier, &forged).await, Some(Reason::KeyUnknown));
    assert_eq!(refusal(&verifier, &joined.token().sign()).await, Some(Reason::IssuerUnknown));
}

/// HS256 "signed" with everything about the public key that an attacker can have.
fn public_secrets(issuer: &TestIssuer, algorithm: Algorithm) -> Vec<(&'static str, Vec<u8>)> {
    let pem = issuer.public_pem(algorithm).unwrap();
    let set = issuer.jwks();
    let jwk = set["keys"].as_array().unwrap().iter().find(|jwk| jwk["alg"] == algorithm.name()).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    vec![
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last line end", pem.trim_end().as_bytes().to_vec()),
        ("the body of the PEM", body.into_bytes()),
        ("the JWK", jwk.to_string().into_bytes()),
        ("the whole set", set.to_string().into_bytes()),
        ("a member", jwk.get("n").or(jwk.get("x")).unwrap().as_str().unwrap().as_bytes().to_vec()),
        ("a member's bytes", super::decode(jwk.get("n").or(jwk.get("x")).unwrap().as_str().unwrap())),
        ("nothing", Vec::new()),
    ]
}

#[tokio::test]
async fn alg_not_allowed_is_hmac_with_a_key_set_whatever_it_was_signed_with() {
    let issuer = TestIssuer::new();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        issuer.sign_with(algorithm);
        let fixed = KeySet::from_json(issuer.jwks().to_string()).unwrap();
        let pem = KeySet::from_pem(&issuer.public_pem(algorithm).unwrap()).unwrap();
        let of = |keys: KeySet| {
            let trusted = Issuer::keys(ISSUER, keys).unwrap();
            Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap()
        };
        let remote = issuer.verifier().build().unwrap();
        let kid = parts(&issuer.token().sign())[0].clone();
        let kid: Value = serde_json::from_slice(&super::decode(&kid)).unwrap();
        for verifier in [remote, of(fixed), of(pem)] {
            for (name, secret) in public_secrets(&issuer, algorithm) {
                for alg in ["HS256", "HS384", "HS512"] {
                    for kid in [Some(kid["kid"].clone()), None] {
                        let mut header = json!({"alg": alg, "typ": "JWT"});
                        if let Some(kid) = kid {
                            header["kid"] = kid;
                        }
                        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300});
                        let forged = hmac(&secret, &header, &claims);
                        let refusal = refusal(&verifier, &forged).await;
                        assert_eq!(refusal, Some(Reason::AlgNotAllowed), "{algorithm} {name} {header}");
                    }
                }
            }
        }
        assert_eq!(refusal(&issuer.verifier().build().unwrap(), &issuer.token().sign()).await, None);
    }
}

#[tokio::test]
async fn a_secret_in_a_served_key_set_verifies_nothing() {
    let issuer = TestIssuer::new();
    let mut set = issuer.jwks();
    let secret = [7u8; 64];
    let oct = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": encode(secret)});
    set["keys"].as_array_mut().unwrap().push(oct);
    let verifier = Served::new(set).verifier(&issuer).build().unwrap();
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300});
    let token = hmac(&secret, &json!({"alg": "HS256", "kid": "oct"}), &claims);
    assert_eq!(refusal(&verifier, &token).await, Some(Reason::AlgNotAllowed));
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
}

#[tokio::test]
async fn an_issuer_with_a_secret_takes_its_own_hmac_and_nothing_else() {
    let issuer = TestIssuer::new();
    let secret = [7u8; 64];
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300});
    for (algorithm, others) in [
        (Algorithm::HS256, ["HS384", "HS512"]),
        (Algorithm::HS384, ["HS256", "HS512"]),
        (Algorithm::HS512, ["HS256", "HS384"]),
    ] {
        let trusted = Issuer::hmac(ISSUER, &secret, algorithm).unwrap();
        let builder = || Verifier::builder().audience(AUDIENCE).clock(issuer.clock());
        let verifier = builder().issuer(trusted).build().unwrap();
        let good = hmac(&secret, &json!({"alg": algorithm.name()}), &claims);
        assert_eq!(refusal(&verifier, &good).await, None, "{algorithm}");
        let named = hmac(&secret, &json!({"alg": algorithm.name(), "kid": "a"}), &claims);
        assert_eq!(
            refusal(&verifier, &named).await,
            None,
            "{algorithm}: the one secret has no kid to differ by"
        );
        for other in others {
            let token = hmac(&secret, &json!({"alg": other}), &claims);
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::AlgNotAllowed), "{algorithm} {other}");
        }
        for (name, bad) in
            [("another", vec![8u8; 64]), ("its head", secret[..63].to_vec()), ("empty", vec![])]
        {
            let token = hmac(&bad, &json!({"alg": algorithm.name()}), &claims);
            let refusal = refusal(&verifier, &token).await;
            assert_eq!(refusal, Some(Reason::SignatureInvalid), "{algorithm} with {name} secret");
        }
        let asymmetric = issuer.token().sign();
        assert_eq!(refusal(&verifier, &asymmetric).await, Some(Reason::AlgNotAllowed), "{algorithm}");
        let [header, payload, signature] = parts(&good);
        let mut short = super::decode(&signature);
        short.truncate(16);
        for bad in [String::new(), encode(short), encode(vec![0; 64])] {
            let token = format!("{header}.{payload}.{bad}");
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::SignatureInvalid), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_secret_of_one_issuer_does_not_serve_another() {
    let (a, b) = (TestIssuer::named("https://a.test"), TestIssuer::named("https://b.test"));
    let secret = [7u8; 64];
    let verifier = Verifier::builder()
        .issuer(Issuer::hmac(a.identifier(), &secret, Algorithm::HS256).unwrap())
        .issuer(b.issuer())
        .audience(AUDIENCE)
        .clock(b.clock())
        .build()
        .unwrap();
    let token = |iss: &str| {
        hmac(&secret, &json!({"alg": "HS256"}), &json!({"iss": iss, "aud": AUDIENCE, "exp": NOW + 300}))
    };
    assert_eq!(refusal(&verifier, &token("https://a.test")).await, None);
    assert_eq!(refusal(&verifier, &token("https://b.test")).await, Some(Reason::AlgNotAllowed));
    assert_eq!(refusal(&verifier, &b.token().sign()).await, None);
    let forged = b.token().claim("iss", "https://a.test").sign();
    assert_eq!(refusal(&verifier, &forged).await, Some(Reason::AlgNotAllowed));
}

//! The JOSE header.

use super::{ISSUER, Served, alone_and_among_others, decode, encode, parts, refusal};
use serde_json::{Value, json};
use tower_bearer::{
    Issuer, Verifier,
    error::Reason,
    keys::{Algorithm, KeySet},
    testing::{AUDIENCE, TestIssuer},
};

/// The claims of a token that passes.
fn claims() -> Vec<u8> {
    json!({"iss": ISSUER, "aud": AUDIENCE, "exp": super::NOW + 300}).to_string().into_bytes()
}

#[tokio::test]
async fn not_a_jws_is_whatever_has_not_three_parts() {
    let issuer = TestIssuer::new();
    let good = issuer.token().sign();
    let [header, payload, signature] = parts(&good);
    let json = encode(json!({"payload": payload, "signature": signature}).to_string());
    for verifier in alone_and_among_others(&issuer) {
        for (name, bad) in [
            ("an opaque token", "2YotnFZFEjr1zCsicMWpAA".to_owned()),
            ("an opaque token with padding", "2YotnFZFEjr1zCsicMWpAA==".to_owned()),
            ("one part", header.clone()),
            ("two parts", format!("{header}.{payload}")),
            ("four parts", format!("{good}.{signature}")),
            ("six parts", format!("{good}.{good}")),
            ("a JSON serialization, encoded", json.clone()),
            ("one dot", ".".to_owned()),
        ] {
            assert_eq!(refusal(&verifier, &bad).await, Some(Reason::NotAJws), "{name}");
        }
        assert_eq!(refusal(&verifier, &good).await, None);
    }
}

#[tokio::test]
async fn encrypted_token_has_a_reason_of_its_own() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let header = encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    for bad in [format!("{header}.AAAA.AAAA.AAAA.AAAA"), format!("{header}....AAAA"), "....".to_owned()] {
        assert_eq!(refusal(&verifier, &bad).await, Some(Reason::EncryptedToken), "{bad}");
    }
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
}

/// The same bytes with other trailing bits: a second text of one token.
fn with_trailing_bits(part: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(part.len() % 4, 0, "a part without spare bits");
    let (head, last) = part.split_at(part.len() - 1);
    let place = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    format!("{head}{}", char::from(ALPHABET[place + 1]))
}

#[tokio::test]
async fn base64_not_canonical_is_refused_in_every_part() {
    let issuer = TestIssuer::new();
    // Spare bits in header and payload, whatever the lengths of their values.
    let with_spare_bits = |pad: usize| {
        issuer.token().header("pad", "x".repeat(pad % 3)).claim("pad", "x".repeat(pad / 3)).sign()
    };
    let good = (0..9).map(with_spare_bits).find(|token| parts(token).iter().all(|part| part.len() % 4 != 0));
    let good = good.unwrap();
    for verifier in alone_and_among_others(&issuer) {
        for place in 0..3 {
            let change = |change: &dyn Fn(&str) -> String| {
                let mut parts = parts(&good);
                parts[place] = change(&parts[place]);
                parts.join(".")
            };
            for (name, bad) in [
                ("trailing bits", change(&with_trailing_bits)),
                ("a letter too many", change(&|part| format!("{part}{}", "A".repeat(5 - part.len() % 4)))),
                ("plus of the other alphabet", change(&|part| format!("+{}", &part[1..]))),
                ("slash of the other alphabet", change(&|part| format!("/{}", &part[1..]))),
                ("a tilde", change(&|part| format!("~{}", &part[1..]))),
            ] {
                let refusal = refusal(&verifier, &bad).await;
                assert_eq!(refusal, Some(Reason::Base64NotCanonical), "{name} in part {place}");
            }
        }
        assert_eq!(refusal(&verifier, &format!("{good}==")).await, Some(Reason::Base64NotCanonical));
        assert_eq!(refusal(&verifier, &good).await, None);
    }
}

/// A header of exactly that many bytes.
fn header_of(issuer: &TestIssuer, bytes: usize) -> String {
    let kid = issuer.jwks()["keys"][0]["kid"].clone();
    let of = |pad: usize| json!({"alg": "ES256", "kid": kid, "pad": "x".repeat(pad)}).to_string();
    let header = of(bytes - of(0).len());
    assert_eq!(header.len(), bytes);
    issuer.token().sign_raw(header.as_bytes(), &claims())
}

#[tokio::test]
async fn header_too_long_is_one_byte_above_4_kib_and_4_kib_are_read() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    for bytes in [4097, 4098, 4099, 4100, 8000] {
        let refusal = refusal(&verifier, &header_of(&issuer, bytes)).await;
        assert_eq!(refusal, Some(Reason::HeaderTooLong), "{bytes}");
    }
    for bytes in [4095, 4096] {
        assert_eq!(refusal(&verifier, &header_of(&issuer, bytes)).await, None, "{bytes}");
    }
}

#[tokio::test]
async fn header_malformed_is_no_object_with_a_string_alg() {
    let issuer = TestIssuer::new();
    let kid = issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    for verifier in alone_and_among_others(&issuer) {
        for bad in [
            "",
            "null",
            "1",
            "\"ES256\"",
            "[]",
            r#"["ES256"]"#,
            "{}",
            "{",
            r#"{"kid":"a"}"#,
            r#"{"alg":null}"#,
            r#"{"alg":1}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"alg":{"ES256":1}}"#,
            r#"{"ALG":"ES256"}"#,
            r#"{"alg":"ES256","kid":1}"#,
            r#"{"alg":"ES256","kid":null}"#,
            r#"{"alg":"ES256","typ":1}"#,
            r#"{"alg":"ES256","typ":["at+jwt"]}"#,
            r#"{"alg":"ES256"}{}"#,
            r#"{"alg":"ES256",}"#,
            r#"{'alg':'ES256'}"#,
            r#"{"alg":"ES256","x":NaN}"#,
            "{\"alg\":\"ES256\"}\0",
            "\u{feff}{\"alg\":\"ES256\"}",
        ] {
            let token = issuer.token().sign_raw(bad.as_bytes(), &claims());
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::HeaderMalformed), "{bad:?}");
        }
        for (name, bad) in [
            ("Latin-1", &b"{\"alg\":\"ES256\",\"x\":\"\xE9\"}"[..]),
            ("an overlong encoding", b"{\"alg\":\"ES256\",\"x\":\"\xC0\xAF\"}"),
            ("UTF-16", b"\xFE\xFF\0{\0}"),
        ] {
            let token = issuer.token().sign_raw(bad, &claims());
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::HeaderMalformed), "{name}");
        }
        let spaced = format!(" {{ \"alg\" : \"ES256\", \"kid\": {kid:?} }}\n");
        assert_eq!(refusal(&verifier, &issuer.token().sign_raw(spaced.as_bytes(), &claims())).await, None);
    }
}

#[tokio::test]
async fn header_duplicate_member_is_refused_also_by_an_escaped_name() {
    let issuer = TestIssuer::new();
    let kid = issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    for verifier in alone_and_among_others(&issuer) {
        for twice in [
            r#""alg":"ES256""#,
            r#""alg":"none""#,
            r#""\u0061lg":"none""#,
            r#""\u0061\u006c\u0067":"HS256""#,
            r#""kid":"other""#,
            r#""x":1,"x":1"#,
            r#""x":1,"\u0078":2"#,
        ] {
            let bad = format!(r#"{{"alg":"ES256","kid":{kid:?},{twice}}}"#);
            let token = issuer.token().sign_raw(bad.as_bytes(), &claims());
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::HeaderDuplicateMember), "{twice}");
        }
        let once = format!(r#"{{"\u0061lg":"ES256","kid":{kid:?},"x":1,"X":1}}"#);
        assert_eq!(refusal(&verifier, &issuer.token().sign_raw(once.as_bytes(), &claims())).await, None);
    }
}

#[tokio::test]
async fn json_too_deep_in_the_header_is_refused() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let kid = issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    let token = |depth: usize| {
        let header = format!(r#"{{"alg":"ES256","kid":{kid:?},"x":{}}}"#, nested(depth));
        issuer.token().sign_raw(header.as_bytes(), &claims())
    };
    for depth in [32, 33, 128, 1000] {
        assert_eq!(refusal(&verifier, &token(depth)).await, Some(Reason::JsonTooDeep), "{depth}");
    }
    assert_eq!(refusal(&verifier, &token(31)).await, None);
}

#[tokio::test]
async fn alg_not_allowed_is_whatever_is_not_on_the_list() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for name in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "es256",
            "ES256 ",
            "ES256K",
            "ES521",
            "RS1",
            "HS256",
            "HS384",
            "HS512",
            "HS1",
            "RSA-OAEP",
            "dir",
            "Ed448",
            "EDDSA",
            "ed25519",
            "ML-DSA-44",
        ] {
            let signed = issuer.token().header("alg", name).sign();
            assert_eq!(refusal(&verifier, &signed).await, Some(Reason::AlgNotAllowed), "{name:?}");
            let [header, payload, _] = parts(&signed);
            let unsigned = format!("{header}.{payload}.");
            assert_eq!(refusal(&verifier, &unsigned).await, Some(Reason::AlgNotAllowed), "{name:?} unsigned");
        }
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
    }
}

#[tokio::test]
async fn alg_not_allowed_depends_on_the_issuers_own_list() {
    let strict = TestIssuer::named("https://a.test");
    let wide = TestIssuer::named("https://b.test");
    let builder = |issuers: [Issuer; 2]| {
        let [a, b] = issuers;
        Verifier::builder().issuer(a).issuer(b).audience(AUDIENCE).clock(strict.clock())
    };
    let own = [strict.issuer().algorithms([Algorithm::EdDSA]), wide.issuer()];
    let verifier = builder(own.clone()).build().unwrap();
    let alg_not_allowed = Some(Reason::AlgNotAllowed);
    assert_eq!(refusal(&verifier, &strict.token().sign()).await, alg_not_allowed);
    let eddsa = strict.token().algorithm(Algorithm::EdDSA).sign();
    assert_eq!(refusal(&verifier, &eddsa).await, None);
    assert_eq!(refusal(&verifier, &wide.token().sign()).await, None);

    // The verifier's list is for those issuers that have none of their own.
    let verifier = builder(own).algorithms([Algorithm::RS256]).build().unwrap();
    assert_eq!(refusal(&verifier, &eddsa).await, None);
    assert_eq!(refusal(&verifier, &wide.token().sign()).await, alg_not_allowed);
    assert_eq!(refusal(&verifier, &wide.token().algorithm(Algorithm::RS256).sign()).await, None);
}

#[tokio::test]
async fn ed25519_is_another_name_of_eddsa_and_needs_such_a_key() {
    let issuer = TestIssuer::new();
    let ed25519 = issuer.token().algorithm(Algorithm::EdDSA).header("alg", "Ed25519");
    let verifier = issuer.verifier().algorithms([Algorithm::EdDSA]).build().unwrap();
    assert_eq!(refusal(&verifier, &ed25519.clone().sign()).await, None);
    let forbidden = issuer.verifier().algorithms([Algorithm::ES256]).build().unwrap();
    assert_eq!(refusal(&forbidden, &ed25519.sign()).await, Some(Reason::AlgNotAllowed));
    let with_an_ec_key = issuer.token().header("alg", "Ed25519").sign();
    assert_eq!(refusal(&verifier, &with_an_ec_key).await, Some(Reason::KeyUnknown));
}

#[tokio::test]
async fn crit_present_is_refused_whatever_it_names() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for crit in [
            json!(["exp"]),
            json!(["b64"]),
            json!(["http://example.com/UNDEFINED"]),
            json!(["alg"]),
            json!([]),
            json!(""),
            json!(false),
            json!({}),
        ] {
            let token = issuer.token().header("crit", crit.clone()).header("exp", 1).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::CritPresent), "{crit}");
        }
        let header = r#"{"alg":"ES256","\u0063rit":null}"#;
        let null = issuer.token().sign_raw(header.as_bytes(), &claims());
        assert_eq!(refusal(&verifier, &null).await, Some(Reason::CritPresent), "null, by an escaped name");
        assert_eq!(refusal(&verifier, &issuer.token().header("exp", 1).sign()).await, None);
    }
}

#[tokio::test]
async fn header_extension_is_refused_also_where_it_would_change_nothing() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for (name, value) in [
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("enc", json!("A256GCM")),
            ("enc", json!("")),
            ("zip", json!("DEF")),
            ("zip", json!(0)),
        ] {
            let token = issuer.token().header(name, value.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::HeaderExtension), "{name} {value}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().header("cty", "JWT").sign()).await, None);
    }
}

#[tokio::test]
async fn typ_not_allowed_is_a_token_for_something_else() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for bad in [
            "logout+jwt",
            "secevent+jwt",
            "dpop+jwt",
            "id_token+jwt",
            "oauth-authz-req+jwt",
            "introspection-response+jwt",
            "rt+jwt",
            "JOSE",
            "jwt+at",
            "at+jwt ",
            " at+jwt",
            "at+jwt;v=1",
            "text/at+jwt",
            "application/application/at+jwt",
            "application/",
            "",
        ] {
            let token = issuer.token().typ(bad).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::TypNotAllowed), "{bad:?}");
        }
        for good in [
            "JWT",
            "jwt",
            "at+jwt",
            "AT+JWT",
            "At+jwt",
            "application/at+jwt",
            "Application/AT+JWT",
            "application/jwt",
        ] {
            assert_eq!(refusal(&verifier, &issuer.token().typ(good).sign()).await, None, "{good:?}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None, "absent");
    }
}

#[tokio::test]
async fn typ_not_allowed_unless_the_issuers_settings_name_it() {
    let lax = TestIssuer::named("https://a.test");
    let plain = TestIssuer::named("https://b.test");
    let verifier = Verifier::builder()
        .issuer(lax.issuer().accept_typ("application/vnd.acme+jwt"))
        .issuer(plain.issuer())
        .audience(AUDIENCE)
        .clock(lax.clock())
        .build()
        .unwrap();
    for good in ["vnd.acme+jwt", "VND.ACME+JWT", "application/vnd.acme+jwt"] {
        assert_eq!(refusal(&verifier, &lax.token().typ(good).sign()).await, None, "{good}");
        let token = plain.token().typ(good).sign();
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::TypNotAllowed), "{good} of another issuer");
    }
    let token = lax.token().typ("logout+jwt").sign();
    assert_eq!(refusal(&verifier, &token).await, Some(Reason::TypNotAllowed));
    assert_eq!(refusal(&verifier, &lax.token().typ("at+jwt").sign()).await, None);
}

#[tokio::test]
async fn keys_and_addresses_in_the_header_are_never_followed() {
    let issuer = TestIssuer::new();
    let served = Served::new(issuer.jwks());
    let verifier = served.verifier(&issuer).build().unwrap();
    let stranger = TestIssuer::new();
    stranger.rotate();
    let theirs = stranger.jwks()["keys"][0].clone();
    let with = |token: tower_bearer::testing::TestToken| {
        token
            .header("jwk", theirs.clone())
            .header("jku", "https://evil.test/keys")
            .header("x5u", "https://evil.test/cert")
            .header("x5c", json!(["MIIB"]))
            .header("x5t", "AAAA")
    };
    for (name, kid, reason) in [
        ("under their kid", theirs["kid"].clone(), Reason::KeyUnknown),
        ("under our kid", issuer.jwks()["keys"][0]["kid"].clone(), Reason::SignatureInvalid),
        ("without kid", Value::Null, Reason::SignatureInvalid),
    ] {
        let forged = with(stranger.token().header("kid", kid)).sign();
        assert_eq!(refusal(&verifier, &forged).await, Some(reason), "{name}");
    }
    assert_eq!(refusal(&verifier, &with(issuer.token()).sign()).await, None, "they do no harm either");
    assert!(served.asked().iter().all(|url| url == "https://issuer.test/keys"), "{:?}", served.asked());
}

/// A fixed set needs no network at all, so there is nothing that a header could send anywhere.
#[tokio::test]
async fn keys_in_the_header_do_not_help_with_a_fixed_set() {
    let issuer = TestIssuer::new();
    let keys = KeySet::from_json(issuer.jwks().to_string()).unwrap();
    let verifier = Verifier::builder()
        .issuer(Issuer::keys(ISSUER, keys).unwrap())
        .audience(AUDIENCE)
        .clock(issuer.clock())
        .build()
        .unwrap();
    let stranger = TestIssuer::new();
    let jwk = stranger.jwks()["keys"][0].clone();
    let forged = stranger.token().header("jwk", jwk).sign();
    assert_eq!(refusal(&verifier, &forged).await, Some(Reason::SignatureInvalid));
    let good = issuer.token().sign();
    assert_eq!(refusal(&verifier, &good).await, None);
    assert_eq!(decode(&parts(&good)[2]).len(), 64, "r and s of P-256");
}

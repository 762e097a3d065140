//! What the claims must say.

use super::{ISSUER, NOW, alone_and_among_others, refusal};
use serde_json::{Value, json};
use std::time::Duration;
use tower_bearer::{
    error::Reason,
    testing::{AUDIENCE, TestIssuer},
};

const MAX: i64 = 1 << 53;

#[tokio::test]
async fn claims_malformed_is_no_json_object() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for loaded in [false, true] {
            for (name, bad) in [
                ("empty", &b""[..]),
                ("white space", b"  "),
                ("null", b"null"),
                ("a number", b"1"),
                ("a text", b"\"https://issuer.test\""),
                ("an array", b"[]"),
                ("an array with an issuer", br#"["https://issuer.test"]"#),
                ("cut short", br#"{"iss":"https://issuer.test""#),
                ("two objects", br#"{"iss":"https://issuer.test"}{}"#),
                ("a comma too many", br#"{"iss":"https://issuer.test",}"#),
                ("a byte order mark", b"\xEF\xBB\xBF{\"iss\":\"https://issuer.test\"}"),
                ("UTF-16", b"\xFF\xFE{\0}\0"),
                ("Latin-1", b"{\"iss\":\"https://issuer.test\",\"x\":\"\xE9\"}"),
                ("half a surrogate", br#"{"iss":"https://issuer.test","x":"\ud800"}"#),
                ("a control character", b"{\"iss\":\"https://issuer.test\",\"x\":\"\n\"}"),
                ("NaN", br#"{"iss":"https://issuer.test","exp":NaN}"#),
                ("Infinity", br#"{"iss":"https://issuer.test","exp":Infinity}"#),
                ("a number beyond doubles", br#"{"iss":"https://issuer.test","exp":1e999}"#),
                ("a leading zero", br#"{"iss":"https://issuer.test","exp":01}"#),
                ("a comment", br#"{/**/"iss":"https://issuer.test"}"#),
                ("a zero byte behind", b"{\"iss\":\"https://issuer.test\"}\0"),
            ] {
                let token = issuer.token().sign_payload(bad);
                assert_eq!(
                    refusal(&verifier, &token).await,
                    Some(Reason::ClaimsMalformed),
                    "{name} {loaded}"
                );
            }
            let spaced = format!(" {{ \"iss\":{ISSUER:?}, \"aud\" :{AUDIENCE:?},\"exp\": {} }}\n", NOW + 300);
            assert_eq!(refusal(&verifier, &issuer.token().sign_payload(spaced.as_bytes())).await, None);
        }
    }
}

/// Nobody's top-level members: how one nested twice is read is the issuer's affair, but everybody must read it alike.
#[tokio::test]
async fn a_nested_member_named_twice_is_one_and_the_same_to_a_policy_and_to_a_handler() {
    #[derive(serde::Deserialize)]
    struct Nested {
        realm: Realm,
    }
    #[derive(serde::Deserialize)]
    struct Realm {
        role: String,
    }
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().claims::<Nested>().build().unwrap();
    let payload = format!(
        r#"{{"iss":{ISSUER:?},"aud":{AUDIENCE:?},"exp":{},"realm":{{"role":"guest","role":"admin"}}}}"#,
        NOW + 300
    );
    let claims = verifier.verify(&issuer.token().sign_payload(payload.as_bytes())).await.unwrap();
    let policy = claims.principal().claim("/realm/role").and_then(|role| role.as_str());
    assert_eq!(policy, Some(claims.realm.role.as_str()));
}

#[tokio::test]
async fn claims_duplicate_member_is_refused_also_by_an_escaped_name() {
    let issuer = TestIssuer::new();
    let exp = NOW + 300;
    let payload = |more: &str| format!(r#"{{"iss":{ISSUER:?},"aud":{AUDIENCE:?},"exp":{exp}{more}}}"#);
    for verifier in alone_and_among_others(&issuer) {
        for loaded in [false, true] {
            for twice in [
                r#","iss":"https://issuer.test""#,
                r#","iss":"https://other.test""#,
                r#","\u0069ss":"https://evil.test""#,
                r#","\u0069\u0073\u0073":null"#,
                r#","aud":"https://api.test""#,
                r#","exp":99999999999"#,
                r#","e\u0078p":1"#,
                r#","sub":"alice","sub":"root""#,
                r#","x":1,"x":1"#,
                r#","é":1,"\u00e9":1"#,
            ] {
                let token = issuer.token().sign_payload(payload(twice).as_bytes());
                let refusal = refusal(&verifier, &token).await;
                assert_eq!(refusal, Some(Reason::ClaimsDuplicateMember), "{twice} {loaded}");
            }
            for once in ["", r#","ISS":1,"x":{"iss":1},"y":{"iss":2}"#, r#","x":{"a":1,"a":2}"#] {
                let token = issuer.token().sign_payload(payload(once).as_bytes());
                assert_eq!(refusal(&verifier, &token).await, None, "{once}");
            }
        }
    }
}

#[tokio::test]
async fn json_too_deep_is_refused_and_32_are_read() {
    let issuer = TestIssuer::new();
    let nested = |open: &str, close: &str, depth: usize| {
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        format!(r#"{{"iss":{ISSUER:?},"aud":{AUDIENCE:?},"exp":{},"x":{value}}}"#, NOW + 300)
    };
    for verifier in alone_and_among_others(&issuer) {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
            let levels = open.matches(['[', '{']).count();
            for depth in [32 / levels, 100, 1500] {
                let token = issuer.token().sign_payload(nested(open, close, depth).as_bytes());
                assert_eq!(refusal(&verifier, &token).await, Some(Reason::JsonTooDeep), "{open} {depth}");
            }
            let token = issuer.token().sign_payload(nested(open, close, 31 / levels).as_bytes());
            assert_eq!(refusal(&verifier, &token).await, None, "{open}");
        }
        let unclosed = format!("{{\"x\":{}", "[".repeat(11_000));
        let token = issuer.token().sign_payload(unclosed.as_bytes());
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::JsonTooDeep), "never closed");
        let in_a_text = issuer.token().claim("x", "[{".repeat(500)).sign();
        assert_eq!(refusal(&verifier, &in_a_text).await, None, "brackets in a text");
    }
}

#[tokio::test]
async fn aud_missing_is_refused() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        let absent = issuer.token().without("aud");
        assert_eq!(refusal(&verifier, &absent.clone().sign()).await, Some(Reason::AudMissing));
        let elsewhere = absent.header("aud", AUDIENCE).claim("audience", AUDIENCE).claim("azp", AUDIENCE);
        assert_eq!(refusal(&verifier, &elsewhere.sign()).await, Some(Reason::AudMissing));
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
    }
}

#[tokio::test]
async fn aud_malformed_is_neither_a_text_nor_an_array_of_texts() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for aud in [
            json!(null),
            json!(1),
            json!(true),
            json!({"aud": AUDIENCE}),
            json!([AUDIENCE, 1]),
            json!([null, AUDIENCE]),
            json!([[AUDIENCE]]),
            json!([{"aud": AUDIENCE}]),
        ] {
            let token = issuer.token().claim("aud", aud.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::AudMalformed), "{aud}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().claim("aud", json!([AUDIENCE])).sign()).await, None);
    }
}

#[tokio::test]
async fn aud_mismatch_is_refused_and_one_name_of_several_passes() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().audience("orders").build().unwrap();
    for aud in [
        json!(""),
        json!([]),
        json!([""]),
        json!("account"),
        json!("https://api.test/"),
        json!("https://api.tes"),
        json!("https://api.test.evil.test"),
        json!("HTTPS://API.TEST"),
        json!("https://api.test orders"),
        json!("https://api.test,orders"),
        json!("Orders"),
        json!(" orders"),
        json!("orders\0"),
        json!(["a", "b", "https://api.test/v1"]),
    ] {
        let token = issuer.token().claim("aud", aud.clone()).sign();
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::AudMismatch), "{aud}");
    }
    for aud in [
        json!(AUDIENCE),
        json!("orders"),
        json!(["orders"]),
        json!(["account", "orders"]),
        json!(["", AUDIENCE, "x"]),
        json!([AUDIENCE, AUDIENCE]),
    ] {
        let token = issuer.token().claim("aud", aud.clone()).sign();
        assert_eq!(refusal(&verifier, &token).await, None, "{aud}");
    }
    assert_eq!(
        refusal(&issuer.verifier().build().unwrap(), &issuer.token().audience("orders").sign()).await,
        Some(Reason::AudMismatch)
    );
}

/// What is no number within ±2⁵³, whichever date it is.
fn no_dates() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(""),
        json!("9999999999"),
        json!("1767225900"),
        json!([9_999_999_999u64]),
        json!({"$date": 1}),
        json!(MAX + 2),
        json!(-MAX - 2),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e16),
        json!(-1e16),
        json!(1e300),
        json!(f64::MAX),
    ]
}

#[tokio::test]
async fn exp_missing_is_refused() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        assert_eq!(refusal(&verifier, &issuer.token().without("exp").sign()).await, Some(Reason::ExpMissing));
        let elsewhere =
            issuer.token().without("exp").header("exp", NOW + 300).claim("expires_in", 300).sign();
        assert_eq!(refusal(&verifier, &elsewhere).await, Some(Reason::ExpMissing));
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
    }
}

#[tokio::test]
async fn exp_malformed_is_no_number_within_2_53() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for bad in no_dates() {
            let token = issuer.token().claim("exp", bad.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::ExpMalformed), "{bad}");
        }
        for good in [json!(MAX), json!(MAX - 1), json!(MAX as f64), json!(NOW as f64 + 0.5), json!(1e12)] {
            let token = issuer.token().claim("exp", good.clone()).sign();
            let claims = verifier.verify(&token).await.unwrap_or_else(|error| panic!("{good}: {error:?}"));
            assert!(claims.expires_at() > std::time::UNIX_EPOCH, "{good}: no date is too far to be told");
        }
    }
}

#[tokio::test]
async fn exp_malformed_is_also_one_above_2_53() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    for bad in [MAX + 1, -MAX - 1] {
        let token = issuer.token().claim("exp", bad).sign();
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::ExpMalformed), "{bad}");
    }
}

#[tokio::test]
async fn nbf_malformed_is_no_number_within_2_53() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for bad in no_dates() {
            let token = issuer.token().claim("nbf", bad.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::NbfMalformed), "{bad}");
        }
        for good in [json!(0), json!(-1), json!(-MAX), json!(1.5), json!(NOW)] {
            let token = issuer.token().claim("nbf", good.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, None, "{good}");
        }
    }
}

#[tokio::test]
async fn iat_malformed_is_no_number_within_2_53() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for bad in no_dates() {
            let token = issuer.token().claim("iat", bad.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::IatMalformed), "{bad}");
        }
        for good in [json!(0), json!(-1), json!(-MAX), json!(1.5), json!(NOW)] {
            let token = issuer.token().claim("iat", good.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, None, "{good}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().without("iat").sign()).await, None, "absent");
    }
}

/// Seconds from now, and whether the date is refused then.
type Edges<'a> = &'a [(f64, bool)];

async fn edges(name: &str, leeway: Option<u64>, reason: Reason, edges: Edges<'_>) {
    let issuer = TestIssuer::new();
    let mut builder = issuer.verifier();
    if let Some(leeway) = leeway {
        builder = builder.leeway(Duration::from_secs(leeway));
    }
    let verifier = builder.build().unwrap();
    for &(offset, refused) in edges {
        let date = NOW as f64 + offset;
        let token = issuer.token().claim(name, date).sign();
        assert_eq!(refusal(&verifier, &token).await, refused.then_some(reason), "{name} {offset} {leeway:?}");
        if offset.fract() == 0.0 {
            let token = issuer.token().claim(name, date as i64).sign();
            assert_eq!(refusal(&verifier, &token).await, refused.then_some(reason), "{name} {offset}");
        }
    }
}

#[tokio::test]
async fn exp_past_is_refused_to_the_second_with_each_leeway() {
    let refused = true;
    let past = Reason::ExpPast;
    edges(
        "exp",
        None,
        past,
        &[(-60.5, refused), (-60.0, refused), (-59.5, false), (-59.0, false), (0.0, false)],
    )
    .await;
    edges("exp", Some(0), past, &[(-1.0, refused), (0.0, refused), (0.5, false), (1.0, false)]).await;
    edges("exp", Some(300), past, &[(-301.0, refused), (-300.0, refused), (-299.0, false)]).await;
    edges("exp", None, past, &[(-(NOW as f64), refused), (-2.0 * NOW as f64, refused), (-1e15, refused)])
        .await;
}

#[tokio::test]
async fn nbf_future_is_refused_to_the_second_with_each_leeway() {
    let refused = true;
    let future = Reason::NbfFuture;
    edges(
        "nbf",
        None,
        future,
        &[(61.0, refused), (60.5, refused), (60.0, false), (0.0, false), (-1e9, false)],
    )
    .await;
    edges("nbf", Some(0), future, &[(1.0, refused), (0.5, refused), (0.0, false), (-1.0, false)]).await;
    edges("nbf", Some(300), future, &[(301.0, refused), (300.0, false), (1e12, refused)]).await;
}

#[tokio::test]
async fn iat_future_is_refused_to_the_second_with_each_leeway() {
    let refused = true;
    let future = Reason::IatFuture;
    edges(
        "iat",
        None,
        future,
        &[(61.0, refused), (60.5, refused), (60.0, false), (0.0, false), (-1e9, false)],
    )
    .await;
    edges("iat", Some(0), future, &[(1.0, refused), (0.5, refused), (0.0, false), (-1.0, false)]).await;
    edges("iat", Some(300), future, &[(301.0, refused), (300.0, false), (1e12, refused)]).await;
}

#[tokio::test]
async fn exp_past_comes_when_the_clock_is_turned() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().sign();
    issuer.clock().advance(Duration::from_secs(359));
    assert_eq!(refusal(&verifier, &token).await, None);
    issuer.clock().advance(Duration::from_millis(999));
    assert_eq!(refusal(&verifier, &token).await, None);
    issuer.clock().advance(Duration::from_millis(1));
    assert_eq!(refusal(&verifier, &token).await, Some(Reason::ExpPast));
    issuer.clock().set_back(Duration::from_secs(1));
    assert_eq!(refusal(&verifier, &token).await, None, "the wall clock is what issuers write into tokens");
}

#[tokio::test]
async fn nbf_future_passes_when_its_time_has_come() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().leeway(Duration::ZERO).build().unwrap();
    let token = issuer.token().claim("nbf", NOW + 10).sign();
    assert_eq!(refusal(&verifier, &token).await, Some(Reason::NbfFuture));
    issuer.clock().advance(Duration::from_secs(10));
    assert_eq!(refusal(&verifier, &token).await, None);
}

#[tokio::test]
async fn sub_malformed_is_no_text() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for bad in [json!(null), json!(1), json!(["alice"]), json!({}), json!(false)] {
            let token = issuer.token().claim("sub", bad.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::SubMalformed), "{bad}");
        }
        let absent = verifier.verify(&issuer.token().without("sub").sign()).await.unwrap();
        assert_eq!(absent.subject(), None, "a service's token may have none");
        let alice = verifier.verify(&issuer.token().sign()).await.unwrap();
        assert_eq!(alice.subject(), Some("alice"));
    }
}

#[tokio::test]
async fn cnf_unchecked_is_refused_whatever_the_token_is_bound_to() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for cnf in [
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
            json!({"jwk": {"kty": "EC"}}),
            json!({"kid": "a"}),
            json!({}),
            json!(null),
            json!("x"),
            json!([]),
        ] {
            let token = issuer.token().claim("cnf", cnf.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::CnfUnchecked), "{cnf}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().claim("CNF", json!({})).sign()).await, None);
    }
}

#[tokio::test]
async fn not_an_access_token_is_an_id_refresh_logout_or_event_token_whatever_its_audience() {
    let issuer = TestIssuer::new();
    for verifier in alone_and_among_others(&issuer) {
        for (name, claim, value) in [
            ("an ID token with at_hash", "at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng")),
            ("an ID token with c_hash", "c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
            ("at_hash of null", "at_hash", json!(null)),
            ("a logout token", "events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
            ("an event token without events", "events", json!({})),
            ("Keycloak's ID token", "typ", json!("ID")),
            ("in lower case", "typ", json!("id")),
            ("Keycloak's refresh token", "typ", json!("Refresh")),
            ("Keycloak's offline token", "typ", json!("Offline")),
            ("Keycloak's logout token", "typ", json!("Logout")),
            ("Cognito's ID token", "token_use", json!("id")),
        ] {
            for audience in [json!(AUDIENCE), json!([AUDIENCE, "account"])] {
                let token = issuer.token().claim(claim, value.clone()).claim("aud", audience).sign();
                let refusal = refusal(&verifier, &token).await;
                assert_eq!(refusal, Some(Reason::NotAnAccessToken), "{name}");
            }
        }
        for (claim, value) in [
            ("typ", json!("Bearer")),
            ("typ", json!("DPoP")),
            ("token_use", json!("access")),
            ("nonce", json!("n")),
        ] {
            let token = issuer.token().claim(claim, value.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, None, "{claim} {value}");
        }
    }
}

#[tokio::test]
async fn the_claims_are_those_of_the_token() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer
        .token()
        .claim("exp", NOW as f64 + 100.5)
        .claim("aud", json!(["a", AUDIENCE]))
        .claim("jti", "j1")
        .claim("azp", "web")
        .scope("a b")
        .sign();
    let claims = verifier.verify(&token).await.unwrap();
    let principal = claims.principal();
    assert_eq!((claims.issuer(), claims.subject()), (ISSUER, Some("alice")));
    assert_eq!(principal.audiences().collect::<Vec<_>>(), ["a", AUDIENCE]);
    assert_eq!((principal.token_id(), principal.client()), (Some("j1"), Some("web")));
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["a", "b"]);
    let expires = claims.expires_at().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(expires, Duration::from_millis(NOW * 1000 + 100_500));
}

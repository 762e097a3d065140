//! `Verifier::explain`: the verdict is the verifier's, each step is told for what it was, and who may read what.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, routing::get};
use http::{Request, header::AUTHORIZATION, header::WWW_AUTHENTICATE};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer, Verifier,
    error::Reason,
    explain::{Explanation, StepOutcome},
    policy::{Policy, Truth, Unknown, authenticated, claim, group, role, scope},
    require,
    testing::{TestIssuer, TestToken},
    verify::Step,
};

/// What no rendering may hold unless it is asked for.
const SECRET: &str = "do-not-show-me";

fn outcomes(explanation: &Explanation) -> String {
    let sign = |outcome| match outcome {
        StepOutcome::Passed => '+',
        StepOutcome::Failed(_) => '!',
        _ => '.',
    };
    explanation.steps().map(|(_, outcome)| sign(outcome)).collect()
}

fn failed(explanation: &Explanation) -> Option<(Step, Reason)> {
    let mut failed = explanation.steps().filter_map(|(step, outcome)| match outcome {
        StepOutcome::Failed(reason) => Some((step, reason)),
        _ => None,
    });
    let first = failed.next();
    assert_eq!(failed.next(), None, "a refusal has one reason");
    first
}

/// Tokens that are wrong in one thing each, and a good one.
fn corpus(issuer: &TestIssuer) -> Vec<(&'static str, String)> {
    let token = || issuer.token().subject("alice").scope("orders:read");
    let good = token().sign();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let stranger = TestIssuer::new().token().sign();
    let (_, signature) = stranger.rsplit_once('.').unwrap();
    vec![
        ("a good one", good.clone()),
        ("nothing", String::new()),
        ("illegal characters", "a b".into()),
        ("too long", "a".repeat(17 * 1024)),
        ("opaque", "opaque".into()),
        ("five parts", "a.b.c.d.e".into()),
        ("padded", format!("{good}=")),
        ("crit", token().header("crit", vec!["b64"]).sign()),
        ("alg none", token().header("alg", "none").sign()),
        ("typ", token().typ("dpop+jwt").sign()),
        ("no iss", token().without("iss").sign()),
        ("iss of another type", token().claim("iss", 1).sign()),
        ("another iss", token().claim("iss", "https://evil.test").sign()),
        ("unknown kid", token().header("kid", "unknown").sign()),
        ("unknown kid and expired", token().expired().header("kid", "unknown").sign()),
        ("forged", format!("{signed}.{signature}")),
        ("no JSON", token().sign_payload(b"nothing")),
        ("claims twice", token().sign_payload(br#"{"a":1,"a":2}"#)),
        ("another audience", token().audience("account").sign()),
        ("no exp", token().without("exp").sign()),
        ("expired", token().expired().sign()),
        ("not yet", token().claim("nbf", 4_102_444_800_u64).sign()),
        ("bound", token().claim("cnf", json!({"jkt": "x"})).sign()),
        ("an ID token", token().claim("at_hash", "x").sign()),
    ]
}

fn set_ups(issuer: &TestIssuer) -> [(&'static str, Verifier); 3] {
    let other = TestIssuer::named("https://other.test");
    [
        ("alone", issuer.verifier().build().unwrap()),
        ("among others", issuer.verifier().issuer(other.issuer()).build().unwrap()),
        ("strict", issuer.verifier().strict().build().unwrap()),
    ]
}

#[tokio::test]
async fn the_verdict_is_that_of_verify_and_stands_at_the_step_of_its_reason() {
    let issuer = TestIssuer::new();
    let (mut steps, policy) = (BTreeSet::new(), authenticated());
    for (set_up, verifier) in set_ups(&issuer) {
        for state in ["cold", "loaded", "down"] {
            if state == "down" {
                issuer.fail();
                issuer.clock().advance(Duration::from_secs(9000));
            }
            for (name, token) in corpus(&issuer) {
                // In both orders, so that what the one has fetched is not what the other needs.
                let before = verifier.explain(&token, &policy).await;
                let verified = verifier.verify(&token).await.err().map(|error| error.reason());
                let after = verifier.explain(&token, &policy).await;
                for explanation in [before, after] {
                    let told = failed(&explanation);
                    assert_eq!(told.map(|(_, reason)| reason), verified, "{set_up}, {state}, {name}");
                    assert_eq!(told.map(|(step, _)| Some(step)), verified.map(Step::of), "{name}");
                    assert_eq!(explanation.is_allowed(), verified.is_none(), "{name}");
                    assert_eq!(explanation.policy().is_some(), verified.is_none(), "{name}");
                    steps.extend(told.map(|(step, _)| step));
                }
            }
        }
        issuer.recover();
        issuer.clock().advance(Duration::from_secs(9000));
    }
    let all = &Step::ALL[..Step::ALL.len() - 2];
    assert!(steps.iter().eq(all), "the corpus fails at every step but the last two: {steps:?}");
}

#[tokio::test]
async fn what_nobody_looked_at_is_not_called_passed() {
    let issuer = TestIssuer::new();
    let [(_, alone), (_, among), _] = set_ups(&issuer);
    let token = || issuer.token();
    for (name, verifier, token, expected) in [
        // credentials, form, issuer, header, key, signature, claims, type, policy
        ("no token at all", &alone, String::new(), "!........"),
        ("no JWS", &alone, "opaque".into(), "+!......."),
        ("a typ, with one issuer", &alone, token().typ("x").sign(), "++.!....."),
        ("a typ, with several", &among, token().typ("x").sign(), "+++!....."),
        ("a stranger's iss, alone", &alone, token().claim("iss", "x").sign(), "++!+++..."),
        ("a stranger's iss, among others", &among, token().claim("iss", "x").sign(), "++!......"),
        ("an unknown kid", &alone, token().header("kid", "x").sign(), "++.+!...."),
        ("an unknown kid, expired", &alone, token().expired().header("kid", "x").sign(), "++++..!.."),
        ("expired", &alone, token().expired().sign(), "++++++!.."),
        ("a payload nobody can read", &alone, token().sign_payload(b"x"), "++.+++!.."),
        ("a payload nobody can read, among others", &among, token().sign_payload(b"x"), "++....!.."),
        ("denied", &alone, token().sign(), "++++++++!"),
        ("allowed", &alone, token().scope("orders:read").sign(), "+++++++++"),
    ] {
        // Keys are there, so that nothing but the token decides.
        verifier.warm_up().await;
        let explanation = verifier.explain(&token, &scope("orders:read")).await;
        assert_eq!(outcomes(&explanation), expected, "{name}");
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_the_type_fail_at_a_step_of_their_own() {
    #[derive(serde::Deserialize)]
    struct Staff {
        #[expect(dead_code, reason = "that it must be there is the point")]
        department: String,
    }
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().claims::<Staff>().build().unwrap();
    let explanation = verifier.explain(&issuer.token().sign(), &authenticated()).await;
    assert_eq!(failed(&explanation), Some((Step::ClaimsType, Reason::ClaimsDoNotFit)));
    assert_eq!(outcomes(&explanation), "+++++++!.");
}

#[tokio::test]
async fn an_explanation_is_no_use_of_the_token() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().sign();
    for _ in 0..3 {
        assert!(verifier.explain(&token, &authenticated()).await.is_allowed());
    }
    let memory = verifier.status().memory.unwrap();
    assert_eq!((memory.tokens, memory.hits, memory.lookups), (0, 0, 0), "nothing is remembered or counted");
    verifier.verify(&token).await.unwrap();
    issuer.clock().advance(Duration::from_secs(7 * 86400));
    let explanation = verifier.explain(&token, &authenticated()).await;
    assert_eq!(failed(&explanation).unwrap().1, Reason::ExpPast);
}

#[tokio::test]
async fn an_explanation_waits_for_keys_as_verification_does() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let explaining = verifier.explain(&issuer.token().sign(), &authenticated());
    assert_eq!(issuer.fetches(), 0, "nothing happens before the first poll");
    assert!(explaining.await.is_allowed());
    let fetches = issuer.fetches();
    assert!(fetches > 0);
    issuer.rotate();
    issuer.clock().advance(Duration::from_secs(10));
    let explanation = verifier.explain(&issuer.token().sign(), &authenticated()).await;
    assert!(explanation.is_allowed(), "{explanation}");
    assert!(issuer.fetches() > fetches);
}

#[tokio::test]
async fn what_the_token_does_not_say_is_told_apart_from_no() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().roles_from(["/realm_access/roles"]).build().unwrap();
    let token = issuer.token().group("staff").claim("_claim_names", json!({"department": "src1"})).sign();
    let policy = role("clerk") | group("guest") | claim("department", "sales");
    let explanation = verifier.explain(&token, &policy).await;
    let explained = explanation.policy().unwrap();
    assert_eq!(explained.truth(), Truth::Unknown);
    let [role, group, department] = explained.parts() else { panic!("three terms") };
    assert_eq!((role.truth(), role.unknown()), (Truth::Unknown, Some(Unknown::Absent)));
    assert_eq!((group.truth(), group.unknown()), (Truth::No, None));
    assert_eq!(department.unknown(), Some(Unknown::CutOff));
    assert_eq!(role.claims().map(ToString::to_string).collect::<Vec<_>>(), ["/realm_access/roles"]);
    let told = explanation.to_string();
    assert!(told.contains("unknown  role(clerk)  [/realm_access/roles]: the token does not say\n"), "{told}");
}

/// A policy that reads several claims of a token whose every value is secret.
fn secretive(issuer: &TestIssuer) -> (TestToken, Policy) {
    let named = |name: &str| format!("{name}-{SECRET}");
    let token = issuer
        .token()
        .subject(&named("sub"))
        .scope(&named("scope"))
        .role(&named("role"))
        .claim("department", named("department"))
        .claim("email", named("email"));
    let policy = scope("orders:write") & role("manager") & claim("department", "sales");
    (token, policy)
}

#[tokio::test]
async fn no_rendering_shows_the_token_and_none_a_value_that_was_not_asked_for() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let (token, policy) = secretive(&issuer);
    let good = token.clone().sign();
    let expired = token.expired().sign();
    for token in [good, expired] {
        let explanation = verifier.explain(&token, &policy).await;
        let values = explanation.with_values();
        let with = [values.to_string(), values.to_json().to_string()];
        let without = [
            explanation.to_string(),
            explanation.to_json().to_string(),
            format!("{explanation:?} {explanation:#?}"),
            format!("{:?}", explanation.error()),
            format!("{:?}", explanation.policy()),
            format!("{values:?}"),
            explanation.for_client().to_string(),
            explanation.for_client().to_json().to_string(),
            format!("{:?}", explanation.for_client()),
        ];
        for told in &without {
            assert!(!told.contains(SECRET), "{told}");
        }
        for told in without.iter().chain(&with) {
            for part in token.split('.') {
                assert!(!told.contains(&part[..20]), "{told}");
            }
            assert!(!told.contains("email"), "a claim that the policy does not read: {told}");
        }
        // Of a token that is refused nothing is believed, so nothing is shown.
        let shown = explanation.policy().is_some();
        for told in with {
            for name in ["scope", "role", "department"] {
                assert_eq!(told.contains(&format!("{name}-{SECRET}")), shown, "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_value_cannot_begin_a_line_of_its_own() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().claim("department", "x\nallowed\u{85}\u{202e}y").sign();
    let explanation = verifier.explain(&token, &claim("department", "sales")).await;
    let told = explanation.with_values().to_string();
    assert!(!told.lines().any(|line| line.starts_with("allowed")), "{told}");
    assert!(!told.contains(['\u{85}', '\u{202e}']), "{told}");
}

#[tokio::test]
async fn the_client_reads_what_the_answer_tells_and_no_more() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let (_, policy) = secretive(&issuer);
    let app: Router = Router::new()
        .route("/", get(|| async { "well" }).route_layer(require(policy.clone())))
        .layer(AuthenticateLayer::new(verifier.clone()));
    let tokens = corpus(&issuer).into_iter().filter(|(_, token)| !token.is_empty());
    for (name, token) in tokens {
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let challenge = answer.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
        let explanation = verifier.explain(&token, &policy).await;
        let client = explanation.for_client();
        let json = client.to_json();
        assert_eq!(json["status"], answer.status().as_u16(), "{name}");
        assert_eq!(json["challenge"].as_str(), challenge, "{name}");
        let line = format!("{} {}", answer.status().as_u16(), challenge.unwrap());
        assert_eq!(client.to_string(), line, "{name}");
        let told = format!("{client} {json}");
        for inner in ["manager", "sales", "department", explanation.error().unwrap().reason().id()] {
            // One class has the name of one of its reasons.
            assert!(!told.contains(inner), "{name}: {inner} in {told}");
        }
    }
}

#[tokio::test]
async fn a_pass_and_a_denial_read_so() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let policy = scope("orders:read") & !role("guest");
    let good = issuer.token().scope("orders:read").role("clerk").sign();
    let explanation = verifier.explain(&good, &policy).await;
    assert_eq!(explanation.for_client().to_string(), "allowed");
    assert_eq!(explanation.for_client().to_json(), json!({"allowed": true}));
    assert!(explanation.to_string().starts_with("allowed\n  credentials  passed\n"), "{explanation}");

    let denied = issuer.token().scope("orders:write").sign();
    let explanation = verifier.explain(&denied, &policy).await;
    let lines: Vec<_> = explanation.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "refused: 403 policy_not_met");
    assert_eq!(
        lines[9..],
        [
            "  policy       failed: policy_not_met",
            "policy: scope(orders:read) & !role(guest)",
            "  no       all of",
            "    no       scope(orders:read)  [scope, scp]",
            "    unknown  not",
            "      unknown  role(guest)  [roles]: the token does not say",
            "lacking: scope(orders:read)",
            "lacking: !role(guest)",
        ]
    );
    let told = explanation.with_values().to_json();
    assert_eq!(told["reason"], "policy_not_met");
    assert_eq!(told["lacking"], json!(["scope(orders:read)", "!role(guest)"]));
    assert_eq!(told["steps"][8], json!({"step": "policy", "outcome": "failed", "reason": "policy_not_met"}));
    assert_eq!(
        told["policy"],
        json!({
            "text": "scope(orders:read) & !role(guest)", "joint": "all", "truth": "no",
            "parts": [
                {"text": "scope(orders:read)", "joint": "term", "truth": "no",
                 "claims": ["scope", "scp"], "values": {"scope": "orders:write"}},
                {"text": "!role(guest)", "joint": "not", "truth": "unknown", "parts": [
                    {"text": "role(guest)", "joint": "term", "truth": "unknown", "unknown": "absent",
                     "claims": ["roles"], "values": {}},
                ]},
            ],
        })
    );
}

#[tokio::test]
async fn a_weak_login_is_explained_with_the_one_that_is_needed() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let policy: Policy = "scope(pay) & acr(gold) & max_age(300)".parse().unwrap();
    let token = issuer.token().scope("pay").claim("acr", "silver").sign();
    let explanation = verifier.explain(&token, &policy).await;
    assert_eq!(failed(&explanation).unwrap(), (Step::Policy, Reason::StepUpNeeded));
    let text = explanation.to_string();
    assert!(text.contains("no       acr(gold)  [acr]\n"), "{text}");
    assert!(text.contains("unknown  max_age(300)  [auth_time]: the token does not say\n"), "{text}");
    assert!(!text.contains("silver"), "{text}");
    assert_eq!(
        explanation.for_client().to_json(),
        json!({
            "allowed": false,
            "status": 401,
            "challenge": "Bearer error=\"insufficient_user_authentication\", error_description=\"the request needs a \
                          stronger or a more recent login\", acr_values=\"gold\", max_age=\"300\"",
            "description": "the request needs a stronger or a more recent login",
            "acr_values": ["gold"],
            "max_age": 300,
        })
    );
}

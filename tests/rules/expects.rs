//! What one issuer's settings ask of its tokens.

use super::refusal;
use serde_json::json;
use tower_bearer::{
    Issuer, Verifier,
    error::Reason,
    testing::{AUDIENCE, TestIssuer},
};

fn verifier(issuer: &TestIssuer, set: impl Fn(Issuer) -> Issuer) -> Verifier {
    Verifier::builder().issuer(set(issuer.issuer())).audience(AUDIENCE).clock(issuer.clock()).build().unwrap()
}

fn faults(set: impl Fn(Issuer) -> Issuer) -> Vec<String> {
    let issuer = set(TestIssuer::new().issuer());
    let error = Verifier::builder().issuer(issuer).audience(AUDIENCE).build().unwrap_err();
    error.faults().iter().map(|fault| fault.setting().replace("issuer https://issuer.test: ", "")).collect()
}

#[tokio::test]
async fn required_claim_missing_is_absent_null_or_empty() {
    let issuer = TestIssuer::new();
    let valued = verifier(&issuer, |issuer| issuer.require_claim("use", ["access"]));
    let present = verifier(&issuer, |issuer| issuer.require_present("use"));
    for verifier in [&valued, &present] {
        let missing = Some(Reason::RequiredClaimMissing);
        assert_eq!(refusal(verifier, &issuer.token().sign()).await, missing);
        for nothing in [json!(null), json!("")] {
            let token = issuer.token().claim("use", nothing.clone()).sign();
            assert_eq!(refusal(verifier, &token).await, missing, "{nothing}");
        }
        assert_eq!(refusal(verifier, &issuer.token().claim("use", "access").sign()).await, None);
    }
    for something in [json!("x"), json!(0), json!(false), json!([]), json!({})] {
        let token = issuer.token().claim("use", something.clone()).sign();
        assert_eq!(refusal(&present, &token).await, None, "{something}");
    }
}

#[tokio::test]
async fn required_claim_mismatch_is_no_value_of_the_list() {
    let issuer = TestIssuer::new();
    let verifier = verifier(&issuer, |issuer| issuer.require_claim("use", ["access", "service"]));
    for wrong in [
        json!("id"),
        json!("Access"),
        json!("access "),
        json!("access service"),
        json!(1),
        json!(true),
        json!({"access": 1}),
        json!([]),
        json!(["id"]),
        json!(["access", 1]),
        json!([["access"]]),
    ] {
        let token = issuer.token().claim("use", wrong.clone()).sign();
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::RequiredClaimMismatch), "{wrong}");
    }
    for right in [json!("access"), json!("service"), json!(["id", "access"])] {
        let token = issuer.token().claim("use", right.clone()).sign();
        assert_eq!(refusal(&verifier, &token).await, None, "{right}");
    }
}

#[tokio::test]
async fn every_claim_that_is_required_must_hold_and_a_pointer_reaches_into_objects() {
    let issuer = TestIssuer::new();
    let verifier = verifier(&issuer, |issuer| {
        issuer
            .require_claim("/org/id", ["7"])
            .require_claim("use", ["a", "b"])
            .require_claim("use", ["b", "c"])
    });
    let token =
        |org: &str, usage: &str| issuer.token().claim("org", json!({"id": org})).claim("use", usage).sign();
    assert_eq!(refusal(&verifier, &token("7", "b")).await, None);
    for (org, usage) in [("8", "b"), ("7", "a"), ("7", "c")] {
        assert_eq!(refusal(&verifier, &token(org, usage)).await, Some(Reason::RequiredClaimMismatch));
    }
    let blocked = issuer.token().claim("org", "7").claim("use", "b").sign();
    assert_eq!(refusal(&verifier, &blocked).await, Some(Reason::RequiredClaimMissing));
}

#[tokio::test]
async fn client_not_allowed_is_another_client_or_none() {
    let issuer = TestIssuer::new();
    let verifier = verifier(&issuer, |issuer| issuer.clients(["web", "app"]));
    for name in ["client_id", "azp", "cid", "appid"] {
        assert_eq!(refusal(&verifier, &issuer.token().claim(name, "web").sign()).await, None, "{name}");
        for wrong in [json!("other"), json!("Web"), json!(""), json!(null), json!(["web"])] {
            let token = issuer.token().claim(name, wrong.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::ClientNotAllowed), "{name} {wrong}");
        }
    }
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, Some(Reason::ClientNotAllowed));
    let token = issuer.token().claim("client_id", "other").claim("azp", "web").sign();
    assert_eq!(refusal(&verifier, &token).await, Some(Reason::ClientNotAllowed), "the first name decides");
    let no_audience = issuer.token().claim("client_id", "web").without("aud").sign();
    assert_eq!(refusal(&verifier, &no_audience).await, Some(Reason::AudMissing), "a client is no audience");
}

#[tokio::test]
async fn id_tokens_pass_only_where_the_settings_say_so_and_nothing_else_with_them() {
    let issuer = TestIssuer::new();
    let (lax, usual) = (verifier(&issuer, Issuer::accept_id_tokens), verifier(&issuer, |issuer| issuer));
    for (name, value) in [("at_hash", "x"), ("c_hash", "x"), ("typ", "ID"), ("token_use", "id")] {
        let token = issuer.token().claim(name, value).sign();
        assert_eq!(refusal(&lax, &token).await, None, "{name}");
        assert_eq!(refusal(&usual, &token).await, Some(Reason::NotAnAccessToken), "{name}");
    }
    for (name, value) in [("events", json!({})), ("typ", json!("Refresh")), ("typ", json!("Logout"))] {
        let token = issuer.token().claim("at_hash", "x").claim(name, value).sign();
        assert_eq!(refusal(&lax, &token).await, Some(Reason::NotAnAccessToken), "{name}");
    }
}

/// A token that could not pass with any key is no reason to look for its key.
#[tokio::test]
async fn what_the_settings_refuse_spends_no_fetch() {
    let issuer = TestIssuer::new();
    let verifier = verifier(&issuer, |issuer| issuer.require_claim("use", ["access"]).clients(["web"]));
    let right = || issuer.token().header("kid", "unknown").claim("use", "access").claim("azp", "web");
    for token in [right().claim("use", "id"), right().without("use"), right().claim("azp", "other")] {
        assert!(refusal(&verifier, &token.sign()).await.is_some());
    }
    assert_eq!(issuer.fetches(), 0);
    assert_eq!(refusal(&verifier, &right().sign()).await, Some(Reason::KeyUnknown));
    assert_eq!(issuer.fetches(), 1);
}

#[test]
fn a_setting_that_nothing_could_meet_is_a_fault() {
    let none: [&str; 0] = [];
    assert_eq!(faults(|issuer| issuer.require_claim("use", none)), ["require_claim"]);
    assert_eq!(faults(|issuer| issuer.require_claim("", ["x"])), ["require_claim"]);
    assert_eq!(faults(|issuer| issuer.require_present("/a/")), ["require_present"]);
    assert_eq!(faults(|issuer| issuer.clients(none)), ["clients"]);
    assert_eq!(faults(|issuer| issuer.clients(["web", " "])), ["clients"]);
    assert_eq!(faults(|issuer| issuer.clients(["web"]).clients(["app"])), ["clients"]);
    assert_eq!(faults(|issuer| issuer.roles_from_keys(none)), ["roles_from_keys"]);
}

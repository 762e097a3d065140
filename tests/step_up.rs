//! Step-up (RFC 9470): a login that is too weak or too old is answered with what the next one has to be, and a token of
//! that login passes.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, routing::get};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE},
};
use std::time::Duration;
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims,
    error::{AuthErrorKind, Reason},
    policy::{Policy, max_age},
    require,
    testing::{TestIssuer, TestToken, caller},
};

/// Where the issuer's clock stands.
const NOW: u64 = 1_767_225_600;
const LOGIN: &str = r#"Bearer error="insufficient_user_authentication", error_description="the request needs a stronger or a more recent login""#;
const MORE: &str =
    r#"Bearer error="insufficient_scope", error_description="the token does not permit this request""#;

/// A service with one route behind this policy, and its issuer.
async fn service(policy: &str) -> (TestIssuer, Router) {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    verifier.warm_up().await;
    let policy: Policy = policy.parse().unwrap();
    let handler = get(|| async { "transferred" }).route_layer(require(policy));
    let app = Router::new().route("/", handler).layer(AuthenticateLayer::new(verifier).optional());
    (issuer, app)
}

/// Status and challenge.
async fn ask(app: &Router, token: Option<&str>) -> (u16, Option<String>) {
    let mut request = Request::get("/").body(Body::empty()).unwrap();
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    let response = app.clone().oneshot(request).await.unwrap();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    if response.status() != StatusCode::OK {
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
    (response.status().as_u16(), challenge)
}

fn refused(status: u16, start: &str, rest: &str) -> (u16, Option<String>) {
    (status, Some(format!("{start}{rest}")))
}

const PASSED: (u16, Option<String>) = (200, None);

#[tokio::test]
async fn a_test_token_says_how_and_when_its_user_logged_in() {
    let (issuer, app) = service("acr(gold) & max_age(300)").await;
    for (acr, ago, status) in [("silver", 0, 401), ("gold", 361, 401), ("gold", 360, 200), ("gold", 0, 200)] {
        let token = issuer.token().login(acr, Duration::from_secs(ago)).sign();
        assert_eq!(ask(&app, Some(&token)).await.0, status, "{acr}, {ago} s ago");
    }
}

#[tokio::test]
async fn the_challenges_of_rfc_9470_section_3_are_written_as_there() {
    // Figure 2 and figure 3, but for the sentence, which is the same for both here.
    for (policy, rest) in [("acr(myACR)", r#", acr_values="myACR""#), ("max_age(5)", r#", max_age="5""#)] {
        let (issuer, app) = service(policy).await;
        let token = issuer.token().claim("acr", "pwd").claim("auth_time", NOW - 3600).sign();
        assert_eq!(ask(&app, Some(&token)).await, refused(401, LOGIN, rest), "{policy}");
    }
}

#[tokio::test]
async fn the_token_of_rfc_9470_section_6_1_passes_what_asked_for_it() {
    let (issuer, app) = service("acr(myACR) & max_age(5) & scope(purchase)").await;
    // Figure 6: renewed two seconds after the login.
    let token = issuer.token().scope("purchase").claim("auth_time", NOW - 2).claim("acr", "myACR").sign();
    assert_eq!(ask(&app, Some(&token)).await, PASSED);
}

#[tokio::test]
async fn a_token_that_says_nothing_of_its_login_is_refused_also_where_it_is_malformed() {
    let (issuer, app) = service("acr(2fa) & max_age(300)").await;
    let both = r#", acr_values="2fa", max_age="300""#;
    let good = || issuer.token().claim("acr", "2fa").claim("auth_time", NOW);
    let malformed: [(&str, TestToken); 9] = [
        ("no acr", good().without("acr")),
        ("no auth_time", good().without("auth_time")),
        ("neither", issuer.token()),
        ("an acr that is a list", good().claim("acr", vec!["2fa"])),
        ("an acr that is a number", good().claim("acr", 2)),
        ("an acr that only begins so", good().claim("acr", "2fa-sms")),
        ("a time that is a text", good().claim("auth_time", NOW.to_string())),
        ("a time that is no date", good().claim("auth_time", 1e300)),
        ("a time yet to come", good().claim("auth_time", NOW + 61)),
    ];
    for (name, token) in malformed {
        assert_eq!(ask(&app, Some(&token.sign())).await, refused(401, LOGIN, both), "{name}");
    }
    assert_eq!(ask(&app, Some(&good().sign())).await, PASSED);
}

#[tokio::test]
async fn a_remembered_token_grows_too_old_while_the_clock_turns() {
    let (issuer, app) = service("max_age(300)").await;
    let token = issuer.token().claim("auth_time", NOW).expires_in(Duration::from_secs(3600)).sign();
    assert_eq!(ask(&app, Some(&token)).await, PASSED);
    // 300 s, and 60 s of leeway.
    issuer.clock().advance(Duration::from_secs(360));
    assert_eq!(ask(&app, Some(&token)).await, PASSED);
    issuer.clock().advance(Duration::from_secs(1));
    assert_eq!(ask(&app, Some(&token)).await, refused(401, LOGIN, r#", max_age="300""#));
    // Renewed, and not logged in again (RFC 9470 section 6.1).
    let renewed = issuer.token().claim("auth_time", NOW).sign();
    assert_eq!(ask(&app, Some(&renewed)).await.0, 401);
    let stepped_up = issuer.token().claim("auth_time", NOW + 361).claim("iat", NOW).without("nbf").sign();
    assert_eq!(ask(&app, Some(&stepped_up)).await, PASSED);
    // Nobody gets younger by a clock that is set back further than clocks may differ.
    issuer.clock().set_back(Duration::from_secs(361));
    assert_eq!(ask(&app, Some(&stepped_up)).await, refused(401, LOGIN, r#", max_age="300""#));
}

#[tokio::test]
async fn the_leeway_is_the_verifiers() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().leeway(Duration::ZERO).build().unwrap();
    let claims = verifier.verify(&issuer.token().claim("auth_time", NOW).sign()).await.unwrap();
    issuer.clock().advance(Duration::from_secs(5));
    assert!(claims.require(max_age(Duration::from_secs(5))).is_ok());
    issuer.clock().advance(Duration::from_millis(500));
    assert!(claims.require(max_age(Duration::from_secs(5))).is_err());
}

#[tokio::test]
async fn the_scope_is_named_where_it_is_missing_too() {
    let (issuer, app) = service("scope(transfer) & acr(2fa) & max_age(300)").await;
    let strong = || issuer.token().claim("acr", "2fa").claim("auth_time", NOW);
    let weak = issuer.token().scope("transfer").sign();
    let neither = issuer.token().scope("other").sign();
    let both = r#", acr_values="2fa", max_age="300""#;
    assert_eq!(ask(&app, None).await, (401, Some(r#"Bearer scope="transfer""#.to_owned())));
    assert_eq!(ask(&app, Some(&weak)).await, refused(401, LOGIN, both));
    let with_scope = format!(r#"{both}, scope="transfer""#);
    assert_eq!(ask(&app, Some(&neither)).await, refused(401, LOGIN, &with_scope));
    // The login is good, so this is no step-up.
    let unscoped = strong().scope("other").sign();
    assert_eq!(ask(&app, Some(&unscoped)).await, refused(403, MORE, r#", scope="transfer""#));
    assert_eq!(ask(&app, Some(&strong().scope("transfer").sign())).await, PASSED);
}

#[tokio::test]
async fn contexts_are_named_in_their_order_and_any_of_them_passes() {
    let (issuer, app) = service("acr(urn:acr:hardware, urn:acr:2fa)").await;
    let with = |acr: &str| issuer.token().claim("acr", acr).sign();
    let named = r#", acr_values="urn:acr:hardware urn:acr:2fa""#;
    assert_eq!(ask(&app, Some(&with("urn:acr:pwd"))).await, refused(401, LOGIN, named));
    for acr in ["urn:acr:2fa", "urn:acr:hardware"] {
        assert_eq!(ask(&app, Some(&with(acr))).await, PASSED, "{acr}");
    }
}

#[tokio::test]
async fn a_login_is_not_asked_for_where_it_does_not_help() {
    let (issuer, app) = service("acr(2fa) & role(clerk)").await;
    let strong = issuer.token().claim("acr", "2fa").sign();
    assert_eq!(ask(&app, Some(&strong)).await, refused(403, MORE, ""));
    let (issuer, app) = service("role(clerk) | max_age(60)").await;
    let old = issuer.token().claim("auth_time", NOW - 3600);
    assert_eq!(ask(&app, Some(&old.sign())).await, refused(401, LOGIN, r#", max_age="60""#));
}

#[tokio::test]
async fn step_up_needed_in_a_handler_is_answered_as_the_layers_is() {
    async fn transfer(claims: Claims) -> Result<&'static str, AuthError> {
        claims.require("acr(2fa)".parse::<Policy>().unwrap())?;
        Ok("transferred")
    }
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let metadata = "https://api.example.com/.well-known/oauth-protected-resource";
    let layer = AuthenticateLayer::new(verifier).realm("orders").resource_metadata(metadata);
    let app = Router::new().route("/", get(transfer)).layer(layer);
    let said = r#"Bearer realm="orders", error="insufficient_user_authentication", error_description="the request needs a stronger or a more recent login", acr_values="2fa", "#;
    let rest = format!(r#"resource_metadata="{metadata}""#);
    assert_eq!(ask(&app, Some(&issuer.token().sign())).await, refused(401, said, &rest));
    assert_eq!(ask(&app, Some(&issuer.token().claim("acr", "2fa").sign())).await, PASSED);
}

#[test]
fn an_error_says_what_the_login_has_to_be_and_a_caller_how_it_was() {
    let claims = caller("alice").claim("acr", "pwd").claim("auth_time", NOW).claims::<serde_json::Value>();
    assert_eq!(claims.principal().acr(), Some("pwd"));
    let at = std::time::UNIX_EPOCH + Duration::from_secs(NOW);
    assert_eq!(claims.principal().authenticated_at(), Some(at));
    let error = claims.require("acr(a, b) & max_age(0)".parse::<Policy>().unwrap()).unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (AuthErrorKind::InsufficientAuthentication, Reason::StepUpNeeded)
    );
    assert!(error.acr_values().eq(["a", "b"]));
    assert_eq!(error.max_age(), Some(Duration::ZERO));
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("alice") && !shown.contains("pwd"), "{shown}");
}

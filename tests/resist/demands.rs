//! Applications that demand more of a token than most, or answer otherwise, are tried as well, and nothing is missed.

use super::{ok, orders};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{StatusCode, header::LOCATION},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::get,
};
use std::time::Duration;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    policy::scope,
    require,
    testing::{
        TestIssuer, TestToken,
        attacks::{Outcome, Report, assert_resists},
    },
};

fn guarded(verifier: Verifier) -> Router {
    let orders = get(ok).route_layer(require(scope("orders:read")));
    Router::new().route("/orders", orders).layer(AuthenticateLayer::new(verifier))
}

fn of(report: &Report, name: &str) -> Outcome {
    report.outcomes().iter().find(|(attack, _)| attack.name() == name).unwrap().1.clone()
}

fn typed(token: TestToken) -> TestToken {
    token.scope("orders:read").typ("at+jwt").claim("client_id", "web").claim("jti", "t-1")
}

#[tokio::test]
async fn an_application_that_is_strict_resists() {
    let issuer = TestIssuer::new();
    let app = guarded(issuer.verifier().strict().build().unwrap());
    assert_resists(&issuer, app, orders).token(typed).await;
}

/// A verifier that lets `crit` through, but demands `typ`: an attack that forgot `typ` would be refused for that.
#[tokio::test]
async fn what_a_good_tokens_header_has_an_attacks_header_has_too() {
    let issuer = TestIssuer::new();
    let of_its_own = |token: TestToken| typed(token).header("x", "demanded");
    let app = guarded(issuer.verifier().build().unwrap()).layer(from_fn(
        async |request: Request, next: Next| -> Response {
            match header_of(&request).is_some_and(|header| header["x"] != "demanded") {
                true => StatusCode::IM_A_TEAPOT.into_response(),
                false => next.run(request).await,
            }
        },
    ));
    let report = assert_resists(&issuer, app, orders).token(of_its_own).report().await;
    for name in
        ["crit_unknown", "b64_false", "enc_in_a_jws", "deep_header", "header_huge", "private_claim_twice"]
    {
        assert_eq!(of(&report, name), Outcome::Resisted, "{name}: {report}");
    }
}

fn header_of(request: &Request<Body>) -> Option<serde_json::Value> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let token = request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?).ok()
}

#[tokio::test]
async fn tokens_may_be_long_lived_and_typed() {
    let issuer = TestIssuer::new();
    let app = guarded(issuer.verifier().build().unwrap());
    let long = |token: TestToken| typed(token).expires_in(Duration::from_secs(30 * 24 * 3600));
    assert_resists(&issuer, app, orders).token(long).await;
}

/// Somebody turns refusals into a redirect to a login.
#[tokio::test]
async fn a_redirect_is_no_entry() {
    let issuer = TestIssuer::new();
    let app = guarded(issuer.verifier().build().unwrap()).layer(from_fn(
        async |request: Request, next: Next| -> Response {
            match next.run(request).await {
                refused if refused.status() == 401 => {
                    (StatusCode::FOUND, [(LOCATION, "/login")]).into_response()
                }
                response => response,
            }
        },
    ));
    let report = assert_resists(&issuer, app, orders).token(typed).report().await;
    assert_eq!(report.got_in(), Vec::<&str>::new());
    assert!(matches!(of(&report, "alg_none"), Outcome::Wrong { status: StatusCode::FOUND, .. }), "{report}");
}

fn without_challenges(verifier: Verifier) -> Router {
    guarded(verifier).layer(from_fn(async |request: Request, next: Next| -> Response {
        let mut response = next.run(request).await;
        response.headers_mut().remove("www-authenticate");
        response
    }))
}

#[tokio::test]
async fn any_refusal_may_be_right_and_the_report_says_what_is_missing_where_it_is_not() {
    let issuer = TestIssuer::new();
    let app = without_challenges(issuer.verifier().build().unwrap());
    let report = assert_resists(&issuer, app.clone(), orders).token(typed).report().await;
    assert!(!report.is_clean());
    let text = report.to_string();
    assert!(
        text.contains("answered 401, where 401 invalid_token is right (send `WWW-Authenticate:"),
        "{text}"
    );
    assert!(text.lines().count() < 10, "one line for all of a class: {text}");
    assert_resists(&issuer, app, orders).token(typed).any_refusal().await;
}

/// Somebody forgot the policy: what a token may is asked by nobody, and no attack on it could say so.
#[tokio::test]
async fn a_scope_that_nobody_asks_for_is_a_fault() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let app = Router::new().route("/orders", get(ok)).layer(layer);
    let report = assert_resists(&issuer, app, orders).token(typed).only(|_| false).report().await;
    assert!(!report.is_clean());
    assert!(report.faults()[0].contains("passes without its scope"), "{report}");
}

/// It refuses, and not as RFC 6750 section 3.1 has it: scopes are tried all the same.
#[tokio::test]
async fn a_lack_of_scope_may_be_answered_in_another_way() {
    let issuer = TestIssuer::new();
    let app = guarded(issuer.verifier().build().unwrap()).layer(from_fn(
        async |request: Request, next: Next| -> Response {
            match next.run(request).await {
                refused if refused.status() == 403 => StatusCode::NOT_FOUND.into_response(),
                response => response,
            }
        },
    ));
    let report = assert_resists(&issuer, app.clone(), orders).token(typed).report().await;
    let wrong = Outcome::Wrong { status: StatusCode::NOT_FOUND, error: None };
    assert_eq!(of(&report, "scope_longer"), wrong, "{report}");
    assert_resists(&issuer, app, orders).token(typed).any_refusal().await;
}

/// Tokens of Cognito name no audience.
#[tokio::test]
async fn an_exception_is_named_and_one_that_nothing_needs_is_a_fault() {
    let issuer = TestIssuer::named("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12");
    let pool = Issuer::cognito("eu-west-1", "eu-west-1_Ab12", ["web"]).unwrap().fetch(issuer.transport());
    let app = || guarded(Verifier::builder().issuer(pool.clone()).clock(issuer.clock()).build().unwrap());
    let good = |token: TestToken| {
        token.without("aud").scope("orders:read").claim("client_id", "web").claim("token_use", "access")
    };
    let report = assert_resists(&issuer, app(), orders).token(good).report().await;
    assert!(report.got_in().contains(&"aud_missing"), "{report}");

    let excepted = assert_resists(&issuer, app(), orders).token(good);
    let excepted = excepted.except(["aud_missing", "alg_none", "alg_nun"], "the issuer names no audience");
    let report = excepted.report().await;
    assert_eq!(of(&report, "aud_missing"), Outcome::Excepted("the issuer names no audience"));
    let faults = report.faults().join("\n");
    assert!(faults.contains("alg_none is excepted, and was answered right: take it out"), "{faults}");
    assert!(faults.contains("alg_nun is excepted, and there is no such attack"), "{faults}");
}

#[tokio::test]
#[should_panic(expected = "tests/resist/demands.rs")]
async fn the_panic_says_where_the_trial_was_asked_for() {
    let open = Router::new().route("/orders", get(|| async { "everybody" }));
    assert_resists(&TestIssuer::new(), open, orders).await;
}

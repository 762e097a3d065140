//! `testing::attacks`: our own applications resist, and what is broken falls to the attack that is named for it.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
mod demands;
// On the pure Rust back-end, which is slow without optimisation, each defect is held against the attack named for it alone.
#[cfg(feature = "aws-lc-rs")]
mod document;
mod judge;
#[cfg(feature = "aws-lc-rs")]
mod matrix;
mod mutants;
#[cfg(feature = "aws-lc-rs")]
mod ours;
mod routes;

use axum::{Router, body::Body, http::Request, routing::get};
use tower_bearer::{
    AuthenticateLayer, Claims, Issuer, Verifier,
    keys::{Algorithm, KeySet},
    policy::scope,
    require,
    testing::{
        AUDIENCE, TestIssuer,
        attacks::{Outcome, assert_resists},
    },
};

async fn ok(claims: Claims) -> String {
    format!("{:?}", claims.subject())
}

pub(crate) fn app(verifier: Verifier) -> Router {
    Router::new()
        .route("/orders", get(ok).route_layer(require(scope("orders:read"))))
        .layer(AuthenticateLayer::new(verifier))
}

pub(crate) fn orders() -> Request<Body> {
    Request::get("/orders").body(Body::empty()).unwrap()
}

/// An issuer with one algorithm, and an application that takes nothing else.
fn only(algorithm: Algorithm) -> (TestIssuer, Router) {
    let issuer = TestIssuer::new();
    issuer.sign_with(algorithm);
    let app = app(issuer.verifier().algorithms([algorithm]).build().unwrap());
    (issuer, app)
}

#[tokio::test]
async fn an_application_of_rs256_resists() {
    let (issuer, app) = only(Algorithm::RS256);
    assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).await;
}

#[tokio::test]
async fn an_application_of_es256_resists() {
    let (issuer, app) = only(Algorithm::ES256);
    assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).await;
}

#[tokio::test]
async fn an_application_of_eddsa_resists() {
    let (issuer, app) = only(Algorithm::EdDSA);
    assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).await;
}

#[tokio::test]
async fn an_application_of_every_algorithm_resists_and_passes_a_good_token_of_each() {
    let issuer = TestIssuer::new();
    let app = app(issuer.verifier().build().unwrap());
    let report =
        assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).report().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.algorithms(), Algorithm::ASYMMETRIC);
}

/// A secret is not fetched: those attacks are skipped, and counted.
#[tokio::test]
async fn an_application_of_a_secret_resists_what_it_can_be_tried_with() {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::HS256);
    let app = || {
        let builder = Verifier::builder().issuer(issuer.hmac_issuer(Algorithm::HS256));
        app(builder.audience(AUDIENCE).clock(issuer.clock()).build().unwrap())
    };
    let good = |token: tower_bearer::testing::TestToken| token.scope("orders:read");
    let report = assert_resists(&issuer, app(), orders).token(good).report().await;
    let skipped = report.skipped();
    assert!(skipped.contains(&"key_withdrawn") && !skipped.contains(&"seen_and_then_expired"), "{skipped:?}");
    assert!(!report.is_clean(), "what was skipped is nothing that was resisted");
    assert_resists(&issuer, app(), orders).token(good).allow_skips(skipped.len()).await;
    let fewer = assert_resists(&issuer, app(), orders).token(good).allow_skips(skipped.len() - 1);
    assert!(!fewer.report().await.is_clean());
}

#[tokio::test]
async fn an_application_of_fixed_keys_is_tried_with_everything_but_its_endpoint() {
    let issuer = TestIssuer::new();
    let keys = KeySet::from_json(issuer.jwks().to_string()).unwrap();
    let trusted = Issuer::keys(issuer.identifier(), keys).unwrap();
    let verifier =
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
    let report = assert_resists(&issuer, app(verifier), orders)
        .token(|token| token.scope("orders:read"))
        .report()
        .await;
    let skipped = report.skipped().len();
    assert!(skipped > 20 && report.outcomes().len() - skipped > 150, "{report}");
    assert_eq!(report.got_in(), Vec::<&str>::new());
}

/// Without a policy there are no scopes to be had by trickery; that is no skip.
#[tokio::test]
async fn a_route_that_asks_for_no_scope_is_not_tried_for_one() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let app = Router::new().route("/orders", get(ok)).layer(layer);
    let report = assert_resists(&issuer, app, orders).report().await;
    assert!(report.is_clean(), "{report}");
    let of =
        |name: &str| report.outcomes().iter().find(|(attack, _)| attack.name() == name).unwrap().1.clone();
    assert_eq!(of("scope_joined_by_tabs"), Outcome::Inapplicable);
}

#[tokio::test]
async fn an_application_that_was_in_use_before_resists_and_its_issuer_is_as_it_was() {
    let (issuer, app) = only(Algorithm::ES256);
    let kid = issuer.rotate();
    let good = || issuer.token().scope("orders:read").sign();
    let ask = |token: String| {
        let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
        tower::ServiceExt::oneshot(app.clone(), request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask(good()).await.unwrap().status(), 200);
    let before = issuer.jwks();
    assert_resists(&issuer, app.clone(), orders).token(|token| token.scope("orders:read")).await;
    assert_eq!(issuer.jwks(), before);
    assert_eq!(issuer.jwks()["keys"][0]["kid"], kid.as_str());
    assert_eq!(ask(good()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_trial_that_cannot_prove_anything_says_why() {
    let issuer = TestIssuer::new();
    let report = assert_resists(&issuer, app(issuer.verifier().build().unwrap()), orders).report().await;
    assert!(!report.is_clean() && report.outcomes().is_empty());
    assert!(report.faults()[0].contains("a good ES256 token is answered 403"), "{report}");

    let open = Router::new().route("/orders", get(|| async { "everybody" }));
    let report = assert_resists(&issuer, open, orders).report().await;
    assert!(report.faults()[0].contains("lets everybody in"), "{report}");
}

/// On a clock that runs, nobody can tell whether it is the application's.
#[tokio::test]
async fn a_clock_that_runs_has_to_be_named() {
    let issuer = TestIssuer::serve().await.unwrap();
    let over_the_wire = || {
        let trusted = Issuer::discover(issuer.identifier()).unwrap();
        app(Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap())
    };
    let good = |token: tower_bearer::testing::TestToken| token.scope("orders:read");
    let report = assert_resists(&issuer, over_the_wire(), orders).token(good).report().await;
    assert!(report.skipped().contains(&"seen_and_then_expired"), "{report}");
    assert_eq!(report.got_in(), Vec::<&str>::new());
    assert_resists(&issuer, over_the_wire(), orders).token(good).clock(&issuer.clock()).await;
}

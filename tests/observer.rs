//! The records of `audit`: one for each decision, whoever makes it, and nobody's secrets.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, routing::get};
use http::{Request, header::AUTHORIZATION};
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims,
    audit::{DecisionRecord, Observer, Outcome, Stage},
    guard::{GuardedRouter, guarded, named},
    policy::{acr, deny, optional, public, role, scope},
    require,
    testing::TestIssuer,
};

/// What was told, a line for each record, with the subject before it.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<String>>>);

impl Observer for Book {
    fn decided(&self, record: &DecisionRecord<'_>) {
        let who = record.principal().and_then(|caller| caller.subject()).unwrap_or("-");
        self.0.lock().unwrap().push(format!("{who} {record}"));
    }
}

impl Book {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn ok() -> &'static str {
    "ok"
}

async fn for_managers(claims: Claims) -> Result<&'static str, AuthError> {
    claims.require(role("manager"))?;
    Ok("ok")
}

fn routes() -> Router {
    Router::new()
        .route("/", get(ok))
        .route("/read", get(ok).route_layer(require(scope("orders:read"))))
        .route("/nobody", get(ok).route_layer(require(deny())))
        .route("/managers", get(for_managers))
        .route("/map", get(|_: Claims<Vec<u8>>| ok()))
}

async fn ask(app: &Router, path: &str, token: Option<&str>) -> u16 {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_refusal_is_told_once_wherever_it_is_made() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let verifier = issuer.verifier().build().unwrap();
    verifier.warm_up().await;
    let app = routes().layer(AuthenticateLayer::new(verifier).observer(book.clone()));
    let alice = issuer.token().subject("alice").sign();
    let expired = issuer.token().subject("alice").expired().sign();
    for (path, token, status, told) in [
        ("/read", None, 401, &["- authenticate: refused (missing_token)"][..]),
        ("/read", Some("a b"), 400, &["- authenticate: refused (illegal_characters)"]),
        ("/read", Some(&*expired), 401, &["- authenticate: refused (exp_past)"]),
        (
            "/read",
            Some(&*alice),
            403,
            &[
                "alice authenticate: admitted",
                "alice authorize: denied (policy_not_met) by scope(orders:read)",
            ],
        ),
        (
            "/managers",
            Some(&*alice),
            403,
            &["alice authenticate: admitted", "- handler: refused (policy_not_met)"],
        ),
        (
            "/map",
            Some(&*alice),
            500,
            &["alice authenticate: admitted", "- handler: refused (claims_type_differs)"],
        ),
    ] {
        assert_eq!(ask(&app, path, token).await, status, "{path}");
        assert_eq!(book.take(), told, "{path}");
    }
}

#[tokio::test]
async fn a_token_that_waited_for_keys_is_told_when_it_is_judged() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let verifier = issuer.verifier().build().unwrap();
    let app = routes().layer(AuthenticateLayer::new(verifier).observer(book.clone()));
    issuer.fail();
    let token = issuer.token().subject("alice").scope("orders:read").sign();
    assert_eq!(ask(&app, "/read", Some(&token)).await, 503);
    assert_eq!(book.take(), ["- authenticate: refused (keys_unavailable)"]);
    issuer.recover();
    issuer.clock().advance(Duration::from_secs(120));
    assert_eq!(ask(&app, "/read", Some(&token)).await, 200);
    let passed = ["alice authenticate: admitted", "alice authorize: permitted by scope(orders:read)"];
    assert_eq!(book.take(), passed);
    // And again, out of the memory.
    assert_eq!(ask(&app, "/read", Some(&token)).await, 200);
    assert_eq!(book.take(), passed);
}

#[tokio::test]
async fn an_anonymous_request_and_its_denial_are_two_decisions() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let app = routes().layer(layer.optional().observer(book.clone()));
    assert_eq!(ask(&app, "/", None).await, 200);
    assert_eq!(book.take(), ["- authenticate: anonymous"]);
    assert_eq!(ask(&app, "/read", None).await, 401);
    assert_eq!(
        book.take(),
        ["- authenticate: anonymous", "- authorize: denied (policy_needs_token) by scope(orders:read)"]
    );
}

#[tokio::test]
async fn guarded_routes_are_observed_and_public_ones_decide_nothing() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap()).observer(book.clone());
    let app: Router = GuardedRouter::new()
        .route("/health", guarded::get(public("probes"), ok))
        .route("/prices", guarded::get(optional("members"), ok))
        .route("/read", guarded::get(scope("orders:read"), ok))
        .into_router(layer);
    assert_eq!(ask(&app, "/health", Some("whatever")).await, 200);
    assert_eq!(book.take(), [""; 0]);
    assert_eq!(ask(&app, "/prices", None).await, 200);
    assert_eq!(book.take(), ["- authenticate: anonymous", "- authorize: permitted by optional(members)"]);
    let token = issuer.token().subject("alice").sign();
    assert_eq!(ask(&app, "/read", Some(&token)).await, 403);
    assert_eq!(
        book.take(),
        ["alice authenticate: admitted", "alice authorize: denied (policy_not_met) by scope(orders:read)"]
    );
}

#[tokio::test]
async fn every_observer_is_told_and_a_renderer_set_later_forgets_none() {
    let issuer = TestIssuer::new();
    let (first, second) = (Book::default(), Book::default());
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap())
        .observer(first.clone())
        .observer(second.clone())
        .render(tower_bearer::challenge::ProblemJson);
    let app = routes().layer(layer);
    ask(&app, "/", None).await;
    assert_eq!(first.take(), ["- authenticate: refused (missing_token)"]);
    assert_eq!(second.take(), ["- authenticate: refused (missing_token)"]);
}

#[tokio::test]
async fn an_inner_layer_without_an_observer_speaks_for_itself() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let verifier = issuer.verifier().build().unwrap();
    let app = routes()
        .layer(AuthenticateLayer::new(verifier.clone()))
        .layer(AuthenticateLayer::new(verifier).observer(book.clone()));
    let token = issuer.token().subject("alice").scope("orders:read").sign();
    assert_eq!(ask(&app, "/read", Some(&token)).await, 200);
    assert_eq!(book.take(), ["alice authenticate: admitted"], "the policy is behind the inner layer");
}

#[tokio::test]
async fn nor_does_anybody_hear_of_a_name_without_a_policy_behind_a_layer_that_is_not_observed() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let layer = || AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let app = GuardedRouter::new()
        .route("/named", guarded::get(named("nobody"), ok))
        .into_router(layer())
        .layer(layer().observer(book.clone()));
    let alice = issuer.token().subject("alice").sign();
    assert_eq!(ask(&app, "/named", Some(&alice)).await, 500);
    assert_eq!(book.take(), ["alice authenticate: admitted"]);
}

#[tokio::test]
async fn a_panic_in_an_observer_admits_nobody() {
    let issuer = TestIssuer::new();
    let ran = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&ran);
    let app: Router = Router::new()
        .route(
            "/",
            get(move || async move { handler.store(true, Ordering::Relaxed) })
                .route_layer(require(scope("orders:read"))),
        )
        .layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()).observer(
            |record: &DecisionRecord<'_>| {
                assert_ne!(record.outcome(), Outcome::Permitted, "the book is full")
            },
        ));
    let token = issuer.token().scope("orders:read").sign();
    let asked = AssertUnwindSafe(ask(&app, "/", Some(&token)));
    assert!(futures_util::FutureExt::catch_unwind(asked).await.is_err(), "it propagates");
    assert!(!ran.load(Ordering::Relaxed), "the handler was not called");
    // And the next one is served as ever.
    assert_eq!(ask(&app, "/", None).await, 401);
}

#[tokio::test]
async fn a_record_says_all_that_was_decided_and_its_debug_shows_no_value() {
    #[derive(Clone, PartialEq, Debug)]
    struct RequestId(u32);
    let issuer = TestIssuer::new();
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let identifier = issuer.identifier().to_owned();
    let observer = move |record: &DecisionRecord<'_>| {
        *count.lock().unwrap() += 1;
        assert_eq!(record.request_extensions().unwrap().get(), Some(&RequestId(7)));
        assert_eq!(record.issuer(), Some(&*identifier));
        assert!(!format!("{record:?} {record:#?} {record}").contains("alice"), "{record:?}");
        if record.stage() == Stage::Authenticate {
            assert_eq!((record.outcome(), record.is_allow()), (Outcome::Admitted, true));
            assert!(record.error().is_none() && record.status().is_none() && record.policy().is_none());
        } else {
            assert_eq!((record.outcome(), record.is_allow()), (Outcome::Denied, false));
            assert_eq!(record.status().unwrap(), 403);
            assert_eq!(record.reason().unwrap().id(), "policy_not_met");
            assert_eq!(record.policy(), Some(&scope("orders:read")));
            assert!(record.error().unwrap().scopes().eq(["orders:read"]));
        }
    };
    let app = routes().layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()).observer(observer));
    let token = issuer.token().subject("alice").sign();
    let request = Request::get("/read").header(AUTHORIZATION, format!("Bearer {token}"));
    let request = request.extension(RequestId(7)).body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 403);
    assert_eq!(*seen.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_name_without_a_policy_and_a_weak_login_are_told_as_what_they_are() {
    let issuer = TestIssuer::new();
    let book = Book::default();
    let app = GuardedRouter::new()
        .route("/named", guarded::get(named("nobody"), ok))
        .route("/transfer", guarded::get(acr("gold"), ok))
        .into_router(AuthenticateLayer::new(issuer.verifier().build().unwrap()).observer(book.clone()));
    let alice = issuer.token().subject("alice").sign();
    for (path, status, told) in [
        ("/named", 500, "- authorize: refused (policy_missing)"),
        ("/transfer", 401, "alice authorize: denied (step_up_needed) by acr(gold)"),
    ] {
        assert_eq!(ask(&app, path, Some(&alice)).await, status);
        assert_eq!(book.take(), ["alice authenticate: admitted", told], "{path}");
    }
}

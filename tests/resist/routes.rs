//! Every route by the table, and what it has to find.

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};
use tower::service_fn;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    guard::{GuardedRouter, guarded},
    policy::{Policy, absent, acr, any_acr, authenticated, check, max_age, optional, public, role, scope},
    testing::{
        TestIssuer, TestToken,
        attacks::{Rights, assert_guarded},
    },
};

async fn ok() {}

fn routes() -> GuardedRouter {
    let step_up = acr("gold") & max_age(Duration::from_secs(300));
    GuardedRouter::new()
        .route("/health", guarded::get(public("probes"), ok))
        .route("/prices", guarded::get(optional("members see theirs"), ok))
        .route("/me", guarded::get(authenticated(), ok))
        .route(
            "/orders/{id}",
            guarded::get(scope("a") & (role("clerk") | scope("b")), ok).post(scope("w") & role("r"), ok),
        )
        .route("/transfer", guarded::post(step_up, ok))
}

fn empty() -> Request<Body> {
    Request::new(Body::empty())
}

fn behind(issuer: &TestIssuer, routes: GuardedRouter) -> Router {
    routes.into_router(AuthenticateLayer::new(issuer.verifier().build().unwrap()))
}

#[tokio::test]
async fn every_route_refuses_who_lacks_a_term_and_admits_who_lacks_none() {
    let issuer = TestIssuer::new();
    let table = routes().table();
    assert_guarded(&issuer, &table, behind(&issuer, routes()), empty).await;
    let report = assert_guarded(&issuer, &table, behind(&issuer, routes()), empty).report().await;
    // Expired and forged, without rights: 5 each, and with them once for each of the 5 ways; none: 4; an old login: 1; a term less: two for
    // each of the two ways to GET orders, two at its POST, two at transfer.
    assert_eq!((report.tried(), report.skipped().len()), (2 * 5 + 2 * 5 + 4 + 1 + 8, 0), "{report}");
}

#[tokio::test]
async fn a_router_that_guards_less_than_its_table_says_is_found() {
    let issuer = TestIssuer::new();
    let less = GuardedRouter::new()
        .route("/orders/{id}", guarded::get(scope("a"), ok).post(public("by mistake"), ok))
        .route("/me", guarded::get(public("by mistake"), ok));
    let report = assert_guarded(&issuer, &routes().table(), behind(&issuer, less), empty).report().await;
    let says = |what: &str| report.faults().iter().any(|fault| fault.starts_with(what));
    assert!(says("GET /me: no token is answered 200"), "{report}");
    assert!(says("GET /orders/{id}: scope(a) & role(clerk) without role(clerk) is answered 200"), "{report}");
    assert!(says("GET /orders/{id}: scope(a) & scope(b) without scope(b) is answered 200"), "{report}");
    assert!(says("POST /orders/{id}: scope(w) & role(r) without role(r) is answered 200"), "{report}");
}

/// A token that is false and permits nothing is refused for what it may not: that says nothing of time and signature.
#[tokio::test]
async fn a_router_that_looks_at_rights_alone_is_found() {
    let issuer = TestIssuer::new();
    let with = || -> GuardedRouter { GuardedRouter::new().route("/a", guarded::get(scope("a"), ok)) };
    let unverified = service_fn(async |request: Request<Body>| {
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let payload = token.and_then(|token| URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok());
        let claims: Option<Value> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
        let status = match claims {
            Some(claims) if claims["scope"] == "a" => 200,
            Some(_) => 403,
            None => 401,
        };
        Ok::<_, Infallible>(Response::builder().status(status).body(()).unwrap())
    });
    let report = assert_guarded(&issuer, &with().table(), unverified, empty).report().await;
    let wanted = ["an expired token with scope(a)", "a forged token with scope(a)"];
    assert_eq!(report.faults(), wanted.map(|what| format!("GET /a: {what} is answered 200")), "{report}");
}

#[tokio::test]
async fn a_claim_that_must_be_absent_and_a_login_that_is_old_are_tried() {
    let issuer = TestIssuer::new();
    let with =
        |policy: Policy| -> GuardedRouter { GuardedRouter::new().route("/a", guarded::get(policy, ok)) };
    let asks = || authenticated() & scope("a") & absent("act") & max_age(Duration::from_secs(300));
    let sound = assert_guarded(&issuer, &with(asks()).table(), behind(&issuer, with(asks())), empty);
    sound.await;
    for (guard, fault) in [
        (scope("a") & max_age(Duration::from_secs(300)), "against absent(act)"),
        (scope("a") & absent("act") & max_age(Duration::from_secs(86_400)), "against max_age(300)"),
    ] {
        let app = behind(&issuer, with(guard));
        let report = assert_guarded(&issuer, &with(asks()).table(), app, empty).report().await;
        assert_eq!(report.faults().len(), 1, "{report}");
        assert!(report.faults()[0].ends_with(&format!("{fault} is answered 200")), "{report}");
    }
}

/// A guard that forgot one of several ways, or one that asks for less in one of them, is found as well.
#[tokio::test]
async fn each_way_to_meet_a_policy_is_tried() {
    let issuer = TestIssuer::new();
    let with = |policy: Policy| GuardedRouter::new().route("/a", guarded::get(policy, ok));
    let table = with(scope("a") & (scope("b") | role("r") | any_acr(["gold", "silver"]))).table();
    for (guard, fault) in [
        (scope("a") & (scope("b") | any_acr(["gold", "silver"])), "scope(a) & role(r) is answered 401"),
        (scope("a") & (scope("b") | role("r") | acr("gold")), "scope(a) & acr(silver) is answered 401"),
        (
            (scope("a") & (scope("b") | any_acr(["gold", "silver"]))) | role("r"),
            "scope(a) & role(r) without scope(a) is answered 200",
        ),
    ] {
        let report = assert_guarded(&issuer, &table, behind(&issuer, with(guard)), empty).report().await;
        assert_eq!(report.faults().len(), 1, "{report}");
        assert!(report.faults()[0].starts_with(&format!("GET /a: {fault}")), "{report}");
    }
    let sound = with(scope("a") & (scope("b") | role("r") | any_acr(["gold", "silver"])));
    assert_guarded(&issuer, &table, behind(&issuer, sound), empty).await;
}

/// 2 to the power of 9 ways.
#[tokio::test]
async fn a_policy_of_too_many_ways_is_skipped_and_named() {
    let issuer = TestIssuer::new();
    let pair = |number: u32| scope(format!("a{number}")) | scope(format!("b{number}"));
    let policy = (0..9).map(pair).reduce(|all, pair| all & pair).unwrap();
    let many = || GuardedRouter::new().route("/many", guarded::get(policy.clone(), ok));
    let report = assert_guarded(&issuer, &many().table(), behind(&issuer, many()), empty).report().await;
    assert!(report.skipped()[0].contains("has more than 256 ways"), "{report}");
}

#[tokio::test]
async fn what_no_token_can_be_made_for_is_skipped_and_named() {
    let issuer = TestIssuer::new();
    let late =
        || GuardedRouter::new().route("/late", guarded::get(check("late", |_| Some(true)) & scope("a"), ok));
    let report = assert_guarded(&issuer, &late().table(), behind(&issuer, late()), empty).report().await;
    assert_eq!(report.skipped().len(), 1, "{report}");
    assert!(report.skipped()[0].starts_with("GET /late: "), "{report}");
}

/// Roles stand where Keycloak has them; without a word of that, the good token is refused and the report says where to look.
#[tokio::test]
async fn rights_are_written_where_the_issuers_mapping_reads_them() {
    let kc = TestIssuer::named("https://id.example.com/realms/acme");
    let routes = || GuardedRouter::new().route("/a", guarded::get(scope("a") & role("clerk"), ok));
    let realm = Issuer::keycloak("https://id.example.com", "acme").unwrap().fetch(kc.transport());
    let verifier =
        Verifier::builder().issuer(realm).audience("orders-api").clock(kc.clock()).build().unwrap();
    let app = routes().into_router(AuthenticateLayer::new(verifier));
    let good = |token: TestToken| token.audience("orders-api").claim("typ", "Bearer");

    let report = assert_guarded(&kc, &routes().table(), app.clone(), empty).token(good).report().await;
    assert_eq!(report.faults().len(), 1, "{report}");
    assert!(report.faults()[0].contains("`.rights(…)`"), "{report}");

    let keycloak = |token: TestToken, rights: &Rights| {
        token.scope(&rights.scopes.join(" ")).claim("realm_access", json!({"roles": rights.roles}))
    };
    assert_guarded(&kc, &routes().table(), app, empty).token(good).rights(keycloak).await;
}

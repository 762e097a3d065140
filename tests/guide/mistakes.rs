//! The guide's "mistakes that compile", made.

use axum::{
    Router,
    body::Body,
    extract::Request,
    handler::Handler,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response, Result},
    routing::get,
};
use serde::Deserialize;
use tower::ServiceExt;
use tower_bearer::{
    AuthenticateLayer, Claims,
    guard::{Allowed, GuardedRouter, guarded},
    policy::{Policy, Rule, absent, authenticated, group, optional, public, role, rule, scope},
    testing::TestIssuer,
};

#[derive(Deserialize)]
struct User {
    sub: String,
}

#[derive(Deserialize)]
struct WithAddress {
    #[allow(dead_code, reason = "only that it is demanded counts")]
    email: String,
}

struct CanRefund;

impl Rule for CanRefund {
    const NAME: &'static str = "can-refund";

    fn policy() -> Policy {
        scope("orders:write")
    }
}

async fn nobody() {}

async fn mine(caller: Claims<User>) -> String {
    caller.sub.clone()
}

async fn perhaps(_: Option<Claims<User>>) {}

async fn of_another_type(_: Claims) {}

async fn refund(_: Allowed<CanRefund>) {}

async fn without_challenge(caller: Claims<User>) -> Result<(), StatusCode> {
    caller.require(role("clerk")).map_err(|_| StatusCode::FORBIDDEN)
}

async fn with_challenge(caller: Claims<User>) -> Result<()> {
    Ok(caller.require(role("clerk"))?)
}

async fn wants_claims(_: Claims<User>, request: Request, next: Next) -> Response {
    next.run(request).await
}

/// The answer to a caller with a good token, or to nobody.
async fn answer(app: Router, issuer: &TestIssuer, has_token: bool) -> Response {
    let mut request = Request::get("/");
    if has_token {
        let token = issuer.token().scope("orders:read orders:write").sign();
        request = request.header("authorization", format!("Bearer {token}"));
    }
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_response()
}

fn serve(routes: GuardedRouter, issuer: &TestIssuer) -> Router {
    routes.into_router(AuthenticateLayer::new(issuer.verifier().claims::<User>().build().unwrap()))
}

#[tokio::test]
async fn each_mistake_is_answered_as_the_guide_says_and_so_is_its_cure() {
    let issuer = TestIssuer::new();
    let at_root = |methods| GuardedRouter::new().route("/", methods);
    for (name, routes, has_token, status) in [
        ("claims on a public route", at_root(guarded::get(public("x"), mine)), true, 500),
        ("its cure", at_root(guarded::get(optional("x"), perhaps)), true, 200),
        ("claims without Option on an optional one", at_root(guarded::get(optional("x"), mine)), false, 401),
        ("its cure", at_root(guarded::get(optional("x"), perhaps)), false, 200),
        ("claims of another type", at_root(guarded::get(authenticated(), of_another_type)), true, 500),
        ("Allowed without its rule", at_root(guarded::get(scope("orders:write"), refund)), true, 500),
        ("its cure", at_root(guarded::get(rule::<CanRefund>(), refund)), true, 200),
        ("public beside another", at_root(guarded::get(public("x") | scope("a"), nobody)), false, 200),
        ("not in a group", at_root(guarded::get(!group("guest"), nobody)), true, 403),
        ("its cure", at_root(guarded::get(absent("groups") | !group("guest"), nobody)), true, 200),
        (
            "a layer that wants claims, around the guard",
            at_root(guarded::get(authenticated(), mine)).layer(from_fn(wants_claims)),
            true,
            500,
        ),
        ("its cure", at_root(guarded::get(authenticated(), mine.layer(from_fn(wants_claims)))), true, 200),
    ] {
        let response = answer(serve(routes, &issuer), &issuer, has_token).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
    }
}

#[tokio::test]
async fn a_route_behind_into_router_is_open_and_in_no_table() {
    let issuer = TestIssuer::new();
    let routes = GuardedRouter::new().route("/orders", guarded::get(authenticated(), mine));
    assert_eq!(routes.table().rows().len(), 1);
    let app = serve(routes, &issuer).route("/", get(nobody));
    assert_eq!(answer(app, &issuer, false).await.status(), 200);
}

#[tokio::test]
async fn a_demand_that_a_token_does_not_meet_is_a_401() {
    let issuer = TestIssuer::new();
    let routes = GuardedRouter::new().route("/", guarded::get(authenticated(), nobody));
    let verifier = issuer.verifier().claims::<WithAddress>().build().unwrap();
    let app = routes.into_router(AuthenticateLayer::new(verifier));
    assert_eq!(answer(app, &issuer, true).await.status(), 401);
}

#[tokio::test]
async fn a_refusal_made_into_a_status_loses_its_challenge() {
    let issuer = TestIssuer::new();
    for (name, methods, has_challenge) in [
        ("the mistake", guarded::get(authenticated(), without_challenge), false),
        ("its cure", guarded::get(authenticated(), with_challenge), true),
    ] {
        let app = serve(GuardedRouter::new().route("/", methods), &issuer);
        let response = answer(app, &issuer, true).await;
        assert_eq!(response.status(), 403, "{name}");
        assert_eq!(response.headers().contains_key("www-authenticate"), has_challenge, "{name}");
    }
}

#[test]
fn check_finds_those_that_it_can() {
    for (name, methods) in [
        ("Allowed without its rule", guarded::get(authenticated(), refund)),
        ("public beside another", guarded::get(public("x") | scope("a"), nobody)),
    ] {
        let routes: GuardedRouter = GuardedRouter::new().route("/", methods);
        assert!(routes.table().check().is_err(), "{name}");
    }
}

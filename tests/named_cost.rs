//! What a policy by name costs a request: not one allocation more than a policy in the code. In a program of its own,
//! because another test's thread would be counted.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, extract::Request};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer,
    guard::{Guard, GuardedRouter, guarded, named},
    policy::{Checks, Policies, scope},
    require,
    testing::TestIssuer,
};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

async fn ok() {}

/// Allocations of one request, once everything is loaded and remembered.
async fn allocations(app: &Router, token: &str, status: u16) -> usize {
    let mut counted = 0;
    for _ in 0..4 {
        let request = Request::get("/a").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        let app = app.clone();
        let region = Region::new(HEAP);
        let response = app.oneshot(request).await.unwrap();
        counted = region.change().allocations;
        assert_eq!(response.status().as_u16(), status);
    }
    counted
}

#[tokio::test]
async fn neither_a_name_nor_a_report_that_is_met_costs_an_allocation() {
    let issuer = TestIssuer::new();
    let layer = || AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let routes = |guard: Guard| GuardedRouter::new().route("/a", guarded::get(guard, ok));
    let policies = Policies::from_iter([("a", "scope(a)")]);
    let (by_name, _) = routes(named("a")).with_policies(&policies, Checks::new()).unwrap();
    let fixed = routes(scope("a").into()).into_router(layer());
    let by_name = by_name.into_router(layer());
    let reporting = routes(require(scope("a")).reporting(scope("b")).into()).into_router(layer());
    for (name, token, status) in [
        ("let through", issuer.token().scope("a b").sign(), 200),
        ("refused", issuer.token().scope("c").sign(), 403),
    ] {
        let expected = allocations(&fixed, &token, status).await;
        assert_eq!(allocations(&by_name, &token, status).await, expected, "by name, {name}");
        assert_eq!(allocations(&reporting, &token, status).await, expected, "reporting, {name}");
    }
}

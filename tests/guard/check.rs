//! `table().check()` finds the rows that cannot be meant, all at once.

use tower_bearer::{
    guard::{GuardedMethodRouter, GuardedRouter, guarded},
    policy::{Checks, Policy, authenticated, check, deny, optional, public, role, scope},
};

async fn nothing() {}

fn get(policy: Policy) -> GuardedMethodRouter {
    guarded::get(policy, nothing)
}

fn faults(routes: &GuardedRouter) -> Vec<String> {
    match routes.table().check() {
        Ok(()) => Vec::new(),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn everything_wrong_is_told_at_once_under_method_and_path() {
    let unbound: Policy = "scope(a) & check(office-hours) | !check(vip)".parse().unwrap();
    let routes = GuardedRouter::new()
        .route("/a", get(unbound).post(deny() & scope("a"), nothing))
        .nest("/b", GuardedRouter::new().route("/c", get(public("open") | scope("a"))))
        .route("/d", get(scope("a") & (role("b") | deny())))
        .route("/e", guarded::any(!authenticated(), nothing))
        .fallback(!deny(), nothing);
    let error = routes.table().check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
the configuration cannot work
  FALLBACK /*: `!deny` lets everybody through, but not with a bad token: say `public` or `optional` alone, with the reason
  GET /a: check(office-hours) has no function: give it by `Checks::with`
  GET /a: check(vip) has no function: give it by `Checks::with`
  POST /a: nobody can ever meet `deny & scope(a)`: say `deny` where that is meant
  GET /b/c: `public(open) | scope(a)` lets everybody through, but not with a bad token: say `public` or `optional` alone, with the reason
  GET /d: `deny` in `scope(a) & (role(b) | deny)` says the same to everybody: leave it out, or what stands beside it
  ANY /e: nobody can ever meet `!authenticated`: say `deny` where that is meant"
    );
    assert_eq!(error.faults()[1].setting(), "GET /a");
}

#[test]
fn what_can_be_meant_is_no_fault() {
    let bound: Policy = "check(vip)".parse().unwrap();
    let bound = bound.bind(&Checks::new().with("vip", |_| true)).unwrap();
    let routes = GuardedRouter::new()
        .route("/a", get(public("p")).post(optional("o"), nothing).put(deny(), nothing))
        .route("/b", get(authenticated()).post(bound, nothing).put(check("own", |_| true), nothing))
        .route("/c", get(scope("a")).post(scope("a"), nothing).put(scope("a") | !role("guest"), nothing))
        .route("/d", guarded::any(scope("a"), nothing).get(scope("a"), nothing))
        .method_not_allowed_fallback(public("p"), nothing)
        .fallback(deny(), nothing);
    assert_eq!(faults(&routes), [""; 0]);
    assert_eq!(faults(&GuardedRouter::new()), [""; 0]);
}

#[test]
fn a_fallback_for_methods_that_no_path_needs_is_found() {
    let none = GuardedRouter::new()
        .route("/any", guarded::any(scope("a"), nothing).get(scope("a"), nothing))
        .method_not_allowed_fallback(scope("a"), nothing);
    let routes = GuardedRouter::new().route("/x", get(scope("a"))).nest("/xx", none.clone());
    assert_eq!(faults(&routes), ["405 /xx/*: no route below leaves a method over, so it is never asked"]);
    let needed = none.route("/y", get(scope("a")));
    assert_eq!(faults(&GuardedRouter::new().nest("/xx", needed)), [""; 0]);
}

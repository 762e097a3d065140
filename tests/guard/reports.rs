//! A policy that reports only changes no answer, whatever it says.

use crate::support::{Caller, ask, request, send};
use axum::{Router, routing};
use proptest::prelude::*;
use serde_json::json;
use tower_bearer::{
    guard::{GuardedRouter, guarded, named},
    policy::{Checks, Policy, authenticated, optional, public, scope},
    require,
};

async fn nothing() {}

fn faults(routes: &GuardedRouter) -> Vec<String> {
    match routes.table().check() {
        Ok(()) => Vec::new(),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_report_that_cannot_be_meant_is_found() {
    let unbound: Policy = "check(x)".parse().unwrap();
    let routes = GuardedRouter::new()
        .route("/a", guarded::get(require(scope("a")).reporting(unbound), nothing))
        .route("/b", guarded::get(require(public("p")).reporting(scope("b")), nothing))
        .route("/c", guarded::get(require(scope("c")).reporting(optional("o")), nothing))
        .route("/d", guarded::get(require(scope("d")).reporting(scope("d") & !authenticated()), nothing))
        .route("/e", guarded::get(require(optional("o")).reporting(scope("e")), nothing));
    assert_eq!(
        faults(&routes),
        [
            "GET /a: report only: check(x) has no function: give it by `Checks::with`",
            "GET /b: report only: nobody looks at the tokens of a public route: say `optional`",
            "GET /c: report only: `optional(o)` has nothing to report",
            "GET /d: report only: nobody can ever meet `scope(d) & !authenticated`: say `deny` where that is meant",
        ]
    );
    assert_eq!(routes.table().rows()[4].report_only(), Some(&scope("e")));
}

#[test]
fn a_second_report_takes_the_first_ones_place() {
    let layer = require(scope("a")).reporting(scope("b")).reporting(scope("c"));
    assert_eq!((layer.policy(), layer.report_only()), (&scope("a"), Some(&scope("c"))));
    assert_eq!(require(scope("a")).report_only(), None);
}

/// Every kind of policy, those with a check that panics included.
fn any_policy() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        Just("scope(a)"),
        Just("scope(b)"),
        Just("role(r)"),
        Just("absent(roles)"),
        Just("authenticated"),
        Just("public(p)"),
        Just("optional(o)"),
        Just("deny"),
        Just("check(yes)"),
        Just("check(unbound)"),
    ];
    term.prop_map(str::to_owned).prop_recursive(3, 12, 3, |part| {
        prop_oneof![
            (part.clone(), part.clone()).prop_map(|(a, b)| format!("({a}) & ({b})")),
            (part.clone(), part.clone()).prop_map(|(a, b)| format!("({a}) | ({b})")),
            part.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn policy(text: &str) -> Policy {
    let checks = Checks::new()
        .with("yes", |_| true)
        .with("panics", |_| -> bool { panic!("a check of the application's") })
        .with("unbound", |_| None::<bool>);
    text.parse::<Policy>().unwrap().bind(&checks).unwrap()
}

proptest! {
    #[test]
    fn every_answer_is_the_same_with_a_report_and_without(
        enforced in any_policy(),
        tighter in any_policy(),
        panics in any::<bool>(),
        who in 0usize..5,
    ) {
        let tighter = if panics { format!("check(panics) & ({tighter})") } else { tighter };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let caller = Caller::new();
        let app = |layer| {
            let methods = routing::get(|| async { "in" }).route_layer(layer);
            Router::new().route("/a", methods).layer(caller.layer().optional())
        };
        let token = caller.issuer().token();
        let credentials = match who {
            0 => None,
            1 => Some(token.scope("a").sign()),
            2 => Some(token.scope("a b").claim("roles", ["r"]).sign()),
            3 => Some(token.scope("c").claim("roles", ["x"]).sign()),
            _ => Some(token.sign()),
        };
        let credentials = credentials.map(|token| format!("Bearer {token}"));
        let get = |app: &Router| {
            let answer = runtime.block_on(send(app, request("GET", "/a", credentials.as_deref())));
            (answer.status, answer.headers, answer.body)
        };
        let plain = app(require(policy(&enforced)));
        let reporting = app(require(policy(&enforced)).reporting(policy(&tighter)));
        let expected = get(&plain);
        prop_assert!([200, 401, 403].contains(&expected.0), "the test itself is wired wrong: {}", expected.0);
        prop_assert_eq!(get(&reporting), expected, "`{}` beside `{}`", tighter, enforced);
    }
}

#[tokio::test]
async fn a_named_policy_reports_and_a_reload_can_begin_and_end_that() {
    let caller = Caller::new();
    let routes = GuardedRouter::new().route("/a", guarded::get(named("a"), || async { "in" }));
    let with = |tighter: &str| json!({"a": {"policy": "scope(a)", "report_only": tighter}});
    let policies = serde_json::from_value(json!({"a": "scope(a)"})).unwrap();
    let (routes, live) = routes.with_policies(&policies, Checks::new()).unwrap();
    let app = caller.serve(routes.clone());
    for tighter in ["deny", "scope(a) & role(r)", "scope(x)"] {
        live.reload(&serde_json::from_value(with(tighter)).unwrap()).unwrap();
        assert_eq!(routes.table().rows()[0].report_only().unwrap().to_string(), tighter);
        for (credentials, status) in
            [(None, 401), (Some(caller.token("a")), 200), (Some(caller.token("x")), 403)]
        {
            let answer = ask(&app, "GET", "/a", credentials.as_deref()).await;
            assert_eq!(answer.status, status, "{tighter}");
            assert_eq!(answer.challenge().contains("scope=\"a\""), status != 200, "{tighter}");
        }
    }
    live.reload(&policies).unwrap();
    assert_eq!(routes.table().rows()[0].report_only(), None);
}

//! One policy value, and everything that follows from it, over the whole way: a signed token, a router, an answer. Held
//! against an evaluator that reads claims JSON and knows nothing of policies.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../src/policy/draws.rs"]
#[allow(dead_code, reason = "shared with the laws of the algebra")]
mod draws;
mod gain;
#[path = "../../src/policy/oracle.rs"]
mod oracle;

use axum::{Router, body::Body};
use draws::{ISSUER, NOW, RULES, caller, rule, text};
use http::{Request, Response, header::AUTHORIZATION, header::WWW_AUTHENTICATE};
use oracle::{Rule, behind, judge};
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer, Verifier,
    audit::DecisionRecord,
    clock::Clock as _,
    explain::Explanation,
    guard::{GuardedRouter, guarded, named},
    metadata::ProtectedResource,
    policy::{self, Checks, Policies, Policy, Truth, authenticated},
    require,
    testing::{AUDIENCE, TestIssuer},
};

struct First;
struct Second;

impl policy::Rule for First {
    const NAME: &'static str = RULES[0];

    fn policy() -> Policy {
        text(&behind(0)).parse().unwrap()
    }
}

impl policy::Rule for Second {
    const NAME: &'static str = RULES[1];

    fn policy() -> Policy {
        text(&behind(1)).parse().unwrap()
    }
}

fn checks() -> Checks {
    let checks = Checks::new().with("yes", |_| true).with("no", |_| false).with("unknown", |_| None);
    checks.with_rule::<First>().with_rule::<Second>()
}

fn policy(rule: &Rule) -> Policy {
    text(rule).parse::<Policy>().unwrap().bind(&checks()).unwrap()
}

/// Where tokens are signed and judged. It is [`NOW`].
struct World {
    runtime: Runtime,
    issuer: TestIssuer,
    verifier: Verifier,
}

impl World {
    fn new() -> Self {
        let issuer = TestIssuer::named(ISSUER);
        issuer.clock().advance(NOW - issuer.clock().wall());
        let verifier = issuer.verifier().leeway(Duration::from_secs(60)).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(verifier.warm_up());
        Self { runtime, issuer, verifier }
    }

    /// A token with these claims, and those that no token goes without.
    fn sign(&self, claims: &Value) -> String {
        self.issuer.token().sign_payload(whole(claims).to_string().as_bytes())
    }

    fn explain(&self, policy: &Policy, claims: &Value) -> Explanation {
        self.runtime.block_on(self.verifier.explain(&self.sign(claims), policy))
    }

    fn ask(&self, routes: GuardedRouter, claims: Option<&Value>) -> Answer {
        let records = Arc::<Mutex<Vec<_>>>::default();
        let told = Arc::clone(&records);
        let layer = AuthenticateLayer::new(self.verifier.clone())
            .observer(move |record: &DecisionRecord<'_>| told.lock().unwrap().push(record.is_allow()));
        let app: Router = routes.into_router(layer);
        let mut request = Request::get("/");
        if let Some(claims) = claims {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.sign(claims)));
        }
        let answer = self.runtime.block_on(app.oneshot(request.body(Body::empty()).unwrap())).unwrap();
        let told = records.lock().unwrap().clone();
        Answer::of(&answer, told)
    }
}

fn whole(claims: &Value) -> Value {
    let mut whole = claims.clone();
    whole["iss"] = ISSUER.into();
    whole["aud"] = AUDIENCE.into();
    whole["exp"] = (NOW.as_secs() + 60).into();
    whole
}

fn route(policy: impl Into<tower_bearer::guard::Guard>) -> GuardedRouter {
    GuardedRouter::new().route("/", guarded::get(policy, || async {}))
}

/// What a client and an observer see.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    scopes: Vec<String>,
    told: Vec<bool>,
}

impl Answer {
    fn of(answer: &Response<Body>, told: Vec<bool>) -> Self {
        let challenge = answer.headers().get(WWW_AUTHENTICATE).map_or("", |value| value.to_str().unwrap());
        let scope = challenge.split_once(" scope=\"").map_or("", |(_, rest)| rest.split('"').next().unwrap());
        let scopes = scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        Self { status: answer.status().as_u16(), scopes, told }
    }
}

/// The scopes that a rule asks for, none under a not; two of them are none.
fn scopes(rule: &Rule) -> BTreeSet<String> {
    match rule {
        Rule::Scope(one) => [one.clone()].into(),
        Rule::AnyScope(many) | Rule::AllScopes(many) => many.iter().cloned().collect(),
        Rule::And(a, b) | Rule::Or(a, b) => scopes(a).into_iter().chain(scopes(b)).collect(),
        Rule::Named(number) => scopes(&behind(*number)),
        Rule::Not(inner) => match &**inner {
            Rule::Not(doubly) => scopes(doubly),
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    }
}

fn enforcement_agrees(world: &World, policy: &Policy, rule: &Rule, claims: Option<&Value>) -> TestCaseResult {
    let judged = claims.map(whole);
    let allows = judge(rule, judged.as_ref()) == Some(true);
    let answer = world.ask(route(policy.clone()), claims);
    let expected = match (allows, claims) {
        (true, _) => &[200][..],
        (false, None) => &[401],
        // 401 where a login is what it takes.
        (false, Some(_)) => &[401, 403],
    };
    prop_assert!(expected.contains(&answer.status), "{} by {}", answer.status, policy);
    prop_assert!(answer.scopes.iter().all(|scope| scopes(rule).contains(scope)), "{:?}", answer.scopes);
    // Of an exactly public route nobody decides.
    prop_assert!(answer.told.last().is_none_or(|told| *told == allows), "{:?} by {}", answer.told, policy);

    // Beside a looser policy it only reports, and changes nothing.
    let loose = world.ask(route(authenticated()), claims);
    let reported = world.ask(route(require(authenticated()).reporting(policy.clone())), claims);
    prop_assert_eq!(reported, loose);

    // Read back from its text, and from a file.
    let read: Policy = serde_json::from_str(&serde_json::to_string(policy).unwrap()).unwrap();
    prop_assert_eq!(&world.ask(route(read.bind(&checks()).unwrap()), claims), &answer);
    let file: Policies = serde_json::from_value(json!({"p": policy})).unwrap();
    if let Ok((routes, _)) = route(named("p")).with_policies(&file, checks()) {
        prop_assert_eq!(&world.ask(routes, claims), &answer);
    }
    Ok(())
}

fn explanation_agrees(world: &World, policy: &Policy, rule: &Rule, claims: &Value) -> TestCaseResult {
    let expected = judge(rule, Some(&whole(claims)));
    let explanation = world.explain(policy, claims);
    prop_assert_eq!(explanation.policy().unwrap().truth(), Truth::from(expected), "{}", policy);
    prop_assert_eq!(explanation.is_allowed(), expected == Some(true));
    prop_assert_eq!(explanation.lacking().is_empty(), expected == Some(true));
    let status = world.ask(route(policy.clone()), Some(claims)).status;
    let explained = explanation.error().map_or(200, |error| error.status().as_u16());
    prop_assert_eq!(explained, status, "{}", policy);
    Ok(())
}

fn documents_agree(rules: &[Rule]) -> TestCaseResult {
    let paths = ["/", "/a", "/b"];
    let routes = rules.iter().zip(paths).fold(GuardedRouter::<()>::new(), |routes, (rule, path)| {
        routes.route(path, guarded::get(policy(rule), || async {}))
    });
    let expected: BTreeSet<String> = rules.iter().flat_map(scopes).collect();
    let metadata = ProtectedResource::new("https://api.example.com")
        .authorization_server(ISSUER)
        .policies(routes.table().policies())
        .build()
        .unwrap();
    let supported = &metadata.to_json()["scopes_supported"];
    let supported: BTreeSet<String> =
        supported.as_array().into_iter().flatten().map(|scope| scope.as_str().unwrap().to_owned()).collect();
    prop_assert_eq!(&supported, &expected);
    #[cfg(feature = "utoipa")]
    prop_assert_eq!(documented(&routes), expected);
    Ok(())
}

/// The scopes of all operations of the OpenAPI document.
#[cfg(feature = "utoipa")]
fn documented(routes: &GuardedRouter) -> BTreeSet<String> {
    let every = tower_bearer::openapi::Security::bearer().every_route();
    let document = every.write_into(utoipa::openapi::OpenApi::default(), &routes.table()).ok().unwrap();
    let document = serde_json::to_value(document).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let requirements = paths.flat_map(|path| path["get"]["security"].as_array().unwrap());
    let scopes = requirements.filter_map(|requirement| requirement.get("bearer")?.as_array()).flatten();
    scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect()
}

/// Cases are drawn by hand, so that one world serves them all. Returns how many there were.
fn for_many<S: Strategy>(cases: u32, draw: &S, mut holds: impl FnMut(S::Value) -> TestCaseResult) -> usize {
    let given = ProptestConfig::default();
    let cases = given.cases.max(cases);
    let config = ProptestConfig { cases, failure_persistence: None, ..given };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let holds = std::cell::RefCell::new(&mut holds);
    runner.run(draw, |value| (holds.borrow_mut())(value)).unwrap_or_else(|error| panic!("{error}"));
    cases as usize
}

#[test]
fn enforcement_text_file_and_report_say_what_the_plain_evaluator_says() {
    let (world, mut allowed) = (World::new(), 0);
    let cases = for_many(512, &(rule(), caller()), |(rule, claims)| {
        allowed += usize::from(judge(&rule, claims.as_ref()) == Some(true));
        enforcement_agrees(&world, &policy(&rule), &rule, claims.as_ref())
    });
    // One in seven, by the draws as they are; this far from it is no accident.
    assert!(
        (cases / 20..cases * 19 / 20).contains(&allowed),
        "{allowed} of {cases} are allowed: the draws prove little"
    );
}

#[test]
fn an_explanation_says_what_the_plain_evaluator_says_and_what_the_client_is_answered() {
    let world = World::new();
    for_many(256, &(rule(), caller()), |(rule, claims)| match claims {
        Some(claims) => explanation_agrees(&world, &policy(&rule), &rule, &claims),
        None => Ok(()),
    });
}

#[test]
fn the_documents_name_the_scopes_that_the_policies_ask_for_and_no_other() {
    for_many(256, &proptest::collection::vec(rule(), 0..4), |rules| documents_agree(&rules));
}

#[test]
fn a_token_that_gains_exactly_what_a_denial_lists_is_then_allowed() {
    let world = World::new();
    let mut gained_something = 0;
    for_many(256, &(gain::rule(), gain::claims()), |(rule, claims)| {
        let policy = policy(&rule);
        let explanation = world.explain(&policy, &claims);
        let gained =
            explanation.lacking().iter().fold(claims, |claims, term| gain::with(claims, &term.to_string()));
        gained_something += usize::from(!explanation.lacking().is_empty());
        prop_assert_eq!(judge(&rule, Some(&whole(&gained))), Some(true), "{} with {}", &policy, &gained);
        prop_assert_eq!(world.ask(route(policy), Some(&gained)).status, 200);
        Ok(())
    });
    assert!(gained_something > 64, "{gained_something} denials are too few to prove anything");
}

//! A handler that asks for a permission runs only where its route's policy has granted it, and a route that forgot it is
//! found before anybody calls it.

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use serde_json::json;
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer,
    guard::{Allowed, GuardedRouter, guarded, named},
    policy::{
        Checks, Policies, Policy, Rule, Truth, authenticated, group, optional, public, role, rule, scope,
    },
    require,
    testing::{TestIssuer, caller},
};

struct CanRefund;
struct CanClose;
struct OfStaff;

impl Rule for CanRefund {
    const NAME: &'static str = "can-refund";

    fn policy() -> Policy {
        scope("orders:write") & role("manager")
    }
}

/// Made of another one.
impl Rule for CanClose {
    const NAME: &'static str = "can-close";

    fn policy() -> Policy {
        rule::<CanRefund>() & group("night")
    }
}

/// Waits for a check.
impl Rule for OfStaff {
    const NAME: &'static str = "of-staff";

    fn policy() -> Policy {
        "check(staff)".parse().unwrap()
    }
}

async fn refund(_: Allowed<CanRefund>) -> &'static str {
    "refunded"
}

async fn perhaps(refund: Option<Allowed<CanRefund>>, close: Option<Allowed<CanClose>>) -> String {
    format!("{} {}", refund.is_some(), close.is_some())
}

fn faults(routes: &GuardedRouter) -> Vec<String> {
    let faults = routes.table().check().err();
    faults.iter().flat_map(|error| error.faults()).map(ToString::to_string).collect()
}

/// Status and body for a caller with this token.
async fn answer(routes: &GuardedRouter, issuer: &TestIssuer, token: Option<String>) -> (u16, String) {
    let verifier = issuer.verifier().build().unwrap();
    let app = routes.clone().into_router(AuthenticateLayer::new(verifier));
    let mut request = http::Request::get("/");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn behind(policy: Policy) -> GuardedRouter {
    GuardedRouter::new().route("/", guarded::get(policy, refund))
}

#[tokio::test]
async fn rule_missing_on_the_route_means_that_the_handler_never_runs() {
    let issuer = TestIssuer::new();
    let token = || issuer.token().scope("orders:write").role("manager").group("night").sign();
    for (name, policy) in [
        // What the rule says, but not the rule.
        ("the same policy", CanRefund::policy()),
        ("authenticated", authenticated()),
        ("another rule", rule::<OfStaff>() | authenticated()),
        ("the rule denied", !rule::<CanRefund>() | authenticated()),
        ("public", public("probes")),
        ("a name read from a text", "rule(can-refund) | authenticated".parse().unwrap()),
    ] {
        let routes = behind(policy);
        let (status, body) = answer(&routes, &issuer, Some(token())).await;
        assert_eq!((status, &*body), (500, ""), "{name}");
        let faults = faults(&routes);
        let found = faults.iter().any(|fault| {
            fault.starts_with("GET /: the handler asks for Allowed<")
                && fault.contains("CanRefund>, and the policy has no")
        });
        assert!(found, "{name}: {faults:?}");
    }
}

#[tokio::test]
async fn a_permit_is_for_those_who_meet_the_rule_and_for_nobody_whom_the_policy_lets_pass_otherwise() {
    let issuer = TestIssuer::new();
    let token = || issuer.token().scope("orders:write");
    let both = behind(rule::<CanRefund>());
    assert_eq!(answer(&both, &issuer, Some(token().role("manager").sign())).await, (200, "refunded".into()));
    assert_eq!(answer(&both, &issuer, Some(token().sign())).await.0, 403);
    assert_eq!(answer(&both, &issuer, None).await.0, 401);
    assert_eq!(faults(&both), [""; 0]);

    // The policy lets more pass than the handler does: its answer is the rule's refusal.
    let either = behind(rule::<CanRefund>() | authenticated());
    assert_eq!(answer(&either, &issuer, Some(token().sign())).await.0, 403);
    assert_eq!(answer(&either, &issuer, Some(token().role("manager").sign())).await.0, 200);
    assert!(faults(&either)[0].contains("lets callers pass who do not meet it"), "{:?}", faults(&either));
    let open = behind(optional("guests look") | rule::<CanRefund>());
    assert_eq!(answer(&open, &issuer, None).await.0, 401);
}

#[tokio::test]
async fn a_handler_may_ask_without_insisting_and_rules_within_rules_are_granted_too() {
    let issuer = TestIssuer::new();
    let policy = authenticated() & (rule::<CanClose>() | authenticated());
    let routes = GuardedRouter::new().route("/", guarded::get(policy, perhaps));
    assert_eq!(faults(&routes), [""; 0]);
    let token = || issuer.token().scope("orders:write");
    for (token, granted) in [
        (token(), "false false"),
        (token().role("manager"), "true false"),
        (token().role("manager").group("night"), "true true"),
    ] {
        assert_eq!(answer(&routes, &issuer, Some(token.sign())).await, (200, granted.into()));
    }
    // Where the rule is nowhere, `Option` is a mistake as well.
    let forgotten = GuardedRouter::new().route("/", guarded::get(authenticated(), perhaps));
    assert_eq!(answer(&forgotten, &issuer, Some(token().sign())).await.0, 500);
    assert_eq!(faults(&forgotten).len(), 2);
}

#[tokio::test]
async fn a_permit_is_of_the_caller_it_was_granted_to() {
    // Whoever passed the outer policy is not who the inner layer verifies.
    let (outer, inner) = (TestIssuer::new(), TestIssuer::new());
    let layer = |issuer: &TestIssuer| AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let swap = |mut request: Request, next: Next| async move {
        let token = request.headers().get("x-inner").unwrap().clone();
        request.headers_mut().insert("authorization", token);
        next.run(request).await as Response
    };
    let app: axum::Router = axum::Router::new()
        .route("/", axum::routing::get(refund))
        .layer(layer(&inner))
        .layer(axum::middleware::from_fn(swap))
        .layer(require(rule::<CanRefund>()))
        .layer(layer(&outer));
    let manager = outer.token().scope("orders:write").role("manager").sign();
    let request = http::Request::get("/")
        .header("authorization", format!("Bearer {manager}"))
        .header("x-inner", format!("Bearer {}", inner.token().sign()));
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 500);
}

#[tokio::test]
async fn an_inner_policy_with_the_same_rule_has_the_last_word() {
    let issuer = TestIssuer::new();
    let inner = rule::<CanRefund>() | authenticated();
    let handler =
        axum::routing::get(refund).route_layer(require(inner)).route_layer(require(rule::<CanRefund>()));
    let verifier = issuer.verifier().build().unwrap();
    let app: axum::Router = axum::Router::new().route("/", handler).layer(AuthenticateLayer::new(verifier));
    for (token, status) in
        [(issuer.token().scope("orders:write").role("manager"), 200), (issuer.token(), 403)]
    {
        let request = http::Request::get("/").header("authorization", format!("Bearer {}", token.sign()));
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
}

#[test]
fn table_and_documents_know_the_rule_and_what_it_takes() {
    let policy = scope("orders:read") & rule::<CanClose>();
    assert_eq!(policy.scopes(), ["orders:read", "orders:write"]);
    assert_eq!(policy.required_scopes(None), ["orders:read", "orders:write"]);
    let routes: GuardedRouter = GuardedRouter::new().route("/", guarded::get(policy, || async {}));
    assert_eq!(
        routes.table().to_string(),
        "\
method  path  policy                                reason
GET     /     scope(orders:read) & rule(can-close)

rule(can-close) is rule(can-refund) & group(night)
rule(can-refund) is scope(orders:write) & role(manager)
"
    );
    let markdown = routes.table().to_markdown();
    assert!(markdown.ends_with("\n- `rule(can-close)`: `rule(can-refund) & group(night)`\n- `rule(can-refund)`: `scope(orders:write) & role(manager)`\n"), "{markdown}");
    assert_eq!(
        routes.table().to_json()[0]["rules"],
        json!({"can-close": "rule(can-refund) & group(night)", "can-refund": "scope(orders:write) & role(manager)"})
    );
}

#[test]
fn a_rule_from_a_file_waits_for_its_type_and_a_file_without_it_is_refused() {
    let file = |text: &str| serde_json::from_value::<Policies>(json!({ "refunds": text })).unwrap();
    let told = |result: Result<_, tower_bearer::ConfigError>| result.unwrap_err().faults()[0].to_string();
    let routes = || GuardedRouter::new().route("/", guarded::post(named("refunds"), refund)) as GuardedRouter;
    let unknown = told(routes().with_policies(&file("rule(can-refund)"), Checks::new()).map(|_| ()));
    assert_eq!(unknown, "refunds: rule(can-refund) has no policy: give it by `Checks::with_rule`");
    let checks = || Checks::new().with_rule::<CanRefund>().with_rule::<OfStaff>().with("staff", |_| true);
    let forgotten = told(routes().with_policies(&file("scope(a)"), checks()).map(|_| ()));
    assert!(forgotten.starts_with("refunds: POST /: the handler asks for Allowed<"), "{forgotten}");

    let (routes, live) =
        routes().with_policies(&file("rule(can-refund) & rule(of-staff)"), checks()).unwrap();
    assert!(routes.table().check().is_ok());
    let caller = caller("alice").scope("orders:write").role("manager").claims::<serde_json::Value>();
    let policy = routes.table().rows()[0].policy().clone();
    assert_eq!(
        policy.evaluate(Some(caller.principal())),
        Truth::Yes,
        "the check within a rule is bound as well"
    );
    assert!(live.reload(&file("scope(a)")).is_err());
    assert_eq!(routes.table().rows()[0].policy(), &policy);
}

#[test]
fn a_name_without_a_type_is_unknown_to_everybody_and_binding_names_it() {
    let policy: Policy = "scope(a) | !rule(can-refund)".parse().unwrap();
    let alice = caller("alice").claims::<serde_json::Value>();
    assert_eq!(policy.evaluate(Some(alice.principal())), Truth::Unknown);
    assert_eq!(policy.unbound(), ["can-refund"]);
    let error = policy.clone().bind(&Checks::new().with("can-refund", |_| true)).unwrap_err();
    assert_eq!(error.faults()[0].to_string(), r#"policy: there is no rule named "can-refund""#);
    let bound = policy.bind(&Checks::new().with_rule::<CanRefund>()).unwrap();
    assert_eq!(bound.evaluate(Some(alice.principal())), Truth::Unknown, "nothing is said of roles");
}

#[tokio::test]
async fn a_handler_is_tested_with_a_permit_and_without_a_route() {
    let app: axum::Router = axum::Router::new().route("/", axum::routing::get(refund));
    let request = || http::Request::get("/").body(Body::empty()).unwrap();
    let ask = |request: Request| async { app.clone().oneshot(request).await.unwrap().status().as_u16() };
    assert_eq!(ask(caller("alice").allowed::<CanRefund>().attach(request())).await, 200);
    assert_eq!(ask(caller("alice").allowed::<CanClose>().attach(request())).await, 500);
    assert_eq!(ask(caller("alice").attach(request())).await, 500);
    assert_eq!(ask(request()).await, 500);
}

struct SameName;

impl Rule for SameName {
    const NAME: &'static str = CanRefund::NAME;

    fn policy() -> Policy {
        authenticated()
    }
}

#[test]
fn two_rules_of_one_name_are_found() {
    let routes = behind(rule::<SameName>() & rule::<CanRefund>());
    assert!(
        faults(&routes)[0].contains("rule(can-refund) stands for rules of several types"),
        "{:?}",
        faults(&routes)
    );
    assert_eq!(faults(&behind(rule::<CanRefund>() & rule::<CanRefund>())), [""; 0]);
}

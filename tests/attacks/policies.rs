//! Policies that are made to be laborious, rules that name each other, and handlers that ask in ways of their own.

use std::{sync::mpsc, thread};
use tower_bearer::{
    error::AuthError,
    guard::{Allowed, GuardedRouter, guarded, named},
    policy::{Checks, Policies, Policy, Rule, scope},
};

struct Hen;
struct Egg;
struct CanRefund;

/// By its text, which is not looked up before it is bound.
impl Rule for Hen {
    const NAME: &'static str = "hen";

    fn policy() -> Policy {
        "scope(hen) & rule(egg)".parse().unwrap()
    }
}

impl Rule for Egg {
    const NAME: &'static str = "egg";

    fn policy() -> Policy {
        "scope(egg) & rule(hen)".parse().unwrap()
    }
}

impl Rule for CanRefund {
    const NAME: &'static str = "can-refund";

    fn policy() -> Policy {
        "check(manager)".parse().unwrap()
    }
}

async fn nothing() {}

/// Whether it comes to an end before long, where it should take milliseconds.
fn ends(work: impl FnOnce() + Send + 'static) -> bool {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    ended.recv_timeout(super::seconds(20)).is_ok()
}

/// Bound without an end it would take the whole process with it: at the start, or from a file at a reload.
#[test]
fn rules_that_name_each_other_are_a_fault_and_not_the_end_of_the_process() {
    let checks = Checks::new().with_rule::<Hen>().with_rule::<Egg>();
    let policy: Policy = "rule(hen) | scope(a)".parse().unwrap();
    assert!(policy.bind(&checks).is_err());

    let routes: GuardedRouter = GuardedRouter::new().route("/", guarded::get(named("here"), nothing));
    let good = Policies::from_iter([("here", "scope(a)")]);
    let (_, live) = routes.with_policies(&good, checks).unwrap();
    assert!(live.reload(&Policies::from_iter([("here", "rule(egg)")])).is_err());
    assert_eq!(live.policies(), good);
}

#[cfg(feature = "utoipa")]
#[test]
fn the_longest_policy_is_described_in_no_time() {
    use tower_bearer::openapi::Security;
    use utoipa::openapi::OpenApi;

    let list = |from: usize, to| (from..to).map(|i| format!("{i:x}")).collect::<Vec<_>>().join(",");
    let (all, any) = (list(0, 3000), list(10_000, 10_064));
    for text in [
        format!("all_scopes({all}) & any_scope({any})"),
        format!("any_scope({any}) & scope({})", list(0, 3000).replace(',', ")&scope(")),
        format!("any_scope({any}){}", "&role(a)".repeat(7000)),
        format!("any_scope({any}){}", "&scope(a)".repeat(6000)),
    ] {
        let policy: Policy = text.parse().unwrap();
        let routes: GuardedRouter = GuardedRouter::new().route("/", guarded::get(policy, nothing));
        let work = move || {
            let security = Security::bearer().every_route();
            let _ = security.write_into(OpenApi::default(), &routes.table()).unwrap();
        };
        assert!(ends(work), "{}", &text[..60]);
    }
}

#[cfg(feature = "utoipa")]
#[test]
fn a_document_does_not_name_the_scopes_of_routes_that_it_leaves_out() {
    use tower_bearer::openapi::Security;
    use utoipa::{
        OpenApi,
        openapi::security::{AuthorizationCode, Flow, Scopes},
    };

    #[utoipa::path(get, path = "/orders", responses((status = 200, description = "The orders")))]
    async fn orders() {}

    #[derive(OpenApi)]
    #[openapi(paths(orders))]
    struct ApiDoc;

    let routes: GuardedRouter = GuardedRouter::new()
        .route("/orders", guarded::get(scope("orders:read"), orders))
        .route("/internal", guarded::get(scope("backdoor:open"), nothing));
    let flow = AuthorizationCode::new("https://id/a", "https://id/t", Scopes::new());
    let security = Security::oauth2([Flow::AuthorizationCode(flow)]);
    let document = security.write_into(ApiDoc::openapi(), &routes.table()).unwrap();
    let text = document.to_json().unwrap();
    assert!(text.contains("orders:read") && !text.contains("backdoor"), "{text}");
}

/// axum gives every extractor as a `Result`, too. Such a handler is wired right, so its program has to start.
#[test]
fn a_handler_that_takes_a_refusal_itself_insists_on_nothing() {
    async fn handler(_: Result<Allowed<CanRefund>, AuthError>) {}

    let checks = || Checks::new().with("manager", |_| true).with_rule::<CanRefund>();
    let routes: GuardedRouter = GuardedRouter::new().route("/", guarded::get(named("here"), handler));
    let policies = Policies::from_iter([("here", "scope(a) & (rule(can-refund) | role(clerk))")]);
    let given = routes.clone().with_policies(&policies, checks());
    assert!(given.is_ok(), "{}", given.err().unwrap());

    // It is still looked for.
    let without = Policies::from_iter([("here", "scope(a)")]);
    assert!(routes.with_policies(&without, checks()).is_err());
}

/// Whoever hears of a decision may act on it: what is in force is not held by a lock.
#[tokio::test]
async fn a_reload_from_within_a_decision_waits_for_nobody() {
    use tower_bearer::{
        audit::DecisionRecord, guard::GuardedRouter, policy::LivePolicies, testing::TestIssuer,
    };
    let handle: std::sync::Arc<std::sync::OnceLock<LivePolicies>> = std::sync::Arc::default();
    let (in_check, in_observer) = (handle.clone(), handle.clone());
    let policies = |text: &str| Policies::from_iter([("here", text)]);
    let checks = Checks::new().with("now", move |_| {
        in_check.get().unwrap().reload(&Policies::from_iter([("here", "scope(later) & check(now)")])).is_ok()
    });
    let routes: GuardedRouter = GuardedRouter::new().route("/", guarded::get(named("here"), nothing));
    let (routes, live) = routes.with_policies(&policies("scope(now) & check(now)"), checks).unwrap();
    handle.set(live).unwrap();
    let issuer = TestIssuer::new();
    let observer = move |record: &DecisionRecord<'_>| {
        if let Some(policy) = record.policy() {
            let text = policy.to_string();
            in_observer.get().unwrap().reload(&Policies::from_iter([("here", "scope(never)")])).unwrap();
            assert_eq!(policy.to_string(), text, "the one that decided is still there");
        }
    };
    let verifier = issuer.verifier().build().unwrap();
    let app = routes.into_router(tower_bearer::AuthenticateLayer::new(verifier).observer(observer));
    for status in [200, 403] {
        let token = issuer.token().scope("now later").sign();
        let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(app.clone(), request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "one policy for the whole of a request");
    }
}

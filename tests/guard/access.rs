//! What each kind of route does with each kind of token.

use crate::support::{Caller, Runs, ask, request, send};
use axum::{
    Router,
    extract::{MatchedPath, Path, State},
};
use http::HeaderValue;
use tower_bearer::{
    AuthenticateLayer, Claims,
    challenge::ProblemJson,
    guard::{GuardedRouter, guarded},
    policy::{authenticated, deny, optional, public, role, scope},
};

fn routes(runs: &Runs) -> GuardedRouter {
    GuardedRouter::new()
        .route("/public", guarded::get(public("probes ask it"), runs.handler("public")))
        .route("/optional", guarded::get(optional("members see more"), runs.handler("optional")))
        .route("/guarded", guarded::get(scope("a") & role("clerk"), runs.handler("guarded")))
        .route("/scoped", guarded::get(scope("a"), runs.handler("scoped")))
        .route("/anybody", guarded::get(authenticated(), runs.handler("anybody")))
        .route("/mixed", guarded::get(public("not quite") | scope("a"), runs.handler("mixed")))
        .route("/closed", guarded::get(deny(), runs.handler("closed")))
}

#[tokio::test]
async fn each_kind_of_route_answers_each_kind_of_token() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let app = caller.serve(routes(&runs));
    let (good, wrong, expired) = (caller.token("a"), caller.token("b"), caller.expired("a"));
    let bad = "Bearer not.a.token";
    let (broken, basic) = ("Bearer", "Basic YTpi");
    for (path, credentials, status) in [
        ("/public", None, 200),
        ("/public", Some(&*expired), 200),
        ("/public", Some(bad), 200),
        ("/public", Some(broken), 200),
        ("/public", Some(&*good), 200),
        ("/optional", None, 200),
        ("/optional", Some(basic), 200),
        ("/optional", Some(&*expired), 401),
        ("/optional", Some(bad), 401),
        ("/optional", Some(broken), 400),
        ("/optional", Some(&*wrong), 200),
        ("/scoped", None, 401),
        ("/scoped", Some(basic), 401),
        ("/scoped", Some(&*expired), 401),
        ("/scoped", Some(bad), 401),
        ("/scoped", Some(broken), 400),
        ("/scoped", Some(&*wrong), 403),
        ("/scoped", Some(&*good), 200),
        ("/guarded", None, 401),
        ("/guarded", Some(&*good), 403),
        ("/anybody", None, 401),
        ("/anybody", Some(&*expired), 401),
        ("/anybody", Some(&*wrong), 200),
        ("/closed", None, 401),
        ("/closed", Some(&*good), 403),
        // A public term within something larger makes no public route: the token is looked at.
        ("/mixed", None, 200),
        ("/mixed", Some(&*expired), 401),
        ("/mixed", Some(bad), 401),
        ("/mixed", Some(&*wrong), 200),
    ] {
        let answer = ask(&app, "GET", path, credentials).await;
        assert_eq!(answer.status, status, "{path} {credentials:?}");
        let ran = if status == 200 { vec![path[1..].to_owned()] } else { Vec::new() };
        assert_eq!(runs.take(), ran, "{path} {credentials:?}");
    }
}

#[tokio::test]
async fn an_anonymous_request_is_told_the_scopes_of_the_policy() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let app = caller.serve(routes(&runs));
    assert_eq!(ask(&app, "GET", "/guarded", None).await.challenge(), r#"Bearer scope="a""#);
    assert_eq!(ask(&app, "GET", "/anybody", None).await.challenge(), "Bearer");
    let refused = ask(&app, "GET", "/scoped", Some(&caller.token("b"))).await;
    assert_eq!(
        refused.challenge(),
        r#"Bearer error="insufficient_scope", error_description="the token does not permit this request", scope="a""#
    );
}

#[tokio::test]
async fn whether_the_layer_was_optional_changes_nothing() {
    let (caller, runs) = (Caller::new(), Runs::default());
    for layer in [caller.layer(), caller.layer().optional()] {
        let app = routes(&runs).into_router(layer);
        assert_eq!(ask(&app, "GET", "/scoped", None).await.challenge(), r#"Bearer scope="a""#);
        assert_eq!(ask(&app, "GET", "/optional", None).await.status, 200);
        assert_eq!(ask(&app, "GET", "/public", None).await.status, 200);
    }
}

#[tokio::test]
async fn the_layers_other_settings_are_kept() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let metadata = "https://api.example.com/.well-known/oauth-protected-resource";
    let layer = caller.layer().realm("orders").resource_metadata(metadata).strip_token().render(ProblemJson);
    let header = |headers: http::HeaderMap| async move { headers.contains_key("authorization").to_string() };
    let app = routes(&runs).route("/headers", guarded::get(scope("a"), header)).into_router(layer);
    let refused = ask(&app, "GET", "/scoped", None).await;
    assert_eq!(
        refused.challenge(),
        format!(r#"Bearer realm="orders", scope="a", resource_metadata="{metadata}""#)
    );
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(ask(&app, "GET", "/headers", Some(&caller.token("a"))).await.body, "false");
}

#[derive(serde::Deserialize)]
struct Staff {
    department: String,
}

#[tokio::test]
async fn claims_path_state_and_matched_path_reach_the_handler() {
    async fn told(
        State(state): State<&'static str>,
        Path(id): Path<u32>,
        matched: MatchedPath,
        claims: Claims<Staff>,
    ) -> String {
        let subject = claims.subject().unwrap();
        format!("{state} {id} {} {} {subject}", matched.as_str(), claims.department)
    }
    let caller = Caller::new();
    let verifier = caller.issuer().verifier().claims::<Staff>().build().unwrap();
    let routes = GuardedRouter::new().route("/orders/{id}", guarded::get(scope("a"), told));
    let routes: GuardedRouter = GuardedRouter::new().nest("/api", routes).with_state("state");
    let app: Router = routes.into_router(AuthenticateLayer::new(verifier));

    assert_eq!(ask(&app, "GET", "/api/orders/7", None).await.status, 401);
    let token = caller.issuer().token().subject("alice").scope("a").claim("department", "sales").sign();
    let told = ask(&app, "GET", "/api/orders/7", Some(&format!("Bearer {token}"))).await;
    assert_eq!(told.body, "state 7 /api/orders/{id} sales alice");
}

#[tokio::test]
async fn state_may_be_given_after_the_authentication_too() {
    async fn told(State(state): State<u8>) -> String {
        state.to_string()
    }
    let caller = Caller::new();
    let routes: GuardedRouter<u8> = GuardedRouter::new().route("/", guarded::get(scope("a"), told));
    let app: Router = routes.into_router(caller.layer()).with_state(7);
    assert_eq!(ask(&app, "GET", "/", None).await.status, 401);
    assert_eq!(ask(&app, "GET", "/", Some(&caller.token("a"))).await.body, "7");
}

#[tokio::test]
async fn claims_on_a_public_route_are_a_mistake_in_the_wiring_and_never_a_stranger() {
    let caller = Caller::new();
    let told = |claims: Option<Claims>| async move { claims.is_some().to_string() };
    let routes = GuardedRouter::new()
        .route("/public", guarded::get(public("a mistake"), told))
        .route("/optional", guarded::get(optional("as it should be"), told));
    let app = caller.serve(routes);
    let token = caller.token("a");
    assert_eq!(ask(&app, "GET", "/public", None).await.status, 500);
    assert_eq!(ask(&app, "GET", "/public", Some(&token)).await.status, 500);
    assert_eq!(ask(&app, "GET", "/optional", None).await.body, "false");
    assert_eq!(ask(&app, "GET", "/optional", Some(&token)).await.body, "true");
}

#[tokio::test]
async fn headers_that_name_another_method_or_path_do_nothing() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new().route("/open", guarded::get(public("p"), runs.handler("open"))).route(
        "/orders",
        guarded::get(public("a list"), runs.handler("list")).delete(scope("a"), runs.handler("drop")),
    );
    let app = caller.serve(routes);
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-http-method", "GET"),
        ("x-method-override", "GET"),
        ("x-original-url", "/open"),
        ("x-rewrite-url", "/open"),
        ("x-forwarded-prefix", "/open"),
        ("x-forwarded-uri", "/open"),
    ] {
        let mut disguised = request("DELETE", "/orders?_method=GET", None);
        disguised.headers_mut().insert(name, HeaderValue::from_static(value));
        assert_eq!(send(&app, disguised).await.status, 401, "{name}");
        let mut reversed = request("GET", "/orders", None);
        reversed.headers_mut().insert(name, HeaderValue::from_static("DELETE"));
        assert_eq!(send(&app, reversed).await.body, "list", "{name}");
        assert_eq!(runs.take(), ["list"], "{name}");
    }
}

#[tokio::test]
async fn a_service_is_guarded_as_a_handler_is() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new()
        .route(
            "/methods",
            guarded::get_service(scope("a"), runs.service("get"))
                .put_service(scope("b"), runs.service("put")),
        )
        .route("/any", guarded::any_service(scope("a"), runs.service("any")))
        .route_service("/whole", scope("a"), runs.service("whole"))
        .nest_service("/below", scope("a"), runs.service("below"))
        .nest_service(
            "/plain",
            scope("a"),
            Router::<()>::new().route("/x", axum::routing::get(|| async { "x" })),
        )
        .route_service("/open", public("p"), runs.service("open"));
    let app = caller.serve(routes);
    let good = caller.token("a");
    for (method, path, with_token) in [
        ("GET", "/methods", 200),
        ("PUT", "/methods", 403),
        ("PATCH", "/any", 200),
        ("GET", "/whole", 200),
        ("PROPFIND", "/whole", 200),
        ("GET", "/below", 200),
        ("GET", "/below/", 200),
        ("DELETE", "/below/a/b", 200),
        ("GET", "/plain/x", 200),
        ("GET", "/plain/y", 404),
        ("POST", "/plain/x", 405),
    ] {
        assert_eq!(ask(&app, method, path, None).await.status, 401, "{method} {path}");
        assert_eq!(runs.take(), [""; 0], "{method} {path}");
        assert_eq!(ask(&app, method, path, Some(&good)).await.status, with_token, "{method} {path}");
        runs.take();
    }
    assert_eq!(ask(&app, "POST", "/open", Some("Bearer x")).await.body, "open");
}

#[tokio::test]
async fn every_method_builder_guards_its_method_and_no_other() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let (good, open) = (caller.token("a"), public("the other"));
    macro_rules! of {
        ($($name:ident $service:ident $method:literal),*) => {[$((
            $method,
            [
                guarded::$name(scope("a"), runs.handler("h")),
                guarded::$service(scope("a"), runs.service("h")),
            ],
            [
                guarded::any(open.clone(), runs.handler("any")).$name(scope("a"), runs.handler("h")),
                guarded::any(open.clone(), runs.handler("any")).$service(scope("a"), runs.service("h")),
            ],
        )),*]};
    }
    let all = of!(
        get get_service "GET", head head_service "HEAD", post post_service "POST", put put_service "PUT",
        patch patch_service "PATCH", delete delete_service "DELETE", options options_service "OPTIONS",
        trace trace_service "TRACE", connect connect_service "CONNECT"
    );
    for (method, alone, chained) in all {
        for (with_any, route) in alone.map(|it| (false, it)).into_iter().chain(chained.map(|it| (true, it))) {
            let app = caller.serve(GuardedRouter::new().route("/", route));
            assert_eq!(ask(&app, method, "/", None).await.status, 401, "{method}");
            assert_eq!(runs.take(), [""; 0], "{method}");
            let answer = ask(&app, method, "/", Some(&good)).await;
            assert_eq!((answer.status, runs.take()), (200, vec!["h".to_owned()]), "{method}");
            for other in
                ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "LOCK"]
            {
                if other == method || (method, other) == ("GET", "HEAD") {
                    continue;
                }
                let status = if with_any { 200 } else { 405 };
                assert_eq!(ask(&app, other, "/", None).await.status, status, "{other} beside {method}");
            }
            runs.take();
        }
    }
}

#[tokio::test]
async fn a_websocket_by_any_is_guarded_for_get_and_connect_alike() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let app = caller.serve(GuardedRouter::new().route("/ws", guarded::any(scope("a"), runs.handler("ws"))));
    for method in ["GET", "CONNECT", "HEAD", "OPTIONS", "BREW"] {
        let answer = ask(&app, method, "/ws", None).await;
        assert_eq!((answer.status, answer.challenge()), (401, r#"Bearer scope="a""#), "{method}");
        assert_eq!(runs.take(), [""; 0], "{method}");
        assert_eq!(ask(&app, method, "/ws", Some(&caller.token("a"))).await.status, 200, "{method}");
        assert_eq!(runs.take(), ["ws"], "{method}");
    }
}

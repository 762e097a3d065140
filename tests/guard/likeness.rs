//! What is not guarded is axum's own answer.

use crate::support::{Caller, Runs, ask, methods};
use axum::routing::MethodFilter;
use tower_bearer::{
    guard::{GuardedRouter, guarded},
    policy::{deny, public, scope},
};

#[tokio::test]
async fn a_method_that_is_not_there_is_405_whoever_asks_and_no_policy_of_its_neighbours() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new()
        .route("/orders", guarded::get(scope("a"), runs.handler("list")))
        .route("/closed", guarded::post(deny(), runs.handler("closed")));
    let app = caller.serve(routes);
    let expired = caller.expired("a");
    for credentials in [None, Some(&*expired), Some("Bearer nonsense"), Some("Bearer")] {
        let answer = ask(&app, "DELETE", "/orders", credentials).await;
        assert_eq!((answer.status, answer.challenge()), (405, ""), "{credentials:?}");
        assert_eq!(answer.allow(), methods(&["GET", "HEAD"]));
        assert_eq!(ask(&app, "GET", "/closed", credentials).await.allow(), methods(&["POST"]));
        assert_eq!(ask(&app, "GET", "/nowhere", credentials).await.status, 404, "{credentials:?}");
    }
}

#[tokio::test]
async fn public_and_guarded_methods_of_one_path_share_one_allow() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let split = GuardedRouter::new()
        .route("/orders", guarded::get(public("a list"), runs.handler("list")))
        .route("/orders", guarded::post(scope("a"), runs.handler("create")))
        .merge(GuardedRouter::new().route("/orders", guarded::delete(scope("b"), runs.handler("drop"))));
    let nested = GuardedRouter::new()
        .nest("/v1", GuardedRouter::new().route("/orders", guarded::get(public("p"), runs.handler("list"))))
        .nest("/v1", GuardedRouter::new().route("/orders", guarded::post(scope("a"), runs.handler("create"))))
        .route("/v1/orders", guarded::delete(scope("b"), runs.handler("drop")));
    for (path, routes) in [("/orders", split), ("/v1/orders", nested)] {
        let app = caller.serve(routes);
        let answer = ask(&app, "PATCH", path, None).await;
        assert_eq!((answer.status, answer.allow()), (405, methods(&["GET", "HEAD", "POST", "DELETE"])));
        assert_eq!(ask(&app, "GET", path, Some("Bearer x")).await.body, "list");
        assert_eq!(ask(&app, "POST", path, None).await.challenge(), r#"Bearer scope="a""#);
        assert_eq!(ask(&app, "DELETE", path, None).await.challenge(), r#"Bearer scope="b""#);
        assert_eq!(ask(&app, "OPTIONS", path, None).await.status, 405);
    }
}

#[tokio::test]
async fn head_is_guarded_as_its_get_is_unless_it_has_a_policy_of_its_own() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new()
        .route("/get", guarded::get(scope("a"), runs.handler("get")))
        .route("/own", guarded::get(scope("a"), runs.handler("get")).head(public("p"), runs.handler("head")))
        .route(
            "/open",
            guarded::get(public("p"), runs.handler("get")).head(scope("a"), runs.handler("head")),
        );
    let app = caller.serve(routes);
    let refused = ask(&app, "HEAD", "/get", None).await;
    assert_eq!((refused.status, refused.challenge()), (401, r#"Bearer scope="a""#));
    assert_eq!(ask(&app, "HEAD", "/get", Some(&caller.token("b"))).await.status, 403);
    assert_eq!(runs.take(), [""; 0]);
    let admitted = ask(&app, "HEAD", "/get", Some(&caller.token("a"))).await;
    assert_eq!((admitted.status, &*admitted.body, admitted.header("content-length")), (200, "", "3"));
    assert_eq!(runs.take(), ["get"]);
    assert_eq!(ask(&app, "HEAD", "/own", None).await.status, 200);
    assert_eq!(ask(&app, "GET", "/own", None).await.status, 401);
    assert_eq!(ask(&app, "HEAD", "/open", None).await.status, 401);
    assert_eq!(runs.take(), ["head"]);
}

#[tokio::test]
async fn options_is_answered_only_where_it_was_routed() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new().route("/none", guarded::get(scope("a"), runs.handler("get"))).route(
        "/own",
        guarded::get(scope("a"), runs.handler("get")).options(public("p"), runs.handler("own")),
    );
    let app = caller.serve(routes);
    assert_eq!(ask(&app, "OPTIONS", "/none", None).await.status, 405);
    assert_eq!(ask(&app, "OPTIONS", "/own", None).await.body, "own");
}

#[tokio::test]
async fn a_filter_of_several_methods_guards_each_of_them() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let filter = MethodFilter::PUT.or(MethodFilter::PATCH);
    let routes = GuardedRouter::new().route("/", guarded::on(filter, scope("a"), runs.handler("write")));
    let table = routes.table();
    assert!(table.rows().iter().map(|row| row.method()).eq(["PUT", "PATCH"]), "{table}");
    let app = caller.serve(routes);
    for method in ["PUT", "PATCH"] {
        assert_eq!(ask(&app, method, "/", None).await.status, 401, "{method}");
    }
    assert_eq!(ask(&app, "POST", "/", None).await.allow(), methods(&["PUT", "PATCH"]));
}

#[tokio::test]
async fn a_clone_serves_as_the_original_does() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new().route("/", guarded::get(scope("a"), runs.handler("one")));
    let more = routes.clone().route("/two", guarded::get(scope("a"), runs.handler("two")));
    let (app, more) = (caller.serve(routes), caller.serve(more));
    assert_eq!(ask(&app, "GET", "/two", None).await.status, 404);
    for path in ["/", "/two"] {
        assert_eq!(ask(&more, "GET", path, None).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn what_is_added_behind_into_router_is_outside_of_the_guarantee() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new().route("/in", guarded::get(scope("a"), runs.handler("in")));
    let app = caller.serve(routes).route("/out", axum::routing::get(runs.handler("out")));
    assert_eq!(ask(&app, "GET", "/in", None).await.status, 401);
    assert_eq!(ask(&app, "GET", "/out", None).await.status, 200);
}

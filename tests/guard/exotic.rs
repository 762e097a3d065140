//! Ways of putting a guarded router together that could leave a handler without its policy.

use crate::support::{Caller, Runs, ask};
use axum::{
    Router,
    routing::{any, get},
};
use tower_bearer::{
    guard::{GuardedRouter, guarded},
    policy::{public, scope},
};
use tower_layer::Identity;

#[tokio::test]
async fn however_it_is_put_together_no_guarded_handler_runs_for_a_stranger() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let closed = || runs.handler("closed");
    let open = || runs.handler("open");
    let a = || scope("a");
    let p = || public("open");
    let builds: Vec<(&str, GuardedRouter)> = vec![
        (
            "any, then a public get",
            GuardedRouter::new().route("/x", guarded::any(a(), closed()).get(p(), open())),
        ),
        (
            "layered any, then get",
            GuardedRouter::new().route(
                "/x",
                guarded::any(a(), closed()).layer(Identity::new()).get(p(), open()).layer(Identity::new()),
            ),
        ),
        (
            "two calls",
            GuardedRouter::new()
                .route("/x", guarded::get(p(), open()))
                .route("/x", guarded::any(a(), closed())),
        ),
        (
            "two calls, other way",
            GuardedRouter::new()
                .route("/x", guarded::any(a(), closed()))
                .route("/x", guarded::get(p(), open())),
        ),
        (
            "public 405 later",
            GuardedRouter::new()
                .route("/x", guarded::any(a(), closed()))
                .method_not_allowed_fallback(p(), open()),
        ),
        (
            "public 405 before",
            GuardedRouter::new()
                .method_not_allowed_fallback(p(), open())
                .route("/x", guarded::post(a(), closed())),
        ),
        (
            "guarded 405",
            GuardedRouter::new()
                .route("/x", guarded::get(p(), open()))
                .method_not_allowed_fallback(a(), closed()),
        ),
        (
            "guarded 405, layered, twice",
            GuardedRouter::new()
                .route("/x", guarded::get(p(), open()).layer(Identity::new()))
                .method_not_allowed_fallback(a(), closed())
                .layer(Identity::new())
                .method_not_allowed_fallback(p(), open()),
        ),
        (
            "nested 405",
            GuardedRouter::new()
                .nest(
                    "/n",
                    GuardedRouter::new()
                        .route("/x", guarded::get(p(), open()))
                        .method_not_allowed_fallback(a(), closed()),
                )
                .method_not_allowed_fallback(p(), open()),
        ),
        (
            "nested fallback under public",
            GuardedRouter::new()
                .nest(
                    "/n",
                    GuardedRouter::new().route("/y", guarded::get(p(), open())).fallback(a(), closed()),
                )
                .fallback(p(), open()),
        ),
        (
            "fallback of a merge",
            GuardedRouter::new()
                .route("/y", guarded::get(p(), open()))
                .merge(GuardedRouter::new().route("/x", guarded::get(a(), closed())).fallback(a(), closed())),
        ),
        (
            "whole routers",
            GuardedRouter::new()
                .nest_service(
                    "/n",
                    a(),
                    Router::<()>::new()
                        .route("/x", get(closed()))
                        .route("/", any(closed()))
                        .fallback(closed()),
                )
                .fallback(p(), open()),
        ),
        (
            "a service at a wild path",
            GuardedRouter::new()
                .route_service("/{*rest}", a(), Router::<()>::new().fallback(closed()))
                .route("/open", guarded::any(p(), open())),
        ),
        (
            "nested in a parameter",
            GuardedRouter::new()
                .nest(
                    "/{tenant}",
                    GuardedRouter::new()
                        .route("/x", guarded::any(a(), closed()))
                        .route("/{*y}", guarded::any(a(), closed())),
                )
                .route("/open/x", guarded::any(p(), open())),
        ),
        (
            "an authenticated router within",
            GuardedRouter::new().nest_service(
                "/n",
                p(),
                caller.serve(
                    GuardedRouter::new().route("/x", guarded::any(a(), closed())).fallback(a(), closed()),
                ),
            ),
        ),
        (
            "state given twice",
            GuardedRouter::<u8>::new()
                .route("/x", guarded::any(a(), closed()))
                .fallback(a(), closed())
                .with_state(1u8)
                .layer(Identity::new()),
        ),
        ("cloned methods", {
            let m = guarded::get(a(), closed()).post(p(), open());
            GuardedRouter::new().route("/x", m.clone()).nest(
                "/n",
                GuardedRouter::new().route("/x", m.clone().route_layer(Identity::new())).route("/", m),
            )
        }),
    ];
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "get", "FOO",
    ];
    let paths = [
        "/",
        "/x",
        "/x/",
        "/n",
        "/n/",
        "/n/x",
        "/n/x/",
        "/n//x",
        "/n/y",
        "/open",
        "/open/x",
        "//x",
        "/n/%78",
        "/./x",
        "/n/../x",
        "/a/b/c",
        "/n;/x",
        "/X",
        "/x?y=/open",
        "http://h/x",
        "*",
    ];
    for (name, routes) in builds {
        let stranger = caller.serve(routes.clone());
        for method in methods {
            for path in paths {
                if path.parse::<http::Uri>().is_err() {
                    continue;
                }
                ask(&stranger, method, path, None).await;
                assert!(!runs.take().contains(&"closed".to_owned()), "{name}: {method} {path}");
                ask(&stranger, method, path, Some(&caller.token("b"))).await;
                assert!(
                    !runs.take().contains(&"closed".to_owned()),
                    "{name}: {method} {path}, another scope"
                );
            }
        }
        let mut ran = 0;
        for method in methods {
            for path in paths {
                if path.parse::<http::Uri>().is_ok() {
                    ask(&stranger, method, path, Some(&caller.token("a"))).await;
                    ran += runs.take().iter().filter(|r| *r == "closed").count();
                }
            }
        }
        assert!(ran > 0, "{name}: asked at least once");
    }
}

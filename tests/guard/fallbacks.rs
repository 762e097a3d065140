//! Fallbacks take a policy as routes do, and stand where axum's would.

use crate::support::{Caller, Runs, ask, methods};
use tower_bearer::{
    guard::{GuardedRouter, guarded},
    policy::{optional, public, scope},
};

#[tokio::test]
async fn a_fallback_is_guarded_and_so_is_a_fallback_service() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let begin = || GuardedRouter::new().route("/x", guarded::get(public("p"), runs.handler("x")));
    for routes in [
        begin().fallback(scope("a"), runs.handler("fallback")),
        begin().fallback_service(scope("a"), runs.service("fallback")),
    ] {
        let app = caller.serve(routes);
        for (method, path) in [("GET", "/"), ("POST", "/y"), ("BREW", "/x/"), ("CONNECT", "example.com:443")]
        {
            let answer = ask(&app, method, path, None).await;
            assert_eq!((answer.status, answer.challenge()), (401, r#"Bearer scope="a""#), "{method} {path}");
            assert_eq!(
                ask(&app, method, path, Some(&caller.token("b"))).await.status,
                403,
                "{method} {path}"
            );
            assert_eq!(runs.take(), [""; 0]);
            assert_eq!(
                ask(&app, method, path, Some(&caller.token("a"))).await.status,
                200,
                "{method} {path}"
            );
            assert_eq!(runs.take(), ["fallback"]);
        }
        assert_eq!(ask(&app, "POST", "/x", None).await.status, 405);
        assert_eq!(ask(&app, "GET", "/x", None).await.body, "x");
        assert_eq!(runs.take(), ["x"]);
    }
}

#[tokio::test]
async fn a_public_fallback_ignores_tokens_and_an_optional_one_does_not() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let open = caller.serve(GuardedRouter::new().fallback(public("a page"), runs.handler("page")));
    let half = caller.serve(GuardedRouter::new().fallback(optional("a page"), runs.handler("page")));
    let expired = caller.expired("a");
    assert_eq!(ask(&open, "GET", "/", Some(&expired)).await.body, "page");
    assert_eq!(ask(&half, "GET", "/", Some(&expired)).await.status, 401);
    assert_eq!(ask(&half, "GET", "/", None).await.body, "page");
}

#[tokio::test]
async fn a_nested_fallback_stands_below_its_prefix_and_the_outer_one_everywhere_else() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let inner = || GuardedRouter::new().route("/x", guarded::get(public("p"), runs.handler("x")));
    let routes = GuardedRouter::new()
        .nest("/own", inner().fallback(scope("inner"), runs.handler("inner")))
        .nest("/none", inner())
        .fallback(scope("outer"), runs.handler("outer"));
    let app = caller.serve(routes);
    for (path, scope) in [
        ("/own", "inner"),
        ("/own/y", "inner"),
        ("/own/x/y", "inner"),
        ("/own/", "outer"),
        ("/owner", "outer"),
        ("/none", "outer"),
        ("/none/y", "outer"),
        ("/", "outer"),
    ] {
        let challenge = format!(r#"Bearer scope="{scope}""#);
        assert_eq!(ask(&app, "GET", path, None).await.challenge(), challenge, "{path}");
        assert_eq!(ask(&app, "GET", path, Some(&caller.token(scope))).await.body, scope, "{path}");
    }
}

#[tokio::test]
async fn a_fallback_comes_along_in_a_merge_and_a_later_one_takes_its_place() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let fallback = GuardedRouter::new().fallback(scope("a"), runs.handler("first"));
    let plain = GuardedRouter::new().route("/x", guarded::get(public("p"), runs.handler("x")));
    for routes in [plain.clone().merge(fallback.clone()), fallback.merge(plain)] {
        let replaced = routes.clone().fallback(scope("b"), runs.handler("second"));
        assert_eq!(ask(&caller.serve(routes), "GET", "/", None).await.challenge(), r#"Bearer scope="a""#);
        assert_eq!(replaced.table().rows().len(), 2, "{}", replaced.table());
        let app = caller.serve(replaced);
        assert_eq!(ask(&app, "GET", "/", None).await.challenge(), r#"Bearer scope="b""#);
        assert_eq!(ask(&app, "GET", "/", Some(&caller.token("b"))).await.body, "second");
    }
}

#[tokio::test]
async fn a_fallback_that_axum_forgets_is_not_in_the_table_but_among_the_faults() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let deep = || GuardedRouter::new().fallback(scope("deep"), runs.handler("deep"));
    let middle = || GuardedRouter::new().nest("/b", deep());
    let routes = GuardedRouter::new().merge(GuardedRouter::new().nest("/a", middle()));
    let faults = routes.table().check().unwrap_err();
    assert_eq!(faults.faults().len(), 1);
    assert!(faults.to_string().contains("FALLBACK /a/b/*: axum forgets it"), "{faults}");
    assert_eq!(routes.table().rows().len(), 0);
    assert_eq!(ask(&caller.serve(routes), "GET", "/a/b/c", None).await.status, 404);

    let routes = GuardedRouter::new().nest("/a", middle().fallback(scope("middle"), runs.handler("middle")));
    assert!(routes.table().check().is_ok());
    assert_eq!(routes.table().rows().len(), 2);
    let app = caller.serve(routes);
    assert_eq!(ask(&app, "GET", "/a/b/c", None).await.challenge(), r#"Bearer scope="deep""#);
    assert_eq!(ask(&app, "GET", "/a/c", None).await.challenge(), r#"Bearer scope="middle""#);
}

#[tokio::test]
async fn a_fallback_for_methods_is_guarded_and_keeps_allow() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new()
        .route("/x", guarded::get(scope("x"), runs.handler("x")))
        .route("/any", guarded::any(scope("x"), runs.handler("any")))
        .method_not_allowed_fallback(scope("a"), runs.handler("other"))
        .route("/later", guarded::get(scope("x"), runs.handler("later")));
    let app = caller.serve(routes);
    let refused = ask(&app, "PUT", "/x", None).await;
    assert_eq!((refused.status, refused.challenge()), (401, r#"Bearer scope="a""#));
    assert_eq!(runs.take(), [""; 0]);
    let answer = ask(&app, "PUT", "/x", Some(&caller.token("a"))).await;
    assert_eq!((&*answer.body, answer.allow()), ("other", methods(&["GET", "HEAD"])));
    // Neither the routes' own policies, nor a handler of every method, nor what came later.
    assert_eq!(ask(&app, "GET", "/x", Some(&caller.token("a"))).await.status, 403);
    assert_eq!(ask(&app, "PUT", "/any", Some(&caller.token("a"))).await.status, 403);
    assert_eq!(ask(&app, "PUT", "/later", None).await.status, 405);
}

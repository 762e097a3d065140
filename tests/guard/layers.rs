//! Layers of the application's own go around the guard, and none gets between it and the handler.

use crate::support::{Caller, Runs, ask};
use axum::{
    extract::Request,
    handler::Handler as _,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tower::service_fn;
use tower_bearer::{
    AuthenticateLayer, Claims,
    claims::Principal,
    guard::{GuardedRouter, guarded},
    policy::{optional, public, scope},
    testing::{self, TestIssuer},
};

/// Marks every answer that passes it.
async fn mark(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-layer", http::HeaderValue::from_static("seen"));
    response
}

/// Claims that somebody made up, of a caller who may do everything.
async fn smuggle(request: Request, next: Next) -> Response {
    next.run(testing::caller("mallory").scope("a").attach(request)).await
}

#[tokio::test]
async fn a_layer_sees_refusals_fallbacks_and_405_and_a_route_layer_sees_routes() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = || GuardedRouter::new().route("/x", guarded::get(scope("a"), runs.handler("x")));
    let all = caller.serve(routes().fallback(scope("a"), runs.handler("f")).layer(from_fn(mark)));
    for (method, path, status) in [("GET", "/x", 401), ("PUT", "/x", 405), ("GET", "/y", 401)] {
        let answer = ask(&all, method, path, None).await;
        assert_eq!((answer.status, answer.header("x-layer")), (status, "seen"), "{method} {path}");
    }
    let some = caller.serve(routes().fallback(scope("a"), runs.handler("f")).route_layer(from_fn(mark)));
    assert_eq!(ask(&some, "GET", "/x", None).await.header("x-layer"), "seen");
    assert_eq!(ask(&some, "GET", "/y", None).await.header("x-layer"), "");
    let later = caller.serve(GuardedRouter::new().layer(from_fn(mark)).merge(routes()));
    assert_eq!(ask(&later, "GET", "/x", None).await.header("x-layer"), "");
}

#[tokio::test]
async fn where_tokens_are_stripped_no_handler_gets_one_on_a_public_route_either() {
    let issuer = TestIssuer::new();
    let header = |request: Request| async move { format!("{:?}", request.headers().get("authorization")) };
    let routes = || {
        GuardedRouter::new()
            .route("/public", guarded::get(public("for all"), header))
            .route("/optional", guarded::get(optional("for all"), header))
            .nest_service(
                "/below",
                public("for all"),
                service_fn(move |request| async move {
                    Ok::<_, Infallible>(header(request).await.into_response())
                }),
            )
            .fallback(public("for all"), header)
    };
    let layer = || AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let good = format!("Bearer {}", issuer.token().sign());
    for path in ["/public", "/optional", "/below/x", "/other"] {
        let app = routes().into_router(layer().strip_token());
        assert_eq!(ask(&app, "GET", path, Some(&good)).await.body, "None", "{path}");
        let app = routes().into_router(layer());
        assert_ne!(ask(&app, "GET", path, Some(&good)).await.body, "None", "{path}, not stripped");
    }
}

#[tokio::test]
async fn a_layer_of_one_path_stays_there() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let methods = || guarded::get(scope("a"), runs.handler("x"));
    let routes = GuardedRouter::new()
        .route("/layer", methods().layer(from_fn(mark)).post(scope("a"), runs.handler("y")))
        .route("/route", methods().route_layer(from_fn(mark)));
    let app = caller.serve(routes);
    for (method, path, status, seen) in [
        ("GET", "/layer", 401, "seen"),
        ("POST", "/layer", 401, ""),
        ("PUT", "/layer", 405, "seen"),
        ("GET", "/route", 401, "seen"),
        ("PUT", "/route", 405, ""),
    ] {
        let answer = ask(&app, method, path, None).await;
        assert_eq!((answer.status, answer.header("x-layer")), (status, seen), "{method} {path}");
    }
}

#[tokio::test]
async fn claims_that_a_layer_made_up_open_nothing() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let whole = GuardedRouter::new()
        .route("/x", guarded::get(scope("a"), runs.handler("x")))
        .nest("/n", GuardedRouter::new().route("/x", guarded::any(scope("a"), runs.handler("x"))))
        .fallback(scope("a"), runs.handler("f"));
    let one = GuardedRouter::new()
        .route("/x", guarded::get(scope("a"), runs.handler("x")).layer(from_fn(smuggle)))
        .route("/n/x", guarded::any(scope("a"), runs.handler("x")).layer(from_fn(smuggle)));
    for routes in [whole.clone().layer(from_fn(smuggle)), whole.route_layer(from_fn(smuggle)), one] {
        let app = caller.serve(routes).layer(from_fn(smuggle));
        for path in ["/x", "/n/x"] {
            assert_eq!(ask(&app, "GET", path, None).await.status, 401, "{path}");
        }
        assert_ne!(ask(&app, "GET", "/y", None).await.status, 200);
        assert_eq!(runs.take(), [""; 0]);
    }
}

#[tokio::test]
async fn a_layer_around_the_handler_sees_the_verified_caller() {
    let caller = Caller::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let audit = {
        let seen = Arc::clone(&seen);
        move |claims: Claims, principal: Principal, request: Request, next: Next| {
            assert_eq!(claims.subject(), principal.subject());
            seen.lock().unwrap().push(claims.subject().unwrap().to_owned());
            next.run(request)
        }
    };
    let handler = (|| async { "done" }).layer(from_fn(audit));
    let app = caller.serve(GuardedRouter::new().route("/", guarded::get(scope("a"), handler)));
    assert_eq!(ask(&app, "GET", "/", None).await.status, 401);
    assert_eq!(ask(&app, "GET", "/", Some(&caller.token("b"))).await.status, 403);
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(ask(&app, "GET", "/", Some(&caller.token("a"))).await.body, "done");
    assert_eq!(*seen.lock().unwrap(), ["alice"]);
}

#[tokio::test]
async fn a_method_that_a_layer_rewrites_has_been_routed_already() {
    async fn rewrite(mut request: Request, next: Next) -> Response {
        *request.method_mut() = http::Method::GET;
        *request.uri_mut() = "/open".parse().unwrap();
        next.run(request).await
    }
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new()
        .route("/open", guarded::get(public("p"), runs.handler("open")))
        .route("/x", guarded::delete(scope("a"), runs.handler("drop")))
        .layer(from_fn(rewrite));
    let app = caller.serve(routes);
    assert_eq!(ask(&app, "DELETE", "/x", None).await.status, 401);
    assert_eq!(ask(&app, "DELETE", "/x", Some(&caller.token("a"))).await.body, "drop");
}

//! The extractors: `Claims<T>`, `Principal`, and both as `Option`, behind every kind of layer and behind none.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, extract::Path, middleware::from_fn, response::Response, routing::get};
use http::{Request, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt as _;
use std::time::{Duration, UNIX_EPOCH};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims,
    claims::{ClaimMap, Principal},
    policy::{authenticated, optional, scope},
    require,
    testing::{TestIssuer, TestToken, anonymous, caller},
};

#[derive(Debug, serde::Deserialize)]
struct Staff {
    department: String,
}

/// Every extractor under a route of its own, each telling what it got.
fn routes() -> Router {
    let name = |subject: Option<&str>| subject.unwrap_or("nobody").to_owned();
    Router::new()
        .route("/claims", get(move |claims: Claims| async move { name(claims.subject()) }))
        .route(
            "/maybe-claims",
            get(move |claims: Option<Claims>| async move {
                claims.map_or("anonymous".into(), |claims| name(claims.subject()))
            }),
        )
        .route("/staff", get(|claims: Claims<Staff>| async move { claims.department.clone() }))
        .route(
            "/maybe-staff",
            get(|claims: Option<Claims<Staff>>| async move {
                claims.map_or("anonymous".into(), |claims| claims.department.clone())
            }),
        )
        .route("/principal", get(move |caller: Principal| async move { name(caller.subject()) }))
        .route(
            "/maybe-principal",
            get(move |caller: Option<Principal>| async move {
                caller.map_or("anonymous".into(), |caller| name(caller.subject()))
            }),
        )
}

const OF_CLAIMS: [&str; 2] = ["/claims", "/maybe-claims"];
const OF_STAFF: [&str; 2] = ["/staff", "/maybe-staff"];
const OF_PRINCIPAL: [&str; 2] = ["/principal", "/maybe-principal"];

fn plain(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn with(path: &str, token: TestToken) -> Request<Body> {
    let mut request = plain(path);
    request.headers_mut().insert(AUTHORIZATION, format!("Bearer {}", token.sign()).parse().unwrap());
    request
}

async fn told(app: &Router, request: Request<Body>) -> (u16, String) {
    let response: Response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn layer(issuer: &TestIssuer) -> AuthenticateLayer {
    AuthenticateLayer::new(issuer.verifier().build().unwrap())
}

fn staff_layer(issuer: &TestIssuer) -> AuthenticateLayer<Staff> {
    AuthenticateLayer::new(issuer.verifier().claims::<Staff>().build().unwrap())
}

fn is(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

#[tokio::test]
async fn a_verified_caller_is_there_in_every_form() {
    let issuer = TestIssuer::new();
    let token = || issuer.token().subject("alice").claim("department", "sales");
    let map = routes().layer(layer(&issuer));
    let typed = routes().layer(staff_layer(&issuer));
    for path in [OF_CLAIMS, OF_PRINCIPAL].concat() {
        assert_eq!(told(&map, with(path, token())).await, is(200, "alice"), "{path}");
    }
    for path in OF_STAFF {
        assert_eq!(told(&typed, with(path, token())).await, is(200, "sales"), "{path}");
    }
    for path in OF_PRINCIPAL {
        assert_eq!(told(&typed, with(path, token())).await, is(200, "alice"), "{path}");
    }
}

#[tokio::test]
async fn an_anonymous_caller_is_none_and_no_caller_at_all_is_401() {
    let issuer = TestIssuer::new();
    let map = routes().layer(layer(&issuer).optional());
    let typed = routes().layer(staff_layer(&issuer).optional());
    for (app, path, expected) in [
        (&map, "/claims", is(401, "")),
        (&map, "/maybe-claims", is(200, "anonymous")),
        (&map, "/principal", is(401, "")),
        (&map, "/maybe-principal", is(200, "anonymous")),
        (&typed, "/staff", is(401, "")),
        (&typed, "/maybe-staff", is(200, "anonymous")),
        (&typed, "/principal", is(401, "")),
        (&typed, "/maybe-principal", is(200, "anonymous")),
    ] {
        assert_eq!(told(app, plain(path)).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_and_never_none() {
    let issuer = TestIssuer::new();
    let app = routes().layer(layer(&issuer).optional());
    for path in ["/maybe-claims", "/maybe-principal"] {
        assert_eq!(told(&app, with(path, issuer.token().expired())).await, is(401, ""), "{path}");
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_the_type_are_a_refused_token() {
    let issuer = TestIssuer::new();
    let app = routes().layer(staff_layer(&issuer));
    for (name, token) in [
        ("absent", issuer.token()),
        ("of another type", issuer.token().claim("department", 7)),
        ("null", issuer.token().claim("department", serde_json::Value::Null)),
    ] {
        for path in ["/staff", "/principal"] {
            assert_eq!(told(&app, with(path, token.clone())).await, is(401, ""), "{name}, {path}");
        }
    }
}

#[tokio::test]
async fn without_the_layer_it_is_500_for_every_form() {
    let issuer = TestIssuer::new();
    for path in [OF_CLAIMS, OF_STAFF, OF_PRINCIPAL].concat() {
        assert_eq!(told(&routes(), plain(path)).await, is(500, ""), "{path}");
        assert_eq!(told(&routes(), with(path, issuer.token())).await, is(500, ""), "{path}, with a token");
    }
}

#[tokio::test]
async fn another_type_than_the_layers_is_500_for_every_caller() {
    let issuer = TestIssuer::new();
    let token = || issuer.token().claim("department", "sales");
    let map = routes().layer(layer(&issuer).optional());
    let typed = routes().layer(staff_layer(&issuer).optional());
    for (app, paths) in [(&map, OF_STAFF), (&typed, OF_CLAIMS)] {
        for path in paths {
            assert_eq!(told(app, with(path, token())).await, is(500, ""), "{path}");
            assert_eq!(told(app, plain(path)).await, is(500, ""), "{path}, anonymous");
        }
    }
}

#[tokio::test]
async fn claims_of_another_type_that_somebody_left_in_the_request_do_not_serve() {
    let issuer = TestIssuer::new();
    let app = routes().layer(layer(&issuer).optional());
    for path in OF_STAFF {
        let forged = caller("mallory").claim("department", "board");
        assert_eq!(
            told(&app, forged.clone().attach_as::<Staff, _>(plain(path))).await,
            is(500, ""),
            "{path}"
        );
        let request = forged.attach_as::<Staff, _>(with(path, issuer.token()));
        assert_eq!(told(&app, request).await, is(500, ""), "{path}, with a token");
    }
}

#[tokio::test]
async fn claims_that_a_layer_between_took_out_are_500_and_not_an_anonymous_caller() {
    let issuer = TestIssuer::new();
    let app = routes()
        .layer(from_fn(|mut request: axum::extract::Request, next: axum::middleware::Next| async move {
            request.extensions_mut().remove::<Claims>();
            next.run(request).await
        }))
        .layer(layer(&issuer));
    for path in OF_CLAIMS {
        assert_eq!(told(&app, with(path, issuer.token())).await, is(500, ""), "{path}");
    }
}

#[tokio::test]
async fn a_layer_between_that_took_out_everything_is_500_for_a_policy_and_for_a_principal() {
    let issuer = TestIssuer::new();
    let app = Router::new()
        .route("/optional", get(|| async { "ok" }).route_layer(require(optional("prices differ"))))
        .route("/authenticated", get(|| async { "ok" }).route_layer(require(authenticated())))
        .merge(routes())
        .layer(from_fn(|mut request: axum::extract::Request, next: axum::middleware::Next| async move {
            request.extensions_mut().clear();
            next.run(request).await
        }))
        .layer(layer(&issuer));
    for path in [["/optional", "/authenticated"], OF_PRINCIPAL, OF_CLAIMS].concat() {
        assert_eq!(told(&app, with(path, issuer.token())).await, is(500, ""), "{path}");
    }
}

#[tokio::test]
async fn extractors_stand_beside_others_and_more_than_once() {
    let issuer = TestIssuer::new();
    let handler = |Path(id): Path<u32>, one: Claims, other: Claims, caller: Principal| async move {
        assert_eq!((one.subject(), other.subject()), (caller.subject(), caller.subject()));
        format!("order {id} of {}", caller.subject().unwrap())
    };
    let app = Router::new().route("/orders/{id}", get(handler)).layer(layer(&issuer));
    assert_eq!(told(&app, with("/orders/7", issuer.token())).await, is(200, "order 7 of alice"));
}

#[tokio::test]
async fn the_rejection_is_an_auth_error_that_a_handler_may_look_at() {
    let issuer = TestIssuer::new();
    let handler = |claims: Result<Claims, AuthError>| async move {
        match claims {
            Ok(_) => "admitted".to_owned(),
            Err(error) => format!("{} {}", error.status(), error.reason()),
        }
    };
    let route = || Router::new().route("/", get(handler));
    for (name, app, expected) in [
        ("no layer", route(), "500 Internal Server Error layer_missing"),
        ("anonymous", route().layer(layer(&issuer).optional()), "401 Unauthorized missing_token"),
        (
            "another type",
            route().layer(staff_layer(&issuer).optional()),
            "500 Internal Server Error claims_type_differs",
        ),
    ] {
        assert_eq!(told(&app, plain("/")).await, is(200, expected), "{name}");
    }
}

#[tokio::test]
async fn what_the_claims_say_is_what_the_token_said() {
    let issuer = TestIssuer::new();
    let handler = |claims: Claims<Staff>| async move {
        let caller = claims.principal();
        assert_eq!(claims.issuer(), "https://issuer.test");
        assert_eq!(claims.scopes().collect::<Vec<_>>(), ["a", "b"]);
        assert!(claims.has_scope("a") && claims.has_role("clerk") && !claims.has_scope("c"));
        assert_eq!(claims.expires_at(), UNIX_EPOCH + Duration::from_secs(1_767_225_600 + 300));
        assert_eq!(caller.issued_at(), Some(UNIX_EPOCH + Duration::from_secs(1_767_225_600)));
        assert_eq!(caller.audiences().collect::<Vec<_>>(), ["https://api.test"]);
        assert_eq!((caller.client(), caller.token_id()), (Some("web"), Some("7")));
        assert_eq!(caller.claim("/deep/er"), Some(&serde_json::json!([1])));
        assert!(claims.require(scope("a")).is_ok() && claims.require(scope("c")).is_err());
        "all of it"
    };
    let app = Router::new().route("/", get(handler)).layer(staff_layer(&issuer));
    let token = issuer
        .token()
        .scope("a b")
        .role("clerk")
        .claim("department", "sales")
        .claim("client_id", "web")
        .claim("jti", "7")
        .claim("deep", serde_json::json!({"er": [1]}));
    assert_eq!(told(&app, with("/", token)).await, is(200, "all of it"));
}

// The test kit's way around the layer.

#[tokio::test]
async fn a_test_caller_is_taken_for_a_verified_one() {
    let app = routes();
    for path in [OF_CLAIMS, OF_PRINCIPAL].concat() {
        assert_eq!(told(&app, caller("alice").attach(plain(path))).await, is(200, "alice"), "{path}");
    }
    for path in OF_STAFF {
        let staff = caller("alice").claim("department", "sales").attach_as::<Staff, _>(plain(path));
        assert_eq!(told(&app, staff).await, is(200, "sales"), "{path}");
        assert_eq!(told(&app, caller("alice").attach(plain(path))).await, is(500, ""), "{path}, as a map");
    }
}

#[tokio::test]
async fn a_test_caller_meets_policies_by_what_it_was_given() {
    let app = Router::new().route(
        "/",
        get(|claims: Claims| async move { claims.subject().unwrap().to_owned() })
            .route_layer(require(scope("orders:read"))),
    );
    for (name, request, status) in [
        ("with the scope", caller("alice").scope("x orders:read").attach(plain("/")), StatusCode::OK),
        ("without it", caller("alice").attach(plain("/")), StatusCode::FORBIDDEN),
        ("anonymous", anonymous::<ClaimMap, _>(plain("/")), StatusCode::UNAUTHORIZED),
        ("nothing attached", plain("/"), StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{name}");
    }
}

#[tokio::test]
async fn an_anonymous_test_request_is_one_of_an_optional_layer_of_that_type() {
    let app = routes();
    for (path, expected) in [
        ("/maybe-claims", is(200, "anonymous")),
        ("/maybe-principal", is(200, "anonymous")),
        ("/claims", is(401, "")),
        ("/principal", is(401, "")),
        ("/maybe-staff", is(500, "")),
    ] {
        assert_eq!(told(&app, anonymous::<ClaimMap, _>(plain(path))).await, expected, "{path}");
    }
    assert_eq!(told(&app, anonymous::<Staff, _>(plain("/maybe-staff"))).await, is(200, "anonymous"));
}

#[tokio::test]
async fn an_anonymous_test_request_has_no_claims_even_if_some_were_attached_before() {
    let request = anonymous::<ClaimMap, _>(caller("alice").attach(plain("/maybe-claims")));
    assert_eq!(told(&routes(), request).await, is(200, "anonymous"));
}

#[tokio::test]
async fn a_test_callers_claims_are_there_without_a_request() {
    let staff: Claims<Staff> = caller("alice").claim("department", "sales").claims();
    assert_eq!((staff.subject(), staff.department.as_str()), (Some("alice"), "sales"));
    assert!(!format!("{staff:?}").contains("sales"), "Debug shows no claim's value");
}

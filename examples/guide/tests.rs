//! What the guide's shop promises, without a network and without an issuer.

use super::*;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response},
};
use tower::ServiceExt;
use tower_bearer::testing::{TestIssuer, caller};

// Whoever changes a policy changes this table, and the reviewer sees it.
#[test]
fn every_route_has_the_policy_that_was_agreed() {
    let table = routes().table();
    table.check().unwrap();
    let expected = "\
method    path                 policy               reason
FALLBACK  /*                   public               a page that says so
GET       /health              public               probes have no token
GET       /orders              scope(orders:read)
POST      /orders              scope(orders:write)
GET       /orders/{id}         scope(orders:read)
POST      /orders/{id}/refund  rule(can-refund)

rule(can-refund) is scope(orders:write) & role(clerk)
";
    assert_eq!(table.to_string(), expected);
}

// A handler is a function, and `caller` makes its claims without any token.
#[tokio::test]
async fn an_order_belongs_to_whoever_sent_the_token() {
    let alice = caller("alice").claims::<User>();
    let (status, order) = create(State(Shop::default()), alice, Json(NewOrder { item: "tea".into() })).await;
    assert_eq!((status, &*order.buyer), (StatusCode::CREATED, "alice"));
}

// The whole way: `TestIssuer` signs tokens and serves the keys to the verifier, all in this process.
#[tokio::test]
async fn who_may_not_is_refused_and_told_what_is_missing() {
    let issuer = TestIssuer::new();
    let shop = shop(&issuer);
    let reader = issuer.token().scope("orders:read").sign();
    let expired = issuer.token().scope("orders:read").expired().sign();
    for (name, method, path, token, status, told) in [
        ("nobody asks for health", "GET", "/health", None, 200, ""),
        ("nobody asks for what is not there", "GET", "/nowhere", None, 404, ""),
        ("nobody asks for orders", "GET", "/orders", None, 401, r#"Bearer scope="orders:read""#),
        ("a token that is too old", "GET", "/orders", Some(&expired), 401, r#"error="invalid_token""#),
        ("a reader reads", "GET", "/orders", Some(&reader), 200, ""),
        ("a reader writes", "POST", "/orders", Some(&reader), 403, r#"scope="orders:write""#),
        ("a reader refunds", "POST", "/orders/0/refund", Some(&reader), 403, r#"error="insufficient_scope""#),
    ] {
        let response = send(&shop, method, path, token.map(String::as_str)).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        let challenge = response.headers().get("www-authenticate").map_or("", |it| it.to_str().unwrap());
        assert!(challenge.contains(told) && challenge.is_empty() == told.is_empty(), "{name}: {challenge}");
    }
}

#[tokio::test]
async fn an_order_is_shown_to_its_buyer_and_to_a_clerk_and_refunded_by_a_clerk_alone() {
    let issuer = TestIssuer::new();
    let shop = shop(&issuer);
    let token = |subject: &str| issuer.token().subject(subject).scope("orders:read orders:write");
    let (alice, bob) = (token("alice").sign(), token("bob").sign());
    let clerk = token("carol").role("clerk").sign();
    assert_eq!(send(&shop, "POST", "/orders", Some(&alice)).await.status(), StatusCode::CREATED);

    assert_eq!(send(&shop, "GET", "/orders/0", Some(&bob)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(send(&shop, "GET", "/orders/0", Some(&alice)).await.status(), StatusCode::OK);
    assert_eq!(send(&shop, "GET", "/orders/0", Some(&clerk)).await.status(), StatusCode::OK);
    let bobs = send(&shop, "GET", "/orders", Some(&bob)).await.into_body();
    assert_eq!(to_bytes(bobs, 1024).await.unwrap(), "[]");

    assert_eq!(send(&shop, "POST", "/orders/0/refund", Some(&alice)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(send(&shop, "POST", "/orders/0/refund", Some(&clerk)).await.status(), StatusCode::OK);
}

// A browser's preflight has no token, and its page may read a refusal.
#[tokio::test]
async fn the_page_of_the_shop_is_let_through_to_be_refused() {
    let shop = shop(&TestIssuer::new());
    let origin = Request::builder().uri("/orders").header("origin", "https://shop.example.com");
    let preflight = origin.method("OPTIONS").header("access-control-request-method", "GET");
    let response = shop.clone().oneshot(preflight.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");

    let refused = send(&shop, "GET", "/orders", None).await;
    assert_eq!(refused.headers()["access-control-expose-headers"], "www-authenticate,retry-after");
}

fn shop(issuer: &TestIssuer) -> Router {
    let verifier = issuer.verifier().claims::<User>().build().unwrap();
    routes().with_state(Shop::default()).into_router(AuthenticateLayer::new(verifier))
}

async fn send(shop: &Router, method: &str, path: &str, token: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    shop.clone().oneshot(request.body(Body::from(r#"{"item":"tea"}"#)).unwrap()).await.unwrap()
}

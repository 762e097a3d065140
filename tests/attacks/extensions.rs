//! Callers in a request's extensions whom the layer nearest to the policy did not put there.

use axum::{
    Router,
    body::Body,
    extract::Request,
    handler::Handler as _,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer, AuthorizeLayer, Claims,
    claims::Principal,
    policy::{Policy, optional, scope},
    testing::TestIssuer,
};

fn guarded(policy: Policy) -> Router {
    Router::new().route("/", get(|| async { "done" })).layer(AuthorizeLayer::new(policy))
}

async fn status(app: Router, token: Option<&str>) -> u16 {
    let mut request = Request::get("/");
    if let Some(token) = token {
        request = request.header("cookie", format!("session={token}"));
    }
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
}

/// Whom a verifier of another kind (another audience, a cache of the application's) once admitted.
async fn somebody(issuer: &TestIssuer) -> Principal {
    let verifier = issuer.verifier().build().unwrap();
    verifier.verify(&issuer.token().scope("a").sign()).await.unwrap().principal().clone()
}

fn inserting(
    caller: Principal,
) -> impl Fn(Request, Next) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>> + Clone {
    move |mut request: Request, next: Next| {
        request.extensions_mut().insert(caller.clone());
        Box::pin(next.run(request))
    }
}

/// The layer's word counts, and a principal beside it for nothing.
#[tokio::test]
async fn whom_the_layer_called_anonymous_is_nobody_whoever_is_put_in_afterwards() {
    let issuer = TestIssuer::new();
    let caller = somebody(&issuer).await;
    let authenticate = AuthenticateLayer::new(issuer.verifier().build().unwrap()).optional();
    let app = guarded(scope("a")).layer(from_fn(inserting(caller))).layer(authenticate);
    assert_eq!(status(app, None).await, 401);
}

/// No word of a layer is there, so no layer was.
#[tokio::test]
async fn a_principal_without_a_layer_is_a_mistake_in_the_wiring() {
    let issuer = TestIssuer::new();
    let app = guarded(scope("a")).layer(from_fn(inserting(somebody(&issuer).await)));
    assert_eq!(status(app, None).await, 500);
}

async fn remove(mut request: Request, next: Next) -> Response {
    request.extensions_mut().clear();
    next.run(request).await
}

/// Policies have judged alice; whoever another verifier of the same claims type knows is somebody else.
#[tokio::test]
async fn another_verifiers_claims_of_the_same_type_are_not_the_callers() {
    let (issuer, other) = (TestIssuer::new(), TestIssuer::named("https://other.example.com"));
    let verifier = other.verifier().build().unwrap();
    let bob = verifier.verify(&other.token().subject("bob").scope("admin").sign()).await.unwrap();
    let smuggle = move |mut request: Request, next: Next| {
        request.extensions_mut().insert(bob.clone());
        next.run(request)
    };
    let says_who = |claims: Claims| async move { claims.subject().unwrap_or_default().to_owned() };
    let token = issuer.token().subject("alice").scope("a").sign();
    let layer = || AuthenticateLayer::new(issuer.verifier().build().unwrap()).danger_cookie("session");
    let app = |handler| {
        let guarded = Router::new().route("/", handler).layer(AuthorizeLayer::new(scope("a")));
        guarded.layer(layer())
    };
    assert_eq!(status(app(get(says_who)), Some(&token)).await, 200);
    assert_eq!(status(app(get(says_who.layer(from_fn(smuggle)))), Some(&token)).await, 500);
}

/// The outer layer looks at the header and says "anonymous"; the inner one finds a token in a cookie.
#[tokio::test]
async fn an_admitted_caller_who_was_taken_out_is_not_anonymous_because_an_outer_layer_said_so() {
    let issuer = TestIssuer::new();
    let layer = || AuthenticateLayer::new(issuer.verifier().build().unwrap()).optional();
    let inner = layer().danger_cookie("session");
    let token = issuer.token().scope("a").sign();
    let app = guarded(optional("members see theirs")).layer(from_fn(remove)).layer(inner);
    assert_eq!(status(app.clone(), Some(&token)).await, 500);
    assert_eq!(status(app.layer(layer()), Some(&token)).await, 500);
}

#[tokio::test]
async fn of_two_nested_layers_the_inner_one_has_the_word() {
    let (issuer, other) = (TestIssuer::new(), TestIssuer::named("https://other.example.com"));
    let layer = |issuer: &TestIssuer| AuthenticateLayer::new(issuer.verifier().build().unwrap()).optional();
    let token = issuer.token().scope("a").sign();
    // The outer one admits by cookie, the inner one sees no header.
    let app = guarded(scope("a")).layer(layer(&other)).layer(layer(&issuer).danger_cookie("session"));
    assert_eq!(status(app, Some(&token)).await, 401);
    let app = guarded(scope("a")).layer(layer(&issuer).danger_cookie("session")).layer(layer(&other));
    assert_eq!(status(app, Some(&token)).await, 200);
}

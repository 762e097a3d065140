//! The answers, row by row as `docs/design.md` has them: what a client of an axum service gets to see.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{
    Router,
    body::Body,
    handler::Handler,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http::{
    HeaderName, Method, Request,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    response::Parts,
};
use http_body_util::BodyExt as _;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims, Issuer, Verifier,
    challenge::{ProblemJson, Render},
    claims::Principal,
    keys::{Fetch, FetchFuture, FetchRequest},
    policy::{all_scopes, any_scope, authenticated, deny, optional, role, scope},
    require,
    testing::{AUDIENCE, TestIssuer, TestToken},
};

const MALFORMED_REQUEST: &str =
    r#"Bearer error="invalid_request", error_description="the request carries malformed credentials""#;
const MALFORMED: &str = r#"Bearer error="invalid_token", error_description="the token is malformed""#;
const REFUSED: &str = r#"Bearer error="invalid_token", error_description="the token is not valid here""#;
const EXPIRED: &str = r#"Bearer error="invalid_token", error_description="the token has expired""#;
const EARLY: &str = r#"Bearer error="invalid_token", error_description="the token is not valid yet""#;

/// Everything of an answer that a client can see.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    challenge: Option<String>,
    cache_control: Option<String>,
    retry_after: Option<String>,
    content_type: Option<String>,
    body: String,
}

impl Answer {
    /// A refusal with an empty body.
    fn refusal(status: u16, challenge: Option<&str>) -> Self {
        Self {
            status,
            challenge: challenge.map(str::to_owned),
            cache_control: Some("no-store".into()),
            retry_after: None,
            content_type: None,
            body: String::new(),
        }
    }

    fn with_body(mut self, content_type: Option<&str>, body: &str) -> Self {
        self.content_type = content_type.map(str::to_owned);
        self.body = body.to_owned();
        self
    }

    fn retry_after(mut self, seconds: &str) -> Self {
        self.retry_after = Some(seconds.to_owned());
        self
    }

    async fn of(response: Response) -> Self {
        let text = |name: HeaderName| {
            let mut values = response.headers().get_all(name).iter();
            let value = values.next().map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(values.next(), None, "said twice");
            value
        };
        let [challenge, cache_control, retry_after, content_type] =
            [WWW_AUTHENTICATE, CACHE_CONTROL, RETRY_AFTER, CONTENT_TYPE].map(text);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status, challenge, cache_control, retry_after, content_type, body }
    }
}

fn request(path: &str, headers: &[&str]) -> Request<Body> {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for value in headers {
        request.headers_mut().append(AUTHORIZATION, value.parse().unwrap());
    }
    request
}

async fn answer(app: &Router, path: &str, headers: &[&str]) -> Answer {
    Answer::of(app.clone().oneshot(request(path, headers)).await.unwrap()).await
}

/// With a token, or without.
async fn ask(app: &Router, path: &str, token: Option<TestToken>) -> Answer {
    let header = token.map(|token| format!("Bearer {}", token.sign()));
    answer(app, path, header.as_deref().as_slice()).await
}

async fn loaded(issuer: &TestIssuer) -> Verifier {
    let verifier = issuer.verifier().build().unwrap();
    assert!(verifier.warm_up().await.is_ready());
    verifier
}

/// An application's own error that hands refusals on.
enum AppError {
    Refused(AuthError),
    OutOfStock,
}

impl From<AuthError> for AppError {
    fn from(error: AuthError) -> Self {
        Self::Refused(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(error) => error.into_response(),
            Self::OutOfStock => (http::StatusCode::CONFLICT, "out of stock").into_response(),
        }
    }
}

async fn ok() -> &'static str {
    "ok"
}

async fn in_the_handler(claims: Claims) -> Result<&'static str, AuthError> {
    claims.require(scope("orders:write") & role("clerk"))?;
    Ok("ok")
}

async fn with_an_own_error(claims: Claims) -> Result<&'static str, AppError> {
    claims.require(scope("orders:write"))?;
    Err(AppError::OutOfStock)
}

async fn the_principal_in_the_handler(caller: Principal) -> Result<&'static str, AuthError> {
    caller.require(scope("orders:write"))?;
    Ok("ok")
}

#[derive(Debug, serde::Deserialize)]
struct Staff {
    #[serde(rename = "department")]
    _department: String,
}

fn routes() -> Router {
    Router::new()
        .route("/", get(ok))
        .route("/claims", get(|_: Claims| ok()))
        .route("/principal", get(|_: Principal| ok()))
        .route("/maybe", get(|_: Option<Claims>| ok()))
        .route("/staff", get(|_: Claims<Staff>| ok()))
        .route("/maybe-staff", get(|_: Option<Claims<Staff>>| ok()))
        .route("/read", get(ok).route_layer(require(scope("orders:read"))))
        .route("/role", get(ok).route_layer(require(role("clerk"))))
        .route("/any", get(ok).route_layer(require(any_scope(["a", "b"]))))
        .route("/all", get(ok).route_layer(require(all_scopes(["a", "b"]))))
        .route("/either", get(ok).route_layer(require(all_scopes(["a", "b"]) | scope("c"))))
        .route("/authenticated", get(ok).route_layer(require(authenticated())))
        .route("/optional", get(ok).route_layer(require(optional("prices differ"))))
        .route("/deny", get(ok).route_layer(require(deny())))
        .route("/handler", get(in_the_handler))
        .route("/principal-handler", get(the_principal_in_the_handler))
        .route("/own-error", get(with_an_own_error))
}

// Row by row.

#[tokio::test]
async fn without_credentials_it_is_401_with_a_bare_challenge() {
    let app = routes().layer(AuthenticateLayer::new(loaded(&TestIssuer::new()).await));
    for (name, headers) in
        [("no header", &[][..]), ("another scheme", &["Basic YTpi"]), ("DPoP", &["DPoP a.b.c"])]
    {
        for path in ["/", "/read", "/claims", "/nowhere"] {
            let expected = Answer::refusal(401, Some("Bearer"));
            assert_eq!(answer(&app, path, headers).await, expected, "{name}, {path}");
        }
    }
}

#[tokio::test]
async fn without_credentials_the_challenge_names_the_routes_scope_where_it_is_known() {
    let layer = AuthenticateLayer::new(loaded(&TestIssuer::new()).await).optional();
    let app = routes().layer(layer);
    for (path, challenge) in [
        ("/read", r#"Bearer scope="orders:read""#),
        ("/any", r#"Bearer scope="a""#),
        ("/all", r#"Bearer scope="a b""#),
        ("/either", r#"Bearer scope="c""#),
        ("/role", "Bearer"),
        ("/authenticated", "Bearer"),
        ("/deny", "Bearer"),
        ("/claims", "Bearer"),
        ("/principal", "Bearer"),
        ("/handler", "Bearer"),
    ] {
        assert_eq!(answer(&app, path, &[]).await, Answer::refusal(401, Some(challenge)), "{path}");
    }
    for path in ["/", "/maybe", "/optional"] {
        assert_eq!(answer(&app, path, &[]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn malformed_credentials_are_400() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let good = format!("Bearer {}", issuer.token().sign());
    let long = format!("Bearer {}", "a".repeat(16 * 1024 + 1));
    for (name, headers) in [
        ("two headers", &[good.as_str(), &good][..]),
        ("two schemes", &[&good, "Basic YTpi"]),
        ("nothing behind Bearer", &["Bearer"]),
        ("only spaces behind it", &["Bearer  "]),
        ("two tokens", &["Bearer a.b.c d.e.f"]),
        ("quotes", &["Bearer \"a.b.c\""]),
        ("a comma", &["Bearer a.b.c,"]),
        ("too long", &[&long]),
    ] {
        let expected = Answer::refusal(400, Some(MALFORMED_REQUEST));
        assert_eq!(answer(&app, "/", headers).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_refused_token_is_401_with_a_sentence_of_the_fixed_list() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let now = issuer.token().sign();
    let unsigned = format!("{}.{}", now.rsplit_once('.').unwrap().0, "AAAA");
    let later = 4_102_444_800u64;
    for (name, token, challenge) in [
        ("one word", "abc".into(), MALFORMED),
        ("an encrypted token", "a.b.c.d.e".into(), MALFORMED),
        ("no base64", "a.b.c".into(), MALFORMED),
        ("claims that are no object", issuer.token().sign_payload(b"[]"), MALFORMED),
        ("exp as a text", issuer.token().claim("exp", "tomorrow").sign(), MALFORMED),
        ("expired", issuer.token().expired().sign(), EXPIRED),
        ("not yet", issuer.token().claim("nbf", later).sign(), EARLY),
        ("issued in the future", issuer.token().claim("iat", later).sign(), EARLY),
        ("of another audience", issuer.token().audience("https://other.test").sign(), REFUSED),
        ("of another issuer", issuer.token().claim("iss", "https://evil.test").sign(), REFUSED),
        ("without exp", issuer.token().without("exp").sign(), REFUSED),
        ("alg none", issuer.token().header("alg", "none").sign(), REFUSED),
        ("of another typ", issuer.token().typ("dpop+jwt").sign(), REFUSED),
        ("an ID token", issuer.token().claim("at_hash", "x").sign(), REFUSED),
        ("bound to a key", issuer.token().claim("cnf", "x").sign(), REFUSED),
        ("an unknown kid", issuer.token().header("kid", "unknown").sign(), REFUSED),
        ("a wrong signature", unsigned, REFUSED),
    ] {
        let header = format!("Bearer {token}");
        let expected = Answer::refusal(401, Some(challenge));
        assert_eq!(answer(&app, "/", &[&header]).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_policy_that_is_not_met_is_403_with_the_scopes_that_are_needed() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let with_scope = |scope: &str| {
        let more = "the token does not permit this request";
        let scope = if scope.is_empty() { String::new() } else { format!(r#", scope="{scope}""#) };
        Answer::refusal(
            403,
            Some(&format!(r#"Bearer error="insufficient_scope", error_description="{more}"{scope}"#)),
        )
    };
    let token = || issuer.token();
    for (name, path, token, needed) in [
        ("the scope", "/read", token(), "orders:read"),
        ("another scope", "/read", token().scope("orders:reader"), "orders:read"),
        ("a role", "/role", token(), ""),
        ("one of two, the first on a tie", "/any", token(), "a"),
        ("both of two", "/all", token(), "a b"),
        ("both of two, though one is there", "/all", token().scope("a"), "a b"),
        ("the way with the fewest missing", "/either", token(), "c"),
        ("the first way on a tie", "/either", token().scope("a"), "a b"),
        ("nobody may", "/deny", token(), ""),
        ("asked in the handler", "/handler", token(), "orders:write"),
        ("asked in the handler, the role missing", "/handler", token().scope("orders:write"), "orders:write"),
        ("asked of the principal", "/principal-handler", token(), "orders:write"),
        ("through an error of one's own", "/own-error", token(), "orders:write"),
    ] {
        assert_eq!(ask(&app, path, Some(token)).await, with_scope(needed), "{name}");
    }
    for (path, token) in [
        ("/read", token().scope("x orders:read")),
        ("/role", token().role("clerk")),
        ("/any", token().scope("b")),
        ("/all", token().scope("b a")),
        ("/either", token().scope("c")),
        ("/authenticated", token()),
        ("/optional", token()),
        ("/handler", token().scope("orders:write").role("clerk")),
    ] {
        assert_eq!(ask(&app, path, Some(token)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_own_error_that_is_no_refusal_is_left_alone() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await).render(ProblemJson));
    let out_of_stock = ask(&app, "/own-error", Some(issuer.token().scope("orders:write"))).await;
    assert_eq!((out_of_stock.status, out_of_stock.body.as_str()), (409, "out of stock"));
    assert_eq!((out_of_stock.challenge, out_of_stock.cache_control), (None, None));
}

#[tokio::test]
async fn an_issuer_that_is_down_is_503_with_retry_after_and_without_a_challenge() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap())
        .realm("orders")
        .resource_metadata("https://api.test/.well-known/oauth-protected-resource");
    let app = routes().layer(layer);
    let first = ask(&app, "/", Some(issuer.token())).await;
    // The first back-off is a second and up to a tenth.
    let seconds = first.retry_after.clone().unwrap();
    assert!(["1", "2"].contains(&seconds.as_str()), "{seconds}");
    let expected = Answer::refusal(503, None).retry_after(&seconds);
    assert_eq!(first, expected, "the first request");
    for _ in 0..3 {
        assert_eq!(ask(&app, "/", Some(issuer.token())).await, expected, "while nobody asks again");
    }
}

#[tokio::test]
async fn retry_after_is_the_back_off_in_whole_seconds_rounded_up() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let app = routes().layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let clock = issuer.clock();
    // The back-off doubles; its jitter is a tenth.
    for (least, most) in [(1, 2), (2, 3), (4, 5), (8, 9), (15, 18), (29, 36), (54, 60), (54, 60)] {
        let told = ask(&app, "/", Some(issuer.token())).await.retry_after.unwrap();
        let told: u64 = told.parse().unwrap();
        assert!((least..=most).contains(&told), "{least} to {most}: {told}");
        clock.advance(std::time::Duration::from_secs(61));
    }
}

#[tokio::test]
async fn a_wrong_wiring_is_500_and_says_nothing_to_the_client() {
    let issuer = TestIssuer::new();
    let verifier = loaded(&issuer).await;
    let required = routes().layer(AuthenticateLayer::new(verifier.clone()));
    let optional = routes().layer(AuthenticateLayer::new(verifier).optional());
    for (name, app, path, token) in [
        ("another T", &required, "/staff", Some(issuer.token().claim("department", "sales"))),
        ("another T, as Option", &required, "/maybe-staff", Some(issuer.token())),
        ("another T, anonymous", &optional, "/staff", None),
        ("another T, as Option, anonymous", &optional, "/maybe-staff", None),
    ] {
        assert_eq!(ask(app, path, token).await, Answer::refusal(500, None), "{name}");
    }
}

#[tokio::test]
async fn without_the_layer_it_is_500_and_never_anonymous() {
    let issuer = TestIssuer::new();
    let app = routes();
    let token = || Some(issuer.token().scope("orders:read a b c").role("clerk"));
    for path in
        ["/claims", "/maybe", "/staff", "/maybe-staff", "/principal", "/read", "/optional", "/handler"]
    {
        for (name, token) in [("a token", token()), ("none", None)] {
            let answer = ask(&app, path, token).await;
            assert_eq!((answer.status, answer.challenge), (500, None), "{path}, {name}");
            assert_eq!(answer.body, "", "{path}, {name}");
        }
    }
    assert_eq!(ask(&app, "/", None).await.status, 200, "a route that asks for nothing");
}

#[tokio::test]
async fn the_policy_outside_of_the_layer_is_500_too() {
    let issuer = TestIssuer::new();
    let app = Router::new()
        .route("/", get(ok))
        .layer(AuthenticateLayer::new(loaded(&issuer).await))
        .layer(require(scope("orders:read")));
    let answer = ask(&app, "/", Some(issuer.token().scope("orders:read"))).await;
    assert_eq!((answer.status, answer.challenge), (500, None));
}

#[tokio::test]
async fn route_layer_leaves_the_405_of_a_method_router_alone_and_layer_does_not() {
    let issuer = TestIssuer::new();
    let guarded = || require(scope("orders:read"));
    let app = Router::new()
        .route("/route-layer", get(ok).route_layer(guarded()))
        .route("/layer", get(ok).layer(guarded()))
        .layer(AuthenticateLayer::new(loaded(&issuer).await));
    let token = format!("Bearer {}", issuer.token().sign());
    for (path, status) in [("/route-layer", 405), ("/layer", 403)] {
        let mut request = request(path, &[&token]);
        *request.method_mut() = Method::DELETE;
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

/// axum's own rule, which our documents warn of: if it changes, they should say so.
#[tokio::test]
async fn route_layer_leaves_out_an_any_beside_other_methods_and_a_layer_on_the_handler_does_not() {
    let issuer = TestIssuer::new();
    let guarded = || require(scope("orders:read"));
    let app = Router::new()
        .route("/left-out", any(ok).get(ok).route_layer(guarded()))
        .route("/guarded", any(ok.layer(guarded())).get(ok).route_layer(guarded()))
        .layer(AuthenticateLayer::new(loaded(&issuer).await));
    let token = format!("Bearer {}", issuer.token().sign());
    for (path, status) in [("/left-out", 200), ("/guarded", 403)] {
        let mut request = request(path, &[&token]);
        *request.method_mut() = Method::POST;
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_refusal_of_head_has_no_body_and_of_any_method_the_same_head() {
    let app = Router::new()
        .route("/", any(ok))
        .layer(AuthenticateLayer::new(loaded(&TestIssuer::new()).await).render(ProblemJson));
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS] {
        let mut request = request("/", &[]);
        *request.method_mut() = method.clone();
        let answer = Answer::of(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!((answer.status, answer.challenge.as_deref()), (401, Some("Bearer")), "{method}");
        assert_eq!(answer.body.is_empty(), method == Method::HEAD, "{method}");
    }
}

// How it looks.

#[tokio::test]
async fn realm_and_resource_metadata_stand_in_every_challenge_they_belong_to() {
    let issuer = TestIssuer::new();
    let metadata = "https://api.test/.well-known/oauth-protected-resource";
    let layer = AuthenticateLayer::new(loaded(&issuer).await)
        .optional()
        .realm("the \"orders\"")
        .resource_metadata(metadata);
    let app = routes().layer(layer);
    let realm = r#"Bearer realm="the \"orders\"""#;
    let pointer = format!(r#"resource_metadata="{metadata}""#);
    for (name, path, headers, status, challenge) in [
        ("no credentials", "/claims", &[][..], 401, format!("{realm}, {pointer}")),
        (
            "no credentials for a policy",
            "/read",
            &[],
            401,
            format!("{realm}, scope=\"orders:read\", {pointer}"),
        ),
        (
            "a malformed request",
            "/",
            &["Bearer"],
            400,
            format!("{realm}, {}", MALFORMED_REQUEST.trim_start_matches("Bearer ")),
        ),
        (
            "a refused token",
            "/",
            &["Bearer a.b.c"],
            401,
            format!("{realm}, {}, {pointer}", MALFORMED.trim_start_matches("Bearer ")),
        ),
    ] {
        assert_eq!(answer(&app, path, headers).await, Answer::refusal(status, Some(&challenge)), "{name}");
    }
    let denied = ask(&app, "/read", Some(issuer.token())).await.challenge.unwrap();
    assert!(denied.starts_with(&format!("{realm}, error=\"insufficient_scope\"")), "{denied}");
    assert!(denied.ends_with(&pointer), "{denied}");
}

#[tokio::test]
async fn metadata_is_never_made_up_from_the_request() {
    let app = routes().layer(AuthenticateLayer::new(loaded(&TestIssuer::new()).await));
    let mut request = request("/", &[]);
    for name in ["host", "x-forwarded-host", "forwarded"] {
        request.headers_mut().insert(name, "evil.test".parse().unwrap());
    }
    let answer = Answer::of(app.oneshot(request).await.unwrap()).await;
    assert_eq!(answer, Answer::refusal(401, Some("Bearer")));
}

#[tokio::test]
async fn problem_json_draws_every_refusal_wherever_it_comes_from() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await).optional().render(ProblemJson));
    let problem = |status: u16, title: &str, detail: Option<&str>| {
        let mut problem = serde_json::json!({"status": status, "title": title});
        if let Some(detail) = detail {
            problem["detail"] = detail.into();
        }
        problem
    };
    let expired = format!("Bearer {}", issuer.token().expired().sign());
    let good = format!("Bearer {}", issuer.token().sign());
    for (name, path, headers, expected) in [
        ("the extractor", "/claims", &[][..], problem(401, "authentication required", None)),
        ("the policy", "/read", &[], problem(401, "authentication required", None)),
        (
            "the layer, malformed",
            "/",
            &["Bearer"],
            problem(400, "malformed credentials", Some("the request carries malformed credentials")),
        ),
        (
            "the layer, a bad token",
            "/",
            &[&expired],
            problem(401, "access token refused", Some("the token has expired")),
        ),
        (
            "the policy, denied",
            "/read",
            &[&good],
            problem(403, "insufficient scope", Some("the token does not permit this request")),
        ),
        (
            "the handler",
            "/handler",
            &[&good],
            problem(403, "insufficient scope", Some("the token does not permit this request")),
        ),
        ("wired wrong", "/staff", &[&good], problem(500, "internal server error", None)),
    ] {
        let answer = answer(&app, path, headers).await;
        assert_eq!(answer.content_type.as_deref(), Some("application/problem+json"), "{name}");
        assert_eq!(answer.cache_control.as_deref(), Some("no-store"), "{name}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&answer.body).unwrap(), expected, "{name}");
        assert_eq!(u64::from(answer.status), expected["status"], "{name}");
    }
}

#[tokio::test]
async fn problem_json_draws_an_outage() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let app = routes().layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()).render(ProblemJson));
    let body = r#"{"status":503,"title":"authentication is temporarily unavailable"}"#;
    let answer = ask(&app, "/", Some(issuer.token())).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, body));
    assert_eq!(answer.content_type.as_deref(), Some("application/problem+json"));
}

/// A renderer as an application would write one.
#[derive(Clone)]
struct House {
    name: &'static str,
}

impl Render<Body> for House {
    fn render(&self, error: &AuthError, head: &mut Parts) -> Body {
        head.headers.insert("x-house", self.name.parse().unwrap());
        Body::from(format!("{}: {}", head.status.as_u16(), error.description().unwrap_or("sign in")))
    }
}

#[tokio::test]
async fn a_renderer_of_ones_own_draws_them_all() {
    let issuer = TestIssuer::new();
    let verifier = loaded(&issuer).await;
    let by_struct =
        routes().layer(AuthenticateLayer::new(verifier.clone()).optional().render(House { name: "acme" }));
    let by_closure = routes().layer(AuthenticateLayer::new(verifier).optional().render(
        |error: &AuthError, head: &mut Parts| {
            head.headers.insert("x-house", "acme".parse().unwrap());
            Body::from(format!("{}: {}", head.status.as_u16(), error.description().unwrap_or("sign in")))
        },
    ));
    let good = format!("Bearer {}", issuer.token().sign());
    for (name, app) in [("a struct", by_struct), ("a closure", by_closure)] {
        for (path, headers, status, challenge, body) in [
            ("/claims", &[][..], 401, Some("Bearer"), "401: sign in"),
            ("/read", &[], 401, Some(r#"Bearer scope="orders:read""#), "401: sign in"),
            ("/", &["Bearer a.b.c"], 401, Some(MALFORMED), "401: the token is malformed"),
            ("/staff", &[&good], 500, None, "500: sign in"),
        ] {
            let response = app.clone().oneshot(request(path, headers)).await.unwrap();
            assert_eq!(response.headers()["x-house"], "acme", "{name}, {path}");
            let expected = Answer::refusal(status, challenge).with_body(None, body);
            assert_eq!(Answer::of(response).await, expected, "{name}, {path}");
        }
    }
}

// Who may reach 503.

struct Counting {
    documents: Box<dyn Fetch>,
    count: Arc<AtomicU64>,
}

impl Fetch for Counting {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.documents.fetch(request)
    }
}

/// Tokens that need no key to be refused.
fn bad_tokens(issuer: &TestIssuer) -> Vec<(&'static str, String)> {
    let token = || issuer.token();
    let later = 4_102_444_800u64;
    let claims = |text: &str| token().sign_payload(text.as_bytes());
    let iss = issuer.identifier();
    vec![
        ("one word", "abc".into()),
        ("three dots", "a.b.c.d".into()),
        ("an encrypted token", "a.b.c.d.e".into()),
        ("no base64", "a.a.a".into()),
        ("no JSON", "YQ.YQ.YQ".into()),
        ("a header that is no object", token().sign_raw(b"[]", b"{}")),
        ("a header without alg", token().sign_raw(b"{}", b"{}")),
        ("a header with alg twice", token().sign_raw(br#"{"alg":"ES256","alg":"ES256"}"#, b"{}")),
        ("a header that is too long", token().header("x", "x".repeat(5000)).sign()),
        ("alg none", token().header("alg", "none").sign()),
        ("alg HS256", token().header("alg", "HS256").sign()),
        ("alg unknown", token().header("alg", "ES999").sign()),
        ("crit", token().header("crit", vec!["exp"]).sign()),
        ("b64", token().header("b64", false).sign()),
        ("zip", token().header("zip", "DEF").sign()),
        ("typ of a logout token", token().typ("logout+jwt").sign()),
        ("iss absent", token().without("iss").sign()),
        ("iss a number", token().claim("iss", 1).sign()),
        ("iss null", token().claim("iss", serde_json::Value::Null).sign()),
        ("iss of a stranger", token().claim("iss", "https://evil.test").sign()),
        ("iss with a slash more", token().claim("iss", format!("{iss}/")).sign()),
        ("aud absent", token().without("aud").sign()),
        ("aud of another", token().audience("https://other.test").sign()),
        ("aud empty", token().claim("aud", Vec::<String>::new()).sign()),
        ("aud an object", token().claim("aud", serde_json::json!({"a": 1})).sign()),
        ("exp absent", token().without("exp").sign()),
        ("exp a text", token().claim("exp", "later").sign()),
        ("exp past", token().expired().sign()),
        ("exp too large", token().claim("exp", 1e300).sign()),
        ("nbf to come", token().claim("nbf", later).sign()),
        ("nbf a text", token().claim("nbf", "now").sign()),
        ("iat to come", token().claim("iat", later).sign()),
        ("sub a number", token().claim("sub", 7).sign()),
        ("cnf", token().claim("cnf", serde_json::json!({"jkt": "x"})).sign()),
        ("an ID token", token().claim("at_hash", "x").sign()),
        ("an ID token of Cognito", token().claim("token_use", "id").sign()),
        ("a refresh token of Keycloak", token().claim("typ", "Refresh").sign()),
        ("a logout token", token().claim("events", serde_json::json!({})).sign()),
        ("claims that are no object", claims("[]")),
        ("claims that are no JSON", claims("{")),
        (
            "a claim twice",
            claims(&format!(r#"{{"iss":"{iss}","aud":"{AUDIENCE}","exp":{later},"exp":{later}}}"#)),
        ),
        (
            "claims nested too deep",
            claims(&format!(r#"{{"iss":"{iss}","a":{}{}}}"#, "[".repeat(50), "]".repeat(50))),
        ),
    ]
}

#[tokio::test]
async fn only_a_token_right_in_everything_that_needs_no_key_reaches_503_or_causes_a_fetch() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let other = TestIssuer::named("https://other-issuer.test");
    other.fail();
    let count = Arc::new(AtomicU64::new(0));
    let trusted = |issuer: &TestIssuer| {
        let fetch = Counting { documents: Box::new(issuer.transport()), count: Arc::clone(&count) };
        Issuer::discover(issuer.identifier()).unwrap().fetch(fetch)
    };
    let builder = || Verifier::builder().audience(AUDIENCE).clock(issuer.clock()).issuer(trusted(&issuer));
    let one = builder().build().unwrap();
    let two = builder().issuer(trusted(&other)).build().unwrap();
    let strict = builder().strict().build().unwrap();
    for (setup, verifier) in [("one issuer", one), ("two issuers", two), ("strict", strict)] {
        let app = routes().layer(AuthenticateLayer::new(verifier));
        let mut bad = bad_tokens(&issuer);
        if setup == "strict" {
            let full = || issuer.token().typ("at+jwt").claim("client_id", "c").claim("jti", "j");
            bad.extend([
                ("strict: no typ", full().header("typ", serde_json::Value::Null).sign()),
                ("strict: typ JWT", full().typ("JWT").sign()),
                ("strict: no sub", full().without("sub").sign()),
                ("strict: no client_id", full().without("client_id").sign()),
                ("strict: no jti", full().without("jti").sign()),
                ("strict: no iat", full().without("iat").sign()),
            ]);
        }
        for (name, token) in bad {
            let header = format!("Bearer {token}");
            let answer = answer(&app, "/", &[&header]).await;
            assert_eq!(answer.status, 401, "{setup}, {name}");
            assert_eq!(count.load(Ordering::SeqCst), 0, "{setup}, {name}: somebody was asked");
        }
        let good = issuer.token().typ("at+jwt").claim("client_id", "c").claim("jti", "j");
        assert_eq!(ask(&app, "/", Some(good)).await.status, 503, "{setup}");
        assert!(count.swap(0, Ordering::SeqCst) > 0, "{setup}");
    }
}

#[tokio::test]
async fn without_a_token_or_with_a_malformed_one_nobody_is_asked_for_keys() {
    let issuer = TestIssuer::new();
    let count = Arc::new(AtomicU64::new(0));
    let fetch = Counting { documents: Box::new(issuer.transport()), count: Arc::clone(&count) };
    let verifier = Verifier::builder()
        .audience(AUDIENCE)
        .issuer(Issuer::discover(issuer.identifier()).unwrap().fetch(fetch))
        .build()
        .unwrap();
    let app = routes().layer(AuthenticateLayer::new(verifier).optional());
    for (headers, status) in
        [(&[][..], 200), (&["Basic YTpi"], 200), (&["Bearer"], 400), (&["Bearer a b"], 400)]
    {
        assert_eq!(answer(&app, "/", headers).await.status, status, "{headers:?}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

//! A page of another origin calls a guarded API in a real browser, through CORS.
//!
//! Debian's chromium loads `tests/browser/spa`, which makes the calls it is given and reports what a page gets to see of
//! the answers. The CORS set-up is the README's; each of the ways to get it wrong has a test that says what is lost.
//!
//! `tests/browser/run` installs the browser and runs it.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::expect_used, clippy::panic)]

mod page;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    routing::get,
};
use http::{
    HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use page::{Address, Page, Seen, Served};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tower_bearer::{
    AuthenticateLayer, Claims, Verifier,
    guard::{GuardedRouter, guarded},
    metadata::ProtectedResource,
    policy::{public, scope},
    require,
    testing::TestIssuer,
};
use tower_http::cors::CorsLayer;

const METADATA: &str = "/.well-known/oauth-protected-resource";

const MISSING: &str = r#"Bearer scope="orders:read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#;
const EXPIRED: &str = r#"Bearer error="invalid_token", error_description="the token has expired", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#;
const MORE: &str = r#"Bearer error="insufficient_scope", error_description="the token does not permit this request", scope="orders:write""#;

#[tokio::test]
#[ignore = "needs chromium; run tests/browser/run"]
async fn a_page_of_another_origin_reads_nothing_and_its_token_is_not_even_sent() {
    let world = World::start().await;
    let api = world.serve(|world| world.guarded().layer(cors(&world.page.origin))).await;
    let stranger = Page::serve().await;
    let seen = stranger.visit(api.calls(&[GET_ORDERS, NEW_ORDER, OUTAGE, HEALTH, DOCUMENT], &world)).await;
    // The document says for itself that anybody may read it.
    let document = seen.last().expect("five answers").clone();
    assert_eq!((document.status, document.error), (Some(200), None));
    assert_eq!(seen.get(..4), Some([(); 4].map(|()| Seen::nothing()).as_slice()));
    // CORS keeps answers from pages, and requests only where a preflight goes ahead of them: `/health` was called.
    let asked =
        ["OPTIONS /orders", "OPTIONS /orders", "OPTIONS /orders", "GET /health", &format!("GET {METADATA}")];
    assert_eq!(api.log(), asked);
}

#[tokio::test]
#[ignore = "needs chromium; run tests/browser/run"]
async fn without_exposed_headers_the_page_sees_that_it_is_refused_and_not_why() {
    let world = World::start().await;
    let api = world
        .serve(|world| world.guarded().layer(cors(&world.page.origin).expose_headers([CONTENT_TYPE])))
        .await;
    let seen = world.page.visit(api.calls(&[ANONYMOUS, NEW_ORDER, OUTAGE], &world)).await;
    assert_eq!(seen, [Seen::status(401), Seen::status(403), Seen::status(503)]);
}

#[tokio::test]
#[ignore = "needs chromium; run tests/browser/run"]
async fn with_cors_within_the_authentication_not_even_the_401_can_be_read() {
    let world = World::start().await;
    let api = world
        .serve(|world| {
            Router::new()
                .route("/orders", get(list).route_layer(require(scope("orders:read"))))
                .layer(cors(&world.page.origin))
                .layer(AuthenticateLayer::new(world.verifier.clone()))
        })
        .await;
    let seen = world.page.visit(api.calls(&[ANONYMOUS, GET_ORDERS], &world)).await;
    assert_eq!(seen, [Seen::nothing(), Seen::nothing()]);
    // The preflight brings no token, so it was refused.
    assert_eq!(api.log(), ["GET /orders", "OPTIONS /orders"]);
}

#[tokio::test]
#[ignore = "needs chromium; run tests/browser/run"]
async fn with_cors_on_the_routes_alone_a_404_cannot_be_read() {
    let world = World::start().await;
    let api = world.serve(|world| world.guarded().route_layer(cors(&world.page.origin))).await;
    let seen = world.page.visit(api.calls(&[NOWHERE, ANONYMOUS], &world)).await;
    assert_eq!(seen, [Seen::nothing(), Seen::challenged(401, MISSING)]);
}

#[tokio::test]
#[ignore = "needs chromium; run tests/browser/run"]
async fn a_page_reads_status_challenge_and_retry_after_and_one_preflight_without_a_token_serves_a_path() {
    let world = World::start().await;
    let api = world.serve(|world| world.guarded().layer(cors(&world.page.origin))).await;
    let calls =
        [ANONYMOUS, STALE, NEW_ORDER, OUTAGE, GET_ORDERS, GET_ORDERS, NOWHERE, NOT_ALLOWED, HEALTH, DOCUMENT];
    let seen = world.page.visit(api.calls(&calls, &world)).await;
    let [anonymous, stale, new_order, outage, orders, again, nowhere, not_allowed, health, document] =
        <[Seen; 10]>::try_from(seen).expect("an answer for each call");
    assert_eq!(anonymous, Seen::challenged(401, MISSING));
    assert_eq!(stale, Seen::challenged(401, EXPIRED));
    assert_eq!(new_order, Seen::challenged(403, MORE));
    // The first back-off is a second and up to a tenth.
    assert!(["1", "2"].map(Some).contains(&outage.retry_after.as_deref()), "{outage:?}");
    assert_eq!(Seen { retry_after: None, ..outage }, Seen::status(503));
    assert_eq!(orders, Seen::body("orders of alice"));
    assert_eq!(again, orders);
    assert_eq!(nowhere, Seen::status(404));
    assert_eq!(not_allowed, Seen::status(405));
    assert_eq!(health, Seen::body("well"));
    let document: serde_json::Value =
        serde_json::from_str(&document.body.expect("a document")).expect("JSON");
    assert_eq!(document.pointer("/resource"), Some(&"https://api.example.com".into()));
    // No preflight bears a token. Its answer is kept for `max_age`; without that, for 5 s (Fetch standard).
    let asked = [
        "GET /orders",
        "OPTIONS /orders",
        "GET /orders with a token",
        "POST /orders with a token",
        "GET /orders with a token",
        "GET /orders with a token",
        "GET /orders with a token",
        "OPTIONS /nowhere",
        "GET /nowhere with a token",
        "POST /health",
        "GET /health",
        &format!("GET {METADATA}"),
    ];
    assert_eq!(api.log(), asked);
}

/// The set-up of the README.
fn cors(origin: &str) -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_str(origin).expect("an origin")])
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}

async fn list(claims: Claims) -> String {
    format!("orders of {}", claims.subject().unwrap_or("nobody"))
}

/// What a page asks the API: method, path, and which token it brings.
type Call = (&'static str, &'static str, Option<Bring>);
const ANONYMOUS: Call = ("GET", "/orders", None);
const STALE: Call = ("GET", "/orders", Some(Bring::Expired));
const GET_ORDERS: Call = ("GET", "/orders", Some(Bring::Reader));
const NEW_ORDER: Call = ("POST", "/orders", Some(Bring::Reader));
const OUTAGE: Call = ("GET", "/orders", Some(Bring::OfIssuerThatIsDown));
const NOWHERE: Call = ("GET", "/nowhere", Some(Bring::Reader));
const NOT_ALLOWED: Call = ("POST", "/health", None);
const HEALTH: Call = ("GET", "/health", None);
const DOCUMENT: Call = ("GET", METADATA, None);

#[derive(Clone, Copy)]
enum Bring {
    Reader,
    Expired,
    OfIssuerThatIsDown,
}

/// Two issuers that the API trusts, of whom one is down, and the page that may call it.
struct World {
    issuer: TestIssuer,
    down: TestIssuer,
    verifier: Verifier,
    page: Page,
}

impl World {
    async fn start() -> Self {
        let (issuer, down) = (TestIssuer::new(), TestIssuer::named("https://down.test"));
        down.fail();
        let verifier = issuer.verifier().issuer(down.issuer()).build().expect("a whole set-up");
        Self { issuer, down, verifier, page: Page::serve().await }
    }

    fn guarded(&self) -> Router {
        let routes = GuardedRouter::new()
            .route(
                "/orders",
                guarded::get(scope("orders:read"), list).post(scope("orders:write"), async || "created"),
            )
            .route("/health", guarded::get(public("probes ask it"), async || "well"));
        let metadata = ProtectedResource::new("https://api.example.com").issuers_of(&self.verifier);
        let metadata = metadata.policies(routes.table().policies()).build().expect("a whole set-up");
        let layer = AuthenticateLayer::new(self.verifier.clone()).resource_metadata(metadata.url());
        routes.into_router(layer).merge(metadata.router())
    }

    fn token(&self, which: Bring) -> String {
        let reader = |issuer: &TestIssuer| issuer.token().scope("orders:read");
        match which {
            Bring::Reader => reader(&self.issuer).sign(),
            Bring::Expired => reader(&self.issuer).expired().sign(),
            Bring::OfIssuerThatIsDown => reader(&self.down).sign(),
        }
    }

    async fn serve(&self, app: impl FnOnce(&Self) -> Router) -> Api {
        let log = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&log);
        // Around everything, CORS included: it sees what the browser sends.
        let app = app(self).layer(from_fn(move |request: Request, next: Next| {
            let token = if request.headers().contains_key(AUTHORIZATION) { " with a token" } else { "" };
            let line = format!("{} {}{token}", request.method(), request.uri().path());
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            next.run(request)
        }));
        Api { served: Served::start(app).await, log }
    }
}

struct Api {
    served: Served,
    log: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// What reached the API, in order.
    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn calls(&self, calls: &[Call], world: &World) -> Vec<Address> {
        let address = |&(method, path, token): &Call| Address {
            address: format!("{}{path}", self.served.origin),
            method,
            token: token.map(|token| world.token(token)),
        };
        calls.iter().map(address).collect()
    }
}

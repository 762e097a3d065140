//! What a load balancer is told, and that its probes bring the keys that a pod without traffic would never ask for.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::to_bytes, response::IntoResponse};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::yield_now;
use tower::{Service, ServiceExt};
use tower_bearer::{
    Issuer, Verifier,
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest},
    readiness::Readiness,
    testing::{AUDIENCE, TestIssuer},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn trusted(issuer: &TestIssuer) -> Issuer {
    let jwks = format!("{}/jwks", issuer.identifier());
    Issuer::jwks(issuer.identifier(), &jwks).unwrap().fetch(issuer.transport())
}

/// A verifier of these issuers, on the first one's clock.
fn verifier(issuers: &[&TestIssuer]) -> Verifier {
    let builder = Verifier::builder().audience(AUDIENCE).clock(issuers[0].clock());
    issuers.iter().fold(builder, |builder, issuer| builder.issuer(trusted(issuer))).build().unwrap()
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The first issuer's state.
    fn state(&self) -> (u16, String) {
        (self.status, self.json()["issuers"][0]["state"].as_str().unwrap().to_owned())
    }
}

/// One probe; what it began has come to its end afterwards.
async fn probe(readiness: &Readiness) -> Answer {
    let answer = readiness.clone().oneshot(Request::new(())).now_or_never();
    let answer = Answer::of(answer.expect("a probe waited").unwrap()).await;
    settle().await;
    answer
}

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

fn is(status: u16, state: &str) -> (u16, String) {
    (status, state.to_owned())
}

// It heals by itself.

#[tokio::test]
async fn a_pod_that_nobody_asks_for_anything_becomes_ready_by_its_probes_alone() {
    let issuer = TestIssuer::new();
    let readiness = Readiness::new(verifier(&[&issuer]));
    assert_eq!(issuer.fetches(), 0);
    assert_eq!(probe(&readiness).await.state(), is(503, "never_loaded"));
    assert_eq!(probe(&readiness).await.state(), is(200, "fresh"));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn an_issuer_that_was_down_at_the_start_is_tried_again_by_later_probes() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let readiness = Readiness::new(verifier(&[&issuer]));
    probe(&readiness).await;
    assert_eq!(probe(&readiness).await.state(), is(503, "never_loaded"));
    issuer.recover();
    issuer.clock().advance(2 * MINUTE);
    assert_eq!(probe(&readiness).await.state(), is(503, "never_loaded"));
    assert_eq!(probe(&readiness).await.state(), is(200, "fresh"));
}

#[tokio::test]
async fn expired_keys_are_not_ready_until_a_probe_has_brought_new_ones() {
    let issuer = TestIssuer::new();
    let (verifier, clock) = (verifier(&[&issuer]), issuer.clock());
    verifier.warm_up().await;
    clock.advance(2 * HOUR);
    let readiness = Readiness::new(verifier);
    assert_eq!(probe(&readiness).await.state(), is(503, "expired"));
    assert_eq!(probe(&readiness).await.state(), is(200, "fresh"));
}

#[tokio::test]
async fn a_pod_without_traffic_at_night_stays_ready_by_its_probes() {
    let issuer = TestIssuer::new();
    let readiness = Readiness::new(verifier(&[&issuer]));
    probe(&readiness).await;
    for minute in 0..600 {
        issuer.clock().advance(MINUTE);
        assert_eq!(probe(&readiness).await.status, 200, "{minute}");
    }
    assert!(issuer.fetches() < 70, "{} fetches in ten hours", issuer.fetches());
}

#[tokio::test]
async fn stale_keys_are_ready_during_an_outage_until_they_expire() {
    let issuer = TestIssuer::new();
    let (verifier, clock) = (verifier(&[&issuer]), issuer.clock());
    verifier.warm_up().await;
    issuer.fail();
    let readiness = Readiness::new(verifier);
    clock.advance(11 * MINUTE);
    assert_eq!(probe(&readiness).await.state(), is(200, "stale"));
    clock.advance(50 * MINUTE);
    assert_eq!(probe(&readiness).await.state(), is(200, "stale"));
    clock.advance(10 * MINUTE);
    assert_eq!(probe(&readiness).await.state(), is(503, "expired"));
}

// What it costs.

#[tokio::test]
async fn a_flood_of_probes_at_a_down_issuer_spends_no_more_than_the_back_off() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let readiness = Readiness::new(verifier(&[&issuer]));
    for _ in 0..1000 {
        readiness.clone().oneshot(Request::new(())).now_or_never().unwrap().unwrap();
    }
    settle().await;
    assert_eq!(issuer.fetches(), 1, "one under way is joined");
    for _ in 0..100 {
        probe(&readiness).await;
    }
    assert_eq!(issuer.fetches(), 1, "the back-off runs");
    for _ in 0..600 {
        issuer.clock().advance(Duration::from_secs(1));
        probe(&readiness).await;
    }
    // 1, 2, 4, 8, 16, 32 s, then a minute each, a tenth more or less.
    assert!((10..=22).contains(&issuer.fetches()), "{} fetches in ten minutes", issuer.fetches());
}

#[tokio::test]
async fn a_flood_of_probes_costs_a_healthy_issuer_nothing() {
    let issuer = TestIssuer::new();
    let readiness = Readiness::new(verifier(&[&issuer]));
    for _ in 0..1000 {
        probe(&readiness).await;
    }
    assert_eq!(issuer.fetches(), 1);
}

#[test]
fn without_a_runtime_a_probe_is_answered_and_loads_nothing() {
    let issuer = TestIssuer::new();
    let readiness = Readiness::new(verifier(&[&issuer]));
    for _ in 0..3 {
        let answer = readiness.clone().oneshot(Request::new(())).now_or_never().unwrap().unwrap();
        assert_eq!(answer.status(), 503);
    }
    assert_eq!(issuer.fetches(), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        probe(&readiness).await;
        assert_eq!(probe(&readiness).await.state(), is(200, "fresh"), "nothing was left half begun");
    });
}

#[test]
fn a_runtime_without_timers_is_no_panic() {
    let issuer = TestIssuer::new();
    let readiness = Readiness::new(verifier(&[&issuer]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(probe(&readiness)).status, 503);
}

// What it says.

#[tokio::test]
async fn one_usable_issuer_of_several_is_ready_and_each_is_named_with_its_state() {
    let [good, down] = ["https://good.test", "https://down.test"].map(TestIssuer::named);
    let verifier = Verifier::builder()
        .issuer(trusted(&down))
        .issuer(trusted(&good))
        .issuer(TestIssuer::named("https://secret.test").hmac_issuer(Algorithm::HS256))
        .audience(AUDIENCE)
        .clock(down.clock())
        .build()
        .unwrap();
    down.fail();
    verifier.warm_up().await;
    down.clock().advance(Duration::from_millis(7900));
    let answer = probe(&Readiness::new(verifier)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({"ready": true, "issuers": [
            {"issuer": "https://down.test", "state": "never_loaded", "age": null},
            {"issuer": "https://good.test", "state": "fresh", "age": 7},
            {"issuer": "https://secret.test", "state": "fixed", "age": null},
        ]})
    );
}

#[tokio::test]
async fn the_answer_is_json_that_nobody_stores() {
    let issuer = TestIssuer::new();
    let readiness = Readiness::new(verifier(&[&issuer]));
    for status in [503, 200] {
        let answer = probe(&readiness).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

/// Its errors speak.
struct Talkative;

impl Fetch for Talkative {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        Box::pin(async { Err(FetchError::Transport("hunter2 at 10.1.2.3".into())) })
    }
}

#[tokio::test]
async fn neither_errors_nor_key_ids_are_told() {
    let issuer = TestIssuer::new();
    let loaded = verifier(&[&issuer]);
    loaded.warm_up().await;
    let kids = loaded.status().issuers.remove(0).key_ids;
    assert!(!kids.is_empty());
    let text = probe(&Readiness::new(loaded)).await.text;
    assert!(kids.iter().all(|kid| !text.contains(kid.as_str())), "{text}");

    let trusted = Issuer::jwks("https://down.test", "https://down.test/jwks").unwrap().fetch(Talkative);
    let down = Verifier::builder().issuer(trusted).audience(AUDIENCE).build().unwrap();
    assert!(down.warm_up().await.issuers[0].last_error.as_ref().unwrap().contains("hunter2"));
    let text = probe(&Readiness::new(down)).await.text;
    assert!(!text.contains("hunter2") && !text.contains("10.1.2.3"), "{text}");
}

#[tokio::test]
async fn a_status_is_a_response_of_its_own_and_begins_nothing() {
    let issuer = TestIssuer::new();
    let verifier = verifier(&[&issuer]);
    assert_eq!(Answer::of(verifier.status().into_response()).await.state(), is(503, "never_loaded"));
    settle().await;
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn it_is_a_route_of_axum_and_a_service_for_any_body() {
    #[derive(serde::Deserialize)]
    struct Staff;

    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().claims::<Staff>().build().unwrap();
    verifier.warm_up().await;
    let mut readiness = Readiness::new(verifier);
    let app: Router = Router::new().route_service("/ready", readiness.clone());
    for method in ["GET", "HEAD"] {
        let request =
            Request::builder().method(method).uri("/ready").body(axum::body::Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200, "{method}");
    }
    assert_eq!(readiness.call(Request::new(String::from("any"))).await.unwrap().status(), 200);
    assert_eq!(readiness.call(Request::new(7)).await.unwrap().status(), 200);
}

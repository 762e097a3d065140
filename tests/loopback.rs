//! Over real sockets on loopback: an issuer that hangs, floods of tokens that nobody's key signed, requests that go away,
//! and an issuer that is not there yet. Where time matters a clock is turned; nothing sleeps.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and what was counted is worth reading"
)]

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::get,
};
use futures_util::future::join_all;
use std::{
    future::{Future, pending},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::yield_now,
};
use tower::Service as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Issuer, Verifier,
    keys::Algorithm,
    testing::{AUDIENCE, TestIssuer, TestToken},
    verify::KeyState,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// The issuer's side.

/// A server of one key set that can be held up.
#[derive(Clone)]
struct Keys {
    issuer: TestIssuer,
    hangs: Arc<AtomicBool>,
    /// A request for the set passes where there is a permit.
    gate: Arc<Semaphore>,
    /// How often it was asked.
    asked: watch::Sender<usize>,
}

impl Keys {
    fn new() -> Self {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::EdDSA);
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { issuer, hangs: Arc::default(), gate, asked: watch::Sender::new(0) }
    }

    async fn answer(self) -> String {
        self.asked.send_modify(|asked| *asked += 1);
        if self.hangs.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        let _passes = self.gate.acquire().await.unwrap();
        self.issuer.jwks().to_string()
    }

    fn serve_at(&self, listener: TcpListener) {
        let keys = self.clone();
        let routes = Router::new().route("/jwks", get(move || keys.clone().answer()));
        tokio::spawn(axum::serve(listener, routes).into_future());
    }

    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.serve_at(listener);
        address
    }

    fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// Until it has been asked so often.
    async fn is_asked(&self, times: usize) {
        self.asked.subscribe().wait_for(|asked| *asked >= times).await.unwrap();
    }

    fn verifier(&self, address: SocketAddr) -> Verifier {
        let trusted = Issuer::jwks(self.issuer.identifier(), &format!("http://{address}/jwks")).unwrap();
        let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE);
        builder.clock(self.issuer.clock()).build().unwrap()
    }

    async fn loaded(&self) -> Verifier {
        let verifier = self.verifier(self.serve().await);
        assert!(verifier.warm_up().await.is_ready());
        verifier
    }
}

// Our side.

fn api(verifier: Verifier) -> Router {
    Router::new().route("/", get(async || "in")).layer(AuthenticateLayer::new(verifier))
}

/// How a request ended: its status and the reason's id, which is `ok` where it passed.
type Ending = (u16, &'static str);

const OK: Ending = (200, "ok");
const UNKNOWN: Ending = (401, "key_unknown");

type Sent = Pin<Box<dyn Future<Output = Ending> + Send>>;

fn send(api: &Router, token: &str) -> Sent {
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    let future = api.clone().call(request.body(Body::empty()).unwrap());
    Box::pin(async move { ending(&future.await.unwrap()) })
}

fn ending(response: &Response<Body>) -> Ending {
    let error = response.extensions().get::<AuthError>();
    (response.status().as_u16(), error.map_or("ok", |error| error.reason().id()))
}

fn poll(sent: &mut Sent) -> Poll<Ending> {
    sent.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn kid(&mut self) -> String {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        format!("{:016x}", self.0)
    }
}

// The issuer hangs.

#[tokio::test]
async fn an_issuer_that_accepts_and_never_answers_makes_no_known_key_wait() {
    let keys = Keys::new();
    let api = api(keys.loaded().await);
    keys.hangs.store(true, Ordering::SeqCst);
    let token = keys.issuer.token().expires_in(seconds(10_000)).sign();
    let (mut requests, mut waits) = (0, 0);
    // From the moment at which the set is as good as new until it is judged by no more: ten minutes and an hour.
    for second in 1..4200 {
        keys.issuer.clock().advance(seconds(1));
        requests += 1;
        match poll(&mut send(&api, &token)) {
            Poll::Ready(ending) => assert_eq!(ending, OK, "second {second}"),
            Poll::Pending => waits += 1,
        }
        yield_now().await;
        if second == 540 {
            keys.is_asked(2).await;
        }
    }
    println!("the issuer hangs: {requests} requests with a known key, {waits} waited");
    assert_eq!(waits, 0, "of {requests} requests");
    keys.is_asked(3).await;
    // And only then nothing is left to judge by.
    keys.issuer.clock().advance(seconds(1));
    let mut last = send(&api, &token);
    assert_ne!(poll(&mut last), Poll::Ready(OK));
}

// Floods.

const FLOOD: usize = 50_000;
/// More than may wait at once, so that both ways are walked: wait and be told, and be told at once.
const WAVE: usize = 500;

#[tokio::test]
async fn fifty_thousand_random_key_ids_cause_no_more_fetches_than_the_budget_and_are_all_401() {
    let issuer = TestIssuer::serve().await.unwrap();
    issuer.sign_with(Algorithm::EdDSA);
    let cooldown = Duration::from_millis(500);
    // Over the wire, on a clock that runs.
    let trusted = Issuer::discover(issuer.identifier()).unwrap().key_cooldown(cooldown);
    let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let verifier = builder.build().unwrap();
    let began = Instant::now();
    assert!(verifier.warm_up().await.is_ready());
    let api = api(verifier);
    let mut dice = Dice(7517);
    let (mut waited, mut known_that_waited) = (0, 0);
    let mut good = issuer.token();
    for _ in 0..FLOOD / WAVE {
        let wave = (0..WAVE).map(|_| issuer.token().header("kid", dice.kid()).sign());
        let mut flood: Vec<_> = wave.map(|token| send(&api, &token)).collect();
        let mut at_once = 0;
        flood.retain_mut(|request| match poll(request) {
            Poll::Pending => true,
            Poll::Ready(ending) => {
                assert_eq!(ending, UNKNOWN);
                at_once += 1;
                false
            }
        });
        assert!(flood.len() <= 256, "{} wait", flood.len());
        waited += flood.len();
        // In the middle of it, a token that has nothing to do with it.
        good = good.expires_in(seconds(300));
        match poll(&mut send(&api, &good.clone().sign())) {
            Poll::Ready(ending) => assert_eq!(ending, OK),
            Poll::Pending => known_that_waited += 1,
        }
        let count = flood.len();
        assert_eq!(join_all(flood).await, vec![UNKNOWN; count]);
        assert_eq!(at_once + count, WAVE);
    }
    let budget = 1 + (began.elapsed().as_millis() / cooldown.as_millis()) as u64;
    let fetches = issuer.fetches();
    println!(
        "{FLOOD} random key ids: {fetches} fetches of {budget}, {waited} waited, in {:?}",
        began.elapsed()
    );
    assert_eq!(known_that_waited, 0);
    assert!((2..=budget).contains(&fetches), "{fetches} fetches, and the budget is {budget}");
}

#[tokio::test]
async fn a_flood_of_tokens_that_are_bad_in_any_other_way_causes_no_fetch() {
    let keys = Keys::new();
    let api = api(keys.loaded().await);
    let mut dice = Dice(7518);
    let kinds: [(&str, fn(TestToken) -> TestToken); 12] = [
        ("exp_past", |token| token.expired()),
        ("exp_missing", |token| token.without("exp")),
        ("aud_mismatch", |token| token.audience("https://other.test")),
        ("aud_missing", |token| token.without("aud")),
        ("issuer_unknown", |token| token.claim("iss", "https://evil.test")),
        ("iss_missing", |token| token.without("iss")),
        ("nbf_future", |token| token.claim("nbf", 4_102_444_800u64)),
        ("iat_future", |token| token.claim("iat", 4_102_444_800u64)),
        ("typ_not_allowed", |token| token.typ("dpop+jwt")),
        ("alg_not_allowed", |token| token.header("alg", "none")),
        ("cnf_unchecked", |token| token.claim("cnf", 1)),
        ("not_an_access_token", |token| token.claim("at_hash", "x")),
    ];
    for round in 0..250 {
        // The budget is there: it is the tokens that may not spend it.
        keys.issuer.clock().advance(Duration::from_millis(1_600));
        for (reason, spoil) in kinds {
            let token = spoil(keys.issuer.token().header("kid", dice.kid())).sign();
            assert_eq!(poll(&mut send(&api, &token)), Poll::Ready((401, reason)), "round {round}");
        }
        yield_now().await;
    }
    assert_eq!(keys.asked(), 1);
    // One that is right in everything else does spend it.
    let token = keys.issuer.token().header("kid", dice.kid()).sign();
    assert_eq!(send(&api, &token).await, UNKNOWN);
    assert_eq!(keys.asked(), 2);
}

// Requests that go away.

#[tokio::test]
async fn a_request_that_goes_away_does_not_cancel_the_fetch_for_the_others() {
    let keys = Keys::new();
    keys.gate.forget_permits(Semaphore::MAX_PERMITS);
    let api = api(keys.verifier(keys.serve().await));
    let token = keys.issuer.token().sign();
    let mut first = send(&api, &token);
    assert_eq!(poll(&mut first), Poll::Pending, "it begins the fetch");
    let mut others: Vec<_> = (0..20).map(|_| send(&api, &token)).collect();
    assert!(others.iter_mut().all(|other| poll(other).is_pending()));
    keys.is_asked(1).await;
    drop(first);
    others.truncate(10);
    keys.gate.add_permits(1);
    assert_eq!(join_all(others).await, vec![OK; 10]);
    assert_eq!(keys.asked(), 1);
}

#[tokio::test]
async fn a_fetch_that_everybody_has_left_still_brings_the_keys() {
    let keys = Keys::new();
    keys.gate.forget_permits(Semaphore::MAX_PERMITS);
    let verifier = keys.verifier(keys.serve().await);
    let api = api(verifier.clone());
    let token = keys.issuer.token().sign();
    let mut only = send(&api, &token);
    assert_eq!(poll(&mut only), Poll::Pending);
    keys.is_asked(1).await;
    drop(only);
    keys.gate.add_permits(1);
    // Joins the fetch under way, and begins no other.
    assert_eq!(send(&api, &token).await, OK);
    assert_eq!((keys.asked(), verifier.status().issuers[0].state), (1, KeyState::Fresh));
}

// An issuer that is not there yet.

/// The head of the answer, over a connection of its own.
async fn ask(address: SocketAddr, token: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("GET / HTTP/1.1\r\nhost: api\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.to_ascii_lowercase()
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn an_issuer_that_is_down_at_start_is_503_until_it_comes_up_and_then_heals_without_a_restart() {
    let keys = Keys::new();
    // A port where nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuers_address = listener.local_addr().unwrap();
    drop(listener);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, api(keys.verifier(issuers_address))).into_future());

    let mut told = 0;
    for attempt in 1..=4 {
        let token = keys.issuer.token().sign();
        let answer = ask(address, &token).await;
        assert!(answer.starts_with("http/1.1 503 "), "attempt {attempt}: {answer}");
        assert_eq!(header(&answer, "www-authenticate"), None, "it is not the client's fault");
        told = header(&answer, "retry-after").expect("when to come back").parse().unwrap();
        assert!((1..=60).contains(&told), "{told}");
        keys.issuer.clock().advance(seconds(told));
    }
    assert_eq!(keys.asked(), 0);
    keys.serve_at(TcpListener::bind(issuers_address).await.unwrap());
    let answer = ask(address, &keys.issuer.token().sign()).await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    assert_eq!(keys.asked(), 1);
    // A bad token was never anything but that.
    let forged = ask(address, &keys.issuer.token().expired().sign()).await;
    assert!(forged.starts_with("http/1.1 401 "), "{forged}");
    assert!(told >= 4, "the back-off grows: {told} s");
}

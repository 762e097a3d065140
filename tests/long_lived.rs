//! What outlives its request ends with its token: the future alone, and the example `long_lived` over loopback. The clock is
//! turned; nobody waits for real.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../examples/long_lived.rs"]
#[allow(dead_code, reason = "its `main` is for whoever runs it")]
mod long_lived;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use http::Request;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};
use tower_bearer::{
    Claims, Verifier,
    clock::Clock,
    testing::{TestClock, TestIssuer, caller},
};

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any of this takes on a busy machine, and less than the half minute after which a clock is asked anyway.
const PATIENCE: Duration = Duration::from_secs(20);

async fn claims(issuer: &TestIssuer, verifier: &Verifier, lives: Duration) -> (Claims, String) {
    let token = issuer.token().scope("events:read").expires_in(lives).sign();
    (verifier.verify(&token).await.unwrap(), token)
}

// The future alone.

#[tokio::test]
async fn a_token_has_ended_from_the_moment_at_which_the_verifier_refuses_it() {
    for leeway in [0, 1, 60, 300] {
        let issuer = TestIssuer::new();
        let verifier = issuer.verifier().leeway(Duration::from_secs(leeway)).build().unwrap();
        let (claims, token) = claims(&issuer, &verifier, 10 * SECOND).await;
        let caller = claims.principal();
        let mut lasted = 0;
        while verifier.verify(&token).await.is_ok() {
            assert!(!caller.is_expired(), "{leeway}: after {lasted} s");
            assert_eq!(caller.expired().now_or_never(), None, "{leeway}: after {lasted} s");
            issuer.clock().advance(SECOND);
            lasted += 1;
        }
        assert_eq!(lasted, 10 + leeway);
        assert!(caller.is_expired(), "{leeway}");
        assert_eq!(caller.expired().now_or_never(), Some(()), "{leeway}");
        assert!(claims.expires_at() < std::time::UNIX_EPOCH + issuer.clock().wall() + SECOND, "{leeway}");
    }
}

#[tokio::test]
async fn a_turn_of_the_test_clock_wakes_whoever_waits() {
    for turn in [TestClock::advance, TestClock::suspend] {
        let issuer = TestIssuer::new();
        let verifier = issuer.verifier().build().unwrap();
        let (claims, _) = claims(&issuer, &verifier, 300 * SECOND).await;
        let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(claims.principal().expired())).collect();
        tokio::task::yield_now().await;
        turn(&issuer.clock(), 359 * SECOND);
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|one| !one.is_finished()));
        turn(&issuer.clock(), SECOND);
        for one in waiting {
            timeout(10 * SECOND, one).await.expect("nobody woke it").unwrap();
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_gives_the_token_its_time_again() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().leeway(Duration::ZERO).build().unwrap();
    let (claims, token) = claims(&issuer, &verifier, 10 * SECOND).await;
    let mut expired = claims.principal().expired();
    issuer.clock().advance(9 * SECOND);
    assert_eq!((&mut expired).now_or_never(), None);
    issuer.clock().set_back(5 * SECOND);
    issuer.clock().advance(5 * SECOND);
    assert_eq!((&mut expired).now_or_never(), None, "and so says the verifier:");
    assert!(verifier.verify(&token).await.is_ok());
    issuer.clock().advance(SECOND);
    assert_eq!(expired.now_or_never(), Some(()));
}

/// Goes with tokio's time, which a test stops; counts who asks; nobody turns it.
#[derive(Debug)]
struct Plain {
    began: Instant,
    wall: Duration,
    /// Seconds that the machine has slept: no timer saw them.
    slept: AtomicU64,
    asked: AtomicU64,
}

impl Plain {
    fn at(wall: Duration) -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), wall, slept: AtomicU64::new(0), asked: AtomicU64::new(0) })
    }
}

#[derive(Debug, Clone)]
struct Shared(Arc<Plain>);

impl Clock for Shared {
    fn wall(&self) -> Duration {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        self.0.wall + self.monotonic() + Duration::from_secs(self.0.slept.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.0.began.elapsed()
    }
}

async fn on_a_plain_clock(lives: Duration) -> (Arc<Plain>, Claims) {
    let issuer = TestIssuer::new();
    let clock = Plain::at(issuer.clock().wall());
    let verifier =
        issuer.verifier().leeway(Duration::ZERO).clock(Shared(Arc::clone(&clock))).build().unwrap();
    let (claims, _) = claims(&issuer, &verifier, lives).await;
    clock.asked.store(0, Ordering::Relaxed);
    (clock, claims)
}

#[tokio::test(start_paused = true)]
async fn it_waits_in_steps_of_half_a_minute_and_is_done_on_time() {
    let (clock, claims) = on_a_plain_clock(3600 * SECOND).await;
    let began = Instant::now();
    claims.principal().expired().await;
    let (took, asked) = (began.elapsed(), clock.asked.load(Ordering::Relaxed));
    assert!(took >= 3600 * SECOND && took < 3600 * SECOND + Duration::from_millis(50), "{took:?}");
    assert!((120..400).contains(&asked), "asked {asked} times in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_finds_out_within_half_a_minute() {
    let (clock, claims) = on_a_plain_clock(3600 * SECOND).await;
    let began = Instant::now();
    // In a task of its own, or its end would wake us, too.
    tokio::spawn(async move {
        sleep(45 * SECOND).await;
        clock.slept.store(7200, Ordering::Relaxed);
    });
    claims.principal().expired().await;
    let found = began.elapsed() - 45 * SECOND;
    assert!(found <= 30 * SECOND, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_in_between_learns_of_the_new_time_at_once() {
    let (clock, claims) = on_a_plain_clock(3600 * SECOND).await;
    let mut expired = claims.principal().expired();
    assert!(timeout(49 * SECOND, &mut expired).await.is_err());
    clock.slept.store(3600 - 49 - 3, Ordering::Relaxed);
    let asked = Instant::now();
    expired.await;
    assert!(asked.elapsed() < 4 * SECOND, "{:?}", asked.elapsed());
}

/// Stands a thousandth of a second before the end, for good.
#[derive(Debug, Clone)]
struct Stopped(Arc<Plain>);

impl Clock for Stopped {
    fn wall(&self) -> Duration {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        self.0.wall
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_lags_behind_the_timer_is_not_asked_in_a_circle() {
    let issuer = TestIssuer::new();
    let clock = Plain::at(issuer.clock().wall());
    let verifier =
        issuer.verifier().leeway(Duration::ZERO).clock(Stopped(Arc::clone(&clock))).build().unwrap();
    let token = issuer.token().claim("exp", clock.wall.as_secs_f64() + 0.001).sign();
    let claims = verifier.verify(&token).await.unwrap();
    assert!(timeout(10 * SECOND, claims.principal().expired()).await.is_err());
    let asked = clock.asked.load(Ordering::Relaxed);
    assert!(asked < 2100, "asked {asked} times in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn dropped_and_made_again_it_is_as_good() {
    let (_, claims) = on_a_plain_clock(100 * SECOND).await;
    let began = Instant::now();
    while timeout(7 * SECOND, claims.principal().expired()).await.is_err() {}
    assert!(began.elapsed() < 101 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_longest_life_that_a_token_can_name_is_no_trouble() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().claim("exp", 9_007_199_254_740_992u64).sign();
    let claims = verifier.verify(&token).await.unwrap();
    assert!(timeout(3600 * SECOND, claims.principal().expired()).await.is_err());
}

#[tokio::test]
async fn a_caller_made_for_a_test_does_not_end() {
    let request = caller("alice").attach(Request::new(()));
    let claims = Claims::<tower_bearer::claims::ClaimMap>::from_extensions(request.extensions());
    let claims = claims.unwrap().unwrap();
    assert_eq!(claims.principal().expired().now_or_never(), None);
    let shown = format!("{:?}", claims.principal().expired());
    assert!(!shown.contains("alice"), "{shown}");
}

// Over loopback.

struct Server {
    issuer: TestIssuer,
    authority: String,
    token: String,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Server {
    /// Its one token has five minutes, and the leeway one.
    async fn start() -> Self {
        let issuer = TestIssuer::new();
        let app = long_lived::app(issuer.verifier().build().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let token = issuer.token().scope("events:read").expires_in(300 * SECOND).sign();
        Self { issuer, authority, token }
    }

    async fn echo(&self) -> Result<Socket, Error> {
        let mut request = format!("ws://{}/echo", self.authority).into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        timeout(PATIENCE, connect_async(request)).await.unwrap().map(|(socket, _)| socket)
    }

    async fn events(&self) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("http://{}/events", self.authority)).bearer_auth(&self.token);
        timeout(PATIENCE, request.send()).await.unwrap().unwrap()
    }

    /// Up to the last second in which the verifier still accepts the token.
    fn almost(&self) {
        self.issuer.clock().advance(359 * SECOND);
    }

    fn over(&self) {
        self.issuer.clock().advance(SECOND);
    }
}

async fn next(socket: &mut Socket) -> Option<Result<Message, Error>> {
    timeout(PATIENCE, socket.next()).await.expect("the server says nothing")
}

async fn says_back(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
    assert_eq!(next(socket).await.unwrap().unwrap(), Message::text(text));
}

#[tokio::test]
async fn a_websocket_is_closed_when_its_token_ends_and_not_before() {
    let server = Server::start().await;
    let mut socket = server.echo().await.unwrap();
    says_back(&mut socket, "a").await;
    server.almost();
    says_back(&mut socket, "b").await;
    server.over();
    let Message::Close(Some(frame)) = next(&mut socket).await.unwrap().unwrap() else { panic!("no close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (3000, "the token has expired"));
    assert!(next(&mut socket).await.is_none_or(|end| end.is_err()), "and nothing after it");
    match server.echo().await {
        Err(Error::Http(refused)) => assert_eq!(refused.status(), 401),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_idle_websocket_and_one_whose_peer_reads_nothing_end_as_well() {
    let server = Server::start().await;
    let mut idle = server.echo().await.unwrap();
    let mut deaf = server.echo().await.unwrap();
    says_back(&mut idle, "a").await;
    // Until both buffers are full: the server stands in `send`.
    let much = Message::text("x".repeat(1 << 20));
    while timeout(SECOND / 4, deaf.send(much.clone())).await.is_ok() {}
    server.almost();
    server.over();
    assert!(matches!(next(&mut idle).await, Some(Ok(Message::Close(Some(_))))));
    // What stands in the buffers comes first.
    let end = async { while let Some(Ok(_)) = deaf.next().await {} };
    timeout(PATIENCE, end).await.expect("the socket stays open");
}

#[tokio::test]
async fn an_event_stream_ends_when_its_token_does_and_not_before() {
    let server = Server::start().await;
    let mut events = server.events().await;
    assert_eq!(events.status(), 200);
    assert_eq!(events.chunk().await.unwrap().unwrap(), "data: 0\n\n");
    server.almost();
    assert_eq!(events.chunk().await.unwrap().unwrap(), "data: 1\n\n", "one second of real time");
    server.over();
    let rest = async { while events.chunk().await.unwrap().is_some() {} };
    timeout(PATIENCE, rest).await.expect("the stream goes on");
    assert_eq!(server.events().await.status(), 401);
}

//! The life of fetched keys as requests see it: a transport that a test commands, a clock that it turns, and, at the
//! end, real HTTP on loopback.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use futures_util::{FutureExt as _, future::join_all};
use std::{
    collections::BTreeMap,
    future::{Future, pending},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::yield_now,
    time::Instant,
};
use tower_bearer::{
    Issuer, Verifier,
    claims::ClaimMap,
    keys::{Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    testing::{AUDIENCE, TestIssuer},
    verify::{IssuerStatus, KeyState},
};

const JWKS: &str = "https://issuer.test/jwks";
const MAX_BYTES: usize = 256 * 1024;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// The other side, as the test commands it.

/// How an address answers.
#[derive(Clone)]
enum Mood {
    /// The issuer's keys as they are published now.
    Jwks,
    Body(Vec<u8>),
    NotModified,
    Fail(FetchError),
    Hang,
    /// The issuer's keys, once the gate lets it.
    Gated(Arc<Semaphore>),
    Panic,
}

impl Mood {
    fn text(text: impl Into<String>) -> Self {
        Self::Body(text.into().into_bytes())
    }

    fn metadata(issuer: &str, jwks_uri: &str) -> Self {
        Self::text(serde_json::json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string())
    }
}

/// An issuer, and the addresses it answers at; any other is 404.
#[derive(Clone)]
struct Origin {
    issuer: TestIssuer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    moods: BTreeMap<String, Mood>,
    asked: Vec<FetchRequest>,
    etag: Option<String>,
    max_age: Option<Duration>,
    /// A fetch was dropped before its end.
    dropped: Arc<AtomicBool>,
}

impl Origin {
    /// One that serves its keys at [`JWKS`].
    fn new() -> Self {
        let origin = Self { issuer: TestIssuer::new(), state: Arc::default() };
        origin.at(JWKS, Mood::Jwks);
        origin
    }

    fn at(&self, url: &str, mood: Mood) {
        self.state.lock().unwrap().moods.insert(url.to_owned(), mood);
    }

    fn keys_are(&self, mood: Mood) {
        self.at(JWKS, mood);
    }

    fn fails(&self) {
        self.keys_are(Mood::Fail(FetchError::Status(500)));
    }

    fn fetches(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }

    fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.iter().map(|request| request.url.clone()).collect()
    }

    fn says(&self, etag: Option<&str>, max_age: Option<Duration>) {
        let mut state = self.state.lock().unwrap();
        (state.etag, state.max_age) = (etag.map(str::to_owned), max_age);
    }

    fn passes(&self, by: Duration) {
        self.issuer.clock().advance(by);
    }

    fn trusted(&self) -> Issuer {
        Issuer::jwks(self.issuer.identifier(), JWKS).unwrap().fetch(self.clone())
    }

    fn discovered(&self) -> Issuer {
        Issuer::discover(self.issuer.identifier()).unwrap().fetch(self.clone())
    }

    fn verifier(&self) -> Verifier {
        self.trusting(self.trusted())
    }

    fn trusting(&self, issuer: Issuer) -> Verifier {
        Verifier::builder().issuer(issuer).audience(AUDIENCE).clock(self.issuer.clock()).build().unwrap()
    }

    /// A verifier with the first set loaded.
    async fn loaded(&self) -> Verifier {
        let verifier = self.verifier();
        assert_eq!(verifier.warm_up().await.issuers[0].state, KeyState::Fresh);
        verifier
    }

    /// A token that passes, dated now.
    fn token(&self) -> String {
        self.issuer.token().sign()
    }

    /// One that is right in everything and names a key that nobody has.
    fn unknown(&self) -> String {
        self.issuer.token().header("kid", "unknown").sign()
    }
}

impl Fetch for Origin {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(request.clone());
        let mood = state.moods.get(&request.url).cloned();
        let (etag, max_age) = (state.etag.clone(), state.max_age);
        let dropped = OnDrop(Arc::clone(&state.dropped));
        drop(state);
        Box::pin(async move {
            let serve = || {
                let mut fetched = Fetched::new(self.issuer.jwks().to_string());
                (fetched.etag, fetched.max_age) = (etag.clone(), max_age);
                fetched
            };
            let result = match mood {
                None => Err(FetchError::Status(404)),
                Some(Mood::Jwks) => Ok(serve()),
                Some(Mood::Body(body)) => Ok(Fetched::new(body)),
                Some(Mood::NotModified) => Ok(Fetched::default()),
                Some(Mood::Fail(error)) => Err(error),
                Some(Mood::Hang) => pending().await,
                Some(Mood::Gated(gate)) => {
                    let _let_through = gate.acquire().await;
                    Ok(serve())
                }
                Some(Mood::Panic) => panic!("a transport that panics"),
            };
            std::mem::forget(dropped);
            result
        })
    }
}

struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// How a request fares.

const OK: &str = "ok";

/// `ok`, or the reason's id.
async fn judged(verifier: &Verifier, token: &str) -> &'static str {
    match verifier.verify(token).await {
        Ok(_) => OK,
        Err(error) => error.reason().id(),
    }
}

/// The same for a request that must not wait.
#[track_caller]
fn judged_at_once(verifier: &Verifier, token: &str) -> &'static str {
    judged(verifier, token).now_or_never().expect("it waits")
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

fn status(verifier: &Verifier) -> IssuerStatus {
    verifier.status().issuers.remove(0)
}

fn state(verifier: &Verifier) -> KeyState {
    status(verifier).state
}

fn last_error(verifier: &Verifier) -> String {
    status(verifier).last_error.unwrap_or_default()
}

// The first set.

#[tokio::test]
async fn building_asks_nobody_and_the_first_request_loads() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    assert_eq!((origin.fetches(), state(&verifier)), (0, KeyState::NeverLoaded));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    assert_eq!((origin.fetches(), state(&verifier)), (1, KeyState::Fresh));
    for _ in 0..10 {
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK);
    }
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn first_requests_at_once_share_one_fetch() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    let token = origin.token();
    let judged = join_all((0..100).map(|_| judged(&verifier, &token))).await;
    assert!(judged.iter().all(|judged| *judged == OK), "{judged:?}");
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn clones_and_other_claims_types_share_the_keys() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    let clone: Verifier<ClaimMap> = verifier.clone();
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    assert_eq!(judged_at_once(&clone, &origin.token()), OK);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_at_start_delays_nothing_and_heals_by_itself() {
    let origin = Origin::new();
    origin.fails();
    let verifier = origin.verifier();
    let began = Instant::now();
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
    assert_eq!(judged_at_once(&verifier, &origin.token()), "keys_unavailable");
    assert_eq!(origin.fetches(), 1, "the back-off is not over");
    origin.keys_are(Mood::Jwks);
    origin.passes(seconds(2));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_first_fetch_that_hangs_is_an_outage_after_two_seconds() {
    let origin = Origin::new();
    origin.keys_are(Mood::Hang);
    let verifier = origin.verifier();
    let began = Instant::now();
    let token = origin.token();
    let refused = join_all((0..20).map(|_| verifier.verify(&token))).await;
    assert_eq!(began.elapsed(), seconds(2));
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.reason().id(), "keys_unavailable");
        assert_eq!(error.retry_after(), Some(seconds(1)));
    }
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn at_most_256_wait_and_the_rest_is_answered_at_once() {
    let origin = Origin::new();
    let gate = Arc::new(Semaphore::new(0));
    origin.keys_are(Mood::Gated(Arc::clone(&gate)));
    let verifier = origin.verifier();
    let token = origin.token();
    let mut requests: Vec<_> = (0..300).map(|_| Box::pin(judged(&verifier, &token))).collect();
    let answered: Vec<_> = requests.iter_mut().map(poll).filter(Poll::is_ready).collect();
    assert_eq!(answered.len(), 300 - 256);
    assert!(answered.iter().all(|answer| *answer == Poll::Ready("keys_unavailable")));
    gate.add_permits(1);
    let waited = join_all(requests.drain(..256)).await;
    assert!(waited.iter().all(|judged| *judged == OK), "{waited:?}");
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_gives_the_place_back() {
    let origin = Origin::new();
    origin.keys_are(Mood::Hang);
    let verifier = origin.verifier();
    let token = origin.token();
    for _ in 0..10 {
        let mut requests: Vec<_> = (0..256).map(|_| Box::pin(judged(&verifier, &token))).collect();
        assert!(requests.iter_mut().all(|request| poll(request).is_pending()));
    }
}

// A key that the set lacks.

#[tokio::test]
async fn a_token_of_a_key_published_since_is_rescued_by_one_fetch() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.issuer.rotate();
    origin.passes(seconds(5));
    let token = origin.token();
    let judged = join_all((0..50).map(|_| judged(&verifier, &token))).await;
    assert!(judged.iter().all(|judged| *judged == OK), "{judged:?}");
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn the_next_look_for_a_key_comes_a_cool_down_after_the_last_answer() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.issuer.rotate();
    assert_eq!(judged_at_once(&verifier, &origin.token()), "key_unknown");
    origin.passes(Duration::from_millis(4900));
    assert_eq!(judged_at_once(&verifier, &origin.token()), "key_unknown");
    assert_eq!(origin.fetches(), 1);
    origin.passes(Duration::from_millis(100));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn the_cool_down_is_the_operators() {
    let origin = Origin::new();
    let verifier = origin.trusting(origin.trusted().key_cooldown(seconds(60)));
    verifier.warm_up().await;
    origin.issuer.rotate();
    origin.passes(seconds(59));
    assert_eq!(judged_at_once(&verifier, &origin.token()), "key_unknown");
    origin.passes(seconds(1));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_401_and_spends_no_more_than_the_budget() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    for second in 0..60 {
        origin.passes(seconds(1));
        let unknown = origin.unknown();
        let flood = join_all((0..50).map(|_| judged(&verifier, &unknown))).await;
        assert!(flood.iter().all(|judged| *judged == "key_unknown"), "second {second}: {flood:?}");
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "second {second}");
    }
    assert_eq!(origin.fetches(), 1 + 60 / 5);
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_fills_the_waiting_room_is_still_401_at_a_healthy_issuer() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    let gate = Arc::new(Semaphore::new(0));
    origin.keys_are(Mood::Gated(Arc::clone(&gate)));
    origin.passes(seconds(10));
    let unknown = origin.unknown();
    let mut flood: Vec<_> = (0..300).map(|_| Box::pin(judged(&verifier, &unknown))).collect();
    let answered: Vec<_> = flood.iter_mut().map(poll).filter(Poll::is_ready).collect();
    assert_eq!(answered, vec![Poll::Ready("key_unknown"); 300 - 256]);
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "known keys do not wait");
    gate.add_permits(1);
    assert_eq!(join_all(flood.drain(..256)).await, vec!["key_unknown"; 256]);
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn a_bad_token_spends_nothing_whatever_key_it_names() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.passes(seconds(10));
    let token = || origin.issuer.token().header("kid", "unknown");
    for (name, token, reason) in [
        ("expired", token().expired(), "exp_past"),
        ("not yet", token().claim("nbf", 4_102_444_800u64), "nbf_future"),
        ("of another audience", token().audience("account"), "aud_mismatch"),
        ("of another issuer", token().claim("iss", "https://evil.test"), "issuer_unknown"),
        ("of no issuer", token().without("iss"), "iss_missing"),
        ("of another typ", token().typ("dpop+jwt"), "typ_not_allowed"),
        ("of another alg", token().header("alg", "HS256"), "alg_not_allowed"),
        ("bound", token().claim("cnf", 1), "cnf_unchecked"),
        ("an ID token", token().claim("at_hash", "x"), "not_an_access_token"),
    ] {
        assert_eq!(judged_at_once(&verifier, &token.sign()), reason, "{name}");
    }
    settle().await;
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn an_unknown_key_at_a_failing_issuer_is_an_outage_and_follows_the_back_off() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.fails();
    origin.passes(seconds(10));
    assert_eq!(judged(&verifier, &origin.unknown()).await, "keys_unavailable");
    for _ in 0..20 {
        assert_eq!(judged_at_once(&verifier, &origin.unknown()), "keys_unavailable");
    }
    assert_eq!(origin.fetches(), 2);
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "known keys judge on");
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_from_the_fetch_that_lacks_it() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    let old = origin.token();
    let old_kid = status(&verifier).key_ids[0].clone();
    let new_kid = origin.issuer.rotate();
    origin.issuer.withdraw(&old_kid);
    assert_eq!(judged_at_once(&verifier, &old), OK, "nobody has looked yet");
    verifier.warm_up().await;
    assert_eq!(judged_at_once(&verifier, &old), "key_unknown");
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK);
    assert_eq!(status(&verifier).key_ids, [new_kid]);
}

#[tokio::test]
async fn a_key_id_with_new_material_is_another_key() {
    let (origin, other) = (Origin::new(), TestIssuer::new());
    let verifier = origin.loaded().await;
    let (old, new) = (origin.token(), other.token().sign());
    assert_eq!(judged_at_once(&verifier, &new), "signature_invalid");
    origin.keys_are(Mood::text(other.jwks().to_string()));
    verifier.warm_up().await;
    assert_eq!(judged_at_once(&verifier, &new), OK);
    assert_eq!(judged_at_once(&verifier, &old), "signature_invalid");
}

// A set that grows old.

#[tokio::test]
async fn a_busy_service_refreshes_ahead_and_never_waits() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    for _ in 0..600 {
        origin.passes(seconds(1));
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK);
        settle().await;
    }
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn nothing_is_fetched_while_no_request_comes() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.passes(seconds(100_000));
    settle().await;
    assert_eq!(state(&verifier), KeyState::Expired);
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn the_first_request_after_a_pause_joins_the_fetch_before_it_is_judged() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    let old_kid = status(&verifier).key_ids[0].clone();
    origin.issuer.rotate();
    origin.issuer.withdraw(&old_kid);
    origin.passes(seconds(601));
    let old = origin.issuer.token().kid(&old_kid).sign();
    assert_eq!(judged(&verifier, &old).await, "key_unknown");
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn time_to_live_is_what_cache_control_says_within_its_bounds_or_what_the_operator_says() {
    for (name, max_age, own, still_fresh) in [
        ("nothing said", None, None, 600),
        ("two minutes", Some(120), None, 120),
        ("too short", Some(1), None, 60),
        ("no-store", Some(0), None, 60),
        ("too long", Some(86_400), None, 3600),
        ("the operator's", Some(120), Some(30), 30),
    ] {
        let origin = Origin::new();
        origin.says(None, max_age.map(seconds));
        let trusted = own.map_or(origin.trusted(), |own| origin.trusted().key_ttl(seconds(own)));
        let verifier = origin.trusting(trusted);
        verifier.warm_up().await;
        origin.passes(seconds(still_fresh - 1));
        assert_eq!(state(&verifier), KeyState::Fresh, "{name}");
        origin.passes(seconds(1));
        assert_eq!(state(&verifier), KeyState::Stale, "{name}");
    }
}

#[tokio::test]
async fn age_is_the_larger_of_both_clocks() {
    for (name, suspended) in [("a suspended machine", true), ("a wall clock set back", false)] {
        let origin = Origin::new();
        let verifier = origin.loaded().await;
        let clock = origin.issuer.clock();
        if suspended {
            clock.suspend(seconds(601));
        } else {
            clock.set_back(seconds(100_000));
            clock.advance(seconds(601));
        }
        assert_eq!(state(&verifier), KeyState::Stale, "{name}");
        assert_eq!(judged(&verifier, &origin.token()).await, OK, "{name}");
        assert_eq!(origin.fetches(), 2, "{name}");
    }
}

/// Every way in which a fetch may bring nothing, and what the status says then.
fn failures() -> Vec<(&'static str, Mood, &'static str)> {
    let padded = format!("{}{}", TestIssuer::new().jwks(), " ".repeat(MAX_BYTES));
    let key = TestIssuer::new().jwks()["keys"][0].clone();
    let crowd = serde_json::json!({"keys": vec![key; 101]}).to_string();
    let secret = r#"{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}"#;
    let fail = Mood::Fail;
    vec![
        ("no connection", fail(FetchError::Transport("refused".into())), "transport: refused"),
        ("an error of the server", fail(FetchError::Status(500)), "status 500"),
        ("gone", fail(FetchError::Status(404)), "status 404"),
        ("a redirect", fail(FetchError::Redirect), "redirect refused"),
        ("more than asked for", fail(FetchError::TooLarge), "more than 262144 bytes"),
        ("too large a body", Mood::text(padded), "more than 262144 bytes"),
        ("an empty body", Mood::text(""), "unusable: "),
        ("a web page", Mood::text("<html>"), "unusable: "),
        ("no set", Mood::text(r#"{"error":"x"}"#), "unusable: "),
        ("an empty set", Mood::text(r#"{"keys":[]}"#), "unusable: no usable key"),
        ("a set of secrets", Mood::text(secret), "unusable: no usable key"),
        ("too many keys", Mood::text(crowd), "unusable: "),
        ("not modified, though nobody asked", Mood::NotModified, "unusable: no document"),
        ("a panic", Mood::Panic, "transport: the fetch ended without a result"),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_last_good_set_stays_whatever_a_fetch_brings() {
    for (name, mood, error) in failures() {
        let origin = Origin::new();
        let verifier = origin.loaded().await;
        let key_ids = status(&verifier).key_ids;
        origin.keys_are(mood);
        origin.passes(seconds(590));
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "{name}: refresh ahead");
        settle().await;
        assert_eq!(origin.fetches(), 2, "{name}");
        assert!(last_error(&verifier).starts_with(error), "{name}: {}", last_error(&verifier));
        assert_eq!((state(&verifier), status(&verifier).key_ids), (KeyState::Fresh, key_ids), "{name}");
        origin.passes(seconds(20));
        assert_eq!(judged(&verifier, &origin.token()).await, OK, "{name}: past its time to live");
        assert_eq!((origin.fetches(), state(&verifier)), (3, KeyState::Stale), "{name}");
        origin.keys_are(Mood::Jwks);
        origin.passes(seconds(61));
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "{name}: the next attempt");
        settle().await;
        assert_eq!((state(&verifier), last_error(&verifier)), (KeyState::Fresh, String::new()), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_loaded_from_what_is_no_good_set() {
    for (name, mood, error) in failures() {
        let origin = Origin::new();
        origin.keys_are(mood);
        let verifier = origin.verifier();
        assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable", "{name}");
        assert_eq!(state(&verifier), KeyState::NeverLoaded, "{name}");
        assert!(last_error(&verifier).starts_with(error), "{name}: {}", last_error(&verifier));
        origin.keys_are(Mood::Jwks);
        origin.passes(seconds(2));
        assert_eq!(judged(&verifier, &origin.token()).await, OK, "{name}: it heals");
    }
}

#[tokio::test(start_paused = true)]
async fn known_keys_do_not_wait_for_a_fetch_that_hangs() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.keys_are(Mood::Hang);
    origin.passes(seconds(590));
    for _ in 0..10 {
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK);
        settle().await;
    }
    assert_eq!(origin.fetches(), 2, "it hangs in the background");
}

#[tokio::test(start_paused = true)]
async fn a_stale_set_judges_once_the_fetch_has_hung_for_two_seconds() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.keys_are(Mood::Hang);
    origin.passes(seconds(601));
    let began = Instant::now();
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    assert_eq!(began.elapsed(), seconds(2));
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "nobody waits a second time");
    assert_eq!(
        judged_at_once(&verifier, &origin.unknown()),
        "keys_unavailable",
        "what it lacks may be there"
    );
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn a_stale_set_judges_while_the_issuer_fails_and_not_past_max_stale() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.fails();
    for _ in 0..41 {
        origin.passes(seconds(100));
        assert_eq!(judged(&verifier, &origin.token()).await, OK);
    }
    assert_eq!(state(&verifier), KeyState::Stale);
    origin.passes(seconds(100));
    let error = verifier.verify(&origin.token()).await.unwrap_err();
    assert_eq!(error.reason().id(), "keys_unavailable");
    let after = error.retry_after().unwrap();
    assert!(after >= seconds(1) && after <= seconds(60), "{after:?}");
    assert_eq!(state(&verifier), KeyState::Expired);
    assert!(!verifier.status().is_ready());

    origin.keys_are(Mood::Jwks);
    origin.passes(seconds(61));
    assert_eq!(judged(&verifier, &origin.token()).await, OK, "it heals");
    assert_eq!(state(&verifier), KeyState::Fresh);
}

#[tokio::test]
async fn max_stale_is_the_operators_and_may_be_nothing() {
    let origin = Origin::new();
    let verifier = origin.trusting(origin.trusted().max_stale(Duration::ZERO));
    verifier.warm_up().await;
    origin.fails();
    origin.passes(seconds(599));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    origin.passes(seconds(2));
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
}

#[tokio::test]
async fn a_failing_issuer_is_asked_less_and_less_often() {
    let origin = Origin::new();
    origin.fails();
    let verifier = origin.verifier();
    for _ in 0..3600 {
        assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
        origin.passes(seconds(1));
    }
    // 1, 2, 4 … 60 s, with a jitter of a tenth: 6 attempts in the first minute, and one a minute then.
    assert!((60..=75).contains(&origin.fetches()), "{} fetches", origin.fetches());
}

#[tokio::test]
async fn the_back_off_is_the_operators() {
    let origin = Origin::new();
    let verifier = origin.trusting(origin.trusted().key_back_off(seconds(10), seconds(20)));
    origin.fails();
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
    for (pause, fetches) in [(9, 1), (3, 2), (15, 2), (8, 3), (15, 3), (8, 4)] {
        origin.passes(seconds(pause));
        assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
        assert_eq!(origin.fetches(), fetches, "{pause} s later");
    }
}

#[tokio::test]
async fn the_time_of_the_refresh_ahead_is_the_operators() {
    let origin = Origin::new();
    let verifier = origin.trusting(origin.trusted().key_ttl(seconds(1000)).key_refresh_at(0.1));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    for (pause, fetches) in [(89, 1), (22, 2)] {
        origin.passes(seconds(pause));
        assert_eq!(judged_at_once(&verifier, &origin.token()), OK);
        settle().await;
        assert_eq!(origin.fetches(), fetches);
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_and_how_many_may_wait_is_the_operators() {
    let origin = Origin::new();
    origin.keys_are(Mood::Hang);
    let verifier = origin.trusting(origin.trusted().max_wait(seconds(1)).max_waiting(3));
    let token = origin.token();
    let began = Instant::now();
    let mut requests: Vec<_> = (0..5).map(|_| Box::pin(judged(&verifier, &token))).collect();
    assert_eq!(requests.iter_mut().map(poll).filter(Poll::is_ready).count(), 2);
    assert_eq!(join_all(requests.drain(..3)).await, ["keys_unavailable"; 3]);
    assert_eq!(began.elapsed(), seconds(1));
}

#[tokio::test]
async fn a_refresh_ahead_takes_nobody_off_the_number_of_those_that_wait() {
    let origin = Origin::new();
    let verifier = origin.trusting(origin.trusted().max_waiting(1));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    origin.passes(seconds(550));
    origin.keys_are(Mood::Hang);
    let unknown = origin.unknown();
    let mut waits = Box::pin(judged(&verifier, &unknown));
    assert!(poll(&mut waits).is_pending());
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "and it is time to refresh");
    assert_eq!(judged_at_once(&verifier, &unknown), "key_unknown", "one waits already");
    drop(waits);
    assert!(judged(&verifier, &unknown).now_or_never().is_none(), "there is room again");
}

#[tokio::test]
async fn the_size_of_a_document_and_the_number_of_keys_are_the_operators_to_lower() {
    let origin = Origin::new();
    let text = origin.issuer.jwks().to_string();
    let padded = format!("{text}{}", " ".repeat(2048));
    let verifier = origin.trusting(origin.trusted().max_document_bytes(1024));
    origin.keys_are(Mood::text(padded));
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
    assert!(last_error(&verifier).starts_with("more than"), "{}", last_error(&verifier));

    let origin = Origin::new();
    origin.issuer.publish();
    let verifier = origin.trusting(origin.trusted().max_keys(1));
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
    assert_eq!(last_error(&verifier), "unusable: more than 1 keys");
}

#[test]
fn a_time_to_live_that_a_slow_fetch_could_eat_up_is_a_fault() {
    let origin = Origin::new();
    let build = |issuer| Verifier::builder().issuer(issuer).audience(AUDIENCE).build();
    let error = build(origin.trusted().key_ttl(seconds(5))).unwrap_err();
    assert!(error.to_string().contains("stale on arrival"), "{error}");
    assert!(build(origin.trusted().key_ttl(seconds(5)).fetch_timeout(seconds(4))).is_ok());
}

#[tokio::test]
async fn an_expired_set_of_an_idle_service_is_fetched_anew() {
    let origin = Origin::new();
    let verifier = origin.loaded().await;
    origin.passes(seconds(1_000_000));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
    assert_eq!(origin.fetches(), 2);
}

// ETag.

#[tokio::test]
async fn a_set_that_was_not_modified_is_fresh_again() {
    let origin = Origin::new();
    origin.says(Some("\"1\""), None);
    let verifier = origin.loaded().await;
    origin.keys_are(Mood::NotModified);
    for _ in 0..3 {
        origin.passes(seconds(601));
        assert_eq!(judged(&verifier, &origin.token()).await, OK);
        assert_eq!((state(&verifier), status(&verifier).age), (KeyState::Fresh, Some(Duration::ZERO)));
    }
    let etags: Vec<_> =
        origin.state.lock().unwrap().asked.iter().map(|request| request.etag.clone()).collect();
    let one = Some("\"1\"".to_owned());
    assert_eq!(etags, [None, one.clone(), one.clone(), one]);
}

#[tokio::test]
async fn an_answer_without_an_etag_forgets_the_one_before() {
    let origin = Origin::new();
    origin.says(Some("\"1\""), None);
    let verifier = origin.loaded().await;
    origin.says(None, None);
    origin.issuer.rotate();
    verifier.warm_up().await;
    verifier.warm_up().await;
    let etags: Vec<_> =
        origin.state.lock().unwrap().asked.iter().map(|request| request.etag.clone()).collect();
    assert_eq!(etags, [None, Some("\"1\"".into()), None], "\"1\" names a set that we hold no more");
}

// Metadata.

const REALM: &str = "https://issuer.test/realms/acme";
const ADDRESSES: [&str; 3] = [
    "https://issuer.test/realms/acme/.well-known/openid-configuration",
    "https://issuer.test/.well-known/oauth-authorization-server/realms/acme",
    "https://issuer.test/.well-known/openid-configuration/realms/acme",
];

fn realm() -> Origin {
    let origin = Origin { issuer: TestIssuer::named(REALM), state: Arc::default() };
    origin.at(JWKS, Mood::Jwks);
    origin
}

#[tokio::test]
async fn metadata_is_found_at_each_of_the_three_addresses() {
    for (nth, address) in ADDRESSES.iter().enumerate() {
        for not_here in [404, 405, 410] {
            let origin = realm();
            for other in &ADDRESSES[..nth] {
                origin.at(other, Mood::Fail(FetchError::Status(not_here)));
            }
            origin.at(address, Mood::metadata(REALM, JWKS));
            let verifier = origin.trusting(origin.discovered());
            assert_eq!(judged(&verifier, &origin.token()).await, OK, "{address}");
            assert_eq!(origin.asked(), [&ADDRESSES[..=nth], &[JWKS]].concat());
        }
    }
}

#[tokio::test]
async fn nothing_but_not_here_moves_on_to_the_next_address() {
    let oversize = format!("{}{}", r#"{"issuer":"x"}"#, " ".repeat(MAX_BYTES));
    for (name, mood, error) in [
        (
            "another issuer",
            Mood::metadata("https://evil.test", JWKS),
            "unusable: metadata names another issuer",
        ),
        (
            "a slash more",
            Mood::metadata(&format!("{REALM}/"), JWKS),
            "unusable: metadata names another issuer",
        ),
        (
            "another case",
            Mood::metadata(&REALM.to_uppercase(), JWKS),
            "unusable: metadata names another issuer",
        ),
        ("no issuer", Mood::text(serde_json::json!({"jwks_uri": JWKS}).to_string()), "unusable: "),
        ("no jwks_uri", Mood::text(serde_json::json!({"issuer": REALM}).to_string()), "unusable: "),
        ("a web page", Mood::text("<html>"), "unusable: "),
        ("an array", Mood::text("[]"), "unusable: "),
        ("no document", Mood::NotModified, "unusable: "),
        ("too large", Mood::text(oversize), ""),
        ("an outage", Mood::Fail(FetchError::Status(503)), "status 503"),
        ("forbidden", Mood::Fail(FetchError::Status(403)), "status 403"),
        ("a redirect", Mood::Fail(FetchError::Redirect), "redirect refused"),
        ("no connection", Mood::Fail(FetchError::Transport("x".into())), "transport: x"),
    ] {
        let origin = realm();
        origin.at(ADDRESSES[0], mood);
        for other in &ADDRESSES[1..] {
            origin.at(other, Mood::metadata(REALM, JWKS));
        }
        let verifier = origin.trusting(origin.discovered());
        assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable", "{name}");
        assert!(last_error(&verifier).starts_with(error), "{name}: {}", last_error(&verifier));
        assert_eq!(origin.asked(), [ADDRESSES[0]], "{name}");
    }
}

#[tokio::test]
async fn metadata_of_more_than_256_kib_is_refused_as_a_key_set_is() {
    let origin = realm();
    let metadata = serde_json::json!({"issuer": REALM, "jwks_uri": JWKS, "x": "x".repeat(MAX_BYTES)});
    origin.at(ADDRESSES[0], Mood::text(metadata.to_string()));
    let verifier = origin.trusting(origin.discovered());
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
    assert_eq!(last_error(&verifier), "more than 262144 bytes");
}

#[tokio::test]
async fn a_key_set_is_fetched_over_https_or_from_loopback_only() {
    for (name, uri) in [
        ("plain http", "http://issuer.test/jwks"),
        ("a name that looks like loopback", "http://127.0.0.1.evil.test/jwks"),
        ("a user before the host", "http://127.0.0.1@evil.test/jwks"),
        ("a password", "https://a:b@issuer.test/jwks"),
        ("another scheme", "ftp://issuer.test/jwks"),
        ("a file", "file:///etc/passwd"),
        ("a path", "/jwks"),
        ("no scheme", "//issuer.test/jwks"),
        ("nothing", ""),
    ] {
        let origin = realm();
        origin.at(ADDRESSES[0], Mood::metadata(REALM, uri));
        origin.at(uri, Mood::Jwks);
        let verifier = origin.trusting(origin.discovered());
        assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable", "{name}");
        assert_eq!(last_error(&verifier), "unusable: jwks_uri is neither https nor loopback", "{name}");
        assert_eq!(origin.asked(), [ADDRESSES[0]], "{name}");
    }
    for uri in ["http://127.0.0.1:1/jwks", "http://[::1]/jwks"] {
        let origin = realm();
        origin.at(ADDRESSES[0], Mood::metadata(REALM, uri));
        origin.at(uri, Mood::Jwks);
        let verifier = origin.trusting(origin.discovered());
        assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable", "{uri}");
        assert_eq!(last_error(&verifier), "unusable: jwks_uri leaves https", "{uri}");
    }
    let allowed = "http://issuer.test/jwks";
    let origin = realm();
    origin.at(ADDRESSES[0], Mood::metadata(REALM, allowed));
    origin.at(allowed, Mood::Jwks);
    let verifier = origin.trusting(origin.discovered().danger_allow_http());
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
}

#[tokio::test]
async fn metadata_is_read_again_after_an_hour_and_after_a_failure() {
    let origin = realm();
    origin.at(ADDRESSES[0], Mood::metadata(REALM, JWKS));
    let verifier = origin.trusting(origin.discovered());
    let asked = || std::mem::take(&mut origin.state.lock().unwrap().asked).len();
    verifier.warm_up().await;
    assert_eq!(asked(), 2, "metadata and keys");
    verifier.warm_up().await;
    assert_eq!(asked(), 1, "keys alone");
    origin.fails();
    verifier.warm_up().await;
    assert_eq!(asked(), 1, "the failure");
    origin.keys_are(Mood::Jwks);
    verifier.warm_up().await;
    assert_eq!(asked(), 0, "the back-off runs");
    origin.passes(seconds(2));
    verifier.warm_up().await;
    assert_eq!(asked(), 2, "after it");
    origin.passes(seconds(3601));
    verifier.warm_up().await;
    assert_eq!(asked(), 2, "an hour later");
}

#[tokio::test]
async fn a_key_set_that_moved_is_found_again() {
    let origin = realm();
    origin.at(ADDRESSES[0], Mood::metadata(REALM, JWKS));
    let verifier = origin.trusting(origin.discovered());
    verifier.warm_up().await;
    origin.keys_are(Mood::Fail(FetchError::Status(410)));
    origin.at(ADDRESSES[0], Mood::metadata(REALM, "https://issuer.test/moved"));
    origin.at("https://issuer.test/moved", Mood::Jwks);
    origin.issuer.rotate();
    origin.passes(seconds(10));
    assert_eq!(judged(&verifier, &origin.token()).await, "keys_unavailable");
    origin.passes(seconds(2));
    assert_eq!(judged(&verifier, &origin.token()).await, OK);
}

#[tokio::test]
async fn one_issuers_outage_is_not_anothers() {
    let (up, down) =
        (Origin::new(), Origin { issuer: TestIssuer::named("https://down.test"), state: Arc::default() });
    let trusted_down =
        Issuer::jwks("https://down.test", "https://down.test/jwks").unwrap().fetch(down.clone());
    let verifier = Verifier::builder()
        .issuer(trusted_down)
        .issuer(up.trusted())
        .audience(AUDIENCE)
        .clock(up.issuer.clock())
        .build()
        .unwrap();
    assert_eq!(judged(&verifier, &down.token()).await, "keys_unavailable");
    assert_eq!(judged(&verifier, &up.token()).await, OK);
    assert_eq!((up.fetches(), down.fetches()), (1, 1));
    let status = verifier.status();
    assert!(status.is_ready(), "one of two is enough");
    let states: Vec<_> = status.issuers.iter().map(|issuer| (issuer.state, issuer.is_usable())).collect();
    assert_eq!(states, [(KeyState::NeverLoaded, false), (KeyState::Fresh, true)]);
}

// A fetch that does not end well.

#[tokio::test(start_paused = true)]
async fn a_whole_fetch_has_five_seconds_or_what_the_operator_says() {
    for (name, own, expected) in [("the default", None, 5), ("his own", Some(30), 30)] {
        let origin = realm();
        let gate = Arc::new(Semaphore::new(0));
        origin.at(ADDRESSES[0], Mood::Gated(Arc::clone(&gate)));
        let issuer = origin.discovered();
        let verifier = origin.trusting(own.map_or(issuer.clone(), |own| issuer.fetch_timeout(seconds(own))));
        let began = Instant::now();
        verifier.warm_up().await;
        assert_eq!(began.elapsed(), seconds(expected), "{name}");
        assert_eq!(last_error(&verifier), "timed out", "{name}");
        assert!(origin.state.lock().unwrap().dropped.load(Ordering::SeqCst), "{name}: it still runs");
        origin.at(ADDRESSES[0], Mood::metadata(REALM, JWKS));
        origin.passes(seconds(2));
        assert_eq!(judged(&verifier, &origin.token()).await, OK, "{name}: it heals");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ends_with_the_last_verifier() {
    let origin = Origin::new();
    origin.keys_are(Mood::Hang);
    let dropped = Arc::clone(&origin.state.lock().unwrap().dropped);
    let verifier = origin.verifier();
    let clone = verifier.clone();
    let mut request = Box::pin(verifier.verify(&origin.token()));
    assert!(poll(&mut request).is_pending());
    settle().await;
    drop(request);
    drop(verifier);
    settle().await;
    assert!(!dropped.load(Ordering::SeqCst), "a clone is still there");
    drop(clone);
    settle().await;
    assert!(dropped.load(Ordering::SeqCst), "the fetch goes on for nobody");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_runtime_that_goes_away_does_not_wedge_the_keys() {
    let origin = Origin::new();
    origin.keys_are(Mood::Hang);
    let verifier = origin.verifier();
    let first = runtime();
    first.block_on(async {
        let mut request = Box::pin(verifier.verify(&origin.token()));
        assert!(poll(&mut request).is_pending());
        settle().await;
    });
    drop(first);
    assert_eq!(last_error(&verifier), "transport: the fetch ended without a result");
    origin.keys_are(Mood::Jwks);
    origin.passes(seconds(2));
    assert_eq!(runtime().block_on(judged(&verifier, &origin.token())), OK);
}

/// Runs it on a thread of its own; `false` where it has not come back in time.
fn comes_back(run: impl FnOnce() + Send + 'static) -> bool {
    let (done, waiting) = mpsc::channel();
    std::thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    waiting.recv_timeout(seconds(10)).is_ok()
}

#[test]
fn a_request_on_a_runtime_that_is_shut_down_already_does_not_wedge_the_keys() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    let (late, token) = (verifier.clone(), origin.token());
    let gone = runtime().handle().clone();
    let came_back = comes_back(move || {
        let _guard = gone.enter();
        drop(late.verify(&token));
    });
    assert!(came_back, "the thread waits for its own lock");
    origin.passes(seconds(2));
    assert_eq!(runtime().block_on(judged(&verifier, &origin.token())), OK);
}

#[test]
fn without_a_runtime_it_is_an_error_of_the_wiring_and_not_a_panic() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    for attempt in 1..=3 {
        assert_eq!(judged_at_once(&verifier, &origin.token()), "runtime_missing", "attempt {attempt}");
    }
    assert_eq!(origin.fetches(), 0);
    origin.passes(seconds(61));
    assert_eq!(runtime().block_on(judged(&verifier, &origin.token())), OK, "it heals");
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "keys at hand need no runtime");
}

#[test]
fn whoever_joins_a_fetch_of_another_runtime_needs_one_of_his_own() {
    let origin = Origin::new();
    origin.keys_are(Mood::Hang);
    let verifier = origin.verifier();
    let elsewhere = runtime();
    elsewhere.block_on(async {
        let mut request = Box::pin(verifier.verify(&origin.token()));
        assert!(poll(&mut request).is_pending());
        settle().await;
    });
    assert_eq!(judged_at_once(&verifier, &origin.token()), "runtime_missing");
    let status = verifier.warm_up().now_or_never().expect("it waits");
    assert_eq!(status.issuers[0].state, KeyState::NeverLoaded);
}

#[test]
fn a_good_stale_set_judges_also_where_no_runtime_can_renew_it() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    runtime().block_on(async {
        verifier.warm_up().await;
        origin.fails();
        origin.passes(seconds(610));
        assert_eq!(judged(&verifier, &origin.token()).await, OK);
    });
    origin.passes(seconds(10));
    assert_eq!(judged_at_once(&verifier, &origin.token()), OK, "stale, and excused by that failure");
}

#[test]
fn warming_without_a_runtime_panics_neither() {
    let verifier = Origin::new().verifier();
    let status = verifier.warm_up().now_or_never().expect("it waits");
    assert_eq!(status.issuers[0].state, KeyState::NeverLoaded);
}

#[test]
fn a_runtime_without_timers_is_an_error_of_the_wiring_and_not_a_panic() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    let bare = Builder::new_current_thread().build().unwrap();
    let judged =
        std::panic::catch_unwind(AssertUnwindSafe(|| bare.block_on(judged(&verifier, &origin.token()))));
    assert_eq!(judged.ok(), Some("runtime_missing"));
}

// Looking inside.

#[tokio::test(start_paused = true)]
async fn warming_loads_every_issuer_at_once_and_waits_for_the_slowest() {
    let named = |name: &str| Origin { issuer: TestIssuer::named(name), state: Arc::default() };
    let (up, hanging, down) = (Origin::new(), named("https://hangs.test"), named("https://down.test"));
    let trusted = |origin: &Origin, mood: Mood| {
        let uri = format!("{}/jwks", origin.issuer.identifier());
        origin.at(&uri, mood);
        Issuer::jwks(origin.issuer.identifier(), &uri).unwrap().fetch(origin.clone())
    };
    let verifier = Verifier::builder()
        .issuer(trusted(&hanging, Mood::Hang))
        .issuer(trusted(&down, Mood::Fail(FetchError::Status(500))))
        .issuer(trusted(&up, Mood::Jwks))
        .audience(AUDIENCE)
        .clock(up.issuer.clock())
        .build()
        .unwrap();
    let began = Instant::now();
    let status = verifier.warm_up().await;
    assert_eq!(began.elapsed(), seconds(5));
    let seen: Vec<_> =
        status.issuers.iter().map(|issuer| (issuer.state, issuer.last_error.as_deref())).collect();
    assert_eq!(
        seen,
        [
            (KeyState::NeverLoaded, Some("timed out")),
            (KeyState::NeverLoaded, Some("status 500")),
            (KeyState::Fresh, None),
        ]
    );
}

#[tokio::test]
async fn warming_joins_a_fetch_that_is_under_way() {
    let origin = Origin::new();
    let gate = Arc::new(Semaphore::new(0));
    origin.keys_are(Mood::Gated(Arc::clone(&gate)));
    let verifier = origin.verifier();
    let token = origin.token();
    let mut request = Box::pin(judged(&verifier, &token));
    assert!(poll(&mut request).is_pending());
    let mut warming = Box::pin(verifier.warm_up());
    assert!(poll(&mut warming).is_pending());
    gate.add_permits(1);
    assert!(warming.await.is_ready());
    assert_eq!(request.await, OK);
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn the_status_tells_state_age_key_ids_and_the_last_error() {
    let origin = Origin::new();
    let verifier = origin.verifier();
    let told = |verifier: &Verifier| {
        let status = status(verifier);
        assert_eq!(status.issuer, "https://issuer.test");
        (status.state, status.age.map(|age| age.as_secs()), status.key_ids.len(), status.last_error)
    };
    assert_eq!(told(&verifier), (KeyState::NeverLoaded, None, 0, None));
    assert!(!verifier.status().is_ready());
    verifier.warm_up().await;
    assert_eq!(told(&verifier), (KeyState::Fresh, Some(0), 1, None));
    origin.passes(seconds(7));
    assert_eq!(told(&verifier), (KeyState::Fresh, Some(7), 1, None));
    origin.issuer.rotate();
    verifier.warm_up().await;
    assert_eq!(told(&verifier), (KeyState::Fresh, Some(0), 2, None));
    origin.fails();
    verifier.warm_up().await;
    assert_eq!(told(&verifier), (KeyState::Fresh, Some(0), 2, Some("status 500".into())));
    origin.passes(seconds(600));
    assert_eq!(told(&verifier), (KeyState::Stale, Some(600), 2, Some("status 500".into())));
    assert!(verifier.status().is_ready());
    origin.passes(seconds(3600));
    assert_eq!(told(&verifier), (KeyState::Expired, Some(4200), 2, Some("status 500".into())));
    assert!(!verifier.status().is_ready());
    assert_eq!(origin.fetches(), 3, "looking fetches nothing");
}

/// Over real HTTP, on loopback.
#[cfg(feature = "axum")]
mod over_http {
    use super::*;
    use axum::{
        Router,
        body::{Body, Bytes},
        http::{HeaderMap, StatusCode},
        response::{IntoResponse as _, Redirect, Response},
        routing::get,
    };
    use std::{convert::Infallible, sync::atomic::AtomicUsize};
    use tokio::net::TcpListener;

    /// Serves on loopback until the test ends; its address.
    async fn serve(routes: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, routes).into_future());
        format!("http://{address}")
    }

    /// A verifier for an issuer whose keys stand at that address.
    fn verifier(issuer: &TestIssuer, jwks_uri: &str) -> Verifier {
        let trusted = Issuer::jwks(issuer.identifier(), jwks_uri).unwrap().fetch_timeout(seconds(5));
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap()
    }

    /// What a set that is answered so leads to: `ok`, or the last error.
    async fn fetched(
        issuer: &TestIssuer,
        answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
    ) -> String {
        let routes = Router::new().route("/jwks", get(move || std::future::ready(answer())));
        let verifier = verifier(issuer, &format!("{}/jwks", serve(routes).await));
        let judged = judged(&verifier, &issuer.token().sign()).await;
        if judged == OK { OK.to_owned() } else { last_error(&verifier) }
    }

    #[tokio::test]
    async fn an_issuer_is_discovered_and_its_rotation_followed() {
        let issuer = TestIssuer::serve().await.unwrap();
        let trusted = Issuer::discover(issuer.identifier()).unwrap();
        let verifier =
            Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
        let first = issuer.token().sign();
        assert_eq!(judged(&verifier, &first).await, OK);
        let old = status(&verifier).key_ids[0].clone();
        issuer.rotate();
        issuer.clock().advance(seconds(6));
        assert_eq!(judged(&verifier, &issuer.token().sign()).await, OK);
        issuer.withdraw(&old);
        verifier.warm_up().await;
        assert_eq!(judged(&verifier, &first).await, "key_unknown");
        assert_eq!(issuer.fetches(), 3);
        issuer.fail();
        verifier.warm_up().await;
        assert_eq!(last_error(&verifier), "status 503");
        assert_eq!(judged(&verifier, &issuer.token().sign()).await, OK);
    }

    #[tokio::test]
    async fn an_answer_other_than_200_is_no_set() {
        let issuer = TestIssuer::new();
        let jwks = issuer.jwks().to_string();
        for code in [201, 203, 204, 206, 304, 400, 401, 403, 404, 500, 503] {
            let jwks = jwks.clone();
            let answer = move || (StatusCode::from_u16(code).unwrap(), jwks.clone()).into_response();
            let expected = if code == 304 { "redirect refused".into() } else { format!("status {code}") };
            assert_eq!(fetched(&issuer, answer).await, expected, "{code}");
        }
        assert_eq!(fetched(&issuer, move || jwks.clone().into_response()).await, OK);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let issuer = TestIssuer::new();
        let (jwks, reached) = (issuer.jwks().to_string(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&reached);
        let target = get(move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(jwks)
        });
        let base = serve(
            Router::new()
                .route("/target", target)
                .route("/303", get(|| async { Redirect::to("/target") }))
                .route("/307", get(|| async { Redirect::temporary("/target") }))
                .route("/308", get(|| async { Redirect::permanent("/target") }))
                .route("/302", get(|| async { (StatusCode::FOUND, [("location", "/target")]) }))
                .route("/301", get(|| async { (StatusCode::MOVED_PERMANENTLY, [("location", "/target")]) })),
        )
        .await;
        for code in [301, 302, 303, 307, 308] {
            let verifier = verifier(&issuer, &format!("{base}/{code}"));
            assert_eq!(judged(&verifier, &issuer.token().sign()).await, "keys_unavailable", "{code}");
            assert_eq!(last_error(&verifier), "redirect refused", "{code}");
        }
        assert_eq!(reached.load(Ordering::SeqCst), 0);
    }

    /// RFC 1952, its content stored and not compressed (RFC 1951 section 3.2.4).
    fn gzip(content: &[u8]) -> Vec<u8> {
        let crc = content.iter().fold(!0u32, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
        });
        let length = u16::try_from(content.len()).unwrap();
        let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1];
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(content);
        file.extend((!crc).to_le_bytes());
        file.extend(u32::from(length).to_le_bytes());
        file
    }

    #[tokio::test]
    async fn a_compressed_body_is_neither_asked_for_nor_taken() {
        let issuer = TestIssuer::new();
        let asked = Arc::new(Mutex::new(HeaderMap::new()));
        let (zipped, heard) = (gzip(issuer.jwks().to_string().as_bytes()), Arc::clone(&asked));
        let routes = Router::new().route(
            "/jwks",
            get(move |headers: HeaderMap| {
                *heard.lock().unwrap() = headers;
                std::future::ready(([("content-encoding", "gzip")], zipped))
            }),
        );
        let verifier = verifier(&issuer, &format!("{}/jwks", serve(routes).await));
        assert_eq!(judged(&verifier, &issuer.token().sign()).await, "keys_unavailable");
        assert!(last_error(&verifier).starts_with("unusable: "), "{}", last_error(&verifier));
        let asked = asked.lock().unwrap();
        assert!(!asked.contains_key("accept-encoding"), "{asked:?}");
        assert_eq!(asked["accept"], "application/json");
    }

    #[tokio::test]
    async fn a_body_of_more_than_256_kib_is_refused_and_the_largest_is_not() {
        let issuer = TestIssuer::new();
        let jwks = issuer.jwks().to_string();
        let padded = |length: usize| Bytes::from(format!("{jwks}{}", " ".repeat(length - jwks.len())));
        let whole = |length| {
            let body = padded(length);
            move || body.clone().into_response()
        };
        // Without a Content-Length, in pieces.
        let pieces = |length| {
            let body = padded(length);
            move || {
                let pieces: Vec<_> =
                    body.chunks(1000).map(|piece| Ok::<_, Infallible>(piece.to_vec())).collect();
                Response::new(Body::from_stream(futures_util::stream::iter(pieces)))
            }
        };
        assert_eq!(fetched(&issuer, whole(MAX_BYTES)).await, OK);
        assert_eq!(fetched(&issuer, pieces(MAX_BYTES)).await, OK);
        assert_eq!(fetched(&issuer, whole(MAX_BYTES + 1)).await, "more than 262144 bytes");
        assert_eq!(fetched(&issuer, pieces(MAX_BYTES + 1)).await, "more than 262144 bytes");
        let endless = || {
            let spaces = futures_util::stream::repeat_with(|| Ok::<_, Infallible>(vec![b' '; 1000]));
            Response::new(Body::from_stream(spaces))
        };
        assert_eq!(fetched(&issuer, endless).await, "more than 262144 bytes");
    }

    #[tokio::test]
    async fn bytes_that_trickle_do_not_stretch_the_time() {
        let issuer = TestIssuer::new();
        let trickle = || {
            let beat = tokio::time::interval(Duration::from_millis(10));
            let bytes = futures_util::stream::unfold(beat, |mut beat| async {
                beat.tick().await;
                Some((Ok::<_, Infallible>(" "), beat))
            });
            Response::new(Body::from_stream(bytes))
        };
        let routes = Router::new().route("/jwks", get(move || async move { trickle() }));
        let uri = format!("{}/jwks", serve(routes).await);
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let never_answers = format!("http://{}/jwks", silent.local_addr().unwrap());
        for (name, uri) in [("bytes that trickle", uri), ("no answer at all", never_answers)] {
            let trusted = Issuer::jwks(issuer.identifier(), &uri).unwrap();
            let trusted = trusted.fetch_timeout(Duration::from_millis(200));
            let verifier =
                Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
            let began = Instant::now();
            verifier.warm_up().await;
            assert_eq!(last_error(&verifier), "timed out", "{name}");
            assert!(began.elapsed() < seconds(4), "{name}: {:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn an_address_where_nobody_listens_is_an_outage() {
        let issuer = TestIssuer::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/secret-path", listener.local_addr().unwrap());
        drop(listener);
        let verifier = verifier(&issuer, &uri);
        assert_eq!(judged(&verifier, &issuer.token().sign()).await, "keys_unavailable");
        let error = last_error(&verifier);
        assert!(error.starts_with("transport: ") && !error.contains("secret-path"), "{error}");
    }

    #[tokio::test]
    async fn an_etag_is_sent_back_and_304_renews_the_set() {
        let issuer = TestIssuer::new();
        let (jwks, asked) = (issuer.jwks().to_string(), Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&asked);
        let routes = Router::new().route(
            "/jwks",
            get(move |headers: HeaderMap| {
                let known = headers.get("if-none-match").map(|etag| etag.to_str().unwrap().to_owned());
                heard.lock().unwrap().push(known.clone());
                let head = [("etag", "\"one\""), ("cache-control", "max-age=120")];
                std::future::ready(match known.as_deref() {
                    Some("\"one\"") => (StatusCode::NOT_MODIFIED, head, String::new()),
                    _ => (StatusCode::OK, head, jwks),
                })
            }),
        );
        let verifier = verifier(&issuer, &format!("{}/jwks", serve(routes).await));
        verifier.warm_up().await;
        for _ in 0..2 {
            issuer.clock().advance(seconds(121));
            assert_eq!(state(&verifier), KeyState::Stale, "max-age was not read");
            assert_eq!(judged(&verifier, &issuer.token().sign()).await, OK);
            assert_eq!((state(&verifier), status(&verifier).age), (KeyState::Fresh, Some(Duration::ZERO)));
        }
        let one = Some("\"one\"".to_owned());
        assert_eq!(*asked.lock().unwrap(), [None, one.clone(), one]);
    }
}

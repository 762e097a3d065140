//! A day in the life of an API: more than one request a second, each with a real signature, through the layer, while
//! the issuer turns its keys over, fails, hangs and withdraws a stolen key. What a request had to go through is counted,
//! not timed: one that waits for keys is pending when it is first polled, one that does not wait is ready at once.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and what was counted is worth reading"
)]

use http::{Request, Response};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Future, Ready, pending, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::task::{JoinHandle, yield_now};
use tower::{Layer as _, Service as _, util::ServiceFn};
use tower_bearer::{
    AuthError, AuthenticateLayer, Issuer, Verifier,
    authenticate::Authenticate,
    clock::Clock as _,
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest},
    testing::{AUDIENCE, TestClock, TestIssuer},
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// How long a set of keys is good for, by default.
const TTL: u64 = 600;
/// The least time between an answered fetch and one that an unknown key causes.
const COOLDOWN: u64 = 5;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

// The issuer's side.

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Answers,
    Fails,
    Hangs,
}

/// One attempt to fetch the key set.
#[derive(Clone, Copy)]
struct Attempt {
    /// Seconds since the day began.
    at: u64,
    good: bool,
}

/// The way to the issuer: late by some hundred milliseconds, and broken when told to be.
#[derive(Clone)]
struct Line {
    issuer: TestIssuer,
    state: Arc<Mutex<LineState>>,
}

struct LineState {
    mood: Mood,
    dice: Dice,
    attempts: Vec<Attempt>,
}

impl Line {
    fn new(issuer: &TestIssuer) -> Self {
        let state = LineState { mood: Mood::Answers, dice: Dice(7519), attempts: Vec::new() };
        Self { issuer: issuer.clone(), state: Arc::new(Mutex::new(state)) }
    }

    fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    fn attempts(&self) -> Vec<Attempt> {
        self.state.lock().unwrap().attempts.clone()
    }
}

impl Fetch for Line {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let mut state = self.state.lock().unwrap();
        let mood = state.mood;
        let at = self.issuer.clock().monotonic().as_secs();
        state.attempts.push(Attempt { at, good: mood == Mood::Answers });
        let late = Duration::from_millis(20 + state.dice.roll(900));
        drop(state);
        Box::pin(async move {
            tokio::time::sleep(late).await;
            match mood {
                Mood::Answers => self.issuer.transport().fetch(request).await,
                Mood::Fails => Err(FetchError::Status(503)),
                Mood::Hangs => pending().await,
            }
        })
    }
}

// Our side.

type Handler = ServiceFn<fn(Request<()>) -> Ready<Result<Response<String>, Infallible>>>;
type Api = Authenticate<Handler>;

fn answer(_: Request<()>) -> Ready<Result<Response<String>, Infallible>> {
    ready(Ok(Response::new(String::new())))
}

/// How a request ended: `ok`, or its status and the reason's id.
type Ending = String;

fn ending(response: &Response<String>) -> Ending {
    match response.extensions().get::<AuthError>() {
        None => "ok".to_owned(),
        Some(error) => format!("{} {}", response.status().as_u16(), error.reason().id()),
    }
}

enum Sent {
    AtOnce(Ending),
    Waits(JoinHandle<Ending>),
}

struct World {
    issuer: TestIssuer,
    clock: TestClock,
    line: Line,
    verifier: Verifier,
    api: Api,
    requests: u64,
}

impl World {
    async fn new() -> Self {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::EdDSA);
        let (line, clock) = (Line::new(&issuer), issuer.clock());
        let trusted = Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap();
        let verifier = Verifier::builder()
            .issuer(trusted.fetch(line.clone()))
            .audience(AUDIENCE)
            .clock(clock.clone())
            // Each request's signature is checked: a remembered one would prove less.
            .without_memory()
            .build()
            .unwrap();
        assert!(verifier.warm_up().await.is_ready());
        let handler: Handler = tower::service_fn(answer);
        let api = AuthenticateLayer::new(verifier.clone()).layer(handler);
        Self { issuer, clock, line, verifier, api, requests: 0 }
    }

    /// Both clocks go on: the one that keys age by, and the one that the network and our time-outs run on.
    async fn tick(&self, time: Duration) {
        self.clock.advance(time);
        tokio::time::advance(time).await;
        for _ in 0..3 {
            yield_now().await;
        }
    }

    fn send(&mut self, token: &str) -> Sent {
        self.requests += 1;
        let request = Request::builder().header("authorization", format!("Bearer {token}")).body(()).unwrap();
        let mut future = Box::pin(self.api.clone().call(request));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => Sent::AtOnce(ending(&response.unwrap())),
            Poll::Pending => Sent::Waits(tokio::spawn(async move { ending(&future.await.unwrap()) })),
        }
    }

    fn knows(&self, kid: &str) -> bool {
        self.verifier.status().issuers[0].key_ids.iter().any(|known| known == kid)
    }

    fn last_good_fetch(&self) -> u64 {
        self.line.attempts().iter().rev().find(|attempt| attempt.good).map_or(0, |attempt| attempt.at)
    }
}

/// Where the day stands with the keys.
struct Ring {
    /// The key that signs.
    signing: String,
    /// A token of it, and when it was made.
    token: (u64, String),
    /// One that was announced, and from when on it signs.
    next: Option<(String, u64)>,
    /// A key that signs no more, and until when it stays published.
    old: Option<(String, u64)>,
    /// Tokens last 300 s, so those of the old key go on for a while.
    old_token: Option<(u64, String)>,
}

impl Ring {
    fn sign(world: &World, kid: &str) -> String {
        world.issuer.token().kid(kid).sign()
    }

    fn new(world: &World, signing: String) -> Self {
        let token = (0, Self::sign(world, &signing));
        Self { signing, token, next: None, old: None, old_token: None }
    }

    fn signs_with(&mut self, world: &World, kid: String, now: u64) {
        let token = Self::sign(world, &kid);
        self.old_token = Some(std::mem::replace(&mut self.token, (now, token)));
        self.old = Some((std::mem::replace(&mut self.signing, kid), now + 700));
    }

    fn turn(&mut self, world: &World, now: u64) {
        if let Some((kid, _)) = self.next.take_if(|(_, from)| *from <= now) {
            self.signs_with(world, kid, now);
        }
        if let Some((kid, _)) = self.old.take_if(|(_, until)| *until <= now) {
            world.issuer.withdraw(&kid);
        }
        self.old_token.take_if(|(made, _)| *made + 300 <= now);
        if self.token.0 + 60 <= now {
            self.token = (now, Self::sign(world, &self.signing));
        }
    }
}

/// What a day came to.
#[derive(Default, Debug)]
struct Tally {
    good: u64,
    good_refused: Vec<String>,
    waits: u64,
    /// At how many moments somebody waited: each may have cost a fetch, however many they were.
    moments_of_waiting: BTreeSet<u64>,
    waits_with_a_known_key: BTreeSet<u64>,
    rotations: u64,
    unannounced: u64,
    rescued: u64,
    forged: u64,
    stolen_accepted: u64,
    stolen_refused: u64,
    /// How long a stolen key was trusted after it had been withdrawn, at most.
    longest_trust: u64,
}

/// A request that waits: what is it, when did it begin, and is its token good?
struct Waiting {
    at: u64,
    good: bool,
    ending: JoinHandle<Ending>,
}

struct Diary {
    tally: Tally,
    waiting: Vec<Waiting>,
}

impl Diary {
    fn note(&mut self, at: u64, good: bool, ending: &str) {
        if good && ending != "ok" {
            self.tally.good_refused.push(format!("at {at}: {ending}"));
        }
        assert!(good || is_no(at, ending), "a token of no key at {at}: {ending}");
    }

    fn send(&mut self, world: &mut World, now: u64, token: &str, kid: &str, good: bool) {
        self.tally.good += u64::from(good);
        self.tally.forged += u64::from(!good);
        let known = world.knows(kid);
        match world.send(token) {
            Sent::AtOnce(ending) => self.note(now, good, &ending),
            Sent::Waits(ending) => {
                self.wait(Waiting { at: now, good, ending }, known);
                self.tally.rescued += u64::from(good && !known);
            }
        }
    }

    fn wait(&mut self, waiting: Waiting, known: bool) {
        self.tally.waits += 1;
        self.tally.moments_of_waiting.insert(waiting.at);
        if known {
            self.tally.waits_with_a_known_key.insert(waiting.at);
        }
        self.waiting.push(waiting);
    }

    async fn read_endings(&mut self) {
        for Waiting { at, good, ending } in std::mem::take(&mut self.waiting) {
            let ending = ending.await.unwrap();
            self.note(at, good, &ending);
        }
    }
}

/// A key that was stolen, and the token that its thief presents all the time.
struct Theft {
    kid: String,
    token: String,
    withdrawn_at: u64,
}

impl Theft {
    /// The key has been published from the beginning of the day on, and is withdrawn at a random moment of that hour.
    fn plan(world: &World, hour: u64, dice: &mut Dice) -> Self {
        let kid = world.issuer.publish();
        let token = world.issuer.token().kid(&kid).expires_in(seconds(2 * DAY)).sign();
        Self { kid, token, withdrawn_at: hour * HOUR + dice.roll(HOUR) }
    }

    fn go_on(&self, world: &mut World, diary: &mut Diary, now: u64) {
        if now == self.withdrawn_at {
            world.issuer.withdraw(&self.kid);
        }
        let known = world.knows(&self.kid);
        match world.send(&self.token) {
            Sent::AtOnce(ending) if ending == "ok" => {
                diary.tally.stolen_accepted += 1;
                let trusted = now.saturating_sub(self.withdrawn_at);
                diary.tally.longest_trust = diary.tally.longest_trust.max(trusted);
            }
            Sent::AtOnce(ending) => {
                assert!(now > self.withdrawn_at, "a key that is not withdrawn yet, at {now}: {ending}");
                assert!(is_no(now, &ending), "a withdrawn key at {now}: {ending}");
                diary.tally.stolen_refused += 1;
            }
            Sent::Waits(ending) => {
                diary.wait(Waiting { at: now, good: false, ending }, known);
            }
        }
    }
}

const OUTAGE: std::ops::Range<u64> = 13 * HOUR + 300..13 * HOUR + 2100;

fn mood_at(now: u64) -> Mood {
    // Three ways of being down: an answer that says so, no answer, and again one that says so.
    match now.checked_sub(OUTAGE.start) {
        Some(600..1200) => Mood::Hangs,
        Some(0..1800) => Mood::Fails,
        _ => Mood::Answers,
    }
}

/// How a token of a key that is not published ends; while the issuer is down, and at most one back-off after it, nobody
/// can say what it has published.
fn is_no(now: u64, ending: &str) -> bool {
    let nobody_knows = (OUTAGE.start..OUTAGE.end + 70).contains(&now);
    ending == "401 key_unknown" || (nobody_knows && ending == "503 keys_unavailable")
}

/// 45 min past each hour.
fn is_rotation(now: u64) -> bool {
    now % HOUR == 2700
}

#[tokio::test(start_paused = true)]
async fn in_a_day_of_rotations_an_outage_and_thefts_no_good_request_is_refused() {
    let mut world = World::new().await;
    let mut dice = Dice(20_260_101);
    let thefts = [2, 7, 10, 17, 20, 22].map(|hour| Theft::plan(&world, hour, &mut dice));
    let first = world.issuer.rotate();
    world.tick(seconds(COOLDOWN + 1)).await;
    assert!(world.verifier.warm_up().await.is_ready());
    let begun = world.clock.monotonic().as_secs();
    let mut ring = Ring::new(&world, first);
    ring.token.0 = begun;
    let mut diary = Diary { tally: Tally::default(), waiting: Vec::new() };
    // A rotation that comes unannounced, and waits for its moment.
    let mut surprise = false;

    for now in begun..begun + DAY {
        world.line.is(mood_at(now));
        if is_rotation(now) {
            diary.tally.rotations += 1;
            if diary.tally.rotations.is_multiple_of(2) {
                surprise = true;
            } else {
                ring.next = Some((world.issuer.publish(), now + TTL + 60));
            }
        }
        // Within the cool-down of a fetch nobody looks for a key: what signs in those 5 s, at its first moment of being
        // published, is refused as long. That is the budget's price, and no part of this day.
        if surprise && now > world.last_good_fetch() + COOLDOWN + 1 {
            surprise = false;
            diary.tally.unannounced += 1;
            let kid = world.issuer.rotate();
            ring.signs_with(&world, kid, now);
            for _ in 0..20 {
                let (token, kid) = (ring.token.1.clone(), ring.signing.clone());
                diary.send(&mut world, now, &token, &kid, true);
            }
        }
        ring.turn(&world, now);
        let (token, kid) = (ring.token.1.clone(), ring.signing.clone());
        diary.send(&mut world, now, &token, &kid, true);
        if let (Some((kid, _)), Some((_, token)), 0) = (ring.old.clone(), ring.old_token.clone(), now % 5) {
            diary.send(&mut world, now, &token, &kid, true);
        }
        // Somebody tries keys that nobody has.
        if now % TTL == 300 && mood_at(now) == Mood::Answers && mood_at(now - 120) == Mood::Answers {
            let forged = world.issuer.token().header("kid", format!("forged-{now}")).sign();
            for _ in 0..10 {
                diary.send(&mut world, now, &forged, "forged", false);
            }
        }
        for theft in &thefts {
            let (withdrawn, over) = (theft.withdrawn_at, theft.withdrawn_at + TTL);
            if (now % 10 == 0 && now < over + 60) || now == withdrawn || now == over {
                theft.go_on(&mut world, &mut diary, now);
            }
        }
        world.tick(seconds(1)).await;
        diary.read_endings().await;
    }

    judge_the_day(&world, &diary.tally);
}

fn judge_the_day(world: &World, tally: &Tally) {
    let attempts = world.line.attempts();
    let in_outage: Vec<_> = attempts.iter().filter(|attempt| OUTAGE.contains(&attempt.at)).collect();
    println!(
        "a day: {} requests, {} of them good, {} refused of those; {} rotations, {} unannounced; {} waits at {} \
         moments, {} of them rescued, {} with a known key; {} fetches, {} of them in the outage; a withdrawn key was trusted {} s at most",
        world.requests,
        tally.good,
        tally.good_refused.len(),
        tally.rotations,
        tally.unannounced,
        tally.waits,
        tally.moments_of_waiting.len(),
        tally.rescued,
        tally.waits_with_a_known_key.len(),
        attempts.len(),
        in_outage.len(),
        tally.longest_trust,
    );
    assert!(tally.good >= DAY, "{}", tally.good);
    assert_eq!(tally.good_refused, [""; 0], "good requests were refused");
    assert_eq!((tally.rotations, tally.unannounced), (24, 12));
    assert_eq!(
        tally.waits_with_a_known_key,
        BTreeSet::new(),
        "a request with a known key waited at those seconds"
    );
    // Of each surprise, the twenty requests of its first moment and the one of that second.
    assert_eq!(tally.rescued, 12 * 21);
    assert!(tally.forged >= 1000 && tally.stolen_accepted > 0 && tally.stolen_refused > 0, "{tally:?}");
    assert!(tally.longest_trust <= TTL, "a withdrawn key was trusted for {} s", tally.longest_trust);

    // The budget: a refresh each 432 s at most (80 % of the time to live, less a tenth), and one for each moment at which
    // somebody came with a key that nobody knew; in the outage, the back-off. Two had warmed us up.
    let outside = attempts.len() - in_outage.len();
    let (refreshes, misses) = (DAY as usize / 432 + 1, tally.moments_of_waiting.len());
    assert!(
        outside <= 2 + refreshes + misses,
        "{outside} fetches, for {refreshes} refreshes and {misses} misses"
    );
    assert!(outside >= DAY as usize / 600, "{outside} fetches: is anything refreshed at all?");
    check_back_off(&in_outage);
}

/// 1 s doubling to 60 s, jitter of a tenth; only the first attempt past the set's time to live waits for no back-off.
fn check_back_off(attempts: &[&Attempt]) {
    assert!(attempts.iter().all(|attempt| !attempt.good));
    let mut early = 0;
    for (count, pair) in attempts.windows(2).enumerate() {
        let least = [1, 2, 4, 8, 16, 32].get(count).copied().unwrap_or(60) * 9 / 10;
        early += u32::from(pair[1].at - pair[0].at < least);
    }
    assert!(early <= 1, "{early} attempts came before the back-off was over");
    // Six in the first minute, then one each 54 s at most, in what was left of the half hour.
    let most = 6 + (OUTAGE.end - OUTAGE.start) as usize / 54 + 1;
    assert!((20..=most).contains(&attempts.len()), "{} attempts", attempts.len());
}

// An emergency: a key is withdrawn at the issuer, and whoever stole it goes on.

/// Who else comes while the thief does.
#[derive(Clone, Copy, Debug)]
enum Traffic {
    /// Somebody else, each second.
    Busy,
    /// The thief alone, each second.
    ThiefAlone,
    /// Each minute and a half.
    Sparse,
    /// Nobody, until the time to live is over.
    Idle,
    /// And each second a token of a key that nobody has.
    UnderFlood,
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_one_time_to_live_later_whatever_the_traffic() {
    let mut dice = Dice(9700);
    for traffic in [Traffic::Busy, Traffic::ThiefAlone, Traffic::Sparse, Traffic::Idle, Traffic::UnderFlood] {
        for _ in 0..8 {
            let trusted = emergency(traffic, dice.roll(2 * TTL)).await;
            assert!(trusted < TTL, "{traffic:?}: trusted for {trusted} s");
        }
    }
}

/// For how long after its withdrawal the thief's key was trusted.
async fn emergency(traffic: Traffic, at: u64) -> u64 {
    let mut world = World::new().await;
    let other = world.issuer.rotate();
    world.tick(seconds(COOLDOWN + 1)).await;
    world.verifier.warm_up().await;
    let stolen = world.issuer.publish();
    world.tick(seconds(COOLDOWN + 1)).await;
    world.verifier.warm_up().await;
    let long = |kid: &str| world.issuer.token().kid(kid).expires_in(seconds(DAY)).sign();
    let (good, thief, unknown) = (long(&other), long(&stolen), {
        let token = world.issuer.token().header("kid", "nobody's").expires_in(seconds(DAY));
        token.sign()
    });
    let mut last_trusted = 0;
    for now in 0..=at + TTL + 1 {
        if now == at {
            world.issuer.withdraw(&stolen);
        }
        let thief_comes = match traffic {
            Traffic::Busy | Traffic::ThiefAlone | Traffic::UnderFlood => true,
            Traffic::Sparse => now % 90 == 0,
            Traffic::Idle => now == 0,
        };
        if matches!(traffic, Traffic::Busy) {
            assert_eq!(finish(world.send(&good)).await, "ok", "{now}");
        }
        if matches!(traffic, Traffic::UnderFlood) {
            assert_eq!(finish(world.send(&unknown)).await, "401 key_unknown", "{now}");
        }
        if (thief_comes || now >= at + TTL) && finish(world.send(&thief)).await == "ok" {
            last_trusted = now;
        }
        world.tick(seconds(1)).await;
    }
    last_trusted.saturating_sub(at)
}

/// Time goes on by itself while a request waits.
async fn finish(sent: Sent) -> Ending {
    match sent {
        Sent::AtOnce(ending) => ending,
        Sent::Waits(ending) => ending.await.unwrap(),
    }
}

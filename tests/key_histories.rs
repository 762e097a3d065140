//! Random histories of an issuer and its API, seen from outside: a transport with good and bad days, both clocks, and
//! requests with real signatures through a [`Verifier`]. Beside it a plain record is kept of what was fetched and when,
//! and the rules are read off it. `src/keys/life_model.rs` does the same with the state machine alone.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and what was counted is worth reading"
)]

use futures_util::FutureExt as _;
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    runtime::Builder,
    task::{unconstrained, yield_now},
    time::Instant,
};
use tower_bearer::{
    AuthError, Claims, Issuer, Verifier,
    clock::Clock as _,
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    testing::{AUDIENCE, TestClock, TestIssuer},
};

const JWKS: &str = "https://issuer.test/jwks";
const MAX_BYTES: usize = 256 * 1024;
const COOLDOWN: Duration = Duration::from_secs(5);
const MAX_STALE: Duration = Duration::from_secs(3600);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_secs(2);
const MAX_WAITING: usize = 256;
/// A fetch is given up this long after its time-out.
const GRACE: Duration = Duration::from_secs(5);
/// A failed attempt lets a stale set judge for this long, and one before the time to live was over for two back-offs
/// and a wait: 134 s at most.
const LONGEST_EXCUSE: Duration = Duration::from_secs(134);
/// An answer within this time is a prompt one.
const PROMPT: Duration = Duration::from_millis(500);
/// Time goes on in steps of this while somebody waits for something.
const STEP: Duration = Duration::from_millis(100);
/// Jitter is counted in floating point.
const ROUNDING: Duration = Duration::from_micros(1);

// Keys and tokens, made once.

/// How many keys an issuer may publish.
const KEYS: usize = 4;
/// The key of a token that no issuer ever signed.
const FORGED: usize = KEYS;

struct Ring {
    issuer: String,
    kids: Vec<String>,
    jwks: Vec<Value>,
    /// One for each key, which its subject names, and one of nobody's.
    tokens: Vec<String>,
    /// Wrong in two ways: nobody has its key, and it is over.
    bad: String,
}

fn ring() -> &'static Ring {
    static RING: OnceLock<Ring> = OnceLock::new();
    RING.get_or_init(|| {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::EdDSA);
        (1..KEYS).for_each(|_| drop(issuer.publish()));
        let set = issuer.jwks();
        let jwks: Vec<_> =
            set["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "EdDSA").cloned().collect();
        let kids: Vec<_> = jwks.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
        // Clocks jump here: a token that has no date but its end is good in every history.
        let token = |kid: &str| {
            issuer
                .token()
                .header("kid", kid)
                .kid(kid)
                .subject(kid)
                .without("iat")
                .claim("exp", 4_102_444_800u64)
        };
        let forged = token("forged").sign();
        let tokens = kids.iter().map(|kid| token(kid).sign()).chain([forged]).collect();
        let bad = token("forged").claim("exp", 1_000_000_000u64).sign();
        assert_eq!(kids.len(), KEYS);
        Ring { issuer: issuer.identifier().to_owned(), kids, jwks, tokens, bad }
    })
}

// Time.

/// A reading of both clocks.
#[derive(Debug, Clone, Copy)]
struct Now {
    wall: Duration,
    monotonic: Duration,
}

impl Now {
    fn of(clock: &TestClock) -> Self {
        Self { wall: clock.wall(), monotonic: clock.monotonic() }
    }

    /// By whichever clock says more.
    fn since(self, then: Self) -> Duration {
        let monotonic = self.monotonic.saturating_sub(then.monotonic);
        monotonic.max(self.wall.saturating_sub(then.wall))
    }
}

// What happened.

type Keys = BTreeSet<usize>;

#[derive(Debug)]
struct Attempt {
    began: Now,
    /// Requests have waited for it as long as anybody may.
    waited_out: bool,
    end: End,
}

impl Attempt {
    fn is_good_and_prompt(&self) -> bool {
        // Whoever waits hears of it a step later.
        matches!(&self.end, End::Good(set) if set.answered.since(self.began) <= PROMPT + STEP)
    }
}

#[derive(Debug)]
enum End {
    Open,
    Good(Set),
    Bad(Now),
}

#[derive(Debug, Clone)]
struct Set {
    /// When it was asked for: its age counts from here.
    at: Now,
    /// When it was answered: the cool-down counts from here.
    answered: Now,
    ttl: Duration,
    keys: Keys,
    etag: Option<String>,
}

#[derive(Debug, Default)]
struct Record {
    attempts: Vec<Attempt>,
    /// Those whose futures are alive.
    alive: BTreeSet<usize>,
}

/// The back-off after so many failures: doubling from 1 s to a minute.
fn back_off(failures: usize) -> Duration {
    Duration::from_secs([1, 2, 4, 8, 16, 32].get(failures.saturating_sub(1)).copied().unwrap_or(60))
}

impl Record {
    fn set(&self) -> Option<&Set> {
        self.attempts.iter().rev().find_map(|attempt| match &attempt.end {
            End::Good(set) => Some(set),
            End::Open | End::Bad(_) => None,
        })
    }

    /// Since the last good one, the latest first.
    fn failures(&self) -> impl Iterator<Item = (Now, Now)> {
        let since = self.attempts.iter().rev().take_while(|attempt| !matches!(attempt.end, End::Good(_)));
        since.filter_map(|attempt| match attempt.end {
            End::Bad(ended) => Some((attempt.began, ended)),
            End::Open | End::Good(_) => None,
        })
    }

    fn in_flight(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| matches!(attempt.end, End::Open))
    }

    fn holds(&self, key: usize) -> bool {
        self.set().is_some_and(|set| set.keys.contains(&key))
    }

    fn is_fresh(&self, now: Now) -> bool {
        self.set().is_some_and(|set| now.since(set.at) < set.ttl)
    }

    /// An attempt that is not back long after its time-out has failed when it was due.
    fn give_up_overdue(&mut self, now: Now) {
        let limit = FETCH_TIMEOUT + GRACE;
        if let Some(last) = self.attempts.last_mut()
            && matches!(last.end, End::Open)
            && now.since(last.began) >= limit
        {
            last.end =
                End::Bad(Now { wall: last.began.wall + limit, monotonic: last.began.monotonic + limit });
        }
    }

    /// Is this fetch within the budget? `asked` where a request wants it.
    fn begin(&mut self, now: Now, asked: bool) -> usize {
        self.give_up_overdue(now);
        assert!(self.in_flight().is_none(), "two fetches at once");
        let limit = FETCH_TIMEOUT + GRACE;
        let abandoned = |number: &usize| now.since(self.attempts[*number].began) >= limit;
        assert!(self.alive.iter().all(abandoned), "a fetch runs beside one that was not given up");
        if asked {
            self.check_budget(now);
        }
        self.attempts.push(Attempt { began: now, waited_out: false, end: End::Open });
        let number = self.attempts.len() - 1;
        self.alive.insert(number);
        number
    }

    fn check_budget(&self, now: Now) {
        let age = self.set().map(|set| (now.since(set.at), set.ttl));
        match (self.failures().next(), self.set()) {
            (Some((began, ended)), set) => {
                let shortest = (back_off(self.failures().count()) * 9 / 10).max(Duration::from_secs(1));
                let waited = now.since(ended) + ROUNDING >= shortest;
                let first_past_its_time = set.is_some_and(|set| began.since(set.at) < set.ttl)
                    && age.is_some_and(|(age, ttl)| age >= ttl);
                assert!(waited || first_past_its_time, "not before the back-off is over");
            }
            (None, Some(set)) => {
                let cooled = now.since(set.answered) >= COOLDOWN;
                let old = now.since(set.at) + ROUNDING >= set.ttl * 72 / 100;
                assert!(cooled || old, "not before the cool-down is over");
            }
            (None, None) => {}
        }
    }

    /// By the monotonic clock.
    fn moment(&self, edge: Edge) -> Option<Duration> {
        let after_load = |time: &dyn Fn(&Set) -> Duration| self.set().map(|set| set.at.monotonic + time(set));
        match edge {
            Edge::RefreshAhead => after_load(&|set| set.ttl * 80 / 100),
            Edge::TimeToLive => after_load(&|set| set.ttl),
            Edge::Expiry => after_load(&|set| set.ttl + MAX_STALE),
            Edge::CoolDown => self.set().map(|set| set.answered.monotonic + COOLDOWN),
            Edge::BackOff => {
                let count = self.failures().count();
                self.failures().next().map(|(_, ended)| ended.monotonic + back_off(count))
            }
        }
    }

    /// A fresh set that is old enough is refreshed ahead, whoever comes.
    fn may_refresh(&self, now: Now) -> bool {
        self.set().is_some_and(|set| now.since(set.at) + ROUNDING >= set.ttl * 72 / 100)
    }

    /// `good` is `None` for a failure.
    fn end(&mut self, number: usize, good: Option<Set>, now: Now) {
        self.alive.remove(&number);
        // One that was overtaken means nothing.
        if number + 1 < self.attempts.len() {
            return;
        }
        match (good, &self.attempts[number].end) {
            (Some(set), _) => self.attempts[number].end = End::Good(set),
            (None, End::Open) => self.attempts[number].end = End::Bad(now),
            (None, End::Good(_) | End::Bad(_)) => {}
        }
    }

    /// Whether a key that was published at that moment must be found now: a cool-down and 2 s ago, at an issuer that
    /// has answered promptly ever since.
    fn promises(&self, since: Duration, now: Now) -> bool {
        let long_ago = now.monotonic.saturating_sub(since) >= COOLDOWN + MAX_WAIT;
        let longest = back_off(self.failures().count()) * 11 / 10 + ROUNDING;
        let backs_off = self.failures().next().is_some_and(|(_, ended)| now.since(ended) < longest);
        let answered = self.attempts.iter().all(|attempt| match &attempt.end {
            End::Open => !attempt.waited_out && now.since(attempt.began) < PROMPT,
            End::Good(set) => set.answered.monotonic < since || attempt.is_good_and_prompt(),
            End::Bad(ended) => ended.monotonic < since,
        });
        long_ago && !backs_off && answered
    }
}

// The issuer's side.

#[derive(Debug, Clone, Copy)]
enum Manner {
    /// After this long.
    Answers(Duration),
    NoConnection(Duration),
    Status(u16),
    BadJson,
    /// A good set, and blanks behind it: more than 256 KiB.
    Huge,
    /// A good set, and more than 100 keys.
    Crowd,
    EmptySet,
    /// 304, whoever asks; who holds another set than ours is told the truth.
    NotModified,
    Hangs,
    /// Its last byte comes after the time-out.
    Trickles(Duration),
}

impl Manner {
    fn is_prompt(self) -> bool {
        matches!(self, Self::Answers(late) if late < PROMPT)
    }
}

struct Side {
    clock: TestClock,
    record: Record,
    /// And since when, by the monotonic clock.
    published: BTreeMap<usize, Duration>,
    /// Counts the changes of the set.
    version: u64,
    etags: bool,
    max_age: Option<Duration>,
    manner: Manner,
    /// Nobody asked: `warm_up`.
    warming: bool,
}

#[derive(Clone)]
struct Origin {
    side: Arc<Mutex<Side>>,
}

impl Origin {
    /// A rule that is broken within a fetch panics in a task of its own, where nobody hears it, but under this lock:
    /// whoever comes next does hear of that.
    fn lock(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap()
    }

    /// The answer, and what the record should say of it.
    fn answer(&self, manner: Manner, known: Option<&str>) -> (Result<Fetched, FetchError>, Option<Keys>) {
        let side = self.lock();
        let good: Keys = side.published.keys().copied().collect();
        let version = format!("\"{}\"", side.version);
        // A key of a kind that nobody knows does no harm to the others.
        let strange = json!({"kty": "LATTICE", "kid": "new"});
        let keys: Vec<_> = good.iter().map(|key| ring().jwks[*key].clone()).chain([strange]).collect();
        let fetched = |body: String| {
            let mut fetched = Fetched::new(body);
            fetched.etag = side.etags.then(|| version.clone());
            fetched.max_age = side.max_age;
            fetched
        };
        let set = json!({ "keys": keys }).to_string();
        // An empty set is no set to live by.
        let brings = Some(good).filter(|good| !good.is_empty());
        match manner {
            Manner::Answers(_) | Manner::NotModified if known == Some(&version) => {
                let mut same = fetched(String::new());
                same.body = None;
                (Ok(same), side.record.set().map(|set| set.keys.clone()))
            }
            Manner::NotModified if known.is_none() => (Ok(Fetched::default()), None),
            Manner::Answers(_) | Manner::NotModified => (Ok(fetched(set)), brings),
            Manner::NoConnection(_) => (Err(FetchError::Transport("refused".into())), None),
            Manner::Status(code) => (Err(FetchError::Status(code)), None),
            Manner::BadJson => (Ok(fetched(set[..set.len() - 1].to_owned())), None),
            Manner::Huge => (Ok(fetched(set + &" ".repeat(MAX_BYTES))), None),
            Manner::Crowd => {
                let crowd: Vec<_> = keys.iter().cycle().take(101).collect();
                (Ok(fetched(json!({ "keys": crowd }).to_string())), None)
            }
            Manner::EmptySet => (Ok(fetched(r#"{"keys":[]}"#.into())), None),
            Manner::Hangs | Manner::Trickles(_) => panic!("it never comes to an answer"),
        }
    }

    fn end(
        &self,
        number: usize,
        began: Now,
        request: &FetchRequest,
        fetched: &Result<Fetched, FetchError>,
        keys: Option<Keys>,
    ) {
        let mut side = self.lock();
        let now = Now::of(&side.clock);
        let set = fetched.as_ref().ok().zip(keys).map(|(fetched, keys)| {
            // A 304 that names no `ETag` leaves the one that was asked about.
            let same = request.etag.as_ref().filter(|_| fetched.body.is_none());
            let etag = fetched.etag.as_ref().or(same).cloned();
            Set { at: began, answered: now, ttl: ttl(fetched.max_age), keys, etag }
        });
        side.record.end(number, set, now);
    }
}

/// 10 min; `max-age` moves it within 1 min and 1 h.
fn ttl(max_age: Option<Duration>) -> Duration {
    let (least, most) = (Duration::from_secs(60), Duration::from_secs(3600));
    max_age.map_or(Duration::from_secs(600), |age| age.max(least).min(most))
}

impl Fetch for Origin {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let mut side = self.lock();
        let (manner, now, asked) = (side.manner, Now::of(&side.clock), !side.warming);
        let number = side.record.begin(now, asked);
        // Whoever asks "is it still this one?" must hold it.
        let holds = side.record.set().and_then(|set| set.etag.clone());
        assert!(request.etag.is_none() || request.etag == holds, "{:?} is not {holds:?}", request.etag);
        drop(side);
        let unfinished = Unfinished { origin: self.clone(), number };
        Box::pin(async move {
            match manner {
                Manner::Answers(late) | Manner::NoConnection(late) => tokio::time::sleep(late).await,
                Manner::Trickles(late) => {
                    tokio::time::sleep(late).await;
                    let _poison = self.lock();
                    panic!("its time was over long ago");
                }
                Manner::Hangs => pending().await,
                _ => {}
            }
            let (fetched, keys) = self.answer(manner, request.etag.as_deref());
            self.end(number, now, request, &fetched, keys);
            drop(unfinished);
            fetched
        })
    }
}

/// A fetch that is dropped before its end has failed.
struct Unfinished {
    origin: Origin,
    number: usize,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Ok(mut side) = self.origin.side.lock() else { return };
        let now = Now::of(&side.clock);
        if side.record.alive.contains(&self.number) {
            side.record.end(self.number, None, now);
        }
    }
}

// Our side.

type Verification = Pin<Box<dyn Future<Output = Result<Claims, AuthError>> + Send>>;

struct Waiter {
    key: usize,
    verification: Verification,
    since: Instant,
    /// The attempt that it waits for first.
    attempt: Option<usize>,
    /// The rules promise that it finds its key.
    promised: bool,
}

/// What the record allowed before a request, for what it begins may be over when it is answered.
#[derive(Clone, Copy)]
struct Excuse {
    /// The issuer was not, or is not, in good health.
    ailing: bool,
}

#[derive(Debug, Clone)]
enum Event {
    Tick(Duration),
    /// On to a moment at which some rule may change its mind.
    TickTo(Edge, i64),
    /// The monotonic clock stands still. The same as a wall clock set ahead.
    Suspend(Duration),
    SetBack(Duration),
    Publish(usize),
    Withdraw(usize),
    Rotate(usize),
    Manner(Manner),
    MaxAge(Option<Duration>),
    Etags(bool),
    Request(usize),
    BadRequest,
    Flood(usize, usize),
    WarmUp,
    GoAway(usize),
}

#[derive(Debug, Clone, Copy)]
enum Edge {
    RefreshAhead,
    TimeToLive,
    Expiry,
    CoolDown,
    BackOff,
}

/// What the histories came to, so that an empty one cannot pass for a good one.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    requests: usize,
    passed: usize,
    unknown: usize,
    unavailable: usize,
    waited: usize,
    promised: usize,
    stale: usize,
    fetches: usize,
    failures: usize,
}

static TALLY: Mutex<Tally> = Mutex::new(Tally {
    requests: 0,
    passed: 0,
    unknown: 0,
    unavailable: 0,
    waited: 0,
    promised: 0,
    stale: 0,
    fetches: 0,
    failures: 0,
});

struct World {
    clock: TestClock,
    origin: Origin,
    verifier: Verifier,
    waiters: Vec<Waiter>,
    tally: Tally,
}

impl World {
    fn new() -> Self {
        let clock = TestClock::frozen();
        // Not the first moment of all: what is set back must not stick to it.
        clock.advance(Duration::from_secs(7));
        let side = Side {
            clock: clock.clone(),
            record: Record::default(),
            published: BTreeMap::from([(0, clock.monotonic())]),
            version: 0,
            etags: false,
            max_age: None,
            manner: Manner::Answers(Duration::from_millis(50)),
            warming: false,
        };
        let origin = Origin { side: Arc::new(Mutex::new(side)) };
        let trusted = Issuer::jwks(&ring().issuer, JWKS).unwrap().fetch(origin.clone());
        let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(clock.clone());
        Self {
            clock,
            origin,
            verifier: builder.build().unwrap(),
            waiters: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn now(&self) -> Now {
        Now::of(&self.clock)
    }

    fn run(events: Vec<Event>) {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = Self::new();
            for event in events {
                world.happen(event).await;
                world.settle().await;
            }
            world.tally();
        });
    }

    fn tally(&self) {
        let record = &self.origin.lock().record;
        let mut sum = TALLY.lock().unwrap();
        sum.requests += self.tally.requests;
        sum.passed += self.tally.passed;
        sum.unknown += self.tally.unknown;
        sum.unavailable += self.tally.unavailable;
        sum.waited += self.tally.waited;
        sum.promised += self.tally.promised;
        sum.stale += self.tally.stale;
        sum.fetches += record.attempts.len();
        sum.failures += record.attempts.iter().filter(|attempt| matches!(attempt.end, End::Bad(_))).count();
    }

    async fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(time) => self.tick(time).await,
            Event::TickTo(edge, beside) => self.tick_to(edge, beside).await,
            Event::Suspend(time) => self.jump(|clock| clock.suspend(time)),
            Event::SetBack(time) => self.jump(|clock| clock.set_back(time)),
            Event::Publish(key) => self.publish(key),
            Event::Withdraw(key) => self.withdraw(key),
            Event::Rotate(key) => {
                let old: Vec<_> = self.origin.lock().published.keys().copied().collect();
                self.publish(key);
                old.into_iter().filter(|old| *old != key).for_each(|old| self.withdraw(old));
            }
            Event::Manner(manner) => {
                self.origin.lock().manner = manner;
                self.promise_nothing(|_| !manner.is_prompt());
            }
            Event::MaxAge(max_age) => self.origin.lock().max_age = max_age,
            Event::Etags(etags) => self.origin.lock().etags = etags,
            Event::Request(key) => self.request(key).await,
            Event::BadRequest => self.bad_request().await,
            Event::Flood(key, count) => {
                for _ in 0..count {
                    self.poll_one(key);
                }
            }
            Event::WarmUp => self.warm_up().await,
            Event::GoAway(count) => drop(self.waiters.drain(..count.min(self.waiters.len()))),
        }
    }

    fn promise_nothing(&mut self, to: impl Fn(&Waiter) -> bool) {
        self.waiters.iter_mut().filter(|waiter| to(waiter)).for_each(|waiter| waiter.promised = false);
    }

    fn jump(&mut self, jump: impl FnOnce(&TestClock)) {
        jump(&self.clock);
        // What is under way may look hung, or given up.
        self.promise_nothing(|_| true);
    }

    fn publish(&mut self, key: usize) {
        let mut side = self.origin.lock();
        let now = side.clock.monotonic();
        side.published.entry(key).or_insert(now);
        side.version += 1;
    }

    fn withdraw(&mut self, key: usize) {
        let mut side = self.origin.lock();
        side.published.remove(&key);
        side.version += 1;
        drop(side);
        self.promise_nothing(|waiter| waiter.key == key);
    }

    /// Lets everything run that can, and hears the waiters that have an answer.
    async fn settle(&mut self) {
        for _ in 0..4 {
            yield_now().await;
        }
        for mut waiter in std::mem::take(&mut self.waiters) {
            match poll(&mut waiter.verification) {
                Poll::Ready(result) => self.hear(waiter, result),
                Poll::Pending => {
                    let waits = waiter.since.elapsed();
                    assert!(waits <= MAX_WAIT + STEP, "a request has waited for {waits:?}");
                    self.waiters.push(waiter);
                }
            }
        }
        for _ in 0..4 {
            yield_now().await;
        }
    }

    async fn tick(&mut self, mut time: Duration) {
        while !time.is_zero() {
            self.settle().await;
            let busy = !self.waiters.is_empty() || !self.origin.lock().record.alive.is_empty();
            let step = if busy { STEP.min(time) } else { time };
            self.clock.advance(step);
            tokio::time::advance(step).await;
            time -= step;
        }
        self.settle().await;
    }

    async fn tick_to(&mut self, edge: Edge, beside: i64) {
        let moment = self.origin.lock().record.moment(edge).unwrap_or_default();
        let by = Duration::from_millis(beside.unsigned_abs());
        let moment = if beside < 0 { moment.saturating_sub(by) } else { moment + by };
        self.tick(moment.saturating_sub(self.now().monotonic)).await;
    }

    async fn request(&mut self, key: usize) {
        self.poll_one(key);
        self.settle().await;
    }

    /// Sends one, and notes whether it waits. What it begins does not run before somebody lets it.
    fn poll_one(&mut self, key: usize) {
        self.tally.requests += 1;
        let now = self.now();
        let mut side = self.origin.lock();
        side.record.give_up_overdue(now);
        let since = side.published.get(&key).copied();
        let has_room = self.waiters.len() < MAX_WAITING;
        let promised = has_room
            && side.manner.is_prompt()
            && since.is_some_and(|since| side.record.promises(since, now));
        let known = side.record.holds(key) && side.record.is_fresh(now);
        let attempts = side.record.attempts.len();
        let attempt =
            if side.record.in_flight().is_some() { attempts.checked_sub(1) } else { Some(attempts) };
        drop(side);
        // Hundreds are polled in one go here, which tokio takes for one greedy task.
        let verification = unconstrained(self.verifier.verify(&ring().tokens[key]));
        let mut verification: Verification = Box::pin(verification);
        match poll(&mut verification) {
            Poll::Ready(result) => {
                let passed = result.is_ok();
                assert!(passed || !known, "a known key of a fresh set is refused");
                assert!(passed || !promised, "published, answered for, and refused: {:?}", result.err());
                self.tally.promised += usize::from(promised);
                let excuse = self.excuse(attempt);
                self.judge(key, &result, excuse);
            }
            Poll::Pending => {
                assert!(!known, "a known key of a fresh set waits");
                self.tally.waited += 1;
                let since = Instant::now();
                self.waiters.push(Waiter { key, verification, since, attempt, promised });
                assert!(self.waiters.len() <= MAX_WAITING, "{} wait", self.waiters.len());
            }
        }
    }

    fn hear(&mut self, waiter: Waiter, result: Result<Claims, AuthError>) {
        let now = self.now();
        let mut side = self.origin.lock();
        // Whoever has waited long enough asks once more, and so may find what is overdue.
        side.record.give_up_overdue(now);
        if waiter.since.elapsed() >= MAX_WAIT
            && let Some(attempt) = waiter.attempt.and_then(|attempt| side.record.attempts.get_mut(attempt))
        {
            attempt.waited_out = true;
        }
        // The promise is that of an issuer that answers, which it may have ceased to do meanwhile.
        let answered =
            side.record.attempts.iter().skip(waiter.attempt.unwrap_or(0)).all(Attempt::is_good_and_prompt);
        drop(side);
        if waiter.promised && answered {
            self.tally.promised += 1;
            assert!(result.is_ok(), "published, waited for, and refused: {:?}", result.err());
        }
        let excuse = self.excuse(waiter.attempt);
        self.judge(waiter.key, &result, excuse);
    }

    /// Whether anything that concerns a request since that attempt was less than well.
    fn excuse(&self, attempt: Option<usize>) -> Excuse {
        let side = self.origin.lock();
        let full = self.waiters.len() >= MAX_WAITING;
        let since = side.record.attempts.iter().skip(attempt.unwrap_or(0));
        let mut since = since.peekable();
        // One that was begun and has not run yet is none that answers, either.
        let begun = since.peek().is_none();
        let unwell = since.any(|attempt| !attempt.is_good_and_prompt());
        let ailing = full || unwell || begun || side.record.failures().next().is_some();
        Excuse { ailing }
    }

    /// Holds an answer against the record.
    fn judge(&mut self, key: usize, result: &Result<Claims, AuthError>, excuse: Excuse) {
        let now = self.now();
        let side = self.origin.lock();
        let record = &side.record;
        match result {
            Ok(claims) => {
                self.tally.passed += 1;
                assert_eq!(claims.subject(), Some(ring().kids[key].as_str()), "another's claims");
                let Some(set) = record.set() else { panic!("a token passes, and no set was ever fetched") };
                assert!(set.keys.contains(&key), "the last set that was fetched lacks the key");
                let age = now.since(set.at);
                assert!(age < set.ttl + MAX_STALE, "trusted past max_stale: {age:?}");
                if age >= set.ttl {
                    self.tally.stale += 1;
                    let failed = record.failures().any(|(_, ended)| now.since(ended) <= LONGEST_EXCUSE);
                    assert!(failed || record.in_flight().is_some(), "judged by a set that nobody refreshes");
                }
            }
            Err(error) => match error.reason().id() {
                "key_unknown" => {
                    self.tally.unknown += 1;
                    assert!(!record.holds(key), "called unknown, and the set has it");
                    let Some(set) = record.set() else { panic!("called unknown, and nobody has asked") };
                    let age = now.since(set.at);
                    assert!(age < set.ttl + MAX_STALE, "called unknown by a set that has expired: {age:?}");
                }
                "keys_unavailable" => {
                    self.tally.unavailable += 1;
                    let fresh = record.is_fresh(now) && record.holds(key);
                    assert!(!fresh, "a known key of a fresh set is told of an outage");
                    assert!(excuse.ailing, "an outage, and the issuer is well");
                    let after = error.retry_after().unwrap();
                    assert!((1..=66).contains(&after.as_secs()), "told to come back after {after:?}");
                }
                other => panic!("{other}"),
            },
        }
    }

    /// It is told so at once, whatever the issuer does, and begins nothing.
    async fn bad_request(&mut self) {
        self.settle().await;
        let now = self.now();
        let seen = |record: &Record| (record.attempts.len(), record.may_refresh(now));
        let (before, due) = seen(&self.origin.lock().record);
        let result = self.verifier.verify(&ring().bad).now_or_never();
        let reason = result.map(|result| result.err().map(|error| error.reason().id()));
        assert_eq!(reason, Some(Some("exp_past")));
        for _ in 0..4 {
            yield_now().await;
        }
        let after = self.origin.lock().record.attempts.len();
        assert!(after == before || due, "a bad token has caused a fetch");
    }

    async fn warm_up(&mut self) {
        self.origin.lock().warming = true;
        {
            let mut warming = Box::pin(self.verifier.warm_up());
            let _ = poll(&mut warming);
        }
        for _ in 0..4 {
            yield_now().await;
        }
        self.origin.lock().warming = false;
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

// Histories.

fn milliseconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

/// From an instant to hours, each size as likely as the others.
fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => milliseconds(10..1_000),
        3 => milliseconds(1_000..10_000),
        2 => milliseconds(10_000..120_000),
        2 => milliseconds(120_000..1_200_000),
        1 => milliseconds(1_200_000..20_000_000),
    ]
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        6 => milliseconds(0..400).prop_map(Manner::Answers),
        2 => milliseconds(500..4_800).prop_map(Manner::Answers),
        2 => milliseconds(0..3_000).prop_map(Manner::NoConnection),
        1 => select(&[404u16, 500, 502, 503][..]).prop_map(Manner::Status),
        1 => Just(Manner::BadJson),
        1 => Just(Manner::Huge),
        1 => Just(Manner::Crowd),
        1 => Just(Manner::EmptySet),
        1 => Just(Manner::NotModified),
        2 => Just(Manner::Hangs),
        1 => milliseconds(5_200..60_000).prop_map(Manner::Trickles),
    ]
}

fn edge() -> impl Strategy<Value = Edge> {
    use Edge::*;
    select(&[RefreshAhead, TimeToLive, Expiry, CoolDown, BackOff][..])
}

fn event() -> impl Strategy<Value = Event> {
    // Few keys, so that they come, go and come back.
    let key = || 0..KEYS;
    let wanted = || prop_oneof![6 => key(), 1 => Just(FORGED)];
    let max_age =
        option::of(select(&[0, 59, 61, 300, 3599, 3601, 100_000][..]).prop_map(Duration::from_secs));
    prop_oneof![
        14 => wanted().prop_map(Event::Request),
        8 => time().prop_map(Event::Tick),
        8 => (edge(), -2..3i64).prop_map(|(edge, beside)| Event::TickTo(edge, beside)),
        4 => manner().prop_map(Event::Manner),
        2 => key().prop_map(Event::Publish),
        2 => key().prop_map(Event::Withdraw),
        2 => key().prop_map(Event::Rotate),
        1 => max_age.prop_map(Event::MaxAge),
        1 => any::<bool>().prop_map(Event::Etags),
        1 => time().prop_map(Event::Suspend),
        1 => time().prop_map(Event::SetBack),
        1 => Just(Event::BadRequest),
        1 => (wanted(), 2..300usize).prop_map(|(key, count)| Event::Flood(key, count)),
        1 => Just(Event::WarmUp),
        1 => (0..300usize).prop_map(Event::GoAway),
    ]
}

fn cases() -> u32 {
    ProptestConfig::default().cases.max(400)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    fn run_histories(events in vec(event(), 1..100)) {
        World::run(events);
    }
}

#[test]
fn the_rules_hold_in_every_history_seen_from_outside() {
    run_histories();
    let tally = *TALLY.lock().unwrap();
    println!("{} histories: {tally:?}", cases());
    // None of the rules is kept by nothing ever happening.
    let Tally { requests, passed, unknown, unavailable, waited, promised, stale, fetches, failures } = tally;
    for count in [requests, passed, unknown, unavailable, waited, promised, stale, fetches, failures] {
        assert!(count >= cases() as usize / 4, "{tally:?}");
    }
}

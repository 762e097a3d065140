//! The life of keys under random histories: whatever happens, the rules hold.
//!
//! A small world drives [`Life`] as `remote` and `verify` do: two clocks that part, an issuer with good and
//! bad days, requests that come, wait, give up and go away. Beside it a [`Record`] of what happened is kept,
//! and the rules are read off it in the words of `docs/design.md`. Nothing here looks into the machine.

use super::life::{Answer, Freshness, KeyPolicy, Life, Loaded, Need, Verdict};
use crate::clock::Now;
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

type Keys = BTreeSet<u8>;

/// How long a failed attempt lets a stale set judge.
const EXCUSE: Duration = Duration::from_secs(120);
/// A fetch is given up this long after its time-out.
const GRACE: Duration = Duration::from_secs(5);
/// An answer within this time is a prompt one.
const PROMPT: Duration = Duration::from_millis(500);
/// Jitter is counted in floating point.
const ROUNDING: Duration = Duration::from_micros(1);
/// The key of a token that no issuer ever signed.
const FORGED: u8 = u8::MAX;

/// What happened, and what it allows.
struct Record {
    policy: KeyPolicy,
    /// The number of the last attempt that began, also where it was called off.
    begun: u64,
    /// In order; the end of one that was overtaken means nothing, so they also ended in this order.
    attempts: Vec<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    number: u64,
    began: Now,
    /// Somebody waited for it as long as anybody may.
    waited_out: bool,
    end: End,
}

#[derive(Debug)]
enum End {
    Open,
    Good(Set),
    /// Failed, or was given up.
    Bad(Now),
}

#[derive(Debug)]
struct Set {
    /// When it was asked for: its age counts from here.
    at: Now,
    /// When it was answered: the cool-down counts from here.
    answered: Now,
    ttl: Duration,
    keys: Keys,
}

/// By whichever clock says more.
fn age(then: Now, now: Now) -> Duration {
    let monotonic = now.monotonic.saturating_sub(then.monotonic);
    let wall = now.wall.saturating_sub(then.wall);
    if wall > monotonic { wall } else { monotonic }
}

fn percent(of: Duration, percent: u32) -> Duration {
    of * percent / 100
}

/// The back-off after so many failures: doubling from 1 s to a minute.
fn back_off(failures: usize) -> Duration {
    Duration::from_secs([1, 2, 4, 8, 16, 32].get(failures.saturating_sub(1)).copied().unwrap_or(60))
}

fn shortest_back_off(failures: usize) -> Duration {
    percent(back_off(failures), 90).max(Duration::from_secs(1)) - ROUNDING
}

/// 66 s at most.
fn longest_back_off(failures: usize) -> Duration {
    percent(back_off(failures), 110) + ROUNDING
}

impl Attempt {
    fn is_hung(&self, policy: &KeyPolicy, now: Now) -> bool {
        self.waited_out || age(self.began, now) >= policy.max_wait
    }

    fn is_good_and_prompt(&self) -> bool {
        matches!(&self.end, End::Good(set) if age(self.began, set.answered) <= PROMPT)
    }
}

impl Record {
    fn set(&self) -> Option<&Set> {
        self.attempts.iter().rev().find_map(|attempt| match &attempt.end {
            End::Good(set) => Some(set),
            End::Open | End::Bad(_) => None,
        })
    }

    fn in_flight(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| matches!(attempt.end, End::Open))
    }

    /// Begin and end of those that failed since the last good one, the latest first.
    fn failures(&self) -> impl Iterator<Item = (Now, Now)> {
        let since = self.attempts.iter().rev().take_while(|attempt| !matches!(attempt.end, End::Good(_)));
        since.filter_map(|attempt| match attempt.end {
            End::Bad(ended) => Some((attempt.began, ended)),
            End::Open | End::Good(_) => None,
        })
    }

    fn is_failing(&self) -> bool {
        self.failures().next().is_some()
    }

    /// Whether there may be a back-off that is not over.
    fn backs_off(&self, now: Now) -> bool {
        let longest = longest_back_off(self.failures().count());
        self.failures().next().is_some_and(|(_, ended)| age(ended, now) < longest)
    }

    fn freshness(&self, now: Now) -> Freshness {
        let Some(set) = self.set() else { return Freshness::NeverLoaded };
        match age(set.at, now) {
            age if age < set.ttl => Freshness::Fresh,
            age if age < set.ttl + self.policy.max_stale => Freshness::Stale,
            _ => Freshness::Expired,
        }
    }

    fn is_past_its_time(&self, moment: Now) -> bool {
        self.set().is_some_and(|set| age(set.at, moment) >= set.ttl)
    }

    /// Whether an attempt past the time to live has failed, not long ago; or one before it, less than two back-offs
    /// and a wait ago.
    fn excuses(&self, (began, ended): (Now, Now), back_off: Duration, now: Now) -> bool {
        let late = self.is_past_its_time(began);
        age(ended, now) <= if late { EXCUSE } else { back_off * 2 + self.policy.max_wait }
    }

    /// An attempt that is not back long after its time-out is given up by the next who asks: its number.
    fn give_up_overdue(&mut self, now: Now) -> Option<u64> {
        let limit = self.policy.fetch_timeout + GRACE;
        let last = self.attempts.last_mut().filter(|last| matches!(last.end, End::Open));
        let overdue = last.filter(|last| age(last.began, now) >= limit)?;
        // When it was due, whoever noticed it whenever.
        let began = overdue.began;
        overdue.end = End::Bad(Now { wall: began.wall + limit, monotonic: began.monotonic + limit });
        Some(overdue.number)
    }

    fn begin(&mut self, now: Now) {
        self.begun += 1;
        self.attempts.push(Attempt { number: self.begun, began: now, waited_out: false, end: End::Open });
    }

    /// Nothing was asked, so nothing has happened.
    fn call_off(&mut self) {
        self.attempts.pop();
    }

    fn hang(&mut self, number: u64) {
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.number == number) {
            attempt.waited_out = true;
        }
    }

    /// `good` is `None` for a failure; that of an attempt that was given up is known already.
    fn end(&mut self, number: u64, good: Option<Set>, now: Now) {
        let Some(attempt) = self.attempts.last_mut().filter(|last| last.number == number) else { return };
        match (good, &attempt.end) {
            (Some(set), _) => attempt.end = End::Good(set),
            (None, End::Open) => attempt.end = End::Bad(now),
            (None, End::Good(_) | End::Bad(_)) => {}
        }
    }

    /// Holds an answer against the rules; the record is as it was before it.
    fn check(&self, need: Need, now: Now, answer: Answer, waiting: usize) {
        self.check_verdict(need, now, answer, waiting);
        if answer.fetch {
            self.check_begin(Some(need), now);
        } else if self.in_flight().is_none() {
            self.check_rest(need, now);
        }
    }

    fn check_verdict(&self, need: Need, now: Now, answer: Answer, waiting: usize) {
        let freshness = self.freshness(now);
        let is_full = waiting >= self.policy.max_waiting;
        let is_hung = self.in_flight().is_some_and(|attempt| attempt.is_hung(&self.policy, now));
        let back_off = longest_back_off(self.failures().count());
        let may_be_excused = self.failures().next().is_some_and(|last| self.excuses(last, back_off, now));
        let may_judge = match freshness {
            Freshness::Fresh => true,
            Freshness::Stale => may_be_excused || is_hung,
            Freshness::NeverLoaded | Freshness::Expired => false,
        };
        match answer.verdict {
            Verdict::Judge => {
                assert!(may_judge, "a set judges that is {freshness:?}");
                let tries = answer.fetch || self.in_flight().is_some();
                let tried = tries || self.failures().any(|(began, _)| self.is_past_its_time(began));
                let needs_none = freshness == Freshness::Fresh || need == Need::MissingKey;
                assert!(tried || needs_none, "a set judges past its time, and nobody tries to refresh it");
            }
            Verdict::Wait => {
                assert!(!is_full, "one waits too many");
                assert!(answer.fetch || self.in_flight().is_some(), "it waits for nothing");
            }
            Verdict::Unavailable(after) => {
                let longest = longest_back_off(self.failures().count());
                assert!(after <= longest, "told to come back after {after:?}");
            }
        }
        match need {
            Need::Set => {
                let back_off = shortest_back_off(self.failures().count());
                let last = self.failures().next();
                let excused = last.is_some_and(|failure| self.excuses(failure, back_off, now));
                let under_way = answer.fetch || self.in_flight().is_some();
                if freshness == Freshness::Fresh || (freshness == Freshness::Stale && (excused || is_hung)) {
                    assert_eq!(answer.verdict, Verdict::Judge, "a known key waits for no issuer");
                // Between the shortest back-off and the longest, the dice say which it is.
                } else if under_way && !is_full && !may_judge {
                    assert_eq!(answer.verdict, Verdict::Wait, "whoever can wait is not sent away");
                }
            }
            // Only an issuer that answers can say that there is no such key.
            Need::MissingKey if answer.verdict == Verdict::Judge => {
                let asked = self.set().is_some_and(|set| age(set.answered, now) < self.policy.cooldown);
                assert!(!self.is_failing() && !is_hung, "an outage is told as a bad token");
                assert!(asked || is_full, "called unknown, and nobody asked");
            }
            Need::MissingKey => {}
        }
    }

    /// A fetch begins: is it within the budget? `None` for one that no request asked for.
    fn check_begin(&self, need: Option<Need>, now: Now) {
        assert!(self.in_flight().is_none(), "two fetches at once");
        let age_of_set = self.set().map(|set| age(set.at, now));
        let freshness = self.freshness(now);
        match (self.failures().next(), self.set()) {
            (Some((began, ended)), set) => {
                let waited = age(ended, now) >= shortest_back_off(self.failures().count());
                let first_past_its_time = need == Some(Need::Set)
                    && freshness == Freshness::Stale
                    && set.is_some_and(|set| age(set.at, began) < set.ttl);
                assert!(waited || first_past_its_time, "not before the back-off is over");
            }
            (None, Some(_)) if need == Some(Need::MissingKey) && freshness != Freshness::Expired => {
                let cooled = self.set().is_some_and(|set| age(set.answered, now) >= self.policy.cooldown);
                assert!(cooled, "not before the cool-down is over");
            }
            (None, _) => {}
        }
        if let (Some(Need::Set), Freshness::Fresh, Some(set)) = (need, freshness, self.set()) {
            assert!(age_of_set >= Some(percent(set.ttl, 72) - ROUNDING), "refreshed too early");
        }
    }

    /// No fetch is under way and none begins: is there no need of one?
    fn check_rest(&self, need: Need, now: Now) {
        if self.backs_off(now) {
            return;
        }
        let is_past = |limit: &dyn Fn(&Set) -> Duration| {
            self.set().is_none_or(|set| age(set.at, now) >= limit(set) + ROUNDING)
        };
        let needs_one = match (need, self.freshness(now)) {
            (Need::Set, Freshness::Fresh) => is_past(&|set| percent(set.ttl, 88)),
            (Need::MissingKey, Freshness::Fresh | Freshness::Stale) => {
                let has_cooled = |set: &Set| age(set.answered, now) >= self.policy.cooldown + ROUNDING;
                self.is_failing() || self.set().is_none_or(has_cooled)
            }
            _ => true,
        };
        assert!(!needs_one, "nobody fetches what is needed");
    }

    /// Whether a key that the issuer has published for so long must be found. `since` is monotonic, as a wall
    /// clock that is set back and ahead again turns the order of things around.
    fn promises(&self, since: Duration, now: Now) -> bool {
        let long_ago = now.monotonic.saturating_sub(since) >= self.policy.cooldown + self.policy.max_wait;
        let answered = self.attempts.iter().all(|attempt| match &attempt.end {
            End::Open => !attempt.is_hung(&self.policy, now),
            End::Good(set) => set.answered.monotonic < since || attempt.is_good_and_prompt(),
            End::Bad(ended) => ended.monotonic < since,
        });
        long_ago && !self.backs_off(now) && answered
    }
}

/// Everything around the machine.
struct World {
    life: Life,
    record: Record,
    now: Now,
    /// A reading of the clock before the last event: what a thread holds that was slow to get the lock.
    earlier: Now,
    issuer: Issuer,
    /// What readers see.
    published: Option<(Keys, Loaded)>,
    airborne: Vec<Fetch>,
    waiters: Vec<Waiter>,
    rolls: Vec<f64>,
}

struct Issuer {
    /// And since when, by the monotonic clock.
    keys: BTreeMap<u8, Duration>,
    max_age: Option<Duration>,
    manner: Manner,
}

#[derive(Debug, Clone, Copy)]
enum Manner {
    Answers(Duration),
    /// 5xx, garbage, an empty set.
    Fails(Duration),
    /// Until the time-out.
    Hangs,
    /// The runtime that drives the fetch stands still: it ends long after its time-out, or never.
    Stalls(Option<Duration>),
}

/// A fetch that will end, also where it was given up and overtaken.
struct Fetch {
    number: u64,
    ends: Duration,
    /// `None` where it fails.
    brings: Option<Keys>,
    max_age: Option<Duration>,
}

struct Waiter {
    key: u8,
    /// The fetch it joined first; whoever is woken may join another.
    flight: u64,
    deadline: Duration,
    /// The rules promise that it finds its key.
    promised: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The set has the key.
    Found,
    Unknown,
    Waits,
    Unavailable,
}

#[derive(Debug, Clone)]
enum Event {
    Tick(Duration),
    /// On to a moment at which some rule may change its mind, give or take some milliseconds.
    TickTo(Edge, i64),
    /// The monotonic clock stands still. The same as a wall clock set ahead.
    Suspend(Duration),
    SetBack(Duration),
    /// The runtime's timers run out although our clock shows no time.
    TimersRunOut,
    Publish(u8),
    Withdraw(u8),
    Rotate(u8),
    Manner(Manner),
    MaxAge(Option<Duration>),
    Request(u8),
    /// With a reading of the clock that is no longer the latest.
    LateRequest(u8),
    RequestWithoutRuntime(u8),
    Flood(u8, usize),
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
    Excuse,
    Hung,
    GivenUp,
}

impl World {
    fn new(policy: KeyPolicy, rolls: Vec<f64>) -> Self {
        let now = Now { wall: Duration::from_secs(1_700_000_000), monotonic: Duration::from_secs(7) };
        let manner = Manner::Answers(Duration::from_millis(50));
        Self {
            life: Life::new(policy.clone()),
            record: Record { policy, begun: 0, attempts: Vec::new() },
            now,
            earlier: now,
            issuer: Issuer { keys: BTreeMap::from([(0, now.monotonic)]), max_age: None, manner },
            published: None,
            airborne: Vec::new(),
            waiters: Vec::new(),
            rolls,
        }
    }

    fn run(policy: KeyPolicy, rolls: Vec<f64>, events: Vec<Event>) {
        let mut world = Self::new(policy, rolls);
        for event in events {
            let before = world.now;
            world.happen(event);
            world.earlier = before;
            world.check();
        }
        world.leave();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(time) => self.tick(time),
            Event::TickTo(edge, beside) => self.tick_to(edge, beside),
            Event::Suspend(time) => self.now.wall += time,
            Event::SetBack(time) => self.now.wall = self.now.wall.saturating_sub(time),
            Event::TimersRunOut => {
                while let Some(waiter) = self.waiters.pop() {
                    self.run_out(&waiter);
                }
            }
            Event::Publish(key) => self.publish(key),
            Event::Withdraw(key) => self.withdraw(key),
            Event::Rotate(key) => {
                for old in self.issuer.keys.keys().copied().collect::<Vec<_>>() {
                    self.withdraw(old);
                }
                self.publish(key);
            }
            Event::Manner(manner) => self.issuer.manner = manner,
            Event::MaxAge(max_age) => self.issuer.max_age = max_age,
            Event::Request(key) => {
                self.request(key);
            }
            Event::LateRequest(key) => {
                if self.attempt(key, self.earlier, true) == Told::Waits {
                    self.wait(key, false);
                }
            }
            Event::RequestWithoutRuntime(key) => {
                // Whoever waits needs a runtime as well, for the time-out.
                if self.attempt(key, self.now, false) == Told::Waits {
                    self.life.stop_waiting();
                }
            }
            Event::Flood(key, count) => (0..count).for_each(|_| {
                self.request(key);
            }),
            Event::WarmUp => self.warm_up(),
            Event::GoAway(which) => {
                if !self.waiters.is_empty() {
                    self.waiters.swap_remove(which % self.waiters.len());
                    self.life.stop_waiting();
                }
            }
        }
    }

    /// What is seen from outside is what the record says.
    fn check(&self) {
        let (now, record, life) = (self.now, &self.record, &self.life);
        assert_eq!(life.freshness(now), record.freshness(now));
        assert_eq!(life.is_failing(), record.is_failing());
        assert_eq!(life.is_fetching(), record.in_flight().is_some());
        assert!(self.waiters.len() <= record.policy.max_waiting);
        let seen = |loaded: Loaded| (loaded.at, loaded.ttl);
        let expected = record.set();
        assert_eq!(life.loaded().map(seen), expected.map(|set| (set.at, set.ttl)));
        let published = self.published.as_ref();
        assert_eq!(published.map(|(_, loaded)| seen(*loaded)), life.loaded().map(seen));
        // Above all: a key that the last good answer lacked is trusted no more.
        assert_eq!(published.map(|(keys, _)| keys), expected.map(|set| &set.keys));
    }

    /// When everybody has gone, there is room for as many as at first, and for no one more.
    fn leave(&mut self) {
        for _ in self.waiters.drain(..) {
            self.life.stop_waiting();
        }
        self.issuer.manner = Manner::Stalls(None);
        // Longer than any set may judge.
        self.tick(Duration::from_secs(60 * 3600));
        self.now.wall += Duration::from_secs(60 * 3600);
        let mut told = self.request(FORGED);
        if told != Told::Waits {
            // A fetch was under way, and has been given up.
            self.tick(longest_back_off(usize::MAX));
            told = self.request(FORGED);
        }
        for _ in 1..self.record.policy.max_waiting {
            assert_eq!(told, Told::Waits, "somebody who has gone is counted");
            told = self.request(FORGED);
        }
        assert_eq!(told, Told::Waits, "somebody who has gone is counted");
        assert_eq!(self.request(FORGED), Told::Unavailable);
    }

    /// Both clocks go on; what is due in between happens at its time.
    fn tick(&mut self, time: Duration) {
        let target = self.now.monotonic + time;
        loop {
            let ends = self.airborne.iter().map(|fetch| fetch.ends);
            let due = ends.chain(self.waiters.iter().map(|waiter| waiter.deadline)).min();
            let due = due.filter(|due| *due <= target);
            let passed = due.unwrap_or(target).saturating_sub(self.now.monotonic);
            self.now.monotonic += passed;
            self.now.wall += passed;
            if due.is_none() {
                return;
            }
            let now = self.now.monotonic;
            if let Some(index) = self.airborne.iter().position(|fetch| fetch.ends <= now) {
                let fetch = self.airborne.swap_remove(index);
                self.land(fetch);
            } else if let Some(index) = self.waiters.iter().position(|waiter| waiter.deadline <= now) {
                let waiter = self.waiters.swap_remove(index);
                self.run_out(&waiter);
            }
        }
    }

    fn tick_to(&mut self, edge: Edge, beside: i64) {
        let policy = &self.record.policy;
        let after_load =
            |time: &dyn Fn(&Set) -> Duration| self.record.set().map(|set| set.at.monotonic + time(set));
        let after_failure = |time| self.record.failures().next().map(|(_, ended)| ended.monotonic + time);
        let after_begin = |time| self.record.in_flight().map(|attempt| attempt.began.monotonic + time);
        let moment = match edge {
            Edge::RefreshAhead => after_load(&|set| percent(set.ttl, 80)),
            Edge::TimeToLive => after_load(&|set| set.ttl),
            Edge::Expiry => after_load(&|set| set.ttl + policy.max_stale),
            Edge::CoolDown => self.record.set().map(|set| set.answered.monotonic + policy.cooldown),
            Edge::BackOff => after_failure(shortest_back_off(self.record.failures().count())),
            Edge::Excuse => after_failure(EXCUSE),
            Edge::Hung => after_begin(policy.max_wait),
            Edge::GivenUp => after_begin(policy.fetch_timeout + GRACE),
        };
        let beside = if beside < 0 {
            moment.map(|moment| moment.saturating_sub(Duration::from_millis(beside.unsigned_abs())))
        } else {
            moment.map(|moment| moment + Duration::from_millis(beside.unsigned_abs()))
        };
        self.tick(beside.unwrap_or_default().saturating_sub(self.now.monotonic));
    }

    fn publish(&mut self, key: u8) {
        self.issuer.keys.entry(key).or_insert(self.now.monotonic);
    }

    fn withdraw(&mut self, key: u8) {
        self.issuer.keys.remove(&key);
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.key == key) {
            waiter.promised = false;
        }
    }

    fn request(&mut self, key: u8) -> Told {
        let since = self.issuer.keys.get(&key).copied();
        let has_room = self.waiters.len() < self.record.policy.max_waiting;
        let promised = has_room && since.is_some_and(|since| self.record.promises(since, self.now));
        let told = self.attempt(key, self.now, true);
        if promised {
            let hopeful = matches!(told, Told::Found | Told::Waits);
            assert!(hopeful, "the issuer has published the key and answers, and yet: {told:?}");
        }
        if told == Told::Waits {
            self.wait(key, promised);
        }
        told
    }

    fn wait(&mut self, key: u8, promised: bool) {
        let flight = self.life.flight();
        let deadline = self.now.monotonic + self.record.policy.max_wait;
        self.waiters.push(Waiter { key, flight, deadline, promised });
    }

    /// As `verify` does it: the fresh set first; where the set may judge and lacks the key, that is said.
    fn attempt(&mut self, key: u8, reading: Now, has_runtime: bool) -> Told {
        let is_fresh = self.published.as_ref().is_some_and(|(_, loaded)| loaded.is_fresh(reading));
        let has_key = |world: &Self| world.published.as_ref().is_some_and(|(keys, _)| keys.contains(&key));
        let mut need = if is_fresh && !has_key(self) { Need::MissingKey } else { Need::Set };
        loop {
            match self.ask(need, reading, has_runtime) {
                Verdict::Judge if has_key(self) => return Told::Found,
                Verdict::Judge if need == Need::MissingKey => return Told::Unknown,
                Verdict::Judge => need = Need::MissingKey,
                Verdict::Wait => return Told::Waits,
                Verdict::Unavailable(_) => return Told::Unavailable,
            }
        }
    }

    fn ask(&mut self, need: Need, reading: Now, has_runtime: bool) -> Verdict {
        let given_up = self.record.give_up_overdue(reading);
        let answer = self.life.ask(need, reading);
        assert_eq!(self.life.take_given_up(), given_up);
        self.record.check(need, reading, answer, self.waiters.len());
        if answer.fetch {
            self.take_off(reading);
            if !has_runtime {
                self.airborne.pop();
                self.life.call_off(self.life.flight());
                self.record.call_off();
                self.wake();
            }
        }
        if given_up.is_some() {
            self.wake();
        }
        answer.verdict
    }

    fn warm_up(&mut self) {
        let given_up = self.record.give_up_overdue(self.now);
        let begins = self.life.begin(self.now);
        assert_eq!(self.life.take_given_up(), given_up);
        if begins {
            self.record.check_begin(None, self.now);
            self.take_off(self.now);
        } else if self.record.in_flight().is_none() {
            assert!(self.record.backs_off(self.now), "nothing hinders the fetch");
        }
        if given_up.is_some() {
            self.wake();
        }
    }

    fn take_off(&mut self, reading: Now) {
        self.record.begin(reading);
        let (number, policy) = (self.life.flight(), &self.record.policy);
        assert_eq!(number, self.record.begun);
        let keys: Keys = self.issuer.keys.keys().copied().collect();
        // An empty set is no set to live by.
        let good = Some(keys).filter(|keys| !keys.is_empty());
        let (takes, brings) = match self.issuer.manner {
            Manner::Answers(takes) if takes < policy.fetch_timeout => (takes, good),
            Manner::Fails(takes) => (takes.min(policy.fetch_timeout), None),
            Manner::Answers(_) | Manner::Hangs => (policy.fetch_timeout, None),
            Manner::Stalls(Some(late)) => (policy.fetch_timeout + late, good),
            Manner::Stalls(None) => (Duration::MAX, None),
        };
        let ends = self.now.monotonic.saturating_add(takes);
        self.airborne.push(Fetch { number, ends, brings, max_age: self.issuer.max_age });
    }

    fn land(&mut self, fetch: Fetch) {
        let Fetch { number, brings, max_age, .. } = fetch;
        let is_latest = self.life.is_latest(number);
        assert_eq!(is_latest, number == self.record.begun);
        if !is_latest {
            return;
        }
        let roll = self.roll();
        let began = self.record.attempts.last().map_or(self.now, |attempt| attempt.began);
        let good = brings.map(|keys| {
            let loaded = self.life.fetched(self.now, max_age, roll);
            self.published = Some((keys.clone(), loaded));
            Set { at: began, answered: self.now, ttl: ttl_by_the_rules(&self.record.policy, max_age), keys }
        });
        if good.is_none() {
            self.life.failed(self.now, roll);
        }
        self.record.end(number, good, self.now);
        self.check();
        self.wake();
    }

    /// The latest fetch is over: whoever waited for it, or for one before it, asks again.
    fn wake(&mut self) {
        let is_prompt = self.record.attempts.last().is_some_and(Attempt::is_good_and_prompt);
        let woken = std::mem::take(&mut self.waiters);
        woken.iter().for_each(|_| self.life.stop_waiting());
        for waiter in woken {
            let told = self.attempt(waiter.key, self.now, true);
            if waiter.promised && is_prompt {
                assert_eq!(told, Told::Found, "it was published, and has been waited for");
            }
            if told == Told::Waits {
                self.waiters.push(waiter);
            }
        }
    }

    /// A waiter's time is over: it asks once more, and waits no longer.
    fn run_out(&mut self, waiter: &Waiter) {
        self.life.stop_waiting();
        self.life.hang(waiter.flight);
        self.record.hang(waiter.flight);
        if self.attempt(waiter.key, self.now, true) == Told::Waits {
            self.life.stop_waiting();
        }
    }

    fn roll(&mut self) -> f64 {
        self.rolls.rotate_left(1);
        self.rolls.last().copied().unwrap_or_default()
    }
}

/// 10 min; `max-age` moves it within 1 min and 1 h; where the operator has set it, nothing does.
fn ttl_by_the_rules(policy: &KeyPolicy, max_age: Option<Duration>) -> Duration {
    let moved = match max_age.map(|age| age.as_secs()) {
        None => Duration::from_secs(600),
        Some(..60) => Duration::from_secs(60),
        Some(3600..) => Duration::from_secs(3600),
        Some(60..3600) => max_age.unwrap_or_default(),
    };
    policy.ttl.unwrap_or(moved)
}

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
    let late = || milliseconds(0..1_000_000);
    prop_oneof![
        6 => milliseconds(0..500).prop_map(Manner::Answers),
        2 => milliseconds(500..6_000).prop_map(Manner::Answers),
        4 => milliseconds(0..3_000).prop_map(Manner::Fails),
        2 => Just(Manner::Hangs),
        2 => option::of(late()).prop_map(Manner::Stalls),
    ]
}

fn edge() -> impl Strategy<Value = Edge> {
    use Edge::*;
    select(&[RefreshAhead, TimeToLive, Expiry, CoolDown, BackOff, Excuse, Hung, GivenUp][..])
}

fn max_age() -> impl Strategy<Value = Option<Duration>> {
    option::of(prop_oneof![
        select(&[0, 59, 60, 61, 3599, 3600, 3601, u64::MAX][..]).prop_map(Duration::from_secs),
        (0..5000u64).prop_map(Duration::from_secs),
    ])
}

fn event() -> impl Strategy<Value = Event> {
    // Few keys, so that they come, go and come back.
    let key = || 0..4u8;
    let wanted = || prop_oneof![5 => key(), 1 => Just(FORGED)];
    prop_oneof![
        12 => wanted().prop_map(Event::Request),
        8 => time().prop_map(Event::Tick),
        8 => (edge(), -2..3i64).prop_map(|(edge, beside)| Event::TickTo(edge, beside)),
        4 => manner().prop_map(Event::Manner),
        2 => key().prop_map(Event::Publish),
        2 => key().prop_map(Event::Withdraw),
        2 => key().prop_map(Event::Rotate),
        1 => max_age().prop_map(Event::MaxAge),
        1 => time().prop_map(Event::Suspend),
        1 => time().prop_map(Event::SetBack),
        1 => Just(Event::TimersRunOut),
        1 => wanted().prop_map(Event::LateRequest),
        1 => wanted().prop_map(Event::RequestWithoutRuntime),
        1 => (wanted(), 2..300usize).prop_map(|(key, count)| Event::Flood(key, count)),
        1 => Just(Event::WarmUp),
        1 => (0..300usize).prop_map(Event::GoAway),
    ]
}

fn rolls() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0], 1..8)
}

/// Within the bounds of the setters. Nobody can set how many may wait, but a small room is soon full.
fn policy() -> impl Strategy<Value = KeyPolicy> {
    let seconds = |least: u64, most: u64| {
        let any = (least * 1000..=most * 1000).prop_map(Duration::from_millis);
        // Most operators stay near the defaults.
        let low = (least * 1000..=(least + 600) * 1000).prop_map(Duration::from_millis);
        prop_oneof![1 => any, 2 => low, 1 => select(vec![least, most]).prop_map(Duration::from_secs)]
    };
    let ttl = option::of(seconds(1, 24 * 3600));
    let cooldown = prop_oneof![milliseconds(100..1_000), seconds(1, 3600)];
    let fetch_timeout = prop_oneof![milliseconds(100..1_000), milliseconds(1_000..60_001)];
    let waiting = select(&[1, 2, 5, 256][..]);
    (ttl, seconds(0, 24 * 3600), cooldown, fetch_timeout, waiting).prop_map(
        |(ttl, max_stale, cooldown, fetch_timeout, max_waiting)| KeyPolicy {
            ttl,
            max_stale,
            cooldown,
            fetch_timeout,
            max_waiting,
            ..KeyPolicy::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(512),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_rules_hold_in_every_history(rolls in rolls(), events in vec(event(), 1..120)) {
        World::run(KeyPolicy::default(), rolls, events);
    }

    #[test]
    fn the_rules_hold_under_every_policy(
        policy in policy(), rolls in rolls(), events in vec(event(), 1..120)
    ) {
        World::run(policy, rolls, events);
    }

    #[test]
    fn every_number_keeps_within_its_bounds(
        policy in policy(), max_age in max_age(), roll in 0.0..=1.0, failures in 1..80usize
    ) {
        let mut now = Now { wall: Duration::from_secs(1_700_000_000), monotonic: Duration::ZERO };
        let later = |now: Now, time| Now { wall: now.wall + time, monotonic: now.monotonic + time };
        let mut life = Life::new(policy.clone());
        let ttl = ttl_by_the_rules(&policy, max_age);
        let loaded = life.fetched(now, max_age, roll);
        prop_assert_eq!(loaded.ttl, ttl);
        prop_assert!(loaded.is_fresh(later(now, ttl - ROUNDING)) && !loaded.is_fresh(later(now, ttl)));
        prop_assert!(!loaded.wants_refresh(later(now, percent(ttl, 72) - ROUNDING)));
        prop_assert!(loaded.wants_refresh(later(now, percent(ttl, 88) + ROUNDING)));
        now = later(now, ttl + policy.max_stale);
        for count in 1..=failures {
            prop_assert!(life.begin(now), "the back-off is over: {}", count);
            life.failed(now, roll);
            let Verdict::Unavailable(told) = life.ask(Need::Set, now).verdict else {
                return Err(TestCaseError::fail("a set that is expired, and an issuer that fails"));
            };
            let bounds = shortest_back_off(count)..=longest_back_off(count);
            prop_assert!(bounds.contains(&told), "{:?} is not in {:?}", told, bounds);
            prop_assert!(!life.begin(later(now, told - ROUNDING)), "told too long a time");
            now = later(now, told);
        }
    }
}

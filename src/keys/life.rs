//! The life of a fetched key set as a state machine without I/O: events and time in, verdicts and actions out.
//!
//! `remote` drives it. Nothing here reads a clock, sleeps, locks or talks to anyone, so every rule can be shown on a
//! turned clock. The rules, with their defaults, are in [`KeyPolicy`].

mod loaded;
mod policy;

use crate::clock::Now;
use std::time::Duration;

pub(crate) use loaded::Loaded;
pub(crate) use policy::KeyPolicy;
use {
    loaded::since,
    policy::{DEFAULT_TTL, EXCUSE},
};

/// How long past its time-out a fetch is still awaited.
const GRACE: Duration = Duration::from_secs(5);

/// What a request wants of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The set as it is.
    Set,
    /// A key that the set lacks, for a token that is right in everything else.
    MissingKey,
}

/// What the machine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The set may judge; a key that it lacks does not exist.
    Judge,
    /// Wait for the fetch under way, `max_wait` at most.
    Wait,
    /// No set may judge; trying again makes sense after this long.
    Unavailable(Duration),
}

/// Verdict and action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// Start the one fetch now: it is counted as begun, and [`Life::flight`] is its number.
    pub(crate) fetch: bool,
}

/// How much a set is worth at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    NeverLoaded,
    Fresh,
    /// Past its time to live, within `max_stale`.
    Stale,
    Expired,
}

#[derive(Debug)]
pub(crate) struct Life {
    policy: KeyPolicy,
    set: Option<Loaded>,
    in_flight: Option<Flight>,
    /// The number of the last fetch begun, and when it was.
    flights: u64,
    begun: Option<Now>,
    /// A fetch that was given up and that nobody was told of yet.
    given_up: Option<u64>,
    failing: Option<Failing>,
    waiting: usize,
}

/// The one fetch under way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    started: Now,
    /// Somebody waited for it as long as anybody may.
    hung: bool,
}

impl Flight {
    fn at(started: Now) -> Self {
        Self { started, hung: false }
    }
}

/// Fetches have failed since the last good one.
#[derive(Debug, Clone, Copy)]
struct Failing {
    count: u32,
    started: Now,
    ended: Now,
    back_off: Duration,
}

impl Life {
    pub(crate) fn new(policy: KeyPolicy) -> Self {
        Self {
            policy,
            set: None,
            in_flight: None,
            flights: 0,
            begun: None,
            given_up: None,
            failing: None,
            waiting: 0,
        }
    }

    pub(crate) fn loaded(&self) -> Option<Loaded> {
        self.set
    }

    /// The number of the last fetch begun.
    pub(crate) fn flight(&self) -> u64 {
        self.flights
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    pub(crate) fn freshness(&self, now: Now) -> Freshness {
        match self.set {
            None => Freshness::NeverLoaded,
            Some(set) if set.is_fresh(now) => Freshness::Fresh,
            Some(set) if set.age(now) < set.ttl.saturating_add(self.policy.max_stale) => Freshness::Stale,
            Some(_) => Freshness::Expired,
        }
    }

    /// A request asks. Where the answer says `fetch`, the machine counts the fetch as begun; where it says
    /// [`Verdict::Wait`], as one more waiting.
    pub(crate) fn ask(&mut self, need: Need, now: Now) -> Answer {
        self.give_up_overdue(now);
        let answer = match (self.freshness(now), need) {
            (Freshness::NeverLoaded | Freshness::Expired, _) => self.fetch_or_fail(now),
            (Freshness::Fresh, Need::Set) => self.judge_and_refresh(now),
            (Freshness::Stale, Need::Set) => self.judge_stale(now),
            (Freshness::Fresh, Need::MissingKey) => self.look_for_key(now),
            // A set that may not judge cannot say either that a key does not exist.
            (Freshness::Stale, Need::MissingKey) => match self.judge_stale(now) {
                Answer { verdict: Verdict::Judge, .. } => self.look_for_key(now),
                other => other,
            },
        };
        if answer.fetch {
            self.take_off(now);
        }
        if answer.verdict == Verdict::Wait {
            self.waiting += 1;
        }
        answer
    }

    /// A waiting request goes, with or without an answer.
    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Begins a fetch that no request asked for: not beside one under way, and not before the back-off is over.
    pub(crate) fn begin(&mut self, now: Now) -> bool {
        self.give_up_overdue(now);
        let free = self.may_retry(now);
        if free {
            self.take_off(now);
        }
        free
    }

    /// Whether a fetch is under way.
    pub(crate) fn is_fetching(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The fetch that was given up since the last time this was asked.
    pub(crate) fn take_given_up(&mut self) -> Option<u64> {
        self.given_up.take()
    }

    fn take_off(&mut self, now: Now) {
        self.begun = Some(now);
        self.flights = self.flights.wrapping_add(1);
        self.in_flight = Some(Flight::at(now));
    }

    /// A fetch that is not back long after its time-out never comes: the runtime that should drive it stands still.
    fn give_up_overdue(&mut self, now: Now) {
        let limit = self.policy.fetch_timeout.saturating_add(GRACE);
        let Some(Flight { started, .. }) = self.in_flight else { return };
        if since(started, now) >= limit {
            // It failed when it was due, not when somebody noticed: an old failure excuses no stale set.
            let due = Now {
                wall: started.wall.saturating_add(limit),
                monotonic: started.monotonic.saturating_add(limit),
            };
            self.fail(due, 0.5);
            self.given_up = Some(self.flights);
        }
    }

    /// The fetch that was counted as begun cannot be: nothing was asked, so nothing has failed.
    pub(crate) fn call_off(&mut self, number: u64) {
        if number == self.flights {
            self.in_flight = None;
        }
    }

    /// Somebody has waited for this fetch as long as anybody may.
    pub(crate) fn hang(&mut self, number: u64) {
        if let Some(flight) = self.in_flight.as_mut().filter(|_| number == self.flights) {
            flight.hung = true;
        }
    }

    /// Whether the end of this fetch means anything: a later one has been begun where it was given up.
    pub(crate) fn is_latest(&self, number: u64) -> bool {
        number == self.flights
    }

    /// The fetch brought a good set, or the word that the old one still holds. `roll` in 0..1 is the jitter's dice.
    pub(crate) fn fetched(&mut self, now: Now, max_age: Option<Duration>, roll: f64) -> Loaded {
        self.in_flight = None;
        self.failing = None;
        // The set is as old as the question: an answer may have lain in a socket while the machine was suspended.
        let at = self.begun.unwrap_or(now);
        let loaded = self.load(at, max_age, roll);
        let loaded = Loaded { answered: now, ..loaded };
        self.set = Some(loaded);
        loaded
    }

    fn load(&self, at: Now, max_age: Option<Duration>, roll: f64) -> Loaded {
        let (least, most) = self.policy.ttl_bounds;
        let moved = || max_age.map_or(DEFAULT_TTL, |age| age.clamp(least, most));
        let ttl = self.policy.ttl.unwrap_or_else(moved);
        let refresh_after = ttl.mul_f64(self.policy.refresh_at * jitter(roll));
        Loaded { at, answered: at, ttl, refresh_after, head_start: Duration::ZERO }
    }

    /// An earlier process left a set that it had fetched at that wall-clock time. Its age runs on, so that a restart
    /// makes nothing younger; refused where a set is there already, where it is past its staleness, and where it comes
    /// out of the future: then a clock was wrong, and nobody knows its age.
    pub(crate) fn restored(
        &mut self,
        now: Now,
        fetched_at: Duration,
        max_age: Option<Duration>,
        roll: f64,
    ) -> Option<Loaded> {
        let head_start = now.wall.checked_sub(fetched_at)?;
        let loaded = Loaded { head_start, ..self.load(now, max_age, roll) };
        if self.set.is_some() || head_start >= loaded.ttl.saturating_add(self.policy.max_stale) {
            return None;
        }
        self.set = Some(loaded);
        Some(loaded)
    }

    /// The same life under another policy: the set, its age and the failures stay; a fetch under way does not.
    pub(crate) fn inherit(&self, policy: KeyPolicy) -> Self {
        let (least, most) = policy.ttl_bounds;
        let reset = |set: Loaded| {
            // What `Cache-Control` had said is within the bounds; what an operator had said may be beyond them.
            let ttl = policy.ttl.unwrap_or_else(|| set.ttl.clamp(least, most));
            Loaded { ttl, refresh_after: ttl.mul_f64(policy.refresh_at), ..set }
        };
        let set = self.set.map(reset);
        Self { set, failing: self.failing, ..Self::new(policy) }
    }

    /// The fetch failed, timed out, or brought nothing usable. The set we have stays.
    pub(crate) fn failed(&mut self, now: Now, roll: f64) {
        // One that was given up has failed already.
        if self.in_flight.is_some() {
            self.fail(now, roll);
        }
    }

    fn fail(&mut self, now: Now, roll: f64) {
        let started = self.in_flight.take().map_or(now, |flight| flight.started);
        let count = self.failing.map_or(1, |failing| failing.count.saturating_add(1));
        let (least, most) = self.policy.back_off;
        let doubled = least.saturating_mul(2u32.saturating_pow((count - 1).min(16)));
        let back_off = doubled.min(most).mul_f64(jitter(roll)).clamp(least, most);
        self.failing = Some(Failing { count, started, ended: now, back_off });
    }

    /// Fresh: judge, and refresh in the background when it is time.
    fn judge_and_refresh(&self, now: Now) -> Answer {
        let due = self.set.is_some_and(|set| set.wants_refresh(now));
        Answer { verdict: Verdict::Judge, fetch: due && self.may_retry(now) }
    }

    /// Stale-if-error, never stale-while-revalidate.
    fn judge_stale(&self, now: Now) -> Answer {
        // The first attempt past the time to live waits for no back-off.
        let fetch = self.in_flight.is_none() && (!self.has_failed_stale() || self.may_retry(now));
        let hung = self.in_flight.is_some_and(|flight| self.is_hung(flight, now));
        if hung || self.is_excused(now) {
            return Answer { verdict: Verdict::Judge, fetch };
        }
        self.wait_or(Verdict::Unavailable(Duration::ZERO), self.in_flight.is_none())
    }

    /// Nothing may judge: join the fetch, start it, or say when.
    fn fetch_or_fail(&self, now: Now) -> Answer {
        let start = self.may_retry(now);
        if start || self.in_flight.is_some() {
            return self.wait_or(Verdict::Unavailable(Duration::ZERO), start);
        }
        Answer { verdict: Verdict::Unavailable(self.retry_in(now)), fetch: false }
    }

    /// A key is missing from a set that may be good: one look a cool-down, and none behind a hung fetch.
    fn look_for_key(&self, now: Now) -> Answer {
        let no = |verdict| Answer { verdict, fetch: false };
        let full = if self.is_failing() { Verdict::Unavailable(self.retry_in(now)) } else { Verdict::Judge };
        match self.in_flight {
            Some(flight) if self.is_hung(flight, now) => no(Verdict::Unavailable(self.retry_in(now))),
            Some(_) => self.wait_or(full, false),
            None if self.is_failing() && !self.may_retry(now) => no(full),
            None if !self.is_failing() && self.is_cooling(now) => no(Verdict::Judge),
            None => self.wait_or(full, true),
        }
    }

    fn wait_or(&self, when_full: Verdict, fetch: bool) -> Answer {
        let room = self.waiting < self.policy.max_waiting;
        Answer { verdict: if room { Verdict::Wait } else { when_full }, fetch }
    }

    fn is_cooling(&self, now: Now) -> bool {
        self.set
            .is_some_and(|set| since(set.answered, now).saturating_add(set.head_start) < self.policy.cooldown)
    }

    fn is_hung(&self, flight: Flight, now: Now) -> bool {
        flight.hung || since(flight.started, now) >= self.policy.max_wait
    }

    /// The last refresh has failed, not long ago. One that was attempted before the time to live was over excuses until
    /// its back-off is over twice: a busy service has begun another one by then, and that one has failed or hangs.
    fn is_excused(&self, now: Now) -> bool {
        let Some(failing) = self.failing else { return false };
        let before = || failing.back_off.saturating_mul(2).saturating_add(self.policy.max_wait);
        since(failing.ended, now) <= if self.has_failed_stale() { EXCUSE } else { before().min(EXCUSE) }
    }

    /// The last refresh that failed was attempted past the time to live.
    fn has_failed_stale(&self) -> bool {
        let (Some(set), Some(failing)) = (self.set, self.failing) else { return false };
        set.age(failing.started) >= set.ttl
    }

    fn may_retry(&self, now: Now) -> bool {
        let waited = |failing: Failing| since(failing.ended, now) >= failing.back_off;
        self.in_flight.is_none() && self.failing.is_none_or(waited)
    }

    fn retry_in(&self, now: Now) -> Duration {
        let left = |failing: Failing| failing.back_off.saturating_sub(since(failing.ended, now));
        self.failing.map_or(Duration::ZERO, left)
    }
}

/// ±10 %, so that a fleet started together does not fetch together.
fn jitter(roll: f64) -> f64 {
    0.9 + 0.2 * roll.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    fn at(seconds: f64) -> Now {
        let time = Duration::from_secs_f64(seconds);
        Now { wall: Duration::from_secs(1_700_000_000) + time, monotonic: time }
    }

    fn loaded_at_zero() -> Life {
        let mut life = Life::new(KeyPolicy::default());
        life.begin(at(0.0));
        life.fetched(at(0.0), None, MIDDLE);
        life
    }

    fn judge(fetch: bool) -> Answer {
        Answer { verdict: Verdict::Judge, fetch }
    }

    fn wait(fetch: bool) -> Answer {
        Answer { verdict: Verdict::Wait, fetch }
    }

    #[test]
    fn the_first_request_starts_the_fetch_and_the_others_join_it() {
        let mut life = Life::new(KeyPolicy::default());
        assert_eq!(life.ask(Need::Set, at(0.0)), wait(true));
        assert_eq!(life.ask(Need::MissingKey, at(0.1)), wait(false));
    }

    #[test]
    fn an_issuer_that_was_never_reached_is_unavailable_until_the_back_off_is_over() {
        let mut life = Life::new(KeyPolicy::default());
        life.ask(Need::Set, at(0.0));
        life.failed(at(0.0), MIDDLE);
        let told = life.ask(Need::Set, at(0.25));
        assert_eq!(told.verdict, Verdict::Unavailable(Duration::from_millis(750)));
        assert!(!told.fetch);
        assert_eq!(life.ask(Need::Set, at(1.0)), wait(true));
    }

    #[test]
    fn back_off_doubles_up_to_a_minute_and_a_success_forgets_it() {
        let mut life = Life::new(KeyPolicy::default());
        let mut now = 0.0;
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(life.ask(Need::Set, at(now)).fetch);
            life.failed(at(now), MIDDLE);
            assert!(!life.ask(Need::Set, at(now + f64::from(expected) - 0.1)).fetch, "{expected}");
            now += f64::from(expected);
        }
        life.fetched(at(now), None, MIDDLE);
        assert!(!life.is_failing());
    }

    #[test]
    fn a_fresh_set_judges_and_is_refreshed_in_the_background_from_four_fifths_on() {
        let mut life = loaded_at_zero();
        assert_eq!(life.ask(Need::Set, at(479.0)), judge(false));
        assert_eq!(life.ask(Need::Set, at(480.0)), judge(true));
        assert_eq!(life.ask(Need::Set, at(480.1)), judge(false), "one fetch at a time");
        life.failed(at(481.0), MIDDLE);
        assert_eq!(life.ask(Need::Set, at(481.5)), judge(false), "not before the back-off");
        assert_eq!(life.ask(Need::Set, at(482.0)), judge(true));
    }

    #[test]
    fn jitter_spreads_the_refresh_by_a_tenth() {
        for (roll, seconds) in [(0.0, 432.0), (1.0, 528.0)] {
            let mut life = Life::new(KeyPolicy::default());
            life.fetched(at(0.0), None, roll);
            assert!(!life.ask(Need::Set, at(seconds - 1.0)).fetch);
            assert!(life.ask(Need::Set, at(seconds)).fetch);
        }
    }

    #[test]
    fn an_idle_service_tries_before_it_judges() {
        let mut life = loaded_at_zero();
        assert_eq!(life.ask(Need::Set, at(900.0)), wait(true));
        assert_eq!(life.ask(Need::Set, at(901.9)), wait(false));
    }

    #[test]
    fn a_stale_set_judges_once_an_attempt_past_its_time_has_failed() {
        let mut life = loaded_at_zero();
        life.ask(Need::Set, at(590.0));
        life.failed(at(595.0), MIDDLE);
        assert_eq!(
            life.ask(Need::Set, at(600.0)),
            wait(true),
            "that attempt was long ago, and no back-off counts"
        );
        life.failed(at(600.5), MIDDLE);
        assert_eq!(life.ask(Need::Set, at(600.6)), judge(false));
        assert_eq!(life.ask(Need::Set, at(700.0)), judge(true));
    }

    #[test]
    fn a_busy_service_in_an_outage_does_not_wait_where_the_time_to_live_ends() {
        let mut life = loaded_at_zero();
        life.ask(Need::Set, at(598.0));
        life.failed(at(599.5), MIDDLE);
        assert_eq!(life.ask(Need::Set, at(600.0)), judge(true), "tried at once, whatever the back-off");
        assert_eq!(life.ask(Need::Set, at(601.9)), judge(false), "it hangs");
        assert_eq!(life.ask(Need::Set, at(604.9)), judge(false), "it has hung for long");
        life.failed(at(605.0), MIDDLE);
        assert_eq!(life.ask(Need::Set, at(605.1)), judge(false), "and has failed past the time to live");
    }

    #[test]
    fn a_stale_set_judges_once_the_attempt_has_hung_for_two_seconds() {
        let mut life = loaded_at_zero();
        assert_eq!(life.ask(Need::Set, at(600.0)), wait(true));
        assert_eq!(life.ask(Need::Set, at(602.0)), judge(false));
    }

    #[test]
    fn an_old_failure_excuses_nothing() {
        let mut life = loaded_at_zero();
        life.ask(Need::Set, at(600.0));
        life.failed(at(601.0), MIDDLE);
        assert_eq!(life.ask(Need::Set, at(721.5)), wait(true));
    }

    #[test]
    fn a_fetch_that_never_comes_back_is_given_up_and_its_late_end_means_nothing() {
        let mut life = loaded_at_zero();
        assert_eq!(life.ask(Need::Set, at(5000.0)), wait(true));
        let first = life.flight();
        assert!(matches!(life.ask(Need::Set, at(5009.9)).verdict, Verdict::Wait), "still awaited");
        assert!(
            matches!(life.ask(Need::Set, at(5010.0)).verdict, Verdict::Unavailable(_)),
            "given up, backing off"
        );
        assert_eq!(life.ask(Need::Set, at(5011.0)), wait(true));
        assert!(!life.is_latest(first) && life.is_latest(life.flight()));
    }

    #[test]
    fn only_the_fetch_that_was_waited_for_counts_as_hung() {
        let mut life = loaded_at_zero();
        life.ask(Need::MissingKey, at(10.0));
        let first = life.flight();
        life.fetched(at(11.0), None, MIDDLE);
        life.ask(Need::MissingKey, at(16.0));
        life.hang(first);
        assert_eq!(life.ask(Need::MissingKey, at(16.1)), wait(false));
        life.hang(life.flight());
        assert!(matches!(life.ask(Need::MissingKey, at(16.2)).verdict, Verdict::Unavailable(_)));
    }

    #[test]
    fn past_max_stale_nothing_judges() {
        let mut life = loaded_at_zero();
        life.ask(Need::Set, at(4190.0));
        life.failed(at(4199.0), MIDDLE);
        assert_eq!(life.freshness(at(4199.9)), Freshness::Stale);
        assert_eq!(life.freshness(at(4200.0)), Freshness::Expired);
        assert!(matches!(life.ask(Need::Set, at(4199.9)).verdict, Verdict::Judge));
        assert!(matches!(life.ask(Need::Set, at(4200.0)).verdict, Verdict::Wait));
    }

    #[test]
    fn age_is_the_larger_of_both_clocks() {
        let life = loaded_at_zero();
        let mut suspended = at(0.0);
        suspended.wall += Duration::from_secs(700);
        assert_eq!(life.freshness(suspended), Freshness::Stale);
        let mut set_back = at(700.0);
        set_back.wall -= Duration::from_secs(100_000);
        assert_eq!(life.freshness(set_back), Freshness::Stale);
    }

    #[test]
    fn an_unknown_kid_may_spend_one_fetch_a_cool_down() {
        let mut life = loaded_at_zero();
        assert_eq!(life.ask(Need::MissingKey, at(4.9)), judge(false));
        assert_eq!(life.ask(Need::MissingKey, at(5.0)), wait(true));
        assert_eq!(life.ask(Need::MissingKey, at(5.1)), wait(false), "all wait for the same one");
        life.fetched(at(5.2), None, MIDDLE);
        assert_eq!(life.ask(Need::MissingKey, at(10.1)), judge(false));
        assert_eq!(life.ask(Need::MissingKey, at(10.2)), wait(true));
    }

    #[test]
    fn an_unknown_kid_at_a_failing_issuer_is_an_outage_and_follows_the_back_off() {
        let mut life = loaded_at_zero();
        life.ask(Need::MissingKey, at(10.0));
        life.failed(at(10.0), MIDDLE);
        let told = life.ask(Need::MissingKey, at(10.5));
        assert_eq!(told.verdict, Verdict::Unavailable(Duration::from_millis(500)));
        assert_eq!(life.ask(Need::MissingKey, at(11.0)), wait(true));
        assert!(matches!(life.ask(Need::MissingKey, at(13.0)).verdict, Verdict::Unavailable(_)), "hung");
        assert_eq!(life.ask(Need::Set, at(13.0)), judge(false), "known keys never wait");
    }

    #[test]
    fn the_rest_of_a_flood_is_answered_at_once() {
        let mut life = loaded_at_zero();
        assert_eq!(life.ask(Need::MissingKey, at(10.0)), wait(true));
        for _ in 1..256 {
            assert_eq!(life.ask(Need::MissingKey, at(10.1)), wait(false));
        }
        assert_eq!(life.ask(Need::MissingKey, at(10.2)), judge(false));
        life.stop_waiting();
        assert_eq!(life.ask(Need::MissingKey, at(10.3)), wait(false));
    }

    #[test]
    fn cache_control_moves_the_time_to_live_within_its_bounds_and_not_when_the_operator_set_one() {
        for (max_age, ttl) in [(0, 60), (59, 60), (61, 61), (3600, 3600), (86_400, 3600)] {
            let mut life = Life::new(KeyPolicy::default());
            let loaded = life.fetched(at(0.0), Some(Duration::from_secs(max_age)), MIDDLE);
            assert_eq!(loaded.ttl, Duration::from_secs(ttl));
        }
        let own = KeyPolicy { ttl: Some(Duration::from_secs(7)), ..KeyPolicy::default() };
        let loaded = Life::new(own).fetched(at(0.0), Some(Duration::from_secs(3600)), MIDDLE);
        assert_eq!(loaded.ttl, Duration::from_secs(7));
    }

    #[test]
    fn a_kept_set_that_is_too_old_is_not_taken_and_a_younger_one_only_where_none_is() {
        let policy = KeyPolicy::default();
        let most = 600 + policy.max_stale.as_secs();
        let kept_at = |seconds: u64| at(0.0).wall - Duration::from_secs(seconds);
        for (age, is_taken) in [(0, true), (most - 1, true), (most, false), (most + 1, false)] {
            let mut life = Life::new(KeyPolicy::default());
            assert_eq!(life.restored(at(0.0), kept_at(age), None, MIDDLE).is_some(), is_taken, "{age}");
        }
        assert!(loaded_at_zero().restored(at(0.0), kept_at(0), None, MIDDLE).is_none());
        let tomorrow = at(0.0).wall + Duration::from_secs(86_400);
        assert!(Life::new(policy).restored(at(0.0), tomorrow, None, MIDDLE).is_none());
    }

    #[test]
    fn a_life_under_another_policy_keeps_set_and_failures_and_takes_the_new_times() {
        let policy = KeyPolicy { ttl: Some(Duration::from_secs(60)), ..KeyPolicy::default() };
        let mut old = loaded_at_zero();
        let inherited = old.inherit(policy.clone());
        let loaded = inherited.loaded().unwrap();
        assert_eq!((loaded.ttl, loaded.refresh_after), (Duration::from_secs(60), Duration::from_secs(48)));
        assert!(!inherited.is_failing());
        old.ask(Need::Set, at(590.0));
        old.failed(at(590.0), MIDDLE);
        assert!(old.inherit(policy).is_failing());
    }
}

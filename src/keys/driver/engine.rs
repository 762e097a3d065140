use super::{
    Asked, Brought, Look, News, Order, Reading, Recall, Snapshot, Source,
    flight::{Plan, Report, fly},
    ticket::{Progress, Ticket, Waited},
};
use crate::{
    clock::{Clock, Now},
    keys::{
        fetch::FetchError,
        life::{Answer, Life, Need, Verdict},
    },
};
use arc_swap::ArcSwapOption;
use std::{
    hash::{BuildHasher, RandomState},
    panic::catch_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, task::AbortHandle, time::timeout};

pub(crate) struct Driver<S: Source> {
    shared: Arc<Shared<S>>,
}

pub(super) struct Shared<S: Source> {
    source: Arc<S>,
    clock: Arc<dyn Clock>,
    snapshot: ArcSwapOption<Snapshot<S::Value>>,
    engine: Mutex<Engine<S>>,
    progress: watch::Sender<Progress>,
}

/// Whether a fetch that was counted as begun is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Started {
    Yes,
    NoRuntime,
    NoPass,
}

struct Engine<S: Source> {
    life: Life,
    task: Option<AbortHandle>,
    memo: S::Memo,
    last_error: Option<FetchError>,
    /// What an earlier process left has been asked for, and the answer was definite.
    recalled: bool,
}

impl<S: Source> Driver<S> {
    pub(crate) fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        let life = Life::new(source.policy().clone());
        Self::with(source, clock, life, None, S::Memo::default())
    }

    /// Whether a fetch is under way.
    pub(crate) fn is_fetching(&self) -> bool {
        self.shared.lock().life.is_fetching()
    }

    /// Goes on where another one is: its value, its age and its failures, under a policy and a transport of its own.
    pub(crate) fn after(other: &Self, source: S, clock: Arc<dyn Clock>) -> Self {
        let engine = other.shared.lock();
        let life = engine.life.inherit(source.policy().clone());
        let memo = engine.memo.clone();
        let old = other.shared.snapshot.load_full();
        // What readers see must be what the machine knows: under the new policy.
        let renew =
            |(old, loaded): (Arc<Snapshot<S::Value>>, _)| Snapshot { value: Arc::clone(&old.value), loaded };
        let snapshot = old.zip(life.loaded()).map(renew).map(Arc::new);
        drop(engine);
        Self::with(source, clock, life, snapshot, memo)
    }

    fn with(
        source: S,
        clock: Arc<dyn Clock>,
        life: Life,
        snapshot: Option<Arc<Snapshot<S::Value>>>,
        memo: S::Memo,
    ) -> Self {
        let engine = Engine { life, task: None, memo, last_error: None, recalled: false };
        let shared = Shared {
            source: Arc::new(source),
            clock,
            snapshot: ArcSwapOption::new(snapshot),
            engine: Mutex::new(engine),
            progress: watch::Sender::new(Progress::default()),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn source(&self) -> &S {
        &self.shared.source
    }

    /// The value, if it is fresh: no lock, no wait. Starts the background refresh when it is time.
    pub(crate) fn fresh(&self, now: Now) -> Option<Reading<S::Value>> {
        let guard = self.shared.snapshot.load();
        let loaded = guard.as_ref()?.loaded;
        if !loaded.is_fresh(now) {
            return None;
        }
        if loaded.wants_refresh(now) {
            self.refresh_ahead(now);
        }
        Some(guard)
    }

    /// The value, if it is fresh, and nothing besides.
    pub(crate) fn peek(&self, now: Now) -> Option<Reading<S::Value>> {
        let guard = self.shared.snapshot.load();
        let is_fresh = guard.as_ref()?.loaded.is_fresh(now);
        is_fresh.then_some(guard)
    }

    /// Asks the machine; for requests that a fresh value did not serve.
    pub(crate) fn ask(&self, need: Need, now: Now) -> Asked<S> {
        let mut engine = self.shared.lock();
        let Answer { verdict, fetch } = engine.life.ask(need, now);
        let lost = engine.note_given_up();
        // Made before anything below may return, so that a counted waiter is always taken off again.
        let ticket = (verdict == Verdict::Wait).then(|| self.ticket(&engine));
        let plan = fetch.then(|| self.shared.plan(&mut engine, now));
        drop(engine);
        self.shared.tell_given_up(lost);
        // Whoever waits needs the runtime as well: for the time-out.
        let started = match plan {
            Some(plan) => self.start(plan),
            None if verdict == Verdict::Wait && runtime().is_none() => Started::NoRuntime,
            None => Started::Yes,
        };
        match (verdict, ticket, self.shared.snapshot.load_full()) {
            // A value that may judge does so also where nothing can renew it.
            (Verdict::Judge, _, Some(snapshot)) => Asked::Judge(snapshot),
            _ if started == Started::NoRuntime => Asked::RuntimeMissing,
            _ if started == Started::NoPass => Asked::Unavailable(Duration::ZERO),
            (_, Some(ticket), _) => Asked::Wait(ticket),
            (Verdict::Unavailable(after), _, _) => Asked::Unavailable(after),
            _ => Asked::Unavailable(Duration::ZERO),
        }
    }

    /// Fetches now, unless a fetch is under way or the back-off runs; the future waits for its end.
    pub(crate) fn warm(&self) -> impl Future<Output = ()> + use<S> {
        let now = Now::of(&*self.shared.clock);
        let mut engine = self.shared.lock();
        let begun = engine.life.begin(now);
        let lost = engine.note_given_up();
        let plan = begun.then(|| self.shared.plan(&mut engine, now));
        let (number, under_way) = (engine.life.flight(), engine.life.is_fetching());
        drop(engine);
        self.shared.tell_given_up(lost);
        let runs = plan.is_none_or(|plan| self.start(plan) == Started::Yes) && runtime().is_some();
        let mut progress = self.shared.progress.subscribe();
        let limit = self.shared.source.policy().fetch_timeout.saturating_add(Duration::from_secs(1));
        async move {
            if under_way && runs {
                // Bounded, for the runtime that drives the fetch may be another, and stand still.
                let _ = timeout(limit, progress.wait_for(|progress| progress.ended >= number)).await;
            }
        }
    }

    pub(crate) fn look(&self) -> Look<S::Value> {
        self.shared.look()
    }

    fn refresh_ahead(&self, now: Now) {
        // Whoever holds the lock is about to see to it.
        let Ok(mut engine) = self.shared.engine.try_lock() else { return };
        let Answer { verdict, fetch } = engine.life.ask(Need::Set, now);
        let lost = engine.note_given_up();
        if verdict == Verdict::Wait {
            engine.life.stop_waiting();
        }
        let plan = fetch.then(|| self.shared.plan(&mut engine, now));
        drop(engine);
        self.shared.tell_given_up(lost);
        if let Some(plan) = plan {
            self.start(plan);
        }
    }

    fn ticket(&self, engine: &Engine<S>) -> Ticket {
        let waited = Arc::clone(&self.shared) as Arc<dyn Waited>;
        Ticket::new(engine.life.flight(), self.shared.progress.subscribe(), waited)
    }

    /// Spawns the fetch that the machine has counted as begun.
    ///
    /// Not under the lock: a runtime that is shutting down drops the task at once, and with it the report that takes
    /// the lock.
    fn start(&self, mut plan: Plan<S>) -> Started {
        let flight = plan.flight;
        let Some(runtime) = runtime() else {
            self.call_off(flight);
            return Started::NoRuntime;
        };
        if let Some(gate) = self.shared.source.gate() {
            plan.pass = gate.enter();
            if plan.pass.is_none() {
                self.call_off(flight);
                return Started::NoPass;
            }
        }
        let report = Report::new(flight, &self.shared);
        let task = runtime.spawn(fly(Arc::clone(&self.shared.source), plan, report));
        let mut engine = self.shared.lock();
        // It may have ended already, and the next one begun.
        let under_way = engine.life.is_latest(flight) && engine.life.is_fetching();
        let given_up = if under_way { engine.task.replace(task.abort_handle()) } else { None };
        drop(engine);
        if let Some(task) = given_up {
            task.abort();
        }
        Started::Yes
    }

    fn call_off(&self, flight: u64) {
        self.shared.lock().life.call_off(flight);
        // Whoever has joined what will not be asks again.
        self.shared.tell_end(flight);
    }
}

impl<S: Source> Engine<S> {
    fn reject(&mut self, error: FetchError, now: Now) -> (FetchError, bool) {
        let again = self.life.is_failing() && self.last_error.as_ref() == Some(&error);
        self.life.failed(now, roll());
        self.last_error = Some(error.clone());
        (error, again)
    }

    /// A fetch that the machine has just given up timed out, though nobody came back to say so.
    fn note_given_up(&mut self) -> Option<(u64, bool)> {
        let flight = self.life.take_given_up()?;
        let again = self.last_error == Some(FetchError::TimedOut);
        self.last_error = Some(FetchError::TimedOut);
        Some((flight, again))
    }
}

/// The runtime we are on, if it can keep time: a fetch and those who wait for it must end.
fn runtime() -> Option<Handle> {
    let runtime = Handle::try_current().ok()?;
    // There is no way to ask a runtime for its timers but to use one, and that panics where they are off. A program
    // wired so is told once for each attempt, and answered with 500 instead of torn connections.
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).ok().map(|()| runtime)
}

impl<S: Source> Shared<S> {
    /// No code that can panic runs under the lock; a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Engine<S>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> Look<S::Value> {
        let now = Now::of(&*self.clock);
        let engine = self.lock();
        let look = Look {
            freshness: engine.life.freshness(now),
            age: engine.life.loaded().map(|loaded| loaded.age(now)),
            value: self.value(),
            error: engine.last_error.clone(),
        };
        drop(engine);
        self.source.seen(&look);
        look
    }

    fn value(&self) -> Option<Arc<S::Value>> {
        self.snapshot.load().as_ref().map(|snapshot| Arc::clone(&snapshot.value))
    }

    /// What the fetch that has just begun needs to know.
    fn plan(&self, engine: &mut Engine<S>, now: Now) -> Plan<S> {
        let recalls = !engine.recalled && engine.life.loaded().is_none();
        let (memo, before, failing) = (engine.memo.clone(), self.value(), engine.life.is_failing());
        let order = Order { at: now, memo, before, failing };
        Plan { flight: engine.life.flight(), recalls, order, pass: None }
    }

    /// What an earlier process left is there, or is known not to be.
    pub(super) fn recalled(&self, kept: Recall<S>) {
        let now = Now::of(&*self.clock);
        let mut engine = self.lock();
        let kept = match kept {
            Recall::Unknown => return,
            Recall::Nothing => {
                engine.recalled = true;
                return;
            }
            Recall::Found(kept) => kept,
        };
        engine.recalled = true;
        let Some(loaded) = engine.life.restored(now, kept.fetched_at, kept.max_age, roll()) else { return };
        let value = Arc::new(kept.value);
        self.snapshot.store(Some(Arc::new(Snapshot { value: Arc::clone(&value), loaded })));
        engine.memo = kept.memo;
        drop(engine);
        self.progress.send_modify(|progress| progress.recalled = true);
        let kept_for = Some(loaded.age(now));
        self.source.came(News { before: None, now: &*value, recovered: false, kept_for });
        self.look();
    }

    /// Whether the end of this fetch meant anything.
    pub(super) fn end(&self, flight: u64, outcome: Result<Brought<S>, FetchError>) -> bool {
        // Not under the lock: the clock is somebody else's code.
        let now = Now::of(&*self.clock);
        let mut engine = self.lock();
        if !engine.life.is_latest(flight) {
            return false;
        }
        // What it still has to do, nobody has to stop.
        engine.task = None;
        let before = self.value();
        let accepted = outcome.and_then(|brought| match (brought.value.map(Arc::new), &before) {
            (Some(value), _) => Ok((value, brought.memo, brought.max_age)),
            (None, Some(same)) => Ok((Arc::clone(same), brought.memo, brought.max_age)),
            (None, None) => Err(FetchError::Unusable("not modified, and nothing was there".into())),
        });
        match accepted {
            Ok((value, memo, max_age)) => {
                let recovered = engine.life.is_failing();
                let loaded = engine.life.fetched(now, max_age, roll());
                self.snapshot.store(Some(Arc::new(Snapshot { value: Arc::clone(&value), loaded })));
                engine.memo = memo;
                engine.last_error = None;
                drop(engine);
                self.tell_end(flight);
                let before = before.as_deref();
                self.source.came(News { before, now: &*value, recovered, kept_for: None });
                self.look();
                true
            }
            Err(error) => {
                let (error, again) = engine.reject(error, now);
                drop(engine);
                self.tell_end(flight);
                self.source.failed(&error, again);
                self.look();
                false
            }
        }
    }

    /// Not under the lock, as every event.
    fn tell_given_up(&self, lost: Option<(u64, bool)>) {
        if let Some((flight, again)) = lost {
            self.tell_end(flight);
            self.source.failed(&FetchError::TimedOut, again);
            self.look();
        }
    }

    fn tell_end(&self, flight: u64) {
        self.progress.send_modify(|progress| progress.ended = flight.max(progress.ended));
    }
}

impl<S: Source> Drop for Shared<S> {
    fn drop(&mut self) {
        let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = engine.task.take() {
            task.abort();
        }
    }
}

impl<S: Source> Clone for Driver<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Source> Waited for Shared<S> {
    fn max_wait(&self) -> Duration {
        self.source.policy().max_wait
    }

    fn hang(&self, flight: u64) {
        self.lock().life.hang(flight);
    }

    fn stop_waiting(&self) {
        self.lock().life.stop_waiting();
    }
}

/// A number in 0..1 for jitter: the standard library's hasher keys are random enough for that.
fn roll() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_drawn_within_one_and_never_twice_the_same() {
        let rolls: Vec<f64> = (0..100).map(|_| roll()).collect();
        assert!(rolls.iter().all(|roll| (0.0..1.0).contains(roll)), "{rolls:?}");
        let (low, high) = rolls.iter().fold((1.0, 0.0), |(low, high), &roll| (roll.min(low), roll.max(high)));
        assert!(high - low > 0.5, "a hundred draws reach further: {low} to {high}");
    }
}

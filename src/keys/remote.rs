//! Drives the key life: one detached fetch at a time, lock-free reads of the set, waiters that cannot wedge it.

mod look;

use super::{
    KeySet,
    fetch::FetchError,
    life::{Answer, Life, Loaded, Need, Verdict},
    load::{Located, Outcome, Plan, RemoteConfig, fetch_keys},
};
use crate::{
    clock::{Clock, Now},
    observe,
};
use arc_swap::{ArcSwapOption, Guard};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    panic::catch_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, task::AbortHandle, time::timeout};

/// How long a discovered address of a key set is used before the metadata is read again.
const RELOCATE_AFTER: Duration = Duration::from_secs(3600);

/// One issuer's keys, fetched and kept by the rules of the key life.
///
/// Readers take the current set without a lock. The fetch runs detached: a request that goes away cancels nothing,
/// and the fetch ends with the last handle.
#[derive(Clone)]
pub struct RemoteKeySet {
    shared: Arc<Shared>,
}

/// A set and how long it is good for.
pub(crate) struct Snapshot {
    pub(crate) keys: Arc<KeySet>,
    loaded: Loaded,
}

/// The answer to a request that the fresh set could not serve.
pub(crate) enum Asked {
    Judge(Arc<Snapshot>),
    Wait(Ticket),
    Unavailable(Duration),
    RuntimeMissing,
}

struct Shared {
    config: Arc<RemoteConfig>,
    clock: Arc<dyn Clock>,
    snapshot: ArcSwapOption<Snapshot>,
    engine: Mutex<Engine>,
    /// The number of the last fetch that ended, whatever its result.
    ended: watch::Sender<u64>,
}

struct Engine {
    life: Life,
    task: Option<AbortHandle>,
    located: Option<Located>,
    etag: Option<String>,
    last_error: Option<FetchError>,
}

impl RemoteKeySet {
    pub(crate) fn new(config: RemoteConfig, clock: Arc<dyn Clock>) -> Self {
        let engine = Engine {
            life: Life::new(config.policy.clone()),
            task: None,
            located: None,
            etag: None,
            last_error: None,
        };
        let shared = Shared {
            config: Arc::new(config),
            clock,
            snapshot: ArcSwapOption::empty(),
            engine: Mutex::new(engine),
            ended: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The set, if it is fresh: no lock, no wait. Starts the background refresh when it is time.
    pub(crate) fn fresh(&self, now: Now) -> Option<Guard<Option<Arc<Snapshot>>>> {
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

    /// Asks the machine; for requests that a fresh set did not serve.
    pub(crate) fn ask(&self, need: Need, now: Now) -> Asked {
        let mut engine = self.shared.lock();
        let Answer { verdict, fetch } = engine.life.ask(need, now);
        let lost = engine.note_given_up();
        // Made before anything below may return, so that a counted waiter is always taken off again.
        let ticket = (verdict == Verdict::Wait).then(|| self.ticket(&engine));
        let plan = fetch.then(|| engine.plan(now));
        drop(engine);
        self.shared.tell_given_up(lost);
        // Whoever waits needs the runtime as well: for the time-out.
        let runs = match plan {
            Some(plan) => self.start(plan),
            None => verdict != Verdict::Wait || runtime().is_some(),
        };
        match (verdict, ticket, self.shared.snapshot.load_full()) {
            // A set that may judge does so also where nothing can renew it.
            (Verdict::Judge, _, Some(snapshot)) => Asked::Judge(snapshot),
            _ if !runs => Asked::RuntimeMissing,
            (_, Some(ticket), _) => Asked::Wait(ticket),
            (Verdict::Unavailable(after), _, _) => Asked::Unavailable(after),
            _ => Asked::Unavailable(Duration::ZERO),
        }
    }

    /// Fetches now, unless a fetch is under way or the back-off runs; the future waits for its end.
    pub(crate) fn warm(&self) -> impl Future<Output = ()> + use<> {
        let now = Now::of(&*self.shared.clock);
        let mut engine = self.shared.lock();
        let begun = engine.life.begin(now);
        let lost = engine.note_given_up();
        let plan = begun.then(|| engine.plan(now));
        let (number, under_way) = (engine.life.flight(), engine.life.is_fetching());
        drop(engine);
        self.shared.tell_given_up(lost);
        let runs = plan.is_none_or(|plan| self.start(plan)) && runtime().is_some();
        let mut ended = self.shared.ended.subscribe();
        let limit = self.shared.config.policy.fetch_timeout.saturating_add(Duration::from_secs(1));
        async move {
            if under_way && runs {
                // Bounded, for the runtime that drives the fetch may be another, and stand still.
                let _ = timeout(limit, ended.wait_for(|last| *last >= number)).await;
            }
        }
    }

    fn refresh_ahead(&self, now: Now) {
        // Whoever holds the lock is about to see to it.
        let Ok(mut engine) = self.shared.engine.try_lock() else { return };
        let Answer { verdict, fetch } = engine.life.ask(Need::Set, now);
        let lost = engine.note_given_up();
        if verdict == Verdict::Wait {
            engine.life.stop_waiting();
        }
        let plan = fetch.then(|| engine.plan(now));
        drop(engine);
        self.shared.tell_given_up(lost);
        if let Some(plan) = plan {
            self.start(plan);
        }
    }

    fn ticket(&self, engine: &Engine) -> Ticket {
        Ticket {
            flight: engine.life.flight(),
            ended: self.shared.ended.subscribe(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Spawns the fetch that the machine has counted as begun; false where there is no runtime to spawn on.
    ///
    /// Not under the lock: a runtime that is shutting down drops the task at once, and with it the report that takes
    /// the lock.
    fn start(&self, plan: Plan) -> bool {
        let flight = plan.flight;
        let Some(runtime) = runtime() else {
            self.shared.lock().life.call_off(flight);
            // Whoever has joined what will not be asks again.
            self.shared.tell_end(flight);
            return false;
        };
        let config = Arc::clone(&self.shared.config);
        let report = Report { flight, shared: Arc::downgrade(&self.shared), sent: false };
        let fetch = async move {
            let limit = config.policy.fetch_timeout;
            let outcome = timeout(limit, fetch_keys(&config, plan)).await;
            report.send(outcome.unwrap_or(Err(FetchError::TimedOut)));
        };
        let task = runtime.spawn(observe::in_refresh(&self.shared.config.issuer, fetch));
        let mut engine = self.shared.lock();
        // It may have ended already, and the next one begun.
        let latest = engine.life.is_latest(flight);
        let given_up = if latest { engine.task.replace(task.abort_handle()) } else { None };
        drop(engine);
        if let Some(task) = given_up {
            task.abort();
        }
        true
    }
}

impl Engine {
    /// What the fetch that has just begun needs to know.
    fn plan(&mut self, now: Now) -> Plan {
        let is_recent = |located: &Located| now.monotonic.saturating_sub(located.at) < RELOCATE_AFTER;
        let located = self.located.clone().filter(is_recent);
        let etag = self.etag.clone().filter(|_| located.is_some());
        Plan { flight: self.life.flight(), at: now.monotonic, located, etag }
    }

    fn reject(&mut self, error: FetchError, now: Now) -> Told {
        let again = self.life.is_failing() && self.last_error.as_ref() == Some(&error);
        self.life.failed(now, roll());
        self.blame(&error);
        Err((error, again))
    }

    /// A fetch that the machine has just given up timed out, though nobody came back to say so.
    fn note_given_up(&mut self) -> Option<(u64, bool)> {
        let flight = self.life.take_given_up()?;
        let again = self.last_error == Some(FetchError::TimedOut);
        self.blame(&FetchError::TimedOut);
        Some((flight, again))
    }

    fn blame(&mut self, error: &FetchError) {
        self.last_error = Some(error.clone());
        // The next attempt asks the metadata again: the address may have moved.
        self.located = None;
    }
}

/// The runtime we are on, if it can keep time: a fetch and those who wait for it must end.
fn runtime() -> Option<Handle> {
    let runtime = Handle::try_current().ok()?;
    // There is no way to ask a runtime for its timers but to use one, and that panics where they are off. A program
    // wired so is told once for each attempt, and answered with 500 instead of torn connections.
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).ok().map(|()| runtime)
}

impl Shared {
    /// No code that can panic runs under the lock; a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, flight: u64, outcome: Result<Outcome, FetchError>) {
        // Not under the lock: the clock is somebody else's code.
        let now = Now::of(&*self.clock);
        let mut engine = self.lock();
        if !engine.life.is_latest(flight) {
            return;
        }
        let told = match outcome {
            Ok(outcome) => self.accept(&mut engine, outcome, now),
            Err(error) => engine.reject(error, now),
        };
        drop(engine);
        self.tell_end(flight);
        self.tell(told);
    }

    /// Not under the lock, as every event.
    fn tell_given_up(&self, lost: Option<(u64, bool)>) {
        if let Some((flight, again)) = lost {
            self.tell_end(flight);
            self.tell(Err((FetchError::TimedOut, again)));
        }
    }

    fn tell_end(&self, flight: u64) {
        self.ended.send_modify(|last| *last = flight.max(*last));
    }

    fn accept(&self, engine: &mut Engine, outcome: Outcome, now: Now) -> Told {
        let before = self.snapshot.load_full();
        let sent = outcome.keys.is_some();
        let same = before.as_ref().map(|snapshot| Arc::clone(&snapshot.keys));
        let Some(keys) = outcome.keys.map(Arc::new).or(same) else {
            return engine.reject(FetchError::Unusable("not modified, and nothing was there".into()), now);
        };
        let refresh = observe::Refresh {
            keys: keys.len(),
            skipped: keys.skipped().count(),
            first: before.is_none(),
            rotated: before.is_some_and(|before| !before.keys.key_ids().eq(keys.key_ids())),
            recovered: engine.life.is_failing(),
            sent,
        };
        let loaded = engine.life.fetched(now, outcome.max_age, roll());
        self.snapshot.store(Some(Arc::new(Snapshot { keys, loaded })));
        engine.located = outcome.located;
        engine.etag = outcome.etag;
        engine.last_error = None;
        Ok(refresh)
    }
}

/// What the operator is told of a fetch: what it changed, or why it failed and whether that is known.
type Told = Result<observe::Refresh, (FetchError, bool)>;

impl Drop for Shared {
    fn drop(&mut self) {
        let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = engine.task.take() {
            task.abort();
        }
    }
}

/// Carries the result back. A fetch that panics or is dropped with its runtime counts as failed, or the machine would
/// believe it under way for ever.
struct Report {
    flight: u64,
    shared: Weak<Shared>,
    sent: bool,
}

impl Report {
    fn send(mut self, outcome: Result<Outcome, FetchError>) {
        self.sent = true;
        if let Some(shared) = self.shared.upgrade() {
            shared.end(self.flight, outcome);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.sent {
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.end(self.flight, Err(FetchError::Transport("the fetch ended without a result".into())));
        }
    }
}

/// A place among those who wait for the fetch under way.
pub(crate) struct Ticket {
    flight: u64,
    ended: watch::Receiver<u64>,
    shared: Arc<Shared>,
}

impl Ticket {
    /// Waits for the end of the fetch, however it ends.
    pub(crate) async fn ended(mut self) {
        // An error means that the set is gone; the ticket keeps it, so there is none.
        let _ = self.ended.wait_for(|last| *last >= self.flight).await;
    }

    pub(crate) fn limit(&self) -> Limit {
        Limit { flight: self.flight, shared: Arc::clone(&self.shared) }
    }
}

/// How long a request may wait in all.
pub(crate) struct Limit {
    flight: u64,
    shared: Arc<Shared>,
}

impl Limit {
    /// `None` where that was not enough, and then the fetch counts as hung.
    pub(crate) async fn hold<F: Future>(self, waiting: F) -> Option<F::Output> {
        let done = timeout(self.shared.config.policy.max_wait, waiting).await.ok();
        if done.is_none() {
            self.shared.lock().life.hang(self.flight);
        }
        done
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.lock().life.stop_waiting();
    }
}

/// A number in 0..1 for jitter: the standard library's hasher keys are random enough for that.
fn roll() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet").field("issuer", &self.shared.config.issuer).finish_non_exhaustive()
    }
}

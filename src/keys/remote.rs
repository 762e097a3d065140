//! Drives the key life: one detached fetch at a time, lock-free reads of the set, waiters that cannot wedge it.

use super::{
    KeySet, discovery,
    fetch::{Fetch, FetchError, FetchRequest, MAX_BYTES},
    life::{Answer, Freshness, KeyPolicy, Life, Loaded, Need, Verdict},
};
use crate::{
    clock::{Clock, Now},
    observe,
};
use arc_swap::{ArcSwapOption, Guard};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
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

/// Where and how to fetch.
pub(crate) struct RemoteConfig {
    pub(crate) issuer: Arc<str>,
    pub(crate) place: Place,
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) policy: KeyPolicy,
    /// Whether an address may be plain `http` off loopback.
    pub(crate) allow_http: bool,
}

pub(crate) enum Place {
    /// Metadata at the first of these that has some.
    Discover(Vec<String>),
    /// The key set itself.
    Jwks(String),
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
    /// Counts ended fetches, whatever their result.
    ended: watch::Sender<u64>,
}

struct Engine {
    life: Life,
    task: Option<AbortHandle>,
    located: Option<Located>,
    etag: Option<String>,
    last_error: Option<FetchError>,
}

/// A key set's address out of the metadata.
#[derive(Clone)]
struct Located {
    url: String,
    at: Duration,
}

/// What one fetch needs to know of the last one.
struct Plan {
    located: Option<Located>,
    etag: Option<String>,
}

/// What one fetch brought.
struct Outcome {
    /// `None` for "not modified".
    keys: Option<KeySet>,
    located: Option<Located>,
    etag: Option<String>,
    max_age: Option<Duration>,
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
        let answer = engine.life.ask(need, now);
        // Made before anything below may return, so that a counted waiter is always taken off again.
        let ticket = (answer.verdict == Verdict::Wait).then(|| self.ticket());
        if answer.fetch && !self.start(&mut engine, now) {
            drop(engine);
            return Asked::RuntimeMissing;
        }
        drop(engine);
        match (answer.verdict, ticket, self.shared.snapshot.load_full()) {
            (_, Some(ticket), _) => Asked::Wait(ticket),
            (Verdict::Judge, _, Some(snapshot)) => Asked::Judge(snapshot),
            (Verdict::Unavailable(after), _, _) => Asked::Unavailable(after),
            _ => Asked::Unavailable(Duration::ZERO),
        }
    }

    /// Fetches now, unless a fetch is under way; the future waits for its end.
    pub(crate) fn warm(&self) -> impl Future<Output = ()> + use<> {
        let mut engine = self.shared.lock();
        let now = Now::of(&*self.shared.clock);
        let mut ended = self.shared.ended.subscribe();
        let under_way = !engine.life.begin(now) || self.start(&mut engine, now);
        drop(engine);
        async move {
            if under_way {
                // An error means that the set is gone, and then nobody asks for it any more.
                let _ = ended.changed().await;
            }
        }
    }

    /// What there is to see from outside.
    pub(crate) fn look(&self) -> (Freshness, Option<Duration>, Option<Arc<KeySet>>, Option<FetchError>) {
        let now = Now::of(&*self.shared.clock);
        let engine = self.shared.lock();
        let age = engine.life.loaded().map(|loaded| loaded.age(now));
        let keys = self.shared.snapshot.load().as_ref().map(|snapshot| Arc::clone(&snapshot.keys));
        (engine.life.freshness(now), age, keys, engine.last_error.clone())
    }

    fn refresh_ahead(&self, now: Now) {
        // Whoever holds the lock is about to see to it.
        let Ok(mut engine) = self.shared.engine.try_lock() else { return };
        let Answer { fetch, verdict } = engine.life.ask(Need::Set, now);
        if verdict == Verdict::Wait {
            engine.life.stop_waiting();
        }
        if fetch {
            self.start(&mut engine, now);
        }
    }

    fn ticket(&self) -> Ticket {
        Ticket { ended: self.shared.ended.subscribe(), shared: Arc::clone(&self.shared) }
    }

    /// Spawns the fetch that the machine has counted as begun; false where there is no runtime to spawn on.
    fn start(&self, engine: &mut Engine, now: Now) -> bool {
        let Ok(runtime) = Handle::try_current() else {
            engine.life.failed(now, roll());
            engine.last_error = Some(FetchError::Transport("no tokio runtime".into()));
            return false;
        };
        let config = Arc::clone(&self.shared.config);
        let relocate = |located: &Located| now.monotonic.saturating_sub(located.at) < RELOCATE_AFTER;
        let located = engine.located.clone().filter(relocate);
        let plan = Plan { etag: engine.etag.clone().filter(|_| located.is_some()), located };
        let report = Report { shared: Arc::downgrade(&self.shared), sent: false };
        let task = runtime.spawn(async move {
            let limit = config.policy.fetch_timeout;
            let outcome = timeout(limit, fetch_keys(&config, plan, now.monotonic)).await;
            report.send(outcome.unwrap_or(Err(FetchError::TimedOut)));
        });
        engine.task = Some(task.abort_handle());
        true
    }
}

impl Shared {
    /// No code that can panic runs under the lock; a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, outcome: Result<Outcome, FetchError>) {
        let now = Now::of(&*self.clock);
        let mut engine = self.lock();
        match outcome {
            Ok(outcome) => self.accept(&mut engine, outcome, now),
            Err(error) => {
                let again = engine.last_error.as_ref() == Some(&error) && engine.life.is_failing();
                engine.life.failed(now, roll());
                observe::refresh_failed(&self.config.issuer, &error, again);
                engine.last_error = Some(error);
                // The next attempt asks the metadata again: the address may have moved.
                engine.located = None;
            }
        }
        drop(engine);
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn accept(&self, engine: &mut Engine, outcome: Outcome, now: Now) {
        let before = self.snapshot.load_full();
        let same = before.as_ref().map(|snapshot| Arc::clone(&snapshot.keys));
        let Some(keys) = outcome.keys.map(Arc::new).or(same) else {
            // "Not modified" without a set to modify.
            engine.life.failed(now, roll());
            return;
        };
        let recovered = engine.life.is_failing();
        let loaded = engine.life.fetched(now, outcome.max_age, roll());
        observe::refreshed(
            &self.config.issuer,
            &observe::Refresh {
                keys: keys.len(),
                skipped: keys.skipped().count(),
                first: before.is_none(),
                rotated: before.is_some_and(|before| !before.keys.key_ids().eq(keys.key_ids())),
                recovered,
            },
        );
        self.snapshot.store(Some(Arc::new(Snapshot { keys, loaded })));
        engine.located = outcome.located;
        engine.etag = outcome.etag;
        engine.last_error = None;
    }
}

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
    shared: Weak<Shared>,
    sent: bool,
}

impl Report {
    fn send(mut self, outcome: Result<Outcome, FetchError>) {
        self.sent = true;
        if let Some(shared) = self.shared.upgrade() {
            shared.end(outcome);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.sent {
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.end(Err(FetchError::Transport("the fetch ended without a result".into())));
        }
    }
}

/// A place among those who wait for the fetch under way.
pub(crate) struct Ticket {
    ended: watch::Receiver<u64>,
    shared: Arc<Shared>,
}

impl Ticket {
    /// Waits for the end of the fetch, however it ends.
    pub(crate) async fn ended(mut self) {
        // An error means that the set is gone; the ticket keeps it, so there is none.
        let _ = self.ended.changed().await;
    }

    pub(crate) fn limit(&self) -> Limit {
        Limit { shared: Arc::clone(&self.shared) }
    }
}

/// How long a request may wait in all.
pub(crate) struct Limit {
    shared: Arc<Shared>,
}

impl Limit {
    /// `None` where that was not enough, and then the fetch counts as hung.
    pub(crate) async fn hold<F: Future>(self, waiting: F) -> Option<F::Output> {
        let done = timeout(self.shared.config.policy.max_wait, waiting).await.ok();
        if done.is_none() {
            self.shared.lock().life.hang();
        }
        done
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.lock().life.stop_waiting();
    }
}

async fn fetch_keys(config: &RemoteConfig, plan: Plan, now: Duration) -> Result<Outcome, FetchError> {
    let (url, located) = match (&config.place, plan.located) {
        (Place::Jwks(url), _) => (url.clone(), Some(Located { url: url.clone(), at: now })),
        (Place::Discover(_), Some(located)) => (located.url.clone(), Some(located)),
        (Place::Discover(urls), None) => {
            let url = discovery::locate(&*config.fetch, &config.issuer, urls).await?;
            (url.clone(), Some(Located { url, at: now }))
        }
    };
    if !super::is_safe_url(&url, config.allow_http) {
        return Err(FetchError::Unusable("jwks_uri is neither https nor loopback".into()));
    }
    let request = FetchRequest::new(&url, plan.etag);
    let fetched = config.fetch.fetch(&request).await?;
    let keys = match fetched.body {
        Some(body) => Some(read_keys(&body)?),
        None if request.etag.is_some() => None,
        None => return Err(FetchError::Unusable("no document".into())),
    };
    Ok(Outcome { keys, located, etag: fetched.etag.or(request.etag), max_age: fetched.max_age })
}

fn read_keys(body: &[u8]) -> Result<KeySet, FetchError> {
    if body.len() > MAX_BYTES {
        return Err(FetchError::TooLarge);
    }
    let keys = KeySet::from_json(body).map_err(|error| FetchError::Unusable(error.to_string()))?;
    // A good set must never be replaced by nothing: the issuer's mistake would lock everyone out.
    if keys.is_empty() { Err(FetchError::Unusable("no usable key in the set".into())) } else { Ok(keys) }
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

use crate::clock::{Clock, SystemClock};
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

/// A clock that a test turns. Clones turn together.
#[derive(Debug, Clone)]
pub struct TestClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// A frozen clock stands at `wall` and `monotonic`; a live one adds them to the system's.
    live: bool,
    wall: Duration,
    monotonic: Duration,
    /// How far the wall clock was set back.
    back: Duration,
    /// Who waits for a moment of this clock.
    waiting: Vec<Waker>,
}

impl TestClock {
    /// Stands still at 2026-01-01T00:00:00Z until it is turned.
    pub fn frozen() -> Self {
        Self::with(false, Duration::from_secs(1_767_225_600))
    }

    /// Runs with the system's clock, and can be turned besides.
    pub fn live() -> Self {
        Self::with(true, Duration::ZERO)
    }

    fn with(live: bool, wall: Duration) -> Self {
        let state =
            State { live, wall, monotonic: Duration::ZERO, back: Duration::ZERO, waiting: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        self.change(|state| {
            state.wall += by;
            state.monotonic += by;
        });
    }

    /// The machine was suspended: the wall clock has gone on, the monotonic one has not.
    pub fn suspend(&self, by: Duration) {
        self.change(|state| state.wall += by);
    }

    /// Somebody sets the wall clock back.
    pub fn set_back(&self, by: Duration) {
        self.change(|state| state.back += by);
    }

    pub(super) fn is_frozen(&self) -> bool {
        !self.lock().live
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waiting = mem::take(&mut state.waiting);
        // Without the lock: who is woken may ask at once.
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, system: fn(&SystemClock) -> Duration, own: fn(&State) -> Duration) -> Duration {
        let state = self.lock();
        let base = if state.live { system(&SystemClock) } else { Duration::ZERO };
        base + own(&state)
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Duration {
        let back = self.lock().back;
        self.read(SystemClock::wall, |state| state.wall).saturating_sub(back)
    }

    fn monotonic(&self) -> Duration {
        self.read(SystemClock::monotonic, |state| state.monotonic)
    }

    fn wake_when_turned(&self, waker: &Waker) {
        let waiting = &mut self.lock().waiting;
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

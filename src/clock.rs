//! Time: the only place that reads it.
//!
//! Two readings are needed. Tokens are held against the wall clock, because issuers write wall time into them. The
//! life of keys runs on the monotonic clock, because a wall clock can be set back; where a machine was suspended the
//! monotonic clock may have stood still, so the age of keys is the larger of the two.

use std::{
    fmt,
    sync::OnceLock,
    task::Waker,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Both readings of the time.
///
/// A test hands over a clock that it turns; [`SystemClock`] is the default.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The wall clock, as time since the Unix epoch.
    fn wall(&self) -> Duration;
    /// A clock that never goes back, as time since a moment of its own choice.
    fn monotonic(&self) -> Duration;
    /// Wakes this once, when somebody turns the clock by hand: for clocks of tests, so that what waits for a moment need
    /// not wait for real. Default: nothing happens, and whoever waits asks again after a while.
    fn wake_when_turned(&self, _waker: &Waker) {}
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        // A clock before 1970 counts as 1970: tokens are then "not valid yet", which is the safe side.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }
}

/// One reading of both clocks, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) wall: Duration,
    pub(crate) monotonic: Duration,
}

impl Now {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self { wall: clock.wall(), monotonic: clock.monotonic() }
    }
}

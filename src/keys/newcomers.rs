//! Issuers that nobody has proven yet: one bound for the fetches of all of them, and one for what is told of their failures.

use super::driver::Gate;
use crate::clock::Clock;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The least time between two failures that are told aloud.
const PAUSE: Duration = Duration::from_secs(60);

pub(crate) struct Newcomers {
    pub(super) gate: Arc<Gate>,
    pub(super) failures: Aloud,
}

impl Newcomers {
    pub(crate) fn new(gate: Gate, clock: Arc<dyn Clock>) -> Self {
        Self { gate: Arc::new(gate), failures: Aloud::new(clock) }
    }
}

/// What is told aloud once a minute at most: callers choose the names that are asked for, and must not choose how much is
/// logged.
pub(crate) struct Aloud {
    clock: Arc<dyn Clock>,
    /// Monotonic.
    told_at: Mutex<Option<Duration>>,
}

impl Aloud {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, told_at: Mutex::default() }
    }

    /// Whether one was told less than a minute ago. If not, this one is.
    pub(crate) fn is_again(&self) -> bool {
        let now = self.clock.monotonic();
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let again = told_at.is_some_and(|then| now.saturating_sub(then) < PAUSE);
        if !again {
            *told_at = Some(now);
        }
        again
    }
}

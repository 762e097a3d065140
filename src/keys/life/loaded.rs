use crate::clock::Now;
use std::time::Duration;

/// The last set that was fetched and found good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    /// When the fetch was begun: the age counts from here.
    pub(crate) at: Now,
    /// When it was answered: the cool-down counts from here.
    pub(super) answered: Now,
    pub(crate) ttl: Duration,
    pub(super) refresh_after: Duration,
    /// How old it was when it came: nothing, unless an earlier process had fetched it.
    pub(super) head_start: Duration,
}

impl Loaded {
    /// The larger of both ages: a wall clock may be set back, a monotonic one may stand still in a suspended machine.
    pub(crate) fn age(&self, now: Now) -> Duration {
        since(self.at, now).saturating_add(self.head_start)
    }

    pub(crate) fn is_fresh(&self, now: Now) -> bool {
        self.age(now) < self.ttl
    }

    /// When background refreshes begin.
    pub(crate) fn wants_refresh(&self, now: Now) -> bool {
        self.age(now) >= self.refresh_after
    }
}

pub(super) fn since(then: Now, now: Now) -> Duration {
    let monotonic = now.monotonic.saturating_sub(then.monotonic);
    monotonic.max(now.wall.saturating_sub(then.wall))
}

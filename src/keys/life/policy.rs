use std::time::Duration;

/// How often keys are fetched, and how long they are believed. Every default has its reason in `docs/defaults.md`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyPolicy {
    /// Set by the operator; then `Cache-Control` does not move it.
    pub(crate) ttl: Option<Duration>,
    /// How far it may move it.
    pub(crate) ttl_bounds: (Duration, Duration),
    /// When background refreshes begin, as a part of the time to live; moved by ±10 %.
    pub(crate) refresh_at: f64,
    /// How long past its time to live a set may still judge while the issuer fails.
    pub(crate) max_stale: Duration,
    /// Least time between an answered fetch and the next one that an unknown `kid` may cause.
    pub(crate) cooldown: Duration,
    /// The first pause after a failure, and the longest; each doubles the one before.
    pub(crate) back_off: (Duration, Duration),
    /// A whole fetch, trickling bytes included.
    pub(crate) fetch_timeout: Duration,
    /// How long a request may wait for a fetch, and when a fetch counts as hung.
    pub(crate) max_wait: Duration,
    /// How many requests of one issuer may wait at once.
    pub(crate) max_waiting: usize,
}

pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(10 * 60);
pub(crate) const TTL_BOUNDS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// A failed attempt excuses a stale set for this long: twice the longest back-off by default, so that a busy service never
/// waits for a retry, and an idle one that wakes up tries again before it judges. A longer back-off lengthens it not: whoever
/// asks past it begins the next attempt, whatever the back-off.
pub(super) const EXCUSE: Duration = Duration::from_secs(120);

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            ttl: None,
            ttl_bounds: TTL_BOUNDS,
            refresh_at: 0.8,
            max_stale: Duration::from_secs(3600),
            cooldown: Duration::from_secs(5),
            back_off: (Duration::from_secs(1), Duration::from_secs(60)),
            fetch_timeout: Duration::from_secs(5),
            max_wait: Duration::from_secs(2),
            max_waiting: 256,
        }
    }
}

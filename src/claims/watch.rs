use crate::{
    clock::{Clock, SystemClock},
    json::Item,
};
use std::{sync::Arc, time::Duration};

/// What the verifier tells the time by. A caller carries it, and not a time: he may be remembered for as long as his
/// token lives, and ask again hours into a connection.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    clock: Arc<dyn Clock>,
    leeway: Duration,
}

impl Watch {
    pub(crate) fn new(clock: Arc<dyn Clock>, leeway: Duration) -> Self {
        Self { clock, leeway }
    }

    /// How long a token with this `exp` is still accepted, the leeway added as the verifier does; nothing once it is not.
    pub(super) fn left_until(&self, expires_at: Duration) -> Duration {
        expires_at.saturating_add(self.leeway).saturating_sub(self.clock.wall())
    }

    #[cfg(feature = "remote")]
    pub(super) fn wake_when_turned(&self, waker: &std::task::Waker) {
        self.clock.wake_when_turned(waker);
    }

    /// Whether that moment is at most so many seconds ago, the leeway added as for `exp`. `None` where it is yet to come.
    pub(super) fn is_within(&self, moment: f64, seconds: u32) -> Option<bool> {
        let (now, leeway) = (self.clock.wall().as_secs_f64(), self.leeway.as_secs_f64());
        (moment <= now + leeway).then_some(now <= moment + f64::from(seconds) + leeway)
    }
}

/// For callers that no verifier has made.
impl Default for Watch {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock), Duration::from_secs(60))
    }
}

/// ±2⁵³: beyond it a JSON number is no exact second any more.
const MAX_NUMERIC_DATE: u64 = 1 << 53;

/// A NumericDate (RFC 7519 section 2): a number, fractions allowed, never a string.
pub(crate) fn numeric_date(value: Item<'_>) -> Option<f64> {
    let bounded = match (value.as_i64(), value.as_f64()) {
        // Whole numbers are compared whole: as a float, 2⁵³ + 1 is 2⁵³.
        (Some(whole), _) => whole.unsigned_abs() <= MAX_NUMERIC_DATE,
        (None, Some(fraction)) => fraction.abs() <= MAX_NUMERIC_DATE as f64,
        (None, None) => false,
    };
    value.as_f64().filter(|_| bounded)
}

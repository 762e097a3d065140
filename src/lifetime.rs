//! What outlives its request ends with its token: WebSockets, event streams, long jobs.
//!
//! A request's token is judged once, when the request comes. A connection that stays open must look again, or it lasts
//! for as long as its peer likes.
//!
//! 1. [`Principal::expired`] is a future that is ready from the moment at which the verifier would refuse the token: `exp`
//!    and the leeway have passed (RFC 7519 section 4.1.4). Without tokio there are
//!    [`is_expired`](Principal::is_expired) and [`expires_at`](Principal::expires_at).
//! 2. It is the verifier's clock that is asked, and it is asked again at least every 30 s: where the machine slept, or its
//!    clock was set, the end comes at most that much late. A clock that was set back gives the token the time that the
//!    verifier would give it, too.
//! 3. It ends nothing by itself: the application selects on it. A new token on an old connection is the application's to
//!    define; what is simple and always right is to end the connection, and let the client come back with the new one.
//! 4. Time is all that it knows. That a key was withdrawn, an issuer removed, or a policy changed is found by the next
//!    request, not by an open connection. Short-lived tokens bound all of that.
//!
//! # Event streams
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::response::sse::{Event, Sse};
//! use futures_util::{Stream, StreamExt};
//! use std::convert::Infallible;
//! use tower_bearer::Claims;
//!
//! # fn ticks() -> impl Stream<Item = Result<Event, Infallible>> { futures_util::stream::empty() }
//! async fn events(claims: Claims) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
//!     Sse::new(ticks().take_until(claims.principal().expired()))
//! }
//! # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(events));
//! # }
//! ```
//!
//! # WebSockets
//!
//! The whole conversation stands on one side of the `select!`, so that it ends whatever it waits for, a peer that reads
//! nothing included:
//!
//! ```
//! use tower_bearer::Claims;
//!
//! # async fn talk() {}
//! # async fn close() {}
//! async fn serve(claims: Claims) {
//!     tokio::select! {
//!         biased;
//!         () = claims.principal().expired() => close().await,
//!         () = talk() => {}
//!     }
//! }
//! # let _ = serve;
//! ```
//!
//! The repository's example `long_lived` has both. A test turns a `TestClock`, which wakes whoever waits.

use crate::claims::Principal;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// The clock is asked again after this at the latest: a timer does not run while the machine sleeps, and does not see
/// that a clock is set.
const LONGEST: Duration = Duration::from_secs(30);

/// And after this at the soonest: a clock that lags behind the timer by a little is not asked in a circle.
const SHORTEST: Duration = Duration::from_millis(10);

impl Principal {
    /// Waits until the verifier would refuse the token; at once where it would already. `exp` with the leeway added
    /// ([`VerifierBuilder::leeway`](crate::verify::VerifierBuilder::leeway), 60 s by default), by the verifier's clock.
    ///
    /// The future borrows nothing, is cheap to drop and to make again, and needs no pinning. See [`lifetime`](crate::lifetime).
    pub fn expired(&self) -> Expired {
        Expired { principal: self.clone(), wait: None }
    }
}

/// Ready when a token has ended. Made by [`Principal::expired`].
///
/// # Panics
///
/// When it is polled outside of a tokio runtime with its timer enabled, as tokio's own timers do.
#[must_use = "futures do nothing unless they are polled"]
pub struct Expired {
    principal: Principal,
    wait: Option<Wait>,
}

/// One look at the clock to the next.
struct Wait {
    timer: Pin<Box<Sleep>>,
    /// How long the token has yet when the timer has run. With less than that, the clock was turned under it.
    left_after: Duration,
}

impl Future for Expired {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Before the clock is read, so that no turn goes unseen between the two.
        self.principal.wake_when_turned(context.waker());
        loop {
            let left = self.principal.time_left();
            if left.is_zero() {
                return Poll::Ready(());
            }
            let wait = self.wait.take().filter(|wait| left > wait.left_after);
            let wait = self.wait.insert(wait.unwrap_or_else(|| Wait::with(left)));
            if wait.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.wait = None;
        }
    }
}

impl Wait {
    fn with(left: Duration) -> Self {
        let length = left.clamp(SHORTEST, LONGEST);
        Self { timer: Box::pin(sleep(length)), left_after: left.saturating_sub(length) }
    }
}

/// Shows no claim's value.
impl fmt::Debug for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expired").field("principal", &self.principal).finish_non_exhaustive()
    }
}

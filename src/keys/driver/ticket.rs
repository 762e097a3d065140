//! Those who wait for a fetch: bounded in number and in time.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{sync::watch, time::Sleep};

/// What those who wait look at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// The number of the last fetch that ended, whatever its result.
    pub(super) ended: u64,
    /// What was kept is there: it may be good enough without the fetch.
    pub(super) recalled: bool,
}

/// What a ticket needs of the driver, whatever it drives.
pub(super) trait Waited: Send + Sync {
    fn max_wait(&self) -> Duration;
    fn hang(&self, flight: u64);
    fn stop_waiting(&self);
}

/// A place among those who wait for the fetch under way.
pub(crate) struct Ticket {
    flight: u64,
    saw_recalled: bool,
    progress: watch::Receiver<Progress>,
    waited: Arc<dyn Waited>,
}

impl Ticket {
    pub(super) fn new(flight: u64, progress: watch::Receiver<Progress>, waited: Arc<dyn Waited>) -> Self {
        let saw_recalled = progress.borrow().recalled;
        Self { flight, saw_recalled, progress, waited }
    }

    /// How long its holder may wait in all, for this fetch and for those that follow from it.
    pub(crate) fn limit(&self) -> Limit {
        let sleep = Box::pin(tokio::time::sleep(self.waited.max_wait()));
        Limit { sleep, first: (self.flight, Arc::clone(&self.waited)) }
    }

    /// Waits for the end of the fetch, however it ends, or for what was kept to be found.
    async fn ended(mut self) {
        let (flight, saw_recalled) = (self.flight, self.saw_recalled);
        let is_over = |progress: &Progress| progress.ended >= flight || progress.recalled && !saw_recalled;
        // An error means that the driver is gone; the ticket keeps it, so there is none.
        let _ = self.progress.wait_for(is_over).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.waited.stop_waiting();
    }
}

/// What is left of a request's patience.
pub(crate) struct Limit {
    sleep: Pin<Box<Sleep>>,
    /// The fetch that may have had all of it.
    first: (u64, Arc<dyn Waited>),
}

impl Limit {
    /// False where that was not enough. A fetch that had all of it counts as hung; one that was begun when most of it was
    /// spent on another may be healthy.
    pub(crate) async fn hold(&mut self, ticket: Ticket) -> bool {
        let (flight, waited) = (ticket.flight, Arc::clone(&ticket.waited));
        let had_all = flight == self.first.0 && Arc::ptr_eq(&waited, &self.first.1);
        let mut ended = pin!(ticket.ended());
        let in_time = poll_fn(|cx| match ended.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => self.sleep.as_mut().poll(cx).map(|()| false),
        });
        let in_time = in_time.await;
        if !in_time && had_all {
            waited.hang(flight);
        }
        in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    struct Nobody;

    impl Waited for Nobody {
        fn max_wait(&self) -> Duration {
            Duration::ZERO
        }

        fn hang(&self, _: u64) {}

        fn stop_waiting(&self) {}
    }

    #[test]
    fn whoever_waits_comes_back_when_a_kept_set_is_found_and_later_ones_when_the_fetch_ends() {
        let progress = watch::Sender::new(Progress::default());
        let ticket = || Ticket::new(1, progress.subscribe(), Arc::new(Nobody));
        let mut cx = Context::from_waker(Waker::noop());
        let mut early = pin!(ticket().ended());
        assert!(early.as_mut().poll(&mut cx).is_pending());
        progress.send_modify(|progress| progress.recalled = true);
        assert!(early.as_mut().poll(&mut cx).is_ready());
        let mut late = pin!(ticket().ended());
        assert!(late.as_mut().poll(&mut cx).is_pending());
        progress.send_modify(|progress| progress.ended = 1);
        assert!(late.as_mut().poll(&mut cx).is_ready());
    }
}

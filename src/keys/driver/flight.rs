//! One fetch, detached from the requests that asked for it.

use super::{Brought, Good, Order, Recall, Source, engine::Shared, gate::Pass};
use crate::keys::fetch::FetchError;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time::timeout;

/// How long what was kept may take to be found: the fetch waits for it.
const RECALL_LIMIT: Duration = Duration::from_secs(1);

/// A fetch that the machine has counted as begun.
pub(super) struct Plan<S: Source> {
    pub(super) flight: u64,
    /// Asks first for what an earlier process left.
    pub(super) recalls: bool,
    pub(super) order: Order<S>,
    /// Held until the fetch ends.
    pub(super) pass: Option<Pass>,
}

/// One fetch from its first word to its last.
pub(super) async fn fly<S: Source>(source: Arc<S>, plan: Plan<S>, report: Report<S>) {
    if plan.recalls {
        let kept = timeout(RECALL_LIMIT, source.recall()).await;
        report.recalled(kept.unwrap_or(Recall::Unknown));
    }
    let limit = source.policy().fetch_timeout;
    let fetched_at = plan.order.at.wall;
    let outcome = timeout(limit, source.load(plan.order)).await.unwrap_or(Err(FetchError::TimedOut));
    let kept = outcome.as_ref().ok().map(|brought| Good {
        memo: brought.memo.clone(),
        fetched_at,
        max_age: brought.max_age,
    });
    drop(plan.pass);
    // Nobody waits for what is kept for another day.
    if let (true, Some(kept)) = (report.send(outcome), kept) {
        source.keep(kept).await;
    }
}

/// Carries the result back. A fetch that panics or is dropped with its runtime counts as failed, or the machine would
/// believe it under way for ever.
pub(super) struct Report<S: Source> {
    flight: u64,
    shared: Weak<Shared<S>>,
    sent: bool,
}

impl<S: Source> Report<S> {
    pub(super) fn new(flight: u64, shared: &Arc<Shared<S>>) -> Self {
        Self { flight, shared: Arc::downgrade(shared), sent: false }
    }

    fn recalled(&self, kept: Recall<S>) {
        if let Some(shared) = self.shared.upgrade() {
            shared.recalled(kept);
        }
    }

    fn send(mut self, outcome: Result<Brought<S>, FetchError>) -> bool {
        self.sent = true;
        self.shared.upgrade().is_some_and(|shared| shared.end(self.flight, outcome))
    }
}

impl<S: Source> Drop for Report<S> {
    fn drop(&mut self) {
        if self.sent {
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.end(self.flight, Err(FetchError::Transport("the fetch ended without a result".into())));
        }
    }
}

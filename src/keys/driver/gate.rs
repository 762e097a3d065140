//! One bound for the fetches of many sources.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Lets that many through at once.
pub(crate) struct Gate {
    most: usize,
    inside: AtomicUsize,
}

/// One that is inside, however it comes out.
pub(super) struct Pass {
    gate: Arc<Gate>,
}

impl Gate {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, inside: AtomicUsize::new(0) }
    }

    pub(super) fn enter(self: &Arc<Self>) -> Option<Pass> {
        let one_more = |inside: usize| (inside < self.most).then_some(inside + 1);
        let entered = self.inside.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Pass { gate: Arc::clone(self) })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

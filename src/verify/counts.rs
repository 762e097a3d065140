//! How often the memory was asked, counted without making requests wait for each other.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// As many lanes as keep the threads of a common machine apart; more threads share them.
const LANES: usize = 16;

/// Hits and misses. Each thread counts in its lane: one number for all of them would be a cache line that every request
/// on every processor writes to.
#[derive(Default)]
pub(super) struct Counts {
    lanes: [Lane; LANES],
}

/// Two cache lines wide, because processors fetch lines in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Lane {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, hit: bool) {
        if let Some(lane) = self.lanes.get(lane_of_this_thread()) {
            let counter = if hit { &lane.hits } else { &lane.misses };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hits, and lookups in all.
    pub(super) fn sum(&self) -> (u64, u64) {
        let sum = |of: fn(&Lane) -> &AtomicU64| {
            self.lanes.iter().map(|lane| of(lane).load(Ordering::Relaxed)).sum::<u64>()
        };
        let hits = sum(|lane| &lane.hits);
        (hits, hits + sum(|lane| &lane.misses))
    }
}

fn lane_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    LANE.with(|lane| {
        if lane.get() == usize::MAX {
            lane.set(NEXT.fetch_add(1, Ordering::Relaxed) % LANES);
        }
        lane.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn nothing_is_lost_between_more_threads_than_lanes() {
        let counts = Counts::default();
        thread::scope(|scope| {
            for number in 0..LANES * 2 {
                let counts = &counts;
                scope.spawn(move || (0..100).for_each(|_| counts.count(number % 2 == 0)));
            }
        });
        let each = LANES as u64 * 100;
        assert_eq!(counts.sum(), (each, each * 2));
    }
}

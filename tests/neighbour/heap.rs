//! The most that the live heap is while something goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

#[path = "../heap/mod.rs"]
mod counted;

pub(crate) use counted::live;

/// Looks at the heap many times a second, and remembers the most.
pub(crate) struct Watch {
    most: Arc<AtomicI64>,
    ends: Arc<AtomicBool>,
    looking: JoinHandle<()>,
    begun: i64,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        let begun = live();
        let (most, ends) = (Arc::new(AtomicI64::new(begun)), Arc::new(AtomicBool::new(false)));
        let (seen, end) = (Arc::clone(&most), Arc::clone(&ends));
        let looking = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                seen.fetch_max(live(), Ordering::Relaxed);
                thread::sleep(Duration::from_micros(500));
            }
        });
        Self { most, ends, looking, begun }
    }

    /// The most, beyond what there was at the beginning.
    pub(crate) fn end(self) -> i64 {
        self.ends.store(true, Ordering::Relaxed);
        self.looking.join().unwrap();
        self.most.load(Ordering::Relaxed) - self.begun
    }
}

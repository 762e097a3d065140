//! Counts allocations: `count [BENCH|all]`. A program of its own, because the counting allocator costs time.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, collections::BTreeMap};
use tower_bearer_benches::{Asked, figures, ours};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// After so many, everything that is made once has been made.
const WARM_UP: u64 = 20;
const COUNTED: u64 = 200;

fn main() {
    let asked = Asked::of(std::env::args().skip(1));
    ours::enter_runtime();
    for (bench, tables) in asked.benches {
        let mut counts = BTreeMap::new();
        for table in tables() {
            for case in &mut table().cases {
                case.repeat(WARM_UP);
                let region = Region::new(HEAP);
                case.repeat(COUNTED);
                let change = region.change();
                let made = change.allocations + change.reallocations;
                counts.insert(case.id(), made as f64 / COUNTED as f64);
            }
        }
        println!("counted {} cases of {bench}", counts.len());
        figures::write_allocations(bench, &counts);
    }
}

//! Repeats each of the gate's cases for callgrind, and says which: `.ci/counts` reads both.
//!
//! Only what happens inside of `measured` is to be counted (`--toggle-collect`), with one dump for each call of it
//! (`--dump-after`): making keys and tokens is in none of them, and one start of the program serves all cases.

use std::hint::black_box;
use tower_bearer_benches::{counts, harness::Case};

/// After so many, everything that is made once has been made.
const WARM_UP: u64 = 20;
/// Where tokens take turns, each has its turn.
const COUNTED: u64 = 100;

fn main() {
    let mut cases = counts::table().cases;
    for case in &mut cases {
        let times = COUNTED.max(case.tokens);
        case.repeat(WARM_UP);
        measured(case, times);
        println!("{}\t{}\t{times}", case.id(), case.floor_id().unwrap_or_default());
    }
}

#[inline(never)]
fn measured(case: &mut Case, times: u64) {
    case.repeat(times);
    // Something to do after it, or this would be a jump that is never returned from.
    black_box(case);
}

//! Repeats one case, for a profiler to look at: `spin BENCH CASE ALG TOKENS TIMES`.
//!
//! `perf record -g spin verify remembered RS256 1 3000000`, or `valgrind --tool=callgrind` with fewer.

use tower_bearer_benches::{Asked, ours};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bench, name, alg, tokens, times] = arguments.as_slice() else {
        panic!("spin BENCH CASE ALG TOKENS TIMES")
    };
    let (tokens, times): (u64, u64) = (tokens.parse().expect("a number"), times.parse().expect("a number"));
    ours::enter_runtime();
    for (_, tables) in Asked::of([bench.clone()].into_iter()).benches {
        for table in tables() {
            let mut table = table();
            let wanted = |case: &&mut tower_bearer_benches::harness::Case| {
                case.name == *name && case.alg == alg && case.tokens == tokens
            };
            if let Some(case) = table.cases.iter_mut().find(wanted) {
                case.repeat(times);
                return;
            }
        }
    }
    panic!("there is no such case");
}

//! Takes the time: `time [BENCH|all] [--rounds N]`.

use tower_bearer_benches::{Asked, figures, harness, ours, report};

fn main() {
    let asked = Asked::of(std::env::args().skip(1));
    ours::enter_runtime();
    for (bench, tables) in asked.benches {
        let allocations = figures::allocations(bench);
        figures::begin(bench);
        println!("== {bench}, {} rounds; load {}", asked.rounds, report::load());
        for table in tables() {
            let (table, samples) = harness::measure(&*table, asked.rounds);
            let rows = figures::rows(&table, &samples, &allocations);
            figures::write(bench, &table, &rows, asked.rounds);
            report::print(&table, &rows);
        }
        println!("\nload {}", report::load());
    }
}

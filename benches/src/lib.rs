//! What a verified token costs: alone, in a router, beside other crates, and as things grow.
//!
//! Two programs run the same tables. `count` counts allocations, under an allocator that would slow the clock down;
//! `time` takes the time, and writes both down.

pub mod counts;
pub mod figures;
pub mod growth;
pub mod hand_over;
pub mod harness;
pub mod http;
pub mod keys;
pub mod ours;
pub mod report;
pub mod rivals;
pub mod router;
pub mod soak;
pub mod socket;
pub mod threads;
pub mod tokens;
pub mod verify;
pub mod wait;

use harness::Table;

/// Makes a table when its turn has come: pools of tokens take seconds to sign.
pub type Make = Box<dyn Fn() -> Table>;

/// A bench's name, and its tables.
pub type Bench = (&'static str, fn() -> Vec<Make>);

pub const BENCHES: &[Bench] =
    &[("verify", verify::tables), ("router", router::tables), ("growth", growth::tables)];

/// What the gate counts; no part of `all`, because nobody takes its time.
pub const COUNTED: Bench = ("counts", counts::tables);

/// What was asked for: the names of benches, and how many rounds.
pub struct Asked {
    pub benches: Vec<Bench>,
    pub rounds: usize,
}

impl Asked {
    /// Reads the command line: a bench's name or `all`, then `--rounds N`.
    pub fn of(arguments: impl Iterator<Item = String>) -> Self {
        let arguments: Vec<String> = arguments.collect();
        let name = arguments.first().map(String::as_str).unwrap_or("all");
        let asked = |(known, _): &Bench| *known == name || (name == "all" && *known != COUNTED.0);
        let benches: Vec<_> = BENCHES.iter().copied().chain([COUNTED]).filter(asked).collect();
        assert!(!benches.is_empty(), "there is no bench {name:?}");
        let rounds = arguments.iter().skip_while(|argument| *argument != "--rounds").nth(1);
        let rounds = rounds.map(|rounds| rounds.parse().expect("--rounds wants a number")).unwrap_or(101);
        Self { benches, rounds }
    }
}

//! What is read: a table for each group of cases.

use crate::{
    figures::Row,
    harness::{Floor, Table},
};

/// Prints it. Times are in microseconds, and `×` is the ratio to what the last line names.
pub fn print(table: &Table, rows: &[Row]) {
    println!("\n{}", table.title);
    println!(
        "{:<42} {:>7} {:>9} {:>9} {:>9} {:>9} {:>7} {:>8} {:>8} {:>8}",
        "case", "tokens", "median µs", "p10", "p90", "added µs", "allocs", "×", "× p10", "× p90"
    );
    for row in rows {
        let micro = |ns: f64| format!("{:.3}", ns / 1000.0);
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        println!(
            "{:<42} {:>7} {:>9} {:>9} {:>9} {:>9} {:>7} {:>8} {:>8} {:>8}",
            row.case,
            row.tokens,
            micro(row.time.median),
            micro(row.time.p10),
            micro(row.time.p90),
            or_dash(row.over_bare.map(micro)),
            or_dash(row.allocations.map(|count| format!("{count:.1}"))),
            or_dash(row.ratio.map(|ratio| format!("{:.3}", ratio.median))),
            or_dash(row.ratio.map(|ratio| format!("{:.3}", ratio.p10))),
            or_dash(row.ratio.map(|ratio| format!("{:.3}", ratio.p90))),
        );
    }
    match table.floor {
        Floor::Paired => println!("×: one thread's time for a request is 1; the throughput of two is 1 ÷ ×"),
        Floor::First => println!("×: the smallest one's time is 1"),
        Floor::Case(name) => println!("×: {name}'s time is 1"),
        Floor::Added { bare, unit } => println!("×: what {unit} takes more than {bare} is 1"),
    }
    table.notes.iter().for_each(|note| println!("{note}"));
}

/// One-minute load of the machine, where the system tells it: whoever reads figures wants to know.
pub fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").map(|text| text.chars().take(14).collect()).unwrap_or_default()
}

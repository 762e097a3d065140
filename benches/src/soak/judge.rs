//! What is read, written down, and found wrong.

use super::tally::{Answer, Latency, Tally};
use crate::report;
use serde_json::json;
use std::{fs, path::Path};

/// Of resident memory, over the last four fifths.
const MOST_GROWTH: f64 = 0.01;

pub(super) struct Judged {
    pub(super) seconds: u64,
    pub(super) load: String,
    pub(super) rotations: u32,
    /// Of calm and attack together, in seconds.
    pub(super) cycle: f64,
    pub(super) judges_memory: bool,
}

/// Prints it, writes the rows, and returns what is wrong.
pub(super) fn report(tally: &Tally, judged: &Judged) -> Vec<String> {
    let (calm, attack, memory) = (tally.latency(false), tally.latency(true), tally.memory(judged.cycle));
    println!("\nsoak: {} s, calm and attack in turn, one core for the server", judged.seconds);
    println!("{:<32} {:>9}  answers", "requests", "");
    for (kind, count, answers) in by_kind(tally) {
        println!("{kind:<32} {count:>9}  {answers}");
    }
    println!("\n{:<32} {:>9} {:>9} {:>9} {:>9}", "good requests", "measured", "p50 µs", "p90 µs", "p99 µs");
    for (name, latency) in [("in calm", &calm), ("under attack", &attack)] {
        let Latency { requests, p50, p90, p99, .. } = latency;
        println!("{name:<32} {requests:>9} {p50:>9.0} {p90:>9.0} {p99:>9.0}");
    }
    let (p50, p99) = (attack.p50 / calm.p50, attack.p99 / calm.p99);
    println!("{:<32} {:>9} {p50:>8.2}× {:>8.2}× {p99:>8.2}×", "ratio", "", attack.p90 / calm.p90);
    let (mib, percent) = (memory.kib / 1024.0, memory.growth * 100.0);
    println!(
        "\nresident memory {mib:.1} MiB, {percent:+.2} % over the last four fifths; {} rotations",
        judged.rotations
    );
    let tenths = tally.tenths().into_iter().map(|(all, own)| format!("{all:.0}/{own:.0}"));
    println!("KiB after each tenth, all/not of files: {}", tenths.collect::<Vec<_>>().join(" "));
    println!("load {} before, {} after", judged.load, report::load());
    write(tally, judged, [&calm, &attack]);
    faults(tally, judged)
}

fn by_kind(tally: &Tally) -> Vec<(&'static str, u64, String)> {
    let mut kinds: Vec<(&'static str, u64, String)> = Vec::new();
    for ((kind, answer), count) in tally.answers() {
        let text = format!("{}: {count}", name(answer));
        match kinds.last_mut().filter(|last| last.0 == kind) {
            Some(last) => *last = (kind, last.1 + count, format!("{}, {text}", last.2)),
            None => kinds.push((kind, count, text)),
        }
    }
    kinds
}

fn name(answer: Answer) -> String {
    answer.map_or_else(|| "hung up".into(), |status| status.to_string())
}

fn faults(tally: &Tally, judged: &Judged) -> Vec<String> {
    let wrong = tally.wrong.borrow();
    let mut faults: Vec<_> =
        wrong.iter().map(|((kind, answer), count)| format!("{kind}: {count} × {}", name(*answer))).collect();
    if judged.rotations < 2 {
        faults.push(format!("keys rotated {} times, not twice", judged.rotations));
    }
    for attack in [false, true] {
        if tally.latency(attack).requests < 100 {
            faults.push("too few good requests to tell anything".into());
        }
    }
    let growth = tally.memory(judged.cycle).growth;
    if judged.judges_memory && !(growth.abs() <= MOST_GROWTH) {
        faults.push(format!("resident memory moved by {:+.2} %", growth * 100.0));
    }
    faults
}

/// Where the other benches have theirs.
fn write(tally: &Tally, judged: &Judged, latencies: [&Latency; 2]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/figures");
    let memory = tally.memory(judged.cycle);
    let calm = latencies[0];
    let rows = ["calm", "attack"].into_iter().zip(latencies).map(|(case, latency)| {
        let ns = |micros: f64| micros * 1000.0;
        json!({
            "bench": "soak", "table": "good requests in calm and under attack, one core for the server",
            "case": case, "alg": "ES256", "tokens": 1_500, "rounds": latency.requests,
            "median_ns": ns(latency.p50), "p10_ns": ns(latency.p10), "p90_ns": ns(latency.p90), "p99_ns": ns(latency.p99),
            "ratio_to_calm": latency.p50 / calm.p50, "p99_ratio_to_calm": latency.p99 / calm.p99,
            "seconds": judged.seconds, "rotations": judged.rotations,
            "resident_kib": memory.kib.round(), "resident_growth": memory.growth,
        })
        .to_string()
    });
    fs::create_dir_all(&folder).expect("a folder");
    let rows = rows.collect::<Vec<_>>().join("\n") + "\n";
    fs::write(folder.join("soak.jsonl"), rows).expect("a file");
}

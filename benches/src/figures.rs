//! What is written down: one JSON object a line, in `target/figures`.

use crate::harness::{Case, Floor, Spread, Table};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

/// One case's figures. `ratio` is to the table's floor, and absent for what the floor is made of.
pub struct Row {
    pub case: String,
    pub alg: &'static str,
    pub tokens: u64,
    pub time: Spread,
    pub over_bare: Option<f64>,
    pub allocations: Option<f64>,
    pub ratio: Option<Spread>,
}

/// The rows of a table that was measured.
pub fn rows(table: &Table, samples: &[Vec<f64>], allocations: &BTreeMap<String, f64>) -> Vec<Row> {
    // With as many tokens, where there is one: a processor's caches serve both alike.
    let place = |name: &str, tokens: u64| {
        let named = || table.cases.iter().enumerate().filter(|(_, case)| case.name == name);
        let found = named().find(|(_, case)| case.tokens == tokens).or_else(|| named().next());
        found.unwrap_or_else(|| panic!("no case {name}")).0
    };
    let row = |(index, case): (usize, &Case)| {
        let own = &samples[index];
        let time = Spread::of(own.iter().copied());
        let median = |place: usize| Spread::of(samples[place].iter().copied()).median;
        let against = |floor: usize| {
            let each = Spread::of(own.iter().zip(&samples[floor]).map(|(own, floor)| own / floor));
            let ratio = Spread { median: time.median / median(floor), ..each };
            (Some(time.median - median(floor)), Some(ratio).filter(|_| index != floor))
        };
        let first = || table.cases.iter().position(|other| other.family == case.family);
        let (over_bare, ratio) = match (table.floor, case.floor) {
            (Floor::Added { bare, unit }, _) => {
                let (bare, unit) = (place(bare, case.tokens), place(unit, case.tokens));
                let added = median(unit) - median(bare);
                // Within one round the unit is too small beside what else happens; its median is not.
                let each = Spread::of(own.iter().zip(&samples[bare]).map(|(own, bare)| (own - bare) / added));
                let ratio = Spread { median: (time.median - median(bare)) / added, ..each };
                (Some(time.median - median(bare)), Some(ratio).filter(|_| index != bare && index != unit))
            }
            (_, Some(name)) | (Floor::Case(name), None) => against(place(name, case.tokens)),
            (Floor::First, None) => first().map(against).unwrap_or_default(),
            (Floor::Paired, None) => (None, None),
        };
        let allocations = allocations.get(&case.id()).copied();
        Row {
            case: case.name.clone(),
            alg: case.alg,
            tokens: case.tokens,
            time,
            over_bare,
            allocations,
            ratio,
        }
    };
    table.cases.iter().enumerate().map(row).collect()
}

/// Appends a table's rows to the bench's file.
pub fn write(bench: &str, table: &Table, rows: &[Row], rounds: usize) {
    let mut file =
        fs::File::options().append(true).create(true).open(path(bench)).expect("a file of figures");
    for row in rows {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.into(), value);
        put("bench", json!(bench));
        put("table", json!(table.title));
        put("case", json!(row.case));
        put("alg", json!(row.alg));
        put("tokens", json!(row.tokens));
        put("rounds", json!(rounds));
        put("median_ns", json!(rounded(row.time.median, 10.0)));
        put("p10_ns", json!(rounded(row.time.p10, 10.0)));
        put("p90_ns", json!(rounded(row.time.p90, 10.0)));
        if let Some(over) = row.over_bare {
            put("over_bare_ns", json!(rounded(over, 10.0)));
        }
        if let Some(count) = row.allocations {
            put("allocations", json!(rounded(count, 100.0)));
        }
        let name = match table.floor {
            Floor::Case(_) => "ratio_to_signature",
            Floor::Added { .. } => "ratio_to_two_empty_layers",
            Floor::First => "ratio_to_smallest",
            Floor::Paired => "ratio_to_one_thread",
        };
        if let Some(ratio) = row.ratio {
            put(name, json!(rounded(ratio.median, 1000.0)));
            put("ratio_p10", json!(rounded(ratio.p10, 1000.0)));
            put("ratio_p90", json!(rounded(ratio.p90, 1000.0)));
        }
        writeln!(file, "{}", Value::Object(object)).expect("a line of figures");
    }
}

/// Begins the bench's file anew.
pub fn begin(bench: &str) {
    fs::create_dir_all(directory()).expect("a folder for figures");
    fs::write(path(bench), "").expect("a file of figures");
}

/// Allocations by case, as `count` left them.
pub fn allocations(bench: &str) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(allocations_path(bench)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

pub fn write_allocations(bench: &str, counts: &BTreeMap<String, f64>) {
    fs::create_dir_all(directory()).expect("a folder for figures");
    let text = serde_json::to_string_pretty(counts).expect("numbers are JSON");
    fs::write(allocations_path(bench), text).expect("a file of counts");
}

fn rounded(number: f64, to: f64) -> f64 {
    (number * to).round() / to
}

/// Beside the crate, wherever things are built.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/figures")
}

fn path(bench: &str) -> PathBuf {
    directory().join(format!("{bench}.jsonl"))
}

fn allocations_path(bench: &str) -> PathBuf {
    directory().join(format!("{bench}.allocations.json"))
}

//! The whole run: each back-end is built once, and each mutant is tried in the build that it is part of.

use crate::{
    Place, Result,
    alone::Alone,
    compile::{Pass, build},
    judge::Listed,
    list::{self, Mutant},
    sample,
    tree::Tree,
    trial::{self, Outcome, append, reach, tried},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Mutex,
};

/// As most users have it.
pub const USUAL: Pass = Pass {
    name: "usual",
    features: &["--features", "metrics"],
    tests: &[
        "answers",
        "ask",
        "attacks",
        "authenticate",
        "config",
        "events",
        "explain",
        "extract",
        "field",
        "guard",
        "judged",
        "key_histories",
        "key_store",
        "metrics",
        "neighbour",
        "observer",
        "openapi",
        "own_client",
        "policy_text",
        "presets",
        "readiness",
        "remembered",
        "remote_keys",
        "resist",
        "resource_metadata",
        "rules",
        "shown",
        "simulated_day",
        "step_up",
        "tenants",
        "vectors",
    ],
};
/// What only stands in this build.
const PURE: Pass = Pass {
    name: "pure",
    features: &[
        "--no-default-features",
        "--features",
        "axum,remote,tracing,rust-crypto,testing,jsonwebtoken",
    ],
    tests: &["rules", "vectors", "attacks"],
};
const PURE_FILES: [&str; 3] =
    ["src/keys/key/rust_crypto.rs", "src/verify/signature/rust_crypto.rs", "src/keys/key/jsonwebtoken.rs"];
/// For builds that nobody runs tests in: without any back-end, and with both at once for the fuzzers.
const NO_FILES: [&str; 4] = [
    "src/keys/key/no_backend.rs",
    "src/keys/key/second.rs",
    "src/verify/signature/no_backend.rs",
    "src/verify/signature/second.rs",
];

pub fn full(place: &Place, resume: bool) -> Result<()> {
    let listed = Listed::read(&place.root)?;
    fs::create_dir_all(&place.scratch)?;
    let mutants = list::of(&place.root)?;
    let results = place.scratch.join("results.jsonl");
    if !resume {
        let _ = fs::remove_file(&results);
    }
    let mut figures = Figures::default();
    for pass in [&USUAL, &PURE] {
        run(place, pass, &mutants, &mut figures)?;
    }
    let mut outcomes = trial::kept(&results);
    let there: BTreeSet<String> = mutants.iter().map(|mutant| mutant.key.clone()).collect();
    outcomes.retain(|key, _| there.contains(key));
    figures.print(&mutants, &outcomes);
    sample::draw(place, &mutants, &outcomes)?;
    let survived = outcomes
        .values()
        .filter(|outcome| outcome.caught.is_none())
        .map(|outcome| outcome.key.clone())
        .collect();
    listed.judge(&there, &survived)
}

/// Whether a mutant stands in this build.
pub fn is_of(pass: &Pass, mutant: &Mutant) -> bool {
    let file = mutant.file.as_str();
    let pure = PURE_FILES.contains(&file);
    !NO_FILES.contains(&file) && pure == (pass.name == PURE.name)
}

fn run(place: &Place, pass: &Pass, mutants: &[Mutant], figures: &mut Figures) -> Result<()> {
    let mut tree = Tree::copy(&place.root, pass.name, place.scratch.join(pass.name), mutants.to_vec())?;
    for (number, mutant) in (1..).zip(mutants) {
        if !is_of(pass, mutant) {
            tree.dropped.insert(number, String::new());
        }
    }
    let kept = place.scratch.join(format!("{}.dropped.json", pass.name));
    tree.remember(&kept);
    let programs = build(&mut tree, pass)?;
    tree.keep(&kept)?;
    let tests = reach(&tree.root, &programs, &place.scratch.join(format!("{}.reach", pass.name)))?;
    let results = place.scratch.join("results.jsonl");
    // What was caught stays caught; what survived is tried anew.
    let known = trial::kept(&results);
    let is_known = |key: &str| known.get(key).is_some_and(|outcome| outcome.caught.is_some());
    let mut open: Vec<(u32, String)> = Vec::new();
    for (number, mutant) in (1..).zip(mutants) {
        if let Some(code) = tree.dropped.get(&number) {
            if is_of(pass, mutant) {
                figures.dropped.insert(mutant.key.clone(), code.clone());
            }
        } else if !tree.placed.contains(&number) {
            figures.dropped.insert(mutant.key.clone(), "no place".into());
        } else if !is_known(&mutant.key) {
            open.push((number, mutant.key.clone()));
        }
    }
    let file = Mutex::new(fs::OpenOptions::new().create(true).append(true).open(&results)?);
    tried(&tree.root, &programs, &tests, &open, |outcome| append(&file, &outcome));
    let mut alone = Vec::new();
    for mutant in mutants.iter().filter(|mutant| is_of(pass, mutant)) {
        if figures.dropped.get(&mutant.key).is_some_and(|code| !is_unviable(code)) {
            // That was said of the switch.
            figures.dropped.remove(&mutant.key);
            if !is_known(&mutant.key) {
                alone.push(mutant);
            }
        }
    }
    one_by_one(place, pass, &alone, figures, &file)
}

fn one_by_one(
    place: &Place,
    pass: &Pass,
    mutants: &[&Mutant],
    figures: &mut Figures,
    file: &Mutex<fs::File>,
) -> Result<()> {
    if mutants.is_empty() {
        return Ok(());
    }
    eprintln!("{} mutants without a switch, each built by itself", mutants.len());
    let alone = Alone::new(place, pass)?;
    for mutant in mutants {
        match alone.tried(mutant)? {
            Ok(outcome) => append(file, &outcome),
            Err(code) => {
                figures.dropped.insert(mutant.key.clone(), code);
            }
        }
    }
    Ok(())
}

#[derive(Default)]
struct Figures {
    /// Those that do not compile, and the compiler's code for why.
    dropped: BTreeMap<String, String>,
}

impl Figures {
    fn print(&self, mutants: &[Mutant], outcomes: &BTreeMap<String, Outcome>) {
        let count =
            |what: &dyn Fn(&Outcome) -> bool| outcomes.values().filter(|outcome| what(outcome)).count();
        let late = count(&|outcome| outcome.caught.as_deref() == Some("time"));
        let survived = count(&|outcome| outcome.caught.is_none());
        println!("listed by cargo-mutants: {}", mutants.len());
        println!("tried: {}", outcomes.len());
        println!("  caught by a test: {}", outcomes.len() - survived - late);
        println!("  caught by its time: {late}");
        println!(
            "  survived: {survived}, of these reached by no test: {}",
            count(&|o| o.caught.is_none() && o.tried == 0)
        );
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        self.dropped.values().for_each(|code| *codes.entry(code).or_default() += 1);
        println!("do not compile: {}, by the compiler's code: {codes:?}", self.dropped.len());
        let files = mutants.iter().filter(|mutant| NO_FILES.contains(&mutant.file.as_str())).count();
        println!("in builds that have no tests: {files}");
        for outcome in outcomes.values().filter(|outcome| outcome.caught.is_none()) {
            println!("survived, {} tests reach it: {}", outcome.tried, outcome.key);
        }
    }
}

/// Errors about types, which are no matter of how the change is made. All others are tried alone.
pub fn is_unviable(code: &str) -> bool {
    ["E0277", "E0308", "E0369", "E0599", "E0433", "E0425", "E0061", "E0282", "E0283", "E0423"].contains(&code)
}

//! The short form: a sample of the mutants that a unit test catches, tried again in one small build.
//!
//! cargo-mutants is not asked. An entry finds its line again by the text of it and of its function's first line, so it
//! outlives an edit elsewhere; one whose line was changed is gone, and with too many gone the sample is drawn anew.

use crate::{
    Place, Result,
    compile::{Pass, build},
    judge::Listed,
    list::Mutant,
    passes::{USUAL, is_of},
    tree::Tree,
    trial::{self, Outcome},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
};

const DRAWN: usize = 160;
const FEWEST: usize = 100;
const PASS: Pass = Pass { name: "sample", features: &[], tests: &[] };

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    /// The unit test that fails with it.
    test: String,
    /// The function's first line, and which of those alike in the file.
    header: String,
    nth: usize,
    /// How many lines below it the mutant stands, and what is written there.
    below: usize,
    line: String,
    mutant: Mutant,
}

fn path(root: &Path) -> PathBuf {
    root.join("mutants/sample.json")
}

/// Fills the sample up, file by file in turn, from what unit tests caught; a sample that is good enough stays.
pub fn draw(place: &Place, mutants: &[Mutant], outcomes: &BTreeMap<String, Outcome>) -> Result<()> {
    let old: Vec<Entry> = fs::read(path(&place.root))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let kept = old.iter().filter(|entry| found(entry, &place.root).is_some()).count();
    if kept >= (DRAWN + FEWEST) / 2 {
        return Ok(());
    }
    let mut files: BTreeMap<&str, VecDeque<Entry>> = BTreeMap::new();
    for mutant in mutants.iter().filter(|mutant| is_of(&USUAL, mutant)) {
        let caught = outcomes.get(&mutant.key).and_then(|outcome| outcome.caught.as_deref());
        if let Some(test) = caught.and_then(|caught| caught.strip_prefix("lib "))
            && let Some(entry) = entry(mutant, test, &place.root)
        {
            files.entry(&mutant.file).or_default().push_back(entry);
        }
    }
    let mut drawn = Vec::new();
    while drawn.len() < DRAWN && !files.is_empty() {
        for entries in files.values_mut() {
            // From the end, the middle and the front in turn: an early function must not be all.
            entries.rotate_left((drawn.len() % 3) * entries.len() / 3);
            drawn.extend(entries.pop_front());
        }
        files.retain(|_, entries| !entries.is_empty());
    }
    drawn.truncate(DRAWN);
    drawn.sort_by(|a: &Entry, b| a.mutant.key.cmp(&b.mutant.key));
    let lines: Vec<String> =
        drawn.iter().map(serde_json::to_string).collect::<std::result::Result<_, _>>()?;
    fs::write(path(&place.root), format!("[\n{}\n]\n", lines.join(",\n")))?;
    println!("drew a sample of {}", drawn.len());
    Ok(())
}

fn entry(mutant: &Mutant, test: &str, root: &Path) -> Option<Entry> {
    if test == "died" || test.starts_with("policy::laws") {
        return None;
    }
    let text = fs::read_to_string(root.join(&mutant.file)).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let first = mutant.function.as_ref()?.span.start.line - 1;
    let header = lines.get(first)?.trim();
    let nth = lines[..first].iter().filter(|line| line.trim() == header).count();
    let at = mutant.span.start.line - 1;
    let line = lines.get(at)?.trim().to_owned();
    let below = at.checked_sub(first)?;
    Some(Entry { test: test.into(), header: header.into(), nth, below, line, mutant: mutant.clone() })
}

/// The mutant at the line where it stands today.
fn found(entry: &Entry, root: &Path) -> Option<Mutant> {
    let text = fs::read_to_string(root.join(&entry.mutant.file)).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let alike = lines.iter().enumerate().filter(|(_, line)| line.trim() == entry.header);
    let at = alike.map(|(at, _)| at).nth(entry.nth)? + entry.below;
    if lines.get(at)?.trim() != entry.line {
        return None;
    }
    let mut mutant = entry.mutant.clone();
    mutant.span.start.line = at + 1;
    Some(mutant)
}

pub fn quick(place: &Place) -> Result<()> {
    Listed::read(&place.root)?;
    let entries: Vec<Entry> = serde_json::from_slice(&fs::read(path(&place.root))?)?;
    let (mutants, tests): (Vec<Mutant>, Vec<&str>) =
        entries.iter().filter_map(|entry| Some((found(entry, &place.root)?, entry.test.as_str()))).unzip();
    let mut tree = Tree::copy(&place.root, PASS.name, place.scratch.join(PASS.name), mutants.clone())?;
    let programs = build(&mut tree, &PASS)?;
    let program = programs.first().ok_or("no unit tests were built")?;
    let there: BTreeSet<String> = trial::names(&program.path, &tree.root, &[])?.into_iter().collect();
    let numbered =
        (1..).zip(&tests).filter(|(number, test)| tree.placed.contains(number) && there.contains(**test));
    let jobs: Vec<(u32, &str)> = numbered.map(|(number, test)| (number, *test)).collect();
    if jobs.len() < FEWEST {
        return Err(format!(
            "{} of the sample's {} mutants are left: draw it anew with mutants/run",
            jobs.len(),
            entries.len()
        )
        .into());
    }
    trial::pass(
        &tree.root,
        program,
        &tests.iter().copied().filter(|test| there.contains(*test)).collect::<BTreeSet<_>>(),
    )?;
    let missed = trial::missed(&tree.root, program, &jobs);
    println!("{} mutants of the sample's {} tried, {} missed", jobs.len(), entries.len(), missed.len());
    if missed.is_empty() {
        return Ok(());
    }
    let told = missed.iter().filter_map(|number| {
        let at = *number as usize - 1;
        Some(format!("survives its test {}: {}", tests.get(at)?, mutants.get(at)?.key))
    });
    Err(told.collect::<Vec<_>>().join("\n").into())
}

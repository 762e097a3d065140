//! What cargo-mutants would change: its list, and a name for each entry that survives an edit elsewhere in the file.

use crate::Result;
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    process::Command,
};

/// The rooms that are mutated, and the files in them that are tests themselves.
const ROOMS: [&str; 5] = ["src/verify/**", "src/token*", "src/token/**", "src/keys/**", "src/policy/**"];
const TESTS: [&str; 1] = ["src/keys/life_model.rs"];

/// One entry, as cargo-mutants' JSON has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mutant {
    pub file: String,
    pub genre: String,
    pub name: String,
    pub replacement: String,
    pub span: Span,
    pub function: Option<Function>,
    /// Without lines, with ` #2` behind the second of two alike.
    #[serde(default)]
    pub key: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    pub function_name: String,
    pub return_type: String,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

/// Counted from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Asks cargo-mutants about the repository at `root`.
pub fn of(root: &Path) -> Result<Vec<Mutant>> {
    let mut ask = Command::new("cargo");
    ask.args(["mutants", "--no-config", "--list", "--json", "--dir"]).arg(root);
    ask.args(ROOMS.iter().flat_map(|room| ["-f", room])).args(TESTS.iter().flat_map(|test| ["-e", test]));
    let said = ask.output()?;
    if !said.status.success() {
        return Err(format!("cargo mutants --list: {}", String::from_utf8_lossy(&said.stderr)).into());
    }
    let mut mutants: Vec<Mutant> = serde_json::from_slice(&said.stdout)?;
    // A file that is in two modules is listed twice.
    let mut seen = HashSet::new();
    mutants.retain(|mutant| seen.insert(mutant.name.clone()));
    name(&mut mutants);
    Ok(mutants)
}

fn name(mutants: &mut [Mutant]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for mutant in mutants {
        let place = format!("{}:{}:{}: ", mutant.file, mutant.span.start.line, mutant.span.start.column);
        let what = mutant.name.strip_prefix(&place).unwrap_or(&mutant.name);
        let key = format!("{}: {what}", mutant.file);
        let nth = seen.entry(key.clone()).and_modify(|nth| *nth += 1).or_insert(1);
        mutant.key = if *nth == 1 { key } else { format!("{key} #{nth}") };
    }
}

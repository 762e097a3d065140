//! `survivors.toml`: the mutants that no test notices, each with its reason.

use crate::Result;
use serde::Deserialize;
use std::{collections::BTreeSet, fs, path::Path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// How many there are. It may only fall.
    total: usize,
    #[serde(default)]
    survivor: Vec<Survivor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    mutant: String,
    reason: String,
}

pub struct Listed {
    names: BTreeSet<String>,
}

impl Listed {
    /// Reads the file, and complains about what is wrong in it by itself or beside the sources.
    pub fn read(root: &Path) -> Result<Self> {
        let file: File = toml::from_str(&fs::read_to_string(root.join("mutants/survivors.toml"))?)?;
        let mut faults = Vec::new();
        let mut names = BTreeSet::new();
        for Survivor { mutant, reason } in &file.survivor {
            if reason.split_whitespace().count() < 3 {
                faults.push(format!("no reason: {mutant}"));
            }
            if !names.insert(mutant.clone()) {
                faults.push(format!("twice: {mutant}"));
            }
            let source = mutant.split(':').next().unwrap_or_default();
            match fs::read_to_string(root.join(source)) {
                Err(_) => faults.push(format!("no such file: {mutant}")),
                Ok(text) if !function(mutant).is_none_or(|name| text.contains(&format!("fn {name}"))) => {
                    faults.push(format!("no such function: {mutant}"));
                }
                Ok(_) => {}
            }
        }
        if file.total != names.len() {
            faults.push(format!("the head says {}, and {} are listed", file.total, names.len()));
        }
        if faults.is_empty() { Ok(Self { names }) } else { Err(faults.join("\n").into()) }
    }

    /// Holds the list against what is there today, and what survived.
    pub fn judge(&self, there: &BTreeSet<String>, survived: &BTreeSet<String>) -> Result<()> {
        let mut faults = Vec::new();
        faults.extend(
            survived.difference(&self.names).map(|name| format!("survives, and is not listed: {name}")),
        );
        for name in self.names.difference(survived) {
            let why = if there.contains(name) { "is caught now" } else { "is no mutant any more" };
            faults.push(format!("{why}, take it out: {name}"));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
    }
}

/// The name of the function that a mutant is in, without its type.
fn function(mutant: &str) -> Option<&str> {
    let what = mutant.split_once(": ")?.1;
    let value = what
        .strip_prefix("replace ")
        .and_then(|what| what.split_once(" with "))
        .map(|(function, _)| function);
    let path = match what.rsplit_once(" in ") {
        Some((_, path)) => path,
        None => value?.split(" -> ").next()?,
    };
    path.split(" #").next()?.rsplit("::").next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_new_survivor_a_caught_one_and_a_gone_one_are_faults() {
        let listed = Listed { names: names(&["a", "b", "c"]) };
        assert!(listed.judge(&names(&["a", "b", "c"]), &names(&["a", "b", "c"])).is_ok());
        let said = listed.judge(&names(&["a", "b", "d"]), &names(&["a", "d"])).unwrap_err().to_string();
        assert!(said.contains("not listed: d"), "{said}");
        assert!(said.contains("caught now, take it out: b"), "{said}");
        assert!(said.contains("no mutant any more, take it out: c"), "{said}");
    }

    #[test]
    fn the_function_is_found_in_a_name() {
        for (mutant, name) in [
            ("src/a.rs: replace | with ^ in is_token68 #2", "is_token68"),
            (
                "src/a.rs: replace <impl fmt::Debug for Life<S>>::fmt -> fmt::Result with Ok(Default::default())",
                "fmt",
            ),
            ("src/a.rs: replace Driver<S>::warm with ()", "warm"),
            ("src/a.rs: delete match arm Some(_) in read_block", "read_block"),
            ("src/a.rs: replace match guard a::b(c) with true in Life::ask", "ask"),
        ] {
            assert_eq!(function(mutant), Some(name), "{mutant}");
        }
    }
}

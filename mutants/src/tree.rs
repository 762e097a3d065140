//! The copy of the repository in which every mutant has its switch.

use crate::{
    Result,
    list::Mutant,
    switch::{Switches, switched},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the copy's `lib.rs` gets: which mutant is on, and, if somebody wants to know, which were asked for.
const SWITCH: &str = include_str!("switch.rs.txt");

pub struct Tree {
    pub root: PathBuf,
    source: PathBuf,
    mutants: Vec<Mutant>,
    /// Numbers that the compiler would not have.
    pub dropped: BTreeMap<u32, String>,
    pub constant: BTreeSet<String>,
    /// Numbers that have a switch now.
    pub placed: BTreeSet<u32>,
}

impl Tree {
    /// Copies what git tracks, and takes away what it no longer does.
    pub fn copy(source: &Path, name: &str, root: PathBuf, mutants: Vec<Mutant>) -> Result<Self> {
        fs::create_dir_all(&root)?;
        let listed = Command::new("git").arg("-C").arg(source).args(["ls-files", "-z"]).output()?;
        let tracked = String::from_utf8(listed.stdout)?;
        // Sources are written later, with their switches. A file that stays the same is left alone, for cargo's sake.
        let mut stale: BTreeSet<PathBuf> = files_in(&root)?.into_iter().collect();
        stale.retain(|file| !file.starts_with(root.join("src")));
        for file in tracked.split_terminator('\0').filter(|file| !file.starts_with("mutants/")) {
            let from = source.join(file);
            if from.is_file() && !file.starts_with("src/") {
                write(&root.join(file), &renamed(file, fs::read(&from)?, name))?;
                stale.remove(&root.join(file));
            }
        }
        stale.iter().try_for_each(fs::remove_file)?;
        Ok(Self {
            root,
            source: source.into(),
            mutants,
            dropped: BTreeMap::new(),
            constant: BTreeSet::new(),
            placed: BTreeSet::new(),
        })
    }

    /// Writes the sources with all switches but the dropped ones.
    pub fn write(&mut self) -> Result<()> {
        self.placed.clear();
        let mut stale: BTreeSet<PathBuf> = files_in(&self.root.join("src"))?.into_iter().collect();
        for from in files_in(&self.source.join("src"))? {
            let name = from.strip_prefix(&self.source)?.to_path_buf();
            let text = self.file(&fs::read_to_string(&from)?, &name.to_string_lossy())?;
            write(&self.root.join(&name), text.as_bytes())?;
            stale.remove(&self.root.join(&name));
        }
        stale.iter().try_for_each(fs::remove_file)?;
        Ok(())
    }

    /// What an earlier run found out; a switch that is back is found out again.
    pub fn remember(&mut self, kept: &Path) {
        let Ok(bytes) = fs::read(kept) else { return };
        let (by_key, constant): (BTreeMap<String, String>, BTreeSet<String>) =
            serde_json::from_slice(&bytes).unwrap_or_default();
        for (number, mutant) in (1..).zip(&self.mutants) {
            if let Some(code) = by_key.get(&mutant.key) {
                self.dropped.entry(number).or_insert_with(|| code.clone());
            }
        }
        self.constant.extend(constant);
    }

    pub fn keep(&self, kept: &Path) -> Result<()> {
        let numbered = (1..).zip(&self.mutants);
        let dropped = numbered.filter_map(|(number, mutant)| {
            let code = self.dropped.get(&number).filter(|code| !code.is_empty())?;
            Some((&mutant.key, code))
        });
        let by_key: BTreeMap<&String, &String> = dropped.collect();
        fs::write(kept, serde_json::to_vec(&(by_key, &self.constant))?)?;
        Ok(())
    }

    fn file(&mut self, source: &str, name: &str) -> Result<String> {
        let numbered = (1..).zip(&self.mutants);
        let mutants: Vec<(u32, &Mutant)> = numbered
            .filter(|(number, mutant)| mutant.file == name && !self.dropped.contains_key(number))
            .collect();
        let mut text = source.to_owned();
        if !mutants.is_empty() {
            let (with, placed) = switched(source, &Switches { mutants, constant: &self.constant })?;
            text = with;
            self.placed.extend(placed);
        }
        if name == "src/lib.rs" {
            let (inner, outer) = SWITCH.split_once("// ---\n").unwrap_or(("", SWITCH));
            text = format!("{inner}{text}\n{outer}");
        }
        Ok(text)
    }
}

/// A version of its own, or cargo takes the copy's programs for those of the repository, whose place and name are the same
/// to it.
fn renamed(file: &str, bytes: Vec<u8>, name: &str) -> Vec<u8> {
    let wanted = match file {
        "Cargo.toml" | "Cargo.lock" => "name = \"tower-bearer\"\nversion = \"",
        _ => return bytes,
    };
    let text = String::from_utf8_lossy(&bytes);
    let Some((before, (version, after))) =
        text.split_once(wanted).and_then(|(before, rest)| Some((before, rest.split_once('"')?)))
    else {
        return bytes;
    };
    format!("{before}{wanted}{version}+mutants.{name}\"{after}").into_bytes()
}

fn write(to: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes)?;
    Ok(())
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_in(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

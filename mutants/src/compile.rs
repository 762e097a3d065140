//! Builds the copy's test programs, and takes out the switches that the compiler will not have.

use crate::{Result, tree::Tree};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How a copy is built: cargo's arguments for features, and the integration tests besides the unit tests.
pub struct Pass {
    pub name: &'static str,
    pub features: &'static [&'static str],
    pub tests: &'static [&'static str],
}

pub struct Program {
    pub name: String,
    pub path: PathBuf,
}

/// Builds the unit tests until nothing is left to be dropped, and then everything.
pub fn build(tree: &mut Tree, pass: &Pass) -> Result<Vec<Program>> {
    for round in 1..40 {
        tree.write()?;
        let said = cargo(tree, pass, &["--lib"])?;
        if said.good {
            let mut targets = vec!["--lib"];
            pass.tests.iter().for_each(|test| targets.extend(["--test", *test]));
            let all = cargo(tree, pass, &targets)?;
            return if all.good { Ok(programs(&all.messages)) } else { Err(texts(&all.messages).into()) };
        }
        let before = (tree.dropped.len(), tree.constant.len());
        drop_the_wrong(tree, &said.messages)?;
        let now = (tree.dropped.len(), tree.constant.len());
        eprintln!("round {round}: {} dropped, {} functions stay constant", now.0, now.1);
        if now == before {
            return Err(format!(
                "the copy does not compile, and no mutant is to blame\n{}",
                texts(&said.messages)
            )
            .into());
        }
    }
    Err("the copy does not compile after forty rounds".into())
}

/// Builds one program of tests, `lib` for the unit tests; `Err` within is the compiler's code.
pub fn build_one(tree: &Tree, pass: &Pass, program: &str) -> Result<std::result::Result<Program, String>> {
    let targets = if program == "lib" { vec!["--lib"] } else { vec!["--test", program] };
    let said = cargo(tree, pass, &targets)?;
    if !said.good {
        let code = errors(&said.messages).find_map(|error| error["code"]["code"].as_str());
        return Ok(Err(code.unwrap_or("none").to_owned()));
    }
    Ok(Ok(programs(&said.messages).pop().ok_or("cargo has built no program")?))
}

struct Said {
    good: bool,
    messages: Vec<Value>,
}

fn cargo(tree: &Tree, pass: &Pass, targets: &[&str]) -> Result<Said> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--no-run", "--quiet", "--message-format", "json"]).args(pass.features).args(targets);
    let done = cargo.current_dir(&tree.root).stderr(Stdio::piped()).output()?;
    let lines = String::from_utf8_lossy(&done.stdout);
    let messages: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if !done.status.success() && messages.is_empty() {
        return Err(format!("cargo: {}", String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(Said { good: done.status.success(), messages })
}

fn programs(messages: &[Value]) -> Vec<Program> {
    let built = messages
        .iter()
        .filter(|message| message["reason"] == "compiler-artifact" && message["profile"]["test"] == true);
    let mut programs: Vec<Program> = built
        .filter_map(|message| {
            let kind = message["target"]["kind"][0].as_str()?;
            let name = if kind == "test" { message["target"]["name"].as_str()? } else { "lib" };
            Some(Program { name: name.into(), path: message["executable"].as_str()?.into() })
        })
        .collect();
    // The unit tests come first.
    programs.sort_by_key(|program| (program.name != "lib", program.name.clone()));
    programs
}

fn errors(messages: &[Value]) -> impl Iterator<Item = &Value> {
    let told = messages.iter().filter(|message| message["reason"] == "compiler-message");
    told.map(|message| &message["message"]).filter(|message| message["level"] == "error")
}

fn texts(messages: &[Value]) -> String {
    errors(messages).filter_map(|error| error["rendered"].as_str()).take(20).collect()
}

fn drop_the_wrong(tree: &mut Tree, messages: &[Value]) -> Result<()> {
    let mut regions = BTreeMap::new();
    for error in errors(messages) {
        let code = error["code"]["code"].as_str().unwrap_or("none");
        let text = error["message"].as_str().unwrap_or_default();
        if code == "E0015" {
            let named = text.split('`').nth(1).unwrap_or_default();
            let path = named.split("::<").next().unwrap_or_default();
            tree.constant.insert(path.rsplit("::").next().unwrap_or_default().to_owned());
            continue;
        }
        for number in blamed(error, &tree.root, &mut regions)? {
            tree.dropped.entry(number).or_insert_with(|| code.to_owned());
        }
    }
    Ok(())
}

type Region = (BTreeSet<u32>, usize, usize);
type Regions = BTreeMap<PathBuf, Vec<Region>>;

/// The mutants around the place of the error, or those within it.
fn blamed(error: &Value, root: &Path, regions: &mut Regions) -> Result<BTreeSet<u32>> {
    let mut spans: Vec<&Value> = error["spans"].as_array().into_iter().flatten().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    for span in spans {
        let Some(file) = span["file_name"].as_str() else { continue };
        let path = root.join(file);
        if !regions.contains_key(&path) {
            regions.insert(path.clone(), marked(&fs::read_to_string(&path).unwrap_or_default()));
        }
        let found = regions.get(&path).map_or(&[][..], Vec::as_slice);
        let at = |name: &str| span[name].as_u64().unwrap_or(0) as usize;
        let (start, end) = (at("byte_start"), at("byte_end"));
        let around = found.iter().filter(|(_, from, to)| *from <= start && end <= *to);
        if let Some((numbers, ..)) = around.min_by_key(|(_, from, to)| to - from) {
            return Ok(numbers.clone());
        }
        // A body's span ends with its brace, behind the mark.
        let across = found.iter().find(|(_, from, to)| *from < start && start < *to && *to < end);
        if let Some((numbers, ..)) = across {
            return Ok(numbers.clone());
        }
        let within = found.iter().filter(|(_, from, to)| start <= *from && *to <= end);
        let within: BTreeSet<u32> = within.flat_map(|(numbers, ..)| numbers).copied().collect();
        if !within.is_empty() {
            return Ok(within);
        }
    }
    Ok(BTreeSet::new())
}

/// Where each change's marks stand in a written file.
fn marked(text: &str) -> Vec<Region> {
    let mut open = Vec::new();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("/*") {
        let inner = &text[at + 2..];
        let Some(end) = inner.find("*/") else { break };
        if let Some(numbers) = inner[..end].strip_prefix('<') {
            open.push((numbers.split(',').filter_map(|number| number.parse().ok()).collect(), at));
        } else if &inner[..end] == ">"
            && let Some((numbers, start)) = open.pop()
        {
            found.push((numbers, start, at + end + 4));
        }
    }
    found
}

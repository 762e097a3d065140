//! `docs/guide.md` says what its files say: the difference that it shows makes `after.rs` out of `before.rs`, and what it
//! quotes stands in them. The app's own tests are `examples/guide/tests.rs`, which `cargo test` runs as well; whatever else
//! is Rust in the guide is compiled with the documentation.

#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod mistakes;

use std::path::Path;

const GUIDE: &str = include_str!("../../docs/guide.md");
const BEFORE: &str = include_str!("../../examples/guide/before.rs");
const AFTER: &str = include_str!("../../examples/guide/after.rs");
const TESTS: &str = include_str!("../../examples/guide/tests.rs");

const MADE_BY: &str = "cd examples/guide && diff -u --suppress-blank-empty before.rs after.rs | tail -n +3";

#[test]
fn the_difference_that_the_guide_shows_makes_the_guarded_app_out_of_the_plain_one() {
    let diffs: Vec<_> = blocks().into_iter().filter(|block| block.language == "diff").collect();
    let [diff] = diffs.as_slice() else { panic!("the guide shows {} differences", diffs.len()) };
    let stale = |why: String| -> String {
        panic!("docs/guide.md does not show the difference: {why}. Its diff block is made by\n    {MADE_BY}")
    };
    let patched = patch(BEFORE, &diff.text).unwrap_or_else(stale);
    if patched != AFTER {
        let differs = patched.lines().zip(AFTER.lines()).position(|(made, real)| made != real);
        let line = differs.unwrap_or_else(|| patched.lines().count().min(AFTER.lines().count())) + 1;
        stale(format!("what it makes differs from after.rs in line {line}"));
    }
    let changed = diff.text.lines().filter(|line| line.starts_with(['+', '-'])).count();
    assert!(changed <= 80, "{changed} lines change: too many to learn from");
}

#[test]
fn a_difference_of_other_files_is_told() {
    let diff = "@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -4 +4,2 @@\n d\n+e\n";
    assert_eq!(patch("a\nb\nx\nd\n", diff).as_deref(), Ok("a\nc\nx\nd\ne\n"));
    assert_eq!(
        patch("a\ny\nx\nd\n", diff).unwrap_err(),
        "line 2 of before.rs is \"y\", and it has \"b\" there"
    );
    assert_eq!(
        patch("a\nb\nx\n", diff).unwrap_err(),
        "line 4 of before.rs is missing, and it has \"d\" there"
    );
    assert!(patch("a\nb\n", "nonsense").is_err());
}

#[test]
fn what_the_guide_quotes_stands_in_the_compiled_files() {
    let quoted: Vec<_> = blocks()
        .into_iter()
        .filter(|block| match block.language.as_str() {
            "rust,ignore" => true,
            // Compiled, shown to be right by the tests here, or for the shell.
            "rust" | "diff" | "toml" | "sh" => false,
            other => panic!("line {}: nothing checks blocks of {other:?}", block.line),
        })
        .collect();
    assert!(quoted.len() >= 10, "there were more: {}", quoted.len());
    for Block { line, text, .. } in &quoted {
        let quotes = |file: &str| bare(file).contains(&bare(text));
        assert!(
            quotes(AFTER) || quotes(TESTS),
            "line {line} of docs/guide.md: neither after.rs nor tests.rs has\n{text}"
        );
    }
}

#[test]
fn the_guide_asks_for_the_releases_that_its_files_are_compiled_with() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let block = blocks().into_iter().find(|block| block.language == "toml").unwrap();
    let wanted: toml::Table = block.text.parse().unwrap();
    let version = |dependency: &toml::Value| {
        let version = dependency.get("version").unwrap_or(dependency);
        version.as_str().unwrap().to_owned()
    };
    for (name, dependency) in
        ["dependencies", "dev-dependencies"].iter().flat_map(|of| wanted[*of].as_table().unwrap())
    {
        let real = match name.as_str() {
            "tower-bearer" => &manifest["package"],
            _ => manifest["dev-dependencies"].get(name).unwrap_or_else(|| &manifest["dependencies"][name]),
        };
        let (wanted, real) = (version(dependency), version(real));
        assert!(
            format!("{real}.").starts_with(&format!("{wanted}.")),
            "{name}: {wanted}, and here it is {real}"
        );
    }
}

#[test]
fn the_files_that_the_guide_links_are_there() {
    let links =
        GUIDE.lines().filter(|line| line.starts_with("[`")).filter_map(|line| line.split_once("`]: "));
    let links: Vec<_> = links.collect();
    assert!(links.len() >= 10, "there were more: {links:?}");
    for (name, path) in links {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(path);
        assert!(file.exists(), "{name}: {path}");
    }
}

struct Block {
    line: usize,
    language: String,
    text: String,
}

/// Everything between fences, each line with its end.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in GUIDE.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block { line: at + 1, language: language.to_owned(), text: String::new() });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// Without indentation: a quotation of something nested begins at the margin.
fn bare(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim())).collect()
}

/// Applies a unified difference, to the letter: what it does not mention stays, and what it takes away must be there.
fn patch(before: &str, diff: &str) -> Result<String, String> {
    let lines: Vec<_> = before.lines().collect();
    let mut after: Vec<&str> = Vec::new();
    let mut taken = None;
    for line in diff.lines() {
        if let Some(hunk) = line.strip_prefix("@@ -") {
            let start = hunk.split([',', ' ']).next().and_then(|start| start.parse::<usize>().ok());
            let start = start.and_then(|start| start.checked_sub(1)).ok_or(format!("{line:?} is no hunk"))?;
            let from = taken.unwrap_or(0);
            after.extend(lines.get(from..start).ok_or(format!("{line:?} goes back, or is behind the end"))?);
            taken = Some(start);
            continue;
        }
        let at = taken.as_mut().ok_or(format!("{line:?} stands before the first hunk"))?;
        // An empty line is one that stays: editors take its blank away.
        let (sign, text) = if line.is_empty() { (" ", "") } else { line.split_at(1) };
        if sign != "+" {
            let real = lines.get(*at);
            if real != Some(&text) {
                let real = real.map_or("missing".into(), |real| format!("{real:?}"));
                return Err(format!("line {} of before.rs is {real}, and it has {text:?} there", *at + 1));
            }
            *at += 1;
        }
        match sign {
            " " | "+" => after.push(text),
            "-" => {}
            _ => return Err(format!("{line:?} is no line of a difference")),
        }
    }
    after.extend(&lines[taken.unwrap_or(0)..]);
    Ok(after.iter().map(|line| format!("{line}\n")).collect())
}

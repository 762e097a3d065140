//! `docs/threats.md` cannot rot: whatever it names is there, and each row of the sources names a test.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a file that cannot be read or parsed is named")]

use std::{collections::BTreeSet, fs, path::Path};
use syn::visit::{self, Visit};
use tower_bearer::{error::Reason, keys::KeyError};

const DOCUMENT: &str = include_str!("../docs/threats.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The words in back-ticks, with their line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(at, line)| line.split('`').skip(1).step_by(2).map(move |word| (at + 1, word)))
}

/// What is a file or a folder by its looks. In the older tables `src/` goes without saying.
fn as_path(word: &str) -> Option<&str> {
    let path = word.split("::").next().unwrap_or_default();
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/.-".contains(&byte));
    // `application/…`, `//` and the like are no paths of ours.
    let ours = path.ends_with(".rs") || path.ends_with(".md") || (path.contains('/') && path.ends_with('/'));
    let rooted = ["src/", "tests/", "examples/", "docs/"].iter().any(|start| path.starts_with(start));
    (plain && (ours || rooted) && path.len() > 3 && !path.starts_with('/') && !path.starts_with(".."))
        .then_some(path)
}

fn is_there(path: &str) -> bool {
    root().join(path).exists() || root().join("src").join(path).exists()
}

/// The functions of a file, and those of them that are tests and run.
#[derive(Default)]
struct Functions {
    all: BTreeSet<String>,
    tests: BTreeSet<String>,
}

impl Functions {
    fn add(&mut self, name: &syn::Ident, attributes: &[syn::Attribute]) {
        let is = |name: &str| {
            attributes.iter().any(|of| of.path().segments.last().is_some_and(|last| last.ident == name))
        };
        self.all.insert(name.to_string());
        if is("test") && !is("ignore") {
            self.tests.insert(name.to_string());
        }
    }

    fn of(path: &str) -> Option<Self> {
        let text = fs::read_to_string(root().join(path)).ok()?;
        let mut functions = Self::default();
        functions.visit_file(&syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}")));
        Some(functions)
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig.ident, &function.attrs);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig.ident, &function.attrs);
        visit::visit_impl_item_fn(self, function);
    }

    /// `proptest! { #[test] fn … }`: the functions stand in the macro's tokens.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|last| last.ident == "proptest") {
            let words: Vec<_> = call.tokens.clone().into_iter().map(|token| token.to_string()).collect();
            for words in words.windows(3) {
                if let [attribute, word, name] = words
                    && attribute == "[test]"
                    && word == "fn"
                {
                    self.tests.insert(name.clone());
                    self.all.insert(name.clone());
                }
            }
        }
    }
}

/// What is wrong with `file.rs::name`: in the column of tests, it must be one.
fn wrong(word: &str, shows: bool) -> Option<String> {
    let (path, name) = word.split_once("::")?;
    let Some(functions) = Functions::of(path) else { return Some(format!("{path} cannot be read")) };
    let there = if shows { &functions.tests } else { &functions.all };
    (!there.contains(name))
        .then(|| format!("{path} has no {} {name}", if shows { "test" } else { "function" }))
}

/// The rows below a heading that begins so: the cells of each.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let sections = DOCUMENT.split("\n## ").filter(|section| section.starts_with(heading));
    // Each section has one table: its head and the line under that are no rows.
    let lines = sections.flat_map(|section| section.lines().filter(|line| line.starts_with("| ")).skip(2));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn every_file_that_the_document_names_is_there() {
    let named: Vec<_> = quoted(DOCUMENT).filter_map(|(line, word)| Some((line, as_path(word)?))).collect();
    assert!(named.len() > 150, "only {} paths were found", named.len());
    let missing: Vec<_> = named.iter().filter(|(_, path)| !is_there(path)).collect();
    assert!(missing.is_empty(), "docs/threats.md names what is not there: {missing:?}");
}

#[test]
fn every_function_and_every_test_that_the_document_names_is_there() {
    let mut faults = Vec::new();
    for row in rows("By source") {
        let [_, stopped, shown] = row[..] else { panic!("a row of three cells: {row:?}") };
        faults.extend(quoted(stopped).filter_map(|(_, word)| wrong(word, false)));
        faults.extend(quoted(shown).filter_map(|(_, word)| wrong(word, true)));
    }
    assert!(faults.is_empty(), "docs/threats.md:\n  {}", faults.join("\n  "));
}

#[test]
fn every_reason_that_the_document_names_is_one() {
    let ids: BTreeSet<_> = Reason::ALL
        .iter()
        .map(|reason| reason.id())
        .chain(KeyError::ALL.iter().map(|error| error.id()))
        .collect();
    for heading in ["Tokens", "HTTP"] {
        for row in rows(heading) {
            for (_, word) in row.get(2).into_iter().flat_map(|cell| quoted(cell)) {
                assert!(ids.contains(word) || word == "ConfigError", "{heading}: {word} is no reason");
            }
        }
    }
}

#[test]
fn each_source_is_there_whole_and_each_row_names_what_stops_it_and_what_shows_it() {
    let rfc_8725 = rows("By source: RFC 8725");
    for section in 1..=12 {
        let start = format!("3.{section} ");
        assert_eq!(
            rfc_8725.iter().filter(|row| row[0].starts_with(&start)).count(),
            1,
            "RFC 8725 section {start}"
        );
    }
    let owasp = rows("By source: OWASP");
    for risk in 1..=10 {
        let start = format!("API{risk} ");
        assert_eq!(owasp.iter().filter(|row| row[0].starts_with(&start)).count(), 1, "OWASP {start}");
    }
    assert!(rows("By source: RFC 9700").len() >= 10);
    for row in rows("By source") {
        let own = row[1].starts_with("the application's own: what");
        assert!(own || (row[1].contains("::") && row[2].contains("::")), "nothing stops or shows {}", row[0]);
    }
}

#[test]
fn a_name_that_is_gone_is_found() {
    assert_eq!(wrong("tests/threats.rs::a_name_that_is_gone_is_found", true), None);
    assert_eq!(wrong("tests/threats.rs::wrong", false), None);
    for (gone, shows) in [
        ("tests/threats.rs::wrong", true),
        ("tests/threats.rs::a_name_that_never_was", true),
        ("src/verify/rules.rs::nothing_of_the_kind", false),
        ("src/verify/attic.rs::check", false),
    ] {
        assert!(wrong(gone, shows).is_some(), "{gone}");
    }
    assert_eq!(as_path("verify/steps.rs"), Some("verify/steps.rs"));
    assert_eq!(as_path("keys/key/"), Some("keys/key/"));
    assert_eq!(as_path("application/json"), None);
    assert!(!is_there("verify/attic.rs"));
}

/// Which crates of ours may hold `unsafe`: none.
#[test]
fn unsafe_is_forbidden_in_every_crate_of_the_repository() {
    for manifest in [
        "Cargo.toml",
        "fuzz/Cargo.toml",
        "benches/Cargo.toml",
        "mutants/Cargo.toml",
        "examples/cedar/Cargo.toml",
    ] {
        // A package has the first alone.
        let Ok(text) = fs::read_to_string(root().join(manifest)) else {
            assert!(manifest != "Cargo.toml" && !root().join("fuzz").exists(), "{manifest} is gone");
            continue;
        };
        let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{manifest}: {error}"));
        let level = manifest.get("lints").and_then(|lints| lints.get("rust")?.get("unsafe_code")?.as_str());
        assert_eq!(level, Some("forbid"));
    }
}

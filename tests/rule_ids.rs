//! Every rule has an id, and every id a test: a function whose name bears it, somewhere under `src/` or `tests/`.

#![allow(clippy::panic, reason = "a file that cannot be read or parsed is named")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::visit::{self, Visit};
use tower_bearer::{error::Reason, keys::KeyError};

/// Kinds of ids, in the words of the failure.
fn ids() -> impl Iterator<Item = (&'static str, &'static str)> {
    let reasons = Reason::ALL.iter().map(|reason| ("Reason", reason.id()));
    reasons.chain(KeyError::ALL.iter().map(|error| ("KeyError", error.id())))
}

/// The names of the functions with a test attribute (`#[test]`, `#[tokio::test]`), macros' arguments included.
#[derive(Default)]
struct Tests {
    names: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().segments.last().is_some_and(|last| last.ident == "test")
        };
        let ignored = function.attrs.iter().any(|attribute| attribute.path().is_ident("ignore"));
        if function.attrs.iter().any(is_test) && !ignored {
            self.names.insert(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }

    /// `proptest! { #[test] fn … }`: the functions stand in the macro's tokens.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|last| last.ident == "proptest") {
            let words: Vec<_> = call.tokens.clone().into_iter().map(|token| token.to_string()).collect();
            let tests = words.windows(3).filter_map(|words| match words {
                [attribute, word, name] if attribute == "[test]" && word == "fn" => Some(name.clone()),
                _ => None,
            });
            self.names.extend(tests);
        }
    }
}

/// Our own Rust files: what a package manager has put under `tests/interop` is none of ours.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.map(|entry| entry.path())) {
        let path = path.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn test_names() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    let mut tests = Tests::default();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        tests.visit_file(&parsed);
    }
    tests.names
}

/// Whether the name bears the id as whole words: `use_not_sig` is no test of `not_sig`.
fn bears(name: &str, id: &str) -> bool {
    format!("_{name}_").contains(&format!("_{id}_"))
}

#[test]
fn every_rule_has_a_test_that_bears_its_id() {
    let names = test_names();
    assert!(names.contains("every_rule_has_a_test_that_bears_its_id"), "the walk finds this very test");
    let untested: Vec<_> = ids()
        .filter(|(_, id)| !names.iter().any(|name| bears(name, id)))
        .map(|(kind, id)| format!("{kind} {id}"))
        .collect();
    assert!(untested.is_empty(), "rules without a test:\n  {}", untested.join("\n  "));
}

#[test]
fn no_two_rules_share_an_id() {
    let mut kinds = BTreeMap::new();
    for (kind, id) in ids() {
        let other = kinds.insert(id, kind);
        assert_eq!(other, None, "{id} is the id of a {kind} already");
    }
    assert_eq!(kinds.len(), Reason::ALL.len() + KeyError::ALL.len());
}

#[test]
fn an_id_is_snake_case_and_stands_for_itself() {
    for (kind, id) in ids() {
        let letters =
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        assert!(letters && !id.starts_with('_') && !id.ends_with('_') && !id.contains("__"), "{kind} {id}");
    }
    for reason in Reason::ALL {
        assert_eq!(reason.to_string(), reason.id());
    }
}

#[test]
fn a_name_bears_an_id_in_whole_words_only() {
    assert!(bears("exp_past_is_refused", "exp_past"));
    assert!(bears("here_exp_past", "exp_past"));
    assert!(!bears("exp_pasture_is_green", "exp_past"));
    assert!(!bears("texp_past", "exp_past"));
}

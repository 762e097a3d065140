//! Every input of the fuzzers' corpora, on a stable compiler: what was found once stays found.

// A helper outside a `#[test]` fails its test by panicking.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "testing")]

use std::{cell::Cell, fs, path::Path};
use tower_bearer::testing::fuzz;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let Ok(entries) = fs::read_dir(&folder) else {
        // A packaged crate has no fuzz folder; a checkout has one, and must not lose it.
        assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").exists(), "no corpus for {target}");
        return;
    };
    let mut count = 0;
    for entry in entries {
        run(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 10, "the corpus of {target} has only {count} inputs");
}

#[test]
fn tokens_are_replayed() {
    replay("token", fuzz::token);
}

#[test]
fn headers_are_replayed() {
    replay("header", fuzz::header);
}

#[test]
fn key_sets_are_replayed() {
    replay("key_set", fuzz::key_set);
}

#[test]
fn kept_key_sets_are_replayed() {
    replay("kept_keys", fuzz::kept_keys);
}

#[test]
fn claims_are_replayed() {
    replay("claims", fuzz::claims);
}

#[test]
fn policy_texts_are_replayed() {
    replay("policy_text", fuzz::policy_text);
}

#[test]
fn discovery_documents_are_replayed() {
    replay("discovery", fuzz::discovery);
}

#[test]
fn settings_are_replayed() {
    replay("settings", fuzz::settings);
}

#[cfg(feature = "axum")]
#[test]
fn files_of_policies_are_replayed() {
    replay("policies", fuzz::policies);
}

/// With one backend alone there is nothing to compare.
#[cfg(all(feature = "aws-lc-rs", feature = "rust-crypto"))]
#[test]
fn signatures_that_both_backends_judge_are_replayed() {
    let good = Cell::new(0);
    replay("backends", |data| good.set(good.get() + u32::from(fuzz::backends(data))));
    let (good, algorithms) = (good.get(), 13);
    assert!(good >= algorithms, "only {good} signatures are good: refusing everything is agreed on too soon");
}

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
#[test]
fn histories_with_the_memory_and_without_it_are_replayed() {
    let hits = Cell::new(0);
    replay("memory", |data| hits.set(hits.get() + fuzz::memory(data)));
    assert!(hits.get() > 100, "only {} answers came from memory", hits.get());
}

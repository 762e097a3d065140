//! `jose` (JavaScript) and this crate judge the same thousand tokens.
//!
//! `interop/judge.mjs` mints them, sound ones and ones with a defect, and notes what `jose` says. `interop/verdicts.tsv`
//! is the table of verdicts: a line for each kind of token, with both verdicts and, where they differ, the reason why.
//! What the table does not say fails the test, be it a new kind, a changed verdict, or a difference that is gone.
//!
//! `tests/interop/run judge` installs what is needed and runs it; with `VERDICTS=write` the table is written anew, and
//! what needs a reason is left with a question mark.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, process::Command, time::Duration};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/verdicts.tsv");
const HEAD: &str = "token\tcases\tjose\ttower-bearer\twhy they differ";
const UNEXPLAINED: &str = "?";

/// What `judge.mjs` writes.
#[derive(serde::Deserialize)]
struct Exam {
    issuer: String,
    audience: String,
    now: u64,
    sets: BTreeMap<String, serde_json::Value>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    defect: String,
    set: String,
    token: String,
    jose: Verdict,
}

#[derive(serde::Deserialize)]
struct Verdict {
    ok: bool,
    code: String,
}

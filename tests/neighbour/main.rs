//! The malicious neighbour: an issuer that is trusted by configuration and answers for its documents as its worst enemy
//! would, beside one that is honest. Over real HTTP on loopback, for each thing that it may do: the API stays up, the
//! honest issuer's tokens pass at once, no forged token does, time and memory are bounded, and it heals.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and what was counted is worth reading"
)]

mod acts;
mod answers;
mod api;
mod forged;
mod heap;
mod planted;
mod server;
mod trial;

use acts::Act;
use heap::Watch;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinError, time::timeout};

/// No trial comes near it: whoever does has hung.
const HUNG: Duration = Duration::from_secs(60);

/// The most that the heap may grow beyond what it was while one trial is on, both sides of the wire and all requests
/// included. The documents sent are endless; 256 KiB of small members are some megabytes once they are read.
const PEAK: i64 = 16 * 1024 * 1024;

/// What all trials may leave behind, runtime and client included.
const LEFT: i64 = 1024 * 1024;

/// One test, for the heap is counted and everything that runs beside it would be counted as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_neighbour_does_the_honest_issuers_tokens_pass_no_forged_one_does_and_it_heals() {
    let acts: Vec<_> = acts::all().into_iter().map(Arc::new).collect();
    tried(&acts[0]).await.unwrap();
    let begun = heap::live();
    let (mut highest, mut lost) = (0, Vec::new());
    for act in &acts {
        let (watch, at) = (Watch::begin(), Instant::now());
        let ended = tried(act).await;
        let peak = watch.end();
        println!("{:<58} {:>5} ms, {:>6} KiB at most", act.name, at.elapsed().as_millis(), peak / 1024);
        if ended.is_err() || peak >= PEAK {
            lost.push((act.name, peak));
        }
        highest = highest.max(peak);
    }
    let left = heap::live() - begun;
    println!("{} trials: {highest} bytes at most, {left} left", acts.len());
    assert!(lost.is_empty(), "not stood, with the bytes taken: {lost:#?}");
    assert!(left < LEFT, "{left} bytes are left");
}

/// In a task of its own: the others go on where one is lost.
async fn tried(act: &Arc<Act>) -> Result<(), JoinError> {
    let (name, trial) = (act.name, trial::run(Arc::clone(act)));
    let in_time = async move { timeout(HUNG, trial).await.unwrap_or_else(|_| panic!("{name}: it hangs")) };
    tokio::spawn(in_time).await
}

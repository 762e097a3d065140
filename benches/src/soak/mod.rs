//! Ten minutes of a server's life: good, bad and hostile requests, and keys that rotate.
//!
//! The server is a process of its own on the first core, started and watched from here; requests, and the issuer that it
//! trusts, are on the second. Calm and attack take turns, so that both see the same machine.

mod calls;
mod issuer;
mod judge;
mod kinds;
mod server;
mod tally;

pub use server::serve;

use issuer::Issuer;
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use tally::Tally;
use tokio::{
    runtime::Builder,
    task::LocalSet,
    time::{interval, sleep},
};

/// Below it memory is told and not judged: caches are still being filled.
const JUDGED_FROM: u64 = 300;

/// Runs for so many seconds, and ends the process with an error where something is wrong.
pub fn run(seconds: u64) {
    assert!(seconds >= 15, "a soak takes 15 seconds at least: keys must rotate twice");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    let faults = local.block_on(&runtime, soaked(seconds));
    for fault in &faults {
        eprintln!("soak: {fault}");
    }
    std::process::exit(i32::from(!faults.is_empty()));
}

async fn soaked(seconds: u64) -> Vec<String> {
    let load = crate::report::load();
    let issuer = Issuer::start(rotation(seconds)).await;
    let mut server = server::Started::new(&issuer.identifier());
    let tally = Rc::new(Tally::default());
    kinds::begin(server.port, &issuer, &tally);
    let begun = Instant::now();
    // Buffers are there for an instant: seldom looked at, they are chance.
    let mut looks = interval(Duration::from_millis(100));
    while begun.elapsed().as_secs() < seconds && server.is_up() {
        looks.tick().await;
        let turn = begun.elapsed().as_secs() / turn(seconds);
        tally.turn(turn % 2 == 1);
        tally.resident(begun.elapsed(), server.resident());
    }
    // What is under way is answered.
    tally.turn(false);
    sleep(Duration::from_millis(500)).await;
    let judged = judge::Judged {
        seconds,
        load,
        rotations: issuer.rotations(),
        cycle: 2.0 * turn(seconds) as f64,
        judges_memory: seconds >= JUDGED_FROM,
    };
    let mut faults = judge::report(&tally, &judged);
    faults.extend(server.end());
    faults
}

/// Seconds of calm, then as many of attack.
fn turn(seconds: u64) -> u64 {
    (seconds / 8).clamp(2, 10)
}

/// From one new key to the next.
fn rotation(seconds: u64) -> Duration {
    Duration::from_secs((seconds / 3).clamp(5, 20))
}

//! What rotations leave behind: nothing. A program of its own, because it counts every byte that is allocated in it.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower_bearer::{
    Issuer, Verifier,
    keys::{Algorithm, Fetch, FetchFuture, FetchRequest, Fetched},
    testing::{AUDIENCE, TestIssuer},
};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now. What AWS-LC takes in C is not seen.
fn live() -> i64 {
    let stats = HEAP.stats();
    i64::try_from(stats.bytes_allocated).unwrap() - i64::try_from(stats.bytes_deallocated).unwrap()
}

/// Serves the set that it is told to.
#[derive(Clone, Default)]
struct Origin(Arc<Mutex<String>>);

impl Fetch for Origin {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        let set = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(Fetched::new(set)) })
    }
}

/// A set with the newest key alone, and tokens that it signed.
fn of_newest_key(issuer: &TestIssuer) -> (String, Vec<String>) {
    let kid = issuer.rotate();
    let set = issuer.jwks();
    let newest: Vec<&Value> =
        set["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == *kid).collect();
    let token = |number: u32| issuer.token().without("iat").claim("exp", 4_102_444_800u64).claim("n", number);
    (json!({ "keys": newest }).to_string(), (0..20).map(|number| token(number).sign()).collect())
}

#[tokio::test]
async fn two_thousand_rotations_leave_nothing_behind() {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::EdDSA);
    let sides = [of_newest_key(&issuer), of_newest_key(&issuer)];
    let origin = Origin::default();
    let trusted =
        Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap().fetch(origin.clone());
    let verifier = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let verifier = verifier.memory(64 * 1024, 30).build().unwrap();
    let mut heap = Vec::with_capacity(2_000);
    for round in 0..2_000 {
        let (set, tokens) = &sides[round % 2];
        origin.0.lock().unwrap().clone_from(set);
        // Past the time to live: the next token waits for the set.
        issuer.clock().advance(Duration::from_secs(700));
        for token in tokens {
            assert!(verifier.verify(token).await.is_ok());
        }
        heap.push(live());
    }
    // The same side of the turn, and every table as large as it gets.
    let (early, late) = (heap[999], heap[1_999]);
    assert!((late - early).abs() < 1_000, "a thousand rotations took {} bytes", late - early);
}

//! What a hostile reading of the source has found, so that it stays mended.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clocks;
mod extensions;
mod keys;
mod memory;
mod places;
mod policies;
mod rules;
mod tenants;

use std::time::Duration;
use tokio::task::yield_now;
use tower_bearer::Verifier;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn settle() {
    for _ in 0..200 {
        yield_now().await;
    }
}

async fn judged(verifier: &Verifier, token: &str) -> &'static str {
    match verifier.verify(token).await {
        Ok(_) => "passes",
        Err(error) => error.reason().id(),
    }
}

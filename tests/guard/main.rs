//! `GuardedRouter`: nothing behind it is reached past its policy, what is not guarded is axum's own answer, and the
//! table says what is enforced.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod check;
mod exotic;
mod fallbacks;
mod layers;
mod likeness;
mod named;
mod panics;
mod paths;
mod reports;
mod rules;
mod support;
mod table;
mod trees;

//! Any bytes as settings: a file, and the environment.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tower_bearer::testing::fuzz::settings(data));

//! Any bytes as a kept key set.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tower_bearer::testing::fuzz::kept_keys(data));

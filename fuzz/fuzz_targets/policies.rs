//! Any bytes as a file of policies.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tower_bearer::testing::fuzz::policies(data));

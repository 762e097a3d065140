//! Any bytes as a policy's text.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tower_bearer::testing::fuzz::policy_text(data));

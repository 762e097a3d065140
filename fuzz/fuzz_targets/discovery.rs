//! Any bytes as an issuer's metadata.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tower_bearer::testing::fuzz::discovery(data));

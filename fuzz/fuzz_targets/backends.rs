//! A key, a message and a signature: AWS-LC and the pure-Rust backend say the same.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tower_bearer::testing::fuzz::backends(data);
});

//! Any bytes as a history: with the memory or without it, every answer is the same.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tower_bearer::testing::fuzz::memory(data);
});

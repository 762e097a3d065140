//! tower-bearer
#![allow(dead_code, unused_imports)]
pub mod claims;
pub mod clock;
pub mod error;
mod json;

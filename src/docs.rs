//! The books that go with the crate, as they stand in the repository's `docs/`.

#[doc = include_str!("../docs/design.md")]
pub mod design {}

#[doc = include_str!("../docs/threats.md")]
pub mod threats {}

#[doc = include_str!("../docs/defaults.md")]
pub mod defaults {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

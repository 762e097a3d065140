//! The books that go with the crate, as they stand in the repository's `docs/`.

// The first definition of a link counts: pages here, files where the guide is read in the repository.
/// [`before.rs`]: crate::docs::guide::before
/// [`after.rs`]: crate::docs::guide::after
/// [`tests.rs`]: crate::docs::guide::tests
/// [`Issuer`]: crate::Issuer
/// [`readiness`]: crate::readiness
/// [`guard`]: crate::guard
/// [`policy`]: crate::policy
/// [`metadata`]: crate::metadata
/// [`authorize`]: crate::authorize
/// [`audit`]: crate::audit
/// [`openapi`]: crate::openapi
/// [`lifetime`]: crate::lifetime
/// [`testing`]: crate::testing
/// [`attacks`]: crate::testing::attacks
/// [`design`]: crate::docs::design
/// [`threats`]: crate::docs::threats
/// [`defaults`]: crate::docs::defaults
#[doc = include_str!("../docs/guide.md")]
pub mod guide {
    /// The app of the [guide](super::guide) as it was, `examples/guide/before.rs`.
    ///
    /// ```ignore
    #[doc = include_str!("../examples/guide/before.rs")]
    /// ```
    pub mod before {}

    /// The app of the [guide](super::guide) as it became, `examples/guide/after.rs`.
    ///
    /// ```ignore
    #[doc = include_str!("../examples/guide/after.rs")]
    /// ```
    pub mod after {}

    /// The tests of the [guide](super::guide)'s app, `examples/guide/tests.rs`.
    ///
    /// ```ignore
    #[doc = include_str!("../examples/guide/tests.rs")]
    /// ```
    pub mod tests {}
}

#[doc = include_str!("../docs/design.md")]
pub mod design {}

#[doc = include_str!("../docs/threats.md")]
pub mod threats {}

#[doc = include_str!("../docs/defaults.md")]
pub mod defaults {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

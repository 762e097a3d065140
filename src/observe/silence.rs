//! The same events for a build without `tracing`: nothing, at no cost.

use super::Looks;
use crate::error::AuthError;
use std::fmt;
#[cfg(feature = "remote")]
use std::time::Duration;

pub(crate) fn refused(error: AuthError, _: impl FnOnce() -> Looks) -> AuthError {
    error.told()
}

pub(crate) fn denied(error: AuthError, _: &dyn fmt::Display) -> AuthError {
    error.told()
}

pub(crate) fn miswired(_: &AuthError, _: fmt::Arguments<'_>) {}

pub(crate) fn plain_http(_: &str) {}

#[cfg(feature = "remote")]
pub(crate) fn refreshed(_: &str, _: &super::Refresh) {}

#[cfg(feature = "remote")]
pub(crate) fn refresh_failed(_: &str, _: &dyn fmt::Display, _: bool) {}

#[cfg(feature = "remote")]
pub(crate) fn resolver_failed(_: &str, _: &dyn fmt::Display, _: bool) {}

#[cfg(feature = "remote")]
pub(crate) fn resolver_recovered(_: &str) {}

#[cfg(feature = "remote")]
pub(crate) fn keys_recalled(_: &str, _: usize, _: Duration) {}

#[cfg(feature = "remote")]
pub(crate) fn store_failed(_: &str, _: &dyn fmt::Display) {}

//! The same events for a build without `tracing`: nothing, at no cost.

use super::Looks;
use crate::error::AuthError;
use std::fmt;

pub(crate) fn refused(_: &AuthError, _: impl FnOnce() -> Looks) {}

pub(crate) fn denied(_: &AuthError, _: &dyn fmt::Display) {}

pub(crate) fn miswired(_: &AuthError, _: fmt::Arguments<'_>) {}

pub(crate) fn plain_http(_: &str) {}

#[cfg(feature = "remote")]
pub(crate) fn refreshed(_: &str, _: &super::Refresh) {}

#[cfg(feature = "remote")]
pub(crate) fn refresh_failed(_: &str, _: &dyn fmt::Display, _: bool) {}

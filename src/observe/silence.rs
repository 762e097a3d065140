//! The same events for a build without `tracing`: nothing, at no cost.

use super::Looks;
use crate::error::AuthError;
use std::fmt;
#[cfg(feature = "remote")]
use std::time::Duration;

pub(super) fn refused(_: &AuthError, _: impl FnOnce() -> Looks) {}

pub(super) fn denied(_: &AuthError, _: &dyn fmt::Display) {}

pub(super) fn would_deny(_: &AuthError, _: &dyn fmt::Display, _: &dyn fmt::Display) {}

pub(crate) fn reports_only(_: Option<&str>, _: &dyn fmt::Display, _: &dyn fmt::Display) {}

#[cfg(feature = "axum")]
pub(crate) fn policies_reloaded(_: usize, _: usize) {}

#[cfg(feature = "axum")]
pub(crate) fn policies_kept(_: &dyn fmt::Display) {}

pub(crate) fn decision(_: &super::Decided<'_>) {}

pub(super) fn miswired(_: &AuthError, _: fmt::Arguments<'_>) {}

pub(crate) fn plain_http(_: &str) {}

#[cfg(feature = "remote")]
pub(super) fn in_refresh<F>(_: &str, fetch: F) -> F {
    fetch
}

#[cfg(feature = "remote")]
pub(super) fn refreshed(_: &str, _: &super::Refresh) {}

#[cfg(feature = "remote")]
pub(super) fn refresh_failed(_: &str, _: &dyn fmt::Display, _: bool) {}

#[cfg(feature = "remote")]
pub(crate) fn resolver_failed(_: &str, _: &dyn fmt::Display, _: bool) {}

#[cfg(feature = "remote")]
pub(crate) fn resolver_recovered(_: &str) {}

#[cfg(feature = "remote")]
pub(crate) fn keys_recalled(_: &str, _: usize, _: Duration) {}

#[cfg(feature = "remote")]
pub(crate) fn store_failed(_: &str, _: &dyn fmt::Display) {}

//! The same metrics for a build without `metrics`: nothing, at no cost.

use super::Layer;
use crate::error::AuthError;
use std::time::Duration;

pub(crate) fn describe() {}

pub(crate) fn admitted() {}

pub(crate) fn permitted() {}

pub(crate) fn anonymous() {}

pub(super) fn refused(_: Layer, _: &AuthError) {}

pub(super) fn would_deny(_: &AuthError) {}

pub(crate) fn would_permit() {}

#[cfg(feature = "remote")]
pub(super) fn refreshed(_: &str, _: &super::Refresh) {}

#[cfg(feature = "remote")]
pub(super) fn refresh_failed(_: &str, _: &'static str) {}

pub(crate) fn key_set_gone(_: &str) {}

pub(crate) fn key_set(_: &str, _: &'static str, _: Option<Duration>, _: usize) {}

pub(crate) fn looked_up(_: bool) {}

pub(crate) fn memory(_: u64, _: u64) {}

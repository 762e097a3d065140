//! Refusals, told once: to the log and to the counters alike.

use super::{Layer, Looks, events, metrics};
use crate::error::{AuthError, AuthErrorKind, Reason};
use std::fmt;

/// A token, or a request without one, is refused. `looks` is only called when somebody listens.
pub(crate) fn refused(error: AuthError, looks: impl FnOnce() -> Looks) -> AuthError {
    tell_refused(Layer::Authenticate, error, looks)
}

/// A refusal from within comes out: the handler's own, or one that was told already.
pub(crate) fn refused_within(error: AuthError) -> AuthError {
    tell_refused(Layer::Handler, error, Looks::default)
}

/// Once, and not at all where a miswired program was told of already.
fn tell_refused(layer: Layer, error: AuthError, looks: impl FnOnce() -> Looks) -> AuthError {
    if error.is_told() || error.kind() == AuthErrorKind::Misconfigured {
        return error;
    }
    events::refused(&error, looks);
    metrics::refused(layer, &error);
    error.told()
}

/// A policy said no. The policy is configuration and may be shown; the caller may not.
pub(crate) fn denied(error: AuthError, policy: &dyn fmt::Display) -> AuthError {
    events::denied(&error, policy);
    metrics::refused(Layer::Authorize, &error);
    error.told()
}

/// A policy that reports only would have said no.
pub(crate) fn would_deny(error: &AuthError, policy: &dyn fmt::Display, tighter: &dyn fmt::Display) {
    events::would_deny(error, policy, tighter);
    metrics::would_deny(error);
}

/// The program is at fault; the sentence says what was forgotten.
pub(crate) fn miswired(layer: Layer, reason: Reason, forgotten: fmt::Arguments<'_>) -> AuthError {
    let error = AuthError::new(reason);
    events::miswired(&error, forgotten);
    metrics::refused(layer, &error);
    error
}

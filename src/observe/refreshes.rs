//! How a fetch of keys ends, and the span around it: told to the log and to the counters alike.

use super::{Refresh, events, metrics};
use std::{fmt, future::Future};

/// The fetch, in a span of its own. Nothing but the issuer is in it.
pub(crate) fn in_refresh<F: Future>(issuer: &str, fetch: F) -> impl Future<Output = F::Output> + use<F> {
    events::in_refresh(issuer, fetch)
}

pub(crate) fn refreshed(issuer: &str, refresh: &Refresh) {
    events::refreshed(issuer, refresh);
    metrics::refreshed(issuer, refresh);
}

/// `class` is the kind of the error, from a fixed list; `error` its words.
pub(crate) fn refresh_failed(issuer: &str, class: &'static str, error: &dyn fmt::Display, again: bool) {
    events::refresh_failed(issuer, error, again);
    metrics::refresh_failed(issuer, class);
}

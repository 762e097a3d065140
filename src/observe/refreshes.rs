//! How a fetch of keys ends, and the span around it: told to the log and to the counters alike.

use super::{Counted, Refresh, events, metrics};
use std::{fmt, future::Future};

/// The fetch, in a span of its own. Nothing but the issuer is in it.
pub(crate) fn in_refresh<F: Future>(issuer: &str, fetch: F) -> impl Future<Output = F::Output> + use<F> {
    events::in_refresh(issuer, fetch)
}

pub(crate) fn refreshed(of: &Counted<'_>, refresh: &Refresh) {
    events::refreshed(of.issuer, refresh);
    metrics::refreshed(of.label, refresh);
}

/// `class` is the kind of the error, from a fixed list; `error` its words.
pub(crate) fn refresh_failed(of: &Counted<'_>, class: &'static str, error: &dyn fmt::Display, again: bool) {
    events::refresh_failed(of.issuer, error, again);
    metrics::refresh_failed(of.label, class);
}

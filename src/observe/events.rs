use super::Looks;
use crate::error::{AuthError, AuthErrorKind};
use std::fmt;
#[cfg(feature = "remote")]
use std::time::Duration;
#[cfg(feature = "remote")]
use tracing::{Instrument as _, instrument::Instrumented};
use tracing::{Level, enabled};

macro_rules! event {
    ($level:ident, $($rest:tt)*) => {
        tracing::event!(target: "tower_bearer", Level::$level, $($rest)*)
    };
}

pub(super) fn refused(error: &AuthError, looks: impl FnOnce() -> Looks) {
    let (kind, reason) = (kind_id(error.kind()), error.reason().id());
    if error.kind() == AuthErrorKind::MissingToken {
        event!(DEBUG, kind, reason, "request refused");
    } else {
        event!(INFO, kind, reason, "request refused");
    }
    if error.kind() == AuthErrorKind::InvalidToken && enabled!(target: "tower_bearer", Level::DEBUG) {
        let Looks { iss, aud, typ, alg, kid } = looks();
        let (iss, aud, typ, alg, kid) = (cut(iss), cut(aud), cut(typ), cut(alg), cut(kid));
        event!(DEBUG, iss, aud, typ, alg, kid, "token looked like");
    }
}

pub(super) fn denied(error: &AuthError, policy: &dyn fmt::Display) {
    let reason = error.reason().id();
    if error.kind() == AuthErrorKind::MissingToken {
        event!(DEBUG, reason, %policy, "policy denied");
    } else {
        event!(INFO, reason, %policy, "policy denied");
    }
}

pub(super) fn would_deny(error: &AuthError, policy: &dyn fmt::Display, report_only: &dyn fmt::Display) {
    let reason = error.reason().id();
    if error.kind() == AuthErrorKind::MissingToken {
        event!(DEBUG, reason, %policy, %report_only, "policy would deny");
    } else {
        event!(INFO, reason, %policy, %report_only, "policy would deny");
    }
}

pub(crate) fn reports_only(name: Option<&str>, policy: &dyn fmt::Display, report_only: &dyn fmt::Display) {
    let name = name.unwrap_or("unnamed");
    event!(WARN, name, %policy, %report_only, "policy reports only");
}

#[cfg(feature = "axum")]
pub(crate) fn policies_reloaded(policies: usize, changed: usize) {
    event!(INFO, policies, changed, "policies reloaded");
}

#[cfg(feature = "axum")]
pub(crate) fn policies_kept(error: &dyn fmt::Display) {
    event!(WARN, %error, "policies kept");
}

pub(crate) fn decision(decided: &super::Decided<'_>) {
    let &super::Decided { stage, outcome, error, issuer, policy } = decided;
    let kind = error.map_or("none", |error| kind_id(error.kind()));
    let reason = error.map_or("none", |error| error.reason().id());
    let issuer = issuer.unwrap_or("none");
    tracing::event!(
        target: "tower_bearer::audit",
        Level::INFO,
        stage,
        outcome,
        kind,
        reason,
        issuer,
        %policy,
        "decision"
    );
}

pub(super) fn miswired(error: &AuthError, forgotten: fmt::Arguments<'_>) {
    event!(ERROR, reason = error.reason().id(), %forgotten, "wired wrong");
}

pub(crate) fn plain_http(issuer: &str) {
    event!(WARN, issuer, "plain http allowed");
}

/// The span has no parent: it would keep the request's own span open for as long as the fetch takes.
#[cfg(feature = "remote")]
pub(super) fn in_refresh<F>(issuer: &str, fetch: F) -> Instrumented<F> {
    fetch.instrument(tracing::info_span!(target: "tower_bearer", parent: None, "key refresh", issuer))
}

#[cfg(feature = "remote")]
pub(super) fn refreshed(issuer: &str, refresh: &super::Refresh) {
    let &super::Refresh { keys, skipped, first, rotated, recovered, .. } = refresh;
    if first || rotated || recovered {
        event!(INFO, issuer, keys, skipped, first, rotated, recovered, "keys refreshed");
    } else {
        event!(DEBUG, issuer, keys, skipped, first, rotated, recovered, "keys refreshed");
    }
}

#[cfg(feature = "remote")]
pub(super) fn refresh_failed(issuer: &str, error: &dyn fmt::Display, again: bool) {
    if again {
        event!(DEBUG, issuer, %error, "key refresh failed");
    } else {
        event!(WARN, issuer, %error, "key refresh failed");
    }
}

/// Keys that an earlier process had fetched that long ago.
#[cfg(feature = "remote")]
pub(crate) fn keys_recalled(issuer: &str, keys: usize, age: Duration) {
    event!(INFO, issuer, keys, age = age.as_secs(), "keys recalled");
}

#[cfg(feature = "remote")]
pub(crate) fn store_failed(issuer: &str, error: &dyn fmt::Display) {
    event!(WARN, issuer, %error, "key store failed");
}

/// The resolver is one for all tenants: `tenants` is their template, and no tenant is named.
#[cfg(feature = "remote")]
pub(crate) fn resolver_failed(tenants: &str, error: &dyn fmt::Display, again: bool) {
    if again {
        event!(DEBUG, tenants, %error, "tenant resolver failed");
    } else {
        event!(WARN, tenants, %error, "tenant resolver failed");
    }
}

#[cfg(feature = "remote")]
pub(crate) fn resolver_recovered(tenants: &str) {
    event!(INFO, tenants, "tenant resolver recovered");
}

fn kind_id(kind: AuthErrorKind) -> &'static str {
    match kind {
        AuthErrorKind::MissingToken => "missing_token",
        AuthErrorKind::InvalidRequest => "invalid_request",
        AuthErrorKind::InvalidToken => "invalid_token",
        AuthErrorKind::InsufficientScope => "insufficient_scope",
        AuthErrorKind::InsufficientAuthentication => "insufficient_authentication",
        AuthErrorKind::Unavailable => "unavailable",
        AuthErrorKind::Misconfigured => "misconfigured",
    }
}

/// Escaped, so that a token cannot forge a log line, and short.
fn cut(value: Option<String>) -> String {
    const MOST: usize = 64;
    let Some(value) = value else { return "absent".into() };
    let mut shown = String::with_capacity(MOST);
    for character in value.chars() {
        let escaped: String = character.escape_debug().collect();
        if shown.len() + escaped.len() > MOST {
            shown.push('…');
            break;
        }
        shown.push_str(&escaped);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_shown_value_is_escaped_and_cut() {
        assert_eq!(cut(None), "absent");
        assert_eq!(cut(Some("a\nb\u{1b}[0m".into())), "a\\nb\\u{1b}[0m");
        assert_eq!(cut(Some("x".repeat(100))), format!("{}…", "x".repeat(64)));
        assert!(cut(Some("é\n".repeat(100))).len() <= 64 + '…'.len_utf8());
    }
}

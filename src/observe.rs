//! What the operator sees: `tracing` events in a stable vocabulary, and nothing at all without the feature.
//!
//! Target `tower_bearer`. No event holds a token, a secret or a claim's value; the one exception is the DEBUG event
//! `token looked like`, which shows `iss`, `aud`, `typ`, `alg` and `kid` of a refused token, escaped and cut at 64
//! bytes, so that an operator can see why.
//!
//! | message | level | fields |
//! | --- | --- | --- |
//! | `request refused` | INFO; DEBUG for a missing token | `kind`, `reason` |
//! | `token looked like` | DEBUG | `iss`, `aud`, `typ`, `alg`, `kid` |
//! | `policy denied` | INFO; DEBUG without a token | `reason`, `policy` |
//! | `wired wrong` | ERROR | `reason`, `forgotten` |
//! | `keys refreshed` | DEBUG; INFO when key ids changed or the issuer recovered | `issuer`, `keys`, `skipped`, `rotated`, `recovered` |
//! | `key refresh failed` | WARN; DEBUG when the same failure repeats | `issuer`, `error` |
//! | `plain http allowed` | WARN | `issuer` |

use crate::error::{AuthError, AuthErrorKind};
use std::fmt;

macro_rules! event {
    ($level:ident, $($rest:tt)*) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(target: "tower_bearer", tracing::Level::$level, $($rest)*);
    }};
}

/// The five short values of a refused token that an operator may see.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    pub(crate) iss: Option<String>,
    pub(crate) aud: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) alg: Option<String>,
    pub(crate) kid: Option<String>,
}

/// A request was refused by the layer. `looks` is only called when somebody listens.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn refused(error: &AuthError, looks: impl FnOnce() -> Looks) {
    match error.kind() {
        AuthErrorKind::MissingToken => {
            event!(DEBUG, kind = "missing_token", reason = error.reason().id(), "request refused");
            return;
        }
        kind => event!(INFO, kind = kind_id(kind), reason = error.reason().id(), "request refused"),
    }
    #[cfg(feature = "tracing")]
    if error.kind() == AuthErrorKind::InvalidToken
        && tracing::enabled!(target: "tower_bearer", tracing::Level::DEBUG)
    {
        let Looks { iss, aud, typ, alg, kid } = looks();
        event!(
            DEBUG,
            iss = cut(iss),
            aud = cut(aud),
            typ = cut(typ),
            alg = cut(alg),
            kid = cut(kid),
            "token looked like"
        );
    }
}

/// A policy said no. The policy is configuration and may be shown; the caller may not.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn denied(error: &AuthError, policy: &dyn fmt::Display) {
    match error.kind() {
        AuthErrorKind::MissingToken => event!(DEBUG, reason = error.reason().id(), %policy, "policy denied"),
        _ => event!(INFO, reason = error.reason().id(), %policy, "policy denied"),
    }
}

/// The program is at fault; the sentence says what was forgotten.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn miswired(error: &AuthError, forgotten: fmt::Arguments<'_>) {
    event!(ERROR, reason = error.reason().id(), forgotten = %forgotten, "wired wrong");
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn plain_http(issuer: &str) {
    event!(WARN, issuer, "plain http allowed");
}

#[cfg(feature = "remote")]
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn refreshed(issuer: &str, keys: usize, skipped: usize, rotated: bool, recovered: bool) {
    if rotated || recovered {
        event!(INFO, issuer, keys, skipped, rotated, recovered, "keys refreshed");
    } else {
        event!(DEBUG, issuer, keys, skipped, rotated, recovered, "keys refreshed");
    }
}

#[cfg(feature = "remote")]
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn refresh_failed(issuer: &str, error: &dyn fmt::Display, again: bool) {
    if again {
        event!(DEBUG, issuer, %error, "key refresh failed");
    } else {
        event!(WARN, issuer, %error, "key refresh failed");
    }
}

#[cfg(feature = "tracing")]
fn kind_id(kind: AuthErrorKind) -> &'static str {
    match kind {
        AuthErrorKind::MissingToken => "missing_token",
        AuthErrorKind::InvalidRequest => "invalid_request",
        AuthErrorKind::InvalidToken => "invalid_token",
        AuthErrorKind::InsufficientScope => "insufficient_scope",
        AuthErrorKind::Unavailable => "unavailable",
        AuthErrorKind::Misconfigured => "misconfigured",
    }
}

/// Escaped, so that a token cannot forge a log line, and short.
#[cfg(feature = "tracing")]
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

#[cfg(all(test, feature = "tracing"))]
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

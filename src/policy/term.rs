use super::{Truth, check::Check, rule::Ruled, value};
use crate::{
    claims::{Authority, ClaimPath, Principal},
    json::MAX_DEPTH,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// One question to a caller.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Term {
    // Scopes are shared with the denials that name them.
    Scope(Arc<str>),
    AnyScope(Vec<Arc<str>>),
    AllScopes(Vec<Arc<str>>),
    Role(Box<str>),
    Permission(Box<str>),
    Group(Box<str>),
    Claim(ClaimPath, Value),
    Absent(ClaimPath),
    Issuer(Box<str>),
    Client(Box<str>),
    /// Any of these, the preferred first; shared with the denials that name them.
    Acr(Vec<Arc<str>>),
    /// In seconds.
    MaxAge(u32),
    Authenticated,
    Public(Box<str>),
    Optional(Box<str>),
    Deny,
    Check(Check),
    /// It has a policy of its own, which may be asked where there is nobody.
    Rule(Ruled),
}

/// What was expected where a term could not be built.
pub(super) type Expected = &'static str;

impl Term {
    pub(super) fn evaluate(&self, principal: Option<&Principal>) -> Truth {
        match (self, principal) {
            (Self::Public(_) | Self::Optional(_), _) => Truth::Yes,
            (Self::Deny, _) => Truth::No,
            (Self::Rule(rule), principal) => rule.evaluate(principal),
            (_, None) => Truth::Unknown,
            (_, Some(principal)) => self.ask(principal),
        }
    }

    fn ask(&self, principal: &Principal) -> Truth {
        match self {
            Self::Scope(scope) => lists(principal, Authority::Scopes, scope),
            Self::AnyScope(scopes) => {
                Truth::any(scopes.iter().map(|scope| lists(principal, Authority::Scopes, scope)))
            }
            Self::AllScopes(scopes) => {
                Truth::all(scopes.iter().map(|scope| lists(principal, Authority::Scopes, scope)))
            }
            Self::Role(role) => lists(principal, Authority::Roles, role),
            Self::Permission(permission) => lists(principal, Authority::Permissions, permission),
            Self::Group(group) => lists(principal, Authority::Groups, group),
            Self::Claim(path, wanted) => claim_is(principal, path, wanted),
            Self::Absent(path) => is_absent(principal, path),
            Self::Issuer(issuer) => Truth::from(principal.issuer() == &**issuer),
            Self::Client(client) => Truth::from(principal.client().map(|had| had == &**client)),
            Self::Acr(values) => acr_is(principal, values),
            Self::MaxAge(seconds) => Truth::from(principal.was_authenticated_within(*seconds)),
            Self::Check(check) => check.run(principal),
            Self::Rule(rule) => rule.evaluate(Some(principal)),
            Self::Authenticated | Self::Public(_) | Self::Optional(_) => Truth::Yes,
            Self::Deny => Truth::No,
        }
    }
}

fn lists(principal: &Principal, authority: Authority, wanted: &str) -> Truth {
    Truth::from(principal.listed(authority).map(|mut had| had.any(|had| had == wanted)))
}

/// What is left of a claim that was cut off proves nothing, not even that a value is there.
fn claim_is(principal: &Principal, path: &ClaimPath, wanted: &Value) -> Truth {
    if principal.is_cut_off(path.claim()) {
        return Truth::Unknown;
    }
    principal.claim_at(path).map_or(Truth::Unknown, |found| value::compare(found, wanted))
}

fn acr_is(principal: &Principal, wanted: &[Arc<str>]) -> Truth {
    if principal.is_cut_off("acr") {
        return Truth::Unknown;
    }
    Truth::from(principal.acr().map(|had| wanted.iter().any(|wanted| **wanted == *had)))
}

fn is_absent(principal: &Principal, path: &ClaimPath) -> Truth {
    if principal.is_hidden(path) {
        return Truth::Unknown;
    }
    Truth::from(principal.claim_at(path).is_none())
}

/// RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
pub(super) fn scope_token(text: &str) -> Result<Arc<str>, Expected> {
    if !fits_a_list(text) {
        return Err("a scope: visible ASCII without space, quote and backslash (RFC 6749 section 3.3)");
    }
    Ok(text.into())
}

/// What stands in a challenge beside others, between spaces and in quotes (RFC 9470 section 3).
pub(super) fn acr_value(text: &str) -> Result<Arc<str>, Expected> {
    if !fits_a_list(text) {
        return Err("an authentication context: visible ASCII without space, quote and backslash");
    }
    Ok(text.into())
}

fn fits_a_list(text: &str) -> bool {
    let fits = |byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    !text.is_empty() && text.bytes().all(fits)
}

const SECONDS: Expected = "whole seconds, 0 to 4294967295";

pub(super) fn seconds(text: &str) -> Result<u32, Expected> {
    // `parse` alone takes a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(SECONDS)
}

pub(super) fn whole_seconds(duration: Duration) -> Result<u32, Expected> {
    let whole = duration.subsec_nanos() == 0;
    u32::try_from(duration.as_secs()).ok().filter(|_| whole).ok_or(SECONDS)
}

/// No server names a role, a client or an issuer by nothing; a variable that was never set does.
pub(super) fn name(text: &str) -> Result<Box<str>, Expected> {
    if text.is_empty() { Err("a text that is not empty") } else { Ok(text.into()) }
}

pub(super) fn claim_path(text: &str) -> Result<ClaimPath, Expected> {
    text.parse().map_err(|_| "a claim path: a claim's name, or a JSON Pointer such as /realm_access/roles")
}

/// No deeper than what a verified token can hold, and what its text can be read back from.
pub(super) fn claim_value(value: Value) -> Result<Value, Expected> {
    if value::is_shallow(&value, MAX_DEPTH) { Ok(value) } else { Err("a value nested at most 32 deep") }
}

//! The terms, as one builds them in code.
//!
//! They panic where the text form has an error to return: a policy is written by the application's author and built at
//! start-up, as `http::HeaderValue::from_static` is.

use super::{
    Policy, Truth,
    check::Check,
    term::{self, Expected, Term},
};
use crate::claims::Principal;
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

/// The scope was granted (RFC 6749 section 3.3), compared whole.
///
/// # Panics
///
/// When the text is no scope token. Parse `scope(…)` as a [`Policy`] where it comes from outside.
#[track_caller]
pub fn scope(scope: impl Into<String>) -> Policy {
    let text = scope.into();
    built(format_args!("scope({text:?})"), term::scope_token(&text).map(Term::Scope))
}

/// At least one of the scopes was granted: `any_scope(["a", "b"])` is `scope("a") | scope("b")`.
///
/// # Panics
///
/// When the list is empty, or a text in it is no scope token.
#[track_caller]
pub fn any_scope(scopes: impl IntoIterator<Item = impl Into<String>>) -> Policy {
    let texts = texts(scopes);
    built(format_args!("any_scope({texts:?})"), tokens(&texts).map(Term::AnyScope))
}

/// All of the scopes were granted: `all_scopes(["a", "b"])` is `scope("a") & scope("b")`.
///
/// # Panics
///
/// When the list is empty, which everybody would satisfy, or a text in it is no scope token.
#[track_caller]
pub fn all_scopes(scopes: impl IntoIterator<Item = impl Into<String>>) -> Policy {
    let texts = texts(scopes);
    built(format_args!("all_scopes({texts:?})"), tokens(&texts).map(Term::AllScopes))
}

/// The caller has this role, by the issuer's mapping.
///
/// # Panics
///
/// When the text is empty.
#[track_caller]
pub fn role(role: impl Into<String>) -> Policy {
    named("role", role.into(), Term::Role)
}

/// The caller has this permission, by the issuer's mapping.
///
/// # Panics
///
/// When the text is empty.
#[track_caller]
pub fn permission(permission: impl Into<String>) -> Policy {
    named("permission", permission.into(), Term::Permission)
}

/// The caller is in this group, by the issuer's mapping.
///
/// # Panics
///
/// When the text is empty.
#[track_caller]
pub fn group(group: impl Into<String>) -> Policy {
    named("group", group.into(), Term::Group)
}

/// The claim has this value, or is an array that contains it.
///
/// The path is a claim's name or a JSON Pointer ([`ClaimPath`](crate::claims::ClaimPath)). Numbers compare as numbers,
/// 1 is 1.0. A claim of another JSON type than the value (`null` too, or an array with nothing of that type in it)
/// leaves it unknown; an empty array is a no.
///
/// # Panics
///
/// When the path is none, or the value nests deeper than 32.
#[track_caller]
pub fn claim(path: impl Into<String>, value: impl Into<Value>) -> Policy {
    let text = path.into();
    let term = || Ok(Term::Claim(term::claim_path(&text)?, term::claim_value(value.into())?));
    built(format_args!("claim({text:?}, …)"), term())
}

/// The token has nothing at this path, and its issuer did not cut the claim off. A `null` is something.
///
/// # Panics
///
/// When the path is none.
#[track_caller]
pub fn absent(path: impl Into<String>) -> Policy {
    let text = path.into();
    built(format_args!("absent({text:?})"), term::claim_path(&text).map(Term::Absent))
}

/// The token comes from this issuer, compared whole.
///
/// # Panics
///
/// When the text is empty.
#[track_caller]
pub fn issuer(issuer: impl Into<String>) -> Policy {
    named("issuer", issuer.into(), Term::Issuer)
}

/// The token was issued to this client; unknown when it names none.
///
/// # Panics
///
/// When the text is empty.
#[track_caller]
pub fn client(client: impl Into<String>) -> Policy {
    named("client", client.into(), Term::Client)
}

/// The user was authenticated in this context: the token's `acr` (RFC 9068 section 2.2.1), compared whole. Unknown when
/// the token does not say.
///
/// Contexts have no order: who accepts a stronger one as well names it, see [`any_acr`]. A caller whose login does not
/// suffice is answered with a step-up challenge (RFC 9470), see [`Policy::decide`].
///
/// # Panics
///
/// When the text is empty, or has something other than visible ASCII in it, a quote or a backslash.
#[track_caller]
pub fn acr(value: impl Into<String>) -> Policy {
    let text = value.into();
    built(format_args!("acr({text:?})"), term::acr_value(&text).map(|value| Term::Acr(vec![value])))
}

/// The user was authenticated in one of these contexts. The challenge names them in this order, the preferred first
/// (RFC 9470 section 3).
///
/// # Panics
///
/// When the list is empty, or a text in it is not as [`acr`] takes it.
#[track_caller]
pub fn any_acr(values: impl IntoIterator<Item = impl Into<String>>) -> Policy {
    let texts = texts(values);
    let values = list(&texts, "at least one context", term::acr_value);
    built(format_args!("any_acr({texts:?})"), values.map(Term::Acr))
}

/// The user was authenticated at most this long ago: the token's `auth_time` (RFC 9068 section 2.2.1), held against the
/// verifier's clock at the moment of the decision, with the verifier's leeway added as for `exp`. Unknown when the token
/// does not say, or names a time that is yet to come.
///
/// A token that was good a minute ago may be refused now, remembered or not; one that was merely renewed has the old
/// `auth_time`. A caller whose login is too old is answered with a step-up challenge (RFC 9470), see
/// [`Policy::decide`].
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::policy::{acr, max_age};
///
/// let transfer = acr("urn:acr:2fa") & max_age(Duration::from_secs(300));
/// assert_eq!(transfer.to_string(), "acr(urn:acr:2fa) & max_age(300)");
/// ```
///
/// # Panics
///
/// When it is not in whole seconds, or more than 2³² - 1 of them.
#[track_caller]
pub fn max_age(age: Duration) -> Policy {
    built(format_args!("max_age({age:?})"), term::whole_seconds(age).map(Term::MaxAge))
}

/// Any caller with a verified token.
pub fn authenticated() -> Policy {
    Term::Authenticated.into()
}

/// Everybody, with or without a token. The reason is for whoever reads the route table.
///
/// The policy asks for no token; `AuthenticateLayer` around it does what it always does, and refuses a bad one. A route
/// on which even that must not matter (`/health`) stands outside of the layer; a `GuardedRouter` puts it there where this
/// is the whole policy.
///
/// # Panics
///
/// When the reason is empty.
#[track_caller]
pub fn public(reason: impl Into<String>) -> Policy {
    named("public", reason.into(), Term::Public)
}

/// Everybody, but a bad token is refused. The reason is for whoever reads the route table.
///
/// # Panics
///
/// When the reason is empty.
#[track_caller]
pub fn optional(reason: impl Into<String>) -> Policy {
    named("optional", reason.into(), Term::Optional)
}

/// Nobody.
pub fn deny() -> Policy {
    Term::Deny.into()
}

/// A question of your own, answered without waiting: `bool`, `Option<bool>` (`None` is unknown), `Result<bool, E>` (an
/// error is unknown) or [`Truth`].
///
/// The text form holds the name alone; [`Policy::bind`] gives it its function back. One function may run several
/// times for a request, or not at all when the rest has decided.
///
/// ```
/// use tower_bearer::policy::{check, scope};
///
/// let named = check("has-subject", |caller| caller.subject().is_some());
/// assert_eq!((scope("mail") & named).to_string(), "scope(mail) & check(has-subject)");
/// ```
///
/// # Panics
///
/// When the name is empty.
#[track_caller]
pub fn check<F, R>(name: impl Into<String>, f: F) -> Policy
where
    F: Fn(&Principal) -> R + Send + Sync + 'static,
    R: Into<Truth>,
{
    named("check", name.into(), |name| Term::Check(Check::bound(name, f)))
}

fn texts(scopes: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    scopes.into_iter().map(Into::into).collect()
}

fn tokens(texts: &[String]) -> Result<Vec<Arc<str>>, Expected> {
    list(texts, "at least one scope", term::scope_token)
}

fn list<A>(
    texts: &[String],
    some: Expected,
    build: fn(&str) -> Result<A, Expected>,
) -> Result<Vec<A>, Expected> {
    if texts.is_empty() {
        return Err(some);
    }
    texts.iter().map(|text| build(text)).collect()
}

#[track_caller]
fn named(kind: &str, text: String, term: impl FnOnce(Box<str>) -> Term) -> Policy {
    built(format_args!("{kind}({text:?})"), term::name(&text).map(term))
}

#[track_caller]
#[allow(clippy::panic, reason = "documented: a policy is built at start-up, by its author")]
fn built(call: fmt::Arguments<'_>, term: Result<Term, Expected>) -> Policy {
    match term {
        Ok(term) => term.into(),
        Err(expected) => panic!("{call}: expected {expected}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn panics(build: impl FnOnce() -> Policy) -> String {
        let panic = catch_unwind(AssertUnwindSafe(build)).expect_err("built");
        panic.downcast_ref::<String>().cloned().unwrap()
    }

    #[test]
    fn a_policy_that_could_never_be_meant_panics_when_it_is_built() {
        type Build = fn() -> Policy;
        let cases: [(&str, Build, &str); 16] = [
            ("scope with a space", || scope("a b"), r#"scope("a b"): expected a scope: visible ASCII"#),
            ("empty scope", || scope(""), "expected a scope"),
            ("scope with a quote", || scope("a\"b"), "expected a scope"),
            ("scope with a backslash", || scope("a\\b"), "expected a scope"),
            ("scope beyond ASCII", || scope("ä"), "expected a scope"),
            ("scope with DEL", || scope("a\u{7f}"), "expected a scope"),
            ("no scope of any", || any_scope([""; 0]), "any_scope([]): expected at least one scope"),
            ("no scope of all", || all_scopes(Vec::<String>::new()), "expected at least one scope"),
            ("a bad one among good ones", || all_scopes(["a", "b c"]), r#"all_scopes(["a", "b c"])"#),
            (
                "a path with an empty step",
                || claim("/a//b", 1),
                r#"claim("/a//b", …): expected a claim path"#,
            ),
            ("a variable that was never set", || role(""), r#"role(""): expected a text that is not empty"#),
            ("no reason", || public(""), "public"),
            ("an acr with a space", || acr("a b"), r#"acr("a b"): expected an authentication context"#),
            ("no acr of any", || any_acr([""; 0]), "any_acr([]): expected at least one context"),
            (
                "half a second",
                || max_age(Duration::from_millis(500)),
                "max_age(500ms): expected whole seconds",
            ),
            ("more than 136 years", || max_age(Duration::from_secs(1 << 32)), "expected whole seconds"),
        ];
        for (name, build, sentence) in cases {
            let said = panics(build);
            assert!(said.contains(sentence), "{name}: {said}");
        }
    }

    #[test]
    fn every_scope_that_rfc_6749_allows_can_be_built() {
        let allowed: String = (0x21u8..=0x7e).map(char::from).filter(|c| !matches!(c, '"' | '\\')).collect();
        assert_eq!(allowed.len(), 92);
        assert!(scope(allowed.clone()).scopes().into_iter().eq([allowed]));
    }

    #[test]
    fn a_value_deeper_than_any_token_panics() {
        let nest = |depth| (0..depth).fold(Value::from(1), |value, _| Value::Array(vec![value]));
        let _fits = claim("a", nest(32));
        assert!(panics(|| claim("a", nest(33))).contains("nested at most 32 deep"));
    }
}

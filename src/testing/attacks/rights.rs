//! What the token permits: only a space stands between scopes (RFC 6749 section 3.3).

use super::{
    attack::{Answer, Attack, Category::Rights, Needs},
    forge::Forge,
};
use serde_json::{Value, json};

const fn token(
    name: &'static str,
    source: &'static str,
    what: &'static str,
    run: fn(&Forge) -> String,
) -> Attack {
    Rights.token(name, source, what, run).is_answered(Answer::InsufficientScope).needs_a(Needs::Scopes)
}

fn scope(forge: &Forge) -> String {
    forge.claims().get("scope").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn with(forge: &Forge, scope: impl Into<Value>) -> String {
    forge.good().claim("scope", scope).sign()
}

/// Each scope changed.
fn each(forge: &Forge, change: impl Fn(&str) -> String) -> String {
    let changed: Vec<_> = scope(forge).split(' ').map(change).collect();
    with(forge, changed.join(" "))
}

/// All of them in one text, with something else between.
fn joined(forge: &Forge, by: &str) -> String {
    with(forge, format!("openid{by}{}", scope(forge).replace(' ', by)))
}

pub(super) const ATTACKS: &[Attack] = &[
    token(
        "scope_missing",
        "RFC 6750 3.1",
        "Has a good token without the scopes that the route asks for.",
        |f| f.good().without("scope").sign(),
    ),
    token("scope_of_another", "RFC 6750 3.1", "Has a scope, and not the one that the route asks for.", |f| {
        with(f, "openid")
    }),
    token(
        "scope_joined_by_tabs",
        "RFC 6749 3.3; field",
        "Has one scope with tabs in it, which some split there.",
        |f| joined(f, "\t"),
    ),
    token(
        "scope_joined_by_no_break_spaces",
        "RFC 6749 3.3; field",
        "Has one scope with no-break spaces in it, which some split there.",
        |f| joined(f, "\u{a0}"),
    ),
    token(
        "scope_joined_by_commas",
        "RFC 6749 3.3; field",
        "Has one scope with commas in it, which some split there.",
        |f| joined(f, ","),
    ),
    token(
        "scope_joined_by_newlines",
        "RFC 6749 3.3; field",
        "Has one scope with line ends in it, which some split there.",
        |f| joined(f, "\n"),
    ),
    token(
        "scope_longer",
        "RFC 6749 3.3; field",
        "Has scopes that begin as those asked for, for a reader that looks whether a text is in another.",
        |f| each(f, |scope| format!("{scope}-not")),
    ),
    token("scope_shorter", "RFC 6749 3.3; field", "Has scopes that those asked for begin with.", |f| {
        each(f, |scope| scope.get(..scope.len().saturating_sub(1)).unwrap_or_default().to_owned())
    }),
    token(
        "scope_in_another_case",
        "RFC 6749 3.3",
        "Has the scopes in capitals: they are case-sensitive.",
        |f| each(f, str::to_ascii_uppercase),
    ),
    token("scope_wildcard", "RFC 6749 3.3; field", "Has `*` for a scope.", |f| with(f, "*")),
    token(
        "scope_object",
        "RFC 6749 3.3; field",
        "Has an object for `scope`, with the scopes for keys.",
        |f| with(f, json!({ scope(f): true })),
    ),
    token(
        "scope_list_with_a_space",
        "RFC 6749 3.3; field",
        "Has a list for `scope` with one entry, in which the scopes stand with spaces between.",
        |f| with(f, json!([format!("openid {}", scope(f))])),
    ),
    token(
        "scope_in_the_header",
        "RFC 7519 5.3; field",
        "Has the scopes in its header, and not among its claims.",
        |f| {
            let mut claims = f.claims();
            claims.remove("scope");
            f.sealed(f.header_with("scope", scope(f)), Value::Object(claims).to_string())
        },
    ),
    token(
        "scope_in_another_claim",
        "RFC 8693 4.1; field",
        "Has the scopes in a nested object, where another party's stand.",
        |f| f.good().without("scope").claim("act", json!({"scope": scope(f)})).sign(),
    ),
];

//! What a token has to say for a term to be met: for tests that make tokens from policies.

use super::{Policy, algebra::Node, term::Term};
use serde_json::Value;

/// One thing to write into a token.
#[derive(Debug, Clone)]
pub(crate) enum Grant<'p> {
    Scope(&'p str),
    Role(&'p str),
    Permission(&'p str),
    Group(&'p str),
    /// At the top level.
    Claim(&'p str, &'p Value),
    Client(&'p str),
    Acr(&'p str),
    /// A login that has just been.
    Login,
    /// Every token says it, or has to be silent.
    Nothing,
}

impl Policy {
    /// Of a policy of one term; `None` where a token alone cannot meet it, or nobody here knows how: a check, a `!`, a
    /// nested claim, another issuer.
    pub(crate) fn grant(&self) -> Option<Grant<'_>> {
        let Node::Term(term) = self.node() else { return None };
        Some(match term {
            Term::Scope(scope) => Grant::Scope(scope),
            Term::Role(role) => Grant::Role(role),
            Term::Permission(permission) => Grant::Permission(permission),
            Term::Group(group) => Grant::Group(group),
            Term::Claim(path, value) if path.to_string() == path.claim() => Grant::Claim(path.claim(), value),
            Term::Client(client) => Grant::Client(client),
            Term::Acr(values) => Grant::Acr(values.first()?),
            Term::MaxAge(_) => Grant::Login,
            Term::Authenticated | Term::Absent(_) | Term::Public(_) | Term::Optional(_) => Grant::Nothing,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_says_what_a_token_needs_for_it() {
        for (text, grant) in [
            ("scope(a)", "Some(Scope(\"a\"))"),
            ("role(a)", "Some(Role(\"a\"))"),
            ("permission(a)", "Some(Permission(\"a\"))"),
            ("group(a)", "Some(Group(\"a\"))"),
            ("claim(a, 1)", "Some(Claim(\"a\", Number(1)))"),
            ("claim(/a/b, 1)", "None"),
            ("client(a)", "Some(Client(\"a\"))"),
            ("acr(b, a)", "Some(Acr(\"b\"))"),
            ("max_age(300)", "Some(Login)"),
            ("authenticated", "Some(Nothing)"),
            ("any_scope(a, b)", "None"),
            ("scope(a) & role(b)", "None"),
        ] {
            let policy: Policy = text.parse().unwrap();
            assert_eq!(format!("{:?}", policy.grant()), grant, "{text}");
        }
    }
}

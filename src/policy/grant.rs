//! What a token has to say for a term to be met: for tests that make tokens from policies.

use super::{Policy, algebra::Node, term::Term};
use serde_json::Value;
use std::sync::Arc;

/// A policy with more is not tried way by way: their number can grow by multiplication.
pub(crate) const MOST_WAYS: usize = 256;

/// The terms of each way to meet a policy.
type Ways = Vec<Vec<Policy>>;

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
    /// A login at most so many seconds ago.
    Login(u32),
    /// That claim, at the top level, must not be there.
    Silence(&'p str),
    /// Every token says it, or has to be silent.
    Nothing,
}

impl Policy {
    /// Every way to meet it, each as the terms that it wants together; `None` when there are more than [`MOST_WAYS`].
    pub(crate) fn ways(&self) -> Option<Ways> {
        self.node().ways()
    }

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
            Term::MaxAge(seconds) => Grant::Login(*seconds),
            Term::Absent(path) if path.to_string() == path.claim() => Grant::Silence(path.claim()),
            Term::Authenticated | Term::Absent(_) | Term::Public(_) | Term::Optional(_) => Grant::Nothing,
            _ => return None,
        })
    }
}

impl Node {
    fn ways(&self) -> Option<Ways> {
        match self {
            Self::Term(Term::AnyScope(scopes)) => {
                either(scopes.iter().map(|scope| Some(one(scope_of(scope)))))
            }
            Self::Term(Term::AllScopes(scopes)) => Some(vec![scopes.iter().map(scope_of).collect()]),
            Self::Term(Term::Acr(values)) => {
                let each = values.iter().map(|value| Policy::from(Term::Acr(vec![Arc::clone(value)])));
                either(each.map(|acr| Some(one(acr))))
            }
            Self::Term(term @ Term::Rule(rule)) => match rule.policy() {
                Some(policy) => policy.node().ways(),
                None => Some(one(term.clone().into())),
            },
            Self::Term(term) => Some(one(term.clone().into())),
            Self::Not(_) => Some(one(Policy::of(self))),
            Self::All(parts) => parts.iter().try_fold(vec![Vec::new()], |before, part| {
                let part = part.ways()?;
                either(before.iter().map(|way| Some(part.iter().map(|more| both(way, more)).collect())))
            }),
            Self::Any(parts) => either(parts.iter().map(Self::ways)),
        }
    }
}

fn scope_of(scope: &Arc<str>) -> Policy {
    Term::Scope(Arc::clone(scope)).into()
}

fn one(term: Policy) -> Ways {
    vec![vec![term]]
}

fn either(ways: impl Iterator<Item = Option<Ways>>) -> Option<Ways> {
    let mut all = Ways::new();
    for some in ways {
        all.extend(some?);
        if all.len() > MOST_WAYS {
            return None;
        }
    }
    Some(all)
}

/// What both want, once.
fn both(one: &[Policy], other: &[Policy]) -> Vec<Policy> {
    let mut both = one.to_vec();
    both.extend(other.iter().filter(|term| !one.contains(term)).cloned());
    both
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
            ("max_age(300)", "Some(Login(300))"),
            ("absent(a)", "Some(Silence(\"a\"))"),
            ("absent(/a/b)", "Some(Nothing)"),
            ("authenticated", "Some(Nothing)"),
            ("any_scope(a, b)", "None"),
            ("scope(a) & role(b)", "None"),
        ] {
            let policy: Policy = text.parse().unwrap();
            assert_eq!(format!("{:?}", policy.grant()), grant, "{text}");
        }
    }

    fn ways(text: &str) -> Option<String> {
        let ways = text.parse::<Policy>().unwrap().ways()?;
        let join = |way: &Vec<Policy>| way.iter().map(Policy::to_string).collect::<Vec<_>>().join(" ");
        Some(ways.iter().map(join).collect::<Vec<_>>().join(" / "))
    }

    #[test]
    fn each_way_is_the_terms_that_it_wants_together_once() {
        for (text, expected) in [
            ("scope(a)", "scope(a)"),
            ("scope(a) & role(b)", "scope(a) role(b)"),
            ("scope(a) & (role(b) | role(c))", "scope(a) role(b) / scope(a) role(c)"),
            (
                "(role(a) | role(b)) & (role(a) | role(c))",
                "role(a) / role(a) role(c) / role(b) role(a) / role(b) role(c)",
            ),
            ("any_scope(a, b)", "scope(a) / scope(b)"),
            ("all_scopes(a, b)", "scope(a) scope(b)"),
            ("acr(gold, silver)", "acr(gold) / acr(silver)"),
            ("scope(a) & !role(b)", "scope(a) !role(b)"),
        ] {
            assert_eq!(ways(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn as_many_ways_as_may_be_are_named_and_of_one_more_none() {
        let scopes =
            |count: usize| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>().join(", ");
        assert!(ways(&format!("any_scope({})", scopes(MOST_WAYS))).is_some());
        assert_eq!(ways(&format!("any_scope({})", scopes(MOST_WAYS + 1))), None);
    }

    #[test]
    fn the_ways_of_a_rule_are_its_policys() {
        struct Editors;
        impl crate::policy::Rule for Editors {
            const NAME: &'static str = "editors";
            fn policy() -> Policy {
                "role(editor) | role(admin)".parse().unwrap()
            }
        }
        let ways = crate::policy::rule::<Editors>().ways().unwrap();
        assert_eq!(
            ways.iter().map(|way| way[0].to_string()).collect::<Vec<_>>(),
            ["role(editor)", "role(admin)"]
        );
        // One of a text has no policy yet.
        assert_eq!("rule(editors)".parse::<Policy>().unwrap().ways().unwrap().len(), 1);
    }
}

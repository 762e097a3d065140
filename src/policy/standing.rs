//! What can be said of a policy without asking anybody.

use super::{Policy, Truth, algebra::Node, term::Term};

/// What a policy as a whole makes of the route that it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing<'p> {
    /// Exactly [`public`](super::public), with its reason.
    Public(&'p str),
    /// Exactly [`optional`](super::optional), with its reason.
    Optional(&'p str),
    /// Exactly [`deny`](super::deny).
    Nobody,
    /// Anything else, larger policies with such terms in them included.
    Rule,
}

const TRUTHS: [Truth; 3] = [Truth::Yes, Truth::No, Truth::Unknown];

impl Policy {
    pub(crate) fn standing(&self) -> Standing<'_> {
        match self.node() {
            Node::Term(Term::Public(reason)) => Standing::Public(reason),
            Node::Term(Term::Optional(reason)) => Standing::Optional(reason),
            Node::Term(Term::Deny) => Standing::Nobody,
            _ => Standing::Rule,
        }
    }

    /// Whether it could say that to anybody. Terms count as independent of each other, so a no is certain and a yes
    /// is not: `scope(a) & !scope(a)` could be a yes as far as this knows.
    pub(crate) fn can_be(&self, truth: Truth) -> bool {
        self.node().possible().contains(&truth)
    }

    /// The terms that say the same to everybody and stand in a larger policy, by name, once each.
    pub(crate) fn constants_within(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if matches!(self.node(), Node::Term(term) if !matches!(term, Term::Rule(_))) {
            return names;
        }
        self.node().visit(false, &mut |term, _| {
            let name = match term {
                Term::Public(_) => "public",
                Term::Optional(_) => "optional",
                Term::Deny => "deny",
                _ => return,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }
}

impl Node {
    fn possible(&self) -> Vec<Truth> {
        match self {
            Self::Term(Term::Public(_) | Term::Optional(_)) => vec![Truth::Yes],
            Self::Term(Term::Deny) => vec![Truth::No],
            Self::Term(Term::Authenticated) => vec![Truth::Yes, Truth::Unknown],
            Self::Term(Term::Rule(rule)) => {
                rule.policy().map_or_else(|| TRUTHS.to_vec(), |policy| policy.node().possible())
            }
            Self::Term(_) => TRUTHS.to_vec(),
            Self::All(parts) => {
                parts.iter().fold(vec![Truth::Yes], |all, part| joined(&all, part, |a, b| a & b))
            }
            Self::Any(parts) => {
                parts.iter().fold(vec![Truth::No], |any, part| joined(&any, part, |a, b| a | b))
            }
            Self::Not(inner) => inner.possible().into_iter().map(|truth| !truth).collect(),
        }
    }
}

fn joined(before: &[Truth], part: &Node, join: fn(Truth, Truth) -> Truth) -> Vec<Truth> {
    let possible = part.possible();
    let reached = |wanted: Truth| before.iter().any(|&a| possible.iter().any(|&b| join(a, b) == wanted));
    TRUTHS.into_iter().filter(|&truth| reached(truth)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::*, Standing, TRUTHS};

    fn policy(text: &str) -> Policy {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_policy_that_is_nothing_else_is_public_optional_or_deny() {
        assert_eq!(public("probes").standing(), Standing::Public("probes"));
        assert_eq!(optional("prices").standing(), Standing::Optional("prices"));
        assert_eq!(deny().standing(), Standing::Nobody);
        assert_eq!((!!public("probes")).standing(), Standing::Public("probes"));
        for text in ["public(a) | scope(b)", "public(a) & public(b)", "!deny", "scope(a)", "!public(a)"] {
            assert_eq!(policy(text).standing(), Standing::Rule, "{text}");
        }
    }

    #[test]
    fn what_a_policy_can_say_at_all_is_folded_from_its_constants() {
        for (text, possible) in [
            ("deny", "N"),
            ("public(a)", "Y"),
            ("!optional(a)", "N"),
            ("deny & scope(a)", "N"),
            ("deny | scope(a)", "YNU"),
            ("public(a) | scope(a)", "Y"),
            ("public(a) & scope(a)", "YNU"),
            ("authenticated", "YU"),
            ("!authenticated", "NU"),
            ("!authenticated & scope(a)", "NU"),
            ("authenticated | deny", "YU"),
            ("!(scope(a) | public(a))", "N"),
            ("(scope(a) & deny) | (role(b) & !authenticated)", "NU"),
            ("scope(a) & !scope(a)", "YNU"),
        ] {
            let policy = policy(text);
            let can: String = TRUTHS
                .iter()
                .zip("YNU".chars())
                .filter(|(t, _)| policy.can_be(**t))
                .map(|(_, c)| c)
                .collect();
            assert_eq!(can, possible, "{text}");
        }
    }

    #[test]
    fn constants_are_named_only_where_they_are_parts() {
        assert_eq!(deny().constants_within(), [""; 0]);
        assert_eq!((!public("a")).constants_within(), ["public"]);
        assert_eq!(policy("scope(a) & (deny | optional(b) | deny)").constants_within(), ["deny", "optional"]);
    }
}

//! What handlers ask of the policies before them.

use super::{Policy, algebra::Node, term::Term};

/// A rule that a handler asks for, by the name of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) rule: &'static str,
    /// The handler runs without it, too.
    pub(crate) optional: bool,
}

impl Policy {
    /// What is wrong with asking for a rule behind this policy; `None` where nothing is.
    pub(crate) fn unmet(&self, wanted: &Wanted) -> Option<String> {
        let Wanted { rule, optional } = wanted;
        if !self.granted().iter().any(|granted| granted.is_called(rule)) {
            return Some(format!(
                "the handler asks for Allowed<{rule}>, and the policy has no rule::<{rule}>(): everybody is answered 500"
            ));
        }
        let insists_in_vain = !optional && !self.node().demands(rule);
        insists_in_vain.then(|| {
            format!(
                "the handler asks for Allowed<{rule}>, and the policy lets callers pass who do not meet it: take \
                 Option<Allowed<{rule}>>, or demand the rule"
            )
        })
    }
}

impl Node {
    /// Whether it is a yes only for callers who meet the rule.
    fn demands(&self, rule: &str) -> bool {
        match self {
            Self::Term(Term::Rule(one)) => {
                one.is_called(rule) || one.policy().is_some_and(|policy| policy.node().demands(rule))
            }
            Self::Term(_) | Self::Not(_) => false,
            Self::All(parts) => parts.iter().any(|part| part.demands(rule)),
            Self::Any(parts) => parts.iter().all(|part| part.demands(rule)),
        }
    }
}

use super::{Policy, Ruled};
use std::fmt;

/// What stands before a handler: the policy that decides, and one that is only watched.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) policy: Policy,
    /// Asked only where `policy` allows, and never the answer.
    pub(crate) report_only: Option<Policy>,
    /// What `policy` grants; looked for once, because most grant nothing.
    pub(crate) rules: Box<[Ruled]>,
}

impl InForce {
    pub(crate) fn new(policy: Policy, report_only: Option<Policy>) -> Self {
        let rules = policy.granted().into();
        Self { policy, report_only, rules }
    }
}

impl From<Policy> for InForce {
    fn from(policy: Policy) -> Self {
        Self::new(policy, None)
    }
}

/// What it grants stands in the policy.
impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, report_only, rules: _ } = self;
        f.debug_struct("InForce").field("policy", policy).field("report_only", report_only).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_both_policies() {
        let shown = format!("{:?}", InForce::new(super::super::scope("a"), Some(super::super::scope("b"))));
        assert!(
            shown.starts_with("InForce") && shown.contains("scope(a)") && shown.contains("scope(b)"),
            "{shown}"
        );
    }
}

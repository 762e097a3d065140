use super::Policy;

/// What stands before a handler: the policy that decides, and one that is only watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) policy: Policy,
    /// Asked only where `policy` allows, and never the answer.
    pub(crate) report_only: Option<Policy>,
}

impl From<Policy> for InForce {
    fn from(policy: Policy) -> Self {
        Self { policy, report_only: None }
    }
}

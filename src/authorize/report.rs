use crate::{
    claims::Principal,
    error::{AuthError, Reason},
    observe,
    policy::{Decision, InForce},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tells what the policy that reports only makes of a caller whom the enforced one has let through. There is nothing to
/// return: what it says can be no answer.
pub(super) fn report(in_force: &InForce, principal: Option<&Principal>) {
    let Some(tighter) = &in_force.report_only else { return };
    // A check of the application's that panics would take the request with it.
    match catch_unwind(AssertUnwindSafe(|| tighter.decide(principal))) {
        Ok(Decision::Allow) => observe::would_permit(),
        Ok(Decision::Deny(denial)) => {
            observe::would_deny(&AuthError::from(denial), &in_force.policy, tighter);
        }
        Err(_) => observe::would_deny(&AuthError::new(Reason::PolicyNotMet), &in_force.policy, tighter),
    }
}

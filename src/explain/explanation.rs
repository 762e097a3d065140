use super::{ForClient, WithValues, render};
use crate::{
    claims::{Claims, Principal},
    error::{AuthError, Reason},
    policy::{Explained, Policy, Truth},
    verify::{Passed, Step, Verifier},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fmt, future::Future};

/// What became of a token before a policy, step by step. Made by [`Verifier::explain`]; see [the module](super).
///
/// `Display` is the operator's rendering, over several lines. `Debug` shows as little of the claims: their names.
#[derive(Clone)]
pub struct Explanation {
    passed: Passed,
    error: Option<AuthError>,
    policy: String,
    asked: Option<Asked>,
}

/// A policy that was asked of a verified caller.
#[derive(Clone)]
struct Asked {
    explained: Explained,
    lacking: Vec<Policy>,
    principal: Principal,
}

/// What became of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepOutcome {
    /// The token is right in it.
    Passed,
    /// It is what the token is refused for.
    Failed(Reason),
    /// Nobody looked.
    NotReached,
}

impl<T: DeserializeOwned + Send + Sync + 'static> Verifier<T> {
    /// Explains what [`verify`](Self::verify) makes of this token, and then what this policy does. Waits as `verify`
    /// does; nothing is logged, counted or remembered.
    ///
    /// There is an [`Explanation`] for every token, good or bad. It shows what is configured to whoever reads it; for the
    /// client there is [`Explanation::for_client`].
    pub fn explain(&self, token: &str, policy: &Policy) -> impl Future<Output = Explanation> + Send + use<T> {
        let (weighed, policy) = (self.weigh(token), policy.clone());
        async move {
            let (result, passed) = weighed.await;
            match result {
                Ok(claims) => Explanation::of_caller(&claims, passed, &policy),
                Err(error) => Explanation::of_refusal(error, passed, &policy),
            }
        }
    }
}

impl Explanation {
    fn of_refusal(error: AuthError, passed: Passed, policy: &Policy) -> Self {
        let passed = passed.refused_for(error.reason());
        Self { passed, error: Some(error), policy: policy.to_string(), asked: None }
    }

    fn of_caller<T>(claims: &Claims<T>, mut passed: Passed, policy: &Policy) -> Self {
        let principal = claims.principal().clone();
        let explained = policy.explain(Some(&principal));
        let lacking = policy.lacking(Some(&principal));
        let is_met = explained.truth() == Truth::Yes;
        if is_met {
            passed.add(Step::Policy);
        }
        let error = (!is_met).then(|| policy.denial(Some(&principal)).into_error());
        Self {
            passed,
            error,
            policy: policy.to_string(),
            asked: Some(Asked { explained, lacking, principal }),
        }
    }

    /// Whether the token is good and the policy met.
    pub fn is_allowed(&self) -> bool {
        self.error.is_none()
    }

    /// The refusal that a request with this token would get; `None` where it may pass.
    pub fn error(&self) -> Option<&AuthError> {
        self.error.as_ref()
    }

    /// Every step with its outcome, in order.
    pub fn steps(&self) -> impl Iterator<Item = (Step, StepOutcome)> {
        let failed = self.error.as_ref().and_then(|error| Some((Step::of(error.reason())?, error.reason())));
        Step::ALL.iter().map(move |&step| {
            let outcome = match failed {
                Some((at, reason)) if at == step => StepOutcome::Failed(reason),
                _ if self.passed.has(step) => StepOutcome::Passed,
                _ => StepOutcome::NotReached,
            };
            (step, outcome)
        })
    }

    /// The policy, part by part; `None` where the token was refused, for then nobody asks it.
    pub fn policy(&self) -> Option<&Explained> {
        self.asked.as_ref().map(|asked| &asked.explained)
    }

    /// What the caller lacks, see [`Policy::lacking`]; nothing where the policy was met, or nobody asked it.
    pub fn lacking(&self) -> &[Policy] {
        self.asked.as_ref().map_or(&[], |asked| &asked.lacking)
    }

    /// The policy's text, asked or not.
    pub fn policy_text(&self) -> &str {
        &self.policy
    }

    /// What the client may read: the status, and what the challenge of that answer tells, which is the class of the
    /// refusal, a sentence from a fixed list, and the scopes that are needed. No role, no claim, no reason.
    pub fn for_client(&self) -> ForClient<'_> {
        ForClient::new(self.error())
    }

    /// The operator's rendering as JSON: `allowed`, `status`, `reason`, `steps`, and `policy` with `text`, and where it
    /// was asked `joint`, `truth`, `unknown`, `claims`, `parts`; and `lacking`, the text of each, where it was not met. No
    /// token, and no claim's value.
    pub fn to_json(&self) -> Value {
        render::json(self, None)
    }

    /// The operator's renderings with the values of the claims that the policy reads, as they stand in the token. They are
    /// the caller's data: mind where they go. The token is in neither.
    pub fn with_values(&self) -> WithValues<'_> {
        WithValues::new(self)
    }

    /// The caller, for whoever asked for values.
    pub(super) fn principal(&self) -> Option<&Principal> {
        self.asked.as_ref().map(|asked| &asked.principal)
    }
}

impl StepOutcome {
    /// The stable name, in `snake_case`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::NotReached => "not_reached",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::text(self, None, f)
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("error", &self.error)
            .field("steps", &self.steps().collect::<Vec<_>>())
            .field("policy", &self.policy)
            .field("explained", &self.policy())
            .finish()
    }
}

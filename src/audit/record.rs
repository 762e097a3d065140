use crate::{
    claims::Principal,
    error::{AuthError, AuthErrorKind, Reason},
    policy::Policy,
};
use http::{Extensions, StatusCode};
use std::fmt;

/// One decision on a request.
#[derive(Clone, Copy)]
pub struct DecisionRecord<'a> {
    stage: Stage,
    outcome: Outcome,
    error: Option<&'a AuthError>,
    principal: Option<&'a Principal>,
    policy: Option<&'a Policy>,
    asked: Option<&'a str>,
    request: Option<&'a Extensions>,
}

/// Where a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// `AuthenticateLayer`: who are you?
    Authenticate,
    /// A route's policy: may you?
    Authorize,
    /// Within: an extractor, or `?` in a handler.
    Handler,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// A token has verified.
    Admitted,
    /// There is no token, and none is required.
    Anonymous,
    /// The request is refused, for another reason than a route's policy.
    Refused,
    /// The policy is met.
    Permitted,
    /// The policy is not met, or cannot be told to be.
    Denied,
}

impl<'a> DecisionRecord<'a> {
    fn new(stage: Stage, outcome: Outcome) -> Self {
        Self { stage, outcome, error: None, principal: None, policy: None, asked: None, request: None }
    }

    pub(crate) fn admitted(principal: &'a Principal) -> Self {
        Self { principal: Some(principal), ..Self::new(Stage::Authenticate, Outcome::Admitted) }
    }

    pub(crate) fn anonymous() -> Self {
        Self::new(Stage::Authenticate, Outcome::Anonymous)
    }

    pub(crate) fn refused(stage: Stage, error: &'a AuthError) -> Self {
        Self { error: Some(error), ..Self::new(stage, Outcome::Refused) }
    }

    /// With the refusal where the policy is not met.
    pub(crate) fn by_policy(
        policy: &'a Policy,
        principal: Option<&'a Principal>,
        error: Option<&'a AuthError>,
    ) -> Self {
        Self { policy: Some(policy), ..Self::authorized(principal, error) }
    }

    /// By whoever has this name, see `authorize::ask`.
    pub(crate) fn by_asking(
        name: &'a str,
        principal: Option<&'a Principal>,
        error: Option<&'a AuthError>,
    ) -> Self {
        Self { asked: Some(name), ..Self::authorized(principal, error) }
    }

    fn authorized(principal: Option<&'a Principal>, error: Option<&'a AuthError>) -> Self {
        let outcome = if error.is_some() { Outcome::Denied } else { Outcome::Permitted };
        Self { principal, error, ..Self::new(Stage::Authorize, outcome) }
    }

    pub(crate) fn on(self, request: &'a Extensions) -> Self {
        Self { request: Some(request), ..self }
    }

    /// Where it was made.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What it is.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether the request may go on.
    pub fn is_allow(&self) -> bool {
        matches!(self.outcome, Outcome::Admitted | Outcome::Anonymous | Outcome::Permitted)
    }

    /// The refusal; `None` where the request may go on.
    pub fn error(&self) -> Option<&'a AuthError> {
        self.error
    }

    /// The rule that refused.
    pub fn reason(&self) -> Option<Reason> {
        self.error.map(AuthError::reason)
    }

    /// The class that the client learns.
    pub fn kind(&self) -> Option<AuthErrorKind> {
        self.error.map(AuthError::kind)
    }

    /// The status that the request is refused with.
    pub fn status(&self) -> Option<StatusCode> {
        self.error.map(AuthError::status)
    }

    /// The verified caller. `None` without a token, for a token that is refused (nobody knows who sent it), and at the stage
    /// [`Handler`](Stage::Handler).
    pub fn principal(&self) -> Option<&'a Principal> {
        self.principal
    }

    /// The trusted issuer that the verified caller's token is of.
    pub fn issuer(&self) -> Option<&'a str> {
        self.principal.map(Principal::issuer)
    }

    /// The route's policy, at the stage [`Authorize`](Stage::Authorize).
    pub fn policy(&self) -> Option<&'a Policy> {
        self.policy
    }

    /// The name of whoever was asked instead of a policy, see [`ask`](crate::authorize::ask).
    pub fn asked(&self) -> Option<&'a str> {
        self.asked
    }

    /// What layers around left in the request: a request id, axum's `MatchedPath`. `None` at the stage
    /// [`Handler`](Stage::Handler). Claims that stand there in a request that is [`Refused`](Outcome::Refused) are not this
    /// layer's word.
    pub fn request_extensions(&self) -> Option<&'a Extensions> {
        self.request
    }
}

impl Stage {
    /// The stable name, as the label `layer` of the metrics has it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Authorize => "authorize",
            Self::Handler => "handler",
        }
    }
}

impl Outcome {
    /// The stable name, in `snake_case`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Anonymous => "anonymous",
            Self::Refused => "refused",
            Self::Permitted => "permitted",
            Self::Denied => "denied",
        }
    }
}

/// Somebody who was asked, as events and records name him.
pub(crate) struct Asked<'a>(pub(crate) &'a str);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ask({})", self.0)
    }
}

/// One line without any claim's value: `authorize: denied (policy_not_met) by scope(orders:read)`.
impl fmt::Display for DecisionRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage.id(), self.outcome.id())?;
        if let Some(reason) = self.reason() {
            write!(f, " ({reason})")?;
        }
        self.asked.map_or(Ok(()), |name| write!(f, " by {}", Asked(name)))?;
        self.policy.map_or(Ok(()), |policy| write!(f, " by {policy}"))
    }
}

/// Shows the trusted issuer, and no other claim's value.
impl fmt::Debug for DecisionRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionRecord")
            .field("stage", &self.stage)
            .field("outcome", &self.outcome)
            .field("reason", &self.reason())
            .field("issuer", &self.issuer())
            .field("policy", &self.policy)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

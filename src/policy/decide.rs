use super::{Policy, Truth, login::StepUp};
use crate::{
    claims::{Claims, Principal},
    error::{AuthError, Reason},
};
use std::{borrow::Borrow, sync::Arc, time::Duration};

/// What a policy decides on a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a decision that nobody reads refuses nobody"]
pub enum Decision {
    /// The policy is met.
    Allow,
    /// It is not, or cannot be told to be.
    Deny(Denial),
}

/// A refusal, with what the challenge says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    scopes: Vec<Arc<str>>,
    step_up: Option<StepUp>,
    anonymous: bool,
}

impl Decision {
    /// Whether the policy is met.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

impl Denial {
    /// The scopes that the challenge names, see [`Policy::required_scopes`]; none in a step-up challenge to a caller who
    /// has them all.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(AsRef::as_ref)
    }

    /// The authentication contexts that a step-up challenge names, the preferred first (RFC 9470 section 3).
    pub fn acr_values(&self) -> impl Iterator<Item = &str> {
        self.step_up.iter().flat_map(|step_up| step_up.acr_values.iter().map(AsRef::as_ref))
    }

    /// How long ago the next login may be at most, where a step-up challenge says so (RFC 9470 section 3).
    pub fn max_age(&self) -> Option<Duration> {
        self.step_up.as_ref()?.max_age.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Whether the user has to be authenticated anew: more strongly, or more recently.
    pub fn is_step_up(&self) -> bool {
        self.step_up.is_some()
    }

    /// The refusal as it is answered: 403 `insufficient_scope` (RFC 6750 section 3.1), 401
    /// `insufficient_user_authentication` when the user has to be authenticated anew (RFC 9470 section 3), or 401 when
    /// there is no token.
    pub fn into_error(self) -> AuthError {
        let error = match self.step_up {
            Some(StepUp { acr_values, max_age }) => {
                AuthError::new(Reason::StepUpNeeded).with_step_up(acr_values, max_age)
            }
            None if self.anonymous => AuthError::new(Reason::PolicyNeedsToken),
            None => AuthError::new(Reason::PolicyNotMet),
        };
        error.with_scopes(self.scopes)
    }
}

impl From<Denial> for AuthError {
    fn from(denial: Denial) -> Self {
        denial.into_error()
    }
}

impl Policy {
    /// Decides on a caller; `None` is a request without a token. Nothing is allocated where it allows.
    ///
    /// Where a stronger or more recent login is among what a caller lacks, the denial is a step-up challenge (RFC 9470).
    /// It names every [`acr`](super::acr) and [`max_age`](super::max_age) of the way that
    /// [`required_scopes`](Policy::required_scopes) describes, those that this login meets included: one that is only
    /// more recent may be weaker. Whoever has no token at all is asked for one first.
    ///
    /// Time is read at each `max_age`, from the clock of the verifier that the caller comes from.
    pub fn decide(&self, principal: Option<&Principal>) -> Decision {
        if self.evaluate(principal) == Truth::Yes {
            return Decision::Allow;
        }
        Decision::Deny(self.denial(principal))
    }

    /// The refusal of a caller who does not meet the policy.
    pub(crate) fn denial(&self, principal: Option<&Principal>) -> Denial {
        let (mut way, anonymous) = (self.node().way(principal), principal.is_none());
        let step_up = way.take_login().step_up().filter(|_| !anonymous);
        // Scopes are named in a step-up challenge where they are missing as well (RFC 9470 section 3).
        let named = step_up.is_none() || way.missing() > 0;
        let scopes = way.scopes().filter(|_| named).map(Arc::clone).collect();
        Denial { scopes, step_up, anonymous }
    }

    /// The scopes that a token needs here, those this caller has included, in the policy's order, once each.
    ///
    /// Of alternatives (`|`) it takes the one with the fewest scopes missing, on a tie one that needs no new login, then
    /// the first; but one that scopes and a login can satisfy goes before one that fails for another reason too, even if
    /// that lacks fewer: a caller without the role gains nothing from the scopes that would go with it. What stands under
    /// a `!` asks for no scopes.
    pub fn required_scopes(&self, principal: Option<&Principal>) -> Vec<&str> {
        self.node().way(principal).scopes().map(AsRef::as_ref).collect()
    }
}

impl Principal {
    /// Refuses a caller who does not meet the policy, as the layer would: 403, with the scopes that are needed.
    ///
    /// # Errors
    ///
    /// The [`AuthError`] that `AuthorizeLayer` answers with, see [`Denial::into_error`].
    pub fn require(&self, policy: impl Borrow<Policy>) -> Result<(), AuthError> {
        match policy.borrow().decide(Some(self)) {
            Decision::Allow => Ok(()),
            Decision::Deny(denial) => Err(denial.into_error()),
        }
    }
}

impl<T> Claims<T> {
    /// Refuses a caller who does not meet the policy, as the layer would: 403, with the scopes that are needed.
    ///
    /// For rules that a handler knows only once it runs. The answer is the layer's also where the handler has an error
    /// type of its own, if that is made `From<AuthError>` and hands the error on. A policy that is asked often is
    /// built once and lent.
    ///
    /// ```
    /// use std::sync::LazyLock;
    /// use tower_bearer::{claims::Claims, error::AuthError, policy::{Policy, role, scope}};
    ///
    /// static REFUND: LazyLock<Policy> = LazyLock::new(|| scope("orders:write") & role("manager"));
    ///
    /// async fn cancel(claims: Claims, paid: bool) -> Result<(), AuthError> {
    ///     if paid {
    ///         claims.require(&*REFUND)?;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = cancel;
    /// ```
    ///
    /// # Errors
    ///
    /// The [`AuthError`] that `AuthorizeLayer` answers with, see [`Denial::into_error`].
    pub fn require(&self, policy: impl Borrow<Policy>) -> Result<(), AuthError> {
        self.principal().require(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{sample::principal, *};
    use crate::{
        claims::Claims,
        error::{AuthErrorKind, Reason},
    };
    use serde_json::{Value, json};
    use std::time::Duration;

    fn denied(policy: &str, caller: Option<Value>) -> Option<String> {
        let caller = caller.map(principal);
        match policy.parse::<Policy>().unwrap().decide(caller.as_ref()) {
            Decision::Allow => None,
            Decision::Deny(denial) => Some(denial.scopes().collect::<Vec<_>>().join(" ")),
        }
    }

    #[test]
    fn a_denial_names_what_is_needed() {
        let with = |scope: &str| json!({"scope": scope, "roles": ["clerk"]});
        for (name, policy, caller, scopes) in [
            ("a held scope is named too", "scope(a) & scope(b)", with("b"), "a b"),
            ("the policy's order, no duplicates", "all_scopes(b, a) & scope(b)", with("x"), "b a"),
            ("the fewest missing", "all_scopes(a, b) | all_scopes(c, d)", with("d"), "c d"),
            ("the first on a tie", "all_scopes(a, b) | all_scopes(c, d)", with("b d"), "a b"),
            ("the first of any", "any_scope(b, a)", with("x"), "b"),
            ("the one of any that is held", "any_scope(a, b) & scope(c)", with("b"), "b c"),
            ("met by a role already", "(scope(a) | role(clerk)) & scope(b)", with("x"), "b"),
            (
                "a missing role after scopes that help",
                "scope(a) & role(boss) | all_scopes(b, c)",
                with("a"),
                "b c",
            ),
            ("a missing role when nothing helps", "scope(a) & role(boss)", with("x"), "a"),
            ("held, and the role is missing", "scope(a) & role(boss)", with("a"), "a"),
            ("fewest when nothing helps", "scope(a) & deny | deny", with("x"), ""),
            ("nothing from under a not", "!scope(x) & scope(a)", with("x"), "a"),
            ("deny asks for nothing", "deny", with("x"), ""),
            ("a token that says nothing of scopes", "scope(a)", json!({}), "a"),
            ("a token whose scopes cannot be read", "scope(a)", json!({"scope": 1}), "a"),
        ] {
            assert_eq!(denied(policy, Some(caller)).as_deref(), Some(scopes), "{name}");
        }
    }

    /// What the challenge of a step-up says beside its scopes; `None` for another refusal.
    fn stepped_up(policy: &str, caller: Value) -> Option<String> {
        let Decision::Deny(denial) = policy.parse::<Policy>().unwrap().decide(Some(&principal(caller)))
        else {
            panic!("allowed: {policy}")
        };
        let says = |list: Vec<&str>| list.join(" ");
        let age = denial.max_age().map_or("-".into(), |age| age.as_secs().to_string());
        let said =
            format!("{}; {age}; {}", says(denial.acr_values().collect()), says(denial.scopes().collect()));
        denial.is_step_up().then_some(said)
    }

    #[test]
    fn a_login_that_is_missing_makes_a_step_up_challenge() {
        let gold = |more: Value| {
            let mut caller = json!({"acr": "gold", "scope": "a", "roles": ["clerk"]});
            caller.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            caller
        };
        for (name, policy, caller, said) in [
            ("the context", "acr(gold)", json!({}), Some("gold; -; ")),
            ("the preferred context first", "acr(b, a)", json!({"acr": "c"}), Some("b a; -; ")),
            ("the age", "max_age(300)", json!({"auth_time": 1}), Some("; 300; ")),
            ("the shortest age", "max_age(300) & max_age(60)", json!({}), Some("; 60; ")),
            ("what is held as well", "acr(gold) & max_age(300)", gold(json!({})), Some("gold; 300; ")),
            ("contexts that both take", "acr(a, b, c) & acr(c, b)", gold(json!({})), Some("b c; -; ")),
            ("contexts that exclude each other", "acr(a) & acr(b)", gold(json!({})), None),
            ("no scope where it is held", "acr(x) & scope(a)", gold(json!({})), Some("x; -; ")),
            ("the scope that is missing, too", "acr(x) & scope(b)", gold(json!({})), Some("x; -; b")),
            (
                "all scopes where one is missing",
                "acr(x) & all_scopes(a, b)",
                gold(json!({})),
                Some("x; -; a b"),
            ),
            ("a role is missing, too", "acr(x) & role(boss)", gold(json!({})), Some("x; -; ")),
            ("only a role is missing", "acr(gold) & role(boss)", gold(json!({})), None),
            ("only a scope is missing", "acr(gold) & scope(b)", gold(json!({})), None),
            ("met by a role already", "(acr(x) | role(clerk)) & scope(b)", gold(json!({})), None),
            ("rather than a role", "role(boss) | acr(x)", gold(json!({})), Some("x; -; ")),
            ("fewer scopes first", "scope(b) | acr(x)", gold(json!({})), Some("x; -; ")),
            ("rather no login on a tie", "acr(x) & scope(b) | scope(c)", gold(json!({})), None),
            ("nothing from under a not", "!acr(gold)", gold(json!({})), None),
        ] {
            assert_eq!(stepped_up(policy, caller).as_deref(), said, "{name}");
        }
    }

    #[test]
    fn who_has_no_token_is_asked_for_one_before_a_login() {
        let Decision::Deny(denial) = (acr("gold") & scope("a")).decide(None) else { panic!("allowed") };
        assert!(!denial.is_step_up() && denial.acr_values().next().is_none());
        assert!(denial.scopes().eq(["a"]));
        assert_eq!(denial.into_error().reason(), Reason::PolicyNeedsToken);
    }

    #[test]
    fn step_up_needed_becomes_401_with_what_the_login_has_to_be() {
        let policy: Policy = "acr(gold, silver) & max_age(300) & scope(b)".parse().unwrap();
        let error = principal(json!({"scope": "a"})).require(policy).unwrap_err();
        assert_eq!((error.reason(), error.status().as_u16()), (Reason::StepUpNeeded, 401));
        assert_eq!(error.kind(), AuthErrorKind::InsufficientAuthentication);
        assert!(error.acr_values().eq(["gold", "silver"]) && error.scopes().eq(["b"]));
        assert_eq!(error.max_age(), Some(Duration::from_secs(300)));
    }

    #[test]
    fn an_anonymous_request_is_told_the_scopes_to_ask_for() {
        for (policy, scopes) in [
            ("scope(a) & role(clerk)", Some("a")),
            ("role(clerk) | all_scopes(a, b)", Some("a b")),
            ("authenticated & scope(a)", Some("a")),
            ("authenticated | scope(a)", Some("")),
            ("authenticated", Some("")),
            ("!scope(a)", Some("")),
            (r#"public("x") & scope(a)"#, Some("a")),
            (r#"public("x")"#, None),
            (r#"scope(a) | optional("x")"#, None),
        ] {
            assert_eq!(denied(policy, None).as_deref(), scopes, "{policy}");
        }
    }

    #[test]
    fn a_denial_becomes_401_without_a_token_and_403_with_one() {
        let Decision::Deny(denial) = scope("a").decide(None) else { panic!("allowed") };
        let error = denial.into_error();
        assert_eq!((error.reason(), error.status().as_u16()), (Reason::PolicyNeedsToken, 401));
        assert!(error.scopes().eq(["a"]));

        let caller = principal(json!({"scope": "b"}));
        let error = caller.require(scope("a")).unwrap_err();
        assert_eq!((error.reason(), error.kind()), (Reason::PolicyNotMet, AuthErrorKind::InsufficientScope));
        assert!(error.scopes().eq(["a"]));
    }

    #[test]
    fn a_handler_may_require_with_a_policy_or_a_loan_of_one() {
        let caller = principal(json!({"scope": "a"}));
        let claims = Claims::new(caller, ());
        let policy = scope("a");
        assert!(claims.require(&policy).is_ok());
        assert!(claims.require(policy).is_ok());
        assert!(claims.require(deny()).is_err());
    }
}

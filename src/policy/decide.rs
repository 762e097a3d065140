use super::{Policy, Truth, algebra::Node, term::Term};
use crate::{
    claims::{Claims, Principal},
    error::{AuthError, Reason},
};
use std::{borrow::Borrow, sync::Arc};

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
    anonymous: bool,
}

impl Decision {
    /// Whether the policy is met.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

impl Denial {
    /// The scopes that the challenge names, see [`Policy::required_scopes`].
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(AsRef::as_ref)
    }

    /// The refusal as it is answered: 403 `insufficient_scope` (RFC 6750 section 3.1), or 401 when there is no token.
    pub fn into_error(self) -> AuthError {
        let reason = if self.anonymous { Reason::PolicyNeedsToken } else { Reason::PolicyNotMet };
        AuthError::new(reason).with_scopes(self.scopes)
    }
}

impl From<Denial> for AuthError {
    fn from(denial: Denial) -> Self {
        denial.into_error()
    }
}

impl Policy {
    /// Decides on a caller; `None` is a request without a token. Nothing is allocated where it allows.
    pub fn decide(&self, principal: Option<&Principal>) -> Decision {
        if self.evaluate(principal) == Truth::Yes {
            return Decision::Allow;
        }
        Decision::Deny(self.denial(principal))
    }

    /// The refusal of a caller who does not meet the policy.
    pub(crate) fn denial(&self, principal: Option<&Principal>) -> Denial {
        let scopes = self.node().way(principal).scopes();
        Denial { scopes: scopes.map(Arc::clone).collect(), anonymous: principal.is_none() }
    }

    /// The scopes that a token needs here, those this caller has included, in the policy's order, once each.
    ///
    /// Of alternatives (`|`) it takes the one with the fewest scopes missing, the first on a tie; but one that scopes
    /// alone can satisfy goes before one that fails for another reason too, even if that lacks fewer: a caller without
    /// the role gains nothing from the scopes that would go with it. What stands under a `!` asks for no scopes.
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

/// One way to meet a policy: the scopes it takes, and whether they are all it takes.
struct Way<'p> {
    needed: Vec<Needed<'p>>,
    scopes_suffice: bool,
}

#[derive(Clone, Copy)]
struct Needed<'p> {
    scope: &'p Arc<str>,
    held: bool,
}

impl Node {
    /// The way that asks least of this caller.
    fn way(&self, principal: Option<&Principal>) -> Way<'_> {
        let mut way = Way::without_scopes(true);
        self.add_to(&mut way, principal);
        way
    }

    /// Adds what this part asks to a way that has to meet it, too.
    fn add_to<'p>(&'p self, way: &mut Way<'p>, principal: Option<&Principal>) {
        let by_scope = |scope| Way::by_scope(scope, principal);
        match self {
            Self::Term(Term::Scope(scope)) => way.add(Needed::of(scope, principal)),
            Self::Term(Term::AnyScope(scopes)) => way.join(Way::least(scopes.iter().map(by_scope))),
            Self::Term(Term::AllScopes(scopes)) => {
                scopes.iter().for_each(|scope| way.add(Needed::of(scope, principal)));
            }
            // Whoever comes back with a token is authenticated, so nothing else stands in the way.
            Self::Term(Term::Authenticated) => {}
            Self::Term(_) | Self::Not(_) => way.scopes_suffice &= self.evaluate(principal) == Truth::Yes,
            Self::All(parts) => parts.iter().for_each(|part| part.add_to(way, principal)),
            Self::Any(parts) => way.join(Way::least(parts.iter().map(|part| part.way(principal)))),
        }
    }
}

impl<'p> Needed<'p> {
    fn of(scope: &'p Arc<str>, principal: Option<&Principal>) -> Self {
        Self { scope, held: principal.is_some_and(|principal| principal.has_scope(scope)) }
    }
}

impl<'p> Way<'p> {
    fn without_scopes(scopes_suffice: bool) -> Self {
        Self { needed: Vec::new(), scopes_suffice }
    }

    fn by_scope(scope: &'p Arc<str>, principal: Option<&Principal>) -> Self {
        Self { needed: vec![Needed::of(scope, principal)], scopes_suffice: true }
    }

    fn add(&mut self, needed: Needed<'p>) {
        if !self.needed.iter().any(|known| known.scope == needed.scope) {
            self.needed.push(needed);
        }
    }

    fn join(&mut self, other: Self) {
        self.scopes_suffice &= other.scopes_suffice;
        other.needed.into_iter().for_each(|needed| self.add(needed));
    }

    /// `min_by_key` keeps the first of equals.
    fn least(ways: impl Iterator<Item = Self>) -> Self {
        ways.min_by_key(|way| (!way.scopes_suffice, way.missing())).unwrap_or(Self::without_scopes(false))
    }

    fn missing(&self) -> usize {
        self.needed.iter().filter(|needed| !needed.held).count()
    }

    fn scopes(self) -> impl Iterator<Item = &'p Arc<str>> {
        self.needed.into_iter().map(|needed| needed.scope)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{sample::principal, *};
    use crate::{
        claims::{ClaimMap, Claims},
        error::{AuthErrorKind, Reason},
    };
    use serde_json::{Value, json};

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
        let claims = Claims::new(caller, ClaimMap::new(Default::default()));
        let policy = scope("a");
        assert!(claims.require(&policy).is_ok());
        assert!(claims.require(policy).is_ok());
        assert!(claims.require(deny()).is_err());
    }
}

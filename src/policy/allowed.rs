use super::Rule;
use crate::{
    claims::{Permit, Verdict},
    error::{AuthError, Reason},
    observe::{self, Layer},
};
use http::Extensions;
use std::{any::TypeId, fmt, marker::PhantomData};

/// Proof that the caller meets a [`Rule`] that stands in the route's policy: an extractor, where axum is, and nothing else
/// makes one.
///
/// It asks nobody anything. The route's policy has decided, and [`rule::<R>()`](crate::policy::rule) in it has left what
/// it found; so what a handler needs stands where routes are written, in the table, and in the documents.
///
/// `Option<Allowed<R>>` is for a rule that not every caller of the route meets:
/// `scope("orders:read") & (rule::<CanRefund>() | authenticated())`.
///
/// # Errors
///
/// 1. [`Reason::RuleMissing`], 500: the rule does not stand in the route's policy, or only under a `!`. An ERROR event says
///    which, and `RouteTable::check` finds it before.
/// 2. What the rule refuses with, 403 or 401: the policy let the caller pass by another way, and the handler insists.
///    `None` for an `Option`.
/// 3. [`Reason::LayerMissing`], 500: nobody authenticates, because the route is public, or outside of the layer.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use tower_bearer::{guard::{Allowed, GuardedRouter, guarded}, policy::{Policy, Rule, role, rule}};
///
/// struct CanRefund;
///
/// impl Rule for CanRefund {
///     const NAME: &'static str = "can-refund";
///
///     fn policy() -> Policy {
///         role("manager")
///     }
/// }
///
/// async fn refund(_: Allowed<CanRefund>) {}
///
/// let routes: GuardedRouter = GuardedRouter::new().route("/refunds", guarded::post(rule::<CanRefund>(), refund));
/// assert!(routes.table().check().is_ok());
///
/// let forgotten: GuardedRouter = GuardedRouter::new().route("/refunds", guarded::post(role("manager"), refund));
/// assert!(forgotten.table().check().is_err());
/// # }
/// ```
pub struct Allowed<R> {
    rule: PhantomData<fn() -> R>,
}

impl<R: Rule> Allowed<R> {
    /// What the policies on the way have left in a request's extensions; `None` where the caller does not meet the rule. For
    /// services without axum; with it, [`Allowed`] is an extractor.
    ///
    /// # Errors
    ///
    /// [`Reason::RuleMissing`] or [`Reason::LayerMissing`], see [`Allowed`].
    pub fn from_extensions(extensions: &Extensions) -> Result<Option<Self>, AuthError> {
        Self::look(extensions).map(Result::ok)
    }

    /// `Err` also holds what the caller lacks; only what is wired wrong is `Err` of the outer one.
    pub(crate) fn look(extensions: &Extensions) -> Result<Result<Self, AuthError>, AuthError> {
        let name = R::NAME;
        let verdict = extensions.get::<Verdict>().ok_or_else(|| {
            observe::miswired(
                Layer::Handler,
                Reason::LayerMissing,
                format_args!("AuthenticateLayer around the handler that asks for Allowed of rule({name})"),
            )
        })?;
        match verdict.permit(TypeId::of::<R>()) {
            Some(Permit { refusal: None, .. }) => Ok(Ok(Self { rule: PhantomData })),
            Some(Permit { refusal: Some(error), .. }) => Ok(Err(error.clone())),
            None => Err(observe::miswired(
                Layer::Handler,
                Reason::RuleMissing,
                format_args!("rule({name}) in the policy of the route whose handler asks for Allowed of it"),
            )),
        }
    }
}

impl<R> Clone for Allowed<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Allowed<R> {}

impl<R: Rule> fmt::Debug for Allowed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Allowed({})", R::NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clerks;

    impl Rule for Clerks {
        const NAME: &'static str = "clerks";

        fn policy() -> super::super::Policy {
            super::super::role("clerk")
        }
    }

    #[test]
    fn debug_shows_the_rule() {
        assert_eq!(format!("{:?}", Allowed::<Clerks> { rule: PhantomData }), "Allowed(clerks)");
    }
}

//! What a handler asks of its route: that the rule of a type is met.

use crate::{
    claims::{Permit, Verdict},
    error::{AuthError, Reason},
    observe::{self, Layer},
    policy::{Rule, Wanted},
};
use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{Extensions, request::Parts},
};
use std::{
    any::{TypeId, type_name},
    fmt,
    marker::PhantomData,
};

/// Proof that the caller meets a [`Rule`] that stands in the route's policy: an extractor, and nothing else makes one.
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
///    which, and [`RouteTable::check`](super::RouteTable::check) finds it before.
/// 2. What the rule refuses with, 403 or 401: the policy let the caller pass by another way, and the handler insists.
///    `None` for an `Option`.
/// 3. [`Reason::LayerMissing`], 500: nobody authenticates, because the route is public, or outside of the layer.
///
/// ```
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
/// ```
pub struct Allowed<R> {
    rule: PhantomData<fn() -> R>,
}

impl<R: Rule> Allowed<R> {
    /// `Err` also holds what the caller lacks; only what is wired wrong is `Err` of the outer one.
    fn look(extensions: &Extensions) -> Result<Result<Self, AuthError>, AuthError> {
        let name = R::NAME;
        let verdict = extensions.get::<Verdict>().ok_or_else(|| {
            miswired(
                Reason::LayerMissing,
                format_args!("AuthenticateLayer around the handler that asks for Allowed of rule({name})"),
            )
        })?;
        match verdict.permit(TypeId::of::<R>()) {
            Some(Permit { refusal: None, .. }) => Ok(Ok(Self { rule: PhantomData })),
            Some(Permit { refusal: Some(error), .. }) => Ok(Err(error.clone())),
            None => Err(miswired(
                Reason::RuleMissing,
                format_args!("rule({name}) in the policy of the route whose handler asks for Allowed of it"),
            )),
        }
    }
}

impl<R: Rule, S: Sync> FromRequestParts<S> for Allowed<R> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthError> {
        Self::look(&parts.extensions)?
    }
}

impl<R: Rule, S: Sync> OptionalFromRequestParts<S> for Allowed<R> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, AuthError> {
        Ok(Self::look(&parts.extensions)?.ok())
    }
}

fn miswired(reason: Reason, forgotten: fmt::Arguments<'_>) -> AuthError {
    let error = AuthError::new(reason);
    observe::miswired(Layer::Handler, &error, forgotten);
    error
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

/// Looks for [`Allowed`] among the types of a handler's arguments. Their names are all that stable Rust tells of types
/// behind a type parameter. They promise nothing, so they only serve to find a mistake early: it is answered with 500
/// anyway.
pub(super) fn wanted(arguments: &'static str) -> Vec<Wanted> {
    let of_nothing = type_name::<Allowed<()>>();
    let start = of_nothing.trim_end_matches("()>");
    let found = arguments.match_indices(start).filter_map(|(at, _)| {
        let (before, rest) = arguments.split_at_checked(at)?;
        let rule = up_to_its_end(rest.get(start.len()..)?)?;
        Some(Wanted { rule, optional: before.ends_with("option::Option<") })
    });
    found.collect()
}

/// What stands before the `>` that closes it.
fn up_to_its_end(text: &'static str) -> Option<&'static str> {
    let mut depth = 0usize;
    for (at, sign) in text.char_indices() {
        match sign {
            '<' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if text.get(..at).is_some_and(|before| before.ends_with('-')) => {}
            '>' if depth == 0 => return text.get(..at),
            '>' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;
    struct Of<T>(#[allow(dead_code, reason = "only its name counts")] T);

    #[test]
    fn what_a_handler_asks_for_is_read_from_the_names_of_its_arguments() {
        let rules = |arguments| wanted(arguments).iter().map(|it| (it.rule, it.optional)).collect::<Vec<_>>();
        assert_eq!(rules(""), []);
        assert_eq!(rules(type_name::<((), String)>()), []);
        assert_eq!(rules(type_name::<((), String, Allowed<Plain>)>()), [(type_name::<Plain>(), false)]);
        assert_eq!(
            rules(type_name::<(Allowed<Of<Of<Plain>>>, Option<Allowed<Plain>>, Allowed<fn() -> Plain>)>()),
            [
                (type_name::<Of<Of<Plain>>>(), false),
                (type_name::<Plain>(), true),
                (type_name::<fn() -> Plain>(), false)
            ]
        );
    }
}

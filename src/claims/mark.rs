use super::{Claims, Principal};
use crate::error::AuthError;
use std::any::{TypeId, type_name};

/// Which `T` a layer verifies into, told without knowing it.
#[derive(Clone, Copy)]
pub(crate) struct Verifies {
    // One pointer, and not its two answers: it goes with every request.
    tell: fn() -> (TypeId, &'static str),
}

/// What `AuthenticateLayer` leaves in a request's extensions beside the claims: its word on who is calling. Of a private
/// type, so that nobody else can put one there or take it out, and the last layer's stands.
#[derive(Clone)]
pub(crate) struct Verdict {
    /// `None`: no token, and the layer is optional.
    caller: Option<Principal>,
    /// What claims stand beside him.
    verifies: Verifies,
    observed: bool,
    /// What the policies on the way have granted to this caller. Here, so that a layer's verdict on somebody else takes it
    /// along.
    permits: Vec<Permit>,
}

/// Whether a caller meets a rule that stands in the route's policy.
#[derive(Clone)]
pub(crate) struct Permit {
    pub(crate) rule: TypeId,
    pub(crate) refusal: Option<AuthError>,
}

impl Verdict {
    /// `observed`: whether somebody wants to hear what is decided on this request. That is here, and not looked for in the
    /// request, so that nobody pays for it who is not observed.
    pub(crate) fn new<T: 'static>(caller: Option<Principal>, observed: bool) -> Self {
        Self { caller, verifies: Verifies::into::<T>(), observed, permits: Vec::new() }
    }

    pub(crate) fn caller(&self) -> Option<&Principal> {
        self.caller.as_ref()
    }

    pub(crate) fn grant(&mut self, permits: impl IntoIterator<Item = Permit>) {
        self.permits.extend(permits);
    }

    /// What the innermost policy with this rule in it has found; `None` where the rule stands in none.
    pub(crate) fn permit(&self, rule: TypeId) -> Option<&Permit> {
        self.permits.iter().rev().find(|permit| permit.rule == rule)
    }

    pub(super) fn verifies(&self) -> Verifies {
        self.verifies
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.observed
    }
}

impl Verifies {
    pub(crate) fn into<T: 'static>() -> Self {
        Self { tell: || (TypeId::of::<Claims<T>>(), type_name::<T>()) }
    }

    /// Whether it is `T`.
    pub(crate) fn is<T: 'static>(self) -> bool {
        (self.tell)().0 == TypeId::of::<Claims<T>>()
    }

    pub(crate) fn name(self) -> &'static str {
        (self.tell)().1
    }
}

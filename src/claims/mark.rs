use super::{Claims, Principal};
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
}

impl Verdict {
    /// `observed`: whether somebody wants to hear what is decided on this request. That is here, and not looked for in the
    /// request, so that nobody pays for it who is not observed.
    pub(crate) fn new<T: 'static>(caller: Option<Principal>, observed: bool) -> Self {
        Self { caller, verifies: Verifies::into::<T>(), observed }
    }

    pub(crate) fn caller(&self) -> Option<&Principal> {
        self.caller.as_ref()
    }

    pub(super) fn verifies(&self) -> Verifies {
        self.verifies
    }

    pub(super) fn is_observed(&self) -> bool {
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

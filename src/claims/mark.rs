use super::Claims;
use std::any::{TypeId, type_name};

/// Which `T` a layer verifies into, told without knowing it.
#[derive(Clone, Copy)]
pub(crate) struct Verifies {
    // One pointer, and not its two answers: it is in every principal.
    tell: fn() -> (TypeId, &'static str),
}

/// What an optional `AuthenticateLayer` leaves in the extensions of a request without a token, so that whoever reads them
/// later can tell "no token" from "no layer". With a token, the principal stands there and says the same.
#[derive(Clone, Copy)]
pub(crate) struct Anonymous {
    pub(super) verifies: Verifies,
    pub(super) observed: bool,
}

impl Anonymous {
    /// `observed`: whether somebody wants to hear what is decided on this request.
    pub(crate) fn here<T: 'static>(observed: bool) -> Self {
        Self { verifies: Verifies::into::<T>(), observed }
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

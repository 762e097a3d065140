use super::{Claims, Principal};
use std::any::{TypeId, type_name};

/// Which `T` a layer verifies into, told without knowing it.
#[derive(Clone, Copy)]
pub(crate) struct Verifies {
    // One pointer, and not its two answers: it goes with every request.
    tell: fn() -> (TypeId, &'static str),
}

/// What `AuthenticateLayer` leaves in a request's extensions beside the claims: its word on who is calling. Of a private type, so
/// that nobody else can put one there or take it out, and the last layer's stands.
#[derive(Clone)]
pub(crate) enum Verdict {
    /// This caller, with claims of that type beside him.
    Admitted(Principal, Verifies),
    /// No token, and the layer is optional.
    Anonymous(Verifies),
}

impl Verdict {
    pub(super) fn verifies(&self) -> Verifies {
        match self {
            Self::Admitted(_, verifies) | Self::Anonymous(verifies) => *verifies,
        }
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

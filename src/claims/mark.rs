use super::Claims;
use std::any::{TypeId, type_name};

/// What `AuthenticateLayer` leaves in a request's extensions beside the claims, so that whoever reads them later can
/// tell "no token" from "no layer" and "another type".
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    caller: Caller,
    claims: TypeId,
    claims_name: &'static str,
}

/// Who passed the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A verified token.
    Admitted,
    /// No token, and the layer is optional.
    Anonymous,
}

impl Mark {
    pub(crate) fn of<T: 'static>(caller: Caller) -> Self {
        Self { caller, claims: TypeId::of::<Claims<T>>(), claims_name: type_name::<T>() }
    }

    pub(crate) fn caller(&self) -> Caller {
        self.caller
    }

    /// Whether the layer verifies into `T`.
    pub(crate) fn verifies<T: 'static>(&self) -> bool {
        self.claims == TypeId::of::<Claims<T>>()
    }

    pub(crate) fn claims_name(&self) -> &'static str {
        self.claims_name
    }
}

//! Reading what `AuthenticateLayer` left in a request, so that nobody takes "no layer" for "no token".

use super::{Caller, Claims, Mark, Principal};
use crate::{
    error::{AuthError, Reason},
    observe::{self, Layer},
};
use http::Extensions;
use std::{any::type_name, fmt};

impl<T: Send + Sync + 'static> Claims<T> {
    /// The claims that `AuthenticateLayer` put into a request's extensions; `None` for a request without a token that an
    /// optional layer let through. For services without axum; with it, claims are an extractor.
    ///
    /// # Errors
    ///
    /// [`Reason::LayerMissing`] or [`Reason::ClaimsTypeDiffers`]: the program is wired wrong, and an ERROR event says
    /// what was forgotten. Answer with it: `Response::from(error)`.
    pub fn from_extensions(extensions: &Extensions) -> Result<Option<Self>, AuthError> {
        let asked = type_name::<Self>();
        let forgotten = format_args!("AuthenticateLayer around the handler that asks for {asked}");
        let missing = || miswired(Layer::Handler, Reason::LayerMissing, forgotten);
        let mark = extensions.get::<Mark>().ok_or_else(missing)?;
        if !mark.verifies::<T>() {
            let (asked, verified) = (type_name::<T>(), mark.claims_name());
            return Err(miswired(
                Layer::Handler,
                Reason::ClaimsTypeDiffers,
                format_args!(
                    "the handler asks for Claims<{asked}>, the layer verifies {verified}: say .claims::<{asked}>() to \
                     the verifier, or attach_as::<{asked}, _> in a test"
                ),
            ));
        }
        present(*mark, extensions.get::<Self>(), Layer::Handler).map(Option::<&Self>::cloned)
    }
}

impl Principal {
    /// The caller that `AuthenticateLayer` put into a request's extensions, whatever its claims type.
    ///
    /// # Errors
    ///
    /// [`Reason::LayerMissing`], as [`Claims::from_extensions`].
    pub fn from_extensions(extensions: &Extensions) -> Result<Option<Self>, AuthError> {
        let forgotten = format_args!("AuthenticateLayer around the handler that asks for Principal");
        Self::look(extensions, Layer::Handler, forgotten).map(Option::<&Self>::cloned)
    }

    /// The same without a copy; `asking` and `forgotten` are for the operator, where there is no layer.
    pub(crate) fn look<'a>(
        extensions: &'a Extensions,
        asking: Layer,
        forgotten: fmt::Arguments<'_>,
    ) -> Result<Option<&'a Self>, AuthError> {
        let missing = || miswired(asking, Reason::LayerMissing, forgotten);
        let mark = extensions.get::<Mark>().ok_or_else(missing)?;
        present(*mark, extensions.get::<Self>(), asking)
    }
}

/// "Admitted" without claims means that somebody took them out: that is no anonymous request.
fn present<V>(mark: Mark, value: Option<&V>, asking: Layer) -> Result<Option<&V>, AuthError> {
    match (mark.caller(), value) {
        (Caller::Anonymous, _) => Ok(None),
        (Caller::Admitted, Some(value)) => Ok(Some(value)),
        (Caller::Admitted, None) => {
            let forgotten = format_args!("the claims: a layer between removed them from the request");
            Err(miswired(asking, Reason::LayerMissing, forgotten))
        }
    }
}

fn miswired(asking: Layer, reason: Reason, forgotten: fmt::Arguments<'_>) -> AuthError {
    let error = AuthError::new(reason);
    observe::miswired(asking, &error, forgotten);
    error
}

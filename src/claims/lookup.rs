//! Reading what `AuthenticateLayer` left in a request, so that nobody takes "no layer" for "no token".

use super::{Claims, Principal, Verdict};
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
        let verdict = extensions.get::<Verdict>().ok_or_else(|| missing(Layer::Handler, forgotten))?;
        if !verdict.verifies().is::<T>() {
            let (asked, verified) = (type_name::<T>(), verdict.verifies().name());
            return Err(observe::miswired(
                Layer::Handler,
                Reason::ClaimsTypeDiffers,
                format_args!(
                    "the handler asks for Claims<{asked}>, the layer verifies {verified}: say .claims::<{asked}>() to \
                     the verifier, or attach_as::<{asked}, _> in a test"
                ),
            ));
        }
        let Some(caller) = verdict.caller() else { return Ok(None) };
        let done = match extensions.get::<Self>() {
            Some(claims) if claims.principal().is_same(caller) => return Ok(Some(claims.clone())),
            // Policies have judged the caller: whoever else was verified somewhere is not him.
            Some(_) => "put others in the place of the caller's",
            // That is no anonymous request.
            None => "removed them from the request",
        };
        Err(missing(Layer::Handler, format_args!("the claims: a layer between {done}")))
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

    /// Whether it is the same verification, and not one alike.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.claims().caller(), other.claims().caller())
    }

    /// The same without a copy; `asking` and `forgotten` are for the operator, where there is no layer.
    pub(crate) fn look<'a>(
        extensions: &'a Extensions,
        asking: Layer,
        forgotten: fmt::Arguments<'_>,
    ) -> Result<Option<&'a Self>, AuthError> {
        Self::look_observed(extensions, asking, forgotten).map(|(principal, _)| principal)
    }

    /// The same, and whether somebody wants to hear what is decided on the request.
    pub(crate) fn look_observed<'a>(
        extensions: &'a Extensions,
        asking: Layer,
        forgotten: fmt::Arguments<'_>,
    ) -> Result<(Option<&'a Self>, bool), AuthError> {
        match extensions.get::<Verdict>() {
            Some(verdict) => Ok((verdict.caller(), verdict.is_observed())),
            None => Err(missing(asking, forgotten)),
        }
    }
}

/// No layer was, or somebody took out what it had left.
fn missing(asking: Layer, forgotten: fmt::Arguments<'_>) -> AuthError {
    observe::miswired(asking, Reason::LayerMissing, forgotten)
}

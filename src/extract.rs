//! axum extractors: [`Claims<T>`], [`Principal`], and both as `Option`; and [`AuthError`] as a response.
//!
//! An extractor only reads what [`AuthenticateLayer`](crate::AuthenticateLayer) left in the request. Where the layer is
//! missing, or verifies another type, it answers 500 and an ERROR event says what was forgotten; so does `Option`,
//! which is `None` only for a request without a token that an optional layer let through.

use crate::{
    challenge::refuse,
    claims::{Caller, Claims, Mark, Principal},
    error::{AuthError, Reason},
    observe,
};
use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Extensions, request::Parts};
use std::any::type_name;

impl<T, S> FromRequestParts<S> for Claims<T>
where
    T: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        claims(&parts.extensions)?.ok_or(AuthError::new(Reason::MissingToken))
    }
}

impl<T, S> OptionalFromRequestParts<S> for Claims<T>
where
    T: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthError> {
        claims(&parts.extensions)
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        principal(&parts.extensions)?.ok_or(AuthError::new(Reason::MissingToken))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthError> {
        principal(&parts.extensions)
    }
}

/// The refusal as a response; `AuthenticateLayer` draws challenge and body on the way out.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response<Body> {
        refuse(self)
    }
}

fn claims<T: Send + Sync + 'static>(extensions: &Extensions) -> Result<Option<Claims<T>>, AuthError> {
    let mark = mark(extensions, type_name::<Claims<T>>())?;
    if !mark.verifies::<T>() {
        let error = AuthError::new(Reason::ClaimsTypeDiffers);
        let (asked, verified) = (type_name::<T>(), mark.claims_name());
        let forgotten = format_args!(
            "the handler asks for Claims<{asked}>, the layer verifies {verified}: say .claims::<{asked}>() to the verifier"
        );
        observe::miswired(&error, forgotten);
        return Err(error);
    }
    present(mark, extensions.get::<Claims<T>>())
}

fn principal(extensions: &Extensions) -> Result<Option<Principal>, AuthError> {
    present(mark(extensions, "Principal")?, extensions.get::<Principal>())
}

fn mark(extensions: &Extensions, asked: &str) -> Result<Mark, AuthError> {
    extensions.get::<Mark>().copied().ok_or_else(|| {
        let error = AuthError::new(Reason::LayerMissing);
        observe::miswired(&error, format_args!("AuthenticateLayer around the handler that asks for {asked}"));
        error
    })
}

/// "Admitted" without claims means that somebody took them out: that is no anonymous request.
fn present<V: Clone>(mark: Mark, value: Option<&V>) -> Result<Option<V>, AuthError> {
    match (mark.caller(), value) {
        (Caller::Anonymous, _) => Ok(None),
        (Caller::Admitted, Some(value)) => Ok(Some(value.clone())),
        (Caller::Admitted, None) => {
            let error = AuthError::new(Reason::LayerMissing);
            observe::miswired(
                &error,
                format_args!("the claims: a layer between removed them from the request"),
            );
            Err(error)
        }
    }
}

//! axum extractors: [`Claims<T>`], [`Principal`], [`Allowed<R>`](Allowed), and each as `Option`; and [`AuthError`] as a response.
//!
//! An extractor only reads what [`AuthenticateLayer`](crate::AuthenticateLayer) left in the request. Where the layer is
//! missing, or verifies another type, it answers 500 and an ERROR event says what was forgotten; so does `Option`,
//! which is `None` only for a request without a token that an optional layer let through:
//!
//! ```
//! use tower_bearer::Claims;
//!
//! async fn greet(claims: Option<Claims>) -> String {
//!     match claims.as_ref().and_then(|claims| claims.subject()) {
//!         Some(subject) => format!("hello {subject}"),
//!         None => "hello stranger".to_owned(),
//!     }
//! }
//! ```

use crate::{
    claims::{Claims, Principal},
    error::{AuthError, Reason},
    policy::{Allowed, Rule},
};
use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

impl<T, S> FromRequestParts<S> for Claims<T>
where
    T: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        Claims::from_extensions(&parts.extensions)?.ok_or(AuthError::new(Reason::MissingToken))
    }
}

impl<T, S> OptionalFromRequestParts<S> for Claims<T>
where
    T: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthError> {
        Claims::from_extensions(&parts.extensions)
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        Principal::from_extensions(&parts.extensions)?.ok_or(AuthError::new(Reason::MissingToken))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthError> {
        Principal::from_extensions(&parts.extensions)
    }
}

impl<R: Rule, S: Sync> FromRequestParts<S> for Allowed<R> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        Self::look(&parts.extensions)?
    }
}

impl<R: Rule, S: Sync> OptionalFromRequestParts<S> for Allowed<R> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthError> {
        Self::from_extensions(&parts.extensions)
    }
}

/// The refusal as a response; `AuthenticateLayer` draws challenge and body on the way out.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response<Body> {
        self.into()
    }
}

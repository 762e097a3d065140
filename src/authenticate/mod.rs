//! Who are you? The layer that turns a Bearer token into [`Claims`](crate::Claims), or into a refusal.
//!
//! 1. Its word on who is calling takes the place of any that was there; nobody else can put one into a request.
//! 2. Without a token: 401, or, with [`optional`](AuthenticateLayer::optional), on to the inner service.
//! 3. A token that is refused never reaches the inner service, optional or not.
//! 4. A good one puts `Claims<T>` into the extensions, and its `Principal`, for extractors, policies and
//!    [`Principal::from_extensions`](crate::claims::Principal::from_extensions).
//! 5. Refusals from within (policies, extractors, `?` in a handler) are drawn on the way out.
//!
//! The inner service's error type is not changed, and its readiness is the layer's.

mod future;
mod layer;
mod service;
#[cfg(feature = "axum")]
mod strip;

pub use future::ResponseFuture;
pub use layer::AuthenticateLayer;
pub use service::Authenticate;
#[cfg(feature = "axum")]
pub(crate) use strip::Strip;

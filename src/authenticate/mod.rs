//! Who are you? The layer that turns a Bearer token into [`Claims`](crate::Claims), or into a refusal.
//!
//! 1. Whatever claims stood in the request's extensions are removed: only this layer says who is calling.
//! 2. Without a token: 401, or, with [`optional`](AuthenticateLayer::optional), on to the inner service.
//! 3. A token that is refused never reaches the inner service, optional or not.
//! 4. A good one puts `Claims<T>` and `Principal` into the extensions.
//! 5. Refusals from within (policies, extractors, `?` in a handler) are drawn on the way out.
//!
//! The inner service's error type is not changed, and its readiness is the layer's.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::AuthenticateLayer;
pub use service::Authenticate;

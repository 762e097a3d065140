//! How a refusal looks: the status, the `WWW-Authenticate` challenge (RFC 6750 section 3), and the body.
//!
//! Whoever refuses ([`AuthorizeLayer`](crate::AuthorizeLayer), an extractor, a handler with `?`) answers with a status,
//! an empty body and a private mark. `AuthenticateLayer` draws every marked refusal on its way out, so there is one
//! place that knows realm, metadata and body, and a response that you drew yourself is left alone.

mod refusal;
mod render;
mod value;

pub(crate) use refusal::{Drawing, refuse, untold};
pub use render::{EmptyBody, ProblemJson, Render};
pub use value::Challenge;

/// As a document names it.
#[cfg(feature = "utoipa")]
pub(crate) const HEADER: &str = "WWW-Authenticate";

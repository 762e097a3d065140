//! May you? The layer that holds a [`Policy`](crate::policy::Policy) against the verified caller.
//!
//! It reads what [`AuthenticateLayer`](crate::AuthenticateLayer) left in the request and nothing else. Without that
//! layer around it, it answers 500: "nobody looked" must never pass for "nobody is there".
//!
//! A decision that has to be waited for is no part of a policy: [`ask`] stands beside it.

mod ask;
mod future;
mod layer;
mod listeners;
mod report;
mod service;

pub use ask::{Ask, AskFuture, AskLayer, Question, Ruling, ask};
pub use future::ResponseFuture;
pub use layer::{AuthorizeLayer, require};
pub use service::Authorize;

//! Decisions that have to wait: a database, a policy engine.

mod future;
mod layer;
mod ruling;
mod service;

pub use future::AskFuture;
pub use layer::{AskLayer, Question, ask};
pub use ruling::Ruling;
pub use service::Ask;

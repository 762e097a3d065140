//! The two errors: [`AuthError`] for a request that is refused, [`ConfigError`] for a set-up that cannot work.
//!
//! The client learns the class of a refusal ([`AuthErrorKind`] and a sentence from a fixed list), the log learns
//! the [`Reason`], and nobody learns the token.

mod auth;
mod config;
mod reason;

pub use auth::{AuthError, AuthErrorKind};
pub use config::{ConfigError, Fault};
pub use reason::Reason;

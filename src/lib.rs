//! tower-bearer

pub mod token;
#[macro_use]
mod observe;
pub mod clock;
pub mod error;
mod json;

pub mod issuer;
pub mod keys;
pub mod verify;

pub mod claims;
pub mod policy;

pub mod authenticate;
pub mod authorize;
pub mod challenge;
#[cfg(feature = "axum")]
mod extract;

#[cfg(feature = "testing")]
pub mod testing;

pub use authenticate::AuthenticateLayer;
pub use authorize::{AuthorizeLayer, require};
pub use claims::Claims;
pub use error::{AuthError, ConfigError};
pub use issuer::Issuer;
pub use verify::Verifier;

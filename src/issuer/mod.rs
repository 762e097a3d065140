//! A trusted issuer: its identifiers, where its keys are, and how its claims map to authorities.

mod expects;
#[cfg(feature = "remote")]
mod names;
#[cfg(feature = "remote")]
mod presets;
#[cfg(feature = "remote")]
mod remote;
#[cfg(feature = "remote")]
mod settings;
mod setup;
#[cfg(feature = "remote")]
mod shared;
mod tenants;
mod trusted;

#[cfg(feature = "remote")]
pub use settings::Settings;
pub use setup::Issuer;
pub(crate) use setup::Missing;

pub(crate) use expects::Expects;
pub(crate) use trusted::{IssuerKeys, TrustedIssuer};

//! A trusted issuer: its identifiers, where its keys are, and how its claims map to authorities.

mod directory;
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
mod tenancy;
#[cfg(feature = "remote")]
pub(crate) mod tenants;
mod trusted;

pub use setup::Issuer;
pub(crate) use setup::Missing;
#[cfg(feature = "remote")]
pub use {
    settings::Settings,
    tenants::{Tenant, TenantError, TenantFuture, TenantResolver, Tenants},
};

pub(crate) use directory::{Chosen, Directory, repeated};
pub(crate) use expects::Expects;
pub(crate) use trusted::{IssuerKeys, Terms, TrustedIssuer};

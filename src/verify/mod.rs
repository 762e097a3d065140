//! The verifier: from an unverified token to claims. Knows nothing of HTTP services.
//!
//! A token passes these in order, and the first that it fails names the [`Reason`](crate::error::Reason); [`Step`] has
//! them as values, and [`Verifier::explain`] tells how far a token came:
//!
//! 1. three parts, canonical base64url, a JOSE header without duplicates and extensions;
//! 2. a trusted issuer (with one issuer, after the signature);
//! 3. `alg` and `typ` on the issuer's list;
//! 4. a key of that issuer by `kid` and `alg`;
//! 5. the signature;
//! 6. `iss`, `aud`, `exp`, `nbf`, `iat`, the kind of token, `cnf`;
//! 7. your own claims type.
//!
//! The happy path is synchronous. A token whose key we lack, and only if it is right in everything that needs no key,
//! may wait for one fetch.

mod builder;
mod cache;
mod counts;
mod expects;
mod hash;
mod header;
mod looks;
mod rules;
pub(crate) mod signature;
mod status;
mod step;
mod steps;
mod verifier;

pub use builder::VerifierBuilder;
pub use status::{IssuerStatus, KeyState, MemoryStatus, Status};
pub use step::Step;
pub use verifier::Verifier;

#[cfg(feature = "testing")]
pub(crate) use {
    header::JoseHeader,
    rules::{Rules, read_claims},
    steps::verify_bare,
};
pub(crate) use {
    step::Passed,
    verifier::{Begun, Verification},
};

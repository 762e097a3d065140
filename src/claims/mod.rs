//! Verified claims: [`Claims<T>`] with the application's own type, [`Principal`] without it.
//!
//! Only the verifier (and, for tests, the `testing` feature) can make either, so holding one is the proof that a
//! token was verified.

mod authorities;
mod lookup;
mod map;
mod mark;
mod path;
mod principal;
mod typed;
mod watch;

pub use map::ClaimMap;
pub use path::{ClaimPath, ClaimPathError};
pub use principal::Principal;
pub use typed::Claims;

pub(crate) use authorities::{Authorities, Authority, AuthorityMapping, Gap};
pub(crate) use mark::{Permit, Verdict};
pub(crate) use principal::{Registered, client};
pub(crate) use watch::{Watch, numeric_date};

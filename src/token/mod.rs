//! The unverified token, and the only place that reads credentials from a request.
//!
//! Rules, each refused with 400 `invalid_request` (RFC 6750 section 3.1):
//!
//! 1. One `Authorization` header at most; scheme `Bearer` in any case; another scheme is "no credentials".
//! 2. Something behind `Bearer`, and only token68 characters (RFC 9110 section 11.2).
//! 3. At most 16 KiB.
//! 4. Credentials in one place only. The query is not offered (RFC 9700 section 4.3.2).

mod bearer;
mod sources;

pub use bearer::{BearerToken, MAX_TOKEN_BYTES};
pub use sources::TokenSource;

pub(crate) use bearer::{Compact, Sent};
pub(crate) use sources::TokenSources;

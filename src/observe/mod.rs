//! What the operator sees: `tracing` events in a stable vocabulary, and nothing at all without the feature.
//!
//! Target `tower_bearer`. No event holds a token, a secret or a claim's value; the one exception is the DEBUG event
//! `token looked like`, which shows `iss`, `aud`, `typ`, `alg` and `kid` of a refused token, escaped and cut at 64
//! bytes, so that an operator can see why.
//!
//! | message | level | fields |
//! | --- | --- | --- |
//! | `request refused` | INFO; DEBUG for a missing token | `kind`, `reason` |
//! | `token looked like` | DEBUG | `iss`, `aud`, `typ`, `alg`, `kid` |
//! | `policy denied` | INFO; DEBUG without a token | `reason`, `policy` |
//! | `wired wrong` | ERROR | `reason`, `forgotten` |
//! | `keys refreshed` | DEBUG; INFO for the first, for changed key ids and for a recovery | `issuer`, `keys`, `skipped`, `first`, `rotated`, `recovered` |
//! | `key refresh failed` | WARN; DEBUG when the same failure repeats | `issuer`, `error` |
//! | `keys recalled` | INFO | `issuer`, `keys`, `age` (seconds) |
//! | `key store failed` | WARN | `issuer`, `error` |
//! | `plain http allowed` | WARN | `issuer` |
//! | `tenant resolver failed` | WARN; DEBUG when the same failure repeats | `tenants`, `error` |
//! | `tenant resolver recovered` | INFO | `tenants` |

#[cfg(feature = "tracing")]
mod events;
#[cfg(not(feature = "tracing"))]
#[path = "silence.rs"]
mod events;

pub(crate) use events::{denied, miswired, plain_http, refused};
#[cfg(feature = "remote")]
pub(crate) use events::{
    keys_recalled, refresh_failed, refreshed, resolver_failed, resolver_recovered, store_failed,
};

/// What a fetch of keys has changed.
#[cfg(feature = "remote")]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody listens"))]
pub(crate) struct Refresh {
    pub(crate) keys: usize,
    pub(crate) skipped: usize,
    pub(crate) first: bool,
    pub(crate) rotated: bool,
    pub(crate) recovered: bool,
}

/// The five short values of a refused token that an operator may see.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody listens"))]
pub(crate) struct Looks {
    pub(crate) iss: Option<String>,
    pub(crate) aud: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) alg: Option<String>,
    pub(crate) kid: Option<String>,
}

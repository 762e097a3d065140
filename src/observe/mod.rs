//! What the operator sees: `tracing` events and a span, `metrics` counters and gauges, in a stable vocabulary; and
//! nothing at all, at no cost, without the features of these names.
//!
//! # Events
//!
//! Target `tower_bearer`. No event holds a token, a secret or a claim's value; the one exception is the DEBUG event
//! `token looked like`, which shows `iss`, `aud`, `typ`, `alg` and `kid` of a refused token, escaped and cut at 64
//! bytes, so that an operator can see why.
//!
//! | message | level | fields |
//! | --- | --- | --- |
//! | `request refused` | INFO; DEBUG for a missing token | `kind`, `reason`; also for a refusal inside a handler |
//! | `token looked like` | DEBUG | `iss`, `aud`, `typ`, `alg`, `kid`, escaped and cut |
//! | `policy denied` | INFO; DEBUG without a token | `reason`, `policy` |
//! | `policy would deny` | INFO; DEBUG without a token | `reason`, `policy`, `report_only` |
//! | `policy reports only` | WARN | `name`, `policy`, `report_only` |
//! | `policies reloaded` | INFO | `policies`, `changed` |
//! | `policies kept` | WARN | `error` |
//! | `wired wrong` | ERROR | `reason`, `forgotten` |
//! | `keys refreshed` | DEBUG; INFO for the first, a rotation, a recovery | `issuer`, `keys`, `skipped`, `first`, `rotated`, `recovered` |
//! | `key refresh failed` | WARN; DEBUG while the same failure repeats, and within a minute of another tenant's that is not proven yet | `issuer`, `error` |
//! | `keys recalled` | INFO | `issuer`, `keys`, `age` (seconds) |
//! | `key store failed` | WARN | `issuer`, `error` |
//! | `plain http allowed` | WARN | `issuer` |
//! | `tenant resolver failed` | WARN, once a minute at most; DEBUG in between | `tenants`, `error` |
//! | `tenant resolver recovered` | INFO | `tenants` |
//! | `decision` | INFO, target `tower_bearer::audit`, with `audit::EventLog` alone | `stage`, `outcome`, `kind`, `reason`, `issuer`, `policy` |
//!
//! | span | level | fields |
//! | --- | --- | --- |
//! | `key refresh` | INFO | `issuer` |
//!
//! The span is around each fetch of keys. It has no parent: a fetch serves every request that waits for it, and outlives
//! them.
//!
//! # Metrics
//!
//! Written to the recorder that the program has installed. Each label's value is from a fixed list or from the
//! configuration, never from a token: whatever callers send, the number of series is bounded.
//!
//! | metric | kind | labels |
//! | --- | --- | --- |
//! | `tower_bearer_decisions_total` | counter: one for each decision | `layer`, `outcome`, `reason` |
//! | `tower_bearer_report_only_total` | counter: one for each request that a report-only policy was asked about | `outcome`, `reason` |
//! | `tower_bearer_key_refreshes_total` | counter: one for each fetch of keys that ended | `issuer`, `result` |
//! | `tower_bearer_key_set_age_seconds` | gauge, seconds: time since the keys were fetched | `issuer` |
//! | `tower_bearer_key_set_keys` | gauge: keys in the set, those that were skipped left out | `issuer` |
//! | `tower_bearer_key_set_state` | gauge: 1 for the state the keys are in, 0 for the others | `issuer`, `state` |
//! | `tower_bearer_memory_lookups_total` | counter: one for each token that was looked for among the remembered | `hit` |
//! | `tower_bearer_memory_tokens` | gauge: tokens remembered | |
//! | `tower_bearer_memory_bytes` | gauge, bytes: what they weigh | |
//!
//! | label | values |
//! | --- | --- |
//! | `layer` | `authenticate`, `authorize`, `handler` |
//! | `outcome` | `allowed`, `anonymous`, `refused` |
//! | `reason` | `none`, or the id of a `Reason` |
//! | `issuer` | the first identifier of each trusted issuer; of tenants, their template |
//! | `result` | `ok`, `rotated`, `not_modified`, `transport`, `status`, `redirect`, `too_large`, `timed_out`, `unusable` |
//! | `hit` | `true`, `false` |
//! | `state` | `fixed`, `never_loaded`, `fresh`, `stale`, `expired` |
//!
//! 1. A decision is counted where it is made, and a refusal once, however many layers it passes on its way out:
//!    `authenticate` is the verifier, `authorize` a route's policy, `handler` whatever refuses within (an extractor, `?`).
//!    What a policy that reports only would have decided is counted apart, for requests that were let through: `allowed`
//!    or `refused`, with the reason that the refusal would have had.
//! 2. A request that its caller gives up while it waits for keys is counted nowhere: nothing was decided.
//! 3. The gauges of key sets are written whenever a fetch ends and whenever `Verifier::status()` is read: who reads the status
//!    before it is scraped is exact. Fixed keys and the memory are seen in no other way. There is no age before the first good
//!    fetch, or a set recalled from a key store.
//! 4. Tenants are counted together, and have no gauges: there may be thousands of them.
//! 5. Verifiers that trust the same issuer share its series. Those of an issuer that is trusted no more go to 0.

#[cfg(feature = "tracing")]
mod events;
#[cfg(not(feature = "tracing"))]
#[path = "silence.rs"]
mod events;

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "uncounted.rs"]
mod metrics;

mod decisions;
#[cfg(feature = "remote")]
mod refreshes;

pub(crate) use decisions::{denied, miswired, refused, refused_within, would_deny};
pub(crate) use events::decision;
#[cfg(feature = "remote")]
pub(crate) use events::{keys_recalled, resolver_failed, resolver_recovered, store_failed};
pub(crate) use events::{plain_http, reports_only};
#[cfg(feature = "axum")]
pub(crate) use events::{policies_kept, policies_reloaded};
pub(crate) use metrics::{
    admitted, anonymous, describe, key_set, key_set_gone, looked_up, memory, permitted, would_permit,
};
#[cfg(feature = "remote")]
pub(crate) use refreshes::{in_refresh, refresh_failed, refreshed};

use crate::error::AuthError;
use std::fmt;

/// Where a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "nobody counts"))]
pub(crate) enum Layer {
    Authenticate,
    Authorize,
    Handler,
}

/// An issuer, and the name under which it is counted: its own, or that of the tenants which it is one of.
#[cfg(feature = "remote")]
#[cfg_attr(not(all(feature = "tracing", feature = "metrics")), allow(dead_code, reason = "nobody listens"))]
pub(crate) struct Counted<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) label: &'a str,
}

/// What a fetch of keys has changed.
#[cfg(feature = "remote")]
#[cfg_attr(not(all(feature = "tracing", feature = "metrics")), allow(dead_code, reason = "nobody listens"))]
pub(crate) struct Refresh {
    pub(crate) keys: usize,
    pub(crate) skipped: usize,
    pub(crate) first: bool,
    pub(crate) rotated: bool,
    pub(crate) recovered: bool,
    /// The issuer sent a set, be it the same, and not "not modified".
    pub(crate) sent: bool,
}

/// One decision, as `audit` writes it down.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody listens"))]
pub(crate) struct Decided<'a> {
    pub(crate) stage: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) error: Option<&'a AuthError>,
    pub(crate) issuer: Option<&'a str>,
    pub(crate) policy: &'a dyn fmt::Display,
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

#[cfg(feature = "remote")]
use crate::keys::{RemoteKeySet, life::Freshness};
use crate::{
    issuer::{Directory, IssuerKeys, TrustedIssuer},
    observe,
};
use std::{fmt, sync::Arc, time::Duration};

/// What is known of each issuer's keys: for a readiness handler and for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// One for each listed issuer, in the order of the set-up.
    pub issuers: Vec<IssuerStatus>,
    /// One for each tenant that is known at this moment, in no order; many, where there are many.
    pub tenants: Vec<IssuerStatus>,
    /// The tokens that are remembered; `None` without a memory.
    pub memory: Option<MemoryStatus>,
    /// Tenants are found as they come, known ones or not.
    finds_tenants: bool,
}

/// The memory of verified tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStatus {
    /// How many there are.
    pub tokens: u64,
    /// What they weigh, in bytes; see [`VerifierBuilder::memory`](super::VerifierBuilder::memory).
    pub bytes: u64,
    /// How many requests were answered out of it so far.
    pub hits: u64,
    /// How many requests looked.
    pub lookups: u64,
}

/// One issuer's keys.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// Its first identifier.
    pub issuer: String,
    /// How much its keys are worth now.
    pub state: KeyState,
    /// Time since the set was fetched; `None` for a fixed one, and before the first.
    pub age: Option<Duration>,
    /// The `kid`s of the usable keys.
    pub key_ids: Vec<String>,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<String>,
}

/// How much an issuer's keys are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Keys that were set by hand.
    Fixed,
    /// No fetch has succeeded yet.
    NeverLoaded,
    /// Within their time to live.
    Fresh,
    /// Past it; they judge only while the issuer fails.
    Stale,
    /// Past `max_stale`: tokens of this issuer are answered with 503.
    Expired,
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "fixed",
            Self::NeverLoaded => "never_loaded",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
        })
    }
}

impl Status {
    /// Whether tokens can be judged at all: at least one issuer's keys are usable, or tenants are found as they come. One
    /// issuer's outage should not take a service of many issuers out of rotation; a verifier that trusts nobody, because
    /// its last issuer was removed, is not ready.
    pub fn is_ready(&self) -> bool {
        self.finds_tenants || self.issuers.iter().any(IssuerStatus::is_usable)
    }

    /// Everything, tenants included.
    pub(crate) fn of(directory: &Directory, memory: Option<MemoryStatus>) -> Self {
        #[cfg(feature = "remote")]
        let tenants = directory.tenants.as_ref().map(|tenants| all(&tenants.issuers())).unwrap_or_default();
        #[cfg(not(feature = "remote"))]
        let tenants = Vec::new();
        Self { tenants, ..Self::of_listed(directory, memory) }
    }

    /// All but the tenants, of whom there may be thousands.
    pub(crate) fn of_listed(directory: &Directory, memory: Option<MemoryStatus>) -> Self {
        if let Some(memory) = &memory {
            observe::memory(memory.tokens, memory.bytes);
        }
        let listed = directory.issuers();
        listed.iter().for_each(|issuer| tell_fixed(issuer));
        #[cfg(feature = "remote")]
        let finds_tenants = directory.tenants.is_some();
        #[cfg(not(feature = "remote"))]
        let finds_tenants = false;
        Self { issuers: all(&listed), tenants: Vec::new(), memory, finds_tenants }
    }
}

fn all(issuers: &[Arc<TrustedIssuer>]) -> Vec<IssuerStatus> {
    issuers.iter().map(|issuer| IssuerStatus::of(issuer)).collect()
}

impl IssuerStatus {
    /// Whether tokens of this issuer can be judged.
    pub fn is_usable(&self) -> bool {
        matches!(self.state, KeyState::Fixed | KeyState::Fresh | KeyState::Stale)
    }

    fn of(issuer: &TrustedIssuer) -> Self {
        let name = issuer.name().to_owned();
        match &issuer.keys {
            IssuerKeys::Fixed(keys) => Self {
                issuer: name,
                state: KeyState::Fixed,
                age: None,
                key_ids: keys.key_ids().map(str::to_owned).collect(),
                last_error: None,
            },
            #[cfg(feature = "remote")]
            IssuerKeys::Remote(remote) => Self::of_remote(name, remote),
        }
    }

    #[cfg(feature = "remote")]
    fn of_remote(issuer: String, remote: &RemoteKeySet) -> Self {
        let look = remote.driver().look();
        let state = match look.freshness {
            Freshness::NeverLoaded => KeyState::NeverLoaded,
            Freshness::Fresh => KeyState::Fresh,
            Freshness::Stale => KeyState::Stale,
            Freshness::Expired => KeyState::Expired,
        };
        let key_ids = look.value.iter().flat_map(|keys| keys.key_ids()).map(str::to_owned).collect();
        let last_error = look.error.map(|error| error.to_string());
        Self { issuer, state, age: look.age, key_ids, last_error }
    }
}

/// Keys that are fetched tell of themselves; nothing else ever happens to those that were set by hand.
fn tell_fixed(issuer: &TrustedIssuer) {
    match &issuer.keys {
        IssuerKeys::Fixed(keys) => observe::key_set(issuer.name(), "fixed", None, keys.len()),
        #[cfg(feature = "remote")]
        IssuerKeys::Remote(_) => {}
    }
}

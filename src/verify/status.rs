#[cfg(feature = "remote")]
use crate::keys::{RemoteKeySet, life::Freshness};
use crate::{
    issuer::{IssuerKeys, TrustedIssuer},
    observe,
};
use std::{fmt, time::Duration};

/// What is known of each issuer's keys: for a readiness handler and for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// One for each trusted issuer, in the order of the set-up.
    pub issuers: Vec<IssuerStatus>,
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
    /// Whether tokens can be judged at all: at least one issuer's keys are usable. One issuer's outage should not take
    /// a service of many issuers out of rotation.
    pub fn is_ready(&self) -> bool {
        self.issuers.iter().any(IssuerStatus::is_usable)
    }

    pub(crate) fn of(issuers: &[TrustedIssuer]) -> Self {
        Self { issuers: issuers.iter().map(IssuerStatus::of).collect() }
    }
}

impl IssuerStatus {
    /// Whether tokens of this issuer can be judged.
    pub fn is_usable(&self) -> bool {
        matches!(self.state, KeyState::Fixed | KeyState::Fresh | KeyState::Stale)
    }

    fn of(issuer: &TrustedIssuer) -> Self {
        let name = issuer.name().to_owned();
        match &issuer.keys {
            IssuerKeys::Fixed(keys) => {
                observe::key_set(&name, "fixed", None, keys.len());
                Self {
                    issuer: name,
                    state: KeyState::Fixed,
                    age: None,
                    key_ids: keys.key_ids().map(str::to_owned).collect(),
                    last_error: None,
                }
            }
            #[cfg(feature = "remote")]
            IssuerKeys::Remote(remote) => Self::of_remote(name, remote),
        }
    }

    #[cfg(feature = "remote")]
    fn of_remote(issuer: String, remote: &RemoteKeySet) -> Self {
        let (freshness, age, keys, error) = remote.look();
        let state = match freshness {
            Freshness::NeverLoaded => KeyState::NeverLoaded,
            Freshness::Fresh => KeyState::Fresh,
            Freshness::Stale => KeyState::Stale,
            Freshness::Expired => KeyState::Expired,
        };
        let key_ids = keys.iter().flat_map(|keys| keys.key_ids()).map(str::to_owned).collect();
        Self { issuer, state, age, key_ids, last_error: error.map(|error| error.to_string()) }
    }
}

//! The tenants that are known, and the names that were refused; both bounded, so that no flood of names grows them.

use super::{
    Tenants,
    source::{Registry, TenantSource},
};
use crate::{
    clock::Now,
    issuer::trusted::{Terms, TrustedIssuer},
    keys::{
        driver::{Asked, Driver, Ticket},
        life::Need,
    },
};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How many tenants may be asked for at once; above it, a name that nobody knows is answered with 503 at once.
const MOST_ASKING: usize = 256;

pub(crate) struct TenantDirectory {
    registry: Arc<Registry>,
    /// Apart from the others, so that a flood of invented names evicts no tenant.
    known: Cache<Box<str>, Driver<TenantSource>>,
    /// Refused, or not answered yet.
    refused: Cache<Box<str>, Driver<TenantSource>>,
}

/// What is known of a tenant.
pub(crate) enum TenantAnswer {
    Issuer(Arc<TrustedIssuer>),
    Unknown,
    Wait(Ticket),
    Unavailable(Duration),
    RuntimeMissing,
}

impl TenantDirectory {
    pub(crate) fn new(settings: Tenants, terms: Arc<Terms>) -> Self {
        let most = settings.max_tenants;
        // The newest name always finds a place: one that was asked for once must not be turned away by a flood of others.
        let cache = || Cache::builder().max_capacity(most).eviction_policy(EvictionPolicy::lru()).build();
        let registry = Arc::new(Registry::new(settings, terms));
        Self { registry, known: cache(), refused: cache() }
    }

    /// The resolver's word, where it is fresh; `None` where it must be asked.
    pub(crate) fn fresh(&self, iss: &str, now: Now) -> Option<Option<Arc<TrustedIssuer>>> {
        let (driver, is_known) = self.driver(iss)?;
        let value = driver.fresh(now)?.as_ref().map(|snapshot| Option::clone(&snapshot.value))?;
        if value.is_some() && !is_known {
            self.known.insert(iss.into(), driver);
        }
        Some(value)
    }

    fn driver(&self, iss: &str) -> Option<(Driver<TenantSource>, bool)> {
        let known = self.known.get(iss).map(|driver| (driver, true));
        known.or_else(|| self.refused.get(iss).map(|driver| (driver, false)))
    }

    /// Asks the resolver, if that is due; for tokens that are right in everything that needs no key.
    pub(crate) fn ask(&self, iss: &str, now: Now) -> TenantAnswer {
        let Some(tenant) = self.registry.settings.tenant(iss) else { return TenantAnswer::Unknown };
        let made = || {
            let source = TenantSource { registry: Arc::clone(&self.registry), tenant };
            Driver::new(source, Arc::clone(&self.registry.terms.clock))
        };
        let driver = match self.driver(iss) {
            Some((driver, _)) => driver,
            None if self.registry.asking.load(Ordering::Relaxed) >= MOST_ASKING => {
                return TenantAnswer::Unavailable(Duration::ZERO);
            }
            None => self.refused.get_with(iss.into(), made),
        };
        match driver.ask(Need::Set, now) {
            Asked::Judge(snapshot) => match &*snapshot.value {
                Some(issuer) => {
                    self.known.insert(iss.into(), driver.clone());
                    TenantAnswer::Issuer(Arc::clone(issuer))
                }
                None => TenantAnswer::Unknown,
            },
            Asked::Wait(ticket) => TenantAnswer::Wait(ticket),
            Asked::Unavailable(after) => TenantAnswer::Unavailable(after),
            Asked::RuntimeMissing => TenantAnswer::RuntimeMissing,
        }
    }

    /// Forgets what is known of this identifier: the next token asks the resolver.
    pub(crate) fn forget(&self, iss: &str) -> bool {
        let known = self.known.remove(iss);
        let refused = self.refused.remove(iss);
        known.or(refused).is_some()
    }

    /// The tenants whose keys are held.
    pub(crate) fn issuers(&self) -> Vec<Arc<TrustedIssuer>> {
        let held = self.known.iter().filter_map(|(_, driver)| driver.look().value);
        held.filter_map(|value| Option::clone(&value)).collect()
    }
}

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
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How many questions may be under way at once, and how many fetches of keys, each of tenants that nobody has proven; above it,
/// a name that nobody knows is answered with 503 at once.
const MOST_AT_ONCE: usize = 256;
/// Room for those at least, and for the names that were refused beside them.
const LEAST_UNPROVEN: u64 = 4 * MOST_AT_ONCE as u64;

pub(crate) struct TenantDirectory {
    registry: Arc<Registry>,
    /// Those of whom a token has verified. Apart from the others, so that a flood of invented names evicts none of them,
    /// not even where the resolver trusts everybody.
    proven: Cache<Box<str>, Known>,
    /// Refused, not answered yet, or not proven.
    others: Cache<Box<str>, Known>,
}

/// A tenant that was asked for.
#[derive(Clone)]
struct Known {
    driver: Driver<TenantSource>,
    /// Somebody has said `forget_tenant`: whoever still holds this must not bring it back.
    forgotten: Arc<AtomicBool>,
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
        let cache = |most| Cache::builder().max_capacity(most).eviction_policy(EvictionPolicy::lru()).build();
        let registry = Arc::new(Registry::new(settings, terms, MOST_AT_ONCE));
        Self { registry, proven: cache(most), others: cache(most.max(LEAST_UNPROVEN)) }
    }

    /// The resolver's word, where it is fresh; `None` where it must be asked. Asks nobody itself: whose token this is has yet
    /// to be shown.
    pub(crate) fn fresh(&self, iss: &str, now: Now) -> Option<Option<Arc<TrustedIssuer>>> {
        let known = self.known(iss)?;
        known.driver.peek(now)?.as_ref().map(|snapshot| Option::clone(&snapshot.value))
    }

    /// The same for a token that has verified before: its tenant's renewal begins when it is due.
    pub(crate) fn renewed(&self, iss: &str, now: Now) -> Option<Option<Arc<TrustedIssuer>>> {
        let known = self.known(iss)?;
        known.driver.fresh(now)?.as_ref().map(|snapshot| Option::clone(&snapshot.value))
    }

    /// A token of this tenant has verified: the tenant is no invention, and its renewal is due when it is due.
    pub(crate) fn prove(&self, iss: &str, now: Now) {
        let Some(known) = self.known(iss) else { return };
        if let Some(issuer) =
            known.driver.fresh(now).as_deref().and_then(|now| now.as_ref()?.value.as_ref().as_ref())
        {
            issuer.prove();
            known.driver.source().prove();
        }
        if self.proven.contains_key(iss) {
            return;
        }
        self.proven.insert(iss.into(), known.clone());
        // It may have been forgotten between the two.
        if known.forgotten.load(Ordering::SeqCst) {
            self.proven.remove(iss);
        }
    }

    fn known(&self, iss: &str) -> Option<Known> {
        let known = self.proven.get(iss).or_else(|| self.others.get(iss))?;
        (!known.forgotten.load(Ordering::SeqCst)).then_some(known)
    }

    /// Asks the resolver, if that is due; for tokens that are right in everything that needs no key.
    pub(crate) fn ask(&self, iss: &str, now: Now) -> TenantAnswer {
        let Some(tenant) = self.registry.settings.tenant(iss) else { return TenantAnswer::Unknown };
        let made = || {
            let source = TenantSource::new(Arc::clone(&self.registry), tenant);
            let driver = Driver::new(source, Arc::clone(&self.registry.terms.clock));
            Known { driver, forgotten: Arc::default() }
        };
        let known = self.known(iss).unwrap_or_else(|| self.others.get_with(iss.into(), made));
        match known.driver.ask(Need::Set, now) {
            Asked::Judge(snapshot) => match &*snapshot.value {
                Some(issuer) => TenantAnswer::Issuer(Arc::clone(issuer)),
                None => TenantAnswer::Unknown,
            },
            Asked::Wait(ticket) => TenantAnswer::Wait(ticket),
            Asked::Unavailable(after) => TenantAnswer::Unavailable(after),
            Asked::RuntimeMissing => TenantAnswer::RuntimeMissing,
        }
    }

    /// Forgets what is known of this identifier: the next token asks the resolver.
    pub(crate) fn forget(&self, iss: &str) -> bool {
        let (proven, other) = (self.proven.remove(iss), self.others.remove(iss));
        let found = proven.is_some() || other.is_some();
        for known in proven.into_iter().chain(other) {
            known.forgotten.store(true, Ordering::SeqCst);
        }
        // Whoever was about to prove it may have put it back before the mark was there.
        self.proven.remove(iss);
        found
    }

    /// The tenants that have been proven.
    pub(crate) fn issuers(&self) -> Vec<Arc<TrustedIssuer>> {
        let held = self.proven.iter().filter_map(|(_, known)| known.driver.look().value);
        held.filter_map(|value| Option::clone(&value)).collect()
    }
}

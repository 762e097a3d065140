//! A tenant as something that is asked for and kept, by the same rules as its keys.

use super::{Tenant, Tenants};
use crate::{
    error::ConfigError,
    issuer::{
        Issuer,
        trusted::{Terms, TrustedIssuer},
    },
    keys::{
        FetchError,
        driver::{Brought, News, Order, Source},
        life::KeyPolicy,
    },
    observe,
};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// What all tenants share.
pub(super) struct Registry {
    pub(super) settings: Tenants,
    pub(super) terms: Arc<Terms>,
    /// How many are being asked for at this moment.
    pub(super) asking: AtomicUsize,
    /// The resolver's own last failure: it fails for all tenants alike, and is told of once.
    failing: Mutex<Option<&'static str>>,
}

impl Registry {
    pub(super) fn new(settings: Tenants, terms: Arc<Terms>) -> Self {
        Self { settings, terms, asking: AtomicUsize::new(0), failing: Mutex::new(None) }
    }

    fn failing(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One tenant.
pub(super) struct TenantSource {
    pub(super) registry: Arc<Registry>,
    pub(super) tenant: Tenant,
}

impl Source for TenantSource {
    /// `None` is "not one of ours".
    type Value = Option<Arc<TrustedIssuer>>;
    type Memo = ();

    fn policy(&self) -> &KeyPolicy {
        &self.registry.settings.policy
    }

    async fn load(&self, order: Order<Self>) -> Result<Brought<Self>, FetchError> {
        let _asking = Asking::start(&self.registry.asking);
        let settings = &self.registry.settings;
        let answer = settings.resolver.resolve(self.tenant.clone()).await;
        let answer = answer.map_err(|error| FetchError::Transport(error.to_string()))?;
        let (value, ttl) = match answer {
            None => (None, settings.ttl_of_no),
            Some(issuer) => (Some(self.accept(issuer, order.before.as_deref())?), settings.ttl),
        };
        Ok(Brought { value: Some(value), memo: (), max_age: Some(ttl) })
    }

    fn came(&self, _: News<'_, Self::Value>) {
        if self.registry.failing().take().is_some() {
            observe::resolver_recovered(&self.registry.settings.label());
        }
    }

    fn failed(&self, error: &FetchError, _: bool) {
        // By class: its words may name the tenant, whom whoever sent the token has made up.
        let before = self.registry.failing().replace(error.class());
        observe::resolver_failed(&self.registry.settings.label(), error, before == Some(error.class()));
    }
}

impl TenantSource {
    /// Only this tenant's issuer will do, and only one that could have been trusted from the start.
    fn accept(
        &self,
        mut issuer: Issuer,
        before: Option<&Option<Arc<TrustedIssuer>>>,
    ) -> Result<Arc<TrustedIssuer>, FetchError> {
        if !issuer.identifiers.iter().any(|identifier| **identifier == *self.tenant.issuer()) {
            return Err(FetchError::Unusable("the resolver named another issuer than the tenant's".into()));
        }
        let faults = self.registry.terms.faults_of_newcomer(&issuer);
        ConfigError::check(faults).map_err(|error| FetchError::Unusable(error.to_string()))?;
        let before = before.and_then(Option::as_deref);
        issuer.remote.tenants = Some(self.registry.settings.label().into());
        Ok(Arc::new(issuer.trust_after(&self.registry.terms, before)))
    }
}

/// Counts one that is being asked for, however it ends.
struct Asking<'a>(&'a AtomicUsize);

impl<'a> Asking<'a> {
    fn start(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! A tenant as something that is asked for and kept, by the same rules as its keys.

use super::{Tenant, Tenants};
use crate::{
    error::Fault,
    issuer::{
        Issuer,
        trusted::{Terms, TrustedIssuer},
    },
    keys::{
        FetchError,
        driver::{Brought, Gate, News, Order, Source},
        life::KeyPolicy,
        newcomers::{Aloud, Newcomers},
    },
    observe,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What all tenants share.
pub(super) struct Registry {
    pub(super) settings: Tenants,
    pub(super) terms: Arc<Terms>,
    /// Bounds the questions that are under way.
    asking: Arc<Gate>,
    /// Bounds the fetches of keys of tenants that nobody has proven, and what is told of them.
    newcomers: Arc<Newcomers>,
    /// The resolver's own failures: it fails for all tenants alike.
    failures: Aloud,
    /// One of them was told aloud and is not over.
    failing: AtomicBool,
    /// That one of them is reached over plain `http` has been said aloud.
    told_http: AtomicBool,
}

impl Registry {
    pub(super) fn new(settings: Tenants, terms: Arc<Terms>, most: usize) -> Self {
        let clock = || Arc::clone(&terms.clock);
        Self {
            asking: Arc::new(Gate::new(most)),
            newcomers: Arc::new(Newcomers::new(Gate::new(most), clock())),
            failures: Aloud::new(clock()),
            failing: AtomicBool::new(false),
            settings,
            terms,
            told_http: AtomicBool::new(false),
        }
    }

    /// Whether a failure now is one more of what was told.
    fn fails_again(&self) -> bool {
        let again = self.failures.is_again();
        if !again {
            self.failing.store(true, Ordering::Relaxed);
        }
        again
    }
}

/// One tenant.
pub(super) struct TenantSource {
    registry: Arc<Registry>,
    tenant: Tenant,
    /// A token of this tenant has verified, and the resolver has not taken it back since.
    proven: AtomicBool,
}

impl Source for TenantSource {
    /// `None` is "not one of ours".
    type Value = Option<Arc<TrustedIssuer>>;
    type Memo = ();

    fn policy(&self) -> &KeyPolicy {
        &self.registry.settings.policy
    }

    async fn load(&self, order: Order<Self>) -> Result<Brought<Self>, FetchError> {
        let settings = &self.registry.settings;
        let answer = settings.resolver.resolve(self.tenant.clone()).await;
        let answer = answer.map_err(|error| FetchError::Transport(error.to_string()))?;
        let (value, ttl) = match answer {
            Some(issuer) if self.is_meant(&issuer) => {
                (Some(self.accept(issuer, order.before.as_deref())?), settings.ttl)
            }
            Some(_) | None => {
                self.proven.store(false, Ordering::Relaxed);
                (None, settings.ttl_of_no)
            }
        };
        Ok(Brought { value: Some(value), memo: (), max_age: Some(ttl) })
    }

    /// Whoever is known stands in no line with names that somebody made up.
    fn gate(&self) -> Option<&Arc<Gate>> {
        (!self.proven.load(Ordering::Relaxed)).then_some(&self.registry.asking)
    }

    fn came(&self, _: News<'_, Self::Value>) {
        if self.registry.failing.swap(false, Ordering::Relaxed) {
            observe::resolver_recovered(&self.registry.settings.label());
        }
    }

    fn failed(&self, error: &FetchError, _: bool) {
        let again = self.registry.fails_again();
        observe::resolver_failed(&self.registry.settings.label(), error, again);
    }
}

impl TenantSource {
    pub(super) fn new(registry: Arc<Registry>, tenant: Tenant) -> Self {
        Self { registry, tenant, proven: AtomicBool::new(false) }
    }

    pub(super) fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Only this tenant's issuer will do. A resolver that is not so exact (about case, say) names another: then the token's
    /// `iss` is nobody's, and whoever made it up must not choose an outage by it.
    fn is_meant(&self, issuer: &Issuer) -> bool {
        let is_meant = issuer.identifiers.iter().any(|identifier| **identifier == *self.tenant.issuer());
        if !is_meant {
            let words = "the resolver named another issuer than the tenant's";
            let again = self.registry.fails_again();
            observe::resolver_failed(&self.registry.settings.label(), &words, again);
        }
        is_meant
    }

    /// Only one that could have been trusted from the start.
    fn accept(
        &self,
        mut issuer: Issuer,
        before: Option<&Option<Arc<TrustedIssuer>>>,
    ) -> Result<Arc<TrustedIssuer>, FetchError> {
        let faults = self.registry.terms.faults_of_newcomer(&issuer);
        // Without the names of the settings, which have the tenant's in them.
        let sentences: Vec<_> = faults.iter().map(Fault::sentence).collect();
        if !sentences.is_empty() {
            return Err(FetchError::Unusable(sentences.join("; ")));
        }
        if issuer.allow_http && !self.registry.told_http.swap(true, Ordering::Relaxed) {
            observe::plain_http(&self.registry.settings.label());
        }
        let before = before.and_then(Option::as_deref);
        issuer.remote.newcomers = Some(Arc::clone(&self.registry.newcomers));
        issuer.remote.tenants = Some(self.registry.settings.label().into());
        Ok(Arc::new(issuer.trust_after(&self.registry.terms, before)))
    }
}

//! One issuer's keys as something that is fetched and kept.

use super::{
    KeptKeys, KeySet, KeyStore,
    driver::{Brought, Driver, Gate, Good, Look, News, Order, Recall, Recalled, Source},
    fetch::FetchError,
    life::{Freshness, KeyPolicy},
    load::{RemoteConfig, Trace, fetch_keys, read_kept, to_keep},
    newcomers::Newcomers,
    store::StoreError,
};
use crate::{clock::Clock, observe};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{error::Elapsed, timeout};

/// One issuer's keys, fetched and kept by the rules of the key life.
///
/// Readers take the current set without a lock. The fetch runs detached: a request that goes away cancels nothing,
/// and the fetch ends with the last handle.
#[derive(Clone)]
pub struct RemoteKeySet {
    driver: Driver<KeySource>,
}

/// An issuer's key set, wherever it is.
pub(crate) struct KeySource {
    config: RemoteConfig,
    /// One word to the store at a time, in turn: a late save must not overwrite the next. Shared by all who come after one
    /// another.
    keeping: Arc<tokio::sync::Mutex<()>>,
    /// Its issuer is trusted no more.
    gone: AtomicBool,
}

/// How long a set may take to be kept, and the one before it to be forgotten.
const KEEP_LIMIT: Duration = Duration::from_secs(15);

impl RemoteKeySet {
    pub(crate) fn new(config: RemoteConfig, clock: Arc<dyn Clock>) -> Self {
        Self { driver: Driver::new(KeySource::new(config), clock) }
    }

    /// The same keys under new settings: nothing that is known of an issuer is lost because somebody named it again.
    pub(crate) fn after(old: &Self, config: RemoteConfig, clock: Arc<dyn Clock>) -> Self {
        let was = &old.driver.source().config;
        if !was.is_same_place(&config) {
            return Self::new(config, clock);
        }
        // Under way is under way: a second fetch beside it would be one too many, and one cut off is lost. What is new comes
        // into force when the issuer is named the next time.
        if was.is_same(&config) || old.driver.is_fetching() {
            return old.clone();
        }
        config.proven.store(was.proven.load(Ordering::Relaxed), Ordering::Relaxed);
        let keeping = Arc::clone(&old.driver.source().keeping);
        let source = KeySource { keeping, ..KeySource::new(config) };
        Self { driver: Driver::after(&old.driver, source, clock) }
    }

    /// Its issuer is trusted no more: what a fetch under way brings is of no interest.
    pub(crate) fn retire(&self) {
        self.driver.source().gone.store(true, Ordering::Relaxed);
    }

    /// A token of its issuer has verified by these keys: the issuer is no invention.
    pub(crate) fn prove(&self) {
        self.driver.source().config.proven.store(true, Ordering::Relaxed);
    }

    pub(crate) fn driver(&self) -> &Driver<KeySource> {
        &self.driver
    }
}

impl KeySource {
    fn new(config: RemoteConfig) -> Self {
        Self { config, keeping: Arc::default(), gone: AtomicBool::new(false) }
    }

    /// Until a token has verified.
    fn newcomers(&self) -> Option<&Newcomers> {
        self.config.newcomers.as_deref().filter(|_| !self.config.proven.load(Ordering::Relaxed))
    }

    async fn save(&self, store: &dyn KeyStore, kept: &KeptKeys) {
        let _turn = self.keeping.lock().await;
        let issuer = &*self.config.issuer;
        let saved = timeout(KEEP_LIMIT, store.save(issuer, kept)).await.unwrap_or_else(timed_out);
        let Err(error) = saved else { return };
        observe::store_failed(issuer, &error);
        // What was kept before may hold a key that has been withdrawn since.
        let forgotten = timeout(KEEP_LIMIT, store.forget(issuer)).await.unwrap_or_else(timed_out);
        if let Err(error) = forgotten {
            observe::store_failed(issuer, &error);
        }
    }
}

fn timed_out<T>(_: Elapsed) -> Result<T, StoreError> {
    Err(StoreError::Failed("timed out".into()))
}

impl Source for KeySource {
    type Value = KeySet;
    type Memo = Trace;

    fn policy(&self) -> &KeyPolicy {
        &self.config.policy
    }

    async fn load(&self, order: Order<Self>) -> Result<Brought<Self>, FetchError> {
        // After a failure the metadata is asked again: the address may have moved.
        let trace = if order.failing { Trace::default() } else { order.memo };
        let fetch = fetch_keys(&self.config, trace, order.at.monotonic);
        let (value, memo, max_age) = observe::in_refresh(&self.config.issuer, fetch).await?;
        Ok(Brought { value, memo, max_age })
    }

    async fn recall(&self) -> Recall<Self> {
        let Some(store) = self.config.store.as_ref() else { return Recall::Nothing };
        let issuer = &*self.config.issuer;
        let kept = match store.load(issuer).await {
            Ok(Some(kept)) => kept,
            Ok(None) => return Recall::Nothing,
            Err(error) => {
                observe::store_failed(issuer, &error);
                return Recall::Unknown;
            }
        };
        match read_kept(&self.config, &kept) {
            Ok((value, memo)) => {
                let (fetched_at, max_age) = (kept.fetched_at, kept.max_age);
                Recall::Found(Recalled { value, memo, fetched_at, max_age })
            }
            Err(error) => {
                observe::store_failed(issuer, &error);
                Recall::Nothing
            }
        }
    }

    async fn keep(&self, good: Good<Self>) {
        let kept = to_keep(&self.config, &good.memo, good.fetched_at);
        if let (Some(store), Some(mut kept)) = (&self.config.store, kept) {
            kept.max_age = good.max_age;
            self.save(&**store, &kept).await;
        }
    }

    fn gate(&self) -> Option<&Arc<Gate>> {
        self.newcomers().map(|all| &all.gate)
    }

    fn came(&self, news: News<'_, KeySet>) {
        let keys = news.now;
        if let Some(age) = news.kept_for {
            return observe::keys_recalled(&self.config.issuer, keys.len(), age);
        }
        let refresh = observe::Refresh {
            keys: keys.len(),
            skipped: keys.skipped().count(),
            first: news.before.is_none(),
            rotated: news.before.is_some_and(|before| !before.key_ids().eq(keys.key_ids())),
            recovered: news.recovered,
            sent: !news.before.is_some_and(|before| std::ptr::eq(before, keys)),
        };
        observe::refreshed(&self.config.counted(), &refresh);
    }

    fn failed(&self, error: &FetchError, again: bool) {
        let again = again || self.newcomers().is_some_and(|all| all.failures.is_again());
        observe::refresh_failed(&self.config.counted(), error.class(), error, again);
    }

    fn seen(&self, look: &Look<KeySet>) {
        // One series for each tenant would be too many, and one for all would mean nothing.
        if self.config.tenants.is_none() && !self.gone.load(Ordering::Relaxed) {
            let keys = look.value.as_ref().map_or(0, |keys| keys.len());
            observe::key_set(&self.config.issuer, state(look.freshness), look.age, keys);
        }
    }
}

/// As [`KeyState`](crate::verify::KeyState) writes it.
fn state(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::NeverLoaded => "never_loaded",
        Freshness::Fresh => "fresh",
        Freshness::Stale => "stale",
        Freshness::Expired => "expired",
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = &self.driver.source().config.issuer;
        f.debug_struct("RemoteKeySet").field("issuer", issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{clock::SystemClock, keys::load::tests::config};

    fn newcomers() -> Arc<Newcomers> {
        Arc::new(Newcomers::new(Gate::new(1), Arc::new(SystemClock)))
    }

    fn gated() -> RemoteKeySet {
        RemoteKeySet::new(config(|config| config.newcomers = Some(newcomers())), Arc::new(SystemClock))
    }

    #[test]
    fn a_tenant_fetches_through_the_gate_until_one_of_its_tokens_has_verified() {
        let keys = gated();
        assert!(keys.driver().source().gate().is_some());
        keys.prove();
        assert!(keys.driver().source().gate().is_none());
    }

    #[test]
    fn new_terms_at_the_same_place_go_on_with_what_was_proven_and_with_the_turns_at_the_store() {
        let old = gated();
        old.prove();
        let changed = config(|config| {
            config.newcomers = Some(newcomers());
            config.limits.keys = 1;
        });
        let new = RemoteKeySet::after(&old, changed, Arc::new(SystemClock));
        let (was, is) = (old.driver().source(), new.driver().source());
        assert_eq!(is.config.limits.keys, 1);
        assert!(is.gate().is_none() && Arc::ptr_eq(&was.keeping, &is.keeping));
        assert!(format!("{new:?}").starts_with("RemoteKeySet"), "{new:?}");
    }
}

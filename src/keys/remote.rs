//! One issuer's keys as something that is fetched and kept.

use super::{
    KeptKeys, KeySet, KeyStore,
    driver::{Brought, Driver, Good, Look, News, Order, Recalled, Source},
    fetch::FetchError,
    life::{Freshness, KeyPolicy},
    load::{RemoteConfig, Trace, fetch_keys, read_kept, to_keep},
};
use crate::{clock::Clock, observe};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::timeout;

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
    /// One word to the store at a time: a late save must not overwrite the next.
    keeping: tokio::sync::Mutex<()>,
}

/// How long a set may take to be kept, the one before it included.
const KEEP_LIMIT: Duration = Duration::from_secs(30);

impl RemoteKeySet {
    pub(crate) fn new(config: RemoteConfig, clock: Arc<dyn Clock>) -> Self {
        Self { driver: Driver::new(KeySource::new(config), clock) }
    }

    /// The same keys under new settings: nothing that is known of an issuer is lost because somebody named it again.
    pub(crate) fn after(old: &Self, config: RemoteConfig, clock: Arc<dyn Clock>) -> Self {
        let was = &old.driver.source().config;
        if was.is_same(&config) {
            return old.clone();
        }
        if !was.is_same_place(&config) {
            return Self::new(config, clock);
        }
        Self { driver: Driver::after(&old.driver, KeySource::new(config), clock) }
    }

    pub(crate) fn driver(&self) -> &Driver<KeySource> {
        &self.driver
    }
}

impl KeySource {
    fn new(config: RemoteConfig) -> Self {
        Self { config, keeping: tokio::sync::Mutex::new(()) }
    }

    async fn save(&self, store: &dyn KeyStore, kept: &KeptKeys) {
        let _turn = self.keeping.lock().await;
        let issuer = &*self.config.issuer;
        if let Err(error) = store.save(issuer, kept).await {
            observe::store_failed(issuer, &error);
            // What was kept before may hold a key that has been withdrawn since.
            if let Err(error) = store.forget(issuer).await {
                observe::store_failed(issuer, &error);
            }
        }
    }
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

    async fn recall(&self) -> Option<Recalled<Self>> {
        let (store, issuer) = (self.config.store.as_ref()?, &*self.config.issuer);
        let kept = match store.load(issuer).await {
            Ok(kept) => kept?,
            Err(error) => {
                observe::store_failed(issuer, &error);
                return None;
            }
        };
        match read_kept(&self.config, &kept) {
            Ok((value, memo)) => {
                let (fetched_at, max_age) = (kept.fetched_at, kept.max_age);
                Some(Recalled { value, memo, fetched_at, max_age })
            }
            Err(error) => {
                observe::store_failed(issuer, &error);
                None
            }
        }
    }

    async fn keep(&self, good: Good<Self>) {
        let (Some(store), Some(mut kept)) =
            (&self.config.store, to_keep(&self.config, &good.memo, good.fetched_at))
        else {
            return;
        };
        kept.max_age = good.max_age;
        if timeout(KEEP_LIMIT, self.save(&**store, &kept)).await.is_err() {
            observe::store_failed(&self.config.issuer, &"timed out");
        }
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
        observe::refresh_failed(&self.config.counted(), error.class(), error, again);
    }

    fn seen(&self, look: &Look<KeySet>) {
        // One series for each tenant would be too many, and one for all would mean nothing.
        if self.config.tenants.is_none() {
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

//! One issuer's keys as something that is fetched and kept.

use super::{
    KeySet,
    driver::{Brought, Driver, Look, News, Order, Source},
    fetch::FetchError,
    life::{Freshness, KeyPolicy},
    load::{RemoteConfig, Trace, fetch_keys},
};
use crate::{clock::Clock, observe};
use std::{fmt, sync::Arc};

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
}

impl RemoteKeySet {
    pub(crate) fn new(config: RemoteConfig, clock: Arc<dyn Clock>) -> Self {
        Self { driver: Driver::new(KeySource { config }, clock) }
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
        Self { driver: Driver::after(&old.driver, KeySource { config }, clock) }
    }

    pub(crate) fn driver(&self) -> &Driver<KeySource> {
        &self.driver
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

    fn came(&self, news: News<'_, KeySet>) {
        let keys = news.now;
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

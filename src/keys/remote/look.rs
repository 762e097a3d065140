//! What there is to see of an issuer's keys from outside, and what is told of it.

use super::{RemoteKeySet, Shared, Told};
use crate::{
    clock::Now,
    keys::{KeySet, fetch::FetchError, life::Freshness},
    observe,
};
use std::{sync::Arc, time::Duration};

/// How much the keys are worth, their age, the keys, and why the last fetch failed, if it did.
type Look = (Freshness, Option<Duration>, Option<Arc<KeySet>>, Option<FetchError>);

impl RemoteKeySet {
    /// What there is to see from outside.
    pub(crate) fn look(&self) -> Look {
        self.shared.look()
    }
}

impl Shared {
    /// Whoever counts sees the same, and not under the lock.
    pub(super) fn look(&self) -> Look {
        let now = Now::of(&*self.clock);
        let engine = self.lock();
        let (freshness, error) = (engine.life.freshness(now), engine.last_error.clone());
        let age = engine.life.loaded().map(|loaded| loaded.age(now));
        let keys = self.snapshot.load().as_ref().map(|snapshot| Arc::clone(&snapshot.keys));
        drop(engine);
        let count = keys.as_ref().map_or(0, |keys| keys.len());
        observe::key_set(&self.config.issuer, freshness.id(), age, count);
        (freshness, age, keys, error)
    }

    /// The end of a fetch, and how the keys are now. Not under the lock: whoever listens may ask us something.
    pub(super) fn tell(&self, told: Told) {
        match told {
            Ok(refresh) => observe::refreshed(&self.config.issuer, &refresh),
            Err((error, again)) => observe::refresh_failed(&self.config.issuer, error.class(), &error, again),
        }
        self.look();
    }
}

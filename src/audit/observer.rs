use super::DecisionRecord;
use std::{fmt, sync::Arc};

/// Hears of every decision, see [the module](super) for which ones there are.
///
/// A closure is one: `layer.observer(|record: &DecisionRecord<'_>| …)`.
pub trait Observer: Send + Sync + 'static {
    /// A decision was made and is about to be carried out.
    ///
    /// Called on the request's task: it must not block. What it panics with propagates.
    fn decided(&self, record: &DecisionRecord<'_>);
}

impl<F: Fn(&DecisionRecord<'_>) + Send + Sync + 'static> Observer for F {
    fn decided(&self, record: &DecisionRecord<'_>) {
        self(record);
    }
}

/// Those that listen to one layer; in the extensions of a request that is observed, for the policies behind it.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    all: Option<Arc<[Arc<dyn Observer>]>>,
}

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer) {
        let before = self.all.iter().flat_map(|all| all.iter().cloned());
        let last: Arc<dyn Observer> = Arc::new(observer);
        self.all = Some(before.chain([last]).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_none()
    }

    /// In the order in which they were added. The record is only made where somebody listens.
    #[inline]
    pub(crate) fn tell<'a>(&self, record: impl FnOnce() -> DecisionRecord<'a>) {
        if let Some(all) = &self.all {
            tell_all(all, record);
        }
    }
}

/// Out of the way of requests that nobody observes.
#[cold]
#[inline(never)]
fn tell_all<'a>(all: &[Arc<dyn Observer>], record: impl FnOnce() -> DecisionRecord<'a>) {
    let record = record();
    all.iter().for_each(|observer| observer.decided(&record));
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.all.as_ref().map_or(0, |all| all.len());
        f.debug_tuple("Observers").field(&count).finish()
    }
}

//! Drives a life: one detached fetch at a time, lock-free reads of what it brought, waiters that cannot wedge it.
//!
//! What is fetched is the [`Source`]'s affair: an issuer's key set, or what a resolver says of a tenant.

mod engine;
mod flight;
mod gate;
mod ticket;

pub(crate) use engine::Driver;
pub(crate) use gate::Gate;
pub(crate) use ticket::Ticket;

use super::{
    fetch::FetchError,
    life::{Freshness, KeyPolicy, Loaded},
};
use crate::clock::Now;
use arc_swap::Guard;
use std::{sync::Arc, time::Duration};

/// Something that is fetched and kept by the rules of the key life.
pub(crate) trait Source: Send + Sync + 'static {
    type Value: Send + Sync + 'static;
    /// What one fetch leaves for the next.
    type Memo: Clone + Default + Send + Sync + 'static;

    fn policy(&self) -> &KeyPolicy;

    /// One fetch; the driver bounds its time.
    fn load(&self, order: Order<Self>) -> impl Future<Output = Result<Brought<Self>, FetchError>> + Send;

    /// What an earlier process left. Asked for before a fetch, until there is an answer or a value.
    fn recall(&self) -> impl Future<Output = Recall<Self>> + Send {
        std::future::ready(Recall::Nothing)
    }

    /// Where fetches of many sources have one bound, the gate that each of them must get through.
    fn gate(&self) -> Option<&Arc<Gate>> {
        None
    }

    /// A fetch was good: leaves it for a later process.
    fn keep(&self, _kept: Good<Self>) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Tells of a good fetch. Never called under the lock: whoever listens may ask us something.
    fn came(&self, news: News<'_, Self::Value>);

    /// Tells of a failed one; `again` where the last one failed alike.
    fn failed(&self, error: &FetchError, again: bool);

    /// How it is now, for whoever counts: after each end of a fetch, and whenever somebody looks. Never called under the
    /// lock.
    fn seen(&self, _look: &Look<Self::Value>) {}
}

/// What one fetch needs to know.
pub(crate) struct Order<S: Source + ?Sized> {
    /// When it was begun.
    pub(crate) at: Now,
    /// Of the last good fetch.
    pub(crate) memo: S::Memo,
    /// The value we have.
    pub(crate) before: Option<Arc<S::Value>>,
    /// The last attempt has failed.
    pub(crate) failing: bool,
}

/// What one fetch brought.
pub(crate) struct Brought<S: Source + ?Sized> {
    /// `None` for "not modified".
    pub(crate) value: Option<S::Value>,
    pub(crate) memo: S::Memo,
    pub(crate) max_age: Option<Duration>,
}

/// What there is of an earlier process.
pub(crate) enum Recall<S: Source + ?Sized> {
    Found(Recalled<S>),
    /// Nothing, or nothing that could be believed.
    Nothing,
    /// It could not be told; asking again makes sense.
    Unknown,
}

/// What was kept, and when it was fetched (wall time).
pub(crate) struct Recalled<S: Source + ?Sized> {
    pub(crate) value: S::Value,
    pub(crate) memo: S::Memo,
    pub(crate) fetched_at: Duration,
    pub(crate) max_age: Option<Duration>,
}

/// A fetch that was good, for who keeps it.
pub(crate) struct Good<S: Source + ?Sized> {
    pub(crate) memo: S::Memo,
    /// When it was begun (wall time).
    pub(crate) fetched_at: Duration,
    pub(crate) max_age: Option<Duration>,
}

/// What a good fetch has changed.
pub(crate) struct News<'a, V> {
    pub(crate) before: Option<&'a V>,
    pub(crate) now: &'a V,
    pub(crate) recovered: bool,
    /// Not fetched: kept by an earlier process that long ago.
    pub(crate) kept_for: Option<Duration>,
}

/// A value and how long it is good for.
pub(crate) struct Snapshot<V> {
    pub(crate) value: Arc<V>,
    loaded: Loaded,
}

/// The value at a moment, read without a lock.
pub(crate) type Reading<V> = Guard<Option<Arc<Snapshot<V>>>>;

/// The answer to a request that the fresh value could not serve.
pub(crate) enum Asked<S: Source> {
    Judge(Arc<Snapshot<S::Value>>),
    Wait(Ticket),
    Unavailable(Duration),
    RuntimeMissing,
}

/// What there is to see from outside.
pub(crate) struct Look<V> {
    pub(crate) freshness: Freshness,
    pub(crate) age: Option<Duration>,
    pub(crate) value: Option<Arc<V>>,
    pub(crate) error: Option<FetchError>,
}

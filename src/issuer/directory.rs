//! The issuers that a verifier trusts at this moment.

#[cfg(feature = "remote")]
use super::tenants::TenantDirectory;
use super::{
    Issuer,
    trusted::{IssuerKeys, Terms, TrustedIssuer},
};
use crate::{
    error::{ConfigError, Fault},
    observe,
};
use arc_swap::{ArcSwap, Guard};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Readers take the list as it is, without a lock; whoever adds or removes replaces it.
pub(crate) struct Directory {
    listed: ArcSwap<Listed>,
    /// Counts the changes of the list, from 1.
    version: AtomicU64,
    /// One change at a time: none may be lost to another.
    changing: Mutex<()>,
    pub(crate) terms: Arc<Terms>,
    #[cfg(feature = "remote")]
    pub(crate) tenants: Option<TenantDirectory>,
}

pub(crate) struct Listed {
    issuers: Vec<Arc<TrustedIssuer>>,
    by_identifier: HashMap<Arc<str>, usize>,
    /// Identifiers that were removed and not added again: a resolver that knows one must not bring it back.
    removed: BTreeSet<Arc<str>>,
}

/// The issuer that one token is held against; it stays what it was for as long as this is held.
pub(crate) enum Chosen {
    Listed(Guard<Arc<Listed>>, usize),
    #[cfg(feature = "remote")]
    Tenant(Arc<TrustedIssuer>),
}

impl Directory {
    pub(crate) fn new(issuers: Vec<Issuer>, terms: Terms) -> Self {
        let issuers = issuers.into_iter().map(|issuer| Arc::new(issuer.trust(&terms))).collect();
        Self {
            listed: ArcSwap::from_pointee(Listed::of(issuers, BTreeSet::new())),
            version: AtomicU64::new(1),
            changing: Mutex::new(()),
            terms: Arc::new(terms),
            #[cfg(feature = "remote")]
            tenants: None,
        }
    }

    fn replace(&self, listed: Listed) {
        self.listed.store(Arc::new(listed));
        // After it: whoever finds a version read the list of that version or a later one.
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Another one with every change of the list. What was found in the list after this was read holds for as long as it
    /// is the same.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The one issuer that every token must be of, if there is but one.
    pub(crate) fn only(&self) -> Option<Chosen> {
        #[cfg(feature = "remote")]
        if self.tenants.is_some() {
            return None;
        }
        let listed = self.listed.load();
        (listed.issuers.len() == 1).then(|| Chosen::Listed(listed, 0))
    }

    /// The listed issuer with this identifier, byte for byte.
    pub(crate) fn find(&self, iss: &str) -> Option<Chosen> {
        let listed = self.listed.load();
        let at = *listed.by_identifier.get(iss)?;
        Some(Chosen::Listed(listed, at))
    }

    /// Whether somebody has removed this identifier.
    #[cfg(feature = "remote")]
    pub(crate) fn is_removed(&self, iss: &str) -> bool {
        self.listed.load().removed.contains(iss)
    }

    /// The listed issuers, in the order in which they were named.
    pub(crate) fn issuers(&self) -> Vec<Arc<TrustedIssuer>> {
        self.listed.load().issuers.clone()
    }

    /// Trusts one more.
    pub(crate) fn add(&self, issuer: Issuer) -> Result<(), ConfigError> {
        let mut faults = self.terms.faults_of_newcomer(&issuer);
        let in_the_open = issuer.allow_http.then(|| issuer.identifiers.first().cloned()).flatten();
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = self.listed.load();
        let taken = |identifier: &&Arc<str>| listed.by_identifier.contains_key(*identifier);
        faults.extend(issuer.identifiers.iter().filter(taken).map(named_twice));
        faults.extend(repeated(issuer.identifiers.iter()));
        ConfigError::check(faults)?;
        let mut removed = listed.removed.clone();
        removed.retain(|identifier| !issuer.identifiers.contains(identifier));
        let mut issuers = listed.issuers.clone();
        issuers.push(Arc::new(issuer.trust_after(&self.terms, None)));
        self.replace(Listed::of(issuers, removed));
        // Not under the lock: whoever listens may ask us something.
        drop(changing);
        if let Some(issuer) = in_the_open {
            observe::plain_http(&issuer);
        }
        Ok(())
    }

    /// Trusts the issuer with this identifier no more, under none of its identifiers.
    pub(crate) fn remove(&self, identifier: &str) -> bool {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = self.listed.load();
        let Some(at) = listed.by_identifier.get(identifier) else { return false };
        let others = listed.issuers.iter().enumerate().filter(|(index, _)| index != at);
        let issuers = others.map(|(_, issuer)| Arc::clone(issuer)).collect();
        let mut removed = listed.removed.clone();
        removed.extend(listed.issuers.get(*at).into_iter().flat_map(|gone| gone.identifiers.iter().cloned()));
        self.replace(Listed::of(issuers, removed));
        // Not under the lock: whoever counts may ask us something.
        drop(changing);
        if let Some(gone) = listed.issuers.get(*at) {
            gone.retire();
            observe::key_set_gone(gone.name());
        }
        true
    }
}

/// The faults of identifiers that are there twice.
pub(crate) fn repeated<'a>(identifiers: impl Iterator<Item = &'a Arc<str>>) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    identifiers.filter(|identifier| !seen.insert(*identifier)).map(named_twice).collect()
}

fn named_twice(identifier: &Arc<str>) -> Fault {
    Fault::new("issuer", format!("{identifier} is named twice"))
}

impl Listed {
    fn of(issuers: Vec<Arc<TrustedIssuer>>, removed: BTreeSet<Arc<str>>) -> Self {
        let each = issuers.iter().enumerate();
        let by_identifier = each
            .flat_map(|(at, issuer)| issuer.identifiers.iter().map(move |name| (Arc::clone(name), at)))
            .collect();
        Self { issuers, by_identifier, removed }
    }
}

impl Chosen {
    #[expect(clippy::indexing_slicing, reason = "the place was found in this very list")]
    pub(crate) fn shared(&self) -> &Arc<TrustedIssuer> {
        match self {
            Self::Listed(listed, at) => &listed.issuers[*at],
            #[cfg(feature = "remote")]
            Self::Tenant(issuer) => issuer,
        }
    }
}

impl Chosen {
    /// Whether it is listed, and its keys are those it was named with: then it is the same for as long as the list is.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!((self, &self.keys), (Self::Listed(..), IssuerKeys::Fixed(_)))
    }
}

impl Deref for Chosen {
    type Target = TrustedIssuer;

    fn deref(&self) -> &TrustedIssuer {
        self.shared()
    }
}

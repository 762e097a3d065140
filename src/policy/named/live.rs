use super::{
    read::{Uses, read},
    written::{Policies, Written},
};
use crate::{
    error::ConfigError,
    observe,
    policy::{Checks, InForce},
};
use arc_swap::ArcSwap;
use std::{fmt, sync::Arc};

/// The named policies in force, to put others in their place while the program runs.
///
/// [`GuardedRouter::with_policies`](crate::guard::GuardedRouter::with_policies) makes one. It is a handle: clones
/// change the same policies.
#[derive(Clone)]
pub struct LivePolicies {
    shared: Arc<Shared>,
}

struct Shared {
    /// In the order of `uses`. One pointer, so that all routes change at once.
    rules: ArcSwap<Vec<Arc<InForce>>>,
    uses: Uses,
    checks: Checks,
}

impl LivePolicies {
    pub(crate) fn new(policies: &Policies, uses: Uses, checks: Checks) -> Result<Self, ConfigError> {
        let rules = read(policies, &uses, &checks)?;
        let shared = Shared { rules: ArcSwap::from_pointee(Vec::new()), uses, checks };
        let live = Self { shared: Arc::new(shared) };
        live.tell_reports(&[], &rules);
        live.shared.rules.store(Arc::new(rules));
        Ok(live)
    }

    /// Puts these policies in the place of those in force, for all routes at once.
    ///
    /// A request is judged by the policies from before or by these, never by some of both, and every request that
    /// comes after this has returned by these. Nothing but the policies changes: the names are those that the routes
    /// ask for, and no name can make a route public. The checks are those from the start.
    ///
    /// What was made of a table stays as it was made. A clone of the router, kept from before
    /// [`into_router`](crate::guard::GuardedRouter::into_router), shows the new policies in its
    /// [`table`](crate::guard::GuardedRouter::table): for
    /// [`replace_policies`](crate::metadata::ResourceMetadata::replace_policies) and for an OpenAPI document.
    ///
    /// A file that cannot even be read as one never gets here: then, too, the old policies stay.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, as at the start: a name that no route asks for, one that is missing, a text that is
    /// no policy, and so on. All policies then stay as they were, and the event `policies kept` (WARN) says so.
    pub fn reload(&self, policies: &Policies) -> Result<(), ConfigError> {
        let Shared { rules, uses, checks } = &*self.shared;
        let new = match read(policies, uses, checks) {
            Ok(new) => Arc::new(new),
            Err(error) => {
                observe::policies_kept(&error);
                return Err(error);
            }
        };
        let old = rules.swap(Arc::clone(&new));
        let changed = old.iter().zip(new.iter()).filter(|(old, new)| old != new).count();
        self.tell_reports(&old, &new);
        observe::policies_reloaded(new.len(), changed);
        Ok(())
    }

    /// The policies in force, as they would be written.
    pub fn policies(&self) -> Policies {
        let mut policies = Policies::default();
        for (name, rule) in self.shared.uses.keys().zip(self.shared.rules.load().iter()) {
            let report_only = rule.report_only.as_ref().map(ToString::to_string);
            policies.add(name.to_string(), Written::Rule { policy: rule.policy.to_string(), report_only });
        }
        policies
    }

    /// Those that report only and did not before.
    fn tell_reports(&self, old: &[Arc<InForce>], new: &[Arc<InForce>]) {
        for (place, (name, rule)) in self.shared.uses.keys().zip(new).enumerate() {
            let was = old.get(place).and_then(|old| old.report_only.as_ref());
            if let Some(tighter) = rule.report_only.as_ref().filter(|tighter| was != Some(*tighter)) {
                observe::reports_only(Some(name), &rule.policy, tighter);
            }
        }
    }
}

/// Shows the policies in force.
impl fmt::Debug for LivePolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.shared.rules.load();
        f.write_str("LivePolicies ")?;
        f.debug_map().entries(self.shared.uses.keys().zip(rules.iter().map(|rule| &rule.policy))).finish()
    }
}

/// A policy that a route asks for by name, and where it is found once there are policies.
#[derive(Clone)]
pub(crate) struct NamedPolicy {
    name: Arc<str>,
    place: Option<(LivePolicies, usize)>,
}

impl NamedPolicy {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, place: None }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.place.is_some()
    }

    /// The same name among these policies; if it is not one of theirs, or has its place already, as it was.
    pub(crate) fn bound(&self, live: &LivePolicies) -> Self {
        let among = || live.shared.uses.keys().position(|name| *name == self.name);
        let place = self.place.clone().or_else(|| among().map(|at| (live.clone(), at)));
        Self { name: Arc::clone(&self.name), place }
    }

    /// What is in force at this moment; `None` where no policies were given. No lock, and nothing is allocated.
    pub(crate) fn ask<R>(&self, question: impl FnOnce(Option<&InForce>) -> R) -> R {
        match &self.place {
            Some((live, at)) => question(live.shared.rules.load().get(*at).map(AsRef::as_ref)),
            None => question(None),
        }
    }
}

/// By name: what is in force changes.
impl fmt::Debug for NamedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedPolicy").field(&self.name).finish()
    }
}

/// Many named policies, all as they were at one moment.
#[derive(Default)]
pub(crate) struct Reading {
    seen: Vec<(LivePolicies, Arc<Vec<Arc<InForce>>>)>,
}

impl Reading {
    pub(crate) fn of(&mut self, named: &NamedPolicy) -> Option<Arc<InForce>> {
        let (live, at) = named.place.as_ref()?;
        let seen = self.seen.iter().find(|(seen, _)| Arc::ptr_eq(&seen.shared, &live.shared));
        let rules = match seen {
            Some((_, rules)) => Arc::clone(rules),
            None => {
                let rules = live.shared.rules.load_full();
                self.seen.push((live.clone(), Arc::clone(&rules)));
                rules
            }
        };
        rules.get(*at).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_bound_once_there_are_policies_and_debug_shows_it() {
        let named = NamedPolicy::new("orders".into());
        assert!(!named.is_bound());
        assert_eq!(format!("{named:?}"), "NamedPolicy(\"orders\")");
        let policies: Policies = serde_json::from_str(r#"{"orders": "scope(a)"}"#).unwrap();
        let uses = Uses::from([("orders".into(), Vec::new())]);
        let live = LivePolicies::new(&policies, uses, Checks::default()).unwrap();
        assert!(named.bound(&live).is_bound());
    }
}

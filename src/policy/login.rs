//! What a way asks of the user's authentication (RFC 9470).

use std::sync::Arc;

/// The authentication that a way to meet a policy takes.
#[derive(Default)]
pub(super) struct Login<'p> {
    /// One of them. Empty where two terms have none in common: no login could be both.
    acr: Option<Vec<&'p Arc<str>>>,
    max_age: Option<u32>,
    /// The caller's own does not do.
    missing: bool,
}

/// What a step-up challenge asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepUp {
    pub(super) acr_values: Vec<Arc<str>>,
    /// In seconds.
    pub(super) max_age: Option<u32>,
}

impl<'p> Login<'p> {
    pub(super) fn in_context(values: &'p [Arc<str>], held: bool) -> Self {
        Self { acr: Some(values.iter().collect()), max_age: None, missing: !held }
    }

    pub(super) fn within(seconds: u32, held: bool) -> Self {
        Self { acr: None, max_age: Some(seconds), missing: !held }
    }

    /// Both at once: a login has one context and one time.
    pub(super) fn join(&mut self, other: Self) {
        self.acr = match (self.acr.take(), other.acr) {
            (Some(ours), Some(theirs)) => {
                Some(ours.into_iter().filter(|value| theirs.contains(value)).collect())
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.max_age = self.max_age.into_iter().chain(other.max_age).min();
        self.missing |= other.missing;
    }

    pub(super) fn is_possible(&self) -> bool {
        self.acr.as_ref().is_none_or(|values| !values.is_empty())
    }

    /// Whether the user has to be authenticated anew, and that could help.
    pub(super) fn is_missing(&self) -> bool {
        self.missing && self.is_possible()
    }

    /// Everything that the next login has to be, also what this one is: a login that is only more recent may be weaker.
    pub(super) fn step_up(self) -> Option<StepUp> {
        self.is_missing().then(|| StepUp {
            acr_values: self.acr.into_iter().flatten().map(Arc::clone).collect(),
            max_age: self.max_age,
        })
    }
}

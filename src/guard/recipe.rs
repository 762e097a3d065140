use super::gate::Gate;
use std::sync::Arc;

type Step<R> = Arc<dyn Fn(R, &Gate) -> R + Send + Sync>;

/// How to make an axum router, once the gate is known: each step is what axum would have done at once.
pub(super) struct Recipe<R> {
    first: Arc<dyn Fn(&Gate) -> R + Send + Sync>,
    then: Vec<Step<R>>,
}

impl<R: 'static> Recipe<R> {
    pub(super) fn new(first: impl Fn(&Gate) -> R + Send + Sync + 'static) -> Self {
        Self { first: Arc::new(first), then: Vec::new() }
    }

    pub(super) fn then(&mut self, step: impl Fn(R, &Gate) -> R + Send + Sync + 'static) {
        self.then.push(Arc::new(step));
    }

    pub(super) fn make(&self, gate: &Gate) -> R {
        self.then.iter().fold((self.first)(gate), |made, step| step(made, gate))
    }
}

impl<R> Clone for Recipe<R> {
    fn clone(&self) -> Self {
        Self { first: Arc::clone(&self.first), then: self.then.clone() }
    }
}

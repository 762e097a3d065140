use super::{Asked, DecisionRecord, Observer};
use crate::observe;
use std::fmt;

/// Writes each decision as one `tracing` event, `decision`, at INFO, under a target of its own,
/// `tower_bearer::audit`, so that it can go elsewhere than the other events.
///
/// Its fields are always there, with `none` for what there is not: `stage`, `outcome`, `kind`, `reason`, `issuer`,
/// `policy`. It holds neither a token nor a claim's value other than the trusted `iss`; who wants the subject in the log
/// writes an [`Observer`]. Without the feature `tracing` it does nothing.
///
/// ```
/// # #[cfg(feature = "remote")] {
/// use tower_bearer::{AuthenticateLayer, Verifier, audit::EventLog};
///
/// fn layer(verifier: Verifier) -> AuthenticateLayer {
///     AuthenticateLayer::new(verifier).observer(EventLog)
/// }
/// # let _ = layer;
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct EventLog;

impl Observer for EventLog {
    fn decided(&self, record: &DecisionRecord<'_>) {
        let none: &dyn fmt::Display = &"none";
        let asked = record.asked().map(Asked);
        observe::decision(&observe::Decided {
            stage: record.stage().id(),
            outcome: record.outcome().id(),
            error: record.error(),
            issuer: record.issuer(),
            policy: record.policy().map_or(asked.as_ref().map_or(none, |asked| asked), |policy| policy),
        });
    }
}

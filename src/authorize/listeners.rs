use crate::{
    audit::Observers,
    claims::{Principal, Verdict},
};
use http::Extensions;

/// Who wants to hear what is decided on this request, and about whom; `None` where nobody does. An outer layer's observers
/// hear nothing of whom an inner layer has verified.
pub(super) fn listeners(extensions: &Extensions) -> Option<(&Observers, Option<&Principal>)> {
    let verdict = extensions.get::<Verdict>().filter(|verdict| verdict.is_observed())?;
    Some((extensions.get()?, verdict.caller()))
}

use super::written::{Policies, Written};
use crate::{
    error::{ConfigError, Fault},
    policy::{Checks, InForce, Policy, PolicyError, Wanted},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The names that routes ask for, each with the routes that do.
pub(super) type Uses = BTreeMap<Arc<str>, Vec<Use>>;

/// A route that asks for its policy by name.
pub(crate) struct Use {
    /// Method and path.
    pub(crate) place: String,
    /// What its handler asks for.
    pub(crate) wants: Vec<Wanted>,
}

/// What the names amount to, in the order of `uses`; or everything that is wrong, by name.
pub(super) fn read(
    policies: &Policies,
    uses: &Uses,
    checks: &Checks,
) -> Result<Vec<Arc<InForce>>, ConfigError> {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    let asked = uses.keys().map(AsRef::as_ref);
    let names: BTreeSet<&str> = policies.written.keys().map(String::as_str).chain(asked).collect();
    for name in names {
        let fault = |sentence: String| Fault::new(shown(name), sentence);
        let (written, routes) = (policies.written.get(name), uses.get(name));
        if routes.is_none() {
            faults.push(fault("no route asks for it".to_owned()));
        }
        match (written.map(Vec::as_slice).unwrap_or_default(), routes) {
            ([], routes) => {
                let places: Vec<_> = routes.into_iter().flatten().map(|route| &*route.place).collect();
                let places = places.join(", ");
                faults.push(fault(format!("there is no policy of this name; asked for by {places}")));
            }
            ([one], _) => match rule(name, one, checks) {
                Ok(rule) => {
                    faults.extend(unmet(&rule.policy, routes).map(fault));
                    rules.push(Arc::new(rule));
                }
                Err(wrong) => faults.extend(wrong),
            },
            (several, _) => faults.push(fault(format!("is there {} times", several.len()))),
        }
    }
    ConfigError::check(faults)?;
    Ok(rules)
}

/// What handlers ask for, and this policy has not.
fn unmet(policy: &Policy, routes: Option<&Vec<Use>>) -> impl Iterator<Item = String> {
    routes.into_iter().flatten().flat_map(move |route| {
        let unmet = route.wants.iter().filter_map(|wanted| policy.unmet(wanted));
        unmet.map(|sentence| format!("{}: {sentence}", route.place))
    })
}

fn rule(name: &str, written: &Written, checks: &Checks) -> Result<InForce, Vec<Fault>> {
    let (policy, report_only) = match written {
        Written::Rule { policy, report_only } => (policy, report_only.as_ref()),
        Written::Wrong(sentence) => return Err(vec![Fault::new(shown(name), sentence.clone())]),
    };
    let policy = policy_of(&shown(name), policy, checks);
    let report_only =
        report_only.map(|text| policy_of(&format!("{}, report_only", shown(name)), text, checks));
    match (policy, report_only.transpose()) {
        (Ok(policy), Ok(report_only)) => Ok(InForce::new(policy, report_only)),
        (policy, report_only) => {
            Err([policy.err(), report_only.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// One text, as a policy that guards: who is let in without one is said in the code, beside the route.
fn policy_of(setting: &str, text: &str, checks: &Checks) -> Result<Policy, Vec<Fault>> {
    let fault = |sentence: String| Fault::new(setting.to_owned(), sentence);
    let policy = text.parse().map_err(|error: PolicyError| vec![fault(error.to_string())])?;
    let policy = Policy::bind_known(policy, checks);
    let faults: Vec<_> = policy.nonsense_as_a_guard().into_iter().map(fault).collect();
    if faults.is_empty() { Ok(policy) } else { Err(faults) }
}

/// A name is the file's, and stands in a log.
fn shown(name: &str) -> String {
    if name.is_empty() { "\"\"".to_owned() } else { name.escape_debug().to_string() }
}

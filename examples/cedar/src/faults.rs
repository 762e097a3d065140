//! Policies are read once, at start, and all that is wrong with them is told at once.

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use std::{error::Error, fmt};

/// What is wrong with the policies or their surroundings; never empty.
#[derive(Debug)]
pub(crate) struct Faults {
    lines: Vec<String>,
}

impl Faults {
    pub(crate) fn one(place: &str, error: &dyn Error) -> Self {
        Self { lines: vec![format!("{place}: {error}")] }
    }

    pub(crate) fn said(sentence: &str) -> Self {
        Self { lines: vec![sentence.to_owned()] }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "these policies cannot be enforced:")?;
        self.lines.iter().try_for_each(|line| write!(f, "\n- {line}"))
    }
}

impl Error for Faults {}

/// The policies under the names in their `@id`s, which then stand in the log in place of `policy0`, and held against the
/// schema: a misspelt attribute or action would otherwise be a rule that never applies.
pub(crate) fn parse_policies(text: &str, schema: &Schema) -> Result<PolicySet, Faults> {
    let parsed: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| Faults {
        lines: errors.iter().map(|error| format!("{}{error}", line(text, error))).collect(),
    })?;
    if parsed.num_of_templates() > 0 {
        return Err(Faults::said("a template decides nothing: nobody links it here"));
    }
    let named = parsed.policies().map(named).collect::<Result<Vec<_>, _>>()?;
    let named = PolicySet::from_policies(named).map_err(|error| Faults::one("two policies", &error))?;
    let found = Validator::new(schema.clone()).validate(&named, ValidationMode::Strict);
    let errors = found.validation_errors().map(|error| format!("{}{error}", line(text, error)));
    // A warning is a policy that never applies, or reads otherwise than it looks: nobody wants that one either.
    let warnings = found.validation_warnings().map(|warning| format!("{}{warning}", line(text, warning)));
    let lines: Vec<_> = errors.chain(warnings).collect();
    if lines.is_empty() { Ok(named) } else { Err(Faults { lines }) }
}

fn named(policy: &Policy) -> Result<Policy, Faults> {
    let name = policy.annotation("id").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Faults::said(&format!("{} has no @id(\"…\")", policy.id())))?;
    Ok(policy.new_id(PolicyId::new(name)))
}

/// Where the fault is, if Cedar says so.
fn line(text: &str, fault: &dyn Diagnostic) -> String {
    let first = fault.labels().and_then(|mut labels| labels.next());
    let before = first.and_then(|label| text.get(..label.offset()));
    before.map_or(String::new(), |before| format!("line {}: ", before.matches('\n').count() + 1))
}

use super::{Policy, Rule, Truth, rule::Ruled, term::Term};
use crate::{
    claims::Principal,
    error::{ConfigError, Fault},
};
use std::{collections::BTreeMap, fmt, sync::Arc};

type CheckFn = Arc<dyn Fn(&Principal) -> Truth + Send + Sync>;

/// A named question of the application's own. Read from a text it has no function yet, and is unknown.
#[derive(Clone)]
pub(super) struct Check {
    name: Box<str>,
    function: Option<CheckFn>,
}

/// The functions behind the names that policies read from a text may use.
///
/// ```
/// use tower_bearer::policy::{Checks, Policy};
///
/// let checks = Checks::new().with("has-subject", |caller| caller.subject().is_some());
///
/// let policy: Policy = "scope(mail) & check(has-subject)".parse()?;
/// assert_eq!(policy.unbound(), ["has-subject"]);
/// let policy = policy.bind(&checks)?;
/// assert!(policy.unbound().is_empty());
///
/// assert!("check(office-hours)".parse::<Policy>()?.bind(&checks).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Checks {
    functions: BTreeMap<String, CheckFn>,
    rules: BTreeMap<String, Ruled>,
}

impl Checks {
    /// No checks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, as [`check`](super::check) takes it; a second one of the same name takes the first one's place.
    pub fn with<F, R>(mut self, name: impl Into<String>, f: F) -> Self
    where
        F: Fn(&Principal) -> R + Send + Sync + 'static,
        R: Into<Truth>,
    {
        self.functions.insert(name.into(), erased(f));
        self
    }

    /// Adds a [`Rule`], under its name; a second one of the same name takes the first one's place.
    pub fn with_rule<R: Rule>(mut self) -> Self {
        self.rules.insert(R::NAME.to_owned(), Ruled::known::<R>(R::NAME.into()));
        self
    }

    pub(super) fn rule(&self, name: &str) -> Option<&Ruled> {
        self.rules.get(name)
    }
}

/// Shows the names.
impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks ")?;
        f.debug_set().entries(self.functions.keys()).entries(self.rules.keys()).finish()
    }
}

impl Policy {
    /// Gives every unbound [`check`](super::check) its function, and every unbound [`rule`](super::rule) its policy. One
    /// that has its own keeps it. A rule that names itself, or one that names it, has none: it is a fault.
    ///
    /// # Errors
    ///
    /// One fault for each name that is not in `checks`, all of them at once.
    pub fn bind(self, checks: &Checks) -> Result<Self, ConfigError> {
        let bound = self.bind_known(checks);
        ConfigError::check(bound.unbound_terms().iter().map(|(kind, name)| unknown(kind, name)).collect())?;
        Ok(bound)
    }

    /// Leaves those as they are that are not in `checks`.
    pub(super) fn bind_known(self, checks: &Checks) -> Self {
        self.bind_within(checks, &mut Vec::new())
    }

    /// The same of a policy that these rules consist of, the outermost first.
    pub(super) fn bind_within(mut self, checks: &Checks, around: &mut Vec<Box<str>>) -> Self {
        self.node_mut().visit_mut(&mut |term| match term {
            Term::Check(check) => check.bind(checks),
            Term::Rule(rule) => rule.bind(checks, around),
            _ => {}
        });
        self
    }

    /// The names of the checks that have no function and of the rules that have no policy, in the policy's order; they are
    /// unknown to everybody.
    pub fn unbound(&self) -> Vec<&str> {
        self.unbound_terms().into_iter().map(|(_, name)| name).collect()
    }

    /// The same, each with what it is: `check` or `rule`. Once each.
    pub(super) fn unbound_terms(&self) -> Vec<(&'static str, &str)> {
        let mut missing = Vec::new();
        self.node().visit(false, &mut |term, _| {
            let unbound = match term {
                Term::Check(check) if !check.is_bound() => ("check", check.name()),
                Term::Rule(rule) if rule.policy().is_none() => ("rule", rule.name()),
                _ => return,
            };
            if !missing.contains(&unbound) {
                missing.push(unbound);
            }
        });
        missing
    }
}

impl Check {
    pub(super) fn bound<F, R>(name: Box<str>, f: F) -> Self
    where
        F: Fn(&Principal) -> R + Send + Sync + 'static,
        R: Into<Truth>,
    {
        Self { name, function: Some(erased(f)) }
    }

    pub(super) fn unbound(name: Box<str>) -> Self {
        Self { name, function: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_bound(&self) -> bool {
        self.function.is_some()
    }

    pub(super) fn run(&self, principal: &Principal) -> Truth {
        self.function.as_ref().map_or(Truth::Unknown, |function| function(principal))
    }

    fn bind(&mut self, checks: &Checks) {
        if self.function.is_none() {
            self.function = checks.functions.get(&*self.name).cloned();
        }
    }
}

/// By name: functions cannot be compared, and the text knows only the name.
impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Check {}

fn erased<R: Into<Truth>>(f: impl Fn(&Principal) -> R + Send + Sync + 'static) -> CheckFn {
    Arc::new(move |principal| f(principal).into())
}

fn unknown(kind: &str, name: &str) -> Fault {
    Fault::new("policy", format!("there is no {kind} named {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::super::{sample::principal, *};
    use serde_json::json;

    #[test]
    fn a_check_answers_in_any_of_the_four_ways() {
        let caller = principal(json!({"sub": "alice"}));
        for (name, policy, truth) in [
            ("true", check("c", |caller| caller.subject() == Some("alice")), Truth::Yes),
            ("false", check("c", |_| false), Truth::No),
            ("none", check("c", |_| None::<bool>), Truth::Unknown),
            ("an error", check("c", |_| "x".parse::<bool>()), Truth::Unknown),
            ("a truth", check("c", |_| Truth::No), Truth::No),
        ] {
            assert_eq!(policy.evaluate(Some(&caller)), truth, "{name}");
            assert_eq!(policy.evaluate(None), Truth::Unknown, "{name}, nobody");
        }
    }

    #[test]
    fn an_unbound_check_is_unknown_also_under_a_not() {
        let caller = principal(json!({}));
        let policy: Policy = "!check(vip)".parse().unwrap();
        assert_eq!(policy.evaluate(Some(&caller)), Truth::Unknown);
        let bound = policy.bind(&Checks::new().with("vip", |_| false)).unwrap();
        assert_eq!(bound.evaluate(Some(&caller)), Truth::Yes);
    }

    #[test]
    fn binding_names_every_unknown_check_at_once() {
        let policy: Policy = "check(a) & !(check(b) | check(c) & check(a))".parse().unwrap();
        let error = policy.bind(&Checks::new().with("b", |_| true)).unwrap_err();
        let faults: Vec<_> = error.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [r#"policy: there is no check named "a""#, r#"policy: there is no check named "c""#]
        );
    }

    #[test]
    fn a_check_that_has_its_function_keeps_it() {
        let caller = principal(json!({}));
        let checks = Checks::new().with("c", |_| false);
        let policy = check("c", |_| true).bind(&checks).unwrap();
        assert_eq!(policy.evaluate(Some(&caller)), Truth::Yes);
        assert_eq!(format!("{checks:?}"), r#"Checks {"c"}"#);
    }
}

use super::{Checks, Decision, Policy, Truth, term};
use crate::claims::{Permit, Principal};
use std::{any::TypeId, sync::Arc};

/// A permission of the application's own, as a type: a route grants it, a handler asks for it.
///
/// The route says [`rule::<R>()`](rule) where it says its policy, so that enforcement, table and documents know of it; the
/// handler takes the extractor [`Allowed<R>`](super::Allowed), which only reads what the route has granted. So a handler that must
/// not run without a permission cannot be put on a route that forgot it: it answers 500 there, and `RouteTable::check`
/// names it.
///
/// ```
/// use tower_bearer::policy::{Policy, Rule, role, rule, scope};
///
/// struct CanRefund;
///
/// impl Rule for CanRefund {
///     const NAME: &'static str = "can-refund";
///
///     fn policy() -> Policy {
///         scope("orders:write") & (role("manager") | role("cashier"))
///     }
/// }
///
/// let policy = scope("orders:read") & rule::<CanRefund>();
/// assert_eq!(policy.to_string(), "scope(orders:read) & rule(can-refund)");
/// assert_eq!(policy.scopes(), ["orders:read", "orders:write"]);
/// ```
pub trait Rule: 'static {
    /// What stands in a policy's text, `rule(can-refund)`; unique among an application's rules, and not empty.
    const NAME: &'static str;

    /// What it takes. Asked once for each [`rule`] that is built, so it says the same each time; it must not name its own
    /// rule.
    fn policy() -> Policy;
}

/// What the rule says, under its name. The routes that it stands on grant it to those whom it lets pass, see [`Rule`].
///
/// The text form holds the name alone; [`Policy::bind`] gives it its policy back, out of [`Checks::with_rule`]. Where it
/// stands under a `!` it grants nothing.
///
/// # Panics
///
/// When the name is empty.
#[track_caller]
#[allow(clippy::panic, reason = "documented: a policy is built at start-up, by its author")]
pub fn rule<R: Rule>() -> Policy {
    match term::name(R::NAME) {
        Ok(name) => term::Term::Rule(Ruled::known::<R>(name)).into(),
        Err(expected) => panic!("rule({:?}): expected {expected}", R::NAME),
    }
}

/// A rule as it stands in a policy. Read from a text it has no policy yet, and is unknown.
#[derive(Clone)]
pub(crate) struct Ruled {
    name: Box<str>,
    known: Option<Known>,
}

#[derive(Clone)]
struct Known {
    rule: TypeId,
    #[cfg(feature = "axum")]
    type_name: &'static str,
    policy: Arc<Policy>,
}

impl Ruled {
    pub(super) fn known<R: Rule>(name: Box<str>) -> Self {
        let known = Known {
            rule: TypeId::of::<R>(),
            #[cfg(feature = "axum")]
            type_name: std::any::type_name::<R>(),
            policy: Arc::new(R::policy()),
        };
        Self { name, known: Some(known) }
    }

    pub(super) fn unbound(name: Box<str>) -> Self {
        Self { name, known: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it takes; `None` for one that was read and not bound.
    pub(crate) fn policy(&self) -> Option<&Policy> {
        self.known.as_ref().map(|known| &*known.policy)
    }

    /// What a route that it stands on tells the handlers. `None` for one that was not bound: then nobody passes on its
    /// account, and whoever asks for it is told that it is missing.
    pub(crate) fn permit(&self, principal: Option<&Principal>) -> Option<Permit> {
        let Known { rule, policy, .. } = self.known.as_ref()?;
        let refusal = match policy.decide(principal) {
            Decision::Allow => None,
            Decision::Deny(denial) => Some(denial.into_error()),
        };
        Some(Permit { rule: *rule, refusal })
    }

    /// Whether it is the rule of the type with this name.
    #[cfg(feature = "axum")]
    pub(super) fn is_called(&self, type_name: &str) -> bool {
        self.known.as_ref().is_some_and(|known| known.type_name == type_name)
    }

    pub(super) fn evaluate(&self, principal: Option<&Principal>) -> Truth {
        self.policy().map_or(Truth::Unknown, |policy| policy.evaluate(principal))
    }

    /// And the checks and rules that it consists of. `around` are the rules that it stands in: one that names itself stays
    /// unbound there, or this would never end.
    pub(super) fn bind(&mut self, checks: &Checks, around: &mut Vec<Box<str>>) {
        if around.contains(&self.name) {
            return;
        }
        if self.known.is_none() {
            self.known = checks.rule(&self.name).and_then(|rule| rule.known.clone());
        }
        if let Some(known) = self.known.as_mut().filter(|known| !known.policy.unbound().is_empty()) {
            around.push(self.name.clone());
            known.policy = Arc::new(Policy::clone(&known.policy).bind_within(checks, around));
            around.pop();
        }
    }
}

/// By name, as checks are.
impl PartialEq for Ruled {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Ruled {}

impl Policy {
    /// The names that stand for rules of several types.
    #[cfg(feature = "axum")]
    pub(super) fn ambiguous_rules(&self) -> Vec<&str> {
        let (mut known, mut twice) = (Vec::<(&str, TypeId)>::new(), Vec::new());
        self.node().visit(false, &mut |term, _| {
            let term::Term::Rule(Ruled { name, known: Some(Known { rule, .. }) }) = term else { return };
            match known.iter().find(|(known, _)| *known == &**name) {
                Some((_, of)) if of != rule && !twice.contains(&&**name) => twice.push(&**name),
                Some(_) => {}
                None => known.push((name, *rule)),
            }
        });
        twice
    }

    /// The rules in it, those within others included, by name; each with what it takes.
    #[cfg(feature = "axum")]
    pub(crate) fn rules(&self) -> Vec<(&str, &Policy)> {
        let mut rules = Vec::new();
        self.node().visit(false, &mut |term, _| {
            if let term::Term::Rule(rule) = term {
                rules.extend(rule.policy().map(|policy| (rule.name(), policy)));
            }
        });
        rules
    }

    /// The rules that it grants to those whom it lets pass, and who meet them: none under a `!`.
    pub(super) fn granted(&self) -> Vec<Ruled> {
        let mut rules = Vec::new();
        self.node().visit(false, &mut |term, negated| match term {
            term::Term::Rule(rule) if !negated && !rules.contains(rule) => rules.push(rule.clone()),
            _ => {}
        });
        rules
    }
}

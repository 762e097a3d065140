//! What it takes to meet a policy.

use super::{Policy, Truth, algebra::Node, login::Login, term::Term};
use crate::claims::Principal;
use std::{mem, sync::Arc};

/// One way to meet a policy: the scopes and the login it takes, and whether they are all it takes.
pub(super) struct Way<'p> {
    needed: Vec<Needed<'p>>,
    login: Login<'p>,
    nothing_else: bool,
}

#[derive(Clone, Copy)]
struct Needed<'p> {
    scope: &'p Arc<str>,
    held: bool,
}

impl Node {
    /// The way that asks least of this caller.
    pub(super) fn way(&self, principal: Option<&Principal>) -> Way<'_> {
        let mut way = Way::by_nothing();
        self.add_to(&mut way, principal);
        way
    }

    /// Adds what this part asks to a way that has to meet it, too.
    fn add_to<'p>(&'p self, way: &mut Way<'p>, principal: Option<&Principal>) {
        let by_scope = |scope| Way::by_scope(scope, principal);
        match self {
            Self::Term(Term::Scope(scope)) => way.add(Needed::of(scope, principal)),
            Self::Term(Term::AnyScope(scopes)) => way.join(Way::least(scopes.iter().map(by_scope))),
            Self::Term(Term::AllScopes(scopes)) => {
                scopes.iter().for_each(|scope| way.add(Needed::of(scope, principal)));
            }
            // Whoever comes back with a token is authenticated, so nothing else stands in the way.
            Self::Term(Term::Authenticated) => {}
            Self::Term(Term::Acr(values)) => {
                way.login.join(Login::in_context(values, self.holds(principal)));
            }
            Self::Term(Term::MaxAge(age)) => way.login.join(Login::within(*age, self.holds(principal))),
            Self::Term(Term::Rule(rule)) => match rule.policy() {
                Some(policy) => policy.node().add_to(way, principal),
                None => way.nothing_else = false,
            },
            Self::Term(_) | Self::Not(_) => way.nothing_else &= self.holds(principal),
            Self::All(parts) => parts.iter().for_each(|part| part.add_to(way, principal)),
            Self::Any(parts) => way.join(Way::least(parts.iter().map(|part| part.way(principal)))),
        }
    }

    fn holds(&self, principal: Option<&Principal>) -> bool {
        self.evaluate(principal) == Truth::Yes
    }
}

impl<'p> Needed<'p> {
    fn of(scope: &'p Arc<str>, principal: Option<&Principal>) -> Self {
        Self { scope, held: principal.is_some_and(|principal| principal.has_scope(scope)) }
    }
}

impl<'p> Way<'p> {
    fn by_nothing() -> Self {
        Self { needed: Vec::new(), login: Login::default(), nothing_else: true }
    }

    fn by_scope(scope: &'p Arc<str>, principal: Option<&Principal>) -> Self {
        Self { needed: vec![Needed::of(scope, principal)], ..Self::by_nothing() }
    }

    fn add(&mut self, needed: Needed<'p>) {
        if !self.needed.iter().any(|known| known.scope == needed.scope) {
            self.needed.push(needed);
        }
    }

    fn join(&mut self, other: Self) {
        self.nothing_else &= other.nothing_else;
        self.login.join(other.login);
        other.needed.into_iter().for_each(|needed| self.add(needed));
    }

    /// `min_by_key` keeps the first of equals.
    fn least(ways: impl Iterator<Item = Self>) -> Self {
        ways.min_by_key(Self::demand).unwrap_or(Self { nothing_else: false, ..Self::by_nothing() })
    }

    /// The least is what a denial describes.
    fn demand(&self) -> impl Ord + use<> {
        (!self.can_be_met(), self.missing(), self.login.is_missing())
    }

    /// By a token with more scopes, or of a new login.
    fn can_be_met(&self) -> bool {
        self.nothing_else && self.login.is_possible()
    }

    pub(super) fn missing(&self) -> usize {
        self.needed.iter().filter(|needed| !needed.held).count()
    }

    pub(super) fn scopes(self) -> impl Iterator<Item = &'p Arc<str>> {
        self.needed.into_iter().map(|needed| needed.scope)
    }

    pub(super) fn take_login(&mut self) -> Login<'p> {
        mem::take(&mut self.login)
    }
}

impl Policy {
    /// What this caller lacks on the way that the denial describes, in the policy's order, once each; nothing where the
    /// policy allows. For operators: a client learns the scopes and the login of it, and no more.
    ///
    /// Each is a policy of one term, or a `!` with what stands under it. A token that gains all of them is allowed, if
    /// they do not exclude each other. See [`required_scopes`](Self::required_scopes) for which of several ways it is.
    ///
    /// ```
    /// use tower_bearer::policy::{role, scope};
    ///
    /// let policy = scope("orders:read") & (role("clerk") | scope("orders:all"));
    /// assert_eq!(policy.lacking(None), [scope("orders:read"), scope("orders:all")]);
    /// ```
    pub fn lacking(&self, principal: Option<&Principal>) -> Vec<Policy> {
        let mut lacking = Vec::new();
        self.node().add_lacking(principal, &mut lacking);
        lacking
    }
}

impl Node {
    fn add_lacking(&self, principal: Option<&Principal>, lacking: &mut Vec<Policy>) {
        let mut lacks = |policy: Policy| {
            if policy.evaluate(principal) != Truth::Yes && !lacking.contains(&policy) {
                lacking.push(policy);
            }
        };
        let by_scope = |scope: &Arc<str>| Policy::from(Term::Scope(Arc::clone(scope)));
        match self {
            Self::Term(Term::AnyScope(scopes)) => {
                let least = scopes.iter().min_by_key(|scope| Way::by_scope(scope, principal).demand());
                least.map(by_scope).into_iter().for_each(lacks);
            }
            Self::Term(Term::AllScopes(scopes)) => scopes.iter().map(by_scope).for_each(lacks),
            Self::Term(term @ Term::Rule(rule)) => match rule.policy() {
                Some(policy) => policy.node().add_lacking(principal, lacking),
                None => lacks(term.clone().into()),
            },
            Self::Term(term) => lacks(term.clone().into()),
            Self::Not(_) => lacks(Policy::of(self)),
            Self::All(parts) => parts.iter().for_each(|part| part.add_lacking(principal, lacking)),
            // Said apart: `authenticated` asks nothing of a way, so to nobody it looks as near as what is met already.
            Self::Any(_) if self.holds(principal) => {}
            Self::Any(parts) => {
                let least = parts.iter().min_by_key(|part| part.way(principal).demand());
                least.into_iter().for_each(|part| part.add_lacking(principal, lacking));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{authenticated, public, role, sample::principal, scope};
    use serde_json::json;

    #[test]
    fn what_is_met_is_not_lacking_and_what_is_lacking_is_named_once() {
        let caller = principal(json!({"scope": "a"}));
        let clerk = || role("clerk");
        let policy = scope("a") & (clerk() | !scope("a")) & clerk();
        assert_eq!(policy.lacking(Some(&caller)), [clerk()]);
        assert_eq!((scope("a") | clerk()).lacking(Some(&caller)), []);
    }

    #[test]
    fn nobody_lacks_a_token_where_another_part_needs_none() {
        let open = || authenticated() | public("a health check");
        assert_eq!(open().lacking(None), []);
        assert_eq!((open() & scope("a")).lacking(None), [scope("a")]);
        assert_eq!((authenticated() | scope("a")).lacking(None), [authenticated()]);
    }
}

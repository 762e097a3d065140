//! What a policy asks of a token, as an API description says it: alternatives (or) of scopes (and).

use super::{Policy, algebra::Node, term::Term};
use std::collections::BTreeSet;

/// A policy with more is described by the scopes of all of them together: nobody reads a longer list, and the number can
/// grow by multiplication.
const MOST_ALTERNATIVES: usize = 64;

/// Nor one with more scopes than this in its alternatives together; and telling them apart takes the square of it.
const MOST_NAMES: usize = 1024;

/// The scopes of each way to meet a policy.
type Alternatives<'p> = Vec<Vec<&'p str>>;

/// What a policy asks of logins, wherever in it: the authentication contexts, and the ages in seconds, once each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Logins<'p> {
    pub(crate) acr: Vec<&'p str>,
    pub(crate) max_age: Vec<u32>,
}

impl Policy {
    /// The scopes of each way to meet the policy, in its order, once each; never none at all.
    ///
    /// A way may ask for more than its scopes: a role and what stands under a `!` have no part here. No alternative is
    /// left out for another that asks for less, so together they name every scope that [`scopes`](Policy::scopes) does.
    /// Where they are too many, there is one with all scopes.
    pub(crate) fn scope_alternatives(&self) -> Vec<Vec<&str>> {
        let all = self.node().alternatives().filter(|all| !all.is_empty());
        all.unwrap_or_else(|| vec![self.scopes()])
    }

    pub(crate) fn logins(&self) -> Logins<'_> {
        let mut logins = Logins::default();
        self.node().visit(false, &mut |term, negated| match term {
            _ if negated => {}
            Term::Acr(values) => values.iter().for_each(|value| add(&mut logins.acr, &**value)),
            Term::MaxAge(seconds) => add(&mut logins.max_age, *seconds),
            _ => {}
        });
        logins
    }
}

impl Node {
    /// `None` when there are too many.
    fn alternatives(&self) -> Option<Alternatives<'_>> {
        match self {
            Self::Term(Term::Scope(scope)) => Some(vec![vec![&**scope]]),
            Self::Term(Term::AnyScope(scopes)) => {
                distinct(scopes.iter().map(|scope| Some(vec![vec![&**scope]])))
            }
            Self::Term(Term::AllScopes(scopes)) => {
                let mut all = Vec::new();
                scopes.iter().for_each(|scope| add(&mut all, &**scope));
                distinct([Some(vec![all])].into_iter())
            }
            // One that was not bound has no policy yet.
            Self::Term(Term::Rule(rule)) => match rule.policy() {
                Some(policy) => policy.node().alternatives(),
                None => Some(vec![Vec::new()]),
            },
            Self::Term(_) | Self::Not(_) => Some(vec![Vec::new()]),
            Self::All(parts) => parts.iter().try_fold(vec![Vec::new()], |before, part| {
                let part = part.alternatives()?;
                if asks_no_scopes(&part) {
                    return Some(before);
                }
                distinct(before.iter().map(|one| Some(part.iter().map(|other| both(one, other)).collect())))
            }),
            Self::Any(parts) => distinct(parts.iter().map(Self::alternatives)),
        }
    }
}

/// All of them, those of equal scopes once.
fn distinct<'p>(lists: impl Iterator<Item = Option<Alternatives<'p>>>) -> Option<Alternatives<'p>> {
    let (mut all, mut known, mut names) = (Alternatives::new(), BTreeSet::new(), 0usize);
    for list in lists {
        for scopes in list? {
            // In any order.
            let mut sorted = scopes.clone();
            sorted.sort_unstable();
            if known.insert(sorted) {
                names = names.saturating_add(scopes.len());
                all.push(scopes);
            }
            if all.len() > MOST_ALTERNATIVES || names > MOST_NAMES {
                return None;
            }
        }
    }
    Some(all)
}

/// What stands beside it is all there is.
fn asks_no_scopes(alternatives: &[Vec<&str>]) -> bool {
    alternatives.iter().all(Vec::is_empty)
}

fn both<'p>(one: &[&'p str], other: &[&'p str]) -> Vec<&'p str> {
    let mut both = one.to_vec();
    other.iter().for_each(|scope| add(&mut both, scope));
    both
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, MOST_ALTERNATIVES};

    fn alternatives(text: &str) -> String {
        let policy: Policy = text.parse().unwrap();
        policy.scope_alternatives().iter().map(|scopes| scopes.join(" ")).collect::<Vec<_>>().join(" / ")
    }

    #[test]
    fn alternatives_are_joined_by_or_and_their_scopes_by_and() {
        for (policy, expected) in [
            ("scope(a)", "a"),
            ("scope(a) & scope(b)", "a b"),
            ("scope(a) | scope(b)", "a / b"),
            ("all_scopes(b, a, b)", "b a"),
            ("any_scope(b, a, b)", "b / a"),
            ("(scope(a) | scope(b)) & (scope(c) | scope(d))", "a c / a d / b c / b d"),
            ("(scope(a) | scope(b)) & (scope(b) | scope(a))", "a b / a / b"),
            ("scope(a) | scope(a) & scope(b)", "a / a b"),
            ("role(clerk)", ""),
            ("scope(a) & role(clerk) & !scope(b)", "a"),
            ("role(clerk) | scope(a)", " / a"),
            ("!(scope(a) | scope(b))", ""),
            ("deny", ""),
            ("authenticated", ""),
        ] {
            assert_eq!(alternatives(policy), expected, "{policy}");
        }
    }

    #[test]
    fn too_many_alternatives_are_one_that_has_all_scopes() {
        let pairs = |count: usize| {
            let pair = |i| scope(format!("a{i}")) | scope(format!("b{i}"));
            (0..count).map(pair).reduce(|all, pair| all & pair).unwrap()
        };
        assert_eq!(pairs(6).scope_alternatives().len(), MOST_ALTERNATIVES);
        for many in [pairs(7), pairs(1000), any_scope((0..65).map(|i| i.to_string()))] {
            assert_eq!(many.scope_alternatives(), [many.scopes()]);
        }
    }

    #[test]
    fn logins_are_collected_from_everywhere_but_under_a_not() {
        let policy: Policy =
            "acr(b, a) & max_age(300) | acr(a, c) & (max_age(60) | max_age(300)) | !acr(x) | !max_age(1)"
                .parse()
                .unwrap();
        assert_eq!(policy.logins(), super::Logins { acr: vec!["b", "a", "c"], max_age: vec![300, 60] });
        assert_eq!(scope("a").logins(), super::Logins::default());
    }

    #[test]
    fn too_many_names_are_one_alternative_too() {
        let names = |from: usize, count: usize| (from..from + count).map(|i| format!("s{i}"));
        let two =
            |first: usize, second: usize| all_scopes(names(0, first)) | all_scopes(names(first, second));
        assert_eq!(two(512, 512).scope_alternatives().len(), 2);
        assert_eq!(two(512, 513).scope_alternatives().len(), 1);
    }
}

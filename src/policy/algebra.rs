use super::{Truth, term::Term};
use crate::claims::Principal;
use std::ops::{BitAnd, BitOr, Not};

/// How deep a policy may nest. Whoever writes one deeper has lost its reader; and what walks it may recurse.
pub(super) const MAX_DEPTH: u8 = 32;

/// A rule that a caller has to meet: terms such as [`scope`](super::scope), joined by `&`, `|` and `!`.
///
/// `Display`, `Debug`, `FromStr` and serde all speak the one [text form](super#text-form). Chains are kept flat, and
/// `!!p` is `p`. Two policies are equal when their texts are; a [`check`](super::check) is equal to another of the same
/// name, bound or not.
///
/// # Panics
///
/// `&`, `|` and `!` panic when the result nests deeper than 32. A chain of a thousand terms nests once.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a policy decides nothing until it is asked or given to a layer"]
pub struct Policy {
    node: Node,
    depth: u8,
}

/// Invariants: a chain has two parts or more, none of them a chain of the same kind; nothing is negated twice.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Node {
    Term(Term),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    All,
    Any,
}

impl Policy {
    /// What the policy says of this caller, or of nobody. Only [`Truth::Yes`] allows; nothing is allocated.
    pub fn evaluate(&self, principal: Option<&Principal>) -> Truth {
        self.node.evaluate(principal)
    }

    /// Every scope that the policy asks for, in its order, once each; none that stands under a `!`.
    pub fn scopes(&self) -> Vec<&str> {
        let mut scopes = Vec::new();
        self.node.visit(false, &mut |term, negated| {
            let named = match term {
                _ if negated => &[],
                Term::Scope(scope) => std::slice::from_ref(scope),
                Term::AnyScope(all) | Term::AllScopes(all) => all,
                _ => &[],
            };
            for scope in named {
                if !scopes.contains(&&**scope) {
                    scopes.push(&**scope);
                }
            }
        });
        scopes
    }

    /// A part of a policy as one of its own.
    pub(super) fn of(node: &Node) -> Self {
        Self { node: node.clone(), depth: node.depth() }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    /// `None` when the result would nest too deep.
    pub(super) fn join(self, chain: Chain, other: Self) -> Option<Self> {
        let depth = self.depth_within(chain).max(other.depth_within(chain)).checked_add(1)?;
        let mut parts = self.node.into_parts(chain);
        parts.append(&mut other.node.into_parts(chain));
        let node = match chain {
            Chain::All => Node::All(parts),
            Chain::Any => Node::Any(parts),
        };
        (depth <= MAX_DEPTH).then_some(Self { node, depth })
    }

    /// `None` when the result would nest too deep.
    pub(super) fn negate(self) -> Option<Self> {
        match self.node {
            Node::Not(inner) => Some(Self { node: *inner, depth: self.depth.saturating_sub(1) }),
            node if self.depth < MAX_DEPTH => {
                Some(Self { node: Node::Not(Box::new(node)), depth: self.depth.saturating_add(1) })
            }
            _ => None,
        }
    }

    /// The depth of the deepest part that this policy brings into a chain.
    fn depth_within(&self, chain: Chain) -> u8 {
        match self.node.chain() {
            Some(own) if own == chain => self.depth.saturating_sub(1),
            _ => self.depth,
        }
    }
}

impl Node {
    pub(super) fn evaluate(&self, principal: Option<&Principal>) -> Truth {
        match self {
            Self::Term(term) => term.evaluate(principal),
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.evaluate(principal))),
            Self::Any(parts) => Truth::any(parts.iter().map(|part| part.evaluate(principal))),
            Self::Not(inner) => !inner.evaluate(principal),
        }
    }

    /// Calls `each` with every term, in order, and whether it stands under a `!`; those that a rule consists of included.
    pub(super) fn visit<'p>(&'p self, negated: bool, each: &mut impl FnMut(&'p Term, bool)) {
        match self {
            Self::Term(term) => {
                each(term, negated);
                if let Term::Rule(rule) = term {
                    rule.policy().into_iter().for_each(|policy| policy.node.visit(negated, each));
                }
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(negated, each)),
            Self::Not(inner) => inner.visit(true, each),
        }
    }

    /// Without those that a rule consists of: they are its own.
    pub(super) fn visit_mut(&mut self, each: &mut impl FnMut(&mut Term)) {
        match self {
            Self::Term(term) => each(term),
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().for_each(|part| part.visit_mut(each)),
            Self::Not(inner) => inner.visit_mut(each),
        }
    }

    fn depth(&self) -> u8 {
        let inner = match self {
            Self::Term(_) => 0,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(inner) => inner.depth(),
        };
        inner.saturating_add(1)
    }

    fn chain(&self) -> Option<Chain> {
        match self {
            Self::All(_) => Some(Chain::All),
            Self::Any(_) => Some(Chain::Any),
            Self::Term(_) | Self::Not(_) => None,
        }
    }

    fn into_parts(self, chain: Chain) -> Vec<Self> {
        match (self, chain) {
            (Self::All(parts), Chain::All) | (Self::Any(parts), Chain::Any) => parts,
            (other, _) => vec![other],
        }
    }
}

impl From<Term> for Policy {
    fn from(term: Term) -> Self {
        Self { node: Node::Term(term), depth: 1 }
    }
}

/// Both. Panics beyond 32 levels, see [`Policy`].
impl BitAnd for Policy {
    type Output = Self;

    #[track_caller]
    fn bitand(self, other: Self) -> Self {
        in_bounds(self.join(Chain::All, other))
    }
}

/// Either. Panics beyond 32 levels, see [`Policy`].
impl BitOr for Policy {
    type Output = Self;

    #[track_caller]
    fn bitor(self, other: Self) -> Self {
        in_bounds(self.join(Chain::Any, other))
    }
}

/// The opposite, where it is known. Panics beyond 32 levels, see [`Policy`].
impl Not for Policy {
    type Output = Self;

    #[track_caller]
    fn not(self) -> Self {
        in_bounds(self.negate())
    }
}

#[track_caller]
#[allow(clippy::panic, reason = "documented: a policy is built at start-up, by its author")]
fn in_bounds(policy: Option<Policy>) -> Policy {
    match policy {
        Some(policy) => policy,
        None => panic!("policy: expected at most {MAX_DEPTH} levels of nesting"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};
    use std::panic::catch_unwind;

    /// As deep as it says: every level turns the chain around.
    fn nested(depth: u8) -> Policy {
        (1..depth).fold(
            scope("a"),
            |policy, level| {
                if level % 2 == 0 { policy & scope("b") } else { policy | scope("c") }
            },
        )
    }

    #[test]
    fn a_chain_is_flat_however_it_was_joined() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(scope);
        let left = ((a.clone() & b.clone()) & c.clone()) & d.clone();
        let right = a.clone() & (b.clone() & (c.clone() & d.clone()));
        assert_eq!(left, right);
        assert_eq!(left, (a & b) & (c & d));
        assert_eq!(left.depth, 2);
    }

    #[test]
    fn a_long_chain_does_not_nest() {
        let long = (0..100_000).map(|i| scope(format!("s{i}"))).reduce(BitAnd::bitand).unwrap();
        assert_eq!(long.depth, 2);
        assert_eq!(long.evaluate(None), Truth::Unknown);
        assert_eq!(long.clone(), long);
    }

    #[test]
    fn nothing_is_negated_twice() {
        assert_eq!(!!scope("a"), scope("a"));
        assert_eq!(!!!scope("a"), !scope("a"));
        assert_eq!((0..1001).fold(scope("a"), |policy, _| !policy), !scope("a"));
    }

    #[test]
    fn nesting_ends_at_32_with_a_panic_that_says_so() {
        assert_eq!(nested(32).depth, 32);
        let panic = catch_unwind(|| nested(33)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "policy: expected at most 32 levels of nesting");
        assert!(catch_unwind(|| !nested(32)).is_err());
        assert_eq!(!!nested(31), nested(31));
    }

    #[test]
    fn scopes_are_listed_once_in_order_and_never_from_under_a_not() {
        let policy =
            any_scope(["b", "a"]) & role("r") & !scope("x") & (scope("a") | !!all_scopes(["c", "b"]));
        assert_eq!(policy.scopes(), ["b", "a", "c"]);
        assert!((!(scope("a") | !scope("b"))).scopes().is_empty());
    }

    #[test]
    fn a_part_is_as_deep_as_it_was() {
        for depth in [1, 2, 7] {
            let policy = nested(depth);
            assert_eq!(Policy::of(policy.node()).depth, policy.depth);
            assert_eq!(policy.depth, depth);
        }
        let not = !(scope("a") & scope("b"));
        assert_eq!(Policy::of(not.node()).depth, 3);
    }
}

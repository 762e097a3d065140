use std::ops::{BitAnd, BitOr, Not};

/// What a policy, or one term of it, says of a caller: the three values of Kleene's logic.
///
/// Unknown is what a token leaves open. It is neither yes nor no, and negation does not turn it into either, so that
/// silence never grants anything.
///
/// ```
/// use tower_bearer::policy::Truth;
///
/// assert_eq!(!Truth::Unknown, Truth::Unknown);
/// assert_eq!(Truth::Unknown & Truth::No, Truth::No);
/// assert_eq!(Truth::Unknown | Truth::Yes, Truth::Yes);
/// assert_eq!(Truth::from(None), Truth::Unknown);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds: the only value that allows.
    Yes,
    /// It does not hold.
    No,
    /// It cannot be told.
    Unknown,
}

impl Truth {
    /// `&` over many. Stopping at the first no cannot change the outcome.
    pub(super) fn all(truths: impl Iterator<Item = Truth>) -> Self {
        let mut whole = Self::Yes;
        for truth in truths {
            whole = whole & truth;
            if whole == Self::No {
                break;
            }
        }
        whole
    }

    /// `|` over many. Stopping at the first yes cannot change the outcome.
    pub(super) fn any(truths: impl Iterator<Item = Truth>) -> Self {
        let mut whole = Self::No;
        for truth in truths {
            whole = whole | truth;
            if whole == Self::Yes {
                break;
            }
        }
        whole
    }
}

impl BitAnd for Truth {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

impl BitOr for Truth {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// `None` is unknown.
impl From<Option<bool>> for Truth {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unknown, Self::from)
    }
}

/// An error is unknown, whatever it says.
impl<E> From<Result<bool, E>> for Truth {
    fn from(holds: Result<bool, E>) -> Self {
        Self::from(holds.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, No, Unknown, Yes};

    const ALL: [Truth; 3] = [No, Unknown, Yes];

    #[test]
    fn the_tables_are_kleenes() {
        // Rows: left operand; columns: right operand; both in the order no, unknown, yes.
        let and = [[No, No, No], [No, Unknown, Unknown], [No, Unknown, Yes]];
        let or = [[No, Unknown, Yes], [Unknown, Unknown, Yes], [Yes, Yes, Yes]];
        for (i, a) in ALL.into_iter().enumerate() {
            for (j, b) in ALL.into_iter().enumerate() {
                assert_eq!(a & b, and[i][j], "{a:?} & {b:?}");
                assert_eq!(a | b, or[i][j], "{a:?} | {b:?}");
            }
        }
        assert_eq!(ALL.map(|a| !a), [Yes, Unknown, No]);
    }

    #[test]
    fn the_laws_hold_for_every_three_values() {
        for a in ALL {
            assert_eq!(!!a, a, "double negation");
            assert_eq!((a & a, a | a), (a, a), "idempotence");
            for b in ALL {
                assert_eq!((a & b, a | b), (b & a, b | a), "commutation");
                assert_eq!(!(a & b), !a | !b, "De Morgan");
                assert_eq!(!(a | b), !a & !b, "De Morgan");
                assert_eq!((a & (a | b), a | (a & b)), (a, a), "absorption");
                for c in ALL {
                    assert_eq!(((a & b) & c, (a | b) | c), (a & (b & c), a | (b | c)), "association");
                    assert_eq!(a & (b | c), (a & b) | (a & c), "distribution");
                    assert_eq!(a | (b & c), (a | b) & (a | c), "distribution");
                    assert_eq!(Truth::all([a, b, c].into_iter()), a & b & c);
                    assert_eq!(Truth::any([a, b, c].into_iter()), a | b | c);
                }
            }
        }
    }

    #[test]
    fn what_a_check_may_return_becomes_a_truth() {
        assert_eq!([Truth::from(true), Truth::from(false)], [Yes, No]);
        assert_eq!(
            [Truth::from(Some(true)), Truth::from(Some(false)), Truth::from(None)],
            [Yes, No, Unknown]
        );
        assert_eq!([Truth::from(Ok::<_, ()>(true)), Truth::from(Err::<bool, _>("down"))], [Yes, Unknown]);
    }
}

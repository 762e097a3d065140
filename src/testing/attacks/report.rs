use super::attack::{Attack, Needs};
use crate::keys::Algorithm;
use http::StatusCode;
use std::fmt;

/// How an attack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered right.
    Resisted,
    /// It was let through.
    GotIn,
    /// It was refused, but with another answer than the right one: a 500, a 403 where 401 is right, no challenge.
    Wrong {
        /// The status.
        status: StatusCode,
        /// The `error` of the challenge.
        error: Option<String>,
    },
    /// A good token was refused while the attack was on, or after it.
    LockedOut {
        /// The status that the good token was answered with.
        status: StatusCode,
    },
    /// The issuer was asked more often than it should have been.
    Flooded {
        /// How often.
        fetches: u64,
    },
    /// The application does not offer what it needs, so nobody knows.
    Skipped(Needs),
    /// There is nothing to attack: the route asks for no scope.
    Inapplicable,
}

/// What came of a whole corpus. Made by [`Resists::report`](super::Resists::report).
#[derive(Debug, Clone)]
#[must_use = "read it, or call `assert_resists(…).await`, which does"]
pub struct Report {
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) faults: Vec<String>,
    pub(super) outcomes: Vec<(&'static Attack, Outcome)>,
    pub(super) allowed_skips: usize,
}

impl Report {
    /// The algorithms of which a good token passes, before and after.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// What is wrong with the trial itself: a good token that is refused, a route that is open to everybody. Without
    /// these it would prove nothing.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Each attack and how it ended, in the corpus's order. Empty where the trial could not begin.
    pub fn outcomes(&self) -> &[(&'static Attack, Outcome)] {
        &self.outcomes
    }

    /// The names of the attacks that were let through.
    pub fn got_in(&self) -> Vec<&'static str> {
        self.names(|outcome| *outcome == Outcome::GotIn)
    }

    /// The names of the attacks that could not be tried.
    pub fn skipped(&self) -> Vec<&'static str> {
        self.names(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    /// Whether every attack was tried, but for as many as may be skipped, and answered right.
    pub fn is_clean(&self) -> bool {
        let held = |outcome: &Outcome| {
            matches!(outcome, Outcome::Resisted | Outcome::Skipped(_) | Outcome::Inapplicable)
        };
        self.faults.is_empty()
            && self.skipped().len() <= self.allowed_skips
            && self.outcomes.iter().all(|(_, outcome)| held(outcome))
    }

    /// Prints the skipped, and panics unless it is clean.
    #[expect(
        clippy::panic,
        clippy::print_stderr,
        reason = "a test wants to hear of it at once, and of the rest aloud"
    )]
    #[track_caller]
    pub(super) fn assert_clean(&self) {
        for (attack, outcome) in &self.outcomes {
            if let Outcome::Skipped(needs) = outcome {
                eprintln!("skipped {}: it needs {needs}", attack.name);
            }
        }
        if !self.is_clean() {
            panic!("{self}");
        }
    }

    fn names(&self, wanted: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
        let found = self.outcomes.iter().filter(|(_, outcome)| wanted(outcome));
        found.map(|(attack, _)| attack.name).collect()
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.names(wanted).len()
    }
}

/// A sentence with the numbers, then a line for each attack that was not answered right.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resisted = self.count(|outcome| *outcome == Outcome::Resisted);
        let inapplicable = self.count(|outcome| *outcome == Outcome::Inapplicable);
        let algorithms: Vec<_> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        writeln!(
            f,
            "{resisted} of {} attacks were answered right, {} got in, {} skipped ({} may be), {inapplicable} do not \
             apply; good tokens pass: {}",
            self.outcomes.len(),
            self.got_in().len(),
            self.skipped().len(),
            self.allowed_skips,
            algorithms.join(" "),
        )?;
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        for (attack, outcome) in &self.outcomes {
            if !matches!(outcome, Outcome::Resisted | Outcome::Inapplicable) {
                writeln!(f, "  {}: {outcome}. {} ({})", attack.name, attack.what, attack.source)?;
            }
            if matches!(outcome, Outcome::Wrong { .. }) {
                writeln!(f, "    right would be: {}", attack.answer)?;
            }
        }
        Ok(())
    }
}

/// In words, for the report.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resisted => f.write_str("resisted"),
            Self::GotIn => f.write_str("GOT IN"),
            Self::Wrong { status, error: None } => write!(f, "answered {}", status.as_u16()),
            Self::Wrong { status, error: Some(error) } => write!(f, "answered {} {error:?}", status.as_u16()),
            Self::LockedOut { status } => write!(f, "a good token was answered {}", status.as_u16()),
            Self::Flooded { fetches } => write!(f, "the issuer was asked {fetches} times"),
            Self::Skipped(needs) => write!(f, "skipped, it needs {needs}"),
            Self::Inapplicable => f.write_str("does not apply"),
        }
    }
}

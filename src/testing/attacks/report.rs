use super::attack::{Answer, Attack, Needs};
use crate::keys::Algorithm;
use http::StatusCode;
use std::{fmt, panic::Location};

/// How an attack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered right.
    Resisted,
    /// It was let through.
    GotIn,
    /// It was refused, but with another answer than the right one: a 500, a 403 where 401 is right, a redirect, no challenge.
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
    /// It was not answered right, and need not be: [`except`](super::Resists::except) says why.
    Excepted(&'static str),
    /// The application does not offer this, so nobody knows.
    Skipped(Needs),
    /// There is nothing to attack: the route asks for no scope.
    Inapplicable,
}

/// What came of a whole corpus. Made by [`Resists::report`](super::Resists::report).
#[derive(Debug, Clone)]
#[must_use = "read it, or call `assert_resists(…).await`, which does"]
pub struct Report {
    pub(super) at: &'static Location<'static>,
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

    /// What is wrong with the trial itself: a good token that is refused, a route that is open to everybody, an exception that
    /// nothing needs. Without these it would prove nothing.
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

    /// Whether every attack was tried, but for as many as may be skipped, and answered right, but for the exceptions.
    pub fn is_clean(&self) -> bool {
        let holds = |outcome: &Outcome| {
            use Outcome::{Excepted, Inapplicable, Resisted, Skipped};
            matches!(outcome, Resisted | Excepted(_) | Skipped(_) | Inapplicable)
        };
        self.faults.is_empty()
            && self.skipped().len() <= self.allowed_skips
            && self.outcomes.iter().all(|(_, outcome)| holds(outcome))
    }

    /// Says aloud what was not tried, and panics unless it is clean.
    #[expect(
        clippy::panic,
        clippy::print_stderr,
        reason = "a test wants to hear of it at once, and of the rest aloud"
    )]
    pub(super) fn assert_clean(&self) {
        if !self.is_clean() {
            panic!("{self}");
        }
        if self.outcomes.iter().any(|(_, outcome)| *outcome != Outcome::Resisted) {
            eprint!("{self}");
        }
    }

    fn names(&self, wanted: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
        let found = self.outcomes.iter().filter(|(_, outcome)| wanted(outcome));
        found.map(|(attack, _)| attack.name).collect()
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.names(wanted).len()
    }

    fn write_numbers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |wanted: fn(&Outcome) -> bool| self.count(wanted);
        let algorithms: Vec<_> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        writeln!(
            f,
            "{} of {} attacks were answered right, {} got in, {} did other harm, {} were refused with another answer than \
             the right one, {} are excepted, {} skipped ({} may be), {} do not apply; good tokens pass: {}",
            count(|outcome| *outcome == Outcome::Resisted),
            self.outcomes.len(),
            self.got_in().len(),
            count(|outcome| matches!(outcome, Outcome::LockedOut { .. } | Outcome::Flooded { .. })),
            count(|outcome| matches!(outcome, Outcome::Wrong { .. })),
            count(|outcome| matches!(outcome, Outcome::Excepted(_))),
            self.skipped().len(),
            self.allowed_skips,
            count(|outcome| *outcome == Outcome::Inapplicable),
            algorithms.join(" "),
        )
    }

    /// Those of each class together, under what they have in common.
    fn write_class(
        &self,
        f: &mut fmt::Formatter<'_>,
        class: impl Fn(&Attack, &Outcome) -> Option<String>,
    ) -> fmt::Result {
        let mut classes: Vec<(String, Vec<&str>)> = Vec::new();
        for (attack, outcome) in &self.outcomes {
            let Some(class) = class(attack, outcome) else { continue };
            match classes.iter_mut().find(|(known, _)| *known == class) {
                Some((_, names)) => names.push(attack.name),
                None => classes.push((class, vec![attack.name])),
            }
        }
        classes
            .iter()
            .try_for_each(|(class, names)| writeln!(f, "  {} {class}: {}", names.len(), names.join(" ")))
    }
}

/// A sentence with the numbers; a line for each attack that got in or did harm, by category; then the others by what they
/// have in common.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "assert_resists at {}: ", self.at)?;
        if self.outcomes.is_empty() {
            writeln!(f, "the trial could not begin")?;
        } else {
            self.write_numbers(f)?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        let mut category = None;
        for (attack, outcome) in &self.outcomes {
            if let Outcome::GotIn | Outcome::LockedOut { .. } | Outcome::Flooded { .. } = outcome {
                if category.replace(attack.category) != Some(attack.category) {
                    writeln!(f, "  {}:", attack.category)?;
                }
                writeln!(f, "    {}: {outcome}. {} ({})", attack.name, attack.what, attack.source)?;
            }
        }
        self.write_class(f, |attack, outcome| {
            let wrong = matches!(outcome, Outcome::Wrong { .. });
            wrong.then(|| {
                format!("{outcome}, where {} is right{}", attack.answer, advice(attack.answer, outcome))
            })
        })?;
        self.write_class(f, |_, outcome| {
            matches!(outcome, Outcome::Excepted(_)).then(|| outcome.to_string())
        })?;
        self.write_class(f, |_, outcome| {
            matches!(outcome, Outcome::Skipped(_)).then(|| outcome.to_string())
        })?;
        self.write_class(f, |_, outcome| (*outcome == Outcome::Inapplicable).then(|| outcome.to_string()))
    }
}

/// Most often it is the challenge that is missing, and nothing else.
fn advice(answer: Answer, outcome: &Outcome) -> &'static str {
    match (answer, outcome) {
        (Answer::InvalidToken, Outcome::Wrong { status, error: None }) if status.as_u16() == 401 => {
            " (send `WWW-Authenticate: Bearer error=\"invalid_token\"`)"
        }
        _ => "",
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
            Self::Excepted(why) => write!(f, "excepted, {why}"),
            Self::Skipped(needs) => write!(f, "skipped for want of {needs}"),
            Self::Inapplicable => f.write_str("with nothing to attack"),
        }
    }
}

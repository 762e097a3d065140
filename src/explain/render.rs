//! How an explanation is written down, for the client and for the operator.

use super::{Explanation, StepOutcome};
use crate::{
    challenge::Challenge,
    claims::{ClaimPath, Principal},
    error::AuthError,
    policy::{Explained, Joint, Truth},
};
use serde_json::{Value, json};
use std::fmt::{self, Display, Formatter, Write as _};

/// What a client may read of an explanation. Made by [`Explanation::for_client`].
///
/// `Display` is one line, `allowed` or the status and the challenge of the answer, without realm and metadata, which are
/// the layer's.
#[derive(Debug, Clone, Copy)]
pub struct ForClient<'a> {
    error: Option<&'a AuthError>,
}

impl<'a> ForClient<'a> {
    pub(super) fn new(error: Option<&'a AuthError>) -> Self {
        Self { error }
    }

    /// As JSON: `allowed`, and of a refusal `status` and, where the answer has them, `challenge`, `description`,
    /// `scope` and `acr_values`, lists, and `max_age` in seconds.
    pub fn to_json(&self) -> Value {
        let Some(error) = self.error else { return json!({"allowed": true}) };
        let mut told = json!({"allowed": false, "status": error.status().as_u16()});
        if let Some(challenge) = challenge(error) {
            put(&mut told, "challenge", challenge);
        }
        if let Some(description) = error.description() {
            put(&mut told, "description", description);
        }
        if error.scopes().next().is_some() {
            put(&mut told, "scope", error.scopes().collect::<Value>());
        }
        if error.acr_values().next().is_some() {
            put(&mut told, "acr_values", error.acr_values().collect::<Value>());
        }
        if let Some(seconds) = error.max_age() {
            put(&mut told, "max_age", seconds.as_secs());
        }
        told
    }
}

impl Display for ForClient<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(error) = self.error else { return f.write_str("allowed") };
        write!(f, "{}", error.status().as_u16())?;
        challenge(error).map_or(Ok(()), |challenge| write!(f, " {challenge}"))
    }
}

/// The very text that the answer carries, so that the two cannot come to differ.
fn challenge(error: &AuthError) -> Option<String> {
    let value = Challenge::of(error, None, None)?.to_value();
    value.to_str().ok().map(str::to_owned)
}

/// The operator's renderings with values. Made by [`Explanation::with_values`]; its `Debug` shows none.
#[derive(Debug, Clone, Copy)]
pub struct WithValues<'a> {
    explanation: &'a Explanation,
}

impl<'a> WithValues<'a> {
    pub(super) fn new(explanation: &'a Explanation) -> Self {
        Self { explanation }
    }

    /// As [`Explanation::to_json`], and each term that reads claims has `values`, by the claim's name; what the token
    /// lacks is left out.
    pub fn to_json(&self) -> Value {
        json(self.explanation, self.explanation.principal())
    }
}

impl Display for WithValues<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        text(self.explanation, self.explanation.principal(), f)
    }
}

// The operator's, in lines.

/// `shown` is whose claims' values are shown.
pub(super) fn text(
    explanation: &Explanation,
    shown: Option<&Principal>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    match explanation.error() {
        None => writeln!(f, "allowed")?,
        Some(error) => writeln!(f, "refused: {} {}", error.status().as_u16(), error.reason())?,
    }
    for (step, outcome) in explanation.steps() {
        match outcome {
            StepOutcome::Passed => writeln!(f, "  {:<12} passed", step.id())?,
            StepOutcome::Failed(reason) => writeln!(f, "  {:<12} failed: {reason}", step.id())?,
            StepOutcome::NotReached => writeln!(f, "  {:<12} not reached", step.id())?,
        }
    }
    writeln!(f, "policy: {}", explanation.policy_text())?;
    explanation.policy().map_or(Ok(()), |policy| part(policy, 1, shown, f))?;
    explanation.lacking().iter().try_for_each(|policy| writeln!(f, "lacking: {policy}"))
}

fn part(
    explained: &Explained,
    depth: usize,
    shown: Option<&Principal>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    let what = match explained.joint() {
        Joint::Term | Joint::Rule => explained.text(),
        Joint::All => "all of",
        Joint::Any => "any of",
        Joint::Not => "not",
    };
    write!(f, "{:1$}{2:<7}  {what}", "", depth * 2, truth(explained))?;
    for (at, path) in explained.claims().enumerate() {
        f.write_str(if at == 0 { "  [" } else { ", " })?;
        write!(f, "{}", Shown(&path.to_string()))?;
        if let Some(value) = shown.and_then(|principal| principal.claim_at(path)) {
            write!(f, " = {}", Shown(&value.to_string()))?;
        }
    }
    if explained.claims().next().is_some() {
        f.write_str("]")?;
    }
    if let Some(why) = explained.unknown() {
        write!(f, ": {why}")?;
    }
    f.write_char('\n')?;
    explained.parts().iter().try_for_each(|inner| part(inner, depth + 1, shown, f))
}

fn truth(explained: &Explained) -> &'static str {
    match explained.truth() {
        Truth::Yes => "yes",
        Truth::No => "no",
        Truth::Unknown => "unknown",
    }
}

/// A name or a value that the caller may have chosen: it must not begin a line of its own, nor turn one around.
struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if character.is_control() || turns {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

// The operator's, as JSON.

pub(super) fn json(explanation: &Explanation, shown: Option<&Principal>) -> Value {
    let steps = explanation.steps().map(|(step, outcome)| match outcome {
        StepOutcome::Failed(reason) => {
            json!({"step": step.id(), "outcome": outcome.id(), "reason": reason.id()})
        }
        _ => json!({"step": step.id(), "outcome": outcome.id()}),
    });
    let mut told = json!({
        "allowed": explanation.is_allowed(),
        "steps": steps.collect::<Value>(),
        "policy": explanation.policy().map_or_else(
            || json!({"text": explanation.policy_text()}),
            |policy| json_part(policy, shown),
        ),
    });
    if let Some(error) = explanation.error() {
        put(&mut told, "status", error.status().as_u16());
        put(&mut told, "reason", error.reason().id());
    }
    if !explanation.lacking().is_empty() {
        put(&mut told, "lacking", explanation.lacking().iter().map(ToString::to_string).collect::<Value>());
    }
    told
}

fn json_part(explained: &Explained, shown: Option<&Principal>) -> Value {
    let joint = match explained.joint() {
        Joint::Term => "term",
        Joint::All => "all",
        Joint::Any => "any",
        Joint::Not => "not",
        Joint::Rule => "rule",
    };
    let mut told = json!({"text": explained.text(), "joint": joint, "truth": truth(explained)});
    if let Some(why) = explained.unknown() {
        put(&mut told, "unknown", why.id());
    }
    if explained.claims().next().is_some() {
        put(&mut told, "claims", explained.claims().map(ToString::to_string).collect::<Value>());
        if let Some(principal) = shown {
            let value = |path: &ClaimPath| Some((path.to_string(), principal.claim_at(path)?.clone()));
            put(&mut told, "values", explained.claims().filter_map(value).collect::<Value>());
        }
    }
    if !explained.parts().is_empty() {
        put(
            &mut told,
            "parts",
            explained.parts().iter().map(|part| json_part(part, shown)).collect::<Value>(),
        );
    }
    told
}

/// One more member of an object.
fn put(told: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = told.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

//! Tokens that were seen before. The sound verifier remembers nobody: it writes down what the broken ones would.

use super::{Defect, Judge, Verdict, form::Opened};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tower_bearer::clock::Clock as _;

#[derive(Default)]
pub(super) struct Memory {
    /// Whole tokens that passed, and until when by a clock that may stand still.
    passed: BTreeMap<String, Duration>,
    /// What was signed, signatures, and ids of those.
    signed: BTreeSet<String>,
    signatures: BTreeSet<Vec<u8>>,
    ids: BTreeSet<String>,
    /// Whole tokens that were read.
    read: BTreeSet<String>,
    /// What was signed, and callers by how often, of those that were refused for their signature.
    refused: BTreeSet<String>,
    forged: BTreeMap<String, u32>,
    /// The token that was the first to name an id, whoever signed it.
    named: BTreeMap<String, String>,
    /// Callers who were permitted, and those who were not.
    permitted: BTreeMap<String, bool>,
}

fn caller(claims: &Value) -> String {
    claims["sub"].as_str().unwrap_or_default().to_owned()
}

fn id(claims: &Value) -> Option<String> {
    claims["jti"].as_str().map(str::to_owned)
}

impl Judge {
    /// The claims and the header of a token that passes.
    pub(super) fn verify(&self, token: &str, path: &str) -> Result<(Value, Value), u16> {
        let opened = self.open(token)?;
        self.verdict(token, &opened, path)?;
        Ok((opened.claims, opened.header))
    }

    fn verdict(&self, token: &str, opened: &Opened, path: &str) -> Verdict {
        let checked = self.check(&opened.claims, path);
        if self.is_remembered(token, opened, checked.is_ok()) {
            return Ok(Value::Null);
        }
        if let Err(status) = checked {
            let is_told = self.keys_are_gone() && self.has(Defect::OutageIsToldFirst);
            return Err(if is_told { 503 } else { status });
        }
        if self.is_held_back(token, opened) {
            return Err(super::BAD);
        }
        let signed = self.is_signed(opened);
        if signed.is_err() {
            let memory = &mut self.lock().memory;
            memory.refused.insert(opened.message.clone());
            *memory.forged.entry(caller(&opened.claims)).or_default() += 1;
        }
        signed?;
        self.remember(token, opened);
        Ok(Value::Null)
    }

    fn is_remembered(&self, token: &str, opened: &Opened, claims_hold: bool) -> bool {
        let now = self.issuer.clock().monotonic();
        let mut state = self.lock();
        let memory = &mut state.memory;
        let until = memory.passed.get(token).copied();
        let known = [
            (Defect::TokensForEver, until.is_some() && !claims_hold),
            (Defect::MonotonicMemory, until.is_some_and(|until| now < until) && !claims_hold),
            (Defect::MemoryOutlivesTheKey, until.is_some() && claims_hold),
            (Defect::SignatureNotRemembered, memory.signed.contains(&opened.message) && claims_hold),
            (Defect::SignatureAloneRemembered, memory.signatures.contains(&opened.signature) && claims_hold),
            (
                Defect::IdIsRemembered,
                id(&opened.claims).is_some_and(|id| memory.ids.contains(&id)) && claims_hold,
            ),
            (Defect::RememberedTooEarly, !memory.read.insert(token.to_owned()) && claims_hold),
        ];
        drop(state);
        known.into_iter().any(|(defect, is_known)| is_known && self.has(defect))
    }

    /// For what others have brought, although nobody has looked at its signature.
    fn is_held_back(&self, token: &str, opened: &Opened) -> bool {
        let mut state = self.lock();
        let memory = &mut state.memory;
        let first =
            id(&opened.claims).map(|id| memory.named.entry(id).or_insert_with(|| token.to_owned()).clone());
        let held = [
            (Defect::RefusalsAreRemembered, memory.refused.contains(&opened.message)),
            (Defect::IdsAreBurntTooEarly, first.is_some_and(|first| first != token)),
            (
                Defect::CallersAreLockedOut,
                memory.forged.get(&caller(&opened.claims)).is_some_and(|times| *times > 9),
            ),
        ];
        drop(state);
        held.into_iter().any(|(defect, is_so)| is_so && self.has(defect))
    }

    /// What a caller may do, and what the same one was told before.
    pub(super) fn permits_as_before(&self, claims: &Value, permits: Result<(), u16>) -> Result<(), u16> {
        let before = *self.lock().memory.permitted.entry(caller(claims)).or_insert(permits.is_ok());
        match (before, permits) {
            (true, Err(status)) if !self.has(Defect::CallerIsRemembered) => Err(status),
            (false, Ok(())) if self.has(Defect::RefusedCallerIsRemembered) => Err(403),
            (false, Err(status)) => Err(status),
            _ => Ok(()),
        }
    }

    fn remember(&self, token: &str, opened: &Opened) {
        let left = opened.claims["exp"].as_f64().unwrap_or_default() - self.now() as f64;
        let until = self.issuer.clock().monotonic() + Duration::try_from_secs_f64(left).unwrap_or_default();
        let memory = &mut self.lock().memory;
        memory.passed.insert(token.to_owned(), until);
        memory.signed.insert(opened.message.clone());
        memory.signatures.insert(opened.signature.clone());
        memory.ids.extend(id(&opened.claims));
    }
}

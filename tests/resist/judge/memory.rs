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
        self.is_signed(opened)?;
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

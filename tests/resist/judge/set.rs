//! The issuer's key set: at most ten minutes old, seventy while the issuer fails.

use super::{
    Defect, Judge,
    json::{Twice, parsed},
};
use serde_json::{Value, json};

const FRESH: u64 = 600;
const USABLE: u64 = 4200;
/// Nobody makes us look more often, whatever `kid`s there are.
const PAUSE: u64 = 5;

#[derive(Default)]
pub(super) struct Keys {
    /// What the issuer says when nobody disturbs it.
    at_rest: Option<Vec<Value>>,
    held: Option<Held>,
    /// When we last looked.
    looked: u64,
}

#[derive(Clone)]
struct Held {
    keys: Vec<Value>,
    fetched: u64,
}

impl Keys {
    pub(super) fn as_at_rest(&mut self) {
        if let (Some(held), Some(keys)) = (&mut self.held, &self.at_rest) {
            held.keys.clone_from(keys);
        }
    }
}

fn kid_of<'a>(keys: &'a [Value], kid: &Value) -> Option<&'a Value> {
    keys.iter().find(|key| key["kid"] == *kid)
}

impl Judge {
    /// The keys, new enough for this `kid`.
    pub(super) fn keys(&self, kid: &Value) -> Option<Vec<Value>> {
        let (held, looked) = {
            let state = self.lock();
            (state.keys.held.clone(), state.keys.looked)
        };
        let Some(held) = held else { return self.refreshed(None) };
        let (is_fresh, knows) = (self.now() - held.fetched < FRESH, kid_of(&held.keys, kid).is_some());
        if !is_fresh {
            return self.refreshed(Some(held));
        }
        let serves = knows
            || if self.now() - looked < PAUSE {
                self.pauses()
            } else {
                self.has(Defect::RotationIsNotNoticed)
            };
        if serves { Some(held.keys) } else { self.refreshed(Some(held)) }
    }

    /// Whether we leave it at what we have, a moment after the last look.
    fn pauses(&self) -> bool {
        if self.has(Defect::CooldownStartsAnew) {
            self.lock().keys.looked = self.now();
        }
        !self.has(Defect::EachUnknownKidIsFetched)
    }

    pub(super) fn keys_are_gone(&self) -> bool {
        let now = self.now();
        self.lock().keys.held.as_ref().is_some_and(|held| now - held.fetched >= USABLE)
    }

    /// What the set has at present, for those who look for secrets there.
    pub(super) fn served_keys(&self) -> Vec<Value> {
        self.keys(&Value::Null).unwrap_or_default()
    }

    pub(super) fn first_kid(&self, alg: &str) -> Value {
        let keys = self.served_keys();
        keys.iter().find(|key| key["alg"] == alg).map(|key| key["kid"].clone()).unwrap_or_default()
    }

    fn refreshed(&self, old: Option<Held>) -> Option<Vec<Value>> {
        let now = self.now();
        self.lock().keys.looked = now;
        let Some(new) = self.fetched() else {
            let old = old?;
            let serves = match now - old.fetched < USABLE {
                true => !self.has(Defect::OutageForgetsKeys),
                false => self.has(Defect::OldKeysForEver),
            };
            return serves.then_some(old.keys);
        };
        let keys = self.beside(new, old.map(|old| old.keys).unwrap_or_default());
        let mut state = self.lock();
        state.keys.held = Some(Held { keys: keys.clone(), fetched: now });
        state.keys.at_rest.get_or_insert_with(|| keys.clone());
        Some(keys)
    }

    /// The new keys, and what some keep of the old ones.
    fn beside(&self, mut new: Vec<Value>, old: Vec<Value>) -> Vec<Value> {
        let has_changed = |key: &Value| kid_of(&new, &key["kid"]).is_some_and(|other| other != key);
        let changed: Vec<_> = old.iter().filter(|key| has_changed(key)).cloned().collect();
        let gone: Vec<_> = old.into_iter().filter(|key| kid_of(&new, &key["kid"]).is_none()).collect();
        if !changed.is_empty() && self.has(Defect::KidsAreKept) {
            new.retain(|key| kid_of(&changed, &key["kid"]).is_none());
            new.extend(changed);
        }
        if !gone.is_empty() && self.has(Defect::KeysForEver) {
            new.extend(gone);
        }
        new
    }

    /// Discovery, and the set that it names.
    fn fetched(&self) -> Option<Vec<Value>> {
        let ours = self.issuer.identifier();
        let metadata = self.issuer.document(&format!("{ours}/.well-known/openid-configuration"))?;
        let metadata: Value = serde_json::from_str(&metadata).ok()?;
        let is_right = match metadata.get("issuer") {
            Some(issuer) => issuer == ours || self.has(Defect::MetadataOfAnother),
            None => self.has(Defect::MetadataOfNobody),
        };
        let text = self.issuer.document(metadata["jwks_uri"].as_str().filter(|_| is_right)?)?;
        self.set(&text)
    }

    fn set(&self, text: &str) -> Option<Vec<Value>> {
        let exact = parsed(text.as_bytes(), Twice::Null);
        let lax = parsed(text.as_bytes(), Twice::Last);
        let read = if exact != lax && self.has(Defect::KeysNamesMayRepeat) { lax } else { exact };
        let keys = read.and_then(|set| set.get("keys")?.as_array().cloned());
        let is_empty = keys.as_ref().is_some_and(Vec::is_empty);
        let is_flat = |keys: &Vec<Value>| !keys.iter().any(Value::is_array);
        match keys.filter(is_flat) {
            None => self.has(Defect::UnreadableSetIsTaken).then(Vec::new),
            Some(_) if is_empty => self.has(Defect::EmptySetIsTaken).then(Vec::new),
            Some(keys) => {
                let known = [json!("RSA"), json!("EC"), json!("OKP"), json!("oct")];
                let is_odd = keys.iter().any(|key| !known.contains(&key["kty"]));
                if is_odd && self.has(Defect::OneBadKeySpoilsTheSet) { None } else { Some(keys) }
            }
        }
    }
}

//! Rights as the standard mapping reads them, written into claims.

use serde_json::{Map, Value};

/// Adds to the claim `scope` (RFC 6749 section 3.3).
pub(super) fn grant(claims: &mut Map<String, Value>, scope: &str) {
    let had = claims.get("scope").and_then(Value::as_str).map(|had| format!("{had} "));
    claims.insert("scope".into(), (had.unwrap_or_default() + scope).into());
}

/// Adds to a claim that is a list.
pub(super) fn push(claims: &mut Map<String, Value>, name: &str, item: &str) {
    let items = claims.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(items) = items {
        items.push(item.into());
    }
}

//! What one issuer's settings ask of its tokens, beside the rules that hold for all.

use crate::{error::Reason, issuer::Expects};
use serde_json::{Map, Value};

/// `iss` and `client` as the rules have read them.
pub(super) fn check(
    expects: &Expects,
    claims: &Map<String, Value>,
    iss: &str,
    client: Option<&str>,
) -> Result<(), Reason> {
    if let Some(tenants) = expects.tenants {
        // Who keys rows by `tid` and trusts by `iss` must not be told two tenants.
        let tid = claims.get("tid").and_then(Value::as_str);
        if tid.is_none() || tid != tenants.tenant_of(iss) {
            return Err(Reason::TenantMismatch);
        }
    }
    for expected in &expects.claims {
        let value = expected.path.find(claims).filter(|value| says_something(value));
        let value = value.ok_or(Reason::RequiredClaimMissing)?;
        if expected.values.as_ref().is_some_and(|values| !names_one(value, values)) {
            return Err(Reason::RequiredClaimMismatch);
        }
    }
    match &expects.clients {
        Some(clients) if !clients.iter().any(|allowed| client == Some(&**allowed)) => {
            Err(Reason::ClientNotAllowed)
        }
        _ => Ok(()),
    }
}

fn says_something(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// A string that is one of the values, or an array of strings that has one.
fn names_one(value: &Value, values: &[Box<str>]) -> bool {
    let is_one = |text: &str| values.iter().any(|value| **value == *text);
    match value {
        Value::String(text) => is_one(text),
        Value::Array(items) => {
            items.iter().all(Value::is_string) && items.iter().filter_map(Value::as_str).any(is_one)
        }
        _ => false,
    }
}

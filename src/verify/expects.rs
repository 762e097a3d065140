//! What one issuer's settings ask of its tokens, beside the rules that hold for all.

use crate::{
    error::Reason,
    issuer::Expects,
    json::{Document, Item},
};

/// `iss` and `client` as the rules have read them.
pub(super) fn check(
    expects: &Expects,
    claims: &Document,
    iss: &str,
    client: Option<&str>,
) -> Result<(), Reason> {
    if let Some(tenants) = expects.tenants {
        // Who keys rows by `tid` and trusts by `iss` must not be told two tenants.
        let tid = claims.text_of("tid");
        if tid.is_none() || tid != tenants.tenant_of(iss) {
            return Err(Reason::TenantMismatch);
        }
    }
    for expected in &expects.claims {
        let value = expected.path.find(claims).filter(|value| says_something(*value));
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

fn says_something(value: Item<'_>) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// A string that is one of the values, or an array of strings that has one.
fn names_one(value: Item<'_>, values: &[Box<str>]) -> bool {
    let is_one = |text: &str| values.iter().any(|value| **value == *text);
    if let Some(text) = value.as_str() {
        return is_one(text);
    }
    let Some(items) = value.items() else { return false };
    items.clone().all(|item| item.as_str().is_some()) && items.filter_map(Item::as_str).any(is_one)
}

//! `scopes_supported`.

use crate::policy::Policy;
use serde_json::{Map, Value, json};
use std::{borrow::Borrow, collections::BTreeSet};

/// Sorted, once each.
pub(super) fn of(policies: impl IntoIterator<Item = impl Borrow<Policy>>) -> BTreeSet<String> {
    let mut scopes = BTreeSet::new();
    for policy in policies {
        scopes.extend(policy.borrow().scopes().into_iter().map(str::to_owned));
    }
    scopes
}

/// What is empty is left out (RFC 9728 section 3.2).
pub(super) fn list(members: &mut Map<String, Value>, scopes: &BTreeSet<String>) {
    members.remove("scopes_supported");
    if !scopes.is_empty() {
        members.insert("scopes_supported".to_owned(), json!(scopes));
    }
}

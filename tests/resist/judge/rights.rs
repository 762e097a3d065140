//! What the token permits.

use super::{Defect, Judge};
use serde_json::Value;

const SCOPE: &str = "orders:read";

impl Judge {
    pub(super) fn permits(&self, claims: &Value, header: &Value) -> Result<(), u16> {
        let scope = claims["scope"].as_str();
        let is_there = |text: &str| text.split(' ').any(|scope| scope == SCOPE);
        let passes = scope.is_some_and(is_there) || self.permits_otherwise(claims, header);
        if passes { Ok(()) } else { Err(403) }
    }

    fn permits_otherwise(&self, claims: &Value, header: &Value) -> bool {
        let scope = claims["scope"].as_str();
        let any = |test: fn(&str) -> bool| scope.is_some_and(|scope| scope.split(' ').any(test));
        let has_key = |value: &Value| value.as_object().is_some_and(|object| object.contains_key(SCOPE));
        let within = |value: &Value| value["scope"] == SCOPE;
        let split = |by: fn(char) -> bool| scope.is_some_and(|scope| scope.split(by).any(|one| one == SCOPE));
        let list = claims["scope"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let is_joined = list.flat_map(|scopes| scopes.split(' ')).any(|scope| scope == SCOPE);
        let readings = [
            (Defect::ScopeListsAreJoined, is_joined),
            (Defect::NoScopes, scope.is_some()),
            (Defect::ScopesMayBeAbsent, claims.get("scope").is_none()),
            (Defect::ScopesSplitAtWhiteSpace, split(char::is_whitespace)),
            (Defect::ScopesSplitAtCommas, split(|c| c == ',')),
            (Defect::ScopeWithinAnother, scope.is_some_and(|scope| scope.contains(SCOPE))),
            (Defect::ScopeByItsBeginning, any(|scope| scope.len() > 6 && SCOPE.starts_with(scope))),
            (Defect::ScopeInAnyCase, any(|scope| scope.eq_ignore_ascii_case(SCOPE))),
            (Defect::ScopeMayBeAStar, any(|scope| scope == "*")),
            (Defect::ScopeOfAnObject, has_key(&claims["scope"])),
            (Defect::ScopeFromTheHeader, within(header)),
            (
                Defect::ScopeOfAnotherParty,
                claims.as_object().is_some_and(|claims| claims.values().any(within)),
            ),
        ];
        readings.into_iter().any(|(defect, permits)| permits && self.has(defect))
    }
}

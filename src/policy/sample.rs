//! Callers for tests, from the claims that the verifier would have found good.

use crate::claims::{AuthorityMapping, ClaimMap, Principal, Registered};
use serde_json::Value;
use std::time::Duration;

pub(super) const ISSUER: &str = "https://id.example.com";

pub(super) fn principal(claims: Value) -> Principal {
    let Value::Object(claims) = claims else { panic!("claims are an object") };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let registered = Registered {
        issuer: text("iss").unwrap_or(ISSUER).into(),
        subject: text("sub").map(Into::into),
        audiences: Vec::new(),
        client: text("client_id").map(Into::into),
        token_id: None,
        expires_at: Duration::from_secs(2_000_000_000),
        issued_at: None,
    };
    let authorities = AuthorityMapping::standard().read(&claims);
    Principal::new(registered, authorities, ClaimMap::new(claims))
}

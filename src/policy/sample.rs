//! Callers for tests, from the claims that the verifier would have found good.

use crate::{
    claims::{AuthorityMapping, ClaimMap, Principal, Registered},
    json::Document,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

pub(super) const ISSUER: &str = "https://id.example.com";

pub(super) fn principal(claims: Value) -> Principal {
    let claims = Document::of(&claims);
    let registered = Registered {
        issuer: claims.text_of("iss").unwrap_or(ISSUER).into(),
        expires_at: Duration::from_secs(2_000_000_000),
        issued_at: None,
    };
    let authorities = Arc::new(AuthorityMapping::standard()).read(&claims);
    Principal::new(registered, authorities, ClaimMap::new(claims))
}

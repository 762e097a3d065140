//! Callers for tests, from the claims that the verifier would have found good.

use crate::{
    claims::{AuthorityMapping, Principal, Registered, Watch},
    clock::Clock,
    json::Document,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

pub(super) const ISSUER: &str = "https://id.example.com";

/// When it is, and how far clocks may differ.
pub(super) const NOW: Duration = Duration::from_secs(1_800_000_000);
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn wall(&self) -> Duration {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(super) fn principal(claims: Value) -> Principal {
    let claims = Document::of(&claims);
    let registered = Registered {
        issuer: claims.text_of("iss").unwrap_or(ISSUER).into(),
        expires_at: Duration::from_secs(2_000_000_000),
        issued_at: None,
        watch: Arc::new(Watch::new(Arc::new(Still), LEEWAY)),
    };
    let authorities = Arc::new(AuthorityMapping::standard()).read(&claims);
    Principal::new(registered, authorities, claims)
}

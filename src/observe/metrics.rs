//! The counters and gauges of the table in [`super`].
//!
//! What a good request counts is all literals: the facade makes a static key of them, so nothing is allocated. Handles
//! are not kept, for they would stay bound to the recorder that was there first, or to none.

use super::Layer;
use crate::error::AuthError;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use std::time::Duration;

const DECISIONS: &str = "tower_bearer_decisions_total";
const REPORTS: &str = "tower_bearer_report_only_total";
const REFRESHES: &str = "tower_bearer_key_refreshes_total";
const AGE: &str = "tower_bearer_key_set_age_seconds";
const KEYS: &str = "tower_bearer_key_set_keys";
const STATE: &str = "tower_bearer_key_set_state";

const LOOKUPS: &str = "tower_bearer_memory_lookups_total";
const TOKENS: &str = "tower_bearer_memory_tokens";
const BYTES: &str = "tower_bearer_memory_bytes";

const STATES: [&str; 5] = ["fixed", "never_loaded", "fresh", "stale", "expired"];

/// Units and sentences, for a recorder that is there already.
pub(crate) fn describe() {
    describe_counter!(DECISIONS, Unit::Count, "Decisions on requests, by layer, outcome and reason");
    describe_counter!(
        REPORTS,
        Unit::Count,
        "What policies that report only would have decided, by outcome and reason"
    );
    describe_counter!(REFRESHES, Unit::Count, "Fetches of keys that ended, by issuer and result");
    describe_counter!(
        LOOKUPS,
        Unit::Count,
        "Tokens looked for among the remembered, by whether they were found"
    );
    describe_gauge!(TOKENS, Unit::Count, "Tokens remembered");
    describe_gauge!(BYTES, Unit::Bytes, "What the remembered tokens weigh");
    describe_gauge!(AGE, Unit::Seconds, "Time since the issuer's keys were fetched");
    describe_gauge!(KEYS, Unit::Count, "Keys in the issuer's set, those that were skipped left out");
    describe_gauge!(STATE, "1 for the state that the issuer's keys are in, 0 for the others");
}

/// A token has verified.
pub(crate) fn admitted() {
    counter!(
        target: "tower_bearer",
        "tower_bearer_decisions_total",
        "layer" => "authenticate",
        "outcome" => "allowed",
        "reason" => "none"
    )
    .increment(1);
}

/// A policy is met.
pub(crate) fn permitted() {
    counter!(
        target: "tower_bearer",
        "tower_bearer_decisions_total",
        "layer" => "authorize",
        "outcome" => "allowed",
        "reason" => "none"
    )
    .increment(1);
}

/// A request without a token passes a layer that does not require one.
pub(crate) fn anonymous() {
    counter!(
        target: "tower_bearer",
        "tower_bearer_decisions_total",
        "layer" => "authenticate",
        "outcome" => "anonymous",
        "reason" => "none"
    )
    .increment(1);
}

pub(super) fn refused(layer: Layer, error: &AuthError) {
    let (layer, reason) = (layer_id(layer), error.reason().id());
    counter!(
        target: "tower_bearer",
        DECISIONS,
        "layer" => layer,
        "outcome" => "refused",
        "reason" => reason
    )
    .increment(1);
}

/// A policy that reports only would have let the request through as well.
pub(crate) fn would_permit() {
    counter!(
        target: "tower_bearer",
        "tower_bearer_report_only_total",
        "outcome" => "allowed",
        "reason" => "none"
    )
    .increment(1);
}

/// A policy that reports only would have refused a request that was let through.
pub(super) fn would_deny(error: &AuthError) {
    let reason = error.reason().id();
    counter!(target: "tower_bearer", REPORTS, "outcome" => "refused", "reason" => reason).increment(1);
}

#[cfg(feature = "remote")]
pub(super) fn refreshed(issuer: &str, refresh: &super::Refresh) {
    let result = match refresh {
        super::Refresh { rotated: true, .. } => "rotated",
        super::Refresh { sent: false, .. } => "not_modified",
        _ => "ok",
    };
    count_refresh(issuer, result);
}

#[cfg(feature = "remote")]
pub(super) fn refresh_failed(issuer: &str, class: &'static str) {
    count_refresh(issuer, class);
}

#[cfg(feature = "remote")]
fn count_refresh(issuer: &str, result: &'static str) {
    counter!(target: "tower_bearer", REFRESHES, "issuer" => issuer.to_owned(), "result" => result)
        .increment(1);
}

/// A token was looked for among the remembered.
pub(crate) fn looked_up(hit: bool) {
    if hit {
        counter!(target: "tower_bearer", "tower_bearer_memory_lookups_total", "hit" => "true").increment(1);
    } else {
        counter!(target: "tower_bearer", "tower_bearer_memory_lookups_total", "hit" => "false").increment(1);
    }
}

/// How much is remembered now.
pub(crate) fn memory(tokens: u64, bytes: u64) {
    gauge!(target: "tower_bearer", TOKENS).set(tokens as f64);
    gauge!(target: "tower_bearer", BYTES).set(bytes as f64);
}

/// How an issuer's keys are now.
pub(crate) fn key_set(issuer: &str, now: &'static str, age: Option<Duration>, keys: usize) {
    set_key_set(issuer, Some(now), age, keys);
}

/// The issuer is trusted no more. A series cannot be taken back, so it goes to 0: no alert may hang on to it.
pub(crate) fn key_set_gone(issuer: &str) {
    set_key_set(issuer, None, Some(Duration::ZERO), 0);
}

fn set_key_set(issuer: &str, now: Option<&str>, age: Option<Duration>, keys: usize) {
    if let Some(age) = age {
        gauge!(target: "tower_bearer", AGE, "issuer" => issuer.to_owned()).set(age.as_secs_f64());
    }
    gauge!(target: "tower_bearer", KEYS, "issuer" => issuer.to_owned()).set(keys as f64);
    for state in STATES {
        let value = if now == Some(state) { 1.0 } else { 0.0 };
        gauge!(target: "tower_bearer", STATE, "issuer" => issuer.to_owned(), "state" => state).set(value);
    }
}

fn layer_id(layer: Layer) -> &'static str {
    match layer {
        Layer::Authenticate => "authenticate",
        Layer::Authorize => "authorize",
        Layer::Handler => "handler",
    }
}

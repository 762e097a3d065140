//! What a good signature vouches for: the right issuer signs it, and it is not for us, not now, or not an access token.

use super::{
    attack::{Attack, Category::Claims},
    forge::Forge,
};
use serde_json::{Value, json};

fn without(forge: &Forge, name: &str) -> String {
    forge.good().without(name).sign()
}

fn with(forge: &Forge, name: &str, value: impl Into<Value>) -> String {
    forge.good().claim(name, value).sign()
}

/// One claim as raw JSON, for numbers that no value holds.
fn raw(forge: &Forge, name: &str, json: &str) -> String {
    forge.saying(forge.payload_where(name, json))
}

pub(super) const ATTACKS: &[Attack] = &[
    Claims.token("iss_missing", "RFC 9068 4; field", "Names no issuer.", |f| without(f, "iss")),
    Claims.token(
        "iss_of_a_stranger",
        "RFC 8725 3.8",
        "Names another issuer, above a signature of ours.",
        |f| with(f, "iss", "https://stranger.test"),
    ),
    Claims.token("iss_null", "RFC 7519 4.1.1", "Has `null` for its issuer.", |f| with(f, "iss", Value::Null)),
    Claims.token(
        "iss_list",
        "CVE-2025-30144; RFC 7519 4.1.1",
        "Names several issuers in an array, ours among them.",
        |f| with(f, "iss", json!(["https://stranger.test", f.iss()])),
    ),
    Claims.token(
        "iss_prefix",
        "CVE-2024-53861",
        "Names the beginning of our issuer, for a reader that looks whether one text is in the other.",
        |f| with(f, "iss", f.iss().get(..f.iss().len().saturating_sub(1)).unwrap_or_default()),
    ),
    Claims.token("iss_longer", "RFC 8725 3.8; field", "Names an issuer that begins as ours does.", |f| {
        with(f, "iss", format!("{}.stranger.test", f.iss()))
    }),
    Claims.token(
        "iss_around_ours",
        "RFC 8725 3.8; field",
        "Names a stranger's address with ours in its query.",
        |f| with(f, "iss", format!("https://stranger.test/?{}", f.iss())),
    ),
    Claims.token(
        "iss_with_slash",
        "RFC 8725 3.8; field",
        "Names our issuer with one more slash, which is another one.",
        |f| with(f, "iss", format!("{}/", f.iss())),
    ),
    Claims.token(
        "iss_in_another_case",
        "RFC 7519 4.1.1; RFC 7519 2",
        "Names our issuer in capitals, which is another one.",
        |f| with(f, "iss", f.iss().to_ascii_uppercase()),
    ),
    Claims.token(
        "iss_with_port",
        "RFC 7519 4.1.1; field",
        "Names our issuer with a port, for a reader that compares addresses and not texts.",
        |f| with(f, "iss", format!("{}:443", f.iss().trim_end_matches('/'))),
    ),
    Claims.token(
        "iss_with_spaces",
        "RFC 7519 4.1.1; field",
        "Names our issuer with spaces around it.",
        |f| with(f, "iss", format!(" {} ", f.iss())),
    ),
    Claims.token(
        "iss_with_a_zero",
        "RFC 7519 4.1.1; field",
        "Names our issuer and, behind a zero byte, more: C reads as far as that.",
        |f| with(f, "iss", format!("{}\0.stranger.test", f.iss())),
    ),
    Claims.token("aud_missing", "RFC 8725 3.9; RFC 9068 4", "Is for nobody in particular.", |f| {
        without(f, "aud")
    }),
    Claims.token("aud_of_another", "RFC 8725 3.9", "Is for another service.", |f| {
        with(f, "aud", "https://other-api.test")
    }),
    Claims
        .token("aud_null", "RFC 7519 4.1.3", "Has `null` for its audience.", |f| with(f, "aud", Value::Null)),
    Claims.token("aud_empty_list", "RFC 7519 4.1.3; field", "Has an empty list of audiences.", |f| {
        with(f, "aud", json!([]))
    }),
    Claims.token("aud_prefix", "RFC 8725 3.9; field", "Is for a service whose name begins ours.", |f| {
        let aud = f.aud();
        with(f, "aud", aud.get(..aud.len().saturating_sub(1)).unwrap_or_default())
    }),
    Claims.token(
        "aud_longer",
        "RFC 8725 3.9; field",
        "Is for a service whose name begins as ours does.",
        |f| with(f, "aud", format!("{}.stranger.test", f.aud())),
    ),
    Claims.token(
        "aud_in_another_case",
        "RFC 7519 4.1.3; RFC 7519 2",
        "Is for our name in capitals, which is another one.",
        |f| with(f, "aud", f.aud().to_ascii_uppercase()),
    ),
    Claims.token(
        "aud_several_in_one_text",
        "RFC 7519 4.1.3; field",
        "Is for several names, ours among them, in one text with spaces, as scopes are.",
        |f| with(f, "aud", format!("https://other-api.test {}", f.aud())),
    ),
    Claims.token("aud_wildcard", "RFC 8725 3.9; field", "Is for `*`.", |f| with(f, "aud", "*")),
    Claims.token(
        "aud_object",
        "RFC 7519 4.1.3; field",
        "Has an object for its audience, with our name for a key.",
        |f| with(f, "aud", json!({ f.aud(): true })),
    ),
    Claims.token(
        "aud_mixed_list",
        "RFC 7519 4.1.3",
        "Has a number in its list of audiences, beside our name.",
        |f| with(f, "aud", json!([f.aud(), 1])),
    ),
    Claims.token(
        "aud_nested_list",
        "RFC 7519 4.1.3; field",
        "Has our name in a list within the list.",
        |f| with(f, "aud", json!([[f.aud()]])),
    ),
    Claims.token("aud_in_azp_only", "RFC 8725 3.9; field", "Names us as its client, and no audience.", |f| {
        f.good().without("aud").claim("azp", f.aud()).claim("client_id", f.aud()).sign()
    }),
    Claims.token("exp_missing", "RFC 9068 4; field", "Never expires.", |f| without(f, "exp")),
    Claims.token("exp_past", "RFC 7519 4.1.4", "Expired an hour ago.", |f| f.good().expired().sign()),
    Claims.token(
        "exp_just_past",
        "RFC 7519 4.1.4",
        "Expired six minutes ago, more than any leeway should be.",
        |f| with(f, "exp", f.now().saturating_sub(360)),
    ),
    Claims.token(
        "exp_past_a_day",
        "RFC 7519 4.1.4; field",
        "Expired 25 hours ago, for a clock that reads another time zone.",
        |f| with(f, "exp", f.now().saturating_sub(25 * 3600)),
    ),
    Claims.token(
        "exp_zero",
        "RFC 7519 4.1.4; field",
        "Expired in 1970, for a language in which 0 is no value.",
        |f| with(f, "exp", 0),
    ),
    Claims.token(
        "exp_negative",
        "RFC 7519 4.1.4; field",
        "Expired before 1970, for numbers without a sign.",
        |f| with(f, "exp", -1),
    ),
    Claims.token(
        "exp_text",
        "CVE-2026-25537; RFC 7519 4.1.4",
        "Has a text of digits for its expiry, long past: a reader that finds no number skips the check.",
        |f| with(f, "exp", "1000000000"),
    ),
    Claims.token("exp_date_text", "RFC 7519 4.1.4; field", "Has a date in words for its expiry.", |f| {
        with(f, "exp", "2099-01-01T00:00:00Z")
    }),
    Claims.token("exp_null", "RFC 7519 4.1.4; field", "Has `null` for its expiry.", |f| {
        with(f, "exp", Value::Null)
    }),
    Claims.token("exp_true", "RFC 7519 4.1.4; field", "Has `true` for its expiry.", |f| with(f, "exp", true)),
    Claims.token("exp_list", "RFC 7519 4.1.4; field", "Has its expiry in an array.", |f| {
        with(f, "exp", json!([f.now() + 300]))
    }),
    Claims.token(
        "exp_object",
        "RFC 7519 4.1.4; field",
        "Has its expiry in an object, as a document store writes dates.",
        |f| with(f, "exp", json!({"$date": f.now() + 300})),
    ),
    Claims.token("exp_huge", "RFC 7519 2; field", "Expires at 1e300, which overflows a date.", |f| {
        raw(f, "exp", "1e300")
    }),
    Claims.token(
        "exp_beyond_numbers",
        "RFC 8259 6; field",
        "Expires at 1e999, which some read as infinity.",
        |f| raw(f, "exp", "1e999"),
    ),
    Claims.token(
        "exp_with_a_fraction",
        "RFC 7519 2; field",
        "Expired an hour ago and half a second, for a reader that finds no whole number and skips the check.",
        |f| raw(f, "exp", &format!("{}.5", f.now() - 3600)),
    ),
    Claims.token(
        "exp_wraps_around",
        "RFC 7519 2; field",
        "Expires at 2^64 - 1, which is -1 with a sign.",
        |f| raw(f, "exp", "18446744073709551615"),
    ),
    Claims.token("nbf_future", "RFC 7519 4.1.5", "Is good in an hour.", |f| with(f, "nbf", f.now() + 3600)),
    Claims.token(
        "nbf_text",
        "CVE-2026-25537; RFC 7519 4.1.5",
        "Has a text for the time from which it is good.",
        |f| with(f, "nbf", "9999999999"),
    ),
    Claims.token(
        "nbf_null",
        "RFC 7519 4.1.5; field",
        "Has `null` for the time from which it is good.",
        |f| with(f, "nbf", Value::Null),
    ),
    Claims.token(
        "nbf_with_a_fraction",
        "RFC 7519 2; field",
        "Is good in an hour and half a second, for a reader that knows whole numbers alone.",
        |f| raw(f, "nbf", &format!("{}.5", f.now() + 3600)),
    ),
    Claims.token(
        "nbf_wraps_around",
        "RFC 7519 2; field",
        "Is good from 2^64 - 1 on, which is -1 with a sign.",
        |f| raw(f, "nbf", "18446744073709551615"),
    ),
    Claims.token("iat_future", "RFC 7519 4.1.6; field", "Was issued in an hour.", |f| {
        with(f, "iat", f.now() + 3600)
    }),
    Claims.token("iat_text", "RFC 7519 4.1.6", "Has a text for the time it was issued at.", |f| {
        with(f, "iat", "yesterday")
    }),
    Claims.token(
        "sub_not_a_text",
        "RFC 7519 4.1.2",
        "Has a number for its subject, which is another user in another language.",
        |f| with(f, "sub", 0),
    ),
    Claims.token(
        "bound_by_dpop",
        "RFC 9449 6; RFC 7800 3.1",
        "Is bound to a key (`jkt`), and brings no proof of it: somebody stole it.",
        |f| with(f, "cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
    ),
    Claims.token(
        "bound_by_mtls",
        "RFC 8705 3; RFC 7800 3.1",
        "Is bound to a client certificate (`x5t#S256`), and comes without it.",
        |f| with(f, "cnf", json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
    ),
    Claims.token(
        "bound_to_null",
        "RFC 7800 3.1; field",
        "Is bound to `null`, for a reader that takes that for unbound.",
        |f| with(f, "cnf", Value::Null),
    ),
    Claims.token(
        "id_token",
        "RFC 8725 2.8; RFC 9068 5",
        "Is an ID token, by the `at_hash` that goes with an access token.",
        |f| with(f, "at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng"),
    ),
    Claims.token(
        "id_token_of_a_code",
        "RFC 8725 2.8",
        "Is an ID token, by the `c_hash` that goes with a code.",
        |f| with(f, "c_hash", "LDktKdoQak3Pk0cnXxCltA"),
    ),
    Claims.token("logout_token", "RFC 8725 2.8", "Is a logout token, by its `events`.", |f| {
        with(f, "events", json!({"http://schemas.openid.net/event/backchannel-logout": {}}))
    }),
    Claims.token(
        "id_token_of_keycloak",
        "RFC 8725 2.8; field",
        "Is an ID token by Keycloak's claim `typ`.",
        |f| with(f, "typ", "ID"),
    ),
    Claims.token(
        "refresh_token",
        "RFC 8725 2.8; field",
        "Is a refresh token by Keycloak's claim `typ`.",
        |f| with(f, "typ", "Refresh"),
    ),
    Claims.token(
        "offline_token",
        "RFC 8725 2.8; field",
        "Is an offline token by Keycloak's claim `typ`.",
        |f| with(f, "typ", "Offline"),
    ),
    Claims.token(
        "id_token_of_cognito",
        "RFC 8725 2.8; field",
        "Is an ID token by Cognito's claim `token_use`.",
        |f| with(f, "token_use", "id"),
    ),
];

//! What the fuzz targets call, here so that they reach the inside and the gate replays them on a stable compiler.
//!
//! Each takes any bytes, must not panic, and asserts what has to hold of whatever was let through.

#[cfg(all(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod backends;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod memory;
mod texts;

#[cfg(all(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub use backends::backends;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub use memory::memory;
#[cfg(feature = "axum")]
pub use texts::policies;
pub use texts::{discovery, settings};

use crate::{
    claims::{AuthorityMapping, Principal},
    issuer::{Expects, IssuerKeys, TrustedIssuer},
    json::{self, Item},
    keys::{Algorithm, KeptKeys, KeySet},
    policy::{Policy, max_age},
    token::{BearerToken, TokenSources},
    verify::{JoseHeader, Rules, read_claims, signature},
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, header::COOKIE};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

const ISSUER: &str = "https://issuer.test";
const NOW: Duration = Duration::from_secs(1_767_225_600);

/// An `Authorization` value, and the same bytes as a cookie.
pub fn token(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut sources = TokenSources::default();
    sources.add_cookie("session");
    for name in [AUTHORIZATION, COOKIE] {
        let mut headers = HeaderMap::new();
        headers.insert(name.clone(), value.clone());
        if let Some(token) = found(&sources, &mut headers) {
            check_token(&token);
        }
        assert!(headers.get(&name).is_some_and(HeaderValue::is_sensitive));
        sources.strip(&mut headers);
        assert!(found(&sources, &mut headers).is_none(), "stripped credentials are gone");
    }
}

fn found(sources: &TokenSources, headers: &mut HeaderMap) -> Option<BearerToken> {
    sources.take(headers).ok().flatten()?.check().ok()
}

fn check_token(token: &BearerToken) {
    let text = token.as_str();
    assert!(!text.is_empty() && text.is_ascii() && !text.contains([' ', ',', ';', '"']));
    assert!(BearerToken::parse(text).is_ok(), "what came from a header is a token by itself");
    if let Ok(compact) = token.compact() {
        assert_eq!(format!("{}.{}", compact.signed, compact.signature), text);
        assert_eq!(format!("{}.{}", compact.header, compact.payload), compact.signed);
    }
}

/// A JOSE header, encoded as it is and as base64url.
pub fn header(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = JoseHeader::read(text);
    }
    let Ok(header) = JoseHeader::read(&json::encode_base64url(data)) else { return };
    let plain: Option<Value> = serde_json::from_slice(data).ok();
    let plain = plain.as_ref().and_then(Value::as_object);
    assert!(plain.is_some_and(|members| members.get("alg").and_then(Value::as_str) == Some(header.alg())));
    let refused = ["crit", "b64", "enc", "zip"];
    assert!(plain.is_some_and(|members| refused.iter().all(|name| !members.contains_key(*name))));
}

/// A key set, and the same bytes as one key, as PEM, and as discovery metadata.
pub fn key_set(data: &[u8]) {
    let _ = crate::keys::discovery::locate_in(data, ISSUER);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = crate::keys::Key::from_jwk(text);
        let _ = KeySet::from_pem(text);
    }
    let Ok(keys) = KeySet::from_json(data) else { return };
    for key in keys.keys() {
        assert!(!key.is_symmetric(), "a set holds no secret");
        assert!(key.algorithms().next().is_some(), "a key that fits nothing is no key");
        let _ = key.thumbprint();
        for algorithm in key.algorithms() {
            assert!(Algorithm::ASYMMETRIC.contains(&algorithm));
            assert!(!signature::verify(key, algorithm, b"message", &[0; 64]), "nothing signs with zeros");
            assert!(!signature::verify(key, algorithm, b"message", b""));
            let _ = keys.select(key.kid(), algorithm);
            let _ = keys.select(None, algorithm);
        }
    }
}

/// A kept key set.
pub fn kept_keys(data: &[u8]) {
    let Ok(kept) = KeptKeys::from_json(ISSUER, data) else { return };
    assert_eq!(kept.issuer, ISSUER);
    let again = kept.to_json().and_then(|json| KeptKeys::from_json(ISSUER, &json));
    assert_eq!(again.as_ref(), Ok(&kept), "what was read is written the same");
    let _ = (KeySet::from_json(&kept.document), format!("{kept:?}"));
}

/// A payload behind a good signature.
pub fn claims(data: &[u8]) {
    let (leeway, watch) = (Duration::from_secs(60), Arc::default());
    let rules = Rules { audiences: vec!["api".into()], leeway, strict: false, watch };
    let issuer = TrustedIssuer {
        identifiers: vec![Arc::from(ISSUER)],
        algorithms: Algorithm::ASYMMETRIC.to_vec(),
        mapping: Arc::new(AuthorityMapping::standard()),
        typs: Vec::new(),
        expects: Expects::default(),
        keys: IssuerKeys::Fixed(Arc::new(KeySet::default())),
    };
    let Ok(claims) = read_claims(data.to_vec()) else { return };
    let Ok((registered, _)) = rules.check(&claims, &issuer, NOW) else { return };
    assert_eq!(claims.text_of("iss"), Some(ISSUER));
    let exp = claims.get("exp").and_then(Item::as_f64);
    assert!(exp.is_some_and(|exp| exp > NOW.as_secs_f64() - 60.0));
    assert!(!claims.contains("cnf") && !claims.contains("at_hash"));
    let authorities = issuer.mapping.read(&claims);
    let principal = Principal::new(registered, authorities, claims);
    assert!(principal.audiences().any(|audience| audience == "api"));
    assert_eq!(
        serde_json::from_slice(data).ok(),
        Some(Value::Object((**principal.claims()).clone())),
        "read as serde_json does"
    );
    for scope in principal.scopes() {
        assert!(principal.has_scope(scope));
    }
    let _ = (principal.expires_at(), principal.issued_at(), principal.authenticated_at());
    let _ = (principal.require(max_age(Duration::from_secs(300))).is_ok(), format!("{principal:?}"));
}

/// A policy's text.
pub fn policy_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(policy) = text.parse::<Policy>() else { return };
    let printed = policy.to_string();
    assert_eq!(printed.parse::<Policy>().as_ref(), Ok(&policy), "the text form reads back");
    let _ = (policy.decide(None).is_allow(), policy.scopes(), policy.unbound());
}

//! The honest answer, what is made of it, and what is none.

use crate::{
    planted,
    server::{Ask, Reply, Then},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{io::Write as _, sync::LazyLock};
use tower_bearer::testing::TestIssuer;

pub(super) fn honest(ask: &Ask<'_>) -> Reply {
    ok(&body(ask))
}

pub(super) fn is_metadata(ask: &Ask<'_>) -> bool {
    ask.path.starts_with("/.well-known/")
}

pub(super) fn body(ask: &Ask<'_>) -> String {
    let id = ask.issuer.identifier();
    if is_metadata(ask) { about(id, &format!("{id}/jwks")) } else { ask.issuer.jwks().to_string() }
}

pub(super) fn about(issuer: impl Into<Value>, jwks_uri: &str) -> String {
    json!({"issuer": issuer.into(), "jwks_uri": jwks_uri}).to_string()
}

pub(super) fn named(ask: &Ask<'_>, issuer: impl Into<Value>) -> Reply {
    let jwks_uri = format!("{}/jwks", ask.issuer.identifier());
    // Nor is there a set at the address of old.
    if is_metadata(ask) { ok(&about(issuer, &jwks_uri)) } else { ok("") }
}

pub(super) fn placed(ask: &Ask<'_>, jwks_uri: &str) -> Reply {
    if is_metadata(ask) { ok(&about(ask.issuer.identifier(), jwks_uri)) } else { ok("") }
}

pub(super) fn own(issuer: &TestIssuer) -> Value {
    issuer.jwks()["keys"][0].clone()
}

pub(super) fn around(issuer: &TestIssuer) -> Vec<Value> {
    let mut keys = planted::unfit();
    keys.insert(keys.len() / 2, own(issuer));
    keys
}

pub(super) fn keys_as(ask: &Ask<'_>, jwks: &Value) -> Reply {
    if is_metadata(ask) { honest(ask) } else { ok(&jwks.to_string()) }
}

pub(super) fn keys_or(ask: &Ask<'_>, keys: &[Value]) -> Reply {
    keys_as(ask, &json!({"keys": keys}))
}

pub(super) fn keys_of(keys: &[Value]) -> Reply {
    documents_of(&json!({"keys": keys}).to_string())
}

/// Whatever was asked for: this has no issuer in it, either.
pub(super) fn documents_of(text: &str) -> Reply {
    ok(text)
}

pub(super) fn members() -> String {
    let members = (0..20_000).map(|number| format!("\"{number:x}\":[]")).collect::<Vec<_>>().join(",");
    format!("{{\"keys\":[{{{members}}}]}}")
}

pub(super) fn nested() -> String {
    let depth = 50_000;
    format!("{{\"keys\":[{{\"kty\":{}{}}}]}}", "[".repeat(depth), "]".repeat(depth))
}

pub(super) fn twice(ask: &Ask<'_>) -> String {
    let body = body(ask);
    let inside = &body[1..body.len() - 1];
    format!("{{{inside},{inside}}}")
}

// Bytes.

pub(super) fn ok(body: &str) -> Reply {
    close(&sized(body, body.len()))
}

pub(super) fn with_bytes(body: &[u8]) -> Reply {
    let mut bytes = head(&format!("content-length: {}", body.len())).into_bytes();
    bytes.extend_from_slice(body);
    Reply { bytes, then: Then::Close }
}

pub(super) fn sized(body: &str, length: usize) -> String {
    format!("{}{body}", head(&format!("content-length: {length}")))
}

pub(super) fn with(ask: &Ask<'_>, headers: &str) -> String {
    format!("{}{}", head(headers), body(ask))
}

pub(super) fn head(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n\r\n")
}

pub(super) fn half(ask: &Ask<'_>) -> String {
    let body = body(ask);
    sized(&body[..body.len() / 2], body.len())
}

pub(super) fn close(bytes: &str) -> Reply {
    reply(bytes, Then::Close)
}

pub(super) fn reply(bytes: &str, then: Then) -> Reply {
    Reply { bytes: bytes.into(), then }
}

pub(super) fn endless(headers: &str, begin: &str, again: Vec<u8>) -> Reply {
    reply(&format!("{}{begin}", head(headers)), Then::Again(again))
}

pub(super) fn chunks(_: &Ask<'_>) -> Reply {
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    endless("transfer-encoding: chunked", "", chunk.into_bytes())
}

pub(super) fn many(text: &str) -> Vec<u8> {
    text.as_bytes().repeat(65_536 / text.len())
}

/// Long ones: an unoptimised client takes a second for a megabyte of short ones.
pub(super) fn interim() -> Vec<u8> {
    format!("HTTP/1.1 103 Early Hints\r\nlink: <{}>\r\n\r\n", "y".repeat(16_384)).repeat(4).into_bytes()
}

pub(super) fn moved(to: &str) -> Reply {
    close(&format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"))
}

pub(super) fn moved_with_keys(ask: &Ask<'_>) -> Reply {
    let body = body(ask);
    close(&format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: /x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A megabyte of spaces packed into one kilobyte, as many times as anybody likes (RFC 1952 section 2.2: members follow
/// each other).
pub(super) fn bomb() -> Reply {
    static MEMBER: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
        packed.finish().unwrap()
    });
    endless("content-encoding: gzip", "", MEMBER.clone())
}

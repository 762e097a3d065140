use super::{AUDIENCE, TestIssuer, rights, signing::SigningKey};
use crate::{json, keys::Algorithm};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};

/// A token in the making. As it starts it passes [`TestIssuer::verifier`], though not a preset, which demands more; each
/// method changes one thing.
#[derive(Debug, Clone)]
#[must_use = "nothing is signed before `sign`"]
pub struct TestToken {
    issuer: TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    algorithm: Option<Algorithm>,
}

impl TestToken {
    pub(super) fn new(issuer: TestIssuer) -> Self {
        let now = issuer.now();
        let claims = json!({
            "iss": issuer.identifier(),
            "sub": "alice",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
        });
        let claims = claims.as_object().cloned().unwrap_or_default();
        Self { issuer, header: Map::new(), claims, algorithm: None }
    }

    /// `sub`.
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// `aud`, instead of [`AUDIENCE`].
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Grants scopes, one or several separated by spaces, beside those granted already.
    pub fn scope(mut self, scope: &str) -> Self {
        rights::grant(&mut self.claims, scope);
        self
    }

    /// Gives one more role, in the claim `roles`; for an issuer with `roles_from`, set that claim instead.
    pub fn role(self, role: &str) -> Self {
        self.push("roles", role)
    }

    /// Gives one more permission, in the claim `permissions`.
    pub fn permission(self, permission: &str) -> Self {
        self.push("permissions", permission)
    }

    /// Puts the subject into one more group, in the claim `groups`.
    pub fn group(self, group: &str) -> Self {
        self.push("groups", group)
    }

    fn push(mut self, name: &str, item: &str) -> Self {
        rights::push(&mut self.claims, name, item);
        self
    }

    /// Sets any claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// How long it lasts from the issuer's now on; default 5 min.
    pub fn expires_in(self, lifetime: Duration) -> Self {
        let exp = self.issuer.now() + lifetime.as_secs();
        self.claim("exp", exp)
    }

    /// The user was authenticated in this context (`acr`), so long ago by the issuer's clock (`auth_time`): for policies with
    /// `acr` and `max_age`. Default: neither is said.
    pub fn login(self, acr: &str, ago: Duration) -> Self {
        let at = self.issuer.now().saturating_sub(ago.as_secs());
        self.claim("acr", acr).claim("auth_time", at)
    }

    /// Expired an hour ago.
    pub fn expired(self) -> Self {
        let exp = self.issuer.now().saturating_sub(3600);
        self.claim("exp", exp)
    }

    /// Signs with this algorithm, with a key of it that is made and published if there is none.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Signs with the key of this `kid`, published or not.
    pub fn kid(self, kid: &str) -> Self {
        self.header("kid", kid)
    }

    /// `typ` in the JOSE header; default absent.
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Sets any member of the JOSE header; `null` leaves it out.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// The signed token.
    pub fn sign(self) -> String {
        let claims = Value::Object(self.claims.clone()).to_string();
        self.sign_payload(claims.as_bytes())
    }

    /// A signed token with any bytes for a payload, for tests of what no builder can say.
    pub fn sign_payload(self, payload: &[u8]) -> String {
        let header = Value::Object(self.jose_header()).to_string();
        self.sign_raw(header.as_bytes(), payload)
    }

    /// A signed token with any bytes for a header and a payload.
    pub fn sign_raw(self, header: &[u8], payload: &[u8]) -> String {
        sign(&self.key().1, header, payload)
    }

    /// The claims so far.
    pub(super) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The JOSE header that it would be signed under.
    pub(super) fn jose_header(&self) -> Map<String, Value> {
        let (kid, _, algorithm) = self.key();
        let mut header = Map::new();
        header.insert("alg".into(), algorithm.name().into());
        header.insert("kid".into(), kid.into());
        header.extend(self.header.clone());
        header.retain(|_, value| !value.is_null());
        header
    }

    /// The key that it would be signed with: its `kid`, itself, its algorithm.
    pub(super) fn key(&self) -> (String, Arc<SigningKey>, Algorithm) {
        let named = self.header.get("kid").and_then(Value::as_str);
        if let (None, Some((algorithm, key))) =
            (self.algorithm, named.and_then(|kid| self.issuer.key_named(kid)))
        {
            return (named.unwrap_or_default().to_owned(), key, algorithm);
        }
        let algorithm = self.algorithm.unwrap_or_else(|| self.issuer.default_algorithm());
        let (kid, key) = self.issuer.key_for(algorithm);
        (kid, key, algorithm)
    }
}

fn sign(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", json::encode_base64url(header), json::encode_base64url(payload));
    let signature = json::encode_base64url(&key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

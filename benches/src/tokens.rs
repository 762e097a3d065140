//! Tokens as Keycloak makes them: 957 bytes where the signature has 64 (ES256, EdDSA), 1 213 where it has 256 (RS256, PS256).

use crate::keys::Signer;
use serde::Deserialize;
use std::{collections::HashMap, time::SystemTime};

pub const ISSUER: &str = "https://id.example.com/realms/acme";
pub const AUDIENCE: &str = "https://api.example.com";

/// How long header, payload and the dot between them are.
const SIGNED_BYTES: usize = 870;

/// The claims type that tokens are read into: thirteen claims of a Keycloak token's seventeen.
#[derive(Debug, Clone, Deserialize)]
pub struct Staff {
    pub exp: u64,
    pub iat: u64,
    pub jti: String,
    pub iss: String,
    pub aud: Vec<String>,
    pub sub: String,
    pub azp: String,
    pub sid: String,
    pub acr: String,
    pub realm_access: Roles,
    pub resource_access: HashMap<String, Roles>,
    pub scope: String,
    pub preferred_username: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Roles {
    pub roles: Vec<String>,
}

/// One issuer's tokens, signed by one key.
pub struct Mint {
    pub signer: Signer,
    pub issuer: String,
    now: u64,
}

impl Mint {
    pub fn new(alg: &'static str) -> Self {
        Self::of(Signer::generate(alg), ISSUER)
    }

    pub fn of(signer: Signer, issuer: &str) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
        Self { signer, issuer: issuer.into(), now: now.as_secs() }
    }

    /// As if its tokens had been made so many seconds ago.
    pub fn dated(mut self, seconds_ago: u64) -> Self {
        self.now -= seconds_ago;
        self
    }

    /// The token with this number; each number's differs from the others from the payload on.
    pub fn token(&self, number: u64) -> String {
        self.signer.sign(&self.payload(number, AUDIENCE))
    }

    /// So many distinct tokens.
    pub fn pool(&self, size: u64) -> Vec<String> {
        (0..size).map(|number| self.token(number)).collect()
    }

    /// Signed well, and meant for somebody else.
    pub fn for_another_audience(&self) -> String {
        self.signer.sign(&self.payload(0, "https://mail.example.com"))
    }

    /// A good token whose payload was changed afterwards, into another that is well-formed.
    pub fn tampered(&self) -> String {
        let (one, other) = (self.token(1), self.token(2));
        let (signed, _) = one.rsplit_once('.').expect("three parts");
        let (_, signature) = other.rsplit_once('.').expect("three parts");
        format!("{signed}.{signature}")
    }

    fn payload(&self, number: u64, audience: &str) -> String {
        let without_name = self.payload_with(number, audience, "");
        // The name fills the payload up: 106 characters are the header's, one is the dot.
        let wanted = (SIGNED_BYTES - 107) * 3 / 4;
        let name = "Ann Oakley-Fairweather of Upper Dicker ".chars().cycle();
        let name: String = name.take(wanted.saturating_sub(without_name.len())).collect();
        self.payload_with(number, audience, &name)
    }

    fn payload_with(&self, number: u64, audience: &str, name: &str) -> String {
        let (iss, iat, exp) = (&self.issuer, self.now, self.now + 24 * 3600);
        format!(
            r#"{{"exp":{exp},"iat":{iat},"jti":"4e7c2bd8-5a31-4c1e-9f00-{number:012x}","iss":"{iss}","aud":["{audience}","account"],"sub":"b1a7c9de-0f42-4d5b-8e11-{number:012x}","typ":"Bearer","azp":"web","sid":"6f0d1c33-{number:08x}","acr":"1","realm_access":{{"roles":["clerk","staff"]}},"resource_access":{{"account":{{"roles":["view-profile"]}}}},"scope":"openid orders:read orders:write","email_verified":true,"name":"{name}","preferred_username":"ann","email":"ann@example.com"}}"#
        )
    }
}

/// Things that take turns, in an order in which none follows its neighbour in memory.
#[derive(Clone)]
pub struct Ring<T> {
    items: Vec<T>,
    next: usize,
}

impl<T> Ring<T> {
    pub fn new(items: Vec<T>) -> Self {
        Self { items, next: 0 }
    }

    pub fn turn(&mut self) -> &T {
        let index = self.next;
        self.next = (index + STRIDE) % self.items.len();
        &self.items[index]
    }

    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn skip_half(&mut self) {
        for _ in 0..self.items.len() / 2 {
            self.turn();
        }
    }
}

/// A prime that divides no size in use, so that each item has its turn before any has its second.
const STRIDE: usize = 7919;

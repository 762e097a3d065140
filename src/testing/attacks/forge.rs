use crate::{
    json,
    keys::Algorithm,
    testing::{TestIssuer, TestToken, signing::SigningKey},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Where the stranger's keys stand on the issuer's own host: whoever follows `jku` finds them there.
pub(super) const STRANGERS_KEYS: &str = "/strangers-keys";

/// What attacks are made of: the good token of this application, and a stranger's keys.
pub(super) struct Forge {
    pub(super) issuer: TestIssuer,
    /// Somebody else under the same name.
    pub(super) stranger: TestIssuer,
    pub(super) algorithm: Algorithm,
    pub(super) adjust: Arc<dyn Fn(TestToken) -> TestToken>,
}

impl Forge {
    /// A token that passes.
    pub(super) fn good(&self) -> TestToken {
        self.good_with(self.algorithm)
    }

    pub(super) fn good_with(&self, algorithm: Algorithm) -> TestToken {
        (self.adjust)(self.issuer.token()).algorithm(algorithm)
    }

    /// One that passes for five minutes, whatever the application's own tokens do.
    pub(super) fn brief(&self) -> TestToken {
        self.good().claim("exp", self.now() + 300)
    }

    /// One that would pass for a month.
    pub(super) fn lasting(&self) -> TestToken {
        self.good().claim("exp", self.now() + 30 * 24 * 3600)
    }

    pub(super) fn now(&self) -> u64 {
        self.issuer.now()
    }

    pub(super) fn iss(&self) -> &str {
        self.issuer.identifier()
    }

    /// The audience that the application takes.
    pub(super) fn aud(&self) -> String {
        let claims = self.claims();
        let aud = claims.get("aud");
        let first = aud.and_then(|aud| aud.as_array()).and_then(|all| all.first());
        first.or(aud).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn claims(&self) -> Map<String, Value> {
        self.good().claims().clone()
    }

    pub(super) fn payload(&self) -> String {
        Value::Object(self.claims()).to_string()
    }

    /// The good claims with more text before their last brace, which says `,"x":1`.
    pub(super) fn payload_with(&self, more: &str) -> String {
        let payload = self.payload();
        format!("{}{more}}}", payload.strip_suffix('}').unwrap_or(&payload))
    }

    /// The good claims, one of them as raw JSON.
    pub(super) fn payload_where(&self, name: &str, json: &str) -> String {
        let mut claims = self.claims();
        claims.remove(name);
        let payload = Value::Object(claims).to_string();
        format!("{},{name:?}:{json}}}", payload.strip_suffix('}').unwrap_or(&payload))
    }

    /// With all that the application demands: one that lacked it would be refused for that, and prove nothing.
    pub(super) fn header(&self) -> Map<String, Value> {
        self.good().jose_header()
    }

    pub(super) fn kid(&self) -> String {
        self.good().key().0
    }

    pub(super) fn header_with(&self, name: &str, value: impl Into<Value>) -> String {
        let mut header = self.header();
        header.insert(name.to_owned(), value.into());
        Value::Object(header).to_string()
    }

    /// Signed by the good key, whatever the bytes are.
    pub(super) fn sealed(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.good().sign_raw(header.as_ref(), payload.as_ref())
    }

    /// Under the good header.
    pub(super) fn saying(&self, payload: impl AsRef<[u8]>) -> String {
        self.sealed(Value::Object(self.header()).to_string(), payload)
    }

    /// Signed by the good key over these very characters.
    pub(super) fn over(&self, header: &str, payload: &str) -> String {
        let signed = format!("{header}.{payload}");
        let signature = self.good().key().1.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    /// The good token's two signed parts under any signature.
    pub(super) fn under(&self, algorithm: Algorithm, change: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
        let [header, payload, signature] = parts(&self.good_with(algorithm).sign());
        format!("{header}.{payload}.{}", encode(change(decode(&signature))))
    }

    /// The good claims, signed with a secret of the forger's.
    pub(super) fn hmac(&self, secret: &[u8]) -> String {
        let mut header = self.header();
        header.insert("alg".into(), "HS256".into());
        self.hmac_under(header, secret)
    }

    pub(super) fn hmac_under(&self, header: Map<String, Value>, secret: &[u8]) -> String {
        let key = SigningKey::from_secret(Algorithm::HS256, secret);
        signed(&key, &Value::Object(header).to_string(), &self.payload())
    }

    /// The good claims under this header, signed by the stranger.
    pub(super) fn strangers(&self, header: &Map<String, Value>) -> String {
        signed(
            &self.stranger.key_for(self.algorithm).1,
            &Value::Object(header.clone()).to_string(),
            &self.payload(),
        )
    }

    /// The good header with the stranger's `kid` and what is added, signed by the stranger.
    pub(super) fn strangers_with(&self, members: impl IntoIterator<Item = (&'static str, Value)>) -> String {
        let mut header = self.header();
        header.insert("kid".into(), "stranger".into());
        header.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.strangers(&header)
    }

    /// The stranger's public key, `kid` `stranger`; of HMAC, the stranger's secret.
    pub(super) fn strangers_jwk(&self) -> Map<String, Value> {
        self.stranger.key_for(self.algorithm).1.public_jwk("stranger")
    }

    /// The public key that the good token of this algorithm is checked with, as the set has it.
    pub(super) fn jwk(&self, algorithm: Algorithm) -> Map<String, Value> {
        let (kid, key, _) = self.good_with(algorithm).key();
        key.public_jwk(&kid)
    }

    /// An asymmetric key whose public half everybody knows: the application's own where it has one.
    pub(super) fn public(&self) -> Algorithm {
        if self.algorithm.is_symmetric() { Algorithm::RS256 } else { self.algorithm }
    }

    pub(super) fn pem(&self) -> String {
        self.issuer.public_pem(self.public()).unwrap_or_default()
    }

    /// The published set with more keys in it.
    pub(super) fn set_with(&self, more: impl IntoIterator<Item = Value>) -> String {
        let mut set = self.issuer.jwks();
        if let Some(Value::Array(keys)) = set.get_mut("keys") {
            more.into_iter().for_each(|key| keys.insert(0, key));
        }
        set.to_string()
    }

    /// An address on the issuer's own host.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.iss().trim_end_matches('/'))
    }
}

pub(super) fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    json::encode_base64url(bytes.as_ref())
}

pub(super) fn decode(text: &str) -> Vec<u8> {
    json::decode_base64url(text).unwrap_or_default()
}

/// Header, payload, signature.
pub(super) fn parts(token: &str) -> [String; 3] {
    let mut parts = token.splitn(3, '.').map(str::to_owned);
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

/// The same token under a signature that nobody made; another one for each number.
pub(super) fn forged(token: &str, number: u8) -> String {
    let [header, payload, signature] = parts(token);
    format!("{header}.{payload}.{}", encode(vec![number; signature.len() * 3 / 4]))
}

pub(super) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).filter_map(|digit| digit.try_into().ok()).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

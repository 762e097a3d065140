//! Each preset against the shapes that its vendor documents (`SOURCE.md` names the documents): metadata and key set are
//! served at the vendor's own addresses, tokens are the documented ones, signed with a key of ours in the vendor's place.

#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod arguments;
mod auth0;
mod cognito;
mod entra;
mod google;
mod keycloak;
mod okta;
mod zitadel;

use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};
use tower_bearer::{
    Claims, Issuer, Verifier,
    error::Reason,
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    policy::Policy,
    testing::{TestClock, TestIssuer},
    verify::VerifierBuilder,
};

/// Where a frozen [`TestClock`] stands.
pub(crate) const NOW: u64 = 1_767_225_600;

/// A vendor: what it serves, at which address, and the keys it signs with.
#[derive(Clone)]
pub(crate) struct Vendor {
    folder: &'static str,
    keys: Value,
    documents: BTreeMap<String, Value>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// Metadata at `address`, and the key set at the address that the metadata names.
    pub(crate) fn at(address: &str, folder: &'static str) -> Self {
        Self::with(address, folder, "discovery.json", "jwks.json")
    }

    pub(crate) fn with(address: &str, folder: &'static str, metadata: &str, keys: &str) -> Self {
        let metadata = fixture(folder, metadata);
        let keys = with_our_keys(fixture(folder, keys));
        let jwks_uri = metadata["jwks_uri"].as_str().unwrap().to_owned();
        let documents = BTreeMap::from([(address.to_owned(), metadata), (jwks_uri, keys.clone())]);
        Self { folder, keys, documents, asked: Arc::default() }
    }

    /// A verifier that trusts the preset alone, before its audience is said.
    pub(crate) fn trusting(&self, issuer: Issuer) -> VerifierBuilder {
        Verifier::builder().issuer(issuer.fetch(self.clone())).clock(TestClock::frozen())
    }

    pub(crate) fn token(&self, name: &str) -> Token {
        let token = fixture(self.folder, name);
        let part = |name: &str| token[name].as_object().unwrap().clone();
        Token { header: part("header"), payload: dated(part("payload")), keys: self.keys.clone() }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// One member of the metadata, said otherwise.
    pub(crate) fn saying(mut self, address: &str, member: &str, value: Value) -> Self {
        self.documents.get_mut(address).unwrap()[member] = value;
        self
    }
}

impl Fetch for Vendor {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        self.asked.lock().unwrap().push(request.url.clone());
        let document = self.documents.get(&request.url).ok_or(FetchError::Status(404));
        let answer = document.map(|document| Fetched::new(document.to_string()));
        Box::pin(std::future::ready(answer))
    }
}

/// A token as the vendor documents it, but of today.
#[derive(Clone)]
pub(crate) struct Token {
    header: Map<String, Value>,
    payload: Map<String, Value>,
    keys: Value,
}

impl Token {
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.payload.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.payload.remove(name).expect("the documented token has it");
        self
    }

    /// Signed with another key of the vendor's set.
    pub(crate) fn kid(mut self, kid: &str) -> Self {
        self.header.insert("kid".into(), kid.into());
        self
    }

    pub(crate) fn without_kid(mut self) -> Self {
        self.header.remove("kid");
        self
    }

    /// Signed with the key that its `kid` names; without one, with the first.
    pub(crate) fn sign(&self) -> String {
        let keys = self.keys["keys"].as_array().unwrap();
        let place = self
            .header
            .get("kid")
            .map_or(0, |kid| keys.iter().position(|key| key["kid"] == *kid).expect("a kid of the set"));
        self.sign_with(signer(place))
    }

    pub(crate) fn sign_with(&self, signer: &TestIssuer) -> String {
        let part = |members: &Map<String, Value>| Value::Object(members.clone()).to_string();
        signer.token().sign_raw(part(&self.header).as_bytes(), part(&self.payload).as_bytes())
    }
}

/// Our key at that place of a set. RSA keys take their time, so all tests share them.
fn signer(place: usize) -> &'static TestIssuer {
    static SIGNERS: [OnceLock<TestIssuer>; 5] = [const { OnceLock::new() }; 5];
    SIGNERS[place].get_or_init(|| {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::RS256);
        issuer
    })
}

/// In nobody's set.
fn stranger() -> &'static TestIssuer {
    signer(4)
}

fn fixture(folder: &str, name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/presets").join(folder).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The vendor's keys with their members as they are, and our numbers in them.
fn with_our_keys(mut set: Value) -> Value {
    for (place, key) in set["keys"].as_array_mut().unwrap().iter_mut().enumerate() {
        let published = signer(place).jwks();
        let ours = published["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "RSA").unwrap();
        for number in ["n", "e"] {
            assert!(key[number].is_string(), "the documented key has {number}");
            key[number] = ours[number].clone();
        }
    }
    set
}

fn dated(mut payload: Map<String, Value>) -> Map<String, Value> {
    for (name, seconds) in [("iat", NOW - 10), ("nbf", NOW - 10), ("auth_time", NOW - 20), ("exp", NOW + 300)]
    {
        if let Some(date) = payload.get_mut(name) {
            *date = seconds.into();
        }
    }
    payload
}

pub(crate) async fn accepted(verifier: &Verifier, token: &Token) -> Claims {
    verifier.verify(&token.sign()).await.unwrap_or_else(|error| panic!("{}", error.reason()))
}

pub(crate) async fn refusal(verifier: &Verifier, token: &Token) -> Option<Reason> {
    refusal_of(verifier, &token.sign()).await
}

pub(crate) async fn refusal_of(verifier: &Verifier, token: &str) -> Option<Reason> {
    verifier.verify(token).await.err().map(|error| error.reason())
}

/// Whether this policy lets the caller pass.
pub(crate) fn allows(claims: &Claims, policy: &str) -> bool {
    claims.require(policy.parse::<Policy>().unwrap()).is_ok()
}

pub(crate) fn items<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    items.map(str::to_owned).collect()
}

/// What no preset lets pass, whatever its vendor.
pub(crate) async fn refuses_the_usual(verifier: &Verifier, token: &Token) {
    let iss = token.payload["iss"].as_str().unwrap().to_owned();
    let slashed = iss.strip_suffix('/').map_or_else(|| format!("{iss}/"), str::to_owned);
    for (name, token, reason) in [
        ("a slash too many or too few", token.clone().claim("iss", slashed), Reason::IssuerUnknown),
        ("a longer iss", token.clone().claim("iss", format!("{iss}.evil.example")), Reason::IssuerUnknown),
        ("another case", token.clone().claim("iss", iss.to_uppercase()), Reason::IssuerUnknown),
        ("plain http", token.clone().claim("iss", iss.replace("https:", "http:")), Reason::IssuerUnknown),
        ("two issuers", token.clone().claim("iss", json!([iss])), Reason::IssMalformed),
        ("no issuer", token.clone().without("iss"), Reason::IssMissing),
        ("another's audience", token.clone().claim("aud", "https://other.example.com"), Reason::AudMismatch),
        ("no audience in a list", token.clone().claim("aud", json!([])), Reason::AudMismatch),
        ("an audience that is none", token.clone().claim("aud", Value::Null), Reason::AudMalformed),
        ("yesterday's", token.clone().claim("exp", NOW - 86_400), Reason::ExpPast),
        ("no end", token.clone().without("exp"), Reason::ExpMissing),
        ("bound to a key", token.clone().claim("cnf", json!({"jkt": "x"})), Reason::CnfUnchecked),
        ("a logout token", token.clone().claim("events", json!({})), Reason::NotAnAccessToken),
    ] {
        assert_eq!(refusal(verifier, &token).await, Some(reason), "{name}");
    }
    let forged = token.sign_with(stranger());
    assert_eq!(refusal_of(verifier, &forged).await, Some(Reason::SignatureInvalid), "another issuer's key");
}

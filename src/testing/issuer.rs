use super::{AUDIENCE, TestClock, TestToken, server, signing::SigningKey};
use crate::{
    clock::Clock,
    issuer::Issuer,
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    verify::{Verifier, VerifierBuilder},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// An issuer of your own: mints tokens of every algorithm with any claims, serves discovery and JWKS in process or over
/// loopback, rotates and withdraws keys, fails when told to.
///
/// Its keys are made when they are needed and die with it. Clones are the same issuer.
#[derive(Clone)]
pub struct TestIssuer {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    identifier: String,
    clock: TestClock,
    state: Mutex<State>,
    _server: Option<server::Running>,
}

struct State {
    keys: Vec<TestKey>,
    made: u32,
    default_algorithm: Algorithm,
    failing: bool,
    /// What stands at a path instead of its document.
    instead: BTreeMap<String, String>,
    fetches: BTreeMap<String, u64>,
}

/// Keys and settings, to be put back.
pub(super) struct Snapshot {
    keys: Vec<TestKey>,
    default_algorithm: Algorithm,
}

/// A key and its `kid`.
#[derive(Clone)]
struct TestKey {
    kid: String,
    algorithm: Algorithm,
    key: Arc<SigningKey>,
    published: bool,
}

impl TestIssuer {
    /// An issuer in process, `https://issuer.test`, on a clock that stands still.
    pub fn new() -> Self {
        Self::named("https://issuer.test")
    }

    /// An issuer in process with an identifier of your choice: for tests with several, and for those of a preset, whose
    /// identifier it must have (see the [module](super)).
    pub fn named(identifier: &str) -> Self {
        Self::with(identifier.to_owned(), TestClock::frozen(), None)
    }

    /// An issuer that serves its metadata and keys over loopback, `http://127.0.0.1:<free port>`, on a clock that runs.
    /// The server stops with the last clone. Trust it by `Issuer::discover(issuer.identifier())?` to go over the wire;
    /// [`issuer`](TestIssuer::issuer) still fetches in process.
    ///
    /// # Errors
    ///
    /// Where no loopback port can be bound.
    pub async fn serve() -> std::io::Result<Self> {
        let (listener, address) = server::bind().await?;
        let (running, issuer_slot) = server::start(listener);
        let issuer = Self::with(format!("http://{address}"), TestClock::live(), Some(running));
        issuer_slot.fill(&issuer.shared);
        Ok(issuer)
    }

    fn with(identifier: String, clock: TestClock, server: Option<server::Running>) -> Self {
        let state = State {
            keys: Vec::new(),
            made: 0,
            default_algorithm: Algorithm::ES256,
            failing: false,
            instead: BTreeMap::new(),
            fetches: BTreeMap::new(),
        };
        let issuer = Self {
            shared: Arc::new(Shared { identifier, clock, state: Mutex::new(state), _server: server }),
        };
        issuer.rotate();
        issuer
    }

    /// Its identifier, the `iss` of its tokens.
    pub fn identifier(&self) -> &str {
        &self.shared.identifier
    }

    /// The clock that its tokens are dated by, and that [`verifier`](TestIssuer::verifier) runs on.
    pub fn clock(&self) -> TestClock {
        self.shared.clock.clone()
    }

    /// This issuer as one to trust: discovered, through its own in-process transport. A verifier that you build by hand
    /// needs `.clock(issuer.clock())` as well; with several issuers, the verifier's clock is the one to turn.
    ///
    /// # Panics
    ///
    /// If the identifier is no URL.
    #[expect(clippy::expect_used, reason = "a test wants to hear of it at once")]
    pub fn issuer(&self) -> Issuer {
        let issuer = Issuer::discover(self.identifier()).expect("a test issuer's identifier is a URL");
        issuer.fetch(self.transport())
    }

    /// A verifier's set-up that trusts this issuer, for [`AUDIENCE`], on its clock.
    pub fn verifier(&self) -> VerifierBuilder {
        Verifier::builder().issuer(self.issuer()).audience(AUDIENCE).clock(self.clock())
    }

    /// This issuer as one that shares a secret with us, for tokens of an HMAC algorithm (`token().algorithm(…)`).
    ///
    /// # Panics
    ///
    /// If the algorithm is no HMAC.
    #[expect(clippy::expect_used, reason = "a test wants to hear of it at once")]
    pub fn hmac_issuer(&self, algorithm: Algorithm) -> Issuer {
        let key = self.key_for(algorithm).1;
        let secret = key.secret().expect("only an HMAC has a secret");
        Issuer::hmac(self.identifier(), &secret, algorithm).expect("a test issuer's secret is long enough")
    }

    /// Its transport: answers for its own addresses, in process; for [`Issuer::fetch`] of an issuer that you make yourself.
    /// The verifier then needs `.clock(issuer.clock())` as well: tokens are dated by a clock that stands still, and are long
    /// expired by the system's.
    pub fn transport(&self) -> impl Fetch + use<> {
        Transport { shared: Arc::clone(&self.shared) }
    }

    /// Starts a token that passes as it is: subject `alice`, [`AUDIENCE`], five minutes. Behind a preset it lacks what
    /// that vendor's tokens have, and is refused until you add it: `.claim("typ", "Bearer")` for Keycloak (see the
    /// [module](super)).
    pub fn token(&self) -> TestToken {
        TestToken::new(self.clone())
    }

    /// Signs with this algorithm from now on, where a token names none. Default: ES256. HMAC keys are never published.
    pub fn sign_with(&self, algorithm: Algorithm) {
        self.shared.lock().default_algorithm = algorithm;
        self.key_for(algorithm);
    }

    /// A new key is published and signs from now on; the old ones stay published. Returns its `kid`. A verifier that has
    /// fetched less than 5 s ago does not look for it: turn the clock first.
    pub fn rotate(&self) -> String {
        let algorithm = self.shared.lock().default_algorithm;
        self.shared.lock().add(algorithm, true, true)
    }

    /// A new key is published and does not sign yet. Returns its `kid`.
    pub fn publish(&self) -> String {
        let algorithm = self.shared.lock().default_algorithm;
        self.shared.lock().add(algorithm, true, false)
    }

    /// A new key signs that is not published. Returns its `kid`.
    pub fn rotate_unpublished(&self) -> String {
        let algorithm = self.shared.lock().default_algorithm;
        self.shared.lock().add(algorithm, false, true)
    }

    /// Takes a key out of the published set. Tokens can still be signed with it, by its `kid`.
    pub fn withdraw(&self, kid: &str) {
        let mut state = self.shared.lock();
        state.keys.iter_mut().filter(|key| key.kid == kid).for_each(|key| key.published = false);
    }

    /// Outage: every fetch fails until `recover`.
    pub fn fail(&self) {
        self.shared.lock().failing = true;
    }

    /// The outage is over.
    pub fn recover(&self) {
        self.shared.lock().failing = false;
    }

    /// How often the key set was fetched.
    pub fn fetches(&self) -> u64 {
        self.shared.lock().fetches.get(server::JWKS_PATH).copied().unwrap_or(0)
    }

    /// What stands at an address of this issuer, its metadata or its key set, counted as a fetch; `None` where there is
    /// nothing, and during an outage. For programs that fetch without a [`Fetch`]: verifiers of your own, in
    /// [`attacks`](super::attacks).
    pub fn document(&self, url: &str) -> Option<String> {
        self.shared.fetch(url).ok()
    }

    /// The published key set.
    pub fn jwks(&self) -> Value {
        self.shared.jwks()
    }

    /// The public key of an algorithm as PEM, for tests of fixed keys and of key confusion; `None` for a secret.
    pub fn public_pem(&self, algorithm: Algorithm) -> Option<String> {
        self.key_for(algorithm).1.public_pem()
    }

    /// Every fetch of every document, those that found nothing included.
    pub(super) fn asked(&self) -> u64 {
        self.shared.lock().fetches.values().sum()
    }

    /// From now on the path answers with this text; with its own document again after [`restore`](Self::restore).
    pub(super) fn answer_with(&self, path: &str, text: impl Into<String>) {
        self.shared.lock().instead.insert(path.to_owned(), text.into());
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.shared.lock();
        Snapshot { keys: state.keys.clone(), default_algorithm: state.default_algorithm }
    }

    /// As it was: keys, documents, no outage. What was counted stays so.
    pub(super) fn restore(&self, snapshot: &Snapshot) {
        let mut state = self.shared.lock();
        state.keys.clone_from(&snapshot.keys);
        state.default_algorithm = snapshot.default_algorithm;
        state.failing = false;
        state.instead.clear();
    }

    /// The signing key for an algorithm, made if there is none, and its `kid`.
    pub(super) fn key_for(&self, algorithm: Algorithm) -> (String, Arc<SigningKey>) {
        let mut state = self.shared.lock();
        if !state.keys.iter().any(|key| key.algorithm == algorithm) {
            state.add(algorithm, true, true);
        }
        let newest = state.keys.iter().find(|key| key.algorithm == algorithm);
        newest.map(|key| (key.kid.clone(), Arc::clone(&key.key))).unwrap_or_else(|| unreachable!())
    }

    pub(super) fn key_named(&self, kid: &str) -> Option<(Algorithm, Arc<SigningKey>)> {
        let state = self.shared.lock();
        state.keys.iter().find(|key| key.kid == kid).map(|key| (key.algorithm, Arc::clone(&key.key)))
    }

    pub(super) fn default_algorithm(&self) -> Algorithm {
        self.shared.lock().default_algorithm
    }

    pub(super) fn now(&self) -> u64 {
        self.shared.clock.wall().as_secs()
    }
}

impl Default for TestIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The first key of an algorithm signs.
    fn add(&mut self, algorithm: Algorithm, published: bool, signs: bool) -> String {
        self.made += 1;
        let kid = format!("{}-{}", algorithm.name().to_ascii_lowercase(), self.made);
        let key = TestKey {
            kid: kid.clone(),
            algorithm,
            key: Arc::new(SigningKey::generate(algorithm)),
            published,
        };
        if signs {
            self.keys.insert(0, key)
        } else {
            self.keys.push(key)
        }
        kid
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jwks(&self) -> Value {
        let state = self.lock();
        let published = state.keys.iter().filter(|key| key.published && !key.algorithm.is_symmetric());
        let keys: Vec<Value> = published.map(|key| Value::Object(key.key.public_jwk(&key.kid))).collect();
        json!({ "keys": keys })
    }

    fn fetch(&self, url: &str) -> Result<String, FetchError> {
        match url.strip_prefix(self.identifier.trim_end_matches('/')) {
            Some(path) => self.document(path).map_err(FetchError::Status),
            None => Err(FetchError::Transport("not an address of this issuer".into())),
        }
    }

    /// One document by its path; counted.
    pub(super) fn document(&self, path: &str) -> Result<String, u16> {
        let mut state = self.lock();
        *state.fetches.entry(path.to_owned()).or_default() += 1;
        if state.failing {
            return Err(503);
        }
        if let Some(text) = state.instead.get(path) {
            return Ok(text.clone());
        }
        drop(state);
        let base = &self.identifier;
        match path {
            server::METADATA_PATH => Ok(json!({
                "issuer": base,
                "jwks_uri": format!("{}{}", base.trim_end_matches('/'), server::JWKS_PATH),
            })
            .to_string()),
            server::JWKS_PATH => Ok(self.jwks().to_string()),
            _ => Err(404),
        }
    }
}

struct Transport {
    shared: Arc<Shared>,
}

impl Fetch for Transport {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let fetched = self.shared.fetch(&request.url).map(Fetched::new);
        Box::pin(std::future::ready(fetched))
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer").field("identifier", &self.shared.identifier).finish_non_exhaustive()
    }
}

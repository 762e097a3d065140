//! Real authorization servers turn their keys over while eight clients send requests.
//!
//! node's `oidc-provider` and Debian's `glewlwyd` sign with RS256, PS256, ES256, ES384 and EdDSA. Both go through the
//! same [`TURNS`]. Meanwhile a token whose key is published passes, and one whose key was withdrawn is refused as soon
//! as the API has fetched the set without it. The API has its default settings; the cool-down between two fetches and
//! the time to live of a set are spent by turning its clock.
//!
//! `tests/interop/run servers` installs what is needed and runs it.
#![cfg(all(feature = "axum", feature = "remote"))]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, StatusCode, header};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims, Issuer, Verifier,
    clock::{Clock, SystemClock},
    error::Reason,
    keys::{Fetch, FetchFuture, FetchRequest, HttpFetch},
    policy::scope,
    require,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "PS256", "RS256"];
const CLIENTS: usize = 8;
/// Requests that are answered between one turn and the next.
const BETWEEN_TURNS: usize = 250;
const TOKENS_OF_A_KEY: usize = 2;

/// What is done to the keys, and how much time passes then. A `rotate` that follows no `publish` has the new keys sign
/// the moment they can be seen. `retire` withdraws the keys that do not sign; `rotate+retire` is one change, which
/// leaves no moment with old and new keys.
const TURNS: [(&str, Duration); 9] = [
    ("rotate", AFTER_THE_COOL_DOWN),
    ("rotate", AFTER_THE_COOL_DOWN),
    // No new key gives this away: the API learns of it when its set is too old.
    ("retire", AFTER_THE_TIME_TO_LIVE),
    ("rotate+retire", AFTER_THE_COOL_DOWN),
    ("rotate+retire", AFTER_THE_COOL_DOWN),
    ("rotate+retire", AFTER_THE_COOL_DOWN),
    // As a careful operator does it: seen first, used later.
    ("publish", Duration::ZERO),
    ("rotate", AFTER_THE_COOL_DOWN),
    ("rotate+retire", AFTER_THE_COOL_DOWN),
];
/// The defaults are 5 s and 10 min.
const AFTER_THE_COOL_DOWN: Duration = Duration::from_secs(6);
const AFTER_THE_TIME_TO_LIVE: Duration = Duration::from_secs(11 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node; run tests/interop/run servers"]
async fn oidc_provider_turns_its_keys_over_under_running_requests() {
    keys_are_turned_over_under_running_requests("oidc-provider").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node and glewlwyd; run tests/interop/run servers"]
async fn glewlwyd_turns_its_keys_over_under_running_requests() {
    keys_are_turned_over_under_running_requests("glewlwyd").await;
}

async fn keys_are_turned_over_under_running_requests(program: &str) {
    let started = Instant::now();
    let server = Server::start(program).await;
    let api = Api::of(&server.facts);
    let stock = Arc::new(Stock::default());
    let elsewhere = server.token(&server.facts.elsewhere).await;
    stock.add(Token::new(elsewhere, Expected::Refused(Reason::AudMismatch)));
    let mut signing = stock.add_generation(server.mint().await);

    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(send_requests(api.clone(), Arc::clone(&stock)));
    }

    let (mut at_once, mut published_ahead) = (0, false);
    for (turn, time) in TURNS {
        stock.more_requests().await;
        let rotates = turn.contains("rotate");
        let withdrawn = if turn.contains("retire") {
            stock.live(|kid| rotates || !signing.contains(kid))
        } else {
            Vec::new()
        };
        withdrawn.iter().for_each(|token| token.expect(Expected::Either));
        let published = server.turn(turn).await;

        api.clock.turn(time);
        if time >= AFTER_THE_TIME_TO_LIVE {
            // The set may not judge any more, so not one request may pass with it.
            withdrawn.iter().for_each(|token| token.expect(Expected::Refused(Reason::KeyUnknown)));
        }
        if rotates {
            let old = signing;
            // These go to all clients at once, and every one of their requests must pass.
            signing = stock.add_generation(server.mint().await);
            assert!(signing.is_disjoint(&old), "{program}: {turn} left an old key signing");
            at_once += usize::from(!published_ahead);
        }
        published_ahead = turn == "publish";
        if !time.is_zero() {
            until(&format!("the API knows what {turn} published"), || api.kids() == published).await;
        }
        withdrawn.iter().for_each(|token| token.expect(Expected::Refused(Reason::KeyUnknown)));
        stock.withdraw(&withdrawn);
    }
    stock.more_requests().await;
    stock.close();
    clients.join_all().await;
    server.stop().await;

    let tally = stock.tally();
    let withdrawn = stock.withdrawn_kids();
    println!(
        "{program}: {} requests by {CLIENTS} clients in {:.1} s, {at_once} rotations whose keys signed at once, \
         {} keys withdrawn; {:?} passed, {} refused for their key, {} in doubt while a key was withdrawn, {} key sets fetched",
        tally.requests,
        started.elapsed().as_secs_f32(),
        withdrawn.len(),
        tally.passed,
        tally.refused.values().sum::<usize>(),
        tally.in_doubt,
        api.fetches.count(),
    );
    assert!(tally.complaints.is_empty(), "{program}: {:#?}", tally.complaints);
    assert!(tally.requests >= 2_000, "too few requests: {}", tally.requests);
    assert!(at_once >= 5, "too few rotations: {at_once}");
    for algorithm in ALGORITHMS {
        let passed = tally.passed.get(algorithm).copied().unwrap_or(0);
        assert!(passed >= 100, "too few requests with {algorithm}: {passed}");
    }
    let refused: BTreeSet<_> = tally.refused.keys().cloned().collect();
    assert_eq!(refused, withdrawn, "every withdrawn key was tried, and no other was refused");
    let turns = TURNS.iter().filter(|(_, time)| !time.is_zero()).count();
    assert_eq!(
        api.fetches.count(),
        1 + turns,
        "one fetch to begin with and one for each turn, whatever the clients do"
    );
}

async fn send_requests(api: Api, stock: Arc<Stock>) {
    for _ in 0..100_000 {
        let Some(token) = stock.next() else { return };
        let before = token.expected();
        let answer = api.ask(&token.text).await;
        stock.note(&token, before, answer);
        // In process a request waits for nothing; the servers want the cores, too.
        sleep(Duration::from_millis(1)).await;
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The resource server under test.
#[derive(Clone)]
struct Api {
    router: Router,
    verifier: Verifier,
    clock: StandingClock,
    fetches: CountingFetch,
}

impl Api {
    fn of(facts: &Facts) -> Self {
        let (clock, fetches) = (StandingClock::default(), CountingFetch::default());
        let issuer = Issuer::discover(&facts.issuer).expect("an issuer");
        let verifier = Verifier::builder()
            .issuer(issuer.fetch(fetches.clone()))
            .audience(&facts.audience)
            .clock(clock.clone())
            .build()
            .expect("a whole set-up");
        let router = Router::new()
            .route("/", get(async |_: Claims| ()).route_layer(require(scope("read"))))
            .layer(AuthenticateLayer::new(verifier.clone()));
        Self { router, verifier, clock, fetches }
    }

    async fn ask(&self, token: &str) -> Answer {
        let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let Ok(response) = self.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
        match response.extensions().get::<AuthError>() {
            None => Answer::Status(response.status()),
            Some(error) => Answer::Refused(error.reason()),
        }
    }

    /// What the API takes for the issuer's keys.
    fn kids(&self) -> BTreeSet<String> {
        self.verifier.status().issuers.into_iter().flat_map(|issuer| issuer.key_ids).collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Status(StatusCode),
    Refused(Reason),
}

/// Stands still between the turns: nothing but a turn lets the API fetch once more.
#[derive(Debug, Clone)]
struct StandingClock {
    reading: Arc<Mutex<(Duration, Duration)>>,
}

impl Default for StandingClock {
    fn default() -> Self {
        Self { reading: Arc::new(Mutex::new((SystemClock.wall(), Duration::ZERO))) }
    }
}

impl StandingClock {
    /// The wall clock catches up with the servers', whose tokens are dated by it; the other one goes on by `time`.
    fn turn(&self, time: Duration) {
        let mut reading = lock(&self.reading);
        *reading = (SystemClock.wall(), reading.1 + time);
    }
}

impl Clock for StandingClock {
    fn wall(&self) -> Duration {
        lock(&self.reading).0
    }

    fn monotonic(&self) -> Duration {
        lock(&self.reading).1
    }
}

/// Counts how often the key set is fetched.
#[derive(Clone, Default)]
struct CountingFetch {
    http: HttpFetch,
    count: Arc<AtomicUsize>,
}

impl CountingFetch {
    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Fetch for CountingFetch {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let is_metadata = request.url.contains("/.well-known/");
        self.count.fetch_add(usize::from(!is_metadata), Ordering::SeqCst);
        self.http.fetch(request)
    }
}

/// A token, and what has to become of a request with it.
struct Token {
    text: String,
    algorithm: String,
    kid: String,
    expected: Mutex<Expected>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Passes,
    /// Its key is withdrawn, and the API may not know yet.
    Either,
    Refused(Reason),
}

impl Token {
    fn new(text: String, expected: Expected) -> Self {
        #[derive(serde::Deserialize)]
        struct Header {
            alg: String,
            kid: String,
        }
        let header = text.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
        let Header { alg, kid } =
            serde_json::from_slice(&header.expect("a JWT")).expect("a JOSE header with kid");
        Self { text, algorithm: alg, kid, expected: Mutex::new(expected) }
    }

    fn expected(&self) -> Expected {
        *lock(&self.expected)
    }

    fn expect(&self, expected: Expected) {
        *lock(&self.expected) = expected;
    }
}

/// The tokens that the clients send, and what came of it.
#[derive(Default)]
struct Stock {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Vec<Arc<Token>>,
    all: Vec<Arc<Token>>,
    withdrawn: BTreeSet<String>,
    given: usize,
    closed: bool,
    tally: Tally,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    requests: usize,
    /// By algorithm.
    passed: BTreeMap<String, usize>,
    /// By the `kid` of the withdrawn key.
    refused: BTreeMap<String, usize>,
    in_doubt: usize,
    complaints: Vec<String>,
}

impl Stock {
    fn add(&self, token: Token) {
        lock(&self.state).all.push(Arc::new(token));
    }

    /// Tokens that should pass; gives back the keys that signed them.
    fn add_generation(&self, tokens: Vec<Token>) -> BTreeSet<String> {
        let kids = tokens.iter().map(|token| token.kid.clone()).collect();
        let tokens: Vec<_> = tokens.into_iter().map(Arc::new).collect();
        let mut state = lock(&self.state);
        state.all.extend(tokens.iter().cloned());
        state.live.extend(tokens);
        kids
    }

    fn live(&self, of: impl Fn(&str) -> bool) -> Vec<Arc<Token>> {
        lock(&self.state).live.iter().filter(|token| of(&token.kid)).cloned().collect()
    }

    fn withdraw(&self, tokens: &[Arc<Token>]) {
        let mut state = lock(&self.state);
        state.live.retain(|token| tokens.iter().all(|gone| gone.kid != token.kid));
        state.withdrawn.extend(tokens.iter().map(|token| token.kid.clone()));
    }

    fn withdrawn_kids(&self) -> BTreeSet<String> {
        lock(&self.state).withdrawn.clone()
    }

    /// By turns one that should pass and any that ever was, so that all get their share; `None` at the end.
    fn next(&self) -> Option<Arc<Token>> {
        let mut state = lock(&self.state);
        let number = state.given;
        state.given += 1;
        let tokens = if number.is_multiple_of(2) { &state.live } else { &state.all };
        (!state.closed).then(|| Arc::clone(&tokens[number / 2 % tokens.len()]))
    }

    fn note(&self, token: &Token, before: Expected, answer: Answer) {
        let mut state = lock(&self.state);
        let tally = &mut state.tally;
        tally.requests += 1;
        // What was expected may have changed while the request was under way; then either answer may be right.
        let expected = if before == token.expected() { before } else { Expected::Either };
        match (expected, answer) {
            (Expected::Passes, Answer::Status(StatusCode::OK)) => {
                *tally.passed.entry(token.algorithm.clone()).or_default() += 1;
            }
            (Expected::Refused(Reason::KeyUnknown), Answer::Refused(Reason::KeyUnknown)) => {
                *tally.refused.entry(token.kid.clone()).or_default() += 1;
            }
            (Expected::Refused(reason), Answer::Refused(told)) if reason == told => {}
            (Expected::Either, Answer::Status(StatusCode::OK) | Answer::Refused(Reason::KeyUnknown)) => {
                tally.in_doubt += 1;
            }
            (expected, answer) => {
                tally.complaints.push(format!("{}: {expected:?}, and it is {answer:?}", token.kid))
            }
        }
    }

    async fn more_requests(&self) {
        let enough = self.tally().requests + BETWEEN_TURNS;
        until("more requests are answered", || lock(&self.state).tally.requests >= enough).await;
    }

    fn tally(&self) -> Tally {
        lock(&self.state).tally.clone()
    }

    fn close(&self) {
        lock(&self.state).closed = true;
    }
}

/// An authorization server in a process of its own, which ends when its standard input does: with this value, or with
/// the test's process.
struct Server {
    facts: Facts,
    http: reqwest::Client,
    child: Child,
    stdin: ChildStdin,
}

/// The line by which a server says that it is ready.
#[derive(serde::Deserialize)]
struct Facts {
    issuer: String,
    audience: String,
    control: String,
    token_endpoint: String,
    /// By algorithm.
    clients: BTreeMap<String, Grant>,
    /// For a token with another audience.
    elsewhere: Grant,
}

/// How to get a token by client credentials.
#[derive(serde::Deserialize)]
struct Grant {
    id: String,
    secret: String,
    form: BTreeMap<String, String>,
}

impl Server {
    async fn start(program: &str) -> Self {
        let node = format!("{FOLDER}/node_modules/.bin/node");
        let mut child = Command::new(&node)
            .arg(format!("{FOLDER}/{program}.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{node}: {error}; tests/interop/run installs it"));
        let stdin = child.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line =
            timeout(Duration::from_secs(60), stdout.next_line()).await.expect("a server within a minute");
        let line = line.expect("a pipe").unwrap_or_else(|| panic!("{program} ended before it was ready"));
        let facts = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{program}: {error}: {line}"));
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { facts, http, child, stdin }
    }

    /// Fresh tokens by every algorithm.
    async fn mint(&self) -> Vec<Token> {
        assert!(self.facts.clients.keys().eq(ALGORITHMS.iter()), "a client for each algorithm");
        let mut tokens = Vec::new();
        for (algorithm, grant) in &self.facts.clients {
            for _ in 0..TOKENS_OF_A_KEY {
                let token = Token::new(self.token(grant).await, Expected::Passes);
                assert_eq!(&token.algorithm, algorithm, "the server signs as it was asked to");
                tokens.push(token);
            }
        }
        tokens
    }

    async fn token(&self, grant: &Grant) -> String {
        #[derive(serde::Deserialize)]
        struct Granted {
            access_token: String,
        }
        let fields = grant.form.iter().map(|(name, value)| format!("&{name}={}", form_encoded(value)));
        let body = "grant_type=client_credentials&scope=read+write".to_owned() + &fields.collect::<String>();
        let request = self
            .http
            .post(&self.facts.token_endpoint)
            .basic_auth(&grant.id, Some(&grant.secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let answer = answer(request).await;
        serde_json::from_str::<Granted>(&answer)
            .unwrap_or_else(|error| panic!("{error}: {answer}"))
            .access_token
    }

    /// Turns the keys over; gives back those that are published then.
    async fn turn(&self, turn: &str) -> BTreeSet<String> {
        #[derive(serde::Deserialize)]
        struct Turned {
            published: BTreeSet<String>,
        }
        let answer = answer(self.http.post(format!("{}/{turn}", self.facts.control))).await;
        serde_json::from_str::<Turned>(&answer).unwrap_or_else(|error| panic!("{error}: {answer}")).published
    }

    async fn stop(mut self) {
        drop(self.stdin);
        let ended = timeout(Duration::from_secs(30), self.child.wait()).await;
        assert!(
            ended.is_ok_and(|status| status.is_ok_and(|status| status.success())),
            "the server ends with its input"
        );
    }
}

async fn answer(request: reqwest::RequestBuilder) -> String {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("a whole answer");
    assert!(status.is_success(), "{status}: {text}");
    text
}

fn form_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

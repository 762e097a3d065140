//! "Keys": what went wrong elsewhere with fetching, keeping and giving up an issuer's keys.

use super::*;
use axum::response::Redirect;
use futures_util::{FutureExt as _, future::join_all};
use std::{
    future::pending,
    sync::{Mutex, atomic::AtomicBool},
};
use tokio::{net::TcpListener, sync::Semaphore, task::yield_now, time::Instant};
use tower_bearer::{
    keys::Fetched,
    verify::{KeyState, Status},
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The way to an issuer, as the test commands it.
#[derive(Clone)]
struct Line {
    issuer: TestIssuer,
    asked: Arc<Mutex<Vec<String>>>,
    hangs: Arc<AtomicBool>,
    /// A fetch passes where there is a permit.
    gate: Arc<Semaphore>,
    /// Instead of the issuer's own set.
    body: Arc<Mutex<Option<String>>>,
}

impl Line {
    fn to(issuer: &TestIssuer) -> Self {
        Self {
            issuer: issuer.clone(),
            asked: Arc::default(),
            hangs: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            body: Arc::default(),
        }
    }

    fn says(&self, body: impl Into<String>) {
        *self.body.lock().unwrap() = Some(body.into());
    }

    fn fetches(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn trusted(&self) -> Issuer {
        let uri = format!("{}/jwks", self.issuer.identifier());
        Issuer::jwks(self.issuer.identifier(), &uri).unwrap().fetch(self.clone())
    }

    fn verifier(&self) -> Verifier {
        let builder = Verifier::builder().issuer(self.trusted()).audience(AUDIENCE);
        builder.clock(self.issuer.clock()).build().unwrap()
    }

    async fn loaded(&self) -> Verifier {
        let verifier = self.verifier();
        assert!(verifier.warm_up().await.is_ready());
        verifier
    }

    fn passes(&self, time: Duration) {
        self.issuer.clock().advance(time);
    }
}

impl Fetch for Line {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        self.asked.lock().unwrap().push(request.url.clone());
        Box::pin(async move {
            if self.hangs.load(Ordering::SeqCst) {
                pending::<()>().await;
            }
            let _passes = self.gate.acquire().await;
            let body = self.body.lock().unwrap().clone();
            match body {
                Some(body) => Ok(Fetched::new(body)),
                None => self.issuer.transport().fetch(request).await,
            }
        })
    }
}

fn state(status: &Status) -> KeyState {
    status.issuers[0].state
}

fn at_once(verifier: &Verifier, token: &str) -> Option<Reason> {
    refusal(verifier, token).now_or_never().expect("it waits")
}

fn long(issuer: &TestIssuer) -> TestToken {
    issuer.token().expires_in(seconds(30 * 24 * 3600))
}

fn kids(verifier: &Verifier) -> Vec<String> {
    verifier.status().issuers[0].key_ids.clone()
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// "withdrawn keys trusted for ever" (go-oidc, Quarkus, reactive Spring, keyfunc).
#[tokio::test]
async fn a_withdrawn_key_is_trusted_one_time_to_live_and_no_longer() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let first = "es256-1";
    issuer.rotate();
    let verifier = line.loaded().await;
    let token = long(&issuer).kid(first).sign();
    issuer.withdraw(first);
    // A busy service, which asks for nothing but this key.
    let mut trusted = 0;
    for second in 1..=700 {
        line.passes(seconds(1));
        if refusal(&verifier, &token).await.is_none() {
            trusted = second;
        }
        settle().await;
    }
    assert!((400..600).contains(&trusted), "{trusted} s");
    assert_eq!(at_once(&verifier, &token), Some(Reason::KeyUnknown));
}

/// "merged instead of replaced" (jwks-rsa-java).
#[tokio::test]
async fn a_new_set_replaces_the_old_one() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    assert_eq!(kids(&verifier), ["es256-1"]);
    let second = issuer.rotate();
    issuer.withdraw("es256-1");
    verifier.warm_up().await;
    assert_eq!(kids(&verifier), [second]);
}

/// "unknown `kid` → unlimited fetches" (Spring, PyJWT, jwks_client_rs, authkestra), "under a write lock that stalls
/// everyone".
#[tokio::test]
async fn unknown_key_ids_cause_one_fetch_a_cool_down_and_stall_nobody() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    let good = long(&issuer).sign();
    for second in 0..50 {
        line.passes(seconds(1));
        let unknown: Vec<_> =
            (0..20).map(|number| issuer.token().kid(&format!("{second}-{number}")).sign()).collect();
        let flood = join_all(unknown.iter().map(|token| refusal(&verifier, token))).await;
        assert_eq!(flood, vec![Some(Reason::KeyUnknown); 20]);
    }
    assert_eq!(line.fetches(), 1 + 50 / 5);
    // And while such a fetch hangs, known keys go on.
    line.hangs.store(true, Ordering::SeqCst);
    line.passes(seconds(5));
    let unknown = issuer.token().kid("nobody's").sign();
    let waits = tokio::spawn({
        let verifier = verifier.clone();
        async move { refusal(&verifier, &unknown).await }
    });
    settle().await;
    assert_eq!(line.fetches(), 12, "it is under way");
    for _ in 0..100 {
        assert_eq!(at_once(&verifier, &good), None);
    }
    waits.abort();
}

/// "a shared limiter that an attacker burns, so valid users are locked out" (jwks-rsa).
#[tokio::test]
async fn a_flood_of_unknown_key_ids_locks_nobody_out() {
    let issuer = TestIssuer::new();
    let other = TestIssuer::named("https://other.test");
    let (line, others) = (Line::to(&issuer), Line::to(&other));
    let verifier = Verifier::builder()
        .issuer(line.trusted())
        .issuer(others.trusted())
        .audience(AUDIENCE)
        .clock(issuer.clock())
        .build()
        .unwrap();
    assert!(verifier.warm_up().await.is_ready());
    let (good, unknown) = (long(&issuer).sign(), long(&issuer).kid("nobody's").sign());
    let (mut rotated, mut served) = (String::new(), None);
    for tenth in 0..600 {
        line.passes(Duration::from_millis(100));
        assert_eq!(refusal(&verifier, &unknown).await, Some(Reason::KeyUnknown), "the limit is burnt");
        assert_eq!(at_once(&verifier, &good), None, "a known key does not ask for the limit");
        if tenth == 300 {
            issuer.rotate();
            rotated = long(&issuer).sign();
            other.rotate();
            assert_eq!(refusal(&verifier, &long(&other).sign()).await, None, "another issuer, another limit");
        }
        if tenth >= 300 && served.is_none() && refusal(&verifier, &rotated).await.is_none() {
            served = Some(tenth - 300);
        }
    }
    let served = served.expect("the new key is never found");
    assert!(served <= 50, "a new key is found when the cool-down is over, whoever asks: {served} tenths");
}

/// "a limiter that parks requests for a minute" (keyfunc).
#[tokio::test(start_paused = true)]
async fn nobody_is_parked_for_more_than_two_seconds() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    let began = Instant::now();
    for number in 0..100 {
        let unknown = issuer.token().kid(&number.to_string()).sign();
        assert_eq!(at_once(&verifier, &unknown), Some(Reason::KeyUnknown), "within the cool-down");
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    line.hangs.store(true, Ordering::SeqCst);
    line.passes(seconds(5));
    let unknown = issuer.token().kid("nobody's").sign();
    assert_eq!(refusal(&verifier, &unknown).await, Some(Reason::KeysUnavailable));
    assert_eq!(began.elapsed(), seconds(2));
}

/// "the first request after a rotation lost" (ASP.NET).
#[tokio::test]
async fn the_first_request_after_a_rotation_is_served() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let app = Router::new().route("/", get(ok)).layer(AuthenticateLayer::new(line.loaded().await));
    line.passes(seconds(5));
    issuer.rotate();
    assert_eq!(send(&app, bearer("/", &issuer.token().sign())).await.status(), 200);
    assert_eq!(line.fetches(), 2);
}

/// "concurrent ones lost because the time stamp was set before the fetch ended" (Quarkus).
#[tokio::test]
async fn requests_that_come_while_the_rescuing_fetch_is_under_way_are_served_by_it() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    line.passes(seconds(5));
    issuer.rotate();
    line.gate.forget_permits(Semaphore::MAX_PERMITS);
    let token = long(&issuer).sign();
    let mut requests = Vec::new();
    for _ in 0..15 {
        let (verifier, token) = (verifier.clone(), token.clone());
        requests.push(tokio::spawn(async move { refusal(&verifier, &token).await }));
        settle().await;
        line.passes(Duration::from_millis(100));
    }
    assert_eq!(line.fetches(), 2, "they all wait for the same one");
    line.gate.add_permits(1);
    for request in requests {
        assert_eq!(request.await.unwrap(), None);
    }
}

/// "a hung fetch that fails every request for 15 minutes" (Spring).
#[tokio::test(start_paused = true)]
async fn a_hung_fetch_fails_no_request() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    let token = long(&issuer).sign();
    line.hangs.store(true, Ordering::SeqCst);
    for second in 0..1500 {
        line.passes(seconds(1));
        tokio::time::advance(seconds(1)).await;
        settle().await;
        assert_eq!(at_once(&verifier, &token), None, "after {second} s");
    }
    assert_eq!(state(&verifier.status()), KeyState::Stale);
    assert!(line.fetches() > 10, "and it is tried again: {}", line.fetches());
}

/// "a failed fetch that wipes the good set" (PyJWT).
#[tokio::test]
async fn a_failed_fetch_leaves_the_good_set() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    let token = long(&issuer).sign();
    for body in ["", "{}", r#"{"keys":[]}"#, "<html>", r#"{"keys":[{"kty":"RSA"}]}"#] {
        line.says(body);
        line.passes(seconds(70));
        verifier.warm_up().await;
        assert!(verifier.status().issuers[0].last_error.is_some(), "{body}");
        assert_eq!(at_once(&verifier, &token), None, "{body}");
        assert_eq!(kids(&verifier), ["es256-1"], "{body}");
    }
}

/// "failed fetches not counted in the cool-down" (jose, turul).
#[tokio::test]
async fn failed_fetches_are_counted_against_the_budget() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let verifier = line.loaded().await;
    let unknown = long(&issuer).kid("nobody's").sign();
    line.says("out of order");
    line.passes(seconds(5));
    for _ in 0..300 {
        for _ in 0..10 {
            assert_eq!(refusal(&verifier, &unknown).await, Some(Reason::KeysUnavailable));
        }
        line.passes(Duration::from_millis(100));
    }
    // 30 s: at once, and after 1, 2, 4 and 8 s more, jitter of a tenth; the one after 16 s perhaps.
    assert!((1 + 5..=1 + 6).contains(&line.fetches()), "{} fetches", line.fetches());
}

/// "one bad key rejects the whole set" (axum-jwt-auth, tower-oauth2-resource-server); "an unknown `kty` did so in
/// jsonwebtoken before 11".
#[tokio::test]
async fn bad_and_strange_keys_do_no_harm_to_the_good_one() {
    let issuer = TestIssuer::new();
    let line = Line::to(&issuer);
    let mut keys = vec![
        json!({"kty": "LATTICE", "kid": "new", "seed": "AAAA"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "off the curve", "x": encode([1; 32]), "y": encode([1; 32])}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "another curve", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "kid": "short", "n": encode([255; 64]), "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "half"}),
        json!({"kty": 7}),
        json!({}),
        json!(null),
        json!("key"),
        json!([]),
    ];
    keys.extend(issuer.jwks()["keys"].as_array().unwrap().clone());
    line.says(json!({"keys": keys, "more": true}).to_string());
    let verifier = line.loaded().await;
    assert_eq!(kids(&verifier), ["es256-1"]);
    assert_eq!(at_once(&verifier, &issuer.token().sign()), None);
}

/// "the same `kid` under two issuers mixed up" (keyfunc, get-jwks: cache key was a joined string).
#[tokio::test]
async fn the_same_key_id_at_two_issuers_is_two_keys() {
    // Their names run into the same string with the key's, too.
    let issuers = ["https://a.test", "https://a.test/es256-1", "https://a.tes"].map(TestIssuer::named);
    let mut builder = Verifier::builder().audience(AUDIENCE).clock(issuers[0].clock());
    for issuer in &issuers {
        builder = builder.issuer(Line::to(issuer).trusted());
    }
    let verifier = builder.build().unwrap();
    verifier.warm_up().await;
    for status in verifier.status().issuers {
        assert_eq!(status.key_ids, ["es256-1"], "{}", status.issuer);
    }
    for signer in &issuers {
        for named in &issuers {
            let token = signer.token().claim("iss", named.identifier()).sign();
            let expected = (signer.identifier() != named.identifier()).then_some(Reason::SignatureInvalid);
            let (signer, named) = (signer.identifier(), named.identifier());
            assert_eq!(at_once(&verifier, &token), expected, "{signer} as {named}");
        }
    }
}

/// "the JWKS address taken from the token's `iss` without a list" (a README of @fastify/jwt); "`jku` followed".
#[tokio::test]
async fn no_address_is_ever_taken_from_a_token() {
    let issuer = TestIssuer::new();
    let evil = TestIssuer::named("https://evil.test");
    let line = Line::to(&issuer);
    let jwk = evil.jwks()["keys"][0].clone();
    for (name, token, reason) in [
        ("iss", evil.token(), Reason::SignatureInvalid),
        ("an unknown kid", evil.token().kid("evil"), Reason::IssuerUnknown),
        (
            "jku",
            evil.token().claim("iss", issuer.identifier()).header("jku", "https://evil.test/jwks"),
            Reason::SignatureInvalid,
        ),
        (
            "x5u",
            evil.token().claim("iss", issuer.identifier()).header("x5u", "https://evil.test/x5u"),
            Reason::SignatureInvalid,
        ),
        ("jwk", evil.token().claim("iss", issuer.identifier()).header("jwk", jwk), Reason::SignatureInvalid),
    ] {
        let verifier = line.loaded().await;
        line.passes(seconds(10));
        assert_eq!(refusal(&verifier, &token.sign()).await, Some(reason), "{name}");
        settle().await;
    }
    let asked = line.asked.lock().unwrap();
    assert!(asked.iter().all(|url| url == "https://issuer.test/jwks"), "{asked:?}");
    assert_eq!(asked.len(), 5, "one for each verifier");
    assert_eq!(evil.fetches(), 0);
}

/// Serves on loopback until the test ends; its address.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, routes).into_future());
    format!("http://{address}")
}

/// A verifier that fetches over HTTP.
fn over_http(issuer: &TestIssuer, uri: &str) -> Verifier {
    let trusted = Issuer::jwks(issuer.identifier(), uri).unwrap();
    Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap()
}

fn last_error(status: &Status) -> &str {
    status.issuers[0].last_error.as_deref().unwrap_or_default()
}

/// "redirects followed, keys of a stranger trusted" (PyJWT CVE-2026-102267, oauth-resource-server, jwt-authorizer).
#[tokio::test]
async fn a_redirect_to_a_strangers_keys_is_not_followed() {
    let issuer = TestIssuer::new();
    let stranger = TestIssuer::new();
    let reached = Arc::new(AtomicUsize::new(0));
    let (set, count) = (stranger.jwks().to_string(), Arc::clone(&reached));
    let strangers = serve(Router::new().route(
        "/jwks",
        get(move || {
            count.fetch_add(1, Ordering::Relaxed);
            ready(set)
        }),
    ))
    .await;
    let redirect = get(move || ready(Redirect::temporary(&format!("{strangers}/jwks"))));
    let verifier =
        over_http(&issuer, &format!("{}/jwks", serve(Router::new().route("/jwks", redirect)).await));
    assert_eq!(refusal(&verifier, &stranger.token().sign()).await, Some(Reason::KeysUnavailable));
    assert_eq!(last_error(&verifier.status()), "redirect refused");
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

/// RFC 1952, its content stored and not compressed (RFC 1951 section 3.2.4). Nobody should come as far as its check sum.
fn stored(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend(content);
    file.extend([0; 8]);
    file
}

/// "a 64 MiB or a compressed key set taken whole" (tower-oauth2-resource-server, node clients).
#[tokio::test]
async fn a_huge_set_is_left_at_its_first_256_kib_and_a_compressed_one_is_not_unpacked() {
    let issuer = TestIssuer::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let (set, count) = (issuer.jwks().to_string(), Arc::clone(&sent));
    let huge = get(move || {
        let count = Arc::clone(&count);
        let blanks = std::iter::repeat_n(" ".repeat(64 * 1024), 1024);
        let pieces = std::iter::once(set.clone()).chain(blanks).map(move |piece| {
            count.fetch_add(piece.len(), Ordering::Relaxed);
            Ok::<_, Infallible>(piece)
        });
        ready(Body::from_stream(futures_util::stream::iter(pieces)))
    });
    let set = issuer.jwks().to_string();
    let packed = get(move || ready(([("content-encoding", "gzip")], stored(set.as_bytes()))));
    let base = serve(Router::new().route("/huge", huge).route("/packed", packed)).await;
    let verifier = over_http(&issuer, &format!("{base}/huge"));
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, Some(Reason::KeysUnavailable));
    assert_eq!(last_error(&verifier.status()), "more than 262144 bytes");
    assert!(sent.load(Ordering::Relaxed) < 16 * 1024 * 1024, "of 64 MiB, sockets hold a few");
    let verifier = over_http(&issuer, &format!("{base}/packed"));
    assert_eq!(refusal(&verifier, &issuer.token().sign()).await, Some(Reason::KeysUnavailable));
    assert!(last_error(&verifier.status()).starts_with("unusable: "), "{}", last_error(&verifier.status()));
}

/// "tenant down at start → 401 for ever" (Quarkus).
#[tokio::test]
async fn an_issuer_that_is_down_at_start_is_503_and_then_heals() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let app = app(&issuer);
    for _ in 0..3 {
        let response = send(&app, bearer("/", &issuer.token().sign())).await;
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        issuer.clock().advance(seconds(60));
    }
    issuer.recover();
    assert_eq!(send(&app, bearer("/", &issuer.token().sign())).await.status(), 200);
}

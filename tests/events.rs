//! The vocabulary at the top of `src/observe/mod.rs`: what an operator sees, and what nobody ever sees.
#![cfg(all(
    feature = "axum",
    feature = "remote",
    feature = "tracing",
    any(feature = "aws-lc-rs", feature = "rust-crypto")
))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, routing::get};
use http::{Request, header::AUTHORIZATION};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::yield_now;
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer, Claims, Issuer, Verifier,
    audit::EventLog,
    clock::Clock as _,
    guard::{GuardedRouter, guarded, named},
    issuer::{Tenant, Tenants},
    keys::{Algorithm, KeptKeys, KeyStore, StoreError, StoreFuture},
    policy::{Checks, Policies, authenticated, optional, role, scope},
    require,
    testing::{AUDIENCE, TestIssuer},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
    subscriber::Interest,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    registry::Registry,
};

// What is heard.

/// One event or span as it was written.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    level: Level,
    /// Of a span, its name.
    message: String,
    fields: BTreeMap<String, String>,
}

impl Heard {
    fn names(&self) -> Vec<&str> {
        self.fields.keys().map(String::as_str).collect()
    }
}

/// Writes down every event and span of our target, and the text of every one there is.
#[derive(Clone)]
struct Ear {
    up_to: Level,
    ours: Arc<Mutex<Vec<Heard>>>,
    spans: Arc<Mutex<Vec<Heard>>>,
    everything: Arc<Mutex<String>>,
}

/// The longest pause between two attempts.
const BACK_OFF: Duration = Duration::from_secs(61);

/// Whoever listens on a thread.
trait Listener {
    fn wants(&self, metadata: &Metadata<'_>) -> bool;
    fn hears(&self, event: &Event<'_>);
    fn hears_span(&self, _: &Attributes<'_>) {}
}

thread_local! {
    static LISTENER: RefCell<Option<Arc<dyn Listener>>> = const { RefCell::new(None) };
}

/// The one subscriber of the whole program: hands each event to its thread's listener.
///
/// A subscriber for each test would not do: an event's place asks once whether anybody listens, and where a single
/// subscriber is known, `tracing` asks the thread that came by first, which may be another test's.
struct Ears;

/// Before anything that may tell something.
fn open_ears() {
    static OPEN: Once = Once::new();
    OPEN.call_once(|| tracing::subscriber::set_global_default(Registry::default().with(Ears)).unwrap());
}

fn listener() -> Option<Arc<dyn Listener>> {
    LISTENER.with_borrow(Clone::clone)
}

impl<S: Subscriber> Layer<S> for Ears {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        listener().is_some_and(|listener| listener.wants(metadata))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(listener) = listener() {
            listener.hears(event);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if let Some(listener) = listener() {
            listener.hears_span(attributes);
        }
    }
}

/// Ends the listening on its thread.
struct Listening;

impl Listening {
    fn start(listener: impl Listener + 'static) -> Self {
        open_ears();
        LISTENER.set(Some(Arc::new(listener)));
        Self
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.set(None);
    }
}

impl Ear {
    /// Listens on this thread until the guard is dropped.
    fn listen(up_to: Level) -> (Self, Listening) {
        let ear = Self { up_to, ours: Arc::default(), spans: Arc::default(), everything: Arc::default() };
        let guard = Listening::start(ear.clone());
        (ear, guard)
    }

    /// What was heard since the last time.
    fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut self.ours.lock().unwrap())
    }

    fn all(&self, message: &str) -> Vec<Heard> {
        self.take().into_iter().filter(|heard| heard.message == message).collect()
    }

    /// The one event with this message.
    #[track_caller]
    fn only(&self, message: &str) -> Heard {
        let mut heard = self.all(message);
        assert_eq!(heard.len(), 1, "{message}: {heard:?}");
        heard.remove(0)
    }
}

impl Listener for Ear {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.up_to
    }

    fn hears(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut everything = self.everything.lock().unwrap();
        everything.push_str(&format!("{} {:?}\n", event.metadata().target(), fields.0));
        if ["tower_bearer", "tower_bearer::audit"].contains(&event.metadata().target()) {
            let message = fields.0.remove("message").unwrap_or_default();
            let level = *event.metadata().level();
            self.ours.lock().unwrap().push(Heard { level, message, fields: fields.0 });
        }
    }

    fn hears_span(&self, attributes: &Attributes<'_>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let (metadata, parentless) = (attributes.metadata(), attributes.is_root());
        let text = format!("{} {} {:?}\n", metadata.target(), metadata.name(), fields.0);
        self.everything.lock().unwrap().push_str(&text);
        if metadata.target() == "tower_bearer" {
            assert!(parentless, "{text} has a parent");
            let (level, message) = (*metadata.level(), metadata.name().to_owned());
            self.spans.lock().unwrap().push(Heard { level, message, fields: fields.0 });
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn event(level: Level, message: &str, pairs: &[(&str, &str)]) -> Heard {
    Heard { level, message: message.to_owned(), fields: fields(pairs) }
}

// What is written down: the table in the source.

/// A row of the table: the levels that its words name, and its fields.
struct Documented {
    levels: Vec<Level>,
    fields: BTreeSet<String>,
}

/// The table of events at the top of `src/observe/mod.rs`, by message.
fn vocabulary() -> BTreeMap<String, Documented> {
    let table = documented("message");
    assert_eq!(table.len(), 16, "the table was not read");
    table
}

/// One of its tables, by the word above its first column.
fn documented(head: &str) -> BTreeMap<String, Documented> {
    let source = include_str!("../src/observe/mod.rs");
    let start = format!("//! | {head} |");
    let below = source.lines().skip_while(|line| !line.starts_with(&start));
    let rows = below.take_while(|line| line.starts_with("//! |"));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut table = BTreeMap::new();
    for line in rows.filter_map(|line| line.strip_prefix("//! | `")) {
        let mut cells = line.split(" | ");
        let message = cells.next().unwrap().trim_end_matches('`').to_owned();
        let words = cells.next().unwrap();
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        let levels = levels.into_iter().filter(|level| words.contains(level.as_str())).collect();
        table.insert(message, Documented { levels, fields: quoted(cells.next().unwrap()) });
    }
    table
}

#[track_caller]
fn is_in_the_vocabulary(heard: &Heard) {
    is_in(&vocabulary(), heard);
}

#[track_caller]
fn is_in(table: &BTreeMap<String, Documented>, heard: &Heard) {
    let documented = table.get(&heard.message).unwrap_or_else(|| panic!("{heard:?} is in no row"));
    assert!(documented.levels.contains(&heard.level), "{heard:?}");
    assert_eq!(heard.names(), documented.fields.iter().map(String::as_str).collect::<Vec<_>>(), "{heard:?}");
}

// The service that is asked.

#[derive(serde::Deserialize)]
struct Staff {}

async fn ok() -> &'static str {
    "ok"
}

fn routes() -> Router {
    open_ears();
    Router::new()
        .route("/", get(ok))
        .route("/read", get(ok).route_layer(require(scope("orders:read") & role("clerk"))))
        .route("/authenticated", get(ok).route_layer(require(authenticated())))
        .route("/optional", get(ok).route_layer(require(optional("prices differ"))))
        .route("/claims", get(|_: Claims| ok()))
        .route("/staff", get(|_: Claims<Staff>| ok()))
        .route("/maybe-staff", get(|_: Option<Claims<Staff>>| ok()))
}

async fn ask(app: &Router, path: &str, headers: &[String]) -> u16 {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for header in headers {
        request.headers_mut().append(AUTHORIZATION, header.parse().unwrap());
    }
    app.clone().oneshot(request).await.unwrap().status().as_u16()
}

fn bearer(token: &str) -> Vec<String> {
    vec![format!("Bearer {token}")]
}

async fn loaded(issuer: &TestIssuer) -> Verifier {
    open_ears();
    let verifier = issuer.verifier().build().unwrap();
    assert!(verifier.warm_up().await.is_ready());
    verifier
}

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

// Row by row.

#[tokio::test]
async fn a_refused_request_is_told_with_kind_and_reason() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    for (name, headers, level, kind, reason) in [
        ("no token", vec![], Level::DEBUG, "missing_token", "missing_token"),
        ("malformed", vec!["Bearer".into()], Level::INFO, "invalid_request", "empty_token"),
        ("no JWS", bearer("abc"), Level::INFO, "invalid_token", "not_a_jws"),
        ("expired", bearer(&issuer.token().expired().sign()), Level::INFO, "invalid_token", "exp_past"),
        (
            "an unknown key",
            bearer(&issuer.token().header("kid", "x").sign()),
            Level::INFO,
            "invalid_token",
            "key_unknown",
        ),
    ] {
        ask(&app, "/", &headers).await;
        let heard = ear.only("request refused");
        assert_eq!(heard, event(level, "request refused", &[("kind", kind), ("reason", reason)]), "{name}");
        is_in_the_vocabulary(&heard);
    }
}

#[tokio::test]
async fn an_outage_is_told_as_unavailable() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let app = routes().layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    assert_eq!(ask(&app, "/", &bearer(&issuer.token().sign())).await, 503);
    let heard = ear.only("request refused");
    let expected = [("kind", "unavailable"), ("reason", "keys_unavailable")];
    assert_eq!(heard, event(Level::INFO, "request refused", &expected));
}

#[tokio::test]
async fn a_good_request_is_told_to_nobody() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    assert_eq!(ask(&app, "/", &bearer(&issuer.token().sign())).await, 200);
    assert_eq!(ear.take(), []);
}

#[tokio::test]
async fn what_a_refused_token_looked_like_is_told_at_debug() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let token = issuer.token().audience("account").typ("JWT").header("kid", "a\nb").sign();
    ask(&app, "/", &bearer(&token)).await;
    let heard = ear.only("token looked like");
    let expected = [
        ("iss", "https://issuer.test"),
        ("aud", "account"),
        ("typ", "JWT"),
        ("alg", "ES256"),
        ("kid", "a\\nb"),
    ];
    assert_eq!(heard, event(Level::DEBUG, "token looked like", &expected));
    is_in_the_vocabulary(&heard);
}

#[tokio::test]
async fn what_is_shown_of_a_token_is_escaped_and_cut_at_64_bytes() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let token = issuer
        .token()
        .claim("iss", "i".repeat(1000))
        .claim("aud", vec!["\u{1b}[31m".to_owned(), "a".repeat(1000)])
        .header("kid", "é".repeat(1000))
        .header("typ", "\r\n".repeat(1000));
    ask(&app, "/", &bearer(&token.sign())).await;
    for (name, value) in ear.only("token looked like").fields {
        let bare = value.trim_end_matches('…');
        assert!(bare.len() <= 64, "{name} has {} bytes", bare.len());
        assert!(!value.contains(char::is_control), "{name}: {value:?}");
    }
}

#[tokio::test]
async fn nothing_is_shown_of_a_token_unless_debug_is_listened_to() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::INFO);
    ask(&app, "/", &bearer(&issuer.token().expired().sign())).await;
    let heard: Vec<_> = ear.take().into_iter().map(|heard| heard.message).collect();
    assert_eq!(heard, ["request refused"]);
}

#[tokio::test]
async fn a_denial_is_told_with_the_policy_and_not_with_the_caller() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await).optional());
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let policy = "scope(orders:read) & role(clerk)";
    for (name, headers, level, reason) in [
        ("a caller", bearer(&issuer.token().sign()), Level::INFO, "policy_not_met"),
        ("nobody", vec![], Level::DEBUG, "policy_needs_token"),
    ] {
        ask(&app, "/read", &headers).await;
        let heard = ear.only("policy denied");
        assert_eq!(heard, event(level, "policy denied", &[("reason", reason), ("policy", policy)]), "{name}");
        is_in_the_vocabulary(&heard);
    }
}

#[tokio::test]
async fn a_policy_that_reports_only_is_loud_at_start_and_tells_what_it_would_have_refused() {
    let issuer = TestIssuer::new();
    let verifier = loaded(&issuer).await;
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let layer = require(optional("prices differ")).reporting(scope("prices:read"));
    let both = [("policy", r#"optional("prices differ")"#), ("report_only", "scope(prices:read)")];
    let pairs = |first| [&[first], &both[..]].concat();
    let heard = ear.only("policy reports only");
    assert_eq!(heard, event(Level::WARN, "policy reports only", &pairs(("name", "unnamed"))));
    is_in_the_vocabulary(&heard);

    let app = Router::new().route("/", get(ok).route_layer(layer));
    let app = app.layer(AuthenticateLayer::new(verifier).optional());
    for (name, headers, level, reason) in [
        ("a caller", bearer(&issuer.token().scope("x").sign()), Level::INFO, "policy_not_met"),
        ("nobody", vec![], Level::DEBUG, "policy_needs_token"),
    ] {
        assert_eq!(ask(&app, "/", &headers).await, 200, "{name}");
        let heard = ear.only("policy would deny");
        assert_eq!(heard, event(level, "policy would deny", &pairs(("reason", reason))), "{name}");
        is_in_the_vocabulary(&heard);
    }
    assert_eq!(ask(&app, "/", &bearer(&issuer.token().scope("prices:read").sign())).await, 200);
    assert_eq!(ear.take(), []);
}

#[test]
fn a_reload_is_told_and_so_is_one_that_changed_nothing() {
    open_ears();
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(named("a"), ok))
        .route("/b", guarded::get(named("b"), ok));
    let policies = |a: &str, b: &str| -> Policies {
        let b = serde_json::json!({"policy": b, "report_only": "scope(b) & role(r)"});
        serde_json::from_value(serde_json::json!({"a": a, "b": b})).unwrap()
    };
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let (_, live) = routes.with_policies(&policies("scope(a)", "scope(b)"), Checks::new()).unwrap();
    let heard = ear.only("policy reports only");
    let pairs = [("name", "b"), ("policy", "scope(b)"), ("report_only", "scope(b) & role(r)")];
    assert_eq!(heard, event(Level::WARN, "policy reports only", &pairs));

    live.reload(&policies("scope(x)", "scope(b)")).unwrap();
    let heard = ear.only("policies reloaded");
    assert_eq!(heard, event(Level::INFO, "policies reloaded", &[("policies", "2"), ("changed", "1")]));
    is_in_the_vocabulary(&heard);

    let error = live.reload(&policies("scope(", "scope(b)")).unwrap_err();
    let heard = ear.only("policies kept");
    assert_eq!(heard, event(Level::WARN, "policies kept", &[("error", &error.to_string())]));
    is_in_the_vocabulary(&heard);
}

#[tokio::test]
async fn a_wrong_wiring_is_an_error_that_says_what_was_forgotten() {
    let issuer = TestIssuer::new();
    let bare = routes();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    for (name, app, path, reason, forgotten) in [
        ("an extractor", &bare, "/claims", "layer_missing", "AuthenticateLayer"),
        ("a policy", &bare, "/read", "layer_missing", "scope(orders:read) & role(clerk)"),
        ("another type", &app, "/staff", "claims_type_differs", "Staff"),
        ("another type, as Option", &app, "/maybe-staff", "claims_type_differs", ".claims::<"),
    ] {
        assert_eq!(ask(app, path, &bearer(&issuer.token().sign())).await, 500, "{name}");
        let heard = ear.only("wired wrong");
        assert_eq!((heard.level, heard.fields["reason"].as_str()), (Level::ERROR, reason), "{name}");
        assert!(heard.fields["forgotten"].contains(forgotten), "{name}: {heard:?}");
        is_in_the_vocabulary(&heard);
    }
}

#[test]
fn a_missing_runtime_is_an_error_that_says_so() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let _ = futures_util::FutureExt::now_or_never(verifier.verify(&issuer.token().sign()));
    let heard = ear.only("wired wrong");
    assert_eq!((heard.level, heard.fields["reason"].as_str()), (Level::ERROR, "runtime_missing"));
    assert!(heard.fields["forgotten"].contains("tokio runtime"), "{heard:?}");
    is_in_the_vocabulary(&heard);
}

#[tokio::test]
async fn a_refresh_is_told_at_info_only_when_something_changed() {
    let issuer = TestIssuer::new();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let verifier = issuer.verifier().build().unwrap();
    let told = |level, keys, [first, rotated, recovered]: [&str; 3]| {
        let pairs = [
            ("issuer", "https://issuer.test"),
            ("keys", keys),
            ("skipped", "0"),
            ("first", first),
            ("rotated", rotated),
            ("recovered", recovered),
        ];
        event(level, "keys refreshed", &pairs)
    };
    verifier.warm_up().await;
    let first = ear.only("keys refreshed");
    assert_eq!(first, told(Level::INFO, "1", ["true", "false", "false"]));
    is_in_the_vocabulary(&first);
    verifier.warm_up().await;
    assert_eq!(
        ear.only("keys refreshed"),
        told(Level::DEBUG, "1", ["false", "false", "false"]),
        "nothing changed"
    );
    issuer.rotate();
    verifier.warm_up().await;
    assert_eq!(ear.only("keys refreshed"), told(Level::INFO, "2", ["false", "true", "false"]), "a key more");
    issuer.fail();
    verifier.warm_up().await;
    issuer.recover();
    issuer.clock().advance(BACK_OFF);
    verifier.warm_up().await;
    assert_eq!(
        ear.only("keys refreshed"),
        told(Level::INFO, "2", ["false", "false", "true"]),
        "the outage is over"
    );
}

#[tokio::test]
async fn keys_that_were_skipped_are_counted() {
    let issuer = TestIssuer::new();
    let jwks =
        serde_json::json!({"keys": [issuer.jwks()["keys"][0], {"kty": "oct", "k": "AAAA"}, {"kty": "new"}]});
    let fetch = move || tower_bearer::keys::Fetched::new(jwks.to_string());
    let trusted =
        Issuer::jwks("https://issuer.test", "https://issuer.test/jwks").unwrap().fetch(Always(fetch));
    let verifier = Verifier::builder().issuer(trusted).audience(AUDIENCE).build().unwrap();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    verifier.warm_up().await;
    let heard = ear.only("keys refreshed");
    assert_eq!((heard.fields["keys"].as_str(), heard.fields["skipped"].as_str()), ("1", "2"));
}

struct Always<F>(F);

impl<F: Fn() -> tower_bearer::keys::Fetched + Send + Sync + 'static> tower_bearer::keys::Fetch for Always<F> {
    fn fetch<'a>(&'a self, _: &'a tower_bearer::keys::FetchRequest) -> tower_bearer::keys::FetchFuture<'a> {
        Box::pin(std::future::ready(Ok(self.0())))
    }
}

#[tokio::test]
async fn a_failure_warns_once_and_its_repetitions_are_for_who_debugs() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let failed = |level| {
        event(level, "key refresh failed", &[("issuer", "https://issuer.test"), ("error", "status 503")])
    };
    issuer.fail();
    for expected in [Level::WARN, Level::DEBUG, Level::DEBUG] {
        issuer.clock().advance(BACK_OFF);
        verifier.warm_up().await;
        let heard = ear.only("key refresh failed");
        assert_eq!(heard, failed(expected));
        is_in_the_vocabulary(&heard);
    }
    issuer.recover();
    issuer.clock().advance(BACK_OFF);
    verifier.warm_up().await;
    issuer.fail();
    verifier.warm_up().await;
    assert_eq!(ear.only("key refresh failed"), failed(Level::WARN), "a new outage is said aloud again");
}

#[tokio::test]
async fn another_failure_warns_anew() {
    let issuer = TestIssuer::new();
    let answers = Arc::new(Mutex::new(String::new()));
    let said = Arc::clone(&answers);
    let fetch = Always(move || tower_bearer::keys::Fetched::new(said.lock().unwrap().clone()));
    let trusted = Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap().fetch(fetch);
    let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let verifier = builder.build().unwrap();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    for (name, answer, level) in [
        ("garbage", "<html>", Level::WARN),
        ("garbage again", "<html>", Level::DEBUG),
        ("an empty set", r#"{"keys":[]}"#, Level::WARN),
        ("garbage once more", "<html>", Level::WARN),
    ] {
        *answers.lock().unwrap() = answer.to_owned();
        issuer.clock().advance(BACK_OFF);
        verifier.warm_up().await;
        assert_eq!(ear.only("key refresh failed").level, level, "{name}");
    }
}

#[tokio::test]
async fn each_fetch_has_one_span_that_names_its_issuer_and_is_no_part_of_the_request_that_began_it() {
    use tracing::Instrument as _;
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let (ear, _guard) = Ear::listen(Level::INFO);
    let spans = documented("span");
    assert_eq!(spans.len(), 1, "the table was not read");
    let expected = event(Level::INFO, "key refresh", &[("issuer", "https://issuer.test")]);
    for (name, down) in [("a good fetch", false), ("a failed one", true)] {
        if down {
            issuer.fail();
            issuer.clock().advance(Duration::from_secs(9000));
        }
        let request = tracing::info_span!(target: "the application", "request");
        ask(&app, "/", &bearer(&issuer.token().sign())).instrument(request).await;
        settle().await;
        let heard = std::mem::take(&mut *ear.spans.lock().unwrap());
        assert_eq!(heard, std::slice::from_ref(&expected), "{name}");
        is_in(&spans, &heard[0]);
    }
}

#[tokio::test]
async fn a_request_that_needs_no_fetch_opens_no_span() {
    let issuer = TestIssuer::new();
    let app = routes().layer(AuthenticateLayer::new(loaded(&issuer).await));
    let (ear, _guard) = Ear::listen(Level::TRACE);
    assert_eq!(ask(&app, "/", &bearer(&issuer.token().sign())).await, 200);
    assert_eq!(ask(&app, "/", &bearer("abc")).await, 401);
    assert_eq!(*ear.spans.lock().unwrap(), []);
}

#[tokio::test]
async fn an_outage_warns_once_however_many_requests_meet_it() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let app = routes().layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let (ear, _guard) = Ear::listen(Level::WARN);
    for _ in 0..20 {
        assert_eq!(ask(&app, "/", &bearer(&issuer.token().sign())).await, 503);
        issuer.clock().advance(Duration::from_secs(7));
    }
    assert_eq!(ear.take().len(), 1);
}

#[test]
fn plain_http_is_said_aloud_at_start() {
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let issuer = Issuer::discover("http://keycloak:8080/realms/acme").unwrap();
    let build = |issuer| Verifier::builder().issuer(issuer).audience(AUDIENCE).build();
    assert!(build(issuer.clone()).is_err());
    assert_eq!(ear.take(), [], "nothing was started");
    build(issuer.danger_allow_http()).unwrap();
    let heard = ear.only("plain http allowed");
    let expected = [("issuer", "http://keycloak:8080/realms/acme")];
    assert_eq!(heard, event(Level::WARN, "plain http allowed", &expected));
    is_in_the_vocabulary(&heard);
}

#[tokio::test]
async fn a_resolver_that_fails_is_told_once_and_its_recovery_too() {
    let down = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&down);
    let tenants = Tenants::new("https://id.example.com/{tenant}", move |tenant: Tenant| {
        let down = state.load(Ordering::Relaxed);
        async move { if down { Err(format!("no database for {}", tenant.name())) } else { Ok(None) } }
    });
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let stranger = TestIssuer::new();
    let verifier = Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(stranger.clock());
    let verifier = verifier.build().unwrap();
    let ask = async |tenant: &str| {
        let token = stranger.token().claim("iss", format!("https://id.example.com/{tenant}")).sign();
        assert!(verifier.verify(&token).await.is_err());
    };
    for (tenant, level) in [("a", Level::WARN), ("b", Level::DEBUG), ("c", Level::DEBUG)] {
        ask(tenant).await;
        let heard = ear.only("tenant resolver failed");
        let error = format!("transport: no database for {tenant}");
        let expected = [("tenants", "https://id.example.com/{tenant}"), ("error", &*error)];
        assert_eq!(heard, event(level, "tenant resolver failed", &expected));
        is_in_the_vocabulary(&heard);
    }
    down.store(false, Ordering::Relaxed);
    ask("healed").await;
    let heard = ear.only("tenant resolver recovered");
    let expected = [("tenants", "https://id.example.com/{tenant}")];
    assert_eq!(heard, event(Level::INFO, "tenant resolver recovered", &expected));
    ask("another").await;
    assert!(ear.all("tenant resolver recovered").is_empty());
}

/// Whoever sends tokens chooses the names, and a resolver that trusts everybody lets each of them cost a fetch.
#[tokio::test]
async fn keys_of_invented_tenants_that_cannot_be_fetched_are_told_once_a_minute() {
    let stranger = TestIssuer::new();
    let tenants = Tenants::new("https://id.example.com/{tenant}", |tenant: Tenant| {
        let issuer = TestIssuer::named(tenant.issuer());
        issuer.fail();
        async move { Ok::<_, Infallible>(Some(issuer.issuer())) }
    });
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let verifier = Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(stranger.clock());
    let verifier = verifier.build().unwrap();
    for (seconds, tenant, level) in
        [(0, "a", Level::WARN), (0, "b", Level::DEBUG), (59, "c", Level::DEBUG), (1, "d", Level::WARN)]
    {
        stranger.clock().advance(Duration::from_secs(seconds));
        let token = stranger.token().claim("iss", format!("https://id.example.com/{tenant}")).sign();
        assert!(verifier.verify(&token).await.is_err());
        assert_eq!(ear.only("key refresh failed").level, level, "{tenant}");
    }
}

/// Has a set of half an hour ago, and no room for another.
struct FullStore {
    document: String,
    fetched_at: Duration,
}

impl KeyStore for FullStore {
    fn load<'a>(&'a self, issuer: &'a str) -> StoreFuture<'a, Option<KeptKeys>> {
        let uri = format!("{issuer}/jwks");
        let mut kept = KeptKeys::new(issuer, uri, self.document.clone(), self.fetched_at);
        kept.place = format!("{issuer}/.well-known/openid-configuration");
        Box::pin(async { Ok(Some(kept)) })
    }

    fn save<'a>(&'a self, _: &'a str, _: &'a KeptKeys) -> StoreFuture<'a, ()> {
        Box::pin(async { Err(StoreError::Failed("no space left".into())) })
    }

    fn forget<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn keys_of_an_earlier_process_are_told_and_so_is_a_store_that_fails() {
    open_ears();
    let issuer = TestIssuer::new();
    let fetched_at = issuer.clock().wall();
    issuer.clock().advance(Duration::from_secs(1800));
    let store = FullStore { document: issuer.jwks().to_string(), fetched_at };
    let verifier = Verifier::builder().issuer(issuer.issuer().key_store(store)).audience(AUDIENCE);
    let verifier = verifier.clock(issuer.clock()).build().unwrap();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    assert!(verifier.verify(&issuer.token().sign()).await.is_ok());
    settle().await;
    let heard = ear.take();
    let expected = [
        event(
            Level::INFO,
            "keys recalled",
            &[("issuer", "https://issuer.test"), ("keys", "1"), ("age", "1800")],
        ),
        event(
            Level::WARN,
            "key store failed",
            &[("issuer", "https://issuer.test"), ("error", "store failed: no space left")],
        ),
    ];
    for expected in expected {
        assert!(heard.contains(&expected), "{heard:?}");
        is_in_the_vocabulary(&expected);
    }
}

#[tokio::test]
async fn plain_http_is_said_aloud_for_tenants_once() {
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let clock = TestIssuer::new().clock();
    let tenants = Tenants::new("http://keycloak:8080/realms/{tenant}", |tenant: Tenant| {
        let issuer = TestIssuer::named(tenant.issuer()).issuer().danger_allow_http();
        async move { Ok::<_, std::io::Error>(Some(issuer)) }
    });
    let verifier = Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock).build().unwrap();
    for tenant in ["acme", "other"] {
        let token = TestIssuer::named(&format!("http://keycloak:8080/realms/{tenant}")).token().sign();
        assert!(verifier.verify(&token).await.is_err(), "another's keys");
    }
    let heard = ear.only("plain http allowed");
    let expected = [("issuer", "http://keycloak:8080/realms/{tenant}")];
    assert_eq!(heard, event(Level::WARN, "plain http allowed", &expected));
}

#[tokio::test]
async fn callers_cannot_choose_how_often_a_resolvers_failure_is_told_aloud() {
    let (ear, _guard) = Ear::listen(Level::INFO);
    let forger = TestIssuer::named("https://forger.test");
    // Some names are set up wrong, and others are nobody's.
    let tenants = Tenants::new("https://id.example.com/{tenant}", |tenant: Tenant| {
        let is_bad = tenant.name().starts_with("bad");
        let issuer =
            is_bad.then(|| Issuer::discover(tenant.issuer()).unwrap().key_ttl(Duration::from_secs(2)));
        async move { Ok::<_, std::io::Error>(issuer) }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(forger.clock()).build().unwrap();
    for number in 0..50 {
        for name in ["bad", "none"] {
            let token = forger.token().claim("iss", format!("https://id.example.com/{name}{number}")).sign();
            assert!(verifier.verify(&token).await.is_err());
        }
    }
    let heard = ear.take();
    let told = |message: &str| heard.iter().filter(|heard| heard.message == message).count();
    assert_eq!((told("tenant resolver failed"), told("tenant resolver recovered")), (1, 1));
    assert!(
        heard
            .iter()
            .all(|heard| heard.message == "request refused" || !format!("{heard:?}").contains("bad7"))
    );
}

/// Removes an issuer as soon as something is told.
struct Remover {
    verifier: Mutex<Option<Verifier>>,
}

impl Listener for Remover {
    fn wants(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn hears(&self, event: &Event<'_>) {
        let ours = event.metadata().target() == "tower_bearer";
        let verifier = if ours { self.verifier.lock().unwrap().take() } else { None };
        if let Some(verifier) = verifier {
            verifier.remove_issuer("https://other.test");
        }
    }
}

#[test]
fn whoever_listens_may_remove_an_issuer_while_another_is_added() {
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let verifier = TestIssuer::new().verifier().build().unwrap();
        let _guard = Listening::start(Remover { verifier: Mutex::new(Some(verifier.clone())) });
        let issuer = TestIssuer::named("http://keycloak:8080/x").issuer().danger_allow_http();
        let _ = done.send(verifier.add_issuer(issuer).is_ok());
    });
    let added = waiting.recv_timeout(Duration::from_secs(10));
    assert_eq!(added, Ok(true), "an event was told under a lock");
}

/// Asks the verifier how it is whenever something is told: a metrics layer might.
struct Curious {
    verifier: Arc<Mutex<Option<Verifier>>>,
}

impl Listener for Curious {
    fn wants(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn hears(&self, event: &Event<'_>) {
        if event.metadata().target() == "tower_bearer" {
            let verifier = self.verifier.lock().unwrap().clone();
            assert!(verifier.is_none_or(|verifier| verifier.status().issuers.len() == 1));
        }
    }
}

#[test]
fn whoever_listens_may_look_at_the_status() {
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let slot = Arc::new(Mutex::new(None));
        let curious = Curious { verifier: Arc::clone(&slot) };
        let _guard = Listening::start(curious);
        let issuer = TestIssuer::new();
        let verifier = issuer.verifier().build().unwrap();
        *slot.lock().unwrap() = Some(verifier.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            verifier.warm_up().await;
            issuer.fail();
            verifier.warm_up().await;
        });
        let _ = done.send(());
    });
    assert!(waiting.recv_timeout(Duration::from_secs(10)).is_ok(), "an event was told under a lock");
}

// What nobody ever sees.

const SECRET: &str = "5f2a-do-not-log-me";

/// Requests of every fate, each full of things that belong in no log.
fn corpus(issuer: &TestIssuer) -> Vec<(&'static str, &'static str, Vec<String>)> {
    let token = || {
        let named = |name: &str| format!("{name}-{SECRET}");
        issuer
            .token()
            .subject(&named("sub"))
            .claim("email", named("email"))
            .claim("jti", named("jti"))
            .claim("client_id", named("client"))
            .claim("roles", vec![named("role")])
            .claim("groups", vec![named("group")])
            .claim("nested", serde_json::json!({"deep": [named("nested")]}))
            .scope(&named("scope"))
            .header("x5u", named("x5u"))
            .header("jku", named("jku"))
    };
    let good = token().sign();
    let stranger = TestIssuer::new();
    let forged = format!(
        "{}.{}",
        good.rsplit_once('.').unwrap().0,
        stranger.token().sign().rsplit('.').next().unwrap()
    );
    let later = 4_102_444_800u64;
    let named = |name: &str| format!("{name}-{SECRET}");
    vec![
        ("a good one", "/", bearer(&good)),
        ("denied", "/read", bearer(&good)),
        ("wired wrong", "/staff", bearer(&good)),
        ("expired", "/", bearer(&token().expired().sign())),
        ("not yet", "/", bearer(&token().claim("nbf", later).sign())),
        ("of another audience", "/", bearer(&token().audience("account").sign())),
        ("of another issuer", "/", bearer(&token().claim("iss", "https://evil.test").sign())),
        ("of another typ", "/", bearer(&token().typ("dpop+jwt").sign())),
        ("alg none", "/", bearer(&token().header("alg", "none").sign())),
        ("an unknown kid", "/", bearer(&token().header("kid", "unknown").sign())),
        ("a wrong signature", "/", bearer(&forged)),
        ("a bound one", "/", bearer(&token().claim("cnf", named("cnf")).sign())),
        ("an ID token", "/", bearer(&token().claim("at_hash", named("hash")).sign())),
        ("times that are texts", "/", bearer(&token().claim("exp", named("exp")).sign())),
        ("a subject that is none", "/", bearer(&token().claim("sub", vec![named("sub")]).sign())),
        (
            "claims twice",
            "/",
            bearer(&token().sign_payload(format!(r#"{{"a":"{SECRET}","a":1}}"#).as_bytes())),
        ),
        ("no JSON", "/", bearer(&token().sign_payload(SECRET.as_bytes()))),
        ("no JWS", "/", bearer(&named("opaque"))),
        ("two headers", "/", [bearer(&good), bearer(&good)].concat()),
        ("illegal characters", "/", vec![format!("Bearer {SECRET} {SECRET}")]),
        ("a password", "/", vec![format!("Basic {SECRET}")]),
        ("HMAC", "/", bearer(&token().algorithm(Algorithm::HS256).sign())),
        ("without a layer", "bare/claims", bearer(&good)),
        ("without a layer for a policy", "bare/read", bearer(&good)),
    ]
}

#[tokio::test]
async fn no_event_ever_contains_a_token_a_secret_or_the_value_of_a_claim() {
    let issuer = TestIssuer::new();
    let (ear, _guard) = Ear::listen(Level::TRACE);
    let hmac =
        Issuer::hmac("https://hmac.test", format!("{SECRET}{SECRET}").as_bytes(), Algorithm::HS256).unwrap();
    let verifiers = [
        ("one issuer", issuer.verifier().build().unwrap()),
        ("two issuers", issuer.verifier().issuer(hmac).build().unwrap()),
        ("strict", issuer.verifier().strict().build().unwrap()),
    ];
    let mut told = BTreeSet::new();
    for (setup, verifier) in verifiers {
        let app = routes().layer(AuthenticateLayer::new(verifier.clone()).observer(EventLog));
        // Healthy, then waiting for a fetch, then in an outage.
        for state in ["healthy", "stale", "down"] {
            match state {
                "stale" => issuer.clock().advance(Duration::from_secs(700)),
                "down" => {
                    issuer.fail();
                    issuer.clock().advance(Duration::from_secs(9000));
                }
                _ => {
                    issuer.recover();
                    issuer.clock().advance(Duration::from_secs(61));
                }
            }
            for (name, path, headers) in corpus(&issuer) {
                let app = if path.starts_with("bare") { &routes() } else { &app };
                ask(app, path.trim_start_matches("bare"), &headers).await;
                settle().await;
                let heard = std::mem::take(&mut *ear.everything.lock().unwrap());
                assert!(!heard.contains("do-not-log-me"), "{setup}, {state}, {name}: {heard}");
                for part in headers.iter().flat_map(|header| header.split([' ', '.'])) {
                    let whole = part.len() > 8 && heard.contains(part);
                    assert!(!whole, "{setup}, {state}, {name}: {part} in {heard}");
                    let start = part.get(..24).is_some_and(|start| heard.contains(start));
                    assert!(!start, "{setup}, {state}, {name}: the start of {part} in {heard}");
                }
            }
        }
    }
    for heard in ear.take() {
        is_in_the_vocabulary(&heard);
        told.insert(heard.message);
    }
    let missing: Vec<_> = vocabulary().into_keys().filter(|message| !told.contains(message)).collect();
    let elsewhere = [
        "key store failed",
        "keys recalled",
        "plain http allowed",
        "policies kept",
        "policies reloaded",
        "policy reports only",
        "policy would deny",
        "tenant resolver failed",
        "tenant resolver recovered",
    ];
    assert_eq!(missing, elsewhere, "the corpus is not what it was");
}

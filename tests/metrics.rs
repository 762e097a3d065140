//! The tables of metrics at the top of `src/observe/mod.rs`: what is counted, where and how often, and that no token
//! can make a series of its own. Read as a scraper reads it, through a recorder that we did not write.
#![cfg(all(
    feature = "metrics",
    feature = "axum",
    feature = "remote",
    any(feature = "aws-lc-rs", feature = "rust-crypto")
))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, routing::get};
use futures_util::FutureExt as _;
use http::{Request, header::AUTHORIZATION};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims, Issuer, Verifier,
    error::{AuthErrorKind, Reason},
    issuer::{Tenant, Tenants},
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest, Fetched, KeySet},
    policy::{authenticated, role, scope},
    require,
    testing::{AUDIENCE, TestIssuer},
};

const DECISIONS: &str = "tower_bearer_decisions_total";
const REPORTS: &str = "tower_bearer_report_only_total";
const REFRESHES: &str = "tower_bearer_key_refreshes_total";
const AGE: &str = "tower_bearer_key_set_age_seconds";
const KEYS: &str = "tower_bearer_key_set_keys";
const STATE: &str = "tower_bearer_key_set_state";

const ISSUER: &str = "https://issuer.test";
/// The longest pause between two attempts.
const BACK_OFF: Duration = Duration::from_secs(61);

// What is scraped.

/// A metric's name and its labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Series { name: name.to_owned(), labels }
}

fn decision(layer: &str, outcome: &str, reason: &str) -> Series {
    series(DECISIONS, &[("layer", layer), ("outcome", outcome), ("reason", reason)])
}

type Scrape = BTreeMap<Series, f64>;

/// Records what this thread does, background tasks of its runtime included.
struct Scraper {
    recorder: PrometheusRecorder,
}

impl Scraper {
    fn new() -> Self {
        Self { recorder: PrometheusBuilder::new().build_recorder() }
    }

    fn start(&self) -> metrics::LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.recorder)
    }

    fn text(&self) -> String {
        self.recorder.handle().render()
    }

    fn scrape(&self) -> Scrape {
        let text = self.text();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(read_line).collect()
    }

    /// The counters of this name that are not at nothing.
    fn counted(&self, name: &str) -> Scrape {
        self.scrape().into_iter().filter(|(series, value)| series.name == name && *value != 0.0).collect()
    }

    #[track_caller]
    fn value(&self, series: &Series) -> f64 {
        let scrape = self.scrape();
        *scrape.get(series).unwrap_or_else(|| panic!("no {series:?} in {scrape:#?}"))
    }

    /// The state that the issuer's keys are in.
    #[track_caller]
    fn state(&self, issuer: &str) -> String {
        let scrape = self.counted(STATE);
        let mut on = scrape.keys().filter(|series| series.labels["issuer"] == issuer);
        let state = on.next().expect("it is in some state").labels["state"].clone();
        assert_eq!(on.next(), None, "it is in two states");
        state
    }
}

/// `name{label="value",…} 1`; none of our values has a quote.
fn read_line(line: &str) -> (Series, f64) {
    let (what, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = what.split_once('{').unwrap_or((what, ""));
    let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
    let labels: Vec<_> = labels.map(|label| label.split_once("=\"").unwrap()).collect();
    let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.trim_end_matches('"'))).collect();
    (series(name, &labels), value.parse().unwrap())
}

#[track_caller]
fn assert_counted(scraper: &Scraper, name: &str, expected: &[(Series, f64)]) {
    assert_eq!(scraper.counted(name), expected.iter().cloned().collect());
}

// What is written down: the tables in the source.

/// The rows of the table with this word above its first column: each row's name, and the quoted words of its last cell.
fn documented(head: &str) -> BTreeMap<String, BTreeSet<String>> {
    let start = format!("//! | {head} |");
    let below = include_str!("../src/observe/mod.rs").lines().skip_while(|line| !line.starts_with(&start));
    let rows = below.take_while(|line| line.starts_with("//! |"));
    rows.filter_map(|line| line.strip_prefix("//! | `"))
        .map(|row| {
            let (name, rest) = row.split_once('`').unwrap();
            let last = rest.trim_end_matches(" |").rsplit(" | ").next().unwrap();
            (name.to_owned(), last.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        })
        .collect()
}

/// Every value that a label may have with these issuers.
fn allowed_values(label: &str, issuers: &[&str]) -> BTreeSet<String> {
    let mut values = documented("label").remove(label).expect("the label is documented");
    match label {
        "reason" => {
            values.remove("Reason");
            values.extend(Reason::ALL.iter().map(|reason| reason.id().to_owned()));
        }
        "issuer" => values.extend(issuers.iter().map(|issuer| (*issuer).to_owned())),
        _ => {}
    }
    values
}

#[track_caller]
fn is_documented(scrape: &Scrape, issuers: &[&str]) {
    let metrics = documented("metric");
    for series in scrape.keys() {
        let labels = metrics.get(&series.name).unwrap_or_else(|| panic!("{series:?} is in no row"));
        assert_eq!(series.labels.keys().cloned().collect::<BTreeSet<_>>(), *labels, "{series:?}");
        for (label, value) in &series.labels {
            assert!(allowed_values(label, issuers).contains(value), "{label} of {series:?}");
        }
    }
}

// The service that is asked.

#[derive(serde::Deserialize)]
struct Staff {}

async fn ok() -> &'static str {
    "ok"
}

async fn refund(claims: Claims) -> Result<&'static str, AuthError> {
    claims.require(role("accountant"))?;
    Ok("refunded")
}

fn routes() -> Router {
    Router::new()
        .route("/", get(ok))
        .route("/read", get(ok).route_layer(require(scope("orders:read"))))
        .route("/watched", get(ok).route_layer(require(authenticated()).reporting(scope("orders:read"))))
        .route("/refund", get(refund))
        .route("/claims", get(|_: Claims| ok()))
        .route("/staff", get(|_: Claims<Staff>| ok()))
}

fn guarded(verifier: Verifier) -> Router {
    routes().layer(AuthenticateLayer::new(verifier))
}

async fn ask(app: &Router, path: &str, token: Option<&str>) -> u16 {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    app.clone().oneshot(request).await.unwrap().status().as_u16()
}

async fn loaded(issuer: &TestIssuer) -> Verifier {
    let verifier = issuer.verifier().build().unwrap();
    assert!(verifier.warm_up().await.is_ready());
    verifier
}

/// A transport that answers as it was told last.
#[derive(Clone)]
struct Told(Arc<Mutex<Result<Fetched, FetchError>>>);

impl Told {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Ok(Fetched::default()))))
    }

    fn to(&self, answer: Result<Fetched, FetchError>) {
        *self.0.lock().unwrap() = answer;
    }
}

impl Fetch for Told {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        Box::pin(std::future::ready(self.0.lock().unwrap().clone()))
    }
}

fn key_set(issuer: &TestIssuer) -> Fetched {
    let mut fetched = Fetched::new(issuer.jwks().to_string());
    fetched.etag = Some("\"1\"".into());
    fetched
}

// Decisions.

#[tokio::test]
async fn a_refusal_is_counted_once_and_with_its_reason_wherever_it_is_made() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let app = guarded(loaded(&issuer).await);
    let optional = routes().layer(AuthenticateLayer::new(loaded(&issuer).await).optional());
    let bare = routes();
    let good = issuer.token().sign();
    let expired = issuer.token().expired().sign();
    let unknown = issuer.token().header("kid", "x").sign();
    let inside = [decision("authenticate", "allowed", "none")];
    let guest = [decision("authenticate", "anonymous", "none")];
    for (name, app, path, token, before, (layer, reason)) in [
        ("no token", &app, "/", None, &[][..], ("authenticate", "missing_token")),
        ("no JWS", &app, "/", Some("abc"), &[], ("authenticate", "not_a_jws")),
        ("malformed", &app, "/", Some(""), &[], ("authenticate", "empty_token")),
        ("expired", &app, "/", Some(&expired), &[], ("authenticate", "exp_past")),
        ("an unknown key", &app, "/", Some(&unknown), &[], ("authenticate", "key_unknown")),
        ("a policy", &app, "/read", Some(&good), &inside, ("authorize", "policy_not_met")),
        ("a policy, nobody", &optional, "/read", None, &guest, ("authorize", "policy_needs_token")),
        ("a handler", &app, "/refund", Some(&good), &inside, ("handler", "policy_not_met")),
        ("an extractor", &optional, "/claims", None, &guest, ("handler", "missing_token")),
        ("another type", &app, "/staff", Some(&good), &inside, ("handler", "claims_type_differs")),
        ("a policy alone", &bare, "/read", Some(&good), &[], ("authorize", "layer_missing")),
        ("an extractor alone", &bare, "/claims", Some(&good), &[], ("handler", "layer_missing")),
    ] {
        let earlier = scraper.counted(DECISIONS);
        assert_ne!(ask(app, path, token).await, 200, "{name}");
        let mut expected = earlier;
        for series in before.iter().cloned().chain([decision(layer, "refused", reason)]) {
            *expected.entry(series).or_default() += 1.0;
        }
        assert_eq!(scraper.counted(DECISIONS), expected, "{name}");
    }
    is_documented(&scraper.scrape(), &[ISSUER]);
}

#[tokio::test]
async fn what_would_have_been_refused_is_counted_apart_and_only_where_the_request_went_through() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let app = guarded(loaded(&issuer).await);
    let (reader, other) = (issuer.token().scope("orders:read").sign(), issuer.token().scope("x").sign());
    for (token, status) in [(Some(&reader), 200), (Some(&other), 200), (Some(&other), 200), (None, 401)] {
        assert_eq!(ask(&app, "/watched", token.map(String::as_str)).await, status);
    }
    let report = |outcome, reason| series(REPORTS, &[("outcome", outcome), ("reason", reason)]);
    assert_counted(
        &scraper,
        REPORTS,
        &[(report("allowed", "none"), 1.0), (report("refused", "policy_not_met"), 2.0)],
    );
    is_documented(&scraper.scrape(), &[ISSUER]);
    let decided = scraper.counted(DECISIONS);
    assert_eq!(decided[&decision("authorize", "allowed", "none")], 3.0, "{decided:?}");
}

#[tokio::test]
async fn two_layers_around_one_route_count_a_refusal_once() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = loaded(&issuer).await;
    let app = guarded(verifier.clone()).layer(AuthenticateLayer::new(verifier).optional());
    assert_eq!(ask(&app, "/", None).await, 401);
    let expected =
        [decision("authenticate", "anonymous", "none"), decision("authenticate", "refused", "missing_token")];
    assert_counted(&scraper, DECISIONS, &expected.map(|series| (series, 1.0)));
}

#[tokio::test]
async fn a_request_that_waits_for_keys_is_counted_once_whatever_becomes_of_it() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let app = guarded(issuer.verifier().build().unwrap());
    issuer.fail();
    assert_eq!(ask(&app, "/", Some(&issuer.token().sign())).await, 503);
    let refused = (decision("authenticate", "refused", "keys_unavailable"), 1.0);
    assert_counted(&scraper, DECISIONS, std::slice::from_ref(&refused));
    issuer.recover();
    issuer.clock().advance(BACK_OFF);
    assert_eq!(ask(&app, "/", Some(&issuer.token().sign())).await, 200);
    assert_counted(&scraper, DECISIONS, &[refused, (decision("authenticate", "allowed", "none"), 1.0)]);
}

#[test]
fn a_missing_runtime_is_counted_once() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = issuer.verifier().build().unwrap();
    let answer = verifier.verify(&issuer.token().sign()).now_or_never();
    assert_eq!(answer.unwrap().unwrap_err().reason(), Reason::RuntimeMissing);
    let expected = decision("authenticate", "refused", "runtime_missing");
    assert_counted(&scraper, DECISIONS, &[(expected, 1.0)]);
}

#[tokio::test]
async fn a_good_request_is_counted_once_by_each_layer_that_let_it_through() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let app = guarded(loaded(&issuer).await);
    let reader = issuer.token().scope("orders:read").sign();
    assert_eq!(ask(&app, "/", Some(&reader)).await, 200);
    let authenticated = decision("authenticate", "allowed", "none");
    assert_counted(&scraper, DECISIONS, &[(authenticated.clone(), 1.0)]);
    assert_eq!(ask(&app, "/read", Some(&reader)).await, 200);
    let authorized = decision("authorize", "allowed", "none");
    assert_counted(&scraper, DECISIONS, &[(authenticated, 2.0), (authorized, 1.0)]);
}

#[tokio::test]
async fn a_verifier_without_a_layer_counts_as_the_layer_does() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = loaded(&issuer).await;
    verifier.verify(&issuer.token().sign()).await.unwrap();
    verifier.verify(&issuer.token().expired().sign()).await.unwrap_err();
    let expected = [("allowed", "none"), ("refused", "exp_past")];
    let expected = expected.map(|(outcome, reason)| (decision("authenticate", outcome, reason), 1.0));
    assert_counted(&scraper, DECISIONS, &expected);
}

// Refreshes.

#[tokio::test]
async fn a_refresh_is_counted_by_how_it_ended() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let fetch = Told::new();
    let trusted = Issuer::jwks(ISSUER, "https://issuer.test/jwks").unwrap().fetch(fetch.clone());
    let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let verifier = builder.build().unwrap();
    let unchanged = || Ok(Fetched::default());
    let mut expected = Scrape::new();
    for (name, answer, result) in [
        ("no connection", Err(FetchError::Transport("refused".into())), "transport"),
        ("nothing, though nothing was there", unchanged(), "unusable"),
        ("the first set", Ok(key_set(&issuer)), "ok"),
        ("the same set", Ok(key_set(&issuer)), "ok"),
        ("not modified", unchanged(), "not_modified"),
        ("an error", Err(FetchError::Status(500)), "status"),
        ("another error", Err(FetchError::Status(503)), "status"),
        ("a redirect", Err(FetchError::Redirect), "redirect"),
        ("too much", Ok(Fetched::new(vec![b' '; 300_000])), "too_large"),
        ("too late", Err(FetchError::TimedOut), "timed_out"),
        ("garbage", Ok(Fetched::new("<html>")), "unusable"),
        ("well again", Ok(key_set(&issuer)), "ok"),
        (
            "rotated",
            {
                issuer.rotate();
                Ok(key_set(&issuer))
            },
            "rotated",
        ),
    ] {
        fetch.to(answer);
        issuer.clock().advance(BACK_OFF);
        verifier.warm_up().await;
        *expected.entry(series(REFRESHES, &[("issuer", ISSUER), ("result", result)])).or_default() += 1.0;
        assert_eq!(scraper.counted(REFRESHES), expected, "{name}");
    }
    let seen: BTreeSet<_> = expected.into_keys().map(|series| series.labels["result"].clone()).collect();
    assert_eq!(seen, documented("label")["result"], "not every result was brought about");
}

#[tokio::test]
async fn a_rotation_and_an_outage_of_one_issuer_are_not_the_others() {
    let (calm, busy) = (TestIssuer::new(), TestIssuer::named("https://busy.test"));
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = calm.verifier().issuer(busy.issuer()).build().unwrap();
    verifier.warm_up().await;
    busy.rotate();
    verifier.warm_up().await;
    busy.fail();
    verifier.warm_up().await;
    let refreshed = |issuer: &str, result: &str| series(REFRESHES, &[("issuer", issuer), ("result", result)]);
    let expected = [
        (refreshed(ISSUER, "ok"), 3.0),
        (refreshed("https://busy.test", "ok"), 1.0),
        (refreshed("https://busy.test", "rotated"), 1.0),
        (refreshed("https://busy.test", "status"), 1.0),
    ];
    assert_counted(&scraper, REFRESHES, &expected);
    assert_eq!(scraper.value(&series(KEYS, &[("issuer", ISSUER)])), 1.0);
    assert_eq!(scraper.value(&series(KEYS, &[("issuer", "https://busy.test")])), 2.0);
}

/// A transport that never answers.
struct Never;

impl Fetch for Never {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_fetch_that_was_given_up_is_counted_as_timed_out() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let trusted = Issuer::jwks(ISSUER, "https://issuer.test/jwks").unwrap().fetch(Never);
    let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let verifier = builder.build().unwrap();
    let begin = || verifier.warm_up().now_or_never();
    assert!(begin().is_none(), "it is waited for");
    issuer.clock().advance(Duration::from_secs(11));
    let _ = begin();
    let timed_out = series(REFRESHES, &[("issuer", ISSUER), ("result", "timed_out")]);
    assert_counted(&scraper, REFRESHES, &[(timed_out, 1.0)]);
}

// How the keys are.

#[tokio::test]
async fn the_age_is_that_of_the_last_refresh_and_exact_once_the_status_was_read() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = issuer.verifier().build().unwrap();
    let age = series(AGE, &[("issuer", ISSUER)]);
    verifier.status();
    assert!(!scraper.scrape().contains_key(&age), "nothing was fetched yet");
    verifier.warm_up().await;
    assert_eq!(scraper.value(&age), 0.0);
    issuer.clock().advance(Duration::from_secs(100));
    assert_eq!(scraper.value(&age), 0.0, "nobody looked");
    verifier.status();
    assert_eq!(scraper.value(&age), 100.0);
    issuer.fail();
    issuer.clock().advance(Duration::from_millis(2500));
    verifier.warm_up().await;
    assert_eq!(scraper.value(&age), 102.5, "a failure makes no set younger");
    issuer.recover();
    issuer.clock().advance(BACK_OFF);
    verifier.warm_up().await;
    assert_eq!(scraper.value(&age), 0.0);
}

#[tokio::test]
async fn a_request_that_causes_a_refresh_moves_the_gauges_without_anybody_reading_the_status() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let app = guarded(issuer.verifier().build().unwrap());
    assert_eq!(ask(&app, "/", Some(&issuer.token().sign())).await, 200);
    assert_eq!(scraper.state(ISSUER), "fresh");
    issuer.fail();
    issuer.clock().advance(Duration::from_secs(700));
    assert_eq!(ask(&app, "/", Some(&issuer.token().sign())).await, 200);
    assert_eq!(scraper.state(ISSUER), "stale");
    assert_eq!(scraper.value(&series(AGE, &[("issuer", ISSUER)])), 700.0);
}

#[tokio::test]
async fn the_state_is_the_status_in_words_and_one_at_a_time() {
    let issuer = TestIssuer::new();
    let fixed = Issuer::hmac("https://hmac.test", &[7; 32], Algorithm::HS256).unwrap();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = issuer.verifier().issuer(fixed).build().unwrap();
    let mut seen = BTreeSet::new();
    let mut look = |expected: &str| {
        for one in verifier.status().issuers {
            assert_eq!(scraper.state(&one.issuer), one.state.to_string(), "{expected}");
            seen.insert(one.state.to_string());
        }
        assert_eq!(scraper.state(ISSUER), expected);
    };
    look("never_loaded");
    verifier.warm_up().await;
    look("fresh");
    issuer.clock().advance(Duration::from_secs(600));
    look("stale");
    issuer.clock().advance(Duration::from_secs(3600));
    look("expired");
    assert_eq!(scraper.state("https://hmac.test"), "fixed");
    assert_eq!(scraper.value(&series(KEYS, &[("issuer", "https://hmac.test")])), 1.0);
    assert_eq!(seen, documented("label")["state"], "not every state was brought about");
}

#[tokio::test]
async fn an_issuer_that_is_trusted_no_more_alerts_nobody() {
    let (issuer, leaving) = (TestIssuer::new(), TestIssuer::named("https://leaving.test"));
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = issuer.verifier().build().unwrap();
    verifier.add_issuer(leaving.issuer()).unwrap();
    verifier.warm_up().await;
    issuer.clock().advance(Duration::from_secs(9000));
    verifier.status();
    assert_eq!(scraper.state("https://leaving.test"), "expired");
    assert!(verifier.remove_issuer("https://leaving.test"));
    verifier.status();
    let of_it = |series: &Series| {
        series.name != REFRESHES
            && series.labels.get("issuer").is_some_and(|name| name == leaving.identifier())
    };
    let left: Vec<_> = scraper.scrape().into_iter().filter(|(series, _)| of_it(series)).collect();
    assert!(!left.is_empty() && left.iter().all(|(_, value)| *value == 0.0), "{left:?}");
    assert_eq!(scraper.state(ISSUER), "expired", "the other one is not touched");
}

// What is written down.

#[tokio::test]
async fn every_documented_metric_is_written_with_a_sentence_of_its_own_and_no_other() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let app = guarded(loaded(&issuer).await);
    ask(&app, "/", None).await;
    ask(&app, "/", Some(&issuer.token().sign())).await;
    ask(&app, "/watched", Some(&issuer.token().sign())).await;
    let scrape = scraper.scrape();
    is_documented(&scrape, &[ISSUER]);
    let written: BTreeSet<_> = scrape.into_keys().map(|series| series.name).collect();
    assert_eq!(written, documented("metric").into_keys().collect());
    let text = scraper.text();
    for name in written {
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no sentence");
    }
}

#[test]
fn the_crate_docs_and_the_readme_have_the_same_tables() {
    let source = include_str!("../src/observe/mod.rs");
    let rows = |head: &str| {
        let start = format!("//! | {head} |");
        let below = source.lines().skip_while(move |line| !line.starts_with(&start));
        below.take_while(|line| line.starts_with("//! |")).collect::<Vec<_>>()
    };
    let (docs, readme) = (include_str!("../src/lib.rs"), include_str!("../README.md"));
    for row in [rows("metric"), rows("label")].concat() {
        assert!(docs.lines().any(|line| line == row), "src/lib.rs lacks {row}");
        let row = row.trim_start_matches("//! ");
        assert!(readme.lines().any(|line| line == row), "README.md lacks {row}");
    }
}

/// A reason that the rule does not name wakes nobody.
#[test]
fn the_alerts_name_every_reason_of_the_kind_that_they_are_for() {
    let readme = include_str!("../README.md");
    let rule = |alert: &str| {
        let rule = readme.split_once(&format!("alert: {alert}\n")).expect("an alert").1;
        let named = rule.split_once("reason=~\"").expect("a pattern").1.split_once('"').expect("its end").0;
        named.split('|').map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let all = |kind| {
        let reasons = Reason::ALL.iter().filter(move |reason| reason.kind() == kind);
        reasons.map(|reason| reason.id().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(rule("WiredWrong"), all(AuthErrorKind::Misconfigured));
    assert_eq!(rule("TokensCannotBeJudged"), all(AuthErrorKind::Unavailable));
}

// Whatever arrives.

/// Hostile tokens, each with values of its own that nobody else has.
fn hostile(issuer: &TestIssuer, round: u32) -> Vec<String> {
    let unique = |name: &str| format!("zz-{name}-{round}");
    let token = || issuer.token().subject(&unique("sub")).scope(&unique("scope"));
    let mut tokens = vec![
        unique("opaque"),
        token().claim("iss", format!("https://{}.test", unique("iss"))).sign(),
        token().claim("iss", vec![unique("iss")]).sign(),
        token().header("kid", unique("kid")).sign(),
        token().header("alg", unique("alg")).sign(),
        token().typ(&unique("typ")).sign(),
        token().header("typ", unique("typ").repeat(50)).sign(),
        token().audience(&unique("aud")).sign(),
        token().claim("aud", vec![unique("aud"), unique("other")]).sign(),
        token().header("crit", vec![unique("crit")]).sign(),
        token().header(&unique("member"), unique("value")).sign(),
        token().claim("cnf", unique("cnf")).sign(),
        token().claim("exp", unique("exp")).sign(),
        token().claim("exp", round).sign(),
        token().claim("jti", unique("jti")).expired().sign(),
        token().sign_payload(unique("payload").as_bytes()),
    ];
    // Any of them with a byte changed, so that base64, JSON and signature break at a place of the round's own.
    for token in tokens.clone() {
        let at = round as usize % token.len();
        tokens.push(format!("{}~{}", &token[..at], &token[at..]));
    }
    tokens
}

#[tokio::test]
async fn no_flood_of_hostile_tokens_makes_a_series_that_the_fixed_lists_do_not_have() {
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let verifier = loaded(&issuer).await;
    let second = Issuer::hmac("https://hmac.test", &[7; 32], Algorithm::HS256).unwrap();
    let several = issuer.verifier().issuer(second).build().unwrap();
    let apps = [guarded(verifier), guarded(several)];
    let flood = async |rounds: std::ops::Range<u32>| {
        for round in rounds {
            // Unknown keys may spend a fetch now and then.
            issuer.clock().advance(Duration::from_secs(3));
            for app in &apps {
                for token in hostile(&issuer, round) {
                    ask(app, ["/", "/read", "/refund"][round as usize % 3], Some(&token)).await;
                }
            }
        }
    };
    flood(0..8).await;
    let once = scraper.scrape();
    flood(8..40).await;
    let often = scraper.scrape();
    assert!(once.keys().eq(often.keys()), "the flood makes new series:\n{}", scraper.text());
    is_documented(&often, &[ISSUER, "https://hmac.test"]);
    assert!(!scraper.text().contains("zz-"), "{}", scraper.text());
    let refused: f64 = scraper.counted(DECISIONS).values().sum();
    assert!(refused >= 40.0 * 32.0, "the flood did not arrive: {refused}");
}

#[tokio::test]
async fn a_thousand_tenants_are_counted_as_one() {
    const TEMPLATE: &str = "https://id.test/realms/{tenant}";
    let issuer = TestIssuer::new();
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let (keys, fixed) = (Told::new(), issuer.public_pem(Algorithm::ES256).unwrap());
    keys.to(Ok(key_set(&issuer)));
    let resolver = move |tenant: Tenant| {
        let jwks = || Issuer::jwks(tenant.issuer(), "https://id.test/jwks").map(|it| it.fetch(keys.clone()));
        let found = match tenant.name() {
            "stranger" => Ok(None),
            "by-hand" => Issuer::keys(tenant.issuer(), KeySet::from_pem(&fixed).unwrap()).map(Some),
            _ => jwks().map(Some),
        };
        std::future::ready(found)
    };
    let tenants = Tenants::new(TEMPLATE, resolver);
    let builder = Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(issuer.clock());
    let verifier = builder.build().unwrap();
    let app = guarded(verifier.clone());
    let names = (0..100).map(|at| format!("t{at}")).chain(["by-hand".into(), "stranger".into()]);
    for name in names {
        let token = issuer.token().claim("iss", TEMPLATE.replace("{tenant}", &name)).sign();
        let expected = if name == "stranger" { 401 } else { 200 };
        assert_eq!(ask(&app, "/", Some(&token)).await, expected, "{name}");
    }
    assert_eq!(verifier.status().tenants.len(), 101);
    is_documented(&scraper.scrape(), &[TEMPLATE]);
    let refreshed = series(REFRESHES, &[("issuer", TEMPLATE), ("result", "ok")]);
    assert_counted(&scraper, REFRESHES, &[(refreshed, 100.0)]);
    let gauges = [AGE, KEYS, STATE].map(|name| scraper.counted(name));
    assert!(gauges.iter().all(Scrape::is_empty), "{gauges:?}");
}

#[tokio::test]
async fn a_token_that_is_none_is_counted_also_where_no_layer_reads_it() {
    let scraper = Scraper::new();
    let _guard = scraper.start();
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    for token in ["", "a b", &"a".repeat(20_000)] {
        assert!(verifier.verify(token).await.is_err());
    }
    assert_eq!(scraper.counted(DECISIONS).values().sum::<f64>(), 3.0);
}

//! Issuers that come and go while the program runs: tenants that a resolver knows, and issuers added and removed.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use futures_util::future::join_all;
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, task::yield_now};
use tower_bearer::{
    Issuer, Verifier,
    clock::Clock as _,
    error::Reason,
    issuer::{Tenant, Tenants},
    keys::{Fetch, FetchError, FetchFuture, FetchRequest, HttpFetch},
    testing::{AUDIENCE, TestClock, TestIssuer},
    verify::KeyState,
};

const TEMPLATE: &str = "https://id.example.com/realms/{tenant}";

fn name(tenant: &str) -> String {
    TEMPLATE.replace("{tenant}", tenant)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How the resolver behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Answers,
    Fails,
    Hangs,
}

/// An identity provider with tenants, and the database that knows them.
#[derive(Clone)]
struct Provider {
    clock: TestClock,
    tenants: Arc<Mutex<BTreeMap<String, TestIssuer>>>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<String>>>,
    go: Arc<Notify>,
    key_ttl: Duration,
}

impl Provider {
    fn new() -> Self {
        Self {
            clock: TestClock::frozen(),
            tenants: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Answers)),
            asked: Arc::default(),
            go: Arc::default(),
            key_ttl: seconds(600),
        }
    }

    /// One of whom a test sees the resolver's part alone.
    fn with_lasting_keys() -> Self {
        Self { key_ttl: seconds(86_400), ..Self::new() }
    }

    fn tenant(&self, tenant: &str) -> TestIssuer {
        let mut tenants = self.tenants.lock().unwrap();
        tenants.entry(name(tenant)).or_insert_with(|| TestIssuer::named(&name(tenant))).clone()
    }

    fn ends(&self, tenant: &str) {
        self.tenants.lock().unwrap().remove(&name(tenant));
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn tenants(&self) -> Tenants {
        let this = self.clone();
        Tenants::new(TEMPLATE, move |tenant: Tenant| {
            let this = this.clone();
            async move {
                this.asked.lock().unwrap().push(tenant.issuer().to_owned());
                let mood = *this.mood.lock().unwrap();
                match mood {
                    Mood::Answers => {}
                    Mood::Fails => return Err(io::Error::other("the database is down")),
                    Mood::Hangs => this.go.notified().await,
                }
                let known = this.tenants.lock().unwrap().get(tenant.issuer()).cloned();
                Ok(known.map(|issuer| issuer.issuer().key_ttl(this.key_ttl)))
            }
        })
    }

    fn verifier(&self) -> Verifier {
        self.trusting(self.tenants())
    }

    fn trusting(&self, tenants: Tenants) -> Verifier {
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(self.clock.clone()).build().unwrap()
    }

    fn passes(&self, by: Duration) {
        self.clock.advance(by);
        for tenant in self.tenants.lock().unwrap().values() {
            tenant.clock().advance(by);
        }
    }
}

async fn judged(verifier: &Verifier, token: &str) -> &'static str {
    match verifier.verify(token).await {
        Ok(_) => "passes",
        Err(error) => error.reason().id(),
    }
}

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

// Who is asked for.

#[tokio::test]
async fn a_tenant_is_asked_for_once_and_has_keys_of_its_own() {
    let provider = Provider::new();
    let (acme, other) = (provider.tenant("acme"), provider.tenant("other"));
    let verifier = provider.verifier();
    for _ in 0..3 {
        assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
        assert_eq!(judged(&verifier, &other.token().sign()).await, "passes");
    }
    assert_eq!((provider.asked(), acme.fetches(), other.fetches()), (2, 1, 1));
    // Both name their keys alike, and neither's key serves the other.
    let forged = other.token().claim("iss", acme.identifier()).sign();
    assert_eq!(judged(&verifier, &forged).await, "signature_invalid");
    let status = verifier.status();
    assert!(status.issuers.is_empty() && status.is_ready());
    let mut names: Vec<_> =
        status.tenants.iter().map(|tenant| (tenant.issuer.as_str(), tenant.state)).collect();
    names.sort_by_key(|(name, _)| *name);
    assert_eq!(names, [(acme.identifier(), KeyState::Fresh), (other.identifier(), KeyState::Fresh)]);
}

#[tokio::test]
async fn the_resolver_is_told_the_tenants_name_and_its_identifier() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let tenants = Tenants::new(TEMPLATE, move |tenant: Tenant| {
        heard.lock().unwrap().push((tenant.name().to_owned(), tenant.issuer().to_owned()));
        async { Ok::<_, io::Error>(None) }
    })
    .also_at("https://{tenant}.login.example.com/");
    let verifier = Provider::new().trusting(tenants);
    let token = |iss: &str| TestIssuer::new().token().claim("iss", iss).sign();
    judged(&verifier, &token(&name("acme"))).await;
    judged(&verifier, &token("https://acme.login.example.com/")).await;
    let expected = [("acme", name("acme")), ("acme", "https://acme.login.example.com/".to_owned())];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(name, issuer)| (name.to_owned(), issuer)));
}

#[tokio::test]
async fn nobody_is_asked_for_an_identifier_that_can_be_no_tenants() {
    let provider = Provider::new();
    let verifier = provider.verifier();
    let stranger = TestIssuer::new();
    for iss in [
        "https://id.example.com/realms/",
        "https://id.example.com/realms/a/b",
        "https://id.example.com/realms/..",
        "https://id.example.com/realms/a%2f..%2fb",
        "https://id.example.com/realms/a?x",
        "https://id.example.com/realms/a#x",
        "https://id.example.com/realms/a\n",
        "https://id.example.com/realms/ a",
        "https://id.example.com.evil.example/realms/a",
        "https://id.example.com@evil.example/realms/a",
        "https://evil.example/https://id.example.com/realms/a",
        "http://id.example.com/realms/a",
        "HTTPS://ID.EXAMPLE.COM/realms/a",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "",
    ] {
        let token = stranger.token().claim("iss", iss).sign();
        assert_eq!(judged(&verifier, &token).await, Reason::IssuerUnknown.id(), "{iss}");
    }
    let long = stranger.token().claim("iss", name(&"a".repeat(129))).sign();
    assert_eq!(judged(&verifier, &long).await, "issuer_unknown");
    for (iss, reason) in [
        (serde_json::json!(["https://id.example.com/realms/a"]), "iss_malformed"),
        (serde_json::json!({"a": 1}), "iss_malformed"),
        (serde_json::json!(null), "iss_malformed"),
    ] {
        assert_eq!(judged(&verifier, &stranger.token().claim("iss", iss).sign()).await, reason);
    }
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn nobody_is_asked_for_a_token_that_is_bad_anyway() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    for (token, reason) in [
        (acme.token().expired().sign(), "exp_past"),
        (acme.token().claim("nbf", 4_102_444_800u64).sign(), "nbf_future"),
        (acme.token().audience("account").sign(), "aud_mismatch"),
        (acme.token().header("alg", "none").sign(), "alg_not_allowed"),
        (acme.token().claim("exp", "soon").sign(), "exp_malformed"),
    ] {
        assert_eq!(judged(&verifier, &token).await, reason);
    }
    assert_eq!(provider.asked(), 0);
}

/// Writes down what was to be fetched, and fetches nothing.
#[derive(Clone, Default)]
struct Nowhere {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fetch for Nowhere {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        self.asked.lock().unwrap().push(request.url.clone());
        Box::pin(async { Err(FetchError::Status(404)) })
    }
}

#[tokio::test]
async fn a_resolver_that_trusts_everybody_makes_nobody_fetch_from_a_stranger() {
    let nowhere = Nowhere::default();
    let transport = nowhere.clone();
    let tenants = Tenants::new("https://{tenant}.id.example.com", move |tenant: Tenant| {
        let issuer = Issuer::discover(tenant.issuer()).map(|issuer| Some(issuer.fetch(transport.clone())));
        async move { issuer }
    })
    .also_at(TEMPLATE);
    let verifier = Provider::new().trusting(tenants);
    let stranger = TestIssuer::new();
    for iss in [
        "https://evil.example",
        "https://evil.example/.id.example.com",
        "https://evil.example#.id.example.com",
        "https://evil.example?.id.example.com",
        "https://evil.example\\.id.example.com",
        "https://evil.example@x.id.example.com",
        "https://evil.example:443.id.example.com",
        "https://id.example.com/realms/../../evil.example",
        "https://id.example.com/realms/acme",
        "https://acme.id.example.com",
    ] {
        judged(&verifier, &stranger.token().claim("iss", iss).sign()).await;
        settle().await;
    }
    let asked = nowhere.asked.lock().unwrap();
    assert!(!asked.is_empty());
    for url in asked.iter() {
        let ours = ["https://acme.id.example.com/", "https://id.example.com/"];
        assert!(ours.iter().any(|ours| url.starts_with(ours)), "{url}");
    }
}

#[tokio::test]
async fn a_listed_issuer_comes_before_a_tenant_of_the_same_form() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = Verifier::builder().issuer(acme.issuer()).tenants(provider.tenants()).audience(AUDIENCE);
    let verifier = verifier.clock(provider.clock.clone()).build().unwrap();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    assert_eq!(provider.asked(), 0);
    let other = provider.tenant("other");
    assert_eq!(judged(&verifier, &other.token().sign()).await, "passes");
    assert_eq!(provider.asked(), 1);
}

// What it answers.

#[tokio::test]
async fn a_no_is_remembered_for_a_while() {
    let provider = Provider::new();
    let verifier = provider.verifier();
    let token = TestIssuer::named(&name("nobody")).token().sign();
    for _ in 0..10 {
        assert_eq!(judged(&verifier, &token).await, "issuer_unknown");
    }
    assert_eq!(provider.asked(), 1);
    provider.passes(seconds(61));
    assert_eq!(judged(&verifier, &token).await, "issuer_unknown");
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_tenant_that_was_made_since_is_found_when_the_no_is_forgotten() {
    let provider = Provider::new();
    let verifier = provider.verifier();
    let acme = TestIssuer::named(&name("acme"));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "issuer_unknown");
    provider.tenants.lock().unwrap().insert(name("acme"), acme.clone());
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "issuer_unknown");
    assert!(verifier.forget_tenant(&name("acme")));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    assert!(!verifier.forget_tenant(&name("somebody")));
}

#[tokio::test]
async fn a_tenant_that_ended_is_refused_within_the_time_that_an_answer_holds() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.ends("acme");
    provider.passes(seconds(601));
    acme.clock().advance(seconds(601));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "issuer_unknown");
    assert!(verifier.status().tenants.is_empty());
}

#[tokio::test]
async fn a_tenant_that_ended_is_refused_at_once_when_it_is_forgotten() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.ends("acme");
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    assert!(verifier.forget_tenant(&name("acme")));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "issuer_unknown");
}

#[tokio::test]
async fn a_busy_tenant_is_asked_for_again_in_the_background() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    for _ in 0..9 {
        provider.passes(seconds(60));
        let token = acme.token().sign();
        assert!(at_once(verifier.verify(&token)).is_some(), "nobody waits for what is renewed ahead");
        settle().await;
    }
    assert_eq!(provider.asked(), 2);
}

/// The answer, if the future has one at its first poll.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn what_is_known_of_a_tenants_keys_outlives_the_resolvers_next_word() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    // Each word of this resolver comes with a transport of its own, so nothing but the place is the same.
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    acme.fail();
    for _ in 0..4 {
        provider.passes(seconds(601));
        assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes", "the set outlives the outage");
    }
    assert_eq!(provider.asked(), 5);
    provider.passes(seconds(7200));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "keys_unavailable", "and its age runs on");
}

#[tokio::test]
async fn keys_of_another_place_are_not_handed_on() {
    let clock = TestClock::frozen();
    let acme = TestIssuer::named(&name("acme"));
    let moved = Arc::new(Mutex::new(false));
    let (place, transport) = (Arc::clone(&moved), acme.clone());
    let tenants = Tenants::new(TEMPLATE, move |tenant: Tenant| {
        let at = if *place.lock().unwrap() {
            "https://new.example.com/jwks"
        } else {
            "https://old.example.com/jwks"
        };
        let issuer =
            Issuer::jwks(tenant.issuer(), at).map(|issuer| Some(issuer.fetch(Old(transport.clone()))));
        async move { issuer }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    *moved.lock().unwrap() = true;
    clock.advance(seconds(601));
    acme.clock().advance(seconds(601));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "keys_unavailable");
}

/// Serves the keys at the old address alone.
struct Old(TestIssuer);

impl Fetch for Old {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let keys = self.0.jwks().to_string();
        let is_old = request.url.contains("old");
        Box::pin(async move {
            if is_old { Ok(tower_bearer::keys::Fetched::new(keys)) } else { Err(FetchError::Status(503)) }
        })
    }
}

#[tokio::test]
async fn a_resolver_that_names_another_issuer_is_believed_in_nothing() {
    let clock = TestClock::frozen();
    let acme = TestIssuer::named(&name("acme"));
    let other = TestIssuer::named(&name("other"));
    let wrong = other.clone();
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let issuer = wrong.issuer();
        async move { Ok::<_, io::Error>(Some(issuer)) }
    });
    let verifier = Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock).build().unwrap();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "issuer_unknown");
    let forged = other.token().claim("iss", acme.identifier()).sign();
    assert_eq!(judged(&verifier, &forged).await, "issuer_unknown");
    assert_eq!(other.fetches(), 0);
}

#[tokio::test]
async fn a_resolver_that_names_a_faulty_issuer_is_believed_in_nothing() {
    let tenants = Tenants::new("http://id.example.com/{tenant}", |tenant: Tenant| {
        let issuer = Issuer::discover(tenant.issuer()).map(Some);
        async move { issuer }
    });
    let verifier = Provider::new().trusting(tenants);
    let token = TestIssuer::named("http://id.example.com/acme").token().sign();
    assert_eq!(judged(&verifier, &token).await, "keys_unavailable");
}

// When it cannot answer.

#[tokio::test]
async fn a_resolver_that_fails_is_an_outage_for_new_tenants_and_known_ones_go_on() {
    let provider = Provider::new();
    let (acme, late) = (provider.tenant("acme"), provider.tenant("late"));
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.is(Mood::Fails);
    let error = verifier.verify(&late.token().sign()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::KeysUnavailable);
    assert!(!format!("{error} {error:?}").contains("database"));
    for _ in 0..6 {
        provider.passes(seconds(600));
        assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    }
    provider.passes(seconds(601));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "keys_unavailable", "an hour past its end");
    provider.is(Mood::Answers);
    provider.passes(seconds(61));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    assert_eq!(judged(&verifier, &late.token().sign()).await, "passes");
}

#[tokio::test]
async fn a_failing_resolver_is_asked_less_and_less_often_for_one_tenant() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    provider.is(Mood::Fails);
    for _ in 0..600 {
        assert_eq!(judged(&verifier, &acme.token().sign()).await, "keys_unavailable");
        provider.passes(seconds(1));
    }
    // 1, 2, 4, … 60 s between them.
    assert!((10..=20).contains(&provider.asked()), "{}", provider.asked());
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_hangs_costs_two_seconds_and_only_who_needs_it() {
    let provider = Provider::new();
    let (acme, late) = (provider.tenant("acme"), provider.tenant("late"));
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.is(Mood::Hangs);
    let start = tokio::time::Instant::now();
    assert_eq!(judged(&verifier, &late.token().sign()).await, "keys_unavailable");
    assert_eq!(start.elapsed().as_secs(), 2);
    let token = acme.token().sign();
    assert!(at_once(verifier.verify(&token)).is_some_and(|answer| answer.is_ok()));
}

#[tokio::test]
async fn requests_at_once_share_one_question_and_one_that_goes_away_takes_it_from_nobody() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    provider.is(Mood::Hangs);
    let token = acme.token().sign();
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { judged(&verifier, &token).await })
        })
        .collect();
    settle().await;
    assert_eq!(provider.asked(), 1);
    requests[0].abort();
    provider.go.notify_waiters();
    for request in requests.into_iter().skip(1) {
        assert_eq!(request.await.unwrap(), "passes");
    }
    assert_eq!((provider.asked(), acme.fetches()), (1, 1));
}

#[tokio::test]
async fn no_more_than_256_names_are_asked_for_at_once() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.is(Mood::Hangs);
    let stranger = TestIssuer::new();
    let mut waiting = Vec::new();
    for number in 0..300 {
        let token = stranger.token().claim("iss", name(&format!("t{number}"))).sign();
        let verifier = verifier.clone();
        waiting.push(tokio::spawn(async move { judged(&verifier, &token).await }));
        settle().await;
    }
    assert_eq!(provider.asked(), 1 + 256);
    let refused = waiting.iter().filter(|request| request.is_finished()).count();
    assert_eq!(refused, 300 - 256, "the rest is answered at once");
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
}

/// So many invented names that no more are asked for, while the resolver hangs.
async fn fill_the_line(verifier: &Verifier, clock: &TestClock) -> Vec<tokio::task::JoinHandle<&'static str>> {
    let stranger = TestIssuer::new();
    stranger.clock().advance(clock.wall().saturating_sub(stranger.clock().wall()));
    let token = |number| stranger.token().claim("iss", name(&format!("x{number}"))).sign();
    let ask = |number| {
        let (verifier, token) = (verifier.clone(), token(number));
        tokio::spawn(async move { judged(&verifier, &token).await })
    };
    let waiting = (0..256).map(ask).collect();
    settle().await;
    waiting
}

#[tokio::test(start_paused = true)]
async fn a_known_tenant_goes_on_by_the_last_word_while_invented_names_fill_the_line() {
    let provider = Provider::with_lasting_keys();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.passes(seconds(660));
    provider.is(Mood::Hangs);
    let waiting = fill_the_line(&verifier, &provider.clock).await;
    assert_eq!(provider.asked(), 1 + 256);
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn known_tenants_stand_in_no_line_however_many_they_are() {
    let provider = Provider::with_lasting_keys();
    let tenants: Vec<_> = (0..300).map(|number| provider.tenant(&format!("t{number}"))).collect();
    let verifier = provider.verifier();
    for tenant in &tenants {
        assert_eq!(judged(&verifier, &tenant.token().sign()).await, "passes");
    }
    provider.passes(seconds(660));
    provider.is(Mood::Hangs);
    let tokens: Vec<_> = tenants.iter().map(|tenant| tenant.token().sign()).collect();
    let all = join_all(tokens.iter().map(|token| judged(&verifier, token))).await;
    assert_eq!(all, vec!["passes"; 300]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_taken_back_stands_in_line_with_the_others() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = provider.verifier();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    provider.ends("acme");
    provider.passes(seconds(660));
    let token = || acme.token().claim("exp", 4_102_444_800u64).without("iat").sign();
    assert_eq!(judged(&verifier, &token()).await, "issuer_unknown");
    provider.is(Mood::Hangs);
    provider.passes(seconds(4000));
    let waiting = fill_the_line(&verifier, &provider.clock).await;
    let asked = provider.asked();
    assert_eq!(judged(&verifier, &token()).await, "keys_unavailable");
    assert_eq!(provider.asked(), asked);
    drop(waiting);
}

#[tokio::test]
async fn a_flood_of_names_forgets_no_tenant_and_keeps_no_more_than_the_bound() {
    let provider = Provider::new();
    let tenants: Vec<_> = (0..5).map(|number| provider.tenant(&format!("tenant{number}"))).collect();
    let verifier = provider.trusting(provider.tenants().max_tenants(10));
    for tenant in &tenants {
        assert_eq!(judged(&verifier, &tenant.token().sign()).await, "passes");
    }
    let stranger = TestIssuer::new();
    for number in 0..2000 {
        let token = stranger.token().claim("iss", name(&format!("x{number}"))).sign();
        assert_eq!(judged(&verifier, &token).await, "issuer_unknown");
    }
    let before = provider.asked();
    for tenant in &tenants {
        assert_eq!(judged(&verifier, &tenant.token().sign()).await, "passes");
    }
    assert_eq!(provider.asked(), before, "not one of them had to be asked for again");
    assert_eq!(verifier.status().tenants.len(), 5);
}

// The set-up.

#[test]
fn faults_of_the_tenants_settings_are_all_named_at_start() {
    let none = |_: Tenant| async { Ok::<_, io::Error>(None) };
    let tenants = Tenants::new("https://{tenant}", none)
        .also_at("https://id.example.com")
        .ttl(Duration::ZERO)
        .ttl_of_no(seconds(86_401))
        .max_stale(seconds(86_401))
        .timeout(seconds(61))
        .max_tenants(0);
    let error = Verifier::builder().tenants(tenants).audience(AUDIENCE).build().unwrap_err();
    assert_eq!(error.faults().len(), 7, "{error}");
    let twice =
        Verifier::builder().tenants(Tenants::new(TEMPLATE, none)).tenants(Tenants::new(TEMPLATE, none));
    assert_eq!(twice.audience(AUDIENCE).build().unwrap_err().faults().len(), 1);
}

#[test]
fn tenants_alone_are_enough_of_a_set_up() {
    let provider = Provider::new();
    assert!(provider.verifier().status().issuers.is_empty());
}

// Issuers that are added and removed.

#[tokio::test]
async fn an_issuer_that_is_added_is_trusted_from_then_on_by_every_clone() {
    let (first, second) = (TestIssuer::new(), TestIssuer::named("https://second.test"));
    let verifier = first.verifier().build().unwrap();
    let clone = verifier.clone();
    let token = second.token().sign();
    assert_eq!(judged(&clone, &token).await, "issuer_unknown");
    verifier.add_issuer(second.issuer()).unwrap();
    assert_eq!(judged(&clone, &token).await, "passes");
    assert_eq!(judged(&clone, &first.token().sign()).await, "passes");
    assert_eq!(clone.status().issuers.len(), 2);
    assert_eq!((first.fetches(), second.fetches()), (1, 1));
}

#[tokio::test]
async fn an_issuer_that_is_removed_is_a_stranger_under_each_of_its_names() {
    let (first, second) = (TestIssuer::new(), TestIssuer::named("https://second.test"));
    let verifier = first.verifier().issuer(second.issuer().also_known_as("second")).build().unwrap();
    let tokens = [second.token().sign(), second.token().claim("iss", "second").sign()];
    for token in &tokens {
        assert_eq!(judged(&verifier, token).await, "passes");
    }
    assert!(verifier.remove_issuer("second"));
    for token in &tokens {
        assert_ne!(judged(&verifier, token).await, "passes");
    }
    assert!(!verifier.remove_issuer("second"));
    assert_eq!(judged(&verifier, &first.token().sign()).await, "passes");
    verifier.add_issuer(second.issuer()).unwrap();
    assert_eq!(judged(&verifier, &tokens[0]).await, "passes");
    assert_eq!(second.fetches(), 2, "nothing was kept of it");
}

#[tokio::test]
async fn an_issuer_that_is_removed_while_somebody_waits_for_its_keys_is_refused() {
    let (first, second) = (TestIssuer::new(), TestIssuer::named("https://second.test"));
    let go = Arc::new(Notify::new());
    let slow = Slow { go: Arc::clone(&go), then: Arc::new(second.transport()) };
    let verifier = first.verifier().issuer(second.issuer().fetch(slow)).build().unwrap();
    let (asking, token) = (verifier.clone(), second.token().sign());
    let request = tokio::spawn(async move { judged(&asking, &token).await });
    settle().await;
    assert!(verifier.remove_issuer("https://second.test"));
    go.notify_waiters();
    assert_ne!(request.await.unwrap(), "passes");
}

struct Slow {
    go: Arc<Notify>,
    then: Arc<dyn Fetch>,
}

impl Fetch for Slow {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        Box::pin(async move {
            self.go.notified().await;
            self.then.fetch(request).await
        })
    }
}

#[tokio::test]
async fn nobody_is_trusted_when_the_last_issuer_is_gone() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    verifier.warm_up().await;
    assert!(verifier.status().is_ready());
    assert!(verifier.remove_issuer(issuer.identifier()));
    assert_eq!(judged(&verifier, &issuer.token().sign()).await, "issuer_unknown");
    assert!(!verifier.status().is_ready());
}

#[tokio::test]
async fn a_faulty_issuer_is_not_added_and_nothing_changes() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().strict().build().unwrap();
    let twice = Issuer::discover("https://a.test").unwrap().fetch(Nowhere::default());
    let twice = twice.also_known_as("https://a.test");
    let faulty = Issuer::discover("http://b.test").unwrap().accept_typ("x").key_ttl(Duration::ZERO);
    for (issuer, faults) in [(issuer.issuer(), 1), (twice, 1), (faulty, 3)] {
        let error = verifier.add_issuer(issuer).unwrap_err();
        assert_eq!(error.faults().len(), faults, "{error}");
    }
    assert_eq!(verifier.status().issuers.len(), 1);
}

#[test]
fn changes_at_once_are_not_lost() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let added = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (verifier, added) = (&verifier, &added);
            scope.spawn(move || {
                for number in 0..50 {
                    let name = format!("https://issuer.test/{thread}/{number}");
                    verifier
                        .add_issuer(Issuer::discover(&name).unwrap().fetch(HttpFetch::default()))
                        .unwrap();
                    added.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(verifier.status().issuers.len(), 1 + added.load(Ordering::Relaxed));
}

/// An issuer whose tokens are known by their client. Nothing is fetched, so that no build needs TLS for it.
fn cognito(pool: &str) -> Issuer {
    Issuer::cognito("eu-west-1", pool, ["web"]).unwrap().fetch(Nowhere::default())
}

#[test]
fn an_issuer_whose_tokens_need_an_audience_is_not_added_where_none_is_named() {
    let verifier = Verifier::builder().issuer(cognito("eu-west-1_aaaaaaaaa")).build().unwrap();
    let error = verifier.add_issuer(TestIssuer::new().issuer()).unwrap_err();
    assert!(error.to_string().contains("audience"), "{error}");
    verifier.add_issuer(cognito("eu-west-1_bbbbbbbbb")).unwrap();
}

#[tokio::test]
async fn a_tenant_whose_tokens_need_an_audience_is_not_trusted_where_none_is_named() {
    let provider = Provider::new();
    let acme = provider.tenant("acme");
    let verifier = Verifier::builder().issuer(cognito("eu-west-1_aaaaaaaaa")).tenants(provider.tenants());
    let verifier = verifier.clock(provider.clock.clone()).build().unwrap();
    let without = acme.token().claim("aud", serde_json::Value::Null);
    assert_ne!(judged(&verifier, &without.sign()).await, "passes");
    assert_ne!(judged(&verifier, &acme.token().sign()).await, "passes");
}

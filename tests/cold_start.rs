//! A start while the issuer is down, with the last good key set kept by an earlier process.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};
use tower_bearer::{
    Issuer, Verifier,
    clock::Clock as _,
    keys::{
        Fetch, FetchError, FetchFuture, FetchRequest, Fetched, KeptKeys, KeyStore, StoreError, StoreFuture,
    },
    testing::{AUDIENCE, TestIssuer},
    verify::{IssuerStatus, KeyState},
};

const JWKS: &str = "https://issuer.test/jwks";

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// A store in memory that can be told to fail.
#[derive(Clone, Default)]
struct Store {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    kept: Option<KeptKeys>,
    said: Vec<&'static str>,
    fails: bool,
    hangs: bool,
}

impl Store {
    fn said(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state.lock().unwrap().said)
    }

    fn kept(&self) -> Option<KeptKeys> {
        self.state.lock().unwrap().kept.clone()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn does<'a, T: Send + 'a>(
        &'a self,
        word: &'static str,
        what: impl FnOnce(&mut State) -> T + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let hangs = {
                let mut state = self.state.lock().unwrap();
                state.said.push(word);
                if state.fails {
                    return Err(StoreError::Failed("no space left".into()));
                }
                state.hangs
            };
            if hangs {
                pending::<()>().await;
            }
            Ok(what(&mut self.state.lock().unwrap()))
        })
    }
}

impl KeyStore for Store {
    fn load<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<KeptKeys>> {
        self.does("load", |state| state.kept.clone())
    }

    fn save<'a>(&'a self, _: &'a str, keys: &'a KeptKeys) -> StoreFuture<'a, ()> {
        self.does("save", |state| state.kept = Some(keys.clone()))
    }

    fn forget<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
        self.does("forget", |state| state.kept = None)
    }
}

/// How the issuer's address answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Up,
    Down,
    Hangs,
    NotModified,
}

#[derive(Clone)]
struct Origin {
    issuer: TestIssuer,
    line: Arc<Mutex<Line>>,
    store: Store,
}

impl Fetch for Origin {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let line = *self.line.lock().unwrap();
        Box::pin(async move {
            match line {
                Line::Up => {
                    let mut fetched = Fetched::new(self.issuer.jwks().to_string());
                    fetched.etag = Some("\"one\"".into());
                    Ok(fetched)
                }
                Line::NotModified if request.etag.is_some() => Ok(Fetched::default()),
                Line::NotModified | Line::Down => Err(FetchError::Status(503)),
                Line::Hangs => pending().await,
            }
        })
    }
}

impl Origin {
    fn new() -> Self {
        let line = Arc::new(Mutex::new(Line::Up));
        Self { issuer: TestIssuer::new(), line, store: Store::default() }
    }

    fn is(&self, line: Line) {
        *self.line.lock().unwrap() = line;
    }

    fn passes(&self, by: Duration) {
        self.issuer.clock().advance(by);
    }

    fn trusted(&self) -> Issuer {
        let issuer = Issuer::jwks(self.issuer.identifier(), JWKS).unwrap().fetch(self.clone());
        issuer.key_store(self.store.clone())
    }

    /// A process that starts now.
    fn starts(&self) -> Verifier {
        self.starts_with(self.trusted())
    }

    fn starts_with(&self, issuer: Issuer) -> Verifier {
        Verifier::builder().issuer(issuer).audience(AUDIENCE).clock(self.issuer.clock()).build().unwrap()
    }

    /// An earlier process has loaded the keys and ended.
    async fn earlier(&self) {
        assert_eq!(judged(&self.starts(), &self.issuer.token().sign()).await, "passes");
        settle().await;
        assert!(self.store.kept().is_some());
        self.store.said();
    }

    async fn judged_after_start(&self) -> &'static str {
        judged(&self.starts(), &self.issuer.token().sign()).await
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

fn status(verifier: &Verifier) -> IssuerStatus {
    verifier.status().issuers.remove(0)
}

#[tokio::test]
async fn nothing_is_kept_unless_somebody_says_so() {
    let origin = Origin::new();
    let issuer = Issuer::jwks(origin.issuer.identifier(), JWKS).unwrap().fetch(origin.clone());
    assert_eq!(judged(&origin.starts_with(issuer), &origin.issuer.token().sign()).await, "passes");
    settle().await;
    assert!(origin.store.said().is_empty());
}

#[tokio::test]
async fn building_reads_nothing() {
    let origin = Origin::new();
    let verifier = origin.starts();
    assert!(origin.store.said().is_empty());
    assert_eq!(status(&verifier).state, KeyState::NeverLoaded);
}

#[tokio::test]
async fn a_set_past_its_time_to_live_judges_while_the_issuer_is_down() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Down);
    origin.passes(minutes(30));
    let verifier = origin.starts();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    let status = status(&verifier);
    assert_eq!((status.state, status.age), (KeyState::Stale, Some(minutes(30))));
    assert_eq!(origin.store.said(), ["load"], "a failed fetch keeps nothing");
}

#[tokio::test]
async fn age_counts_from_the_fetch_however_often_the_process_starts() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Down);
    for expected in ["passes", "passes", "passes", "keys_unavailable", "keys_unavailable"] {
        // 20, 40, 60, 80, 100 minutes: a time to live of 10 and 60 past it.
        origin.passes(minutes(20));
        assert_eq!(origin.judged_after_start().await, expected);
    }
}

#[tokio::test]
async fn age_runs_on_in_the_process_that_recalled_it_also_when_the_wall_clock_is_set_back() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Down);
    origin.passes(minutes(30));
    let verifier = origin.starts();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    origin.issuer.clock().set_back(minutes(300));
    origin.passes(minutes(39));
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    origin.passes(minutes(2));
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "keys_unavailable");
}

#[tokio::test]
async fn max_stale_is_the_operators_for_what_was_kept_too() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Down);
    origin.passes(minutes(16));
    let verifier = origin.starts_with(origin.trusted().max_stale(minutes(5)));
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "keys_unavailable");
}

#[tokio::test]
async fn a_set_out_of_the_future_is_not_believed() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Down);
    origin.issuer.clock().set_back(minutes(5));
    assert_eq!(origin.judged_after_start().await, "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_fresh_set_judges_at_once_while_the_fetch_hangs() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Hangs);
    origin.passes(minutes(1));
    let began = Instant::now();
    let verifier = origin.starts();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(status(&verifier).age, Some(minutes(1)));
}

#[tokio::test(start_paused = true)]
async fn a_stale_set_waits_for_the_hanging_fetch_as_it_always_does() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Hangs);
    origin.passes(minutes(11));
    let began = Instant::now();
    assert_eq!(origin.judged_after_start().await, "passes");
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test]
async fn an_issuer_that_is_up_is_asked_and_its_answer_replaces_what_was_kept() {
    let origin = Origin::new();
    let old = origin.issuer.token().sign();
    origin.earlier().await;
    origin.passes(minutes(1));
    let kid = origin.issuer.rotate();
    origin.issuer.withdraw("es256-1");
    let verifier = origin.starts();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    assert_eq!(judged(&verifier, &old).await, "key_unknown");
    settle().await;
    let kept = origin.store.kept().unwrap();
    let text = String::from_utf8(kept.document).unwrap();
    assert!(text.contains(&kid) && !text.contains("es256-1\""), "{text}");
    // And so for a process that starts in an outage: the withdrawn key stays withdrawn.
    origin.is(Line::Down);
    let verifier = origin.starts();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    assert_ne!(judged(&verifier, &old).await, "passes");
}

#[tokio::test]
async fn not_modified_keeps_the_same_set_as_of_now() {
    let origin = Origin::new();
    let verifier = origin.starts();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    settle().await;
    let before = origin.store.kept().unwrap();
    assert_eq!(before.fetched_at, origin.issuer.clock().wall());
    origin.is(Line::NotModified);
    origin.passes(minutes(11));
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    settle().await;
    let after = origin.store.kept().unwrap();
    assert_eq!(after.document, before.document);
    assert_eq!(after.fetched_at, before.fetched_at + minutes(11));
    assert_eq!(origin.store.said(), ["load", "save", "save"], "asked for once in a process's life");
}

#[tokio::test]
async fn what_could_not_have_been_fetched_is_not_believed() {
    let origin = Origin::new();
    origin.earlier().await;
    let good = origin.store.kept().unwrap();
    type Change = Box<dyn Fn(&mut KeptKeys)>;
    let table: [(&str, Change); 7] = [
        ("another issuer's", Box::new(|kept| kept.issuer = "https://other.test".into())),
        ("another address", Box::new(|kept| kept.jwks_uri = "https://evil.test/jwks".into())),
        ("plain http", Box::new(|kept| kept.jwks_uri = "http://issuer.test/jwks".into())),
        ("another place", Box::new(|kept| kept.place = "https://issuer.test/metadata".into())),
        ("no JSON", Box::new(|kept| kept.document = b"keys".to_vec())),
        ("no key", Box::new(|kept| kept.document = br#"{"keys":[]}"#.to_vec())),
        ("too large", Box::new(|kept| kept.document.extend(vec![b' '; 256 * 1024]))),
    ];
    for (name, change) in table {
        let mut kept = good.clone();
        change(&mut kept);
        origin.store.change(|state| state.kept = Some(kept));
        origin.is(Line::Down);
        let verifier = origin.starts();
        assert_ne!(judged(&verifier, &origin.issuer.token().sign()).await, "passes", "{name}");
        // And it stands in nobody's way.
        origin.is(Line::Up);
        origin.passes(Duration::from_secs(6));
        assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes", "{name}");
    }
}

#[tokio::test]
async fn a_discovered_issuer_may_only_have_kept_what_came_from_a_safe_address() {
    let origin = Origin::new();
    origin.earlier().await;
    origin.is(Line::Down);
    let discovered = || {
        let issuer = Issuer::discover(origin.issuer.identifier()).unwrap().fetch(origin.clone());
        issuer.key_store(origin.store.clone())
    };
    let token = origin.issuer.token().sign();
    assert_eq!(
        judged(&origin.starts_with(discovered()), &token).await,
        "keys_unavailable",
        "it was not found from the metadata"
    );
    let metadata = "https://issuer.test/.well-known/openid-configuration";
    origin.store.change(|state| state.kept.as_mut().unwrap().place = metadata.into());
    assert_eq!(judged(&origin.starts_with(discovered()), &token).await, "passes");
    for bad in ["http://issuer.test/jwks", "http://127.0.0.1/jwks", "file:///etc/passwd", ""] {
        origin.store.change(|state| state.kept.as_mut().unwrap().jwks_uri = bad.into());
        assert_eq!(judged(&origin.starts_with(discovered()), &token).await, "keys_unavailable", "{bad}");
    }
}

#[tokio::test]
async fn a_store_that_fails_costs_nothing_while_the_issuer_is_up() {
    let origin = Origin::new();
    origin.store.change(|state| state.fails = true);
    assert_eq!(origin.judged_after_start().await, "passes");
    settle().await;
    assert_eq!(origin.store.said(), ["load", "save", "forget"], "what cannot be replaced is to be forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_delays_the_first_fetch_by_a_second_and_nothing_else() {
    let origin = Origin::new();
    origin.store.change(|state| state.hangs = true);
    let verifier = origin.starts();
    let began = Instant::now();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    // The save hangs, and the next fetch begins none the less.
    origin.passes(minutes(11));
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(origin.store.said(), ["load", "save"], "one word at a time");
    sleep(Duration::from_secs(61)).await;
    assert_eq!(origin.store.said(), ["forget", "save", "forget"], "what hangs has failed, and goes");
    origin.store.change(|state| state.hangs = false);
    origin.passes(minutes(11));
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    settle().await;
    assert!(origin.store.kept().is_some(), "{:?}", origin.store.said());
}

#[test]
fn a_store_beside_fixed_keys_or_for_an_identifier_it_cannot_keep_is_a_fault() {
    struct Picky;
    impl KeyStore for Picky {
        fn check(&self, _: &str) -> Result<(), StoreError> {
            Err(StoreError::Unusable("its name is too long".into()))
        }
        fn load<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<KeptKeys>> {
            Box::pin(async { Ok(None) })
        }
        fn save<'a>(&'a self, _: &'a str, _: &'a KeptKeys) -> StoreFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }
        fn forget<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }
    }
    let issuer = TestIssuer::new();
    let fixed = issuer.hmac_issuer(tower_bearer::keys::Algorithm::HS256).key_store(Store::default());
    for issuer in [fixed, issuer.issuer().key_store(Picky)] {
        let error = Verifier::builder().issuer(issuer).audience(AUDIENCE).build().unwrap_err();
        assert!(error.faults().len() == 1 && error.to_string().contains("key_store"), "{error}");
    }
}

/// The whole way, with a file and two processes' worth of verifiers.
#[cfg(unix)]
#[tokio::test]
async fn a_file_carries_the_keys_over_a_restart() {
    use std::os::unix::fs::PermissionsExt as _;
    use tower_bearer::keys::FileStore;

    let directory = std::env::temp_dir().join(format!("tower-bearer-{}", std::process::id()));
    let origin = Origin::new();
    let with_file = || {
        let issuer = Issuer::jwks(origin.issuer.identifier(), JWKS).unwrap().fetch(origin.clone());
        origin.starts_with(issuer.key_store(FileStore::in_dir(&directory)))
    };
    let verifier = with_file();
    assert_eq!(judged(&verifier, &origin.issuer.token().sign()).await, "passes");
    let file = loop {
        let found = std::fs::read_dir(&directory).into_iter().flatten().flatten().next();
        match found.filter(|file| !file.file_name().to_string_lossy().ends_with(".tmp")) {
            Some(file) => break file,
            None => sleep(Duration::from_millis(1)).await,
        }
    };
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(verifier);
    origin.is(Line::Down);
    origin.passes(minutes(30));
    assert_eq!(judged(&with_file(), &origin.issuer.token().sign()).await, "passes");
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(judged(&with_file(), &origin.issuer.token().sign()).await, "keys_unavailable");
    std::fs::remove_dir_all(&directory).unwrap();
}

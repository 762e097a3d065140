//! Kept key sets, and gauges.

use super::{judged, seconds, settle};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;
use tower_bearer::{
    Verifier,
    clock::Clock as _,
    issuer::{Tenant, Tenants},
    keys::{KeptKeys, KeyStore, StoreError, StoreFuture},
    testing::{AUDIENCE, TestIssuer},
};

/// In memory; each operation may be slow, hang or fail.
#[derive(Clone, Default)]
struct Memory {
    kept: Arc<Mutex<Option<KeptKeys>>>,
    loads: Arc<AtomicUsize>,
    load_ms: Arc<AtomicU64>,
    fail_loads: Arc<AtomicUsize>,
    save_ms: Arc<AtomicU64>,
    hang_save: Arc<AtomicBool>,
    forgotten: Arc<AtomicUsize>,
}

impl KeyStore for Memory {
    fn load<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<KeptKeys>> {
        let n = self.loads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let ms = self.load_ms.load(Ordering::SeqCst);
            if ms > 0 {
                sleep(Duration::from_millis(ms)).await;
            }
            if n < self.fail_loads.load(Ordering::SeqCst) {
                return Err(StoreError::Failed("not up yet".into()));
            }
            Ok(self.kept.lock().unwrap().clone())
        })
    }
    fn save<'a>(&'a self, _: &'a str, keys: &'a KeptKeys) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let ms = self.save_ms.load(Ordering::SeqCst);
            if self.hang_save.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if ms > 0 {
                sleep(Duration::from_millis(ms)).await;
            }
            *self.kept.lock().unwrap() = Some(keys.clone());
            Ok(())
        })
    }
    fn forget<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.forgotten.fetch_add(1, Ordering::SeqCst);
            *self.kept.lock().unwrap() = None;
            Ok(())
        })
    }
}

fn kept(issuer: &TestIssuer) -> KeptKeys {
    let uri = format!("{}/jwks", issuer.identifier());
    let jwks = issuer.jwks().to_string().into_bytes();
    let mut kept = KeptKeys::new(issuer.identifier(), uri, jwks, issuer.clock().wall());
    kept.place = format!("{}/.well-known/openid-configuration", issuer.identifier());
    kept
}

fn with(issuer: &TestIssuer, store: &Memory) -> Verifier {
    Verifier::builder()
        .issuer(issuer.issuer().key_store(store.clone()))
        .audience(AUDIENCE)
        .clock(issuer.clock())
        .build()
        .unwrap()
}

/// A save that times out has failed: what was kept before may have a withdrawn key.
#[tokio::test(start_paused = true)]
async fn a_save_that_times_out_takes_the_older_set_away() {
    let issuer = TestIssuer::new();
    let store = Memory::default();
    *store.kept.lock().unwrap() = Some(kept(&issuer));
    let old = issuer.token().expires_in(seconds(7200)).sign();
    issuer.rotate();
    issuer.withdraw("es256-1");
    store.hang_save.store(true, Ordering::SeqCst);
    let verifier = with(&issuer, &store);
    verifier.warm_up().await;
    sleep(seconds(120)).await;
    settle().await;
    // Restart while the issuer is down.
    issuer.fail();
    let again = with(&issuer, &store);
    issuer.clock().advance(seconds(130));
    let answer = judged(&again, &old).await;
    assert_eq!(
        (answer, store.forgotten.load(Ordering::SeqCst)),
        ("keys_unavailable", 1),
        "a withdrawn key is back"
    );
}

/// A cold start: the issuer is down, the store comes a moment later.
#[tokio::test(start_paused = true)]
async fn a_store_that_fails_once_is_asked_again_while_there_are_no_keys() {
    let issuer = TestIssuer::new();
    let store = Memory::default();
    *store.kept.lock().unwrap() = Some(kept(&issuer));
    store.fail_loads.store(1, Ordering::SeqCst);
    issuer.fail();
    let verifier = with(&issuer, &store);
    let token = issuer.token().sign();
    for _ in 0..10 {
        judged(&verifier, &token).await;
        settle().await;
        issuer.clock().advance(seconds(10));
    }
    assert_eq!(
        judged(&verifier, &token).await,
        "passes",
        "the store was asked {} times",
        store.loads.load(Ordering::SeqCst)
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_once_is_asked_again_while_there_are_no_keys() {
    let issuer = TestIssuer::new();
    let store = Memory::default();
    *store.kept.lock().unwrap() = Some(kept(&issuer));
    store.load_ms.store(1100, Ordering::SeqCst);
    issuer.fail();
    let verifier = with(&issuer, &store);
    let token = issuer.token().sign();
    judged(&verifier, &token).await;
    store.load_ms.store(1, Ordering::SeqCst);
    for _ in 0..10 {
        judged(&verifier, &token).await;
        settle().await;
        issuer.clock().advance(seconds(10));
    }
    assert_eq!(
        judged(&verifier, &token).await,
        "passes",
        "the store was asked {} times",
        store.loads.load(Ordering::SeqCst)
    );
}

/// A question that could not even be begun must not use up the one look into the store.
#[test]
fn a_first_request_without_a_runtime_does_not_lose_what_was_kept() {
    let issuer = TestIssuer::new();
    let store = Memory::default();
    *store.kept.lock().unwrap() = Some(kept(&issuer));
    issuer.fail();
    let verifier = with(&issuer, &store);
    let token = issuer.token().sign();
    use futures_util::FutureExt as _;
    assert!(verifier.verify(&token).now_or_never().unwrap().is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(
            judged(&verifier, &token).await,
            "passes",
            "the store was asked {} times",
            store.loads.load(Ordering::SeqCst)
        );
    });
}

/// "Calls for one issuer come one after the other from one process": also where a tenant is named anew.
#[tokio::test(start_paused = true)]
async fn a_late_save_of_a_tenants_former_engine_does_not_overwrite_a_newer_one() {
    let acme = TestIssuer::named("https://id.example.com/realms/acme");
    let clock = acme.clock();
    let store = Memory::default();
    let (a, s) = (acme.clone(), store.clone());
    let tenants = Tenants::new("https://id.example.com/realms/{tenant}", move |_: Tenant| {
        let i = a.issuer().key_store(s.clone());
        async move { Ok::<_, io::Error>(Some(i)) }
    })
    .ttl(seconds(1));
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let old = acme.token().expires_in(seconds(7200)).sign();
    store.save_ms.store(20_000, Ordering::SeqCst);
    assert_eq!(judged(&verifier, &old).await, "passes");
    settle().await;
    store.save_ms.store(1, Ordering::SeqCst);
    acme.rotate();
    acme.withdraw("es256-1");
    // The resolver's word is renewed: a new engine, with a lock of its own.
    clock.advance(seconds(8));
    judged(&verifier, &acme.token().sign()).await;
    settle().await;
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    sleep(seconds(60)).await;
    let document = String::from_utf8(store.kept.lock().unwrap().clone().unwrap().document).unwrap();
    assert!(!document.contains("es256-1"), "the withdrawn key is back in the store");
}

/// A fetch that ends after its issuer was removed must not bring its gauges back.
#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn gauges_of_a_removed_issuer_stay_at_nothing() {
    use tower_bearer::{
        Issuer,
        keys::{Fetch, FetchFuture, FetchRequest},
    };

    struct Slow(TestIssuer);
    impl Fetch for Slow {
        fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
            let inner = self.0.transport();
            Box::pin(async move {
                sleep(Duration::from_millis(500)).await;
                inner.fetch(request).await
            })
        }
    }
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let issuer = TestIssuer::new();
    let trusted = Issuer::discover(issuer.identifier()).unwrap().fetch(Slow(issuer.clone()));
    let verifier =
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
    let (v, t) = (verifier.clone(), issuer.token().sign());
    let waiting = tokio::spawn(async move { judged(&v, &t).await });
    settle().await;
    assert!(verifier.remove_issuer(issuer.identifier()));
    assert_eq!(waiting.await.unwrap(), "issuer_unknown");
    settle().await;
    let text = handle.render();
    let bad: Vec<_> =
        text.lines().filter(|l| l.starts_with("tower_bearer_key_set_") && !l.ends_with(" 0")).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

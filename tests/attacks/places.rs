//! Addresses and renewals.

use super::{judged, seconds, settle};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;
use tower_bearer::{
    Issuer, Verifier,
    clock::Clock as _,
    issuer::{Tenant, Tenants},
    keys::{Fetch, FetchFuture, FetchRequest, KeptKeys, KeyStore, StoreFuture},
    testing::{AUDIENCE, TestIssuer},
};
struct Counting(TestIssuer, Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>);
struct Less(Arc<AtomicUsize>);
impl Drop for Less {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fetch for Counting {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let inner = self.0.transport();
        Box::pin(async move {
            self.3.fetch_add(1, Ordering::SeqCst);
            let running = self.1.fetch_add(1, Ordering::SeqCst) + 1;
            let _less = Less(Arc::clone(&self.1));
            self.2.fetch_max(running, Ordering::SeqCst);
            sleep(Duration::from_millis(700)).await;
            inner.fetch(request).await
        })
    }
}

/// A resolver that makes its transport anew (as the docs' one line with `.fetch(..)` or `.key_store(..)` does).
#[tokio::test(start_paused = true)]
async fn renewing_a_tenant_begins_no_second_fetch_beside_the_first_and_loses_none() {
    let acme = TestIssuer::named("https://id.example.com/realms/acme");
    let clock = acme.clock();
    let (now, most, all) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (a, n, m, l) = (acme.clone(), Arc::clone(&now), Arc::clone(&most), Arc::clone(&all));
    let tenants = Tenants::new("https://id.example.com/realms/{tenant}", move |tenant: Tenant| {
        let fetch = Counting(a.clone(), Arc::clone(&n), Arc::clone(&m), Arc::clone(&l));
        let i = Issuer::discover(tenant.issuer()).unwrap().fetch(fetch);
        async move { Ok::<_, io::Error>(Some(i)) }
    })
    .ttl(seconds(1));
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let mut passed = 0;
    for _ in 0..300 {
        let (v, t) = (verifier.clone(), acme.token().sign());
        tokio::spawn(async move { judged(&v, &t).await });
        sleep(Duration::from_millis(100)).await;
        clock.advance(Duration::from_millis(100));
        if verifier.status().tenants.iter().any(|t| t.age.is_some()) {
            passed += 1;
        }
    }
    settle().await;
    assert!(most.load(Ordering::SeqCst) <= 1 && passed > 250);
}

#[derive(Clone)]
struct Fixed(KeptKeys);
impl KeyStore for Fixed {
    fn load<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<KeptKeys>> {
        let k = self.0.clone();
        Box::pin(async move { Ok(Some(k)) })
    }
    fn save<'a>(&'a self, _: &'a str, _: &'a KeptKeys) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn forget<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// In a process another address begins anew (`keys_of_another_place_are_not_handed_on`); so it must across a restart.
#[tokio::test]
async fn a_kept_set_of_another_metadata_address_is_not_believed() {
    let old = TestIssuer::new();
    let kept = KeptKeys::new(
        old.identifier(),
        "https://old.example.com/jwks",
        old.jwks().to_string().into_bytes(),
        old.clock().wall(),
    );
    let moved = Issuer::discover(old.identifier())
        .unwrap()
        .metadata_url("https://new.example.com/.well-known/openid-configuration")
        .fetch(old.transport()) // knows no such address: the new place is down
        .key_store(Fixed(kept));
    let verifier = Verifier::builder().issuer(moved).audience(AUDIENCE).clock(old.clock()).build().unwrap();
    assert_eq!(judged(&verifier, &old.token().sign()).await, "keys_unavailable");
}

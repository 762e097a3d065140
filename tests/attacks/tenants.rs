//! Tenants, what is handed on between them, and the rules of the key life.

use super::{judged, seconds, settle};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::yield_now, time::sleep};
use tower_bearer::{
    Issuer, Verifier,
    issuer::{Tenant, Tenants},
    keys::{Fetch, FetchFuture, FetchRequest},
    testing::{AUDIENCE, TestClock, TestIssuer},
};

const TEMPLATE: &str = "https://id.example.com/realms/{tenant}";
fn name(tenant: &str) -> String {
    TEMPLATE.replace("{tenant}", tenant)
}

/// Serves one TestIssuer after a delay (tokio time).
#[derive(Clone)]
struct Slow {
    issuer: TestIssuer,
    delay: Arc<AtomicU64>,
    asked: Arc<AtomicUsize>,
}

impl Fetch for Slow {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        let inner = self.issuer.transport();
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let ms = self.delay.load(Ordering::SeqCst);
            if ms > 0 {
                sleep(Duration::from_millis(ms)).await;
            }
            inner.fetch(request).await
        })
    }
}

impl Slow {
    fn new(issuer: &TestIssuer) -> Self {
        Self { issuer: issuer.clone(), delay: Arc::default(), asked: Arc::default() }
    }
}

/// A shorter key_ttl from the resolver must be in force.
#[tokio::test]
async fn a_shorter_key_ttl_of_a_tenant_is_in_force_once_it_is_named() {
    let clock = TestClock::frozen();
    let acme = TestIssuer::named(&name("acme"));
    let short = Arc::new(AtomicBool::new(false));
    let (a, s) = (acme.clone(), Arc::clone(&short));
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let ttl = if s.load(Ordering::SeqCst) { seconds(60) } else { seconds(24 * 3600) };
        let issuer = a.issuer().key_ttl(ttl);
        async move { Ok::<_, io::Error>(Some(issuer)) }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let old = acme.token().expires_in(seconds(10 * 3600)).sign();
    assert_eq!(judged(&verifier, &old).await, "passes");
    // The operator lowers key_ttl to a minute; the resolver's word is renewed.
    short.store(true, Ordering::SeqCst);
    clock.advance(seconds(599));
    assert_eq!(judged(&verifier, &old).await, "passes");
    settle().await;
    assert_eq!(judged(&verifier, &old).await, "passes");
    settle().await;
    // The key is withdrawn; half an hour (30 ttls) later, with the issuer healthy all along, it must be gone.
    let kid = acme.rotate();
    let _ = kid;
    acme.withdraw("es256-1");
    for _ in 0..30 {
        clock.advance(seconds(60));
        judged(&verifier, &old).await;
        settle().await;
    }
    assert_ne!(
        judged(&verifier, &old).await,
        "passes",
        "a withdrawn key 30 minutes past a ttl of one minute"
    );
}

/// Taking a long key_ttl away again.
#[tokio::test]
async fn a_long_key_ttl_that_is_taken_away_ends() {
    let clock = TestClock::frozen();
    let acme = TestIssuer::named(&name("acme"));
    let short = Arc::new(AtomicBool::new(false));
    let (a, s) = (acme.clone(), Arc::clone(&short));
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let issuer =
            if s.load(Ordering::SeqCst) { a.issuer() } else { a.issuer().key_ttl(seconds(24 * 3600)) };
        async move { Ok::<_, io::Error>(Some(issuer)) }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let old = acme.token().expires_in(seconds(10 * 3600)).sign();
    assert_eq!(judged(&verifier, &old).await, "passes");
    short.store(true, Ordering::SeqCst);
    clock.advance(seconds(599));
    judged(&verifier, &old).await;
    settle().await;
    acme.rotate();
    acme.withdraw("es256-1");
    for _ in 0..120 {
        clock.advance(seconds(60));
        judged(&verifier, &old).await;
        settle().await;
    }
    assert_ne!(
        judged(&verifier, &old).await,
        "passes",
        "a withdrawn key 2 h past, default ttl 10 min (at most 1 h)"
    );
}

/// `hung for 2 s` must be 2 s of *that* fetch.
#[tokio::test(start_paused = true)]
async fn a_fetch_begun_a_moment_ago_does_not_count_as_hung() {
    let clock = TestClock::frozen();
    let acme = TestIssuer::named(&name("acme"));
    let transport = Slow::new(&acme);
    let resolver_ms = Arc::new(AtomicU64::new(0));
    let issuer = Issuer::discover(&name("acme")).unwrap().fetch(transport.clone());
    let r = Arc::clone(&resolver_ms);
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let (issuer, ms) = (issuer.clone(), r.load(Ordering::SeqCst));
        async move {
            sleep(Duration::from_millis(ms)).await;
            Ok::<_, io::Error>(Some(issuer))
        }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let old = acme.token().expires_in(seconds(10 * 3600)).sign();
    assert_eq!(judged(&verifier, &old).await, "passes");
    // Night: the key is withdrawn, nobody asks for 50 minutes. The issuer is healthy: it answers in 200 ms.
    acme.rotate();
    acme.withdraw("es256-1");
    clock.advance(seconds(50 * 60));
    resolver_ms.store(1900, Ordering::SeqCst);
    transport.delay.store(200, Ordering::SeqCst);
    let answer = judged(&verifier, &old).await;
    assert_ne!(answer, "passes", "judged by a stale set while its first refresh was 100 ms old");
}

/// 256 questions at once, whatever the schedule.
#[tokio::test]
async fn no_more_than_256_questions_at_once_when_a_burst_arrives_together() {
    let clock = TestClock::frozen();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (n, m) = (Arc::clone(&now), Arc::clone(&most));
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let (n, m) = (Arc::clone(&n), Arc::clone(&m));
        async move {
            let running = n.fetch_add(1, Ordering::SeqCst) + 1;
            m.fetch_max(running, Ordering::SeqCst);
            settle().await;
            n.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, io::Error>(None)
        }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let forger = TestIssuer::named("https://forger.test");
    let tokens: Vec<String> =
        (0..3000).map(|i| forger.token().claim("iss", name(&format!("t{i}"))).sign()).collect();
    let all = tokens.iter().map(|token| judged(&verifier, token));
    futures_util::future::join_all(all).await;
    assert!(most.load(Ordering::SeqCst) <= 256, "{} questions at once", most.load(Ordering::SeqCst));
}

/// Refused names that are remembered: their renewal is bounded as well.
#[tokio::test]
async fn no_more_than_256_questions_at_once_when_refused_names_come_back() {
    let clock = TestClock::frozen();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let slow = Arc::new(AtomicBool::new(false));
    let (n, m, s) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&slow));
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let (n, m, s) = (Arc::clone(&n), Arc::clone(&m), Arc::clone(&s));
        async move {
            let running = n.fetch_add(1, Ordering::SeqCst) + 1;
            if s.load(Ordering::SeqCst) {
                m.fetch_max(running, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            n.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, io::Error>(None)
        }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let forger = TestIssuer::named("https://forger.test");
    for i in 0..2000 {
        assert_eq!(
            judged(&verifier, &forger.token().claim("iss", name(&format!("t{i}"))).sign()).await,
            "issuer_unknown"
        );
    }
    slow.store(true, Ordering::SeqCst);
    clock.advance(seconds(55));
    // Garbage: no audience of ours, expired, signed by nobody. One at a time, with pauses.
    for i in 0..2000 {
        let token = forger.token().audience("nobody").expired().claim("iss", name(&format!("t{i}"))).sign();
        assert_eq!(judged(&verifier, &token).await, "issuer_unknown");
        yield_now().await;
    }
    settle().await;
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 256, "{most} questions at once, asked for by tokens that are expired and for nobody");
}

/// A resolver of one line that trusts everybody.
#[tokio::test]
async fn a_flood_of_invented_names_evicts_no_real_tenant_even_if_the_resolver_trusts_everybody() {
    let clock = TestClock::frozen();
    let acme = TestIssuer::named(&name("acme"));
    let transport = Arc::new(Slow::new(&acme));
    let t = Arc::clone(&transport);
    let tenants = Tenants::new(TEMPLATE, move |tenant: Tenant| {
        let issuer = Issuer::discover(tenant.issuer()).map(|issuer| Some(issuer.fetch((*t).clone())));
        async move { issuer }
    })
    .max_tenants(100);
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    let before = transport.asked.load(Ordering::SeqCst);
    let forger = TestIssuer::named("https://forger.test");
    for i in 0..1000 {
        judged(&verifier, &forger.token().claim("iss", name(&format!("t{i}"))).sign()).await;
    }
    let caused = transport.asked.load(Ordering::SeqCst) - before;
    // The provider goes down: the keys of acme are good for ten minutes and an hour.
    acme.fail();
    let answer = judged(&verifier, &acme.token().sign()).await;
    assert_eq!(answer, "passes");
    // Each invented name costs a look at the provider's metadata, which is the price of such a resolver.
    assert!(caused <= 1000, "{caused}");
}

/// An idle service tries before it judges, also with a long back-off configured.
#[tokio::test]
async fn an_idle_service_tries_before_it_judges_whatever_the_longest_back_off() {
    let issuer = TestIssuer::new();
    let clock = issuer.clock();
    let verifier = Verifier::builder()
        .issuer(issuer.issuer().key_back_off(seconds(1), seconds(3600)))
        .audience(AUDIENCE)
        .clock(clock.clone())
        .build()
        .unwrap();
    let old = issuer.token().expires_in(seconds(10 * 3600)).sign();
    assert_eq!(judged(&verifier, &old).await, "passes");
    // The issuer restarts for a moment just past the time to live: one failure, back-off of one second.
    clock.advance(seconds(601));
    issuer.fail();
    assert_eq!(judged(&verifier, &old).await, "passes");
    settle().await;
    issuer.recover();
    issuer.rotate();
    issuer.withdraw("es256-1");
    // Idle for 50 minutes; healthy for all of them.
    clock.advance(seconds(50 * 60));
    assert_ne!(
        judged(&verifier, &old).await,
        "passes",
        "a key withdrawn 50 minutes ago, and nobody tried first"
    );
}

/// A forgotten tenant does not come back by a race.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_forgotten_stays_forgotten() {
    let acme = TestIssuer::named(&name("acme"));
    let clock = acme.clock();
    let alive = Arc::new(AtomicBool::new(true));
    let (issuer, a) = (Issuer::discover(&name("acme")).unwrap().fetch(acme.transport()), Arc::clone(&alive));
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let answer = a.load(Ordering::SeqCst).then(|| issuer.clone());
        async move { Ok::<_, io::Error>(answer) }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock.clone()).build().unwrap();
    let token = acme.token().sign();
    let began = std::time::Instant::now();
    let mut rounds = 0;
    while began.elapsed() < seconds(12) {
        rounds += 1;
        alive.store(true, Ordering::SeqCst);
        verifier.forget_tenant(&name("acme"));
        let stop = Arc::new(AtomicBool::new(false));
        let hammer = {
            let (v, t, s) = (verifier.clone(), token.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !s.load(Ordering::SeqCst) {
                    judged(&v, &t).await;
                    yield_now().await;
                }
            })
        };
        for _ in 0..(rounds % 40) {
            judged(&verifier, &token).await;
        }
        alive.store(false, Ordering::SeqCst);
        verifier.forget_tenant(&name("acme"));
        stop.store(true, Ordering::SeqCst);
        hammer.await.unwrap();
        // Questions answered "yes" before may be under way no more.
        verifier.verify(&token).await.ok();
        let answer = judged(&verifier, &token).await;
        assert_ne!(answer, "passes", "round {rounds}: forgotten and ended, yet trusted");
        clock.advance(seconds(1));
        // token life: 5 min
        clock.set_back(seconds(1));
    }
}

/// With few tenants allowed, a flood does not keep a real one from ever being found.
#[tokio::test]
async fn a_flood_does_not_keep_a_real_tenant_from_being_found() {
    let acme = TestIssuer::named(&name("acme"));
    let clock = acme.clock();
    let issuer = Issuer::discover(&name("acme")).unwrap().fetch(acme.transport());
    let tenants = Tenants::new(TEMPLATE, move |tenant: Tenant| {
        let answer = (tenant.name() == "acme").then(|| issuer.clone());
        async move {
            settle().await;
            Ok::<_, io::Error>(answer)
        }
    })
    .max_tenants(10);
    let verifier = Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(clock).build().unwrap();
    let forger = TestIssuer::named("https://forger.test");
    let real = {
        let (v, t) = (verifier.clone(), acme.token().sign());
        tokio::spawn(async move { judged(&v, &t).await })
    };
    let mut i = 0;
    while !real.is_finished() && i < 3000 {
        let (v, t) = (verifier.clone(), forger.token().claim("iss", name(&format!("t{i}"))).sign());
        tokio::spawn(async move { judged(&v, &t).await });
        yield_now().await;
        i += 1;
    }
    assert!(real.is_finished(), "still waiting after {i} invented names");
    assert_eq!(real.await.unwrap(), "passes", "after {i} names");
}

#[tokio::test]
async fn a_removed_issuer_is_a_stranger_where_tenants_have_the_same_form() {
    let acme = TestIssuer::named(&name("acme"));
    let a = acme.clone();
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let i = a.issuer();
        async move { Ok::<_, io::Error>(Some(i)) }
    });
    let verifier = Verifier::builder()
        .tenants(tenants)
        .issuer(acme.issuer())
        .audience(AUDIENCE)
        .clock(acme.clock())
        .build()
        .unwrap();
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
    assert!(verifier.remove_issuer(acme.identifier()));
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "issuer_unknown");
}

/// An outage of one issuer is no outage of the tenants.
#[tokio::test]
async fn a_service_whose_tenants_can_be_judged_gets_ready_though_its_listed_issuer_is_down() {
    let acme = TestIssuer::named(&name("acme"));
    let listed = TestIssuer::named("https://staff.example.com");
    listed.fail();
    let a = acme.clone();
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let i = a.issuer();
        async move { Ok::<_, io::Error>(Some(i)) }
    });
    let verifier = Verifier::builder()
        .tenants(tenants)
        .issuer(listed.issuer())
        .audience(AUDIENCE)
        .clock(acme.clock())
        .build()
        .unwrap();
    // A pod that is not ready gets no requests, so no tenant is ever found.
    let status = verifier.warm_up().await;
    assert!(status.is_ready(), "never ready: only a request could make it so, and it gets none");
}

#[test]
fn a_verifier_that_trusts_nobody_is_not_ready() {
    let one = TestIssuer::new();
    let verifier = one.verifier().build().unwrap();
    assert!(verifier.remove_issuer(one.identifier()));
    assert!(!verifier.status().is_ready());
}

/// The verifier inside of the resolver and of the transport.
#[tokio::test(start_paused = true)]
async fn a_resolver_that_calls_the_verifier_wedges_nothing() {
    let acme = TestIssuer::named(&name("acme"));
    let slot: Arc<Mutex<Option<Verifier>>> = Arc::default();
    let (a, s) = (acme.clone(), Arc::clone(&slot));
    let token = acme.token().sign();
    let t = token.clone();
    let tenants = Tenants::new(TEMPLATE, move |tenant: Tenant| {
        let (i, v, t) = (a.issuer(), s.lock().unwrap().clone().unwrap(), t.clone());
        v.status();
        let _ = tenant.issuer();
        v.add_issuer(TestIssuer::named(&format!("https://x{}.test", v.status().issuers.len())).issuer())
            .unwrap();
        async move {
            v.verify(&t).await.ok();
            v.warm_up().await;
            Ok::<_, io::Error>(Some(i))
        }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(acme.clock()).build().unwrap();
    *slot.lock().unwrap() = Some(verifier.clone());
    tokio::time::timeout(seconds(60), judged(&verifier, &token)).await.expect("it came back");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_panics_or_hangs_heals() {
    let acme = TestIssuer::named(&name("acme"));
    let mood = Arc::new(AtomicUsize::new(0));
    let (a, m) = (acme.clone(), Arc::clone(&mood));
    let tenants = Tenants::new(TEMPLATE, move |_: Tenant| {
        let mood = m.load(Ordering::SeqCst);
        assert!(mood != 0, "sync panic");
        let i = a.issuer();
        async move {
            assert!(mood != 1, "async panic");
            if mood == 2 {
                std::future::pending::<()>().await;
            }
            Ok::<_, io::Error>(Some(i))
        }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(acme.clock()).build().unwrap();
    for m in 0..3 {
        mood.store(m, Ordering::SeqCst);
        assert_eq!(judged(&verifier, &acme.token().sign()).await, "keys_unavailable", "mood {m}");
        sleep(seconds(10)).await;
        acme.clock().advance(seconds(70));
    }
    mood.store(3, Ordering::SeqCst);
    assert_eq!(judged(&verifier, &acme.token().sign()).await, "passes");
}

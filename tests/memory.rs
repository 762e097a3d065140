//! Floods leave nothing behind: after a hundred thousand tokens of each kind, the heap is where it was when the verifier
//! had seen two thousand, and after two thousand rotations where it was after one thousand.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and what was counted is worth reading"
)]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{FutureExt as _, future::join_all};
use heap::live;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_bearer::{
    Issuer, Verifier,
    clock::Clock as _,
    error::Reason,
    issuer::{Tenant, Tenants},
    keys::{Algorithm, Fetch, FetchFuture, FetchRequest, Fetched, KeySet},
    testing::{AUDIENCE, TestIssuer},
};

mod heap;

const FLOOD: usize = 100_000;
const WARM_UP: usize = 2_000;
const WAVE: usize = 500;
const BOUND: i64 = 256 * 1024;

struct World {
    issuer: TestIssuer,
    verifier: Verifier,
}

impl World {
    async fn new() -> Self {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::EdDSA);
        // With a second issuer `iss` is looked at before the keys.
        let second = TestIssuer::named("https://second.test");
        let verifier = Verifier::builder()
            .issuer(issuer.issuer())
            .issuer(second.issuer())
            .audience(AUDIENCE)
            .clock(issuer.clock())
            // What is remembered on purpose is weighed apart.
            .without_memory()
            .build()
            .unwrap();
        assert!(verifier.warm_up().await.is_ready());
        Self { issuer, verifier }
    }

    async fn ends_with(&self, token: &str) -> &'static str {
        self.verifier.verify(token).await.map_or_else(|error| error.reason().id(), |_| "ok")
    }
}

/// A token that is right but for what is said here, and for its signature: where that is never looked at, or should fit
/// nothing, there is no need to sign a hundred thousand.
fn unsigned(world: &World, kid: &str, iss: &str, aud: &str, number: usize) -> String {
    let exp = world.issuer.clock().wall().as_secs() + 300;
    let header = encode(format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#));
    let claims = format!(r#"{{"iss":"{iss}","aud":"{aud}","sub":"user-{number}","exp":{exp}}}"#);
    // 64 bytes, the last character of which bears only zero bits.
    format!("{header}.{}.{number:085}A", encode(claims))
}

fn encode(text: String) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token of some kind, another one for each number, and how it ends.
type Kind = (&'static str, fn(&World, usize) -> String, &'static str);

const ISSUER: &str = "https://issuer.test";

fn distinct(world: &World, number: usize) -> String {
    world.issuer.token().subject(&format!("user-{number}")).sign()
}

fn random_kid(world: &World, number: usize) -> String {
    unsigned(world, &format!("{number:032x}"), ISSUER, AUDIENCE, number)
}

fn random_issuer(world: &World, number: usize) -> String {
    unsigned(world, "eddsa-2", &format!("https://{number:032x}.test"), AUDIENCE, number)
}

fn random_audience(world: &World, number: usize) -> String {
    unsigned(world, &format!("{number:032x}"), ISSUER, &format!("https://{number:032x}.test"), number)
}

fn forged(world: &World, number: usize) -> String {
    unsigned(world, "eddsa-2", ISSUER, AUDIENCE, number)
}

fn garbage(_: &World, number: usize) -> String {
    format!("{number:032x}").repeat(8)
}

const KINDS: [Kind; 6] = [
    ("distinct good tokens", distinct, "ok"),
    ("random key ids", random_kid, "key_unknown"),
    ("random issuers", random_issuer, "issuer_unknown"),
    ("random audiences, of keys that nobody has", random_audience, "aud_mismatch"),
    ("forged signatures", forged, "signature_invalid"),
    ("no tokens at all", garbage, "not_a_jws"),
];

/// Sends them in waves, a second apart, so that whoever may spend fetches does spend them.
async fn flood(world: &World, (_, make, expected): Kind, numbers: std::ops::Range<usize>) {
    for wave in numbers.step_by(WAVE) {
        world.issuer.clock().advance(Duration::from_secs(1));
        let tokens: Vec<_> = (wave..wave + WAVE).map(|number| make(world, number)).collect();
        let ends = join_all(tokens.iter().map(|token| world.ends_with(token))).await;
        assert!(ends.iter().all(|end| *end == expected), "{:?} for {expected}", ends.first());
    }
}

/// Requests that begin to wait and go away.
async fn leave(world: &World, numbers: std::ops::Range<usize>) {
    for wave in numbers.step_by(WAVE) {
        world.issuer.clock().advance(Duration::from_secs(6));
        let tokens = (wave..wave + WAVE).map(|number| random_kid(world, number));
        let mut waiting: Vec<_> = tokens.map(|token| world.verifier.verify(&token).boxed()).collect();
        let context = &mut Context::from_waker(Waker::noop());
        let count = waiting.iter_mut().map(|one| one.as_mut().poll(context)).filter(Poll::is_pending).count();
        assert_eq!(count, 256, "that many may wait");
        drop(waiting);
        // The fetch ends by itself.
        assert_eq!(world.ends_with(&world.issuer.token().sign()).await, "ok");
        tokio::task::yield_now().await;
    }
}

/// One test, for everything that runs beside it would be counted as well.
#[tokio::test]
async fn a_flood_of_any_kind_leaves_nothing_on_the_heap() {
    two_thousand_rotations().await;
    let world = World::new().await;
    for kind in KINDS {
        flood(&world, kind, 0..WARM_UP).await;
        let before = live();
        flood(&world, kind, WARM_UP..WARM_UP + FLOOD).await;
        judge(kind.0, before);
    }
    leave(&world, 0..WARM_UP).await;
    let before = live();
    leave(&world, WARM_UP..WARM_UP + FLOOD).await;
    judge("requests that went away", before);
    flood_of_tenants(&world).await;
    flood_of_remembered(&world).await;
}

/// Serves the set that it is told to.
#[derive(Clone, Default)]
struct Origin(Arc<Mutex<String>>);

impl Fetch for Origin {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        let set = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(Fetched::new(set)) })
    }
}

/// A set with the newest key alone, and tokens that it signed.
fn of_newest_key(issuer: &TestIssuer) -> (String, Vec<String>) {
    let kid = issuer.rotate();
    let set = issuer.jwks();
    let newest: Vec<&Value> =
        set["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == *kid).collect();
    let token = |number: u32| issuer.token().without("iat").claim("exp", 4_102_444_800u64).claim("n", number);
    (json!({ "keys": newest }).to_string(), (0..20).map(|number| token(number).sign()).collect())
}

async fn two_thousand_rotations() {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::EdDSA);
    let sides = [of_newest_key(&issuer), of_newest_key(&issuer)];
    let origin = Origin::default();
    let trusted =
        Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap().fetch(origin.clone());
    let verifier = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let verifier = verifier.memory(64 * 1024, 30).build().unwrap();
    let mut heap = Vec::with_capacity(2_000);
    for round in 0..2_000 {
        let (set, tokens) = &sides[round % 2];
        origin.0.lock().unwrap().clone_from(set);
        // Past the time to live: the next token waits for the set.
        issuer.clock().advance(Duration::from_secs(700));
        for token in tokens {
            assert!(verifier.verify(token).await.is_ok());
        }
        heap.push(live());
    }
    // The same side of the turn, and every table as large as it gets.
    let (early, late) = (heap[999], heap[1_999]);
    assert!((late - early).abs() < 1_000, "a thousand rotations took {} bytes", late - early);
}

/// What is remembered takes what it is said to weigh, and no more than there is room for.
async fn flood_of_remembered(world: &World) {
    const ROOM: u64 = 2 * 1024 * 1024;
    // A claim map is made when it is first looked at, and stays.
    for (claims, looks) in [(0, false), (13, false), (60, false), (0, true), (13, true), (60, true)] {
        let verifier = world.issuer.verifier().memory(ROOM, 100_000).build().unwrap();
        assert!(verifier.warm_up().await.is_ready());
        let empty = live();
        for number in 0..4_000 {
            let token = world.issuer.token().subject(&format!("user-{number}"));
            let names = (0..claims).map(|claim| format!("claim-number-{claim}"));
            let token = names.fold(token, |token, name| token.claim(&name, format!("value of {number}")));
            let claims = verifier.verify(&token.sign()).await.unwrap();
            assert!(!looks || claims.len() >= 3);
        }
        let (taken, memory) = (live() - empty, verifier.status().memory.unwrap());
        let share = taken as f64 / memory.bytes as f64;
        println!(
            "{} tokens of {claims} more claims (looked at: {looks}) weigh {} bytes and take {taken}: {share:.2}",
            memory.tokens, memory.bytes
        );
        assert!(memory.bytes <= ROOM && memory.bytes > ROOM / 2, "{memory:?}");
        let least = if looks { 0.7 } else { 0.4 };
        assert!((least..=1.05).contains(&share), "{share}");
    }
}

const TENANTS: &str = "https://id.example.com/{tenant}";
const MOST_TENANTS: u64 = 1_000;

/// Tenants as invented as the tokens that name them, but for those whose names begin with `real`.
fn tenants(world: &World) -> Verifier {
    let real = world.issuer.jwks().to_string();
    let tenants = Tenants::new(TENANTS, move |tenant: Tenant| {
        let is_real = tenant.name().starts_with("real");
        let keys = KeySet::from_json(&real).unwrap();
        let issuer = is_real.then(|| Issuer::keys(tenant.issuer(), keys)).transpose();
        async move { issuer }
    });
    let verifier = Verifier::builder().tenants(tenants.max_tenants(MOST_TENANTS)).audience(AUDIENCE);
    verifier.clock(world.issuer.clock()).without_memory().build().unwrap()
}

/// As many at once as the resolver may be asked for.
async fn invent(world: &World, verifier: &Verifier, numbers: std::ops::Range<usize>, prefix: &str) {
    for wave in numbers.step_by(200) {
        world.issuer.clock().advance(Duration::from_millis(10));
        let name = |number| TENANTS.replace("{tenant}", &format!("{prefix}{number:032x}"));
        let tokens =
            (wave..wave + 200).map(|number| unsigned(world, "eddsa-2", &name(number), AUDIENCE, number));
        let ends =
            join_all(tokens.map(|token| async move { verifier.verify(&token).await.unwrap_err() })).await;
        let expected = if prefix == "real" { Reason::SignatureInvalid } else { Reason::IssuerUnknown };
        assert!(ends.iter().all(|end| end.reason() == expected), "{:?}", ends.first());
    }
}

/// Tenants that are found as they come: invented ones leave a bounded trace, and so do real ones.
async fn flood_of_tenants(world: &World) {
    let verifier = tenants(world);
    let empty = live();
    invent(world, &verifier, 0..2 * WARM_UP, "x").await;
    let full = live();
    println!("{MOST_TENANTS} refused names are remembered in {} bytes", full - empty);
    assert!(full - empty < 4 * 1024 * 1024);
    invent(world, &verifier, 2 * WARM_UP..2 * WARM_UP + FLOOD / 2, "x").await;
    judge("invented tenants (half as many)", full);
    let before = live();
    invent(world, &verifier, 0..2 * WARM_UP, "real").await;
    println!("{MOST_TENANTS} tenants are held in {} bytes", live() - before);
    let held = verifier.status().tenants.len() as u64;
    assert!(held <= MOST_TENANTS + MOST_TENANTS / 10, "{held} tenants");
    let before = live();
    invent(world, &verifier, 2 * WARM_UP..2 * WARM_UP + FLOOD / 10, "real").await;
    judge("tenants, ever others (a tenth)", before);
}

fn judge(name: &str, before: i64) {
    let growth = live() - before;
    println!("{FLOOD} {name}: {growth:+} bytes beside {before}");
    assert!(growth < BOUND, "{name}: the heap has grown by {growth} bytes");
}

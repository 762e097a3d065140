//! With the memory or without it, every answer is the same: single cases first, then random histories.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use serde::{Deserialize, de::DeserializeOwned};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::yield_now;
use tower_bearer::{
    Issuer, Verifier,
    issuer::{Tenant, Tenants},
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    testing::{AUDIENCE, TestClock, TestIssuer, forgetful},
    verify::{MemoryStatus, VerifierBuilder},
};

async fn judged<T: DeserializeOwned + Send + Sync + 'static>(verifier: &Verifier<T>, token: &str) -> String {
    match verifier.verify(token).await {
        Ok(claims) => format!("passes as {:?} of {}", claims.subject(), claims.issuer()),
        Err(error) => format!("{} {:?}", error.reason().id(), error.kind()),
    }
}

async fn settle() {
    for _ in 0..30 {
        yield_now().await;
    }
}

fn memory<T>(verifier: &Verifier<T>) -> MemoryStatus {
    verifier.status().memory.unwrap()
}

fn hits<T>(verifier: &Verifier<T>) -> u64 {
    memory(verifier).hits
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// What is remembered, and for how long.

#[tokio::test]
async fn a_token_seen_before_is_answered_from_memory() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().sign();
    for _ in 0..5 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    let memory = memory(&verifier);
    assert_eq!(
        (memory.tokens, memory.hits, memory.lookups),
        (1, 4, 6),
        "the first looks again after its fetch"
    );
    assert!(memory.bytes > token.len() as u64);
}

#[tokio::test]
async fn without_memory_nothing_is() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().without_memory().build().unwrap();
    assert!(verifier.verify(&issuer.token().sign()).await.is_ok());
    assert_eq!(verifier.status().memory, None);
}

#[tokio::test]
async fn a_refused_token_is_not_remembered() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    for token in [issuer.token().expired().sign(), issuer.token().audience("x").sign(), "a.b.c".into()] {
        assert!(verifier.verify(&token).await.is_err());
    }
    assert_eq!(memory(&verifier).tokens, 0);
}

#[tokio::test]
async fn a_remembered_token_expires_to_the_second() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().leeway(Duration::ZERO).build().unwrap();
    let token = issuer.token().expires_in(seconds(300)).sign();
    assert!(verifier.verify(&token).await.is_ok());
    issuer.clock().advance(seconds(299));
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(hits(&verifier), 1);
    issuer.clock().advance(seconds(1));
    assert_eq!(judged(&verifier, &token).await, "exp_past InvalidToken");
}

#[tokio::test]
async fn a_remembered_token_is_not_valid_yet_when_the_clock_is_set_back() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().sign();
    assert!(verifier.verify(&token).await.is_ok());
    issuer.clock().set_back(seconds(3600));
    assert_eq!(judged(&verifier, &token).await, "iat_future InvalidToken");
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_remembered_tokens_with_it() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().expires_in(seconds(3600)).sign();
    assert!(verifier.verify(&token).await.is_ok());
    issuer.rotate();
    issuer.withdraw("es256-1");
    issuer.clock().advance(seconds(601));
    assert_eq!(judged(&verifier, &token).await, "key_unknown InvalidToken");
}

#[tokio::test]
async fn a_key_that_was_replaced_under_its_id_takes_its_remembered_tokens_with_it() {
    let (old, new) = (TestIssuer::new(), TestIssuer::new());
    let place = Place::default();
    place.serves(&old);
    let issuer =
        Issuer::jwks("https://issuer.test", "https://issuer.test/jwks").unwrap().fetch(place.clone());
    let verifier = Verifier::builder().issuer(issuer).audience(AUDIENCE).clock(old.clock()).build().unwrap();
    let token = old.token().expires_in(seconds(3600)).sign();
    assert!(verifier.verify(&token).await.is_ok());
    place.serves(&new);
    old.clock().advance(seconds(601));
    assert_eq!(judged(&verifier, &token).await, "signature_invalid InvalidToken");
}

#[tokio::test]
async fn a_set_fetched_anew_with_the_same_key_keeps_its_remembered_tokens() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().expires_in(seconds(3600)).sign();
    assert!(verifier.verify(&token).await.is_ok());
    issuer.rotate();
    issuer.clock().advance(seconds(601));
    verifier.warm_up().await;
    for _ in 0..2 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    assert_eq!(hits(&verifier), 2);
}

#[tokio::test]
async fn an_expired_set_answers_for_no_remembered_token() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().expires_in(seconds(86_400)).sign();
    assert!(verifier.verify(&token).await.is_ok());
    issuer.fail();
    issuer.clock().advance(seconds(601 + 3600));
    assert_eq!(judged(&verifier, &token).await, "keys_unavailable Unavailable");
}

#[tokio::test]
async fn a_removed_issuer_takes_its_remembered_tokens_with_it() {
    let (first, second) = (TestIssuer::new(), TestIssuer::named("https://second.test"));
    let verifier = first.verifier().issuer(second.issuer()).build().unwrap();
    let token = second.token().sign();
    assert!(verifier.verify(&token).await.is_ok());
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(memory(&verifier).tokens, 1);
    verifier.remove_issuer(second.identifier());
    assert_eq!(judged(&verifier, &token).await, "issuer_unknown InvalidToken");
    assert_eq!(memory(&verifier).tokens, 0, "it takes up no room either");
    // Named again with another rule: it is held against that.
    verifier.add_issuer(second.issuer().algorithms([Algorithm::RS256])).unwrap();
    verifier.warm_up().await;
    assert_eq!(judged(&verifier, &token).await, "alg_not_allowed InvalidToken");
}

#[tokio::test]
async fn a_tenant_that_ended_takes_its_remembered_tokens_with_it() {
    let acme = TestIssuer::named("https://id.example.com/acme");
    let rows = Arc::new(Mutex::new(Some(acme.clone())));
    let table = Arc::clone(&rows);
    let tenants = Tenants::new("https://id.example.com/{tenant}", move |_: Tenant| {
        let row = table.lock().unwrap().as_ref().map(TestIssuer::issuer);
        async move { Ok::<_, std::io::Error>(row) }
    });
    let verifier =
        Verifier::builder().tenants(tenants).audience(AUDIENCE).clock(acme.clock()).build().unwrap();
    let token = acme.token().sign();
    assert!(verifier.verify(&token).await.is_ok());
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(hits(&verifier), 1);
    *rows.lock().unwrap() = None;
    verifier.forget_tenant(acme.identifier());
    assert_eq!(judged(&verifier, &token).await, "issuer_unknown InvalidToken");
}

#[tokio::test]
async fn tokens_that_end_alike_are_not_each_others() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let (alice, mallory) = (issuer.token().subject("alice").sign(), issuer.token().subject("mallory").sign());
    assert!(verifier.verify(&alice).await.is_ok());
    let (signed, _) = mallory.rsplit_once('.').unwrap();
    let (_, signature) = alice.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{signature}");
    for token in [forged.as_str(), &alice[1..], &format!("A{alice}"), signature] {
        assert!(verifier.verify(token).await.is_err());
    }
    assert_eq!(hits(&verifier), 0);
}

#[tokio::test]
async fn no_more_is_remembered_than_there_is_room_for() {
    let issuer = TestIssuer::new();
    for (bytes, tokens) in [(64 * 1024, 1000), (16 << 20, 50)] {
        let verifier = issuer.verifier().memory(bytes, tokens).build().unwrap();
        for number in 0..200 {
            let token = issuer.token().subject(&format!("user-{number}")).sign();
            assert!(verifier.verify(&token).await.is_ok());
        }
        let memory = memory(&verifier);
        assert!(memory.bytes <= bytes && memory.tokens <= tokens && memory.tokens > 10, "{memory:?}");
    }
}

#[test]
fn a_room_that_is_none_is_a_fault() {
    let issuer = TestIssuer::new();
    let faults = |builder: VerifierBuilder| builder.build().unwrap_err().faults().len();
    assert_eq!(faults(issuer.verifier().memory(0, 0)), 2);
    assert_eq!(faults(issuer.verifier().memory(u64::MAX, u64::MAX)), 2);
    assert_eq!(faults(issuer.verifier().memory(64 * 1024 - 1, 1)), 1);
}

// Random histories.

/// Serves the keys of whichever issuer stands there, or fails.
#[derive(Clone, Default)]
struct Place {
    state: Arc<Mutex<(Option<TestIssuer>, bool)>>,
}

impl Place {
    fn serves(&self, issuer: &TestIssuer) {
        self.state.lock().unwrap().0 = Some(issuer.clone());
    }

    fn fails(&self, fails: bool) {
        self.state.lock().unwrap().1 = fails;
    }
}

impl Fetch for Place {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        let (issuer, fails) = self.state.lock().unwrap().clone();
        Box::pin(async move {
            match issuer {
                Some(issuer) if !fails => Ok(Fetched::new(issuer.jwks().to_string())),
                _ => Err(FetchError::Status(503)),
            }
        })
    }
}

/// xorshift64*: the histories are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.roll(items.len())]
    }
}

/// An issuer's name, and the incarnations that stand behind it by turns: all call their keys alike.
struct Slot {
    name: &'static str,
    place: Place,
    incarnations: Vec<TestIssuer>,
}

const NAMES: [&str; 2] = ["https://issuer.test", "https://second.test"];

impl Slot {
    fn new(name: &'static str) -> Self {
        let incarnations: Vec<_> = (0..2).map(|_| TestIssuer::named(name)).collect();
        let place = Place::default();
        place.serves(&incarnations[0]);
        Self { name, place, incarnations }
    }

    fn trusted(&self) -> Issuer {
        let jwks = format!("{}/jwks", self.name);
        Issuer::jwks(self.name, &jwks).unwrap().fetch(self.place.clone())
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read, and compared by whether it could be")]
struct Staff {
    department: String,
}

/// Signed for one slot's incarnation, at the time its own clock stands at.
fn sign(dice: &mut Dice, slots: &[Slot], clock: &TestClock) -> String {
    use tower_bearer::clock::Clock as _;
    let slot = dice.of(slots);
    // Mostly one that is served now.
    let serving = slot.place.state.lock().unwrap().0.clone();
    let issuer = if dice.roll(6) > 0 { serving.unwrap() } else { dice.of(&slot.incarnations).clone() };
    let now = clock.wall().as_secs();
    let subject = *dice.of(&["alice", "bob"]);
    let life = *dice.of(&[60u64, 600, 60_000, 60_000]);
    let token = issuer.token().subject(subject).claim("iat", now).claim("exp", now + life);
    let token = match dice.roll(30) {
        0 => token.claim("nbf", now + 300),
        1 => token.audience("another"),
        2 => token.claim("iss", *dice.of(&NAMES)),
        3 => token.claim("exp", now.saturating_sub(1000)),
        4 => token.claim("aud", vec!["x", AUDIENCE]),
        5..25 => token.claim("department", "books"),
        _ => token,
    };
    let token = token.sign();
    if dice.roll(20) == 0 { format!("{}AA", &token[..token.len() - 2]) } else { token }
}

/// One thing happens to the world.
fn happen<A, B>(dice: &mut Dice, slots: &[Slot], clock: &TestClock, all: (&Verifier<A>, &Verifier<B>)) {
    let slot = dice.of(slots);
    let issuer = dice.of(&slot.incarnations);
    match dice.roll(30) {
        0..4 => drop(issuer.rotate()),
        4 => issuer.withdraw("es256-1"),
        5 => issuer.withdraw(&format!("es256-{}", 1 + dice.roll(4))),
        6 => slot.place.serves(issuer),
        7 => slot.place.fails(true),
        8..12 => slot.place.fails(false),
        12 => clock.set_back(seconds(dice.roll(400) as u64)),
        13 => clock.suspend(seconds(dice.roll(400) as u64)),
        14 => clock.advance(seconds(dice.roll(4000) as u64)),
        15 => {
            let was = all.0.remove_issuer(slot.name);
            assert_eq!(all.1.remove_issuer(slot.name), was);
        }
        16..20 => {
            let is_new = all.0.add_issuer(slot.trusted()).is_ok();
            assert_eq!(all.1.add_issuer(slot.trusted()).is_ok(), is_new);
        }
        _ => clock.advance(seconds(dice.roll(60) as u64)),
    }
}

/// Which of the two is asked first must not matter either.
async fn ask_both<T: DeserializeOwned + Send + Sync + 'static>(
    dice: &mut Dice,
    verifier: &Verifier<T>,
    token: &str,
) -> (String, bool) {
    let plain = forgetful(verifier);
    let before = hits(verifier);
    let (ours, theirs) = if dice.roll(2) == 0 {
        let ours = judged(verifier, token).await;
        (ours, judged(&plain, token).await)
    } else {
        let theirs = judged(&plain, token).await;
        (judged(verifier, token).await, theirs)
    };
    settle().await;
    assert_eq!(ours, theirs);
    (ours, hits(verifier) > before)
}

/// How many were asked, answered from memory, and let pass.
#[derive(Default)]
struct Tally {
    asked: u64,
    hits: u64,
    passed: u64,
}

async fn live_through(seed: u64, steps: usize, tally: &mut Tally) {
    let mut dice = Dice(seed);
    let slots: Vec<_> = NAMES.into_iter().map(Slot::new).collect();
    let clock = TestClock::frozen();
    let builder = || {
        let builder = slots.iter().fold(Verifier::builder(), |builder, slot| builder.issuer(slot.trusted()));
        builder.audience(AUDIENCE).clock(clock.clone()).memory(64 * 1024, 24)
    };
    let any = builder().build().unwrap();
    let staff = builder().claims::<Staff>().build().unwrap();
    let mut tokens: Vec<_> = (0..8).map(|_| sign(&mut dice, &slots, &clock)).collect();
    for step in 0..steps {
        match dice.roll(24) {
            0 => happen(&mut dice, &slots, &clock, (&any, &staff)),
            1 | 2 => {
                let token = sign(&mut dice, &slots, &clock);
                let place = dice.roll(tokens.len());
                // Some are forgotten by everybody, some are asked for ever again.
                if tokens.len() < 40 { tokens.push(token) } else { tokens[place] = token }
            }
            _ => {
                // Those that came last are asked for most, as it is with tokens.
                let recent = tokens.len().saturating_sub(6);
                let at = if dice.roll(3) > 0 {
                    recent + dice.roll(tokens.len() - recent)
                } else {
                    dice.roll(tokens.len())
                };
                let token = tokens[at].clone();
                let (answer, hit) = match dice.roll(2) {
                    0 => ask_both(&mut dice, &any, &token).await,
                    _ => ask_both(&mut dice, &staff, &token).await,
                };
                assert!(
                    !hit || answer.starts_with("passes"),
                    "seed {seed}, step {step}: {answer} from memory"
                );
                tally.asked += 1;
                tally.hits += u64::from(hit);
                tally.passed += u64::from(answer.starts_with("passes"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_memory_or_without_it_every_answer_is_the_same() {
    let mut tally = Tally::default();
    for seed in 1..=40u64 {
        live_through(0x9E37_79B9_7F4A_7C15u64.wrapping_mul(seed), 300, &mut tally).await;
    }
    let Tally { asked, hits, passed } = tally;
    println!("{asked} asked, {passed} passed, {hits} of them from memory");
    assert!(hits * 10 >= asked * 3, "too few hits to prove anything: {hits} of {asked}");
    assert!(passed * 10 <= asked * 9, "too few refusals to prove anything");
}

use crate::{
    issuer::Issuer,
    keys::{Fetch, FetchError, FetchFuture, FetchRequest, Fetched},
    testing::{AUDIENCE, TestClock, TestIssuer, forgetful},
    verify::Verifier,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const NAMES: [&str; 2] = [super::ISSUER, "https://second.test"];
const MOST_TOKENS: usize = 24;
const MOST_STEPS: usize = 128;

/// A history, two bytes for each thing that happens: keys come and go, clocks turn, issuers fail and are removed, tokens
/// are made and asked about. With the memory or without it, every answer is the same. How many came from memory.
pub fn memory(data: &[u8]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return 0 };
    runtime
        .block_on(async {
            let mut world = World::new()?;
            for step in data.chunks_exact(2).take(MOST_STEPS) {
                if let [what, how] = *step {
                    world.happen(what, usize::from(how)).await;
                }
            }
            Some(world.verifier.status().memory?.hits)
        })
        .unwrap_or(0)
}

/// What an issuer's address serves: the keys of one of its incarnations, which call their keys alike, or nothing.
#[derive(Clone)]
struct Place(Arc<Mutex<(TestIssuer, bool)>>);

impl Place {
    fn change(&self, change: impl FnOnce(&mut (TestIssuer, bool))) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Fetch for Place {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        let (issuer, fails) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer =
            if fails { Err(FetchError::Status(503)) } else { Ok(Fetched::new(issuer.jwks().to_string())) };
        Box::pin(std::future::ready(answer))
    }
}

struct Slot {
    name: &'static str,
    place: Place,
    incarnations: [TestIssuer; 2],
}

impl Slot {
    fn new(name: &'static str) -> Self {
        let incarnations = [TestIssuer::named(name), TestIssuer::named(name)];
        let place = Place(Arc::new(Mutex::new((incarnations[0].clone(), false))));
        Self { name, place, incarnations }
    }

    fn trusted(&self) -> Option<Issuer> {
        let issuer = Issuer::jwks(self.name, &format!("{}/jwks", self.name)).ok()?;
        Some(issuer.fetch(self.place.clone()))
    }

    fn incarnation(&self, how: usize) -> &TestIssuer {
        let [first, second] = &self.incarnations;
        if how & 2 == 0 { first } else { second }
    }
}

struct World {
    slots: [Slot; 2],
    clock: TestClock,
    verifier: Verifier,
    tokens: Vec<String>,
}

impl World {
    fn new() -> Option<Self> {
        let (slots, clock) = (NAMES.map(Slot::new), TestClock::frozen());
        let builder = Verifier::builder().audience(AUDIENCE).clock(clock.clone()).memory(64 * 1024, 12);
        let builder =
            slots.iter().try_fold(builder, |builder, slot| Some(builder.issuer(slot.trusted()?)))?;
        Some(Self { slots, clock, verifier: builder.build().ok()?, tokens: Vec::new() })
    }

    async fn happen(&mut self, what: u8, how: usize) {
        let [first, second] = &self.slots;
        let slot = if how & 1 == 0 { first } else { second };
        let seconds = Duration::from_secs(how as u64);
        match what % 16 {
            0 => drop(slot.incarnation(how).rotate()),
            1 => slot.incarnation(how).withdraw(&format!("es256-{}", 1 + (how >> 2) % 4)),
            2 => slot.place.change(|place| place.0 = slot.incarnation(how).clone()),
            3 => slot.place.change(|place| place.1 = how & 2 == 0),
            4 => self.clock.advance(seconds),
            5 => self.clock.advance(seconds * 20),
            6 => self.clock.set_back(seconds),
            7 => self.clock.suspend(seconds * 2),
            8 => drop(self.verifier.remove_issuer(slot.name)),
            9 => drop(slot.trusted().map(|issuer| self.verifier.add_issuer(issuer))),
            10 | 11 => self.make(how),
            _ => self.ask(how, what & 16 == 0).await,
        }
    }

    /// A token of one of the issuers, by a key that it has, good or with one thing wrong.
    fn make(&mut self, how: usize) {
        use crate::clock::Clock as _;
        let [first, second] = &self.slots;
        let slot = if how & 1 == 0 { first } else { second };
        let now = self.clock.wall().as_secs();
        let token = slot.incarnation(how).token().claim("iat", now);
        let token = token.claim("exp", now + if how & 4 == 0 { 60 } else { 60_000 });
        let token = match how >> 3 {
            0 => token.claim("nbf", now + 300),
            1 => token.audience("another"),
            2 => token.claim("iss", first.name),
            3 => token.header("kid", "es256-9"),
            4 => token.header("kid", serde_json::Value::Null),
            _ => token.subject("alice"),
        };
        let token = token.sign();
        match self.tokens.get_mut(how % MOST_TOKENS) {
            Some(place) => *place = token,
            None => self.tokens.push(token),
        }
    }

    /// Which of the two is asked first must not matter either.
    async fn ask(&self, how: usize, ours_first: bool) {
        let Some(token) = self.tokens.get(how % self.tokens.len().max(1)) else { return };
        let plain = forgetful(&self.verifier);
        let (ours, theirs) = if ours_first {
            let ours = answer(&self.verifier, token).await;
            (ours, answer(&plain, token).await)
        } else {
            let theirs = answer(&plain, token).await;
            (answer(&self.verifier, token).await, theirs)
        };
        assert_eq!(ours, theirs, "with the memory, and without it");
        // What was begun in the background has its turn.
        for _ in 0..30 {
            tokio::task::yield_now().await;
        }
    }
}

async fn answer(verifier: &Verifier, token: &str) -> Result<String, String> {
    match verifier.verify(token).await {
        Ok(claims) => Ok(format!("{:?} of {}", claims.subject(), claims.issuer())),
        Err(error) => Err(format!("{} {:?}", error.reason().id(), error.kind())),
    }
}

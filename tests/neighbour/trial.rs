//! One trial: the neighbour misbehaves from the first request on, heals, misbehaves again with a good set behind it, and
//! heals for good.

use crate::{
    acts::{Act, Ends},
    answers::honest,
    api::Api,
    forged::{self, LIFETIME},
    planted,
    server::Server,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    task::yield_now,
    time::{sleep, timeout},
};
use tower_bearer::testing::TestIssuer;

/// How many of the neighbour's own tokens come at once.
const AT_ONCE: usize = 20;

/// More than the longest back-off with its jitter.
const NEXT_ATTEMPT: u64 = 100;
const TIME_TO_LIVE: u64 = 3600 + 60;
const MAX_STALE: u64 = 3600;

pub(crate) async fn run(act: Arc<Act>) {
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trial = Trial::new(&act, &stranger).await;
    trial.misbehaves(trial.cold()).await;
    trial.heals().await;
    trial.api.passes(TIME_TO_LIVE);
    trial.misbehaves(trial.warm()).await;
    trial.outlasts_the_last_good_set().await;
    trial.heals().await;
    trial.follows_a_withdrawal().await;
    let asked = timeout(Duration::ZERO, stranger.accept()).await;
    assert!(asked.is_err(), "{}: a stranger was asked", act.name);
}

struct Trial<'a> {
    act: &'a Act,
    good: Server,
    bad: Server,
    api: Api,
    goods: Vec<String>,
    owns: Vec<String>,
    forged: Vec<(&'static str, String)>,
}

fn tokens(issuer: &TestIssuer) -> Vec<String> {
    let token = |number| issuer.token().subject(&format!("user-{number}")).expires_in(LIFETIME).sign();
    (0..AT_ONCE).map(token).collect()
}

impl<'a> Trial<'a> {
    async fn new(act: &'a Act, stranger: &TcpListener) -> Self {
        let stranger = stranger.local_addr().unwrap();
        let (good, bad) = (Server::start(honest, stranger).await, Server::start(act.answer, stranger).await);
        let api = Api::new(act, &good, &bad);
        let mut forged = forged::all(&bad.issuer);
        let claimed = bad.issuer.token().claim("iss", good.issuer.identifier()).expires_in(LIFETIME);
        forged.push(("the neighbour's signature in the honest issuer's name", claimed.sign()));
        let (goods, owns) = (tokens(&good.issuer), tokens(&bad.issuer));
        Self { act, good, bad, api, goods, owns, forged }
    }

    /// What the issuer's own tokens are answered where no set was there before.
    fn cold(&self) -> u16 {
        if let Ends::Brings(status) = self.act.ends { status } else { 503 }
    }

    /// And where one was.
    fn warm(&self) -> u16 {
        if let Ends::Brings(status) = self.act.ends { status } else { 200 }
    }

    async fn misbehaves(&self, expected: u16) {
        let name = self.act.name;
        self.bad.answers(self.act.answer);
        // Its own keys may have aged: from here on the honest issuer's tokens have nothing to wait for.
        assert_eq!(self.api.status(&self.goods[0]).await, 200, "{name}");
        let before = self.bad.asked();
        let answers = self.all_at_once().await;
        assert!(answers.iter().all(|status| *status == expected), "{name}: {answers:?}, not {expected}");
        self.knows_why();
        self.refuses_what_is_forged().await;
        self.hangs_up().await;
        let asked = self.bad.asked() - before;
        // A search for metadata is two requests at most, a set one, and an obliging client goes round five times more.
        assert!(asked <= 24, "{name}: asked {asked} times");
    }

    /// The neighbour's own tokens, while the honest issuer's keep passing.
    async fn all_at_once(&self) -> Vec<u16> {
        let mut waiting = JoinSet::new();
        for token in self.owns.clone() {
            let api = self.api.clone();
            waiting.spawn(async move { api.status(&token).await });
        }
        let mut answers = Vec::new();
        while !waiting.is_empty() {
            self.honest_pass_at_once();
            while let Some(answer) = waiting.try_join_next() {
                answers.push(answer.unwrap());
            }
            yield_now().await;
        }
        answers
    }

    /// A fetch that was given up leaves no connection behind, and nothing that reads from it.
    async fn hangs_up(&self) {
        while self.bad.open() > 0 {
            self.honest_pass_at_once();
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn honest_pass_at_once(&self) {
        for token in &self.goods {
            assert_eq!(self.api.status_at_once(token), Some(200), "{}", self.act.name);
        }
    }

    fn knows_why(&self) {
        let (known, name) = (self.api.of_neighbour(), self.act.name);
        assert!(!known.key_ids.iter().any(|kid| kid == planted::KID), "{name}: {known:?}");
        match (&self.act.ends, &known.last_error) {
            // A request that may not wait for the end is answered before it.
            (Ends::Fails(_), None) if self.act.takes_time => {}
            (Ends::Fails(why), Some(error)) => assert!(error.starts_with(why), "{name}: {error}, not {why}"),
            (Ends::Fails(_), None) => panic!("{name}: no error"),
            (Ends::Brings(_), error) => assert_eq!(*error, None, "{name}"),
        }
    }

    async fn refuses_what_is_forged(&self) {
        for (forged, token) in &self.forged {
            let status = self.api.status(token).await;
            // Where keys are missing, one that is right in everything else may be told so.
            let may_lack = matches!(self.act.ends, Ends::Fails(_)) && status == 503;
            assert!(status == 401 || may_lack, "{}: {forged}: {status}", self.act.name);
        }
    }

    async fn outlasts_the_last_good_set(&self) {
        if let Ends::Fails(why) = self.act.ends {
            self.api.passes(MAX_STALE);
            assert_eq!(self.api.status(&self.goods[0]).await, 200, "{}", self.act.name);
            assert_eq!(self.api.status(&self.owns[0]).await, 503, "{}: {why}", self.act.name);
        }
    }

    /// It behaves again. How often the clock is turned until it is believed has a bound.
    async fn heals(&self) {
        self.bad.answers(honest);
        // Past a time to live that somebody stretched.
        let is_set = matches!(self.act.ends, Ends::Brings(_));
        self.api.passes(if is_set { TIME_TO_LIVE } else { 0 });
        self.believes(&self.owns[0]).await;
        assert_eq!(self.api.of_neighbour().last_error, None, "{}", self.act.name);
    }

    /// More than one attempt, for a trial with little time may run on a busy machine.
    async fn believes(&self, token: &str) {
        for _ in 0..5 {
            self.api.passes(NEXT_ATTEMPT);
            if self.api.status(token).await == 200 {
                return;
            }
        }
        panic!("{}: it does not heal: {:?}", self.act.name, self.api.of_neighbour());
    }

    /// Nothing that was said about its age keeps a withdrawn key.
    async fn follows_a_withdrawal(&self) {
        let old = self.bad.issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
        self.bad.issuer.rotate();
        self.bad.issuer.withdraw(&old);
        self.api.passes(TIME_TO_LIVE);
        let new = self.bad.issuer.token().expires_in(LIFETIME).sign();
        self.believes(&new).await;
        assert_eq!(self.api.status(&self.owns[0]).await, 401, "{}", self.act.name);
        assert_eq!(self.api.status(&self.goods[0]).await, 200, "{}", self.act.name);
        assert!(self.good.asked() <= 24, "{}: the honest issuer pays for it", self.act.name);
    }
}

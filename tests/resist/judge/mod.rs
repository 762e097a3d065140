//! A verifier that somebody might have written by hand, with `jsonwebtoken` for the signature; and how it can be wrong.
//!
//! 1. Each check stands before the question whether it is left out ([`Judge::has`]): the question is asked only where a
//!    broken verifier would go another way than the sound one. So a run of the sound one tells which attacks a defect can
//!    matter to, and the others need not be run again ([`asked`]).
//! 2. Each attack meets a verifier that has no tokens in its memory, and the keys that its issuer has at rest. So what an
//!    attack does to a broken verifier is nothing that another attack has left behind, and one trial can hold each attack
//!    against another broken verifier: with the good tokens before and after, the verifier is sound.

mod claims;
mod cubes;
mod defects;
mod form;
mod json;
mod keys;
mod memory;
mod paths;
mod request;
mod rights;
mod secrets;
mod set;
mod signature;
mod variants;

pub(crate) use defects::{Defect, MUTANTS};

use super::orders;
use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::Response,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};
use tower_bearer::{
    clock::Clock as _,
    keys::Algorithm,
    testing::{
        TestIssuer,
        attacks::{Attack, Attempt, Report, assert_resists},
    },
};

/// Which defects were asked for, by attack.
pub(crate) type Asked = BTreeSet<(&'static str, Defect)>;
/// Which defect the verifier has, by attack; none for the others.
pub(crate) type Plan = BTreeMap<&'static str, Defect>;

#[derive(Clone)]
struct Judge {
    issuer: TestIssuer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    attack: &'static str,
    /// What the last request was answered with.
    last: StatusCode,
    /// What is wrong with the verifier that an attack meets.
    plan: Plan,
    asked: Asked,
    keys: set::Keys,
    memory: memory::Memory,
}

/// The claims, or the status of the refusal.
type Verdict = Result<Value, u16>;
const BAD: u16 = 401;
/// A broken verifier has panicked.
const FATAL: u16 = 500;

/// These attacks, each against the verifier that is planned for it; and what was asked meanwhile.
pub(crate) async fn tried(
    issuer: &TestIssuer,
    plan: Plan,
    wanted: impl Fn(&Attack) -> bool,
) -> (Report, Asked) {
    let state = Arc::new(Mutex::new(State { plan, ..State::default() }));
    let judge = Judge { issuer: issuer.clone(), state };
    let answers = judge.clone();
    let app = tower::service_fn(move |request: Request<Body>| {
        let (answers, answer) = (answers.clone(), answers.meet(&request));
        async move { Ok::<Response, Infallible>(answers.in_time(answer).await) }
    });
    let trial = assert_resists(issuer, app, orders).token(|token| token.scope("orders:read")).only(wanted);
    let report = trial.report().await;
    let asked = judge.lock().asked.clone();
    (report, asked)
}

/// An issuer for any number of trials: making its keys is most of the work of one.
pub(crate) fn issuer() -> TestIssuer {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::ES256);
    issuer
}

impl Judge {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Whether that is left out. Ask behind the check, never before it.
    fn has(&self, defect: Defect) -> bool {
        let mut state = self.lock();
        let attack = state.attack;
        state.asked.insert((attack, defect));
        state.plan.get(attack) == Some(&defect)
    }

    /// The answer, after a while in which others may be answered.
    async fn in_time(&self, mut answer: Response) -> Response {
        self.lock().last = answer.status();
        tokio::task::yield_now().await;
        let last = self.lock().last;
        if last != answer.status() && self.has(Defect::VerdictIsShared) {
            *answer.status_mut() = last;
        }
        answer
    }

    fn now(&self) -> u64 {
        self.issuer.clock().wall().as_secs()
    }

    fn meet(&self, request: &Request<Body>) -> Response {
        let attack = request.extensions().get::<Attempt>().map_or("none", |attempt| attempt.attack());
        let mut state = self.lock();
        if state.attack != attack {
            state.attack = attack;
            state.keys.as_at_rest();
            state.memory = memory::Memory::default();
        }
        drop(state);
        self.answer(request)
    }
}

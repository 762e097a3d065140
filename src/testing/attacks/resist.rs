use super::{
    Attempt,
    attack::{Attack, Needs, Run},
    corpus,
    forge::{Forge, STRANGERS_KEYS},
    report::{Outcome, Report},
    stage::{App, Seen, Stage, Target, bear},
};
use crate::{
    keys::Algorithm,
    testing::{TestClock, TestIssuer, TestToken, issuer::Snapshot},
};
use http::{Request, Response, StatusCode, request::Parts};
use serde_json::json;
use std::{
    collections::BTreeMap, fmt, future::Future, future::IntoFuture, panic::Location, pin::Pin, sync::Arc,
    time::Duration,
};
use tower_service::Service;

const EVERY: [Algorithm; 13] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
];

/// A trial in the making, by [`assert_resists`]. Awaiting it runs the corpus, and panics with the names of the attacks
/// that were not answered right; [`report`](Resists::report) runs it and hands the outcomes over.
#[must_use = "nothing is tried before it is awaited"]
pub struct Resists<'a> {
    at: &'static Location<'static>,
    issuer: TestIssuer,
    target: Box<dyn Target + 'a>,
    adjust: Arc<dyn Fn(TestToken) -> TestToken>,
    turned: bool,
    allowed_skips: usize,
    any_refusal: bool,
    excepted: BTreeMap<&'static str, &'static str>,
    wanted: Box<dyn Fn(&Attack) -> bool + 'a>,
}

/// Runs every attack of the [`corpus`] against an application that trusts this issuer.
///
/// `app` is the application: an `axum::Router`, or any `Service` of HTTP requests. `request` makes a request, without
/// credentials, to a route that a good token of the issuer may call and nobody else; anything may be in it but
/// `Authorization`. Give it a fresh issuer and a fresh application: the trial rotates and withdraws keys, turns the
/// issuer's clock by weeks, and puts the keys back.
///
/// # Panics
///
/// When awaited: if an attack got in, or was answered with something else than its [`Answer`](super::Answer); if a good token of an
/// algorithm that the application allows does not pass before and after; if the route is open without a token; if more
/// attacks had to be skipped than [`allow_skips`](Resists::allow_skips) says.
#[track_caller]
pub fn assert_resists<'a, S, F, B, R>(issuer: &TestIssuer, app: S, request: F) -> Resists<'a>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + 'a,
    F: Fn() -> Request<B> + 'a,
    B: 'static,
    R: 'a,
{
    Resists {
        at: Location::caller(),
        issuer: issuer.clone(),
        target: Box::new(App { service: app, request }),
        adjust: Arc::new(|token| token),
        turned: issuer.clock().is_frozen(),
        allowed_skips: 0,
        any_refusal: false,
        excepted: BTreeMap::new(),
        wanted: Box::new(|_| true),
    }
}

impl<'a> Resists<'a> {
    /// What a good token needs beside what [`TestIssuer::token`] gives it: scopes, roles, another audience, a vendor's
    /// claims. Default: nothing. Its algorithm is the issuer's, see [`TestIssuer::sign_with`].
    pub fn token(mut self, adjust: impl Fn(TestToken) -> TestToken + 'static) -> Self {
        self.adjust = Arc::new(adjust);
        self
    }

    /// How many attacks may be skipped because the application does not offer what they need: keys that are fetched from
    /// this issuer, a clock that the test turns. Default: none, so that a trial that tries less than it says fails.
    pub fn allow_skips(mut self, most: usize) -> Self {
        self.allowed_skips = most;
        self
    }

    /// These attacks need not be answered right, and why: an issuer whose tokens name no audience
    /// ([`Issuer::cognito`](crate::Issuer::cognito) and `aud_missing`), one whose ID tokens are what the application takes
    /// ([`Issuer::google`](crate::Issuer::google) and `id_token…`), a rule that another verifier does not have. They are tried all
    /// the same, and named in the report. Default: none.
    ///
    /// A name that no attack has fails the trial, and so does one that was answered right: take it out.
    pub fn except(mut self, names: impl IntoIterator<Item = &'static str>, why: &'static str) -> Self {
        self.excepted.extend(names.into_iter().map(|name| (name, why)));
        self
    }

    /// Any 4xx is right where something must be refused, with any challenge or none: for a verifier that does not speak RFC 6750.
    /// Default: status and `error` must be those of [`Answer`](super::Answer).
    pub fn any_refusal(mut self) -> Self {
        self.any_refusal = true;
        self
    }

    /// Only these attacks, to look into one that got in. Default: the whole corpus; leave it so in a test that stays.
    pub fn only(mut self, wanted: impl Fn(&Attack) -> bool + 'a) -> Self {
        self.wanted = Box::new(wanted);
        self
    }

    /// The clock that the application runs on, if it is a clone of the issuer's. Needed only for an issuer whose clock runs
    /// ([`TestIssuer::serve`]): nobody can tell from outside whether the application runs on that or on the system's. By
    /// default a clock that stands still is the application's as well, or no good token would pass; one that runs is not.
    pub fn clock(mut self, clock: &TestClock) -> Self {
        self.turned = clock.is_same(&self.issuer.clock());
        self
    }

    /// Runs the corpus and says how each attack ended; panics at nothing.
    pub async fn report(self) -> Report {
        let kept = self.issuer.snapshot();
        let report = self.run().await;
        self.issuer.restore(&kept);
        report
    }

    async fn run(&self) -> Report {
        let mut report = Report {
            at: self.at,
            algorithms: Vec::new(),
            faults: Vec::new(),
            outcomes: Vec::new(),
            allowed_skips: self.allowed_skips,
        };
        let forge = self.forge();
        let Some(good) = self.begin(&forge, &mut report).await else { return report };
        let trial = Trial {
            forge,
            good,
            target: &*self.target,
            turned: self.turned,
            any_refusal: self.any_refusal,
            kept: self.issuer.snapshot(),
        };
        let can = trial.offers(&mut report.faults).await;
        for attack in corpus().filter(|attack| (self.wanted)(attack)) {
            let outcome = self.excuse(attack, trial.run(attack, &can).await, &mut report.faults);
            report.outcomes.push((attack, outcome));
        }
        let unknown = self.excepted.keys().filter(|name| corpus().all(|attack| attack.name() != **name));
        report.faults.extend(unknown.map(|name| format!("{name} is excepted, and there is no such attack")));
        self.end(&trial.forge, good, &mut report).await;
        report
    }

    fn excuse(&self, attack: &Attack, outcome: Outcome, faults: &mut Vec<String>) -> Outcome {
        let Some(why) = self.excepted.get(attack.name) else { return outcome };
        match outcome {
            Outcome::Resisted => {
                faults.push(format!("{} is excepted, and was answered right: take it out", attack.name));
                outcome
            }
            Outcome::Skipped(_) | Outcome::Inapplicable => outcome,
            _ => Outcome::Excepted(why),
        }
    }

    async fn end(&self, forge: &Forge, good: StatusCode, report: &mut Report) {
        for &algorithm in &report.algorithms {
            let seen = bring(&*self.target, &forge.good_with(algorithm).sign()).await;
            if seen.status != good {
                let what = format!("after the attacks a good {algorithm} token");
                report.faults.push(told(&what, &seen));
            }
        }
    }

    fn forge(&self) -> Forge {
        let algorithm = self.issuer.default_algorithm();
        let stranger = TestIssuer::named(self.issuer.identifier());
        stranger.sign_with(algorithm);
        Forge { issuer: self.issuer.clone(), stranger, algorithm, adjust: Arc::clone(&self.adjust) }
    }

    /// What the issuer's own algorithm is answered with, if that is a yes; the other algorithms that pass are found.
    async fn begin(&self, forge: &Forge, report: &mut Report) -> Option<StatusCode> {
        // All keys are there before the application looks at them; one that has looked may look again.
        EVERY.iter().for_each(|&algorithm| drop(self.issuer.key_for(algorithm)));
        if self.turned {
            self.issuer.clock().advance(Duration::from_secs(60));
        }
        let seen = bring(&*self.target, &forge.good().sign()).await;
        let good = seen.status;
        if good.is_client_error() || good.is_server_error() {
            report.faults.push(told(&format!("a good {} token", forge.algorithm), &seen));
            return None;
        }
        let nobody = self.target.send(&|parts| mark(parts)).await.status;
        if nobody == good {
            report.faults.push("the route lets everybody in: a request without a token passes".into());
            return None;
        }
        for algorithm in EVERY {
            if bring(&*self.target, &forge.good_with(algorithm).sign()).await.status == good {
                report.algorithms.push(algorithm);
            }
        }
        Some(good)
    }
}

fn mark(parts: &mut Parts) {
    parts.extensions.insert(Attempt { attack: "none" });
}

async fn bring(target: &dyn Target, token: &str) -> Seen {
    target
        .send(&|parts: &mut Parts| {
            mark(parts);
            bear(parts, token);
        })
        .await
}

/// What a good token was answered with, and where to look for why.
fn told(what: &str, seen: &Seen) -> String {
    let advice = match seen.status.as_u16() {
        401 => {
            "is it the issuer that the application trusts, its audience, its clock (`.clock(issuer.clock())` of the \
             verifier; one that reads the system's needs `TestIssuer::serve`) and its algorithm (`sign_with`)? Name what \
             else a token needs with `.token(…)`"
        }
        403 => "name the scopes and roles that the route asks for with `.token(…)`",
        429 => "leave limits of rates out: a trial sends some thousand requests",
        _ => "look at the request that you make and at the application, this is no answer about a token",
    };
    let reason = seen.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{what} is answered {}{reason}: {advice}", seen.status.as_u16())
}

impl<'a> IntoFuture for Resists<'a> {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.report().await.assert_clean() })
    }
}

impl fmt::Debug for Resists<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resists").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

struct Trial<'a> {
    forge: Forge,
    good: StatusCode,
    target: &'a dyn Target,
    turned: bool,
    any_refusal: bool,
    kept: Snapshot,
}

struct Offers {
    clock: bool,
    fetch: bool,
    scopes: bool,
}

impl Trial<'_> {
    async fn offers(&self, faults: &mut Vec<String>) -> Offers {
        let has = self.forge.claims().contains_key("scope");
        let without = bring(self.target, &self.forge.good().without("scope").sign()).await.status;
        // Nobody can tell a route that asks for no scope from one that forgot to.
        if has && without == self.good {
            faults.push(
                "the good token passes without its scope, too: if the route asks for one, it does not look; if it asks for \
                 none, leave it out of `.token(…)`"
                    .into(),
            );
        }
        // Scopes are asked for where a token that has all but them is refused.
        let scopes = has && without.is_client_error();
        Offers { clock: self.turned, fetch: self.forge.issuer.asked() > 0, scopes }
    }

    async fn run(&self, attack: &'static Attack, can: &Offers) -> Outcome {
        match attack.needs {
            Needs::Clock | Needs::ClockAndFetch if !can.clock && can.fetch => {
                return Outcome::Skipped(Needs::Clock);
            }
            Needs::Fetch | Needs::ClockAndFetch if !can.fetch && can.clock => {
                return Outcome::Skipped(Needs::Fetch);
            }
            needs @ (Needs::Clock | Needs::Fetch | Needs::ClockAndFetch) if !(can.clock || can.fetch) => {
                return Outcome::Skipped(needs);
            }
            Needs::Scopes if !can.scopes => return Outcome::Inapplicable,
            Needs::NamedKeys if !can.fetch => return Outcome::Inapplicable,
            _ => {}
        }
        let issuer = &self.forge.issuer;
        let keys = json!({ "keys": [self.forge.strangers_jwk()] });
        issuer.answer_with(STRANGERS_KEYS, keys.to_string());
        let stage = Stage {
            forge: &self.forge,
            target: self.target,
            attack,
            good: self.good,
            any_refusal: self.any_refusal,
        };
        match self.play(&stage).await {
            Ok(()) => Outcome::Resisted,
            Err(outcome) => outcome,
        }
    }

    async fn play(&self, stage: &Stage<'_>) -> Result<(), Outcome> {
        match stage.attack.run {
            Run::Token(forge) => stage.falls(&forge(&self.forge)).await,
            Run::Request(change) => {
                let seen = stage.send(|parts| change(&self.forge, parts)).await;
                stage.judge(&seen, stage.attack.answer)
            }
            Run::Scene(scene) => {
                let ended = scene(stage).await;
                ended.and(self.recovers(stage).await)
            }
        }
    }

    /// Everything is as it was, and the application has had the time to notice: after the next fetch, or the one after.
    async fn recovers(&self, stage: &Stage<'_>) -> Result<(), Outcome> {
        self.forge.issuer.restore(&self.kept);
        if !self.turned {
            return stage.passes(&self.forge.good().sign()).await;
        }
        stage.wait(70);
        let _ = stage.bring(&self.forge.good().sign()).await;
        stage.outlive_the_keys();
        stage.passes(&self.forge.good().sign()).await
    }
}

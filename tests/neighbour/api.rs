//! The API that trusts both: what it answers, and what it knows.

use crate::{acts, server::Server};
use axum::{
    Router,
    body::Body,
    http::{Request, header},
    routing::get,
};
use futures_util::FutureExt as _;
use std::time::Duration;
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier, keys::HttpFetch, policy::authenticated, require, testing::AUDIENCE,
    testing::TestClock, verify::IssuerStatus,
};

#[derive(Clone)]
pub(crate) struct Api {
    app: Router,
    verifier: Verifier,
    clock: TestClock,
}

impl Api {
    /// No request of it is answered by time running out, but for those of an act that only time ends.
    pub(crate) fn new(act: &acts::Act, good: &Server, bad: &Server) -> Self {
        let trusted = Issuer::discover(bad.issuer.identifier()).unwrap();
        let trusted = if act.obliging { trusted.fetch(obliging()) } else { trusted };
        let ms = Duration::from_millis;
        let (wait, whole) = if act.takes_time { (ms(100), ms(300)) } else { (ms(20_000), ms(20_000)) };
        let trusted = trusted.max_wait(wait).fetch_timeout(whole);
        let honest = Issuer::discover(good.issuer.identifier()).unwrap().max_wait(ms(20_000));
        let clock = good.issuer.clock();
        let verifier = Verifier::builder().issuer(honest).issuer(trusted).audience(AUDIENCE);
        let verifier = verifier.clock(clock.clone()).build().unwrap();
        let app = Router::new()
            .route("/", get(|| async { "in" }).route_layer(require(authenticated())))
            .layer(AuthenticateLayer::new(verifier.clone()));
        Self { app, verifier, clock }
    }

    pub(crate) async fn status(&self, token: &str) -> u16 {
        let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        response.unwrap().status().as_u16()
    }

    /// The answer to a request that must not wait for anybody.
    pub(crate) fn status_at_once(&self, token: &str) -> Option<u16> {
        self.status(token).now_or_never()
    }

    pub(crate) fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What it knows of the neighbour.
    pub(crate) fn of_neighbour(&self) -> IssuerStatus {
        self.verifier.status().issuers.remove(1)
    }
}

/// A client of somebody who thought of nothing.
fn obliging() -> HttpFetch {
    let follows = reqwest::redirect::Policy::limited(5);
    HttpFetch::with_client(
        reqwest::Client::builder().no_proxy().gzip(true).redirect(follows).build().unwrap(),
    )
}

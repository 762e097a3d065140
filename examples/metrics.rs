//! Seen from outside: a rotation and an outage in numbers, on a clock that is turned; then an API that shows its own.
//!
//! Prints what a scraper sees before, after a rotation, during an outage and after it. Then serves on `LISTEN` (default
//! `127.0.0.1:3000`) beside an issuer for development, and prints `curl` lines to try it with. Ctrl-C stops it.
//!
//! ```text
//! cargo run --example metrics --features metrics
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, StatusCode},
    routing::get,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{env, error::Error, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    policy::scope,
    require,
    testing::{AUDIENCE, TestIssuer},
};

/// What the handler of `/metrics` needs.
#[derive(Clone)]
struct Seen {
    verifier: Verifier,
    recorder: PrometheusHandle,
}

fn app(seen: Seen) -> Router {
    let guarded = Router::new()
        .route("/orders", get(|| async { "tea, biscuits\n" }).route_layer(require(scope("orders:read"))))
        .route_layer(AuthenticateLayer::new(seen.verifier.clone()));
    // Numbers say more than strangers need to know: a real service shows them on an address of its own.
    guarded.route("/metrics", get(metrics)).with_state(seen)
}

async fn metrics(State(Seen { verifier, recorder }): State<Seen>) -> String {
    // Ages move while nothing happens: reading the status writes them down as they are now.
    verifier.status();
    recorder.render()
}

// One thread, for the story's sake: whoever waits for a fetch may go on a moment before it is counted.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Before the verifier is built, so that each metric has its sentence.
    let recorder = PrometheusBuilder::new().install_recorder()?;
    let issuer = TestIssuer::serve().await?;
    let builder = Verifier::builder().issuer(Issuer::discover(issuer.identifier())?).audience(AUDIENCE);
    let verifier = builder.clock(issuer.clock()).build()?;
    let app = app(Seen { verifier: verifier.clone(), recorder });
    verifier.warm_up().await;
    tell_the_story(&app, &verifier, &issuer).await?;

    let listener = TcpListener::bind(env::var("LISTEN").unwrap_or("127.0.0.1:3000".into())).await?;
    print_curl_lines(&format!("http://{}", listener.local_addr()?), &issuer);
    let ctrl_c = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c).await?;
    Ok(())
}

async fn tell_the_story(
    app: &Router,
    verifier: &Verifier,
    issuer: &TestIssuer,
) -> Result<(), Box<dyn Error>> {
    show(app, issuer, "before").await?;

    issuer.rotate();
    // A token of a new key may cause a fetch once the last one is 5 s old.
    issuer.clock().advance(Duration::from_secs(6));
    show(app, issuer, "after a rotation").await?;

    issuer.fail();
    // Past its time to live the set still judges, because a fetch was tried and has failed.
    issuer.clock().advance(Duration::from_secs(15 * 60));
    show(app, issuer, "during an outage").await?;

    issuer.recover();
    // A request would start this in the background, once the pause between two attempts is over.
    issuer.clock().advance(Duration::from_secs(61));
    verifier.warm_up().await;
    show(app, issuer, "after the outage").await
}

/// Asks once with a good token and once without the scope, and prints what moved away from nothing.
async fn show(app: &Router, issuer: &TestIssuer, when: &str) -> Result<(), Box<dyn Error>> {
    let reader = issuer.token().subject("alice").scope("orders:read").sign();
    let outsider = issuer.token().subject("bob").sign();
    println!("--- {when}: GET /orders answers {}", ask(app, &reader).await?);
    ask(app, &outsider).await?;
    let scraped = app.clone().oneshot(Request::get("/metrics").body(Body::empty())?).await?;
    let text = String::from_utf8(to_bytes(scraped.into_body(), usize::MAX).await?.to_vec())?;
    let mut lines: Vec<_> =
        text.lines().filter(|line| line.starts_with("tower_bearer_") && !line.ends_with(" 0")).collect();
    lines.sort_unstable();
    println!("{}\n", lines.join("\n"));
    Ok(())
}

async fn ask(app: &Router, token: &str) -> Result<StatusCode, Box<dyn Error>> {
    let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
    Ok(app.clone().oneshot(request.body(Body::empty())?).await?.status())
}

fn print_curl_lines(url: &str, issuer: &TestIssuer) {
    let token = |subject: &str| issuer.token().subject(subject).expires_in(Duration::from_secs(3600));
    let reader = token("alice").scope("orders:read").sign();
    let outsider = token("bob").sign();
    println!("# 200: the scope is there\ncurl -i -H \"Authorization: Bearer {reader}\" {url}/orders\n");
    println!("# 403: the scope is missing\ncurl -i -H \"Authorization: Bearer {outsider}\" {url}/orders\n");
    println!("# 401: no token\ncurl -i {url}/orders\n");
    println!("# 200: all of it, counted\ncurl -i {url}/metrics\n");
}

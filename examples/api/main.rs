//! A whole API: public, optional and guarded routes, policies from a file, step-up, metadata, an OpenAPI document,
//! readiness, typed claims.
//!
//! Without any settings it starts a development issuer beside the API and prints `curl` lines with fresh tokens, ready
//! to be pasted into another terminal:
//!
//! ```text
//! cargo run --example api
//! ```
//!
//! With the two settings of a real deployment it trusts your own issuer instead, and wants that one's tokens:
//!
//! ```text
//! BEARER_ISSUER=https://id.example.com/realms/acme BEARER_AUDIENCE=https://api.example.com cargo run --example api
//! ```
//!
//! | route | who may |
//! | --- | --- |
//! | `GET /health` | everybody; the header is not even looked at |
//! | `GET /ready` | everybody; 503 until the issuer's keys are there |
//! | `GET /openapi.json` | everybody; what each operation asks for |
//! | `GET /.well-known/oauth-protected-resource` | everybody; where to get a token |
//! | `GET /api/me` | any valid token |
//! | `GET /api/orders` | scope `orders:read` |
//! | `POST /api/orders` | scope `orders:write` |
//! | `GET /api/admin` | role `admin` |
//! | `GET /api/transfer` | a login with `acr` `urn:acr:2fa`, five minutes ago at most |
//! | `GET /api/optional` | everybody; but who brings a token must bring a good one |
//!
//! The same table, made from the routes themselves, is printed at start: a route cannot be added without its policy.
//!
//! The guarded routes take their policies by name: from `policies.toml` beside this file, or from the file that
//! `BEARER_POLICIES` names. SIGHUP reads that file again.
//!
//! `LISTEN` sets the address (default `127.0.0.1:3000`; port 0 takes a free one), `BEARER_RESOURCE` the address that clients
//! know the API by (default `http://` and the former), `RUST_LOG` what is logged to stderr: `RUST_LOG=tower_bearer=debug`
//! shows why a token was refused. Ctrl-C stops it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod curl;
mod handlers;
mod policies;
mod routes;

use handlers::User;
use policies::Reload;
use routes::{Routes, routes};
use std::{env, error::Error, io, net::SocketAddr, process::ExitCode};
use tokio::{net::TcpListener, sync::watch};
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    issuer::Settings,
    metadata::ProtectedResource,
    policy::Checks,
    testing::{AUDIENCE, TestIssuer},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    start_logging();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Kept until the end: the development issuer stops when it is dropped.
    let development = if has_settings() { None } else { Some(TestIssuer::serve().await?) };
    let verifier = match &development {
        Some(issuer) => Verifier::builder().issuer(Issuer::discover(issuer.identifier())?).audience(AUDIENCE),
        None => Verifier::builder().env()?,
    }
    .claims::<User>()
    .build()?;

    // Everything that is wrong with the policies ends the program here.
    let (routes, live) = routes(&verifier).with_policies(&policies::read()?, Checks::new())?;
    let table = routes.table();
    table.check()?;
    let (document, current) = watch::channel(policies::document(&table)?);

    let listener = listen().await?;
    let address = listener.local_addr()?;
    let metadata =
        ProtectedResource::new(resource(address)).issuers_of(&verifier).policies(table.policies()).build()?;
    println!("{table}");
    match &development {
        Some(issuer) => curl::print_lines(address, issuer, metadata.path())?,
        None => curl::print_hint(address, &verifier)?,
    }
    tokio::spawn(warm(verifier.clone()));

    let layer = AuthenticateLayer::new(verifier).resource_metadata(metadata.url());
    let app = routes.clone().into_router(layer).with_state(current).merge(metadata.router());
    tokio::spawn(Reload { live, routes, document, metadata }.at_each_hangup());
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;
    Ok(())
}

/// What clients know the API by. It is never taken from a request.
fn resource(address: SocketAddr) -> String {
    env::var("BEARER_RESOURCE").unwrap_or_else(|_| {
        let ours = format!("http://{address}");
        // As clients write it: without the default port.
        ours.strip_suffix(":80").unwrap_or(&ours).to_owned()
    })
}

/// Loads the keys at once, so that the first request need not wait. An issuer that is down stops nothing.
async fn warm(verifier: Verifier<User>) {
    for issuer in verifier.warm_up().await.issuers {
        match issuer.last_error {
            None => {
                tracing::info!(issuer = issuer.issuer, keys = issuer.key_ids.len(), "ready to judge tokens")
            }
            Some(error) => {
                tracing::warn!(issuer = issuer.issuer, error, "no keys yet; tried again on demand")
            }
        }
    }
}

/// Whether this is a deployment. An empty variable is how a shell unsets one.
fn has_settings() -> bool {
    !Settings::from_env().is_empty()
}

async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address).await;
    listener.map_err(|error| format!("LISTEN={address}: {error}; port 0 takes a free one").into())
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        tracing::info!("stopping");
    }
}

fn start_logging() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

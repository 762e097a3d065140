//! Scopes on the route, and Cedar asked about the resource: `ask` with a policy engine behind it.
//!
//! A token says what its bearer may do in general, not whose document 7 is. So the route's policy wants a scope, and a
//! layer behind it, `ask("cedar", …)`, looks the document up and asks Cedar whether this caller may do this with it. The
//! caller is made of verified claims: issuer and subject together are his id, his roles and department are groups he is in.
//!
//! Starts two development issuers and prints `curl` lines with fresh tokens, ready to be pasted into another terminal:
//!
//! ```text
//! cargo run --manifest-path examples/cedar/Cargo.toml
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | `policies.cedar`, `schema.cedarschema` | who may do what, for whoever decides and knows no Rust |
//! | `app.rs` | the routes, and what is asked |
//! | `engine.rs` | claims and documents as Cedar's entities, its answer as a `Ruling` |
//! | `faults.rs` | policies that cannot be enforced stop the program |
//! | `documents.rs` | the store |
//!
//! `LISTEN` sets the address (default `127.0.0.1:3000`; port 0 takes a free one), `RUST_LOG` what is logged to stderr:
//! by which policies Cedar decided is among it. Ctrl-C stops it.

mod app;
mod documents;
mod engine;
mod faults;
#[cfg(test)]
mod tests;

use documents::{Document, Documents, Local};
use engine::Engine;
use std::{
    env,
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    testing::{AUDIENCE, TestIssuer, TestToken},
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
    // Kept until the end: a development issuer stops when it is dropped.
    let (staff, partners) = (TestIssuer::serve().await?, TestIssuer::serve().await?);
    let verifier = Verifier::builder()
        .issuer(Issuer::discover(staff.identifier())?)
        .issuer(Issuer::discover(partners.identifier())?)
        .audience(AUDIENCE)
        .build()?;
    let engine = Arc::new(Engine::new(engine::POLICIES, realms(&staff, &partners))?);

    let documents = Documents::default();
    fill(&documents).await;
    let routes = app::routes(&engine, &documents);
    routes.table().check()?;

    let listener = listen().await?;
    println!("{}", routes.table());
    print_curl_lines(listener.local_addr()?, &staff, &partners)?;
    let app = routes.into_router(AuthenticateLayer::new(verifier));
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;
    Ok(())
}

/// The policies' names for the issuers: an address may change, and differs from stage to stage.
fn realms<'a>(staff: &'a TestIssuer, partners: &'a TestIssuer) -> [(&'a str, &'a str); 2] {
    [(staff.identifier(), "staff"), (partners.identifier(), "partners")]
}

/// What the `curl` lines, and the tests, are about.
async fn fill(documents: &Documents) {
    for (id, owner, secrecy, held) in [
        ("minutes", "alice", 0, false),
        ("draft", "alice", 0, false),
        ("contract", "alice", 0, true),
        ("merger", "alice", 2, false),
    ] {
        let document = Document {
            id: id.into(),
            owner: Local::new("staff", owner),
            department: Local::new("staff", "sales"),
            secrecy,
            held,
            text: format!("the {id}"),
        };
        documents.put(document).await;
    }
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

/// Both scopes, and an hour to try it.
fn token(issuer: &TestIssuer, subject: &str) -> TestToken {
    let scopes = issuer.token().subject(subject).scope("documents:read documents:delete");
    scopes.expires_in(Duration::from_secs(3600))
}

/// The listener is bound already, so each of these lines works from the moment it can be read, in this order.
fn print_curl_lines(address: SocketAddr, staff: &TestIssuer, partners: &TestIssuer) -> io::Result<()> {
    let alice = token(staff, "alice").sign();
    let reader = staff.token().subject("alice").scope("documents:read");
    let reader = reader.expires_in(Duration::from_secs(3600)).sign();
    let colleague = token(staff, "bob").claim("department", "sales").sign();
    let stranger = token(staff, "eve").claim("department", "legal").sign();
    let namesake = token(partners, "alice").claim("department", "sales").sign();
    let cleared = token(staff, "alice").claim("clearance", 2);
    let strong = token(staff, "alice").claim("clearance", 2).claim("acr", "urn:acr:2fa").sign();
    let cleared = cleared.sign();

    println!("Listening on http://{address}, trusting two development issuers:");
    println!("{} (staff) and {} (partners).", staff.identifier(), partners.identifier());
    println!("Paste these lines into another terminal, from above; the tokens are good for an hour.\n");
    let show = |label: &str, options: &str, token: Option<&str>, id: &str| {
        let header = token.map_or(String::new(), |token| format!("-H \"Authorization: Bearer {token}\" "));
        println!("# {label}\ncurl -i {options}{header}http://{address}/documents/{id}\n");
    };
    const DELETE: &str = "-X DELETE ";
    show("401: no token", "", None, "minutes");
    show("403: a token without the scope; Cedar is not asked", DELETE, Some(&reader), "minutes");
    show("403: of another department", DELETE, Some(&stranger), "minutes");
    show("403: the partners' alice, of their sales", DELETE, Some(&namesake), "minutes");
    show("403: a document that is not there, the same answer", "", Some(&stranger), "nothing");
    show("200: the owner", "", Some(&alice), "minutes");
    show("204: a colleague of the owner's department", DELETE, Some(&colleague), "minutes");
    show("403: the owner, but the document is held", DELETE, Some(&alice), "contract");
    show("403: the owner, but the document is secret", "", Some(&alice), "merger");
    show("200: with clearance", "", Some(&cleared), "merger");
    show("403: with clearance, but a weak login", DELETE, Some(&cleared), "merger");
    show("204: with clearance and a strong one", DELETE, Some(&strong), "merger");
    io::stdout().flush()
}

//! A WebSocket and an event stream that end with their token.
//!
//! ```text
//! cargo run --example long_lived
//! ```
//!
//! starts a development issuer beside the server and prints `curl` lines with tokens of one minute. The event stream then
//! ends by itself, and so does the WebSocket, with the close code 3000 ("Unauthorized" in IANA's WebSocket Close Code
//! Number Registry): the client knows that a new token is all it takes.
//!
//! A client comes back with a new token. A browser's `EventSource` comes back with the old one, and is told 401.
//! Neither it nor a browser's `WebSocket` can send a header: for those the token has to be in a cookie
//! (`AuthenticateLayer::danger_cookie`, and check `Origin`), or the client uses `fetch`.
//!
//! | route | who may |
//! | --- | --- |
//! | `GET /events` | scope `events:read`; one event a second |
//! | `GET /echo` | scope `events:read`; a WebSocket that says everything back |
//!
//! `LISTEN` sets the address (default `127.0.0.1:3000`; port 0 takes a free one). Ctrl-C stops it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use axum::{
    Router,
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    response::{
        Response,
        sse::{Event, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use std::{
    convert::Infallible,
    env,
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    time::{interval, timeout},
};
use tower_bearer::{
    AuthenticateLayer, Claims, Issuer, Verifier,
    guard::{GuardedRouter, guarded},
    policy::scope,
    testing::{AUDIENCE, TestIssuer},
};

/// "Unauthorized", as IANA has registered it.
const UNAUTHORIZED: u16 = 3000;

pub(crate) fn app(verifier: Verifier) -> Router {
    let read = scope("events:read");
    GuardedRouter::new()
        .route("/events", guarded::get(read.clone(), events))
        .route("/echo", guarded::get(read, echo))
        .into_router(AuthenticateLayer::new(verifier))
}

/// The stream ends; that is all that its protocol has to say.
async fn events(claims: Claims) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::unfold((interval(Duration::from_secs(1)), 0), async |(mut every, count)| {
        every.tick().await;
        Some((Ok(Event::default().data(format!("{count}"))), (every, count + 1)))
    });
    Sse::new(ticks.take_until(claims.principal().expired()))
}

async fn echo(claims: Claims, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        // The whole conversation on one side: it ends whatever it is waiting for.
        tokio::select! {
            biased;
            () = claims.principal().expired() => close(socket).await,
            () = converse(&mut socket) => {}
        }
    })
}

async fn converse(socket: &mut WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(_) | Message::Binary(_) = message
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

/// A peer that takes nothing does not keep the socket open.
async fn close(mut socket: WebSocket) {
    let frame = CloseFrame { code: UNAUTHORIZED, reason: "the token has expired".into() };
    let _ = timeout(Duration::from_secs(5), socket.send(Message::Close(Some(frame)))).await;
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address).await.map_err(|error| format!("LISTEN={address}: {error}"))?;
    // Kept until the end: the development issuer stops when it is dropped.
    let issuer = TestIssuer::serve().await?;
    let verifier = Verifier::builder().issuer(Issuer::discover(issuer.identifier())?).audience(AUDIENCE);
    // No leeway, or the end would be a minute away.
    let verifier = verifier.leeway(Duration::ZERO).build()?;
    print_curl_lines(listener.local_addr()?, &issuer)?;
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app(verifier)).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// The tokens begin to run when they are signed.
fn print_curl_lines(address: SocketAddr, issuer: &TestIssuer) -> io::Result<()> {
    let token = |seconds| {
        let token = issuer.token().subject("alice").scope("events:read");
        token.expires_in(Duration::from_secs(seconds)).sign()
    };
    let show = |label: &str, token: &str, rest: &str| {
        println!("# {label}\ncurl -iN -H \"Authorization: Bearer {token}\" {rest}\n");
    };
    println!("Listening on http://{address}, trusting a development issuer, {}.\n", issuer.identifier());
    show(
        "200: ends a minute after the start of this program",
        &token(60),
        &format!("http://{address}/events"),
    );
    let upgrade = "-H \"Connection: Upgrade\" -H \"Upgrade: websocket\" -H \"Sec-WebSocket-Version: 13\" \
                   -H \"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\"";
    show("101: so does this WebSocket", &token(60), &format!("{upgrade} http://{address}/echo"));
    show("401: a token that is over", &token(0), &format!("http://{address}/events"));
    io::stdout().flush()
}

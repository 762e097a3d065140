//! An issuer on the load's side, which serves its documents over loopback and rotates its keys as RFC 7517 wants it: a new
//! one is published before it signs, and an old one is withdrawn when nobody's token needs it any more.

use super::server::KEY_TTL;
use crate::{keys::Signer, tokens::Mint};
use serde_json::json;
use std::{cell::RefCell, rc::Rc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::sleep,
};

const ALG: &str = "ES256";

/// Distinct good tokens of each key: more than the server remembers.
const POOL: u64 = 1_500;

pub(super) struct Issuer {
    state: Rc<State>,
}

struct State {
    identifier: String,
    /// Published, the oldest first.
    published: RefCell<Vec<serde_json::Value>>,
    signs: RefCell<Rc<Tokens>>,
    /// By keys that nobody trusts any more.
    withdrawn: RefCell<Vec<String>>,
    rotations: RefCell<u32>,
}

/// What one key has signed.
pub(super) struct Tokens {
    pub(super) good: Vec<String>,
    pub(super) expired: Vec<String>,
    pub(super) another_audience: String,
    pub(super) tampered: String,
}

impl Issuer {
    /// Begins to serve, and to rotate once in so much time.
    pub(super) async fn start(every: Duration) -> Self {
        assert!(every >= 2 * KEY_TTL, "a new key must be known before it signs");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let identifier = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (key, tokens) = made(0, &identifier);
        let state = Rc::new(State {
            identifier,
            published: RefCell::new(vec![key]),
            signs: RefCell::new(Rc::new(tokens)),
            withdrawn: RefCell::default(),
            rotations: RefCell::default(),
        });
        spawn_local(accept(listener, Rc::clone(&state)));
        spawn_local(rotate(Rc::clone(&state), every));
        Self { state }
    }

    pub(super) fn identifier(&self) -> String {
        self.state.identifier.clone()
    }

    pub(super) fn rotations(&self) -> u32 {
        *self.state.rotations.borrow()
    }

    /// Reads what it signs now.
    pub(super) fn tokens(&self) -> impl Fn() -> Rc<Tokens> + Clone + use<> {
        let state = Rc::clone(&self.state);
        move || Rc::clone(&state.signs.borrow())
    }

    /// Tokens of withdrawn keys, once there are some.
    pub(super) fn withdrawn(&self) -> impl Fn(usize) -> Option<String> + Clone + use<> {
        let state = Rc::clone(&self.state);
        move |number| {
            let tokens = state.withdrawn.borrow();
            tokens.get(number % tokens.len().max(1)).cloned()
        }
    }
}

fn made(number: u32, issuer: &str) -> (serde_json::Value, Tokens) {
    const DAYS: u64 = 2 * 24 * 3600;
    let mint = Mint::of(Signer::generate(ALG).with_kid(format!("key-{number}")), issuer);
    let (key, good) = (mint.signer.jwk(), mint.pool(POOL));
    let (another_audience, tampered) = (mint.for_another_audience(), mint.tampered());
    let expired = mint.dated(DAYS).pool(20);
    (key, Tokens { good, expired, another_audience, tampered })
}

async fn rotate(state: Rc<State>, every: Duration) {
    for number in 1.. {
        let (key, tokens) = made(number, &state.identifier);
        state.published.borrow_mut().push(key);
        sleep(every / 2).await;
        let old = state.signs.replace(Rc::new(tokens));
        // Requests that took an old one are answered by then.
        sleep(every / 10).await;
        state.published.borrow_mut().remove(0);
        *state.rotations.borrow_mut() += 1;
        sleep(every - every / 2 - every / 10).await;
        state.withdrawn.replace(old.good[..100].to_vec());
    }
}

async fn accept(listener: TcpListener, state: Rc<State>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        spawn_local(answer(stream, Rc::clone(&state)));
    }
}

/// One request, which fits into one packet. The server's side is free to hang up.
async fn answer(mut stream: TcpStream, state: Rc<State>) -> std::io::Result<()> {
    let mut head = [0; 2048];
    let read = stream.read(&mut head).await?;
    let id = &state.identifier;
    let body = if head[..read].starts_with(b"GET /jwks ") {
        json!({ "keys": *state.published.borrow() })
    } else {
        json!({ "issuer": id, "jwks_uri": format!("{id}/jwks") })
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

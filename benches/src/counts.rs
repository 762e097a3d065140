//! What the gate counts: the main cases, each with as few tokens as show it.
//!
//! A case with a signature in it is held against the bare one of the very same token, and what is beyond that has the
//! budget: AWS-LC chooses its code by the processor.

use crate::{
    Make,
    harness::{Case, Floor, Table},
    http::{Caller, Nothing},
    ours,
    router::{self, answering},
    tokens::{Mint, Staff},
    verify, wait,
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, Uri},
    routing::get,
};
use std::hint::black_box;
use tower::ServiceExt;
use tower_bearer::{AuthenticateLayer, Verifier, verify::VerifierBuilder};

/// What is remembered costs the same for all algorithms, and these signatures are made quickly.
const ALG: &str = "ES256";
/// Bytes and tokens of a memory that is soon full, and how many tokens take turns in front of it.
const LITTLE_ROOM: (u64, u64) = (1 << 20, 64);
const NEW: usize = 512;
const MANY: usize = 1_000;

pub fn tables() -> Vec<Make> {
    vec![Box::new(table)]
}

pub fn table() -> Table {
    let mut cases = Vec::new();
    for alg in ["RS256", "EdDSA"] {
        let mint = Mint::new(alg);
        cases.extend(first_sight(&mint, &mint.token(0)));
    }
    let mint = Mint::new(ALG);
    let pool = mint.pool(MANY as u64);
    cases.extend(first_sight(&mint, &pool[0]));
    cases.extend(evicting(&mint, &pool));
    cases.extend([1, MANY].map(|tokens| remembered(&mint, &pool[..tokens])));
    cases.extend(empty_layers(&pool[..1]));
    cases.extend([1, MANY].map(|tokens| remembered_request(&mint, &pool[..tokens])));
    cases.extend(requests(&mint, &pool[..1]));
    cases.extend(tampered(&mint));
    cases.extend([false, true].map(|optional| without_token(&mint, optional)));
    Table::new("what the gate counts", Floor::Paired, cases)
}

fn first_sight(mint: &Mint, token: &str) -> Vec<Case> {
    let verifier = staff(mint, VerifierBuilder::without_memory);
    let case = verify::one("verify: first_sight", mint.signer.alg, token, verifier);
    vec![verify::bare_signature(mint, token), case.against("bare_signature")]
}

/// Each token is looked for in vain, verified, kept, and another one let go.
fn evicting(mint: &Mint, pool: &[String]) -> Vec<Case> {
    let (new, others) = pool.split_at(NEW);
    let verifier = staff(mint, |builder| builder.memory(LITTLE_ROOM.0, LITTLE_ROOM.1));
    for token in others {
        wait::now(verifier.verify(token)).expect("a good token");
    }
    let kept = verifier.status().memory.expect("a memory").tokens;
    assert!(kept < others.len() as u64, "it is not full");
    vec![
        verify::bare_signatures(mint, new),
        verify::many("verify: first_sight_memory_on", mint.signer.alg, new, verifier),
    ]
}

fn remembered(mint: &Mint, tokens: &[String]) -> Case {
    let verifier = staff(mint, |builder| builder);
    for token in tokens {
        wait::now(verifier.verify(token)).expect("a good token");
    }
    verify::knowing("verify: remembered", mint.signer.alg, tokens, verifier)
}

fn empty_layers(token: &[String]) -> Vec<Case> {
    let ok = StatusCode::OK;
    let bare = Router::new().route("/orders", get(router::plain)).with_state(());
    let two = Router::new().route("/orders", get(router::plain).route_layer(Nothing)).layer(Nothing);
    vec![
        answering(ok, "router: bare", ALG, token, bare),
        answering(ok, "router: two_empty_layers", ALG, token, two.with_state(())),
    ]
}

fn remembered_request(mint: &Mint, tokens: &[String]) -> Case {
    let app = router::guarded(router::remembering(mint), router::three_terms());
    let caller = Caller::new(app, tokens).warm();
    router::calling(StatusCode::OK, "router: remembered", ALG, tokens.len(), caller)
}

fn requests(mint: &Mint, token: &[String]) -> Vec<Case> {
    let forgetful = router::forgetful(mint);
    let first_sight = router::guarded(forgetful, router::three_terms());
    let verifier = || router::remembering(mint);
    let outside = router::guarded_from_outside(verifier());
    let denied = router::guarded(verifier(), router::denying());
    vec![
        answering(StatusCode::OK, "router: first_sight", ALG, token, first_sight).against("bare_signature"),
        answering(StatusCode::OK, "router: remembered_from_outside", ALG, token, outside),
        answering(StatusCode::FORBIDDEN, "router: remembered_denied", ALG, token, denied),
    ]
}

fn tampered(mint: &Mint) -> Vec<Case> {
    let token = [mint.tampered()];
    let app = router::guarded(router::remembering(mint), router::three_terms());
    vec![
        verify::bare_refusal(mint, &token[0]),
        answering(StatusCode::UNAUTHORIZED, "router: tampered", ALG, &token, app).against("bare_refusal"),
    ]
}

/// Behind a layer that requires a token, and behind one that does not.
fn without_token(mint: &Mint, optional: bool) -> Case {
    let layer = AuthenticateLayer::new(router::remembering(mint));
    let (layer, name, status) = match optional {
        true => (layer.optional(), "router: without_token_optional", StatusCode::OK),
        false => (layer, "router: without_token", StatusCode::UNAUTHORIZED),
    };
    let app = Router::new().route("/orders", get(router::plain)).layer(layer).with_state(());
    Case::new(name, "-", 0, move || {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static("/orders");
        let Ok(response) = wait::now(app.clone().oneshot(request));
        assert_eq!(black_box(response.status()), status);
    })
}

fn staff(mint: &Mint, set: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Verifier<Staff> {
    set(ours::trusting(ours::fixed(mint))).claims().build().expect("a verifier")
}

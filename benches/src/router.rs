//! Whole requests through an axum router in process.

use crate::{
    Make, hand_over,
    harness::{Case, Floor, Table},
    http::{Caller, Nothing},
    ours,
    rivals::{self, Rival},
    threads,
    tokens::{Mint, Staff},
};
use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
    routing::get,
};
use std::{convert::Infallible, hint::black_box};
use tower::{Layer, Service};
use tower_bearer::{
    AuthenticateLayer, Claims, Verifier,
    policy::{Policy, client, role, scope},
    require,
    verify::VerifierBuilder,
};

/// Room for 10 000 tokens; 1 and 1 000 fit into the default.
pub const ROOM: (u64, u64) = (256 << 20, 65_536);

pub fn tables() -> Vec<Make> {
    let mut tables: Vec<Make> = ["RS256", "ES256"].map(|alg| Box::new(move || table(alg)) as Make).into();
    tables.push(Box::new(threads::table));
    tables
}

fn table(alg: &'static str) -> Table {
    let mint = Mint::new(alg);
    let pool = mint.pool(10_000);
    let one = &pool[..1];
    let mut cases = floors(alg, &pool);
    cases.extend(first_sight(&mint, &pool));
    cases.extend(remembered(&mint, &pool));
    cases.extend(refused(&mint, one));
    let mut notes = Vec::new();
    for rival in rivals::ALL {
        notes.push(format!("{} {}: {}", rival.name, rivals::version(rival.name), rival.how));
        cases.push(proven(&mint, one, rival));
    }
    notes.push("each of these: 200, 401 for a tampered token, 401 for another audience's".into());
    let title = format!("{alg}, whole requests, a token of {} bytes", one[0].len());
    Table { notes, ..Table::new(title, Floor::Added { bare: "bare", unit: "two_empty_layers" }, cases) }
}

fn floors(alg: &'static str, pool: &[String]) -> Vec<Case> {
    let ok = StatusCode::OK;
    let mut cases = vec![
        answering(ok, "one_empty_layer", alg, &pool[..1], bare().layer(Nothing).with_state(())),
        answering(ok, "two_empty_layers_one_outside", alg, &pool[..1], Nothing.layer(inner().with_state(()))),
    ];
    for tokens in [1, 1_000, 10_000] {
        cases.push(answering(ok, "bare", alg, &pool[..tokens], bare()));
        cases.push(answering(ok, "two_empty_layers", alg, &pool[..tokens], two_empty_layers()));
    }
    cases
}

/// The route that nobody guards.
pub fn bare() -> Router {
    Router::new().route("/orders", get(plain))
}

/// Layers that do nothing, where this crate's two would be.
pub fn two_empty_layers() -> Router {
    inner().layer(Nothing).with_state(())
}

fn inner() -> Router {
    Router::new().route("/orders", get(plain).route_layer(Nothing))
}

fn first_sight(mint: &Mint, pool: &[String]) -> Vec<Case> {
    let alg = mint.signer.alg;
    let fresh = ours::full(mint, remembering(mint));
    let guard = ours::NeverHit(fresh.clone());
    let mut caller = Caller::new(guarded(fresh, three_terms()), pool);
    vec![
        answering(StatusCode::OK, "first_sight", alg, &pool[..1], guarded(forgetful(mint), three_terms())),
        answering(StatusCode::OK, "first_sight_many", alg, pool, guarded(forgetful(mint), three_terms())),
        Case::new("first_sight_memory_on", alg, pool.len() as u64, move || {
            let _ = &guard;
            assert_eq!(black_box(caller.call()), StatusCode::OK);
        }),
    ]
}

fn remembered(mint: &Mint, pool: &[String]) -> Vec<Case> {
    let alg = mint.signer.alg;
    let knows = |tokens: usize| {
        let verifier = if tokens > 1_000 { roomy(mint) } else { remembering(mint) };
        let app = guarded(verifier.clone(), three_terms());
        let caller = Caller::new(app, &pool[..tokens]).warm();
        let memory = verifier.status().memory.expect("a memory");
        assert_eq!(memory.tokens, tokens as u64, "all of them are remembered");
        calling(StatusCode::OK, "remembered", alg, tokens, caller)
    };
    let outside = guarded_from_outside(remembering(mint));
    let handed = |tokens: usize| {
        let (tokens, verifier) = (&pool[..tokens], forgetful(mint));
        answering(StatusCode::OK, "handed_over", alg, tokens, hand_over::app(&verifier, tokens))
    };
    let mut cases: Vec<Case> = [1, 1_000, 10_000].map(knows).into();
    cases.push(answering(StatusCode::OK, "remembered_from_outside", alg, &pool[..1], outside));
    cases.extend([1, 1_000].map(handed));
    cases
}

fn refused(mint: &Mint, one: &[String]) -> Vec<Case> {
    let alg = mint.signer.alg;
    let denied = guarded(remembering(mint), denying());
    let tampered = [mint.tampered()];
    let guarded = guarded(remembering(mint), three_terms());
    vec![
        answering(StatusCode::FORBIDDEN, "remembered_denied", alg, one, denied),
        answering(StatusCode::UNAUTHORIZED, "tampered", alg, &tampered, guarded),
    ]
}

/// A rival is timed once it has shown what it lets through and what it refuses.
fn proven(mint: &Mint, one: &[String], rival: &Rival) -> Case {
    let app = (rival.app)(mint);
    let name = format!("{} {}", rival.name, rivals::version(rival.name));
    for (token, status, what) in [
        (one[0].clone(), StatusCode::OK, "a good token"),
        (mint.tampered(), StatusCode::UNAUTHORIZED, "a tampered one"),
        (mint.for_another_audience(), StatusCode::UNAUTHORIZED, "one for another audience"),
    ] {
        assert_eq!(Caller::new(app.clone(), &[token]).call(), status, "{name}, {what}");
    }
    answering(StatusCode::OK, &name, mint.signer.alg, one, app)
}

/// This crate around one route: the layer, the policy, the extractor.
pub fn guarded(verifier: Verifier<Staff>, policy: Policy) -> Router {
    Router::new()
        .route("/orders", get(orders).route_layer(require(policy)))
        .layer(AuthenticateLayer::new(verifier))
        .with_state(())
}

/// The same, with the layer around the router.
pub(crate) fn guarded_from_outside(
    verifier: Verifier<Staff>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone {
    let route = get(orders).route_layer(require(three_terms()));
    AuthenticateLayer::new(verifier).layer(Router::new().route("/orders", route).with_state(()))
}

/// What one of the three terms is not met by: the token is of another client.
pub(crate) fn denying() -> Policy {
    scope("orders:read") & role("clerk") & client("mobile")
}

pub fn three_terms() -> Policy {
    scope("orders:read") & role("clerk") & client("web")
}

/// A verifier with room for all tokens.
pub fn roomy(mint: &Mint) -> Verifier<Staff> {
    verifier(mint, |builder| builder.memory(ROOM.0, ROOM.1))
}

/// A verifier for which each request is the first one.
pub fn forgetful(mint: &Mint) -> Verifier<Staff> {
    verifier(mint, VerifierBuilder::without_memory)
}

/// A verifier with the default memory.
pub fn remembering(mint: &Mint) -> Verifier<Staff> {
    verifier(mint, |builder| builder)
}

fn verifier(mint: &Mint, set: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Verifier<Staff> {
    let issuer = ours::fixed(mint).roles_from(["/realm_access/roles"]);
    set(ours::trusting(issuer)).claims().build().expect("a verifier")
}

pub(crate) fn answering<S>(
    status: StatusCode,
    name: &str,
    alg: &'static str,
    tokens: &[String],
    app: S,
) -> Case
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
{
    calling(status, name, alg, tokens.len(), Caller::new(app, tokens))
}

pub(crate) fn calling<S>(
    status: StatusCode,
    name: &str,
    alg: &'static str,
    tokens: usize,
    mut caller: Caller<S>,
) -> Case
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
{
    Case::new(name, alg, tokens as u64, move || assert_eq!(black_box(caller.call()), status))
}

pub async fn plain() -> &'static str {
    "orders"
}

pub(crate) async fn orders(claims: Claims<Staff>) -> &'static str {
    black_box(&claims.preferred_username);
    "orders"
}

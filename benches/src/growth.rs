//! What grows with what there is: tokens, issuers, keys, terms.

use crate::{
    Make,
    harness::{Case, Floor, Table},
    keys::Signer,
    ours, router,
    tokens::{AUDIENCE, Mint, Ring, Staff},
    wait,
};
use serde_json::json;
use std::hint::black_box;
use tower_bearer::{
    Claims, Issuer, Verifier,
    keys::KeySet,
    policy::{Policy, scope},
    token::BearerToken,
    verify::VerifierBuilder,
};

pub fn tables() -> Vec<Make> {
    vec![Box::new(tokens), Box::new(issuers), Box::new(keys), Box::new(policies)]
}

/// Beside each verifier stands the least that anybody does with a token: to read it from its first byte to its last. What
/// that costs more with many tokens is the processor's, whose caches they do not fit.
fn tokens() -> Table {
    let mint = Mint::new("ES256");
    let pool = mint.pool(100_000);
    let mut cases = Vec::new();
    for size in [1, 1_000, 100_000] {
        let mut ring = Ring::new(pool[..size].to_vec());
        cases.push(Case::new("parsed_only", "ES256", size as u64, move || {
            black_box(BearerToken::parse(black_box(ring.turn()))).expect("legal characters");
        }));
    }
    for size in [1, 1_000, 100_000] {
        let verifier = verifier([ours::fixed(&mint)], |builder| builder.memory(2 << 30, 200_000));
        for token in &pool[..size] {
            wait::now(verifier.verify(token)).expect("a good token");
        }
        assert_eq!(verifier.status().memory.expect("a memory").tokens, size as u64);
        cases.push(verifying("remembered", size as u64, pool[..size].to_vec(), verifier));
    }
    Table::new("tokens remembered", Floor::First, cases)
}

fn issuers() -> Table {
    let mut cases = Vec::new();
    for memory in [false, true] {
        for size in [1, 10, 1_000] {
            let mints: Vec<Mint> = (0..size)
                .map(|number| {
                    let name = format!("https://id.example.com/realms/{number:06}");
                    Mint::of(Signer::generate("ES256"), &name)
                })
                .collect();
            let last = mints.last().expect("at least one").token(0);
            let verifier = verifier(mints.iter().map(ours::fixed), |builder| with(builder, memory));
            let name = format!("{}, {size} issuers", label(memory));
            cases.push(verifying(&name, 1, vec![last], verifier).family(label(memory)));
        }
    }
    Table::new("issuers trusted; the token is of the last one", Floor::First, cases)
}

fn keys() -> Table {
    let mut cases = Vec::new();
    for memory in [false, true] {
        for size in [1, 100] {
            let signers: Vec<Signer> = (0..size)
                .map(|number| Signer::generate("ES256").with_kid(format!("{number:0>43}")))
                .collect();
            let jwks: Vec<_> = signers.iter().map(Signer::jwk).collect();
            let set = KeySet::from_json(json!({ "keys": jwks }).to_string()).expect("a key set");
            assert_eq!(set.len(), size);
            let last = signers.into_iter().last().expect("at least one");
            let mint = Mint::of(last, crate::tokens::ISSUER);
            let issuer = Issuer::keys(&mint.issuer, set).expect("an issuer");
            let verifier = verifier([issuer], |builder| with(builder, memory));
            let name = format!("{}, {size} keys", label(memory));
            cases.push(verifying(&name, 1, vec![mint.token(0)], verifier).family(label(memory)));
        }
    }
    Table::new("keys in the set; the token is signed with the last one", Floor::First, cases)
}

/// All terms are met, so all of them are asked.
fn policies() -> Table {
    let mint = Mint::new("ES256");
    let claims = wait::now(router::roomy(&mint).verify(&mint.token(0))).expect("a good token");
    let case = |terms: usize| {
        let policy =
            (1..terms).fold(scope("orders:read"), |policy: Policy, _| policy & scope("orders:write"));
        let claims: Claims<Staff> = claims.clone();
        Case::new(&format!("policy of {terms} terms"), "–", 1, move || {
            black_box(&claims).require(black_box(&policy)).expect("it is met");
        })
        .family("policy")
    };
    Table::new("terms in a policy, all of them met", Floor::First, [1, 3, 10, 100].map(case).into())
}

fn label(memory: bool) -> &'static str {
    if memory { "remembered" } else { "first_sight" }
}

fn with(builder: VerifierBuilder, memory: bool) -> VerifierBuilder {
    if memory { builder } else { builder.without_memory() }
}

fn verifier(
    issuers: impl IntoIterator<Item = Issuer>,
    set: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
) -> Verifier<Staff> {
    let builder = issuers.into_iter().fold(Verifier::builder().audience(AUDIENCE), VerifierBuilder::issuer);
    set(builder).claims().build().expect("a verifier")
}

fn verifying(name: &str, size: u64, tokens: Vec<String>, verifier: Verifier<Staff>) -> Case {
    let mut ring = Ring::new(tokens);
    Case::new(name, "ES256", size, move || {
        black_box(wait::now(verifier.verify(black_box(ring.turn()))).expect("a good token"));
    })
}

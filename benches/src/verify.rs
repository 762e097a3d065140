//! One token, verified: no HTTP, no router.

use crate::{
    Make,
    harness::{Case, Floor, Table},
    ours, rivals,
    tokens::{Mint, Ring, Staff},
    wait,
};
use aws_lc_rs::signature::ParsedPublicKey;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::de::DeserializeOwned;
use std::hint::black_box;
use tower_bearer::Verifier;

/// More than the memory holds by default, by far: whichever token's turn it is, it was evicted, or is new.
const POOL: u64 = 8_000;

pub fn tables() -> Vec<Make> {
    ["RS256", "ES256", "ES384", "EdDSA", "PS256"].map(|alg| Box::new(move || table(alg)) as Make).into()
}

fn table(alg: &'static str) -> Table {
    let mint = Mint::new(alg);
    let token = mint.token(0);
    let pool = mint.pool(POOL);
    let fixed = || ours::trusting(ours::fixed(&mint)).claims::<Staff>();
    let remote =
        ours::warm(ours::trusting(ours::remote(&mint)).claims::<Staff>().build().expect("a verifier"));
    let mut cases = vec![bare_signature(&mint, &token), bare_signatures(&mint, &pool)];
    cases.extend(rivals::by_hand(&mint, &token));
    cases.extend([
        one("first_sight", alg, &token, fixed().without_memory().build().expect("a verifier")),
        many("first_sight_many", alg, &pool, fixed().without_memory().build().expect("a verifier")),
        many("first_sight_memory_on", alg, &pool, ours::full(&mint, fixed().build().expect("a verifier"))),
        one("remembered", alg, &token, fixed().build().expect("a verifier")),
        one("remembered_remote_keys", alg, &token, remote),
        one(
            "first_sight_map",
            alg,
            &token,
            ours::trusting(ours::fixed(&mint)).without_memory().build().expect("a verifier"),
        ),
        one("remembered_map", alg, &token, ours::trusting(ours::fixed(&mint)).build().expect("a verifier")),
    ]);
    let title = format!("{alg}, a token of {} bytes", token.len());
    Table::new(title, Floor::Case("bare_signature"), cases)
}

pub(crate) fn bare_signature(mint: &Mint, token: &str) -> Case {
    let (key, token) = (mint.signer.prepared(), Signed::of(token));
    Case::new("bare_signature", mint.signer.alg, 1, move || token.check(&key))
}

/// The same for a token whose signature is another one's.
pub(crate) fn bare_refusal(mint: &Mint, token: &str) -> Case {
    let (key, token) = (mint.signer.prepared(), Signed::of(token));
    Case::new("bare_refusal", mint.signer.alg, 1, move || token.refuse(&key))
}

/// How long a signature on a curve takes depends on the signature, and a processor learns a single one by heart.
pub(crate) fn bare_signatures(mint: &Mint, pool: &[String]) -> Case {
    let key = mint.signer.prepared();
    let mut ring = Ring::new(pool.iter().map(|token| Signed::of(token)).collect());
    Case::new("bare_signature_many", mint.signer.alg, pool.len() as u64, move || ring.turn().check(&key))
}

struct Signed {
    message: String,
    signature: Vec<u8>,
}

impl Signed {
    fn of(token: &str) -> Self {
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        Self { message: message.to_owned(), signature: BASE64.decode(signature).expect("base64url") }
    }

    fn check(&self, key: &ParsedPublicKey) {
        let good = key.verify_sig(black_box(self.message.as_bytes()), black_box(&self.signature));
        good.expect("a good signature");
    }

    fn refuse(&self, key: &ParsedPublicKey) {
        let good = key.verify_sig(black_box(self.message.as_bytes()), black_box(&self.signature));
        good.expect_err("another token's signature");
    }
}

pub(crate) fn one<T>(name: &str, alg: &'static str, token: &str, verifier: Verifier<T>) -> Case
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let token = token.to_owned();
    Case::new(name, alg, 1, move || {
        black_box(wait::now(verifier.verify(black_box(&token))).expect("a good token"));
    })
}

/// Tokens in turn that the verifier has seen, all of them.
pub(crate) fn knowing<T>(name: &str, alg: &'static str, tokens: &[String], verifier: Verifier<T>) -> Case
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let kept = verifier.status().memory.expect("a memory").tokens;
    assert_eq!(kept, tokens.len() as u64, "all of them are remembered");
    let mut ring = Ring::new(tokens.to_vec());
    Case::new(name, alg, tokens.len() as u64, move || {
        black_box(wait::now(verifier.verify(black_box(ring.turn()))).expect("a good token"));
    })
}

pub(crate) fn many<T>(name: &str, alg: &'static str, pool: &[String], verifier: Verifier<T>) -> Case
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let verifier = ours::NeverHit(verifier);
    let mut ring = Ring::new(pool.to_vec());
    Case::new(name, alg, pool.len() as u64, move || {
        black_box(wait::now(verifier.0.verify(black_box(ring.turn()))).expect("a good token"));
    })
    .against("bare_signature_many")
}

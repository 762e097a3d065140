//! Verifiers and issuers of this crate.

use crate::{
    tokens::{AUDIENCE, Mint},
    wait,
};
use serde::de::DeserializeOwned;
use std::{
    future,
    sync::{LazyLock, OnceLock},
};
use tokio::runtime::Runtime;
use tower_bearer::{
    Issuer, Verifier,
    keys::{Fetch, FetchFuture, FetchRequest, Fetched, KeySet},
    verify::VerifierBuilder,
};

/// Where fetches of keys run; nothing that is timed does.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

/// The mint's issuer with a key set that never changes.
pub fn fixed(mint: &Mint) -> Issuer {
    Issuer::keys(&mint.issuer, KeySet::from_json(mint.signer.jwks()).expect("a key set")).expect("an issuer")
}

/// The mint's issuer with keys that are fetched, in process.
pub fn remote(mint: &Mint) -> Issuer {
    let issuer = Issuer::jwks(&mint.issuer, "https://id.example.com/certs").expect("an issuer");
    issuer.fetch(InProcess(mint.signer.jwks()))
}

/// A set-up for the audience of all tokens here.
pub fn trusting(issuer: Issuer) -> VerifierBuilder {
    Verifier::builder().issuer(issuer).audience(AUDIENCE)
}

/// Has fetched its keys.
pub fn warm<T>(verifier: Verifier<T>) -> Verifier<T> {
    assert!(RUNTIME.block_on(verifier.warm_up()).is_ready(), "keys in process are there at once");
    verifier
}

/// Fills the default memory with tokens that do not come again: from here on each one that is kept evicts another one.
pub fn full<T>(mint: &Mint, verifier: Verifier<T>) -> Verifier<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    for number in 0..4_000 {
        wait::now(verifier.verify(&mint.token((1 << 24) + number))).expect("a good token");
    }
    let memory = verifier.status().memory.expect("a memory");
    assert!(memory.tokens < 4_000, "it is not full");
    verifier
}

struct InProcess(String);

impl Fetch for InProcess {
    fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
        Box::pin(future::ready(Ok(Fetched::new(self.0.clone()))))
    }
}

/// A verifier whose tokens must all have been new to it, or the figure is not what it says.
pub struct NeverHit<T>(pub Verifier<T>);

impl<T> Drop for NeverHit<T> {
    fn drop(&mut self) {
        if let Some(memory) = self.0.status().memory {
            assert_eq!(memory.hits, 0, "a token was remembered that should have been new");
        }
    }
}

/// The runtime that spawned fetches find, for as long as the program runs.
pub fn enter_runtime() {
    static ENTERED: OnceLock<()> = OnceLock::new();
    ENTERED.get_or_init(|| std::mem::forget(RUNTIME.enter()));
}

//! Tokens that have verified: their next use costs no signature check.
//!
//! The rule that makes this safe: with the memory or without it, every answer is the same. So a hit is no answer yet. It
//! says which key the token was signed by and what it says of time, and [`Verifier`](super::Verifier) asks again
//! whether its issuer is trusted, whether that key is the one that would be chosen now, and what time it is. Where any of it
//! does not hold, the token goes the whole way, and that way names the reason.

use super::{MemoryStatus, rules::Times, steps::Signed};
use crate::{claims::Claims, issuer::TrustedIssuer, keys::Algorithm, token::BearerToken};
use quick_cache::{Equivalent, Weighter, sync::Cache};
use std::{
    hash::{Hash, Hasher, RandomState},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};
use zeroize::Zeroizing;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) tokens: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, tokens: 16_384 }
    }
}

/// What an entry costs beside the token and what was read out of it: the map's own share, the books of its allocations.
const FIXED_WEIGHT: u64 = 1024;

pub(super) struct Memory<T> {
    cache: Cache<Token, Arc<Remembered<T>>, Weigh, RandomState>,
    /// Each token weighs at least this, so that the bound in bytes is one in tokens, too.
    least: u64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A token that verified, and what that rested on.
#[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "fixed keys are never chosen anew"))]
pub(super) struct Remembered<T> {
    pub(super) claims: Claims<T>,
    /// Weak: a removed issuer's engine must not live on in here.
    issuer: Weak<TrustedIssuer>,
    pub(super) kid: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) signed: Signed,
    /// The last set in which that key was found to be the one to choose.
    pub(super) generation: AtomicU64,
    pub(super) times: Times,
    weight: u64,
}

impl<T> Remembered<T> {
    /// Whether it is this issuer that the token was held against, and not one of the same name that came after it.
    pub(super) fn is_of(&self, issuer: &Arc<TrustedIssuer>) -> bool {
        std::ptr::eq(self.issuer.as_ptr(), Arc::as_ptr(issuer))
    }
}

/// What is learnt of a token on its whole way.
pub(super) struct Learnt<'a, T> {
    pub(super) claims: &'a Claims<T>,
    pub(super) issuer: &'a Arc<TrustedIssuer>,
    pub(super) kid: Option<&'a str>,
    pub(super) algorithm: Algorithm,
    pub(super) signed: Signed,
    pub(super) times: Times,
}

impl<T> Memory<T> {
    pub(super) fn new(room: Room) -> Self {
        let tokens = usize::try_from(room.tokens).unwrap_or(usize::MAX);
        Self {
            cache: Cache::with(tokens, room.bytes, Weigh, RandomState::new(), Default::default()),
            least: room.bytes.div_ceil(room.tokens.max(1)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(super) fn find(&self, token: &BearerToken) -> Option<Arc<Remembered<T>>> {
        self.cache.get(&Wanted(token.as_str().as_bytes()))
    }

    /// A request has looked, and was answered or not.
    pub(super) fn count(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forget(&self, token: &BearerToken) {
        self.cache.remove(&Wanted(token.as_str().as_bytes()));
    }

    pub(super) fn keep(&self, token: &BearerToken, learnt: Learnt<'_, T>) {
        let bytes = token.as_str().as_bytes();
        let weight = FIXED_WEIGHT + bytes.len() as u64 + learnt.claims.principal().weight();
        let remembered = Remembered {
            claims: learnt.claims.clone(),
            issuer: Arc::downgrade(learnt.issuer),
            kid: learnt.kid.map(Into::into),
            algorithm: learnt.algorithm,
            generation: AtomicU64::new(learnt.signed.generation),
            signed: learnt.signed,
            times: learnt.times,
            weight: weight.max(self.least),
        };
        self.cache.insert(Token(Zeroizing::new(bytes.into())), Arc::new(remembered));
    }

    pub(super) fn look(&self) -> MemoryStatus {
        let hits = self.hits.load(Ordering::Relaxed);
        MemoryStatus {
            tokens: self.cache.len() as u64,
            bytes: self.cache.weight(),
            hits,
            lookups: hits + self.misses.load(Ordering::Relaxed),
        }
    }
}

/// A remembered token's bytes, wiped when it is forgotten.
struct Token(Zeroizing<Box<[u8]>>);

/// The same, as a request brings it.
struct Wanted<'a>(&'a [u8]);

/// Equality is on the whole token; the hash reads the end of the signature alone, which nobody can choose and be believed.
/// It is keyed at random for each process.
fn hash_end<H: Hasher>(token: &[u8], state: &mut H) {
    state.write(token.get(token.len().saturating_sub(32)..).unwrap_or(token));
}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(&self.0, state);
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Token {}

impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.0, state);
    }
}

impl Equivalent<Token> for Wanted<'_> {
    fn equivalent(&self, token: &Token) -> bool {
        *self.0 == **token.0
    }
}

#[derive(Clone)]
struct Weigh;

impl<T> Weighter<Token, Arc<Remembered<T>>> for Weigh {
    fn weight(&self, _: &Token, remembered: &Arc<Remembered<T>>) -> u64 {
        remembered.weight
    }
}

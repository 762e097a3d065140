//! Tokens that have verified: their next use costs no signature check.
//!
//! The rule that makes this safe: with the memory or without it, every answer is the same. So a hit is no answer yet. It
//! says which key the token was signed by and what it says of time, and [`Verifier`](super::Verifier) asks again
//! whether its issuer is trusted, whether that key is the one that would be chosen now, and what time it is. Where any of it
//! does not hold, the token goes the whole way, and that way names the reason.

use super::{
    MemoryStatus,
    counts::Counts,
    hash::{Keyed, hash_end},
    rules::Times,
    steps::Signed,
};
use crate::{
    claims::Claims,
    issuer::{Chosen, TrustedIssuer},
    keys::Algorithm,
    token::BearerToken,
};
use quick_cache::{Equivalent, Weighter, sync::Cache};
use std::{
    hash::{Hash, Hasher},
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
    cache: Cache<Token, Arc<Remembered<T>>, Weigh, Keyed>,
    /// Each token weighs at least this, so that the bound in bytes is one in tokens, too.
    least: u64,
    counts: Counts,
}

/// A token that verified, and what that rested on. What each hit asks stands first, in one or two cache lines.
#[repr(C)]
pub(super) struct Remembered<T> {
    pub(super) claims: Claims<T>,
    /// Weak: a removed issuer's engine must not live on in here.
    issuer: Weak<TrustedIssuer>,
    /// The list of issuers in which its own was found last, where that one's keys are fixed: as long as it is the same, time
    /// alone decides. 0 where there is more to ask.
    settled: AtomicU64,
    /// The last set in which that key was found to be the one to choose.
    pub(super) generation: AtomicU64,
    pub(super) times: Times,
    /// Under which of its identifiers the issuer is in the token.
    pub(super) iss: Arc<str>,
    pub(super) signed: Signed,
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Box<str>>,
    weight: u64,
}

impl<T> Remembered<T> {
    /// Whether it is this issuer that the token was held against, and not one of the same name that came after it.
    pub(super) fn is_of(&self, issuer: &Arc<TrustedIssuer>) -> bool {
        std::ptr::eq(self.issuer.as_ptr(), Arc::as_ptr(issuer))
    }

    /// Whether nothing has changed since it was settled, and nothing but time can.
    pub(super) fn is_settled(&self, version: u64) -> bool {
        self.settled.load(Ordering::Relaxed) == version
    }

    /// Its issuer was found in the list that was read after this version was.
    pub(super) fn settle(&self, chosen: &Chosen, version: u64) {
        if chosen.is_fixed() {
            self.settled.store(version, Ordering::Relaxed);
        }
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
            cache: Cache::with(tokens, room.bytes, Weigh, Keyed::new(), Default::default()),
            least: room.bytes.div_ceil(room.tokens.max(1)),
            counts: Counts::default(),
        }
    }

    /// What is known of these bytes, whoever sent them: they are a token only if they are all found here.
    pub(super) fn find(&self, sent: &[u8]) -> Option<Arc<Remembered<T>>> {
        self.cache.get(&Wanted(sent))
    }

    /// A request has looked, and was answered or not.
    pub(super) fn count(&self, hit: bool) {
        self.counts.count(hit);
    }

    pub(super) fn forget(&self, sent: &[u8]) {
        self.cache.remove(&Wanted(sent));
    }

    pub(super) fn keep(&self, token: &BearerToken, learnt: Learnt<'_, T>) {
        // It has verified, so its issuer knows the name that it bears.
        let Some(iss) = learnt.issuer.identifier(learnt.claims.issuer()) else { return };
        let bytes = token.as_bytes();
        let weight = FIXED_WEIGHT + bytes.len() as u64 + learnt.claims.principal().weight();
        let remembered = Remembered {
            claims: learnt.claims.clone(),
            issuer: Arc::downgrade(learnt.issuer),
            iss: Arc::clone(iss),
            settled: AtomicU64::new(0),
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
        let (hits, lookups) = self.counts.sum();
        MemoryStatus { tokens: self.cache.len() as u64, bytes: self.cache.weight(), hits, lookups }
    }
}

/// A remembered token's bytes; equality is on all of them, the hash reads their end. Wiped when it is forgotten.
struct Token(Zeroizing<Box<[u8]>>);

/// The same, as a request brings it.
struct Wanted<'a>(&'a [u8]);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_one_only_byte_by_byte() {
        let token = |bytes: &[u8]| Token(Zeroizing::new(bytes.into()));
        assert!(token(b"a.b.c") == token(b"a.b.c"));
        assert!(token(b"a.b.c") != token(b"x.b.c"));
        assert!(Wanted(b"a.b.c").equivalent(&token(b"a.b.c")));
        assert!(!Wanted(b"x.b.c").equivalent(&token(b"a.b.c")));
    }
}

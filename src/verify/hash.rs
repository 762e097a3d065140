//! The hash under which tokens are remembered: of the last sixteen characters, keyed at random for each process.
//!
//! It may be simple, because of what it need not withstand:
//!
//! 1. Only tokens that have verified are kept, and their last sixteen characters are 96 bits of a good signature. Nobody
//!    chooses those without the issuer's key; who can have many tokens issued can only take what comes.
//! 2. Equality is on the whole token. Whoever sends a known end with another beginning has found an entry to be compared
//!    with, and nothing else.
//! 3. The keys are not known outside, so that nobody can sort his tokens by where they would lie.
//!
//! The mixing is one multiplication of 64 by 64 bits whose halves are joined, as wyhash and foldhash do it.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers with this process's keys.
#[derive(Clone)]
pub(super) struct Keyed {
    keys: [u64; 2],
}

pub(super) struct EndHasher {
    keys: [u64; 2],
    state: u64,
}

impl Keyed {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self { keys: [1, 2].map(|number: u64| random.hash_one(number)) }
    }
}

impl BuildHasher for Keyed {
    type Hasher = EndHasher;

    fn build_hasher(&self) -> EndHasher {
        EndHasher { keys: self.keys, state: 0 }
    }
}

impl Hasher for EndHasher {
    fn write_u128(&mut self, end: u128) {
        let [first, second] = self.keys;
        let (high, low) = ((end >> 64) as u64, end as u64);
        let product = u128::from(high ^ first) * u128::from(low ^ second);
        self.state = (product >> 64) as u64 ^ product as u64;
    }

    /// Nothing that is hashed here comes this way.
    fn write(&mut self, bytes: &[u8]) {
        hash_end(bytes, self);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

/// Hashes the end of a token. What is shorter than that is no token, and none of its kind is ever kept.
pub(super) fn hash_end<H: Hasher>(token: &[u8], state: &mut H) {
    state.write_u128(token.last_chunk().map_or(0, |end| u128::from_le_bytes(*end)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn hash(keyed: &Keyed, token: &[u8]) -> u64 {
        let mut hasher = keyed.build_hasher();
        hash_end(token, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn another_process_hashes_otherwise() {
        let token = b"eyJ.eyJ.c2lnbmF0dXJlLWJ5dGVz";
        assert_ne!(hash(&Keyed::new(), token), hash(&Keyed::new(), token));
    }

    #[test]
    fn each_character_of_the_end_counts_and_spreads_over_both_ends_of_the_hash() {
        let keyed = Keyed::new();
        let (mut high, mut low) = (HashSet::new(), HashSet::new());
        for at in 0..16 {
            for byte in b'A'..=b'Z' {
                let mut token = *b"a.b.0123456789abcdef";
                token[4 + at] = byte;
                let hash = hash(&keyed, &token);
                high.insert(hash >> 44);
                low.insert(hash & 0xf_ffff);
            }
        }
        // 416 among 2^20: about 0.1 of a pair is expected to share a place.
        assert!(high.len() > 400 && low.len() > 400, "{} and {}", high.len(), low.len());
    }

    #[test]
    fn what_is_shorter_than_the_end_has_a_hash_too() {
        let keyed = Keyed::new();
        assert_eq!(hash(&keyed, b""), hash(&keyed, b"a.b.c"));
    }
}

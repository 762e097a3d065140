use super::*;
use crate::{keys::KeySet, testing::signing::SigningKey};
use Algorithm::{HS256, HS384, HS512};

fn all() -> impl Iterator<Item = Algorithm> {
    Algorithm::ASYMMETRIC.iter().copied().chain([HS256, HS384, HS512])
}

#[test]
fn each_algorithm_verifies_its_own_signature_and_nothing_near_it() {
    for alg in all() {
        let signer = SigningKey::generate(alg);
        let key = signer.verification_key("a");
        let good = signer.sign(b"message");
        assert!(verify(&key, alg, b"message", &good), "{alg}");
        assert!(!verify(&key, alg, b"massage", &good), "{alg}: another message");
        assert!(
            !verify(&SigningKey::generate(alg).verification_key("a"), alg, b"message", &good),
            "{alg}: key"
        );
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let longer = [&good[..], &[0]].concat();
        let prefixed = [&[0], &good[..]].concat();
        let zeros = vec![0; good.len()];
        for (name, bad) in [
            ("flipped", &flipped[..]),
            ("shorter", &good[1..]),
            ("cut", &good[..good.len() - 1]),
            ("longer", &longer),
            ("prefixed", &prefixed),
            ("zeros", &zeros),
            ("empty", &[]),
        ] {
            assert!(!verify(&key, alg, b"message", bad), "{alg}: {name}");
        }
        for other in all().filter(|other| *other != alg) {
            assert!(!verify(&key, other, b"message", &good), "{alg} as {other}");
        }
    }
}

#[test]
fn a_der_signature_of_ecdsa_is_refused() {
    let key = SigningKey::generate(Algorithm::ES256).verification_key("a");
    let der = [&[0x30, 0x44, 0x02, 0x20], &[1; 32][..], &[0x02, 0x20], &[1; 32]].concat();
    assert!(!verify(&key, Algorithm::ES256, b"message", &der));
}

#[test]
fn pem_and_jwk_of_one_key_are_the_same_material() {
    for alg in all() {
        let signer = SigningKey::generate(alg);
        let Some(pem) = signer.public_pem() else {
            assert!(alg.is_symmetric());
            continue;
        };
        let from_pem = Key::from_pem(&pem).unwrap();
        assert!(from_pem.same_material(&signer.verification_key("a")), "{alg}");
        assert!(verify(&from_pem, alg, b"message", &signer.sign(b"message")), "{alg}");
        assert_eq!(KeySet::from_pem(&pem.repeat(2)).map(|set| set.len()), Ok(1), "{alg}");
    }
}

use crate::{
    keys::{Algorithm, Key, key::second},
    verify::signature,
};

/// A JWK (or else a secret) on the first line, a message on the second, and a signature in what follows: both backends
/// take the key, or neither does, and they say the same of the signature. Whether any algorithm verified it.
pub fn backends(data: &[u8]) -> bool {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (Some(key), Some(message), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let keys = match std::str::from_utf8(key).ok().and_then(|jwk| Some((jwk, second::take(jwk)?))) {
        Some((jwk, (first, second))) => {
            assert_eq!(first, second, "the backends take the same keys: {jwk}");
            Key::from_jwk(jwk).into_iter().collect()
        }
        None => secrets(key),
    };
    keys.iter().any(|key| key.algorithms().any(|alg| agree(key, alg, message, signature)))
}

fn secrets(secret: &[u8]) -> Vec<Key> {
    let algorithms = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    algorithms.into_iter().filter_map(|alg| Key::from_secret(secret, alg).ok()).collect()
}

fn agree(key: &Key, alg: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let first = signature::verify(key, alg, message, signature);
    let second = signature::second::verify(key, alg, message, signature);
    assert_eq!(second, Ok(first), "{alg}: AWS-LC says {first}");
    first
}

/// Where the fuzzer's corpus begins: a good signature of each algorithm, and what is nearly one.
#[cfg(test)]
mod tests {
    use super::backends;
    use crate::{keys::Algorithm, testing::signing::SigningKey};

    fn input(key: &[u8], message: &[u8], signature: &[u8]) -> Vec<u8> {
        [key, message, signature].join(&b'\n')
    }

    fn inputs() -> Vec<(String, bool, Vec<u8>)> {
        let mut inputs = Vec::new();
        let hmac = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        for alg in Algorithm::ASYMMETRIC.iter().copied().chain(hmac) {
            let signer = std::iter::repeat_with(|| SigningKey::generate(alg))
                // A secret stands on a line of its own.
                .find(|signer| !signer.secret().is_some_and(|secret| secret.contains(&b'\n')))
                .unwrap();
            let jwk = serde_json::Value::Object(signer.public_jwk("a")).to_string().into_bytes();
            let key = signer.secret().unwrap_or(jwk);
            let good = signer.sign(b"message");
            let mut flipped = good.clone();
            *flipped.last_mut().unwrap() ^= 1;
            let (first, second) = good.split_at(good.len() / 2);
            for (name, passes, signature) in [
                ("good", true, good.clone()),
                ("flipped", false, flipped),
                ("cut", false, good[..good.len() - 1].to_vec()),
                ("longer", false, [&good[..], &[0]].concat()),
                ("prefixed", false, [&[0], &good[..]].concat()),
                ("zeros", false, vec![0; good.len()]),
                ("ones", false, vec![0xFF; good.len()]),
                ("swapped", false, [second, first].concat()),
                ("zero r", false, [&vec![0; first.len()], second].concat()),
                ("zero s", false, [first, &vec![0; second.len()]].concat()),
            ] {
                inputs.push((format!("{alg} {name}"), passes, input(&key, b"message", &signature)));
            }
        }
        inputs
    }

    #[test]
    fn the_backends_agree_on_good_signatures_and_on_what_is_nearly_one() {
        for (name, passes, data) in inputs() {
            assert_eq!(backends(&data), passes, "{name}");
        }
    }

    #[test]
    #[ignore = "writes the corpus of fuzz/ anew"]
    fn the_corpus_is_written() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/backends");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, _, data) in inputs() {
            std::fs::write(folder.join(format!("seed-{}", name.replace(' ', "-"))), data).unwrap();
        }
    }
}

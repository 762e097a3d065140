//! The rules that a key is held to when it is read: every `KeyError`, with the neighbour that is taken.

use super::{decode, encode};
use serde_json::{Value, json};
use tower_bearer::{
    keys::{Algorithm, Key, KeyError, KeySet},
    testing::TestIssuer,
};

/// RFC 8037 appendix A.2.
fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// RFC 7517 appendix A.1.
fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

fn rsa() -> Value {
    json!({"kty": "RSA", "n": encode([0xFF; 256]), "e": "AQAB"})
}

/// The error of the JWK with one member set; `None` if it is taken.
fn refused(mut jwk: Value, name: &str, value: Value) -> Option<KeyError> {
    jwk[name] = value;
    Key::from_jwk(&jwk.to_string()).err()
}

#[track_caller]
fn assert_refused(error: KeyError, table: impl IntoIterator<Item = (Value, &'static str, Value)>) {
    for (jwk, name, value) in table {
        let said = format!("{} {name} {value}", jwk["kty"]);
        assert_eq!(refused(jwk.clone(), name, value), Some(error), "{said}");
        assert!(Key::from_jwk(&jwk.to_string()).is_ok(), "{said}: as it was");
        // The same through a set: skipped and counted, and the rest is taken.
        let mut bad = jwk.clone();
        bad[name] = json!(null);
        let set = json!({"keys": [bad, jwk]});
        assert_eq!(KeySet::from_json(set.to_string()).unwrap().len(), 1, "{said}");
    }
}

#[test]
fn jwk_malformed_is_no_object_with_the_members_of_its_kty() {
    for text in ["", "null", "[]", "{}", "{", r#"{"kty":"RSA"}"#, r#"{"kty":"OKP","crv":"Ed25519"}"#] {
        assert_eq!(Key::from_jwk(text).err(), Some(KeyError::JwkMalformed), "{text}");
    }
    assert_refused(
        KeyError::JwkMalformed,
        [
            (ed25519(), "x", json!(1)),
            (p256(), "y", json!(null)),
            (rsa(), "e", json!(65537)),
            (rsa(), "kid", json!(["a"])),
            (rsa(), "use", json!(["sig"])),
            (rsa(), "key_ops", json!("verify")),
            (rsa(), "key_ops", json!([1])),
            (rsa(), "alg", json!(null)),
        ],
    );
}

#[test]
fn jwk_duplicate_member_is_refused_also_by_an_escaped_name() {
    let jwk = ed25519().to_string();
    for twice in [r#""kty":"OKP""#, r#""\u006bty":"OKP""#, r#""ext":1,"ext":1"#] {
        let bad = jwk.replacen('{', &format!("{{{twice},"), 1);
        assert_eq!(Key::from_jwk(&bad).err(), Some(KeyError::JwkDuplicateMember), "{bad}");
        let set = KeySet::from_json(format!(r#"{{"keys":[{bad},{jwk}]}}"#)).unwrap();
        assert_eq!(
            set.skipped().map(|skipped| skipped.error()).collect::<Vec<_>>(),
            [KeyError::JwkDuplicateMember]
        );
        assert_eq!(set.len(), 1);
    }
}

#[test]
fn jwk_base64_is_not_canonical() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    assert_refused(
        KeyError::JwkBase64,
        [
            (ed25519(), "x", json!(format!("{x}="))),
            (ed25519(), "x", json!(x.replace("URo", "URp"))),
            (ed25519(), "x", json!(x.replace('_', "/"))),
            (ed25519(), "x", json!(format!("{x}\n"))),
            (rsa(), "e", json!("AQAB ")),
            (rsa(), "n", json!("+/+/")),
        ],
    );
}

#[test]
fn private_member_is_refused_whatever_it_holds() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        for jwk in [rsa(), p256(), ed25519()] {
            assert_refused(
                KeyError::PrivateMember,
                [(jwk.clone(), name, json!("AQ")), (jwk, name, json!([]))],
            );
        }
    }
}

#[test]
fn symmetric_key_is_refused_in_every_disguise() {
    assert_refused(
        KeyError::SymmetricKey,
        [(rsa(), "kty", json!("oct")), (rsa(), "k", json!("AQ")), (p256(), "k", json!(null))],
    );
    let oct = json!({"kty": "oct", "k": encode([7; 64]), "alg": "HS256"});
    assert_eq!(Key::from_jwk(&oct.to_string()).err(), Some(KeyError::SymmetricKey));
}

#[test]
fn kty_unsupported_is_whatever_is_not_rsa_ec_or_okp() {
    assert_refused(
        KeyError::KtyUnsupported,
        ["rsa", "", "AKP", "RSA "].map(|kty| (rsa(), "kty", json!(kty))),
    );
    let x25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAqlvsjD+ERFB7v+7HYQQDdT4hb/wqSko6pzsJdkSLWGc=\n-----END PUBLIC KEY-----\n";
    assert_eq!(Key::from_pem(x25519).err(), Some(KeyError::KtyUnsupported));
}

#[test]
fn use_not_sig_is_refused() {
    assert_refused(KeyError::UseNotSig, ["enc", "SIG", "", "sig "].map(|usage| (rsa(), "use", json!(usage))));
    assert_eq!(refused(rsa(), "use", json!("sig")), None);
}

#[test]
fn key_ops_without_verify_are_refused() {
    assert_refused(
        KeyError::KeyOpsWithoutVerify,
        [json!([]), json!(["sign"]), json!(["VERIFY"]), json!(["encrypt", "wrapKey"])]
            .map(|operations| (rsa(), "key_ops", operations)),
    );
    assert_eq!(refused(rsa(), "key_ops", json!(["verify"])), None);
}

#[test]
fn key_ops_duplicate_is_refused() {
    assert_refused(
        KeyError::KeyOpsDuplicate,
        [json!(["verify", "verify"]), json!(["verify", "sign", "sign"])]
            .map(|operations| (rsa(), "key_ops", operations)),
    );
    assert_eq!(refused(rsa(), "key_ops", json!(["verify", "sign"])), None);
}

#[test]
fn use_and_key_ops_differ_where_both_are_there_and_contradict_each_other() {
    let mut with_use = rsa();
    with_use["use"] = json!("sig");
    assert_refused(
        KeyError::UseAndKeyOpsDiffer,
        [json!(["verify", "encrypt"]), json!(["deriveKey", "verify"])]
            .map(|operations| (with_use.clone(), "key_ops", operations)),
    );
    assert_eq!(refused(with_use, "key_ops", json!(["sign", "verify"])), None);
    assert_eq!(refused(rsa(), "key_ops", json!(["verify", "encrypt"])), None);
}

#[test]
fn alg_unknown_is_none_and_whatever_signs_nothing() {
    assert_refused(
        KeyError::AlgUnknown,
        ["none", "", "rs256", "RSA-OAEP", "ES256K", "RS1", "ECDH-ES"].map(|alg| (rsa(), "alg", json!(alg))),
    );
}

#[test]
fn alg_does_not_fit_the_type_or_the_curve() {
    assert_refused(
        KeyError::AlgDoesNotFit,
        [
            (rsa(), "alg", json!("ES256")),
            (rsa(), "alg", json!("HS256")),
            (rsa(), "alg", json!("EdDSA")),
            (p256(), "alg", json!("ES384")),
            (p256(), "alg", json!("ES512")),
            (p256(), "alg", json!("RS256")),
            (ed25519(), "alg", json!("ES256")),
            (ed25519(), "alg", json!("HS512")),
        ],
    );
    for (jwk, alg) in [(rsa(), "PS512"), (p256(), "ES256"), (ed25519(), "EdDSA"), (ed25519(), "Ed25519")] {
        assert_eq!(refused(jwk, "alg", json!(alg)), None, "{alg}");
    }
    let secret = Key::from_secret(&[7; 64], Algorithm::RS256).err();
    assert_eq!(secret, Some(KeyError::AlgDoesNotFit));
}

fn modulus(bits: usize) -> Value {
    let mut n = vec![0xFF; bits.div_ceil(8)];
    n[0] >>= n.len() * 8 - bits;
    json!(encode(n))
}

#[test]
fn rsa_too_small_is_below_2048_bits() {
    assert_refused(KeyError::RsaTooSmall, [512, 1024, 2040, 2047].map(|bits| (rsa(), "n", modulus(bits))));
    assert_eq!(refused(rsa(), "n", modulus(2048)), None);
    let padded = [vec![0], vec![0xFF; 255]].concat();
    assert_refused(KeyError::RsaTooSmall, [(rsa(), "n", json!(encode(padded)))]);
}

#[test]
fn rsa_too_large_is_above_8192_bits() {
    assert_refused(KeyError::RsaTooLarge, [8193, 8200, 16384].map(|bits| (rsa(), "n", modulus(bits))));
    assert_eq!(refused(rsa(), "n", modulus(8192)), None);
}

#[test]
fn rsa_modulus_even_is_no_product_of_odd_primes() {
    let mut even = vec![0xFF; 256];
    even[255] = 0xFE;
    assert_refused(KeyError::RsaModulusEven, [(rsa(), "n", json!(encode(&even)))]);
    even[255] = 0xFD;
    assert_eq!(refused(rsa(), "n", json!(encode(even))), None);
}

#[test]
fn rsa_roca_is_the_fingerprint_of_a_broken_generator() {
    // 65537¹²⁸: a power of 65537 modulo every prime.
    let power = "AQCAH8U2ItemOdvAuh3CYd6meB6-F3qiRRF_kOTYh4wfVcOe0wxKYEIqcck0X_dMh27LcJUNm1cegMcsHuwVfrLmYD4E6AbrGDnRVwNR2ezupy-nrIS3sMXn64KRT6BZ0pZ2SLnY8c3cq0Zmhx4fF6nLVStlpsZmBwj9tuOK5ipNMK9HkcQj44dOFrvbyw4fVO1NUjBaT4RyJ0sNqSF3jiQWNms6QqIwD2xOFvDBWDAr3qu5K6uDynfvQqlIfwfk5QHlZ3OBqDFHg56I7-TQvnnoE-OqWNK8wVBbJ0LYOJQnGzd-s_EIm0g3RquiJYE0Hm7FzQT3IsflNYAfwACAAAE";
    assert_refused(KeyError::RsaRoca, [(rsa(), "n", json!(power))]);
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::RS256);
    let pem = issuer.public_pem(Algorithm::RS256).unwrap();
    assert!(Key::from_pem(&pem).is_ok(), "a key of a sound generator");
}

#[test]
fn rsa_exponent_is_odd_at_least_3_and_at_most_33_bits() {
    assert_refused(
        KeyError::RsaExponent,
        ["", "AA", "AQ", "Ag", "BA", "AQAA", "BAAAAAE", "AQAAAAAAAAAB"].map(|e| (rsa(), "e", json!(e))),
    );
    for good in ["Aw", "AQAB", "AAEAAQ", "AQAAAAE"] {
        assert_eq!(refused(rsa(), "e", json!(good)), None, "{good}");
    }
}

#[test]
fn curve_unsupported_is_secp256k1_ed448_or_a_curve_of_another_kty() {
    assert_refused(
        KeyError::CurveUnsupported,
        [
            (p256(), "crv", json!("secp256k1")),
            (p256(), "crv", json!("P-192")),
            (p256(), "crv", json!("p-256")),
            (p256(), "crv", json!("Ed25519")),
            (ed25519(), "crv", json!("Ed448")),
            (ed25519(), "crv", json!("X25519")),
            (ed25519(), "crv", json!("P-256")),
            (ed25519(), "crv", json!("")),
        ],
    );
    let secp256k1 = "-----BEGIN PUBLIC KEY-----\nMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEzvBb0i3svyHYAIleGpmfDhm51MeNlM69\nYMrDmRBslWSQulZiu/YhRPFv/bHQ9O8ynJPiDS2Bdfr0kd/tx9MRqA==\n-----END PUBLIC KEY-----\n";
    assert_eq!(Key::from_pem(secp256k1).err(), Some(KeyError::CurveUnsupported));
}

#[test]
fn point_length_is_that_of_the_field() {
    let x = decode(p256()["x"].as_str().unwrap());
    let longer = [&[0], &x[..]].concat();
    assert_refused(
        KeyError::PointLength,
        [
            (p256(), "x", json!(encode(&x[1..]))),
            (p256(), "x", json!(encode(longer))),
            (p256(), "y", json!("")),
            (p256(), "crv", json!("P-384")),
            (p256(), "crv", json!("P-521")),
            (ed25519(), "x", json!(encode([7; 31]))),
            (ed25519(), "x", json!(encode([7; 33]))),
            (ed25519(), "x", json!("")),
        ],
    );
    let compressed = "-----BEGIN PUBLIC KEY-----\nMDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADWVdlqhG/mdQigEH6FVpyVfg8e5Eg\ngrJwhWIImzZwRIk=\n-----END PUBLIC KEY-----\n";
    assert_eq!(Key::from_pem(compressed).err(), Some(KeyError::PointLength), "a compressed point");
}

#[test]
fn point_not_on_curve_is_refused_also_when_it_is_not_canonical() {
    let little = |first: u8, rest: u8, last: u8| {
        let mut y = [rest; 32];
        (y[0], y[31]) = (first, last);
        json!(encode(y))
    };
    assert_refused(
        KeyError::PointNotOnCurve,
        [
            (p256(), "x", p256()["y"].clone()),
            (p256(), "x", json!(encode([0; 32]))),
            (p256(), "x", json!(encode([0xFF; 32]))),
            // y = 2 is on no point; y = p + 3 is y = 3, written another way (RFC 8032 section 5.1.3).
            (ed25519(), "x", little(2, 0, 0)),
            (ed25519(), "x", little(0xF0, 0xFF, 0x7F)),
        ],
    );
    assert_eq!(refused(ed25519(), "x", little(3, 0, 0)), None);
}

#[test]
fn point_small_order_would_fit_any_signature() {
    let table = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for hex in table {
        let bytes: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let refused = refused(ed25519(), "x", json!(encode(bytes)));
        assert_eq!(refused, Some(KeyError::PointSmallOrder), "{hex}");
    }
    assert!(Key::from_jwk(&ed25519().to_string()).is_ok());
}

#[test]
fn secret_too_short_is_below_the_length_of_the_hash() {
    for (algorithm, least) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        for short in [0, 1, 16, least - 1] {
            let error = Key::from_secret(&vec![7; short], algorithm).err();
            assert_eq!(error, Some(KeyError::SecretTooShort), "{algorithm} {short}");
        }
        assert!(Key::from_secret(&vec![7; least], algorithm).is_ok(), "{algorithm}");
    }
}

#[cfg(feature = "jsonwebtoken")]
#[test]
fn secret_without_algorithm_is_refused_when_jsonwebtoken_hands_it_over() {
    let secret = jsonwebtoken::DecodingKey::from_secret(&[7; 64]);
    assert_eq!(Key::try_from(&secret).err(), Some(KeyError::SecretWithoutAlgorithm));
    let issuer = TestIssuer::new();
    let pem = issuer.public_pem(Algorithm::ES256).unwrap();
    let public = jsonwebtoken::DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    assert!(Key::try_from(&public).is_ok());
}

fn public_pem() -> String {
    TestIssuer::new().public_pem(Algorithm::ES256).unwrap()
}

#[test]
fn pem_malformed_is_no_block_or_broken_der() {
    let good = public_pem();
    let broken = good.replacen("MF", "AA", 1);
    assert_ne!(broken, good);
    let cut = &good[..good.len() - 30];
    for bad in [
        "",
        "key",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN SOMETHING-----\nAAAA\n-----END SOMETHING-----\n",
        &broken,
        cut,
    ] {
        assert_eq!(Key::from_pem(bad).err(), Some(KeyError::PemMalformed), "{bad}");
    }
    assert!(Key::from_pem(&format!("a word before\n{good}and after\n")).is_ok());
}

#[test]
fn pem_several_blocks_are_for_a_set() {
    let two = public_pem() + &public_pem();
    assert_eq!(Key::from_pem(&two).err(), Some(KeyError::PemSeveralBlocks));
    assert_eq!(KeySet::from_pem(&two).unwrap().len(), 2);
}

#[test]
fn pem_private_key_is_refused_by_its_label() {
    for label in
        ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"]
    {
        let pem = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert_eq!(Key::from_pem(&pem).err(), Some(KeyError::PemPrivateKey), "{label}");
        let set = KeySet::from_pem(&(pem + &public_pem())).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (1, 1), "{label}");
    }
}

#[test]
fn pem_certificate_is_refused_by_its_label() {
    for label in ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"] {
        let pem = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        assert_eq!(Key::from_pem(&pem).err(), Some(KeyError::PemCertificate), "{label}");
    }
    assert!(Key::from_pem(&public_pem()).is_ok());
}

/// Our own rules are the stricter ones: whatever stands at their edge, the signature library takes as well.
#[test]
fn backend_refused_is_never_said_at_the_edges_of_our_own_rules() {
    for bits in [2048, 2049, 3071, 4096, 8191, 8192] {
        for e in ["Aw", "AQAB", "AQAAAAE", "Af____8"] {
            let jwk = json!({"kty": "RSA", "n": modulus(bits), "e": e});
            assert_ne!(Key::from_jwk(&jwk.to_string()).err(), Some(KeyError::BackendRefused), "{bits} {e}");
        }
    }
    for y in 0..=255u8 {
        let mut point = [0; 32];
        point[0] = y;
        let refused = refused(ed25519(), "x", json!(encode(point)));
        assert_ne!(refused, Some(KeyError::BackendRefused), "{y}");
    }
}

#[test]
fn no_error_shows_a_part_of_the_key() {
    for error in KeyError::ALL {
        let jwk = json!({"kty": "oct", "k": "c2VjcmV0"}).to_string();
        let shown = format!("{error} {error:?} {:?}", KeySet::from_json(format!(r#"{{"keys":[{jwk}]}}"#)));
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }
}

use super::*;
use Algorithm::{ES256, EdDSA, HS256, HS384, HS512, PS512, RS256, RS512};

const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

fn rsa(alg: Option<&str>) -> Key {
    let mut jwk = serde_json::json!({"kty": "RSA", "n": json::encode_base64url(&[0xFF; 256]), "e": "AQAB"});
    if let Some(alg) = alg {
        jwk["alg"] = alg.into();
    }
    Key::from_jwk(&jwk.to_string()).unwrap()
}

#[test]
fn a_point_off_its_curve_is_refused() {
    let moved = P256.replace("FyM\"", "FyQ\"");
    assert_ne!(moved, P256);
    assert_eq!(Key::from_jwk(&moved).unwrap_err(), KeyError::PointNotOnCurve);
    for (crv, len) in [("P-256", 32), ("P-384", 48), ("P-521", 66)] {
        for fill in [0, 1, 0xFF] {
            let x = json::encode_base64url(&vec![fill; len]);
            let jwk = format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{x}"}}"#);
            assert_eq!(Key::from_jwk(&jwk).unwrap_err(), KeyError::PointNotOnCurve, "{crv} {fill}");
        }
    }
}

#[test]
fn rsa_without_alg_fits_six_algorithms_and_with_it_one() {
    assert_eq!(rsa(None).algorithms().count(), 6);
    assert!(rsa(None).fits(PS512) && !rsa(None).fits(ES256) && !rsa(None).fits(HS256));
    let bound = rsa(Some("RS256"));
    assert_eq!(bound.algorithms().collect::<Vec<_>>(), [RS256]);
    assert!(bound.fits(RS256) && !bound.fits(RS512));
    assert!(bound.prepared(RS512).is_none());
}

#[test]
fn binding_narrows_and_never_widens() {
    let bound = rsa(None).with_algorithm(RS512).unwrap();
    assert_eq!(bound.algorithms().collect::<Vec<_>>(), [RS512]);
    assert_eq!(bound.with_algorithm(RS256).unwrap_err(), KeyError::AlgDoesNotFit);
    assert_eq!(rsa(None).with_algorithm(HS256).unwrap_err(), KeyError::AlgDoesNotFit);
}

#[test]
fn a_secret_serves_its_own_algorithm_only() {
    let key = Key::from_secret(&[7; 64], HS384).unwrap();
    assert!(
        key.is_symmetric() && key.fits(HS384) && !key.fits(HS256) && !key.fits(HS512) && !key.fits(RS256)
    );
    assert_eq!(key.thumbprint(), None);
    assert_eq!(Key::from_secret(&[], HS256).unwrap_err(), KeyError::SecretTooShort);
    assert_eq!(Key::from_secret(&[7; 64], EdDSA).unwrap_err(), KeyError::AlgDoesNotFit);
}

#[test]
fn debug_shows_what_a_key_is_for_and_never_what_it_is() {
    let key = Key::from_secret(&[0xAB; 32], HS256).unwrap().with_kid("k1");
    assert_eq!(format!("{key:?}"), r#"Key { kid: Some("k1"), kty: "oct", algorithms: [HS256], .. }"#);
    let key = Key::from_jwk(ED25519).unwrap();
    assert_eq!(format!("{key:?}"), r#"Key { kid: Some("a"), kty: "OKP", algorithms: [EdDSA], .. }"#);
}

#[test]
fn the_same_material_is_recognised_under_another_kid_and_alg() {
    assert!(rsa(None).same_material(&rsa(Some("RS256")).with_kid("other")));
    assert!(!rsa(None).same_material(&Key::from_jwk(ED25519).unwrap()));
}

#[test]
fn only_65537_is_the_common_exponent() {
    assert!(rsa(None).has_common_exponent());
    assert!(Key::from_jwk(ED25519).unwrap().has_common_exponent());
    let jwk = format!(r#"{{"kty":"RSA","n":"{}","e":"Aw"}}"#, json::encode_base64url(&[0xFF; 256]));
    assert!(!Key::from_jwk(&jwk).unwrap().has_common_exponent());
}

#[test]
fn what_is_no_public_key_in_pem_is_refused_with_its_own_error() {
    let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let table = [
        ("nothing", String::new(), KeyError::PemMalformed),
        ("no PEM", "hello".into(), KeyError::PemMalformed),
        ("PKCS#8", block("PRIVATE KEY", "AAAA"), KeyError::PemPrivateKey),
        ("PKCS#1 private", block("RSA PRIVATE KEY", "AAAA"), KeyError::PemPrivateKey),
        ("SEC 1 private", block("EC PRIVATE KEY", "AAAA"), KeyError::PemPrivateKey),
        ("encrypted", block("ENCRYPTED PRIVATE KEY", "AAAA"), KeyError::PemPrivateKey),
        ("certificate", block("CERTIFICATE", "AAAA"), KeyError::PemCertificate),
        ("another label", block("EC PARAMETERS", "AAAA"), KeyError::PemMalformed),
        ("broken DER", block("PUBLIC KEY", "AAAA"), KeyError::PemMalformed),
        ("no end", "-----BEGIN PUBLIC KEY-----\nAAAA\n".into(), KeyError::PemMalformed),
        ("cut in the label", "-----BEGIN PUBLIC".into(), KeyError::PemMalformed),
        ("other than ASCII", "-----BEGIN é-----\né-----END é-----".into(), KeyError::PemMalformed),
        // openssl genpkey -algorithm X25519, its public half (RFC 8410 section 10.1 has the like).
        (
            "X25519",
            block("PUBLIC KEY", "MCowBQYDK2VuAyEAXZMLmk1Wz0iVNcnxXPjMYbYtnjb3JDYqT1cIiF2nBUg="),
            KeyError::KtyUnsupported,
        ),
    ];
    for (name, pem, error) in table {
        assert_eq!(Key::from_pem(&pem).unwrap_err(), error, "{name}");
    }
}

#[test]
fn a_public_key_in_pem_is_read_with_text_around_it_and_two_are_one_too_many() {
    // RFC 8410 section 10.1: the key of RFC 8037 it is not, but a valid Ed25519 one.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let key = Key::from_pem(&format!("a note\n{pem}another\n")).unwrap();
    assert_eq!((key.kid(), key.algorithms().collect::<Vec<_>>()), (None, vec![EdDSA]));
    assert_eq!(Key::from_pem(&pem.repeat(2)).unwrap_err(), KeyError::PemSeveralBlocks);
}

#[cfg(feature = "jsonwebtoken")]
mod handed_over {
    use super::*;
    use ::jsonwebtoken as jwt;

    #[test]
    fn a_jsonwebtoken_jwk_passes_the_same_checks() {
        let read = |json: &str| Key::try_from(&serde_json::from_str::<jwt::jwk::Jwk>(json).unwrap());
        assert!(read(ED25519).unwrap().same_material(&Key::from_jwk(ED25519).unwrap()));
        let oct = r#"{"kty":"oct","k":"AAAA"}"#;
        assert_eq!(read(oct).unwrap_err(), KeyError::SymmetricKey);
        assert_eq!(read(&P256.replace("FyM\"", "FyQ\"")).unwrap_err(), KeyError::PointNotOnCurve);
    }

    #[test]
    fn a_jsonwebtoken_set_keeps_the_good_keys() {
        let set = format!(r#"{{"keys":[{ED25519},{{"kty":"oct","k":"AAAA"}}]}}"#);
        let set: jwt::jwk::JwkSet = serde_json::from_str(&set).unwrap();
        let set = crate::keys::KeySet::try_from(&set).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (1, 1));
    }

    #[test]
    fn a_decoding_key_is_taken_and_a_secret_is_not() {
        let jwk: jwt::jwk::Jwk = serde_json::from_str(P256).unwrap();
        let key = jwt::DecodingKey::from_jwk(&jwk).unwrap();
        assert!(Key::try_from(&key).unwrap().same_material(&Key::from_jwk(P256).unwrap()));
        let secret = jwt::DecodingKey::from_secret(&[7; 64]);
        assert_eq!(Key::try_from(&secret).unwrap_err(), KeyError::SecretWithoutAlgorithm);
    }

    #[test]
    fn a_decoding_key_of_each_kind_passes_the_same_checks() {
        let n = [0xFF; 256];
        let rsa = |key: &jwt::DecodingKey| Key::try_from(key).map(|key| key.material().kty());
        assert_eq!(rsa(&jwt::DecodingKey::from_rsa_raw_components(&n, &[1, 0, 1])), Ok("RSA"));
        assert_eq!(
            rsa(&jwt::DecodingKey::from_rsa_raw_components(&n, &[1])).unwrap_err(),
            KeyError::RsaExponent
        );
        let der = [&[0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0], &n[..], &[2, 3, 1, 0, 1]].concat();
        assert_eq!(rsa(&jwt::DecodingKey::from_rsa_der(&der)), Ok("RSA"));
        let ed: jwt::jwk::Jwk = serde_json::from_str(ED25519).unwrap();
        let ed = jwt::DecodingKey::from_jwk(&ed).unwrap();
        assert!(Key::try_from(&ed).unwrap().same_material(&Key::from_jwk(ED25519).unwrap()));
        // A length names the curve, and then the point must lie on it.
        for (length, refused) in [
            (65, KeyError::PointNotOnCurve),
            (97, KeyError::PointNotOnCurve),
            (133, KeyError::PointNotOnCurve),
            (98, KeyError::PointLength),
        ] {
            let key = jwt::DecodingKey::from_ec_der(&vec![4; length]);
            assert_eq!(Key::try_from(&key).unwrap_err(), refused, "{length}");
        }
    }

    #[test]
    fn algorithms_are_handed_over_by_name() {
        assert_eq!(Algorithm::try_from(jwt::Algorithm::EdDSA), Ok(EdDSA));
        assert_eq!(Algorithm::try_from(jwt::Algorithm::HS512), Ok(HS512));
    }
}

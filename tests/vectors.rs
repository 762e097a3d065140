//! Signatures, keys and thumbprints printed in RFCs, as facts: oracles that we did not write.
// A helper outside a `#[test]` fails its test by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(all(feature = "testing", any(feature = "aws-lc-rs", feature = "rust-crypto")))]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tower_bearer::{
    keys::{Algorithm, Key, KeySet},
    testing::verify_jws,
};

/// The claims that RFC 7515 appendices A.1 to A.3 sign.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn one(key: Key) -> KeySet {
    KeySet::from_keys([key])
}

/// The token verifies, and with one bit of its signature or another payload it does not.
fn assert_verifies(keys: &KeySet, header: &str, payload: &str, signature: &str) {
    let token = format!("{header}.{payload}.{signature}");
    let wanted = URL_SAFE_NO_PAD.decode(payload).unwrap();
    assert_eq!(verify_jws(&token, keys), Ok(wanted));

    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[20] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    let refused = Err("signature_invalid".to_owned());
    assert_eq!(verify_jws(&format!("{header}.{payload}.{flipped}"), keys), refused);
    assert_eq!(verify_jws(&format!("{header}.e30.{signature}"), keys), refused);
}

#[test]
fn rfc_7515_a_1_hs256() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let secret = URL_SAFE_NO_PAD.decode(secret).unwrap();
    let keys = one(Key::from_secret(&secret, Algorithm::HS256).unwrap());
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    assert_verifies(&keys, header, CLAIMS, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn rfc_7515_a_2_rs256() {
    let jwk = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_verifies(&one(Key::from_jwk(jwk).unwrap()), "eyJhbGciOiJSUzI1NiJ9", CLAIMS, signature);
}

#[test]
fn rfc_7515_a_3_es256() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert_verifies(&one(Key::from_jwk(jwk).unwrap()), "eyJhbGciOiJFUzI1NiJ9", CLAIMS, signature);
}

#[test]
fn rfc_7515_a_4_es512() {
    let jwk = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;
    let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    assert_verifies(&one(Key::from_jwk(jwk).unwrap()), "eyJhbGciOiJFUzUxMiJ9", "UGF5bG9hZA", signature);
}

#[test]
fn rfc_8037_a_4_and_a_5_ed25519_under_both_names() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = Key::from_jwk(jwk).unwrap();
    // RFC 8037 appendix A.3.
    assert_eq!(key.thumbprint().as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    let payload = "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_verifies(&one(key.clone()), "eyJhbGciOiJFZERTQSJ9", payload, signature);
    // The same message under the name of RFC 9864 has another signing input, so this signature is not its own.
    let renamed = URL_SAFE_NO_PAD.encode(r#"{"alg":"Ed25519"}"#);
    let refused = verify_jws(&format!("{renamed}.{payload}.{signature}"), &one(key));
    assert_eq!(refused, Err("signature_invalid".to_owned()), "the key is found, the signature is another's");
}

#[test]
fn rfc_7638_3_1_thumbprint() {
    let jwk = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    let key = Key::from_jwk(jwk).unwrap();
    assert_eq!(key.thumbprint().as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    assert_eq!(
        (key.kid(), key.algorithms().collect::<Vec<_>>()),
        (Some("2011-04-29"), vec![Algorithm::RS256])
    );
}

#[test]
fn rfc_7519_3_1_example_jwt() {
    let payload = URL_SAFE_NO_PAD.decode(CLAIMS).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let printed = serde_json::json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true});
    assert_eq!(claims, printed);
}

#[test]
fn rfc_7519_6_1_example_unsecured_jwt() {
    let unsecured = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.");
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let keys = one(Key::from_jwk(jwk).unwrap());
    assert_eq!(verify_jws(&unsecured, &keys), Err("alg_not_allowed".to_owned()));
}

/// Signed with OpenSSL 3, `-sigopt rsa_pss_saltlen:…`; RFC 7518 section 3.5 wants a salt as long as the hash.
#[test]
fn pss_with_a_salt_of_another_length_is_refused() {
    let modulus = "pYfg6uZgN9qYBVSIW_jFDCP5mdHYxMKcpxToRj4qFEBGKRSP7yd9gRHHmXbHlW-zosfHO6Cl_uWB-BdCXZtWMV5n8DG1kShZMuuJmoMRqMdMG_dVY6fTLe01dVg1KXqr0JkD88XaxLZ4JhRK4VWdTeoTm_LR1bZzJgYK8Md7KAOE9RyO0cXdKBBhybLYzJQrgIjv-EGZqbUqRp6-TEMriGXE6iaZ67ovqZwzMvlFAJsgIpDjCRnCiBO3Enr5eg4fYxTPL2Bi6fuicwmmyYvfHJd7R2R_TKX2LAfaMRWUVbMG2LXS75nVKcD6QwaciRllbTQNgcPWhFUr7c5yiLrRXw";
    let key = Key::from_jwk(&format!(r#"{{"kty":"RSA","e":"AQAB","n":"{modulus}"}}"#)).unwrap();
    let right = "nf5JYuvYngN4j1QyYppC1-5c6J39AVt_ocUSccW45bty6EkMXvnciI-u9Fb8ZWs_r3s9UwXIRxDqnIW1aU61aFpkoL10QFHK1VGKxu0aidzzAgP4n5JK33omXG9SQZStAqvICXDs-2sXV9KH7OzoIA5-9rI9ZstNi96J3FvsqpjwBiL_jX2YeL70I5jvZaJFKFjmj4Bejm4rCjp1idtKMb4VgzZ8_1wwgTEd4LYrkyj_KaBBgNWCQz8karmb1Jw1F4ciKPQ1gdeEfykWRn8GyUdK6V6zWV2Mwstro2qXlSvoActsW_B4u0_2LQqEseJbcO5FW4FL4uUVRlJHpEKkfg";
    let none = "ADRdz9c2cpv6PFNE6EWFJJC1GAvqFFdKlYsYk0JiVCpBzROFMk5b8rsyPLpFwVIk0issa6lnhg_0sUgELdbfUGExkk_MrmBtQH6mabSXPXjfDL9-hdDUdkIXCmjTSeyE4AmZMer9-Ue-kp_1sBG8kqzD5aTm47xhm18mhSdw7CkzGTIm7K6PGxlbLC3qDIkSsNBk0ZurOwt-t7nO4e_gnoYy_xlab83yU_sP9vqJlW4-f3KN5AP7C1qIh0SKcmNZe9igsOHWfR2GEQKIC5XRC9iHmrWut2O0vH0acQE12ePKQyABBOEnj2m0TwIV1JWCkyniRWmbkdOmSjbEmdLMQQ";
    let of_sha_1 = "UJ_1buXXGdE6EwZ43IbnWXAoLCY23rLEC6SnzQu-QcVlwRb1bxtl7-s55ehWjjmLfotNL8loYMVQvcg65gazcYfYCZ1SRFbKHqqfdut8y8hMlaX5VCHtJKqScFd9lc6tnAUlcpYu26yfOIjUwlAhZ1J7skPYNr_3vxvZux2R92IcAh4C3g3hRFot_OWzY6HgrMsI7sXdjOVVaxKMfqTBgf0I58mC93nRP562SuPBcMgJmAbjeDSkBZ34eNouReo3N8TWXpV0HPCMLtMu8Bi0Iitv1M5HOwwd8Dw1KfhgzuTXAGyrw5gGdE7i0QWYEPJtnW23FW1786VpoqGPHgZQ9w";
    let longest = "Qh2fXcCxZgaZTMx-pKEi2kkXFuppJNzoro0DyEnlA7Yg2YR71NDPM49VgXDUGH2QFP5rRpArLAaRD0DL4j4HmPBZKPh71HM3D0KjbGlHo6MmVrZ6MMEy4eCKIjZowZymNdWawcDibnB0QHv78cXeFBiVI1i_PYDSLczxdiGtHMR-sDgTnwCJlDGI_77-9FNoXt-ilAjnqjP7U2VAjne69JCd5_Ag_E29m0WWUOZ1MJoetxWtJYfGF2uaN9bVYXT7MDysKx7wezqkbz5wpdwadrDlm5NA_gw0sXPrg2zYUuKASdAVFic5Ggr_0Z8O21LXAz7Im_gHOlxzypQwuIk0EA";
    let refused = || Err("signature_invalid".to_owned());
    for (signature, verdict) in
        [(right, Ok(b"{}".to_vec())), (none, refused()), (of_sha_1, refused()), (longest, refused())]
    {
        let token = format!("eyJhbGciOiJQUzI1NiJ9.e30.{signature}");
        assert_eq!(verify_jws(&token, &one(key.clone())), verdict);
    }
}

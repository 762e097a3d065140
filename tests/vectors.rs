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

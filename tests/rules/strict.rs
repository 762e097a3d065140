//! `.strict()`: RFC 9068 whole.

use super::{ISSUER, Served, refusal};
use serde_json::{Value, json};
use tower_bearer::{
    Verifier,
    error::Reason,
    testing::{AUDIENCE, TestIssuer, TestToken},
};

/// A token with all that RFC 9068 wants.
fn whole(issuer: &TestIssuer) -> TestToken {
    issuer.token().typ("at+jwt").claim("client_id", "web").claim("jti", "1")
}

fn strict(issuer: &TestIssuer) -> Verifier {
    issuer.verifier().strict().build().unwrap()
}

#[tokio::test]
async fn strict_typ_is_at_jwt_and_nothing_else() {
    let issuer = TestIssuer::new();
    let (strict, lax) = (strict(&issuer), issuer.verifier().build().unwrap());
    for (typ, lax_refuses) in [
        (json!(null), false),
        (json!("JWT"), false),
        (json!(""), true),
        (json!("logout+jwt"), true),
        (json!("at-jwt"), true),
    ] {
        let token = whole(&issuer).header("typ", typ.clone()).sign();
        assert_eq!(refusal(&strict, &token).await, Some(Reason::StrictTyp), "{typ}");
        assert_eq!(refusal(&lax, &token).await.is_some(), lax_refuses, "{typ}");
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(refusal(&strict, &whole(&issuer).typ(typ).sign()).await, None, "{typ}");
    }
}

#[tokio::test]
async fn strict_typ_leaves_no_other_to_be_named_by_an_issuers_settings() {
    let issuer = TestIssuer::new();
    let builder = || {
        let trusted = issuer.issuer().accept_typ("acme+jwt");
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock())
    };
    let token = whole(&issuer).typ("acme+jwt").sign();
    assert_eq!(refusal(&builder().build().unwrap(), &token).await, None);
    let error = builder().strict().build().unwrap_err();
    assert_eq!(error.faults()[0].setting(), "accept_typ", "a setting that would do nothing");
    let strict = issuer.verifier().strict().build().unwrap();
    assert_eq!(refusal(&strict, &token).await, Some(Reason::StrictTyp));
}

#[tokio::test]
async fn strict_claim_missing_names_each_of_the_four() {
    let issuer = TestIssuer::new();
    let (strict, lax) = (strict(&issuer), issuer.verifier().build().unwrap());
    for name in ["sub", "client_id", "iat", "jti"] {
        let token = whole(&issuer).without(name).sign();
        assert_eq!(refusal(&strict, &token).await, Some(Reason::StrictClaimMissing), "{name}");
        assert_eq!(refusal(&lax, &token).await, None, "{name}");
    }
    for (name, value) in [
        ("client_id", json!(null)),
        ("client_id", json!(1)),
        ("client_id", json!(["web"])),
        ("jti", json!(null)),
        ("jti", json!(1)),
        ("jti", json!({})),
    ] {
        let token = whole(&issuer).claim(name, value.clone()).sign();
        assert_eq!(refusal(&strict, &token).await, Some(Reason::StrictClaimMissing), "{name} {value}");
    }
    for (other, name) in [("azp", "client_id"), ("cid", "client_id"), ("uti", "jti")] {
        let token = whole(&issuer).without(name).claim(other, "web").sign();
        assert_eq!(refusal(&strict, &token).await, Some(Reason::StrictClaimMissing), "{other}");
    }
    assert_eq!(refusal(&strict, &whole(&issuer).sign()).await, None);
}

#[tokio::test]
async fn strict_keeps_every_other_rule() {
    let issuer = TestIssuer::new();
    let strict = strict(&issuer);
    for (name, token, reason) in [
        ("iss", whole(&issuer).without("iss"), Reason::IssMissing),
        ("aud", whole(&issuer).without("aud"), Reason::AudMissing),
        ("exp", whole(&issuer).without("exp"), Reason::ExpMissing),
        ("sub", whole(&issuer).claim("sub", 1), Reason::SubMalformed),
        ("iat", whole(&issuer).claim("iat", "1"), Reason::IatMalformed),
        ("cnf", whole(&issuer).claim("cnf", json!({})), Reason::CnfUnchecked),
        ("events", whole(&issuer).claim("events", json!({})), Reason::NotAnAccessToken),
        ("alg", whole(&issuer).header("alg", "none"), Reason::AlgNotAllowed),
        ("kid", whole(&issuer).header("kid", "x"), Reason::KeyUnknown),
    ] {
        assert_eq!(refusal(&strict, &token.sign()).await, Some(reason), "{name}");
    }
}

/// Made once with `openssl genpkey -pkeyopt rsa_keygen_pubexp:3`; RS256, whole, `exp` in 2100, for `ISSUER`.
const E3_MODULUS: &str = "wdxK6mLi50AWvZ2dxNlSwxwJHAEivOTvUNv6tV5tHhjCD3gV3THAM6R9f7nwlpeNQGULXZXhHYb14pcp-YWSHW1_8K0JMTEJtkqP9dLjRU8y0kUvtLehJ4UapcVniczZgYxjpl4Lrg-tn7pSgpCxMpIWJxavLSYW9ulECGTRRkLU_3Tef0xzwCRChr51U26a5LDdQ8tQs40rYM1jN8DpGpgTsGcBMJRktEfVM9eipIw0yKRkSWoSpub3i2BJm-V221WpyiEqsyMuiVrMvMrsADrtlbmgkShUpj55ppCuFnLDqpelV4tfRwU56mcc1Ev5IeSmcvscRBJXZqj_O1iFzQ";
const E3_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImUzIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoiYWxpY2UiLCJhdWQiOiJodHRwczovL2FwaS50ZXN0IiwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjQxMDI0NDQ4MDAsImp0aSI6IjEiLCJjbGllbnRfaWQiOiJ3ZWIifQ.WOmS_BvBho9hdlng9nRsoxMzISmIYVxDJGHosyDtktURAre_tfQE5rddf6-jfx4qtOL7ZnNS2UYm7cL9en1RvvtUWGKOeB771c7d8_5d8R6QjWdC06uv1AMo5o9ei7ukv502lwyJ4EpDHLoZC4tsp6UElZvbG5JOrp0f-0ZnJtJf2-X_ww-A-IZUdJeFGrGFMFPs4y-qN7z06y9r4WJbvSuLla4z7Qgw0Avzp6emcHPyC-OKEfjybnuVd515IAAgzradAr_3O-StUiYRW4nVc_unv3DbU42R3wkpdB40VHJBeJQifL-fdvP3GT9OTpB0zWZZIgKgUoAJR2V5xqXCxQ";

#[tokio::test]
async fn strict_takes_no_rsa_exponent_but_65537() {
    let issuer = TestIssuer::new();
    let set: Value = json!({"keys": [{"kty": "RSA", "kid": "e3", "n": E3_MODULUS, "e": "Aw"}]});
    let served = Served::new(set);
    let lax = served.verifier(&issuer).build().unwrap();
    let claims = lax.verify(E3_TOKEN).await.unwrap();
    assert_eq!((claims.issuer(), claims.subject()), (ISSUER, Some("alice")));
    let strict = served.verifier(&issuer).strict().build().unwrap();
    assert!(refusal(&strict, E3_TOKEN).await.is_some(), "signature_invalid or key_unknown");
}

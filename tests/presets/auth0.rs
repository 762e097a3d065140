use super::{Vendor, accepted, allows, fixture, items, refusal, refusal_of, refuses_the_usual};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tower_bearer::{Issuer, Verifier, error::Reason};

const METADATA: &str = "https://my-domain.auth0.com/.well-known/openid-configuration";
const KEYS: &str = "https://my-domain.auth0.com/.well-known/jwks.json";
const API: &str = "https://example.com/health-api";

fn vendor() -> Vendor {
    Vendor::at(METADATA, "auth0")
}

fn tenant() -> Issuer {
    Issuer::auth0("my-domain.auth0.com").unwrap()
}

fn verifier(vendor: &Vendor) -> Verifier {
    vendor.trusting(tenant()).audience(API).build().unwrap()
}

#[tokio::test]
async fn auth0_maps_permissions_and_scopes() {
    let vendor = vendor();
    let claims = accepted(&verifier(&vendor), &vendor.token("access_token.json")).await;
    let caller = claims.principal();
    assert_eq!(caller.issuer(), "https://my-domain.auth0.com/", "with the slash");
    assert_eq!((caller.subject(), caller.client()), (Some("auth0|123456"), Some("my_client_id")));
    assert_eq!(items(caller.permissions()), ["read:patients", "read:admin"]);
    assert_eq!(items(caller.scopes()), ["openid", "profile", "read:patients"]);
    assert!(
        !allows(&claims, "role(clerk)") && !allows(&claims, "!role(clerk)"),
        "nobody said where roles are"
    );
    assert_eq!(vendor.asked(), [METADATA, KEYS]);
}

#[tokio::test]
async fn a_namespaced_claim_is_one_name_taken_whole() {
    let vendor = vendor();
    let issuer = tenant().roles_from(["https://example.com/roles"]);
    let verifier = vendor.trusting(issuer).audience(API).build().unwrap();
    let claims = accepted(&verifier, &vendor.token("access_token.json")).await;
    assert!(allows(&claims, "role(clerk)") && allows(&claims, "!role(admin)"));
}

#[tokio::test]
async fn the_rfc_9068_profile_is_met_whole() {
    let vendor = vendor();
    let strict = vendor.trusting(tenant()).audience(API).strict().build().unwrap();
    assert_eq!(refusal(&strict, &vendor.token("rfc9068_token.json")).await, None);
    let plain = vendor.token("access_token.json");
    assert_eq!(refusal(&strict, &plain).await, Some(Reason::StrictTyp), "Auth0's own profile is another");
}

#[tokio::test]
async fn an_encrypted_token_is_refused_by_a_reason_of_its_own() {
    let vendor = vendor();
    let header = fixture("auth0", "jwe_header.json").to_string();
    let jwe = format!("{}.a2V5.aXY.Y2lwaGVydGV4dA.dGFn", URL_SAFE_NO_PAD.encode(header));
    assert_eq!(refusal_of(&verifier(&vendor), &jwe).await, Some(Reason::EncryptedToken));
    assert_eq!(vendor.asked(), [""; 0]);
}

#[tokio::test]
async fn auth0_refuses_near_misses() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("access_token.json");
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        ("an ID token", vendor.token("id_token.json"), Reason::AudMismatch),
        (
            "the trailing slash missing",
            token.clone().claim("iss", "https://my-domain.auth0.com"),
            Reason::IssuerUnknown,
        ),
        ("another tenant", token.clone().claim("iss", "https://other.auth0.com/"), Reason::IssuerUnknown),
        (
            "userinfo alone",
            token.clone().claim("aud", "https://my-domain.auth0.com/userinfo"),
            Reason::AudMismatch,
        ),
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

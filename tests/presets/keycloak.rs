use super::{Vendor, accepted, allows, items, refusal, refuses_the_usual};
use serde_json::json;
use tower_bearer::{Issuer, Verifier, error::Reason};

const METADATA: &str = "https://id.example.com/realms/acme/.well-known/openid-configuration";
const KEYS: &str = "https://id.example.com/realms/acme/protocol/openid-connect/certs";

fn vendor() -> Vendor {
    Vendor::at(METADATA, "keycloak")
}

fn realm() -> Issuer {
    Issuer::keycloak("https://id.example.com", "acme").unwrap()
}

fn verifier(vendor: &Vendor) -> Verifier {
    vendor.trusting(realm().keycloak_client_roles("orders-api")).audience("orders-api").build().unwrap()
}

#[tokio::test]
async fn keycloak_keeps_realm_roles_and_client_roles_apart() {
    let vendor = vendor();
    let claims = accepted(&verifier(&vendor), &vendor.token("access_token.json")).await;
    let caller = claims.principal();
    assert_eq!(caller.subject(), Some("36fa0f91-f94d-4a0c-afed-6b7d952e47da"));
    assert_eq!(caller.client(), Some("shop"));
    assert_eq!(items(caller.scopes()), ["email", "profile"]);
    assert!(allows(&claims, "role(clerk)") && allows(&claims, "permission(refund)"));
    for wrong in
        ["role(refund)", "permission(clerk)", "role(admin)", "permission(admin)", "role(manage-account)"]
    {
        assert!(!allows(&claims, wrong), "{wrong}");
    }
    assert_eq!(vendor.asked(), [METADATA, KEYS]);
}

#[tokio::test]
async fn a_realm_reads_no_clients_roles_unless_told_whose() {
    let vendor = vendor();
    let verifier = vendor.trusting(realm()).audience("orders-api").build().unwrap();
    let claims = accepted(&verifier, &vendor.token("access_token.json")).await;
    assert_eq!(items(claims.principal().permissions()), [""; 0]);
    assert!(!allows(&claims, "permission(refund)") && !allows(&claims, "!permission(refund)"));
    let shop = vendor.trusting(realm().keycloak_client_roles("https://shop/~a")).audience("orders-api");
    let token = vendor.token("access_token.json").claim(
        "resource_access",
        json!({"https://shop/~a": {"roles": ["sell"]}, "shop": {"roles": ["admin"]}}),
    );
    let claims = accepted(&shop.build().unwrap(), &token).await;
    assert_eq!(items(claims.principal().permissions()), ["sell"], "a client's id may be a URL");
}

#[tokio::test]
async fn a_service_account_passes_with_roles_unknown() {
    let vendor = vendor();
    let claims = accepted(&verifier(&vendor), &vendor.token("service_account_token.json")).await;
    assert_eq!(claims.principal().client(), Some("nightly-job"));
    assert!(allows(&claims, "scope(profile)"));
    for unknown in ["role(clerk)", "!role(clerk)", "permission(refund)", "!permission(refund)"] {
        assert!(!allows(&claims, unknown), "{unknown}");
    }
}

#[tokio::test]
async fn the_audience_out_of_the_box_is_nobodys_api() {
    let vendor = vendor();
    let token = vendor.token("access_token.json").claim("aud", "account");
    assert_eq!(refusal(&verifier(&vendor), &token).await, Some(Reason::AudMismatch));
}

#[tokio::test]
async fn keycloak_refuses_near_misses() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("access_token.json");
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        ("an ID token", vendor.token("id_token.json"), Reason::AudMismatch),
        ("one for us", vendor.token("id_token.json").claim("aud", "orders-api"), Reason::NotAnAccessToken),
        ("a refresh token", token.clone().claim("typ", "Refresh"), Reason::NotAnAccessToken),
        ("an offline token", token.clone().claim("typ", "Offline"), Reason::NotAnAccessToken),
        (
            "a kind that nobody told us of",
            token.clone().claim("typ", "ActionToken"),
            Reason::RequiredClaimMismatch,
        ),
        ("a kind that is not said", token.clone().without("typ"), Reason::RequiredClaimMissing),
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
        (
            "another realm",
            token.clone().claim("iss", "https://id.example.com/realms/master"),
            Reason::IssuerUnknown,
        ),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

#[tokio::test]
async fn a_client_that_asked_for_lower_case_gets_it_in_the_token_too() {
    let vendor = vendor();
    let token = vendor.token("access_token.json").claim("typ", "bearer");
    assert_eq!(refusal(&verifier(&vendor), &token).await, None);
}

#[tokio::test]
async fn the_key_for_encryption_signs_nothing() {
    let vendor = vendor();
    let token = vendor.token("access_token.json").kid("Zq1rM0b8zR8XWk0F0k2pQy8c5y4i6QvK9uB0c2lHh1I");
    assert_eq!(refusal(&verifier(&vendor), &token).await, Some(Reason::KeyUnknown));
}

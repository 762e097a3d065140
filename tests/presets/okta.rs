use super::{Vendor, accepted, allows, items, refusal, refuses_the_usual};
use tower_bearer::{Issuer, Verifier, error::Reason};

const METADATA: &str = "https://acme.okta.com/oauth2/0oacqf8qaJw56czJi0g4/.well-known/openid-configuration";
const KEYS: &str = "https://acme.okta.com/oauth2/0oacqf8qaJw56czJi0g4/v1/keys";
const API: &str = "https://api.example.com";

fn vendor() -> Vendor {
    Vendor::at(METADATA, "okta")
}

fn verifier(vendor: &Vendor) -> Verifier {
    let issuer = Issuer::okta("acme.okta.com", "0oacqf8qaJw56czJi0g4").unwrap();
    vendor.trusting(issuer).audience(API).build().unwrap()
}

#[tokio::test]
async fn okta_maps_the_array_of_scopes_the_client_and_groups() {
    let vendor = vendor();
    let claims = accepted(&verifier(&vendor), &vendor.token("access_token.json")).await;
    let caller = claims.principal();
    assert_eq!(caller.subject(), Some("00ujmkLgagxeRrAg20g3"));
    assert_eq!(caller.client(), Some("nmdP1fcyvdVO11AL7ECm"));
    assert_eq!(items(caller.scopes()), ["openid", "email", "flights", "custom"]);
    assert_eq!(items(caller.groups()), ["Everyone", "Pilots"]);
    assert!(allows(&claims, "scope(flights) & group(Pilots)"));
    assert_eq!(vendor.asked(), [METADATA, KEYS]);
}

#[tokio::test]
async fn okta_refuses_near_misses() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("access_token.json");
    let id_token = || vendor.token("id_token.json").claim("aud", API);
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        ("an ID token", vendor.token("id_token.json"), Reason::AudMismatch),
        ("one for us", id_token(), Reason::NotAnAccessToken),
        ("one without at_hash", id_token().without("at_hash"), Reason::RequiredClaimMissing),
        ("the org server", token.clone().claim("iss", "https://acme.okta.com"), Reason::IssuerUnknown),
        (
            "another server",
            token.clone().claim("iss", "https://acme.okta.com/oauth2/default"),
            Reason::IssuerUnknown,
        ),
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

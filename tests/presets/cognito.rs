use super::{Vendor, accepted, allows, items, refusal, refuses_the_usual};
use serde_json::json;
use tower_bearer::{Issuer, Verifier, error::Reason, testing::TestIssuer};

const METADATA: &str =
    "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_aBcDeFgHi/.well-known/openid-configuration";
const KEYS: &str = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_aBcDeFgHi/.well-known/jwks.json";
const CLIENT: &str = "57cbishk4j24pabc1234567890";
const API: &str = "https://api.example.com";

fn vendor() -> Vendor {
    Vendor::at(METADATA, "cognito")
}

fn pool() -> Issuer {
    Issuer::cognito("us-west-2", "us-west-2_aBcDeFgHi", [CLIENT, "anotherclient"]).unwrap()
}

fn verifier(vendor: &Vendor) -> Verifier {
    vendor.trusting(pool()).audience(API).build().unwrap()
}

#[tokio::test]
async fn cognito_is_known_by_its_client_where_it_names_no_audience() {
    let vendor = vendor();
    let token = vendor.token("access_token.json");
    for verifier in [verifier(&vendor), vendor.trusting(pool()).build().unwrap()] {
        let claims = accepted(&verifier, &token).await;
        let caller = claims.principal();
        assert_eq!(caller.subject(), Some("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"));
        assert_eq!((caller.client(), caller.audiences().count()), (Some(CLIENT), 0));
        assert_eq!(items(caller.scopes()), ["aws.cognito.signin.user.admin", "orders/read"]);
        assert_eq!(items(caller.groups()), ["admin"]);
        assert!(allows(&claims, "group(admin)") && !allows(&claims, "role(admin)"));
    }
    assert_eq!(vendor.asked(), [METADATA, KEYS, METADATA, KEYS]);
}

#[tokio::test]
async fn an_audience_that_is_there_must_be_ours() {
    let vendor = vendor();
    let token = vendor.token("access_token.json");
    let (named, unnamed) = (verifier(&vendor), vendor.trusting(pool()).build().unwrap());
    assert_eq!(refusal(&named, &token.clone().claim("aud", API)).await, None);
    for aud in [json!("https://other.example.com"), json!([]), json!(CLIENT)] {
        let token = token.clone().claim("aud", aud.clone());
        assert_eq!(refusal(&named, &token).await, Some(Reason::AudMismatch), "{aud}");
        assert_eq!(refusal(&unnamed, &token).await, Some(Reason::AudMismatch), "{aud}");
    }
    assert_eq!(
        refusal(&unnamed, &token.claim("aud", API)).await,
        Some(Reason::AudMismatch),
        "nobody said API"
    );
}

#[tokio::test]
async fn cognito_refuses_near_misses() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("access_token.json");
    refuses_the_usual(&verifier, &token).await;
    let other_pool = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_other";
    for (name, token, reason) in [
        ("an ID token", vendor.token("id_token.json"), Reason::AudMismatch),
        ("one for us", vendor.token("id_token.json").claim("aud", API), Reason::NotAnAccessToken),
        ("one without aud", vendor.token("id_token.json").without("aud"), Reason::NotAnAccessToken),
        ("another use", token.clone().claim("token_use", "refresh"), Reason::RequiredClaimMismatch),
        ("no use", token.clone().without("token_use"), Reason::RequiredClaimMissing),
        ("another client", token.clone().claim("client_id", "stranger"), Reason::ClientNotAllowed),
        (
            "a client in another case",
            token.clone().claim("client_id", CLIENT.to_uppercase()),
            Reason::ClientNotAllowed,
        ),
        ("two clients", token.clone().claim("client_id", json!([CLIENT])), Reason::ClientNotAllowed),
        ("no client", token.clone().without("client_id"), Reason::ClientNotAllowed),
        ("another pool", token.clone().claim("iss", other_pool), Reason::IssuerUnknown),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

/// What Cognito may leave out, nobody else may.
#[tokio::test]
async fn a_neighbour_still_needs_an_audience() {
    let (vendor, other) = (vendor(), TestIssuer::new());
    let error = vendor.trusting(pool()).issuer(other.issuer()).build().unwrap_err();
    assert_eq!(error.faults()[0].setting(), "audience");
    let both = vendor.trusting(pool()).issuer(other.issuer()).audience(API).build().unwrap();
    assert_eq!(refusal(&both, &vendor.token("access_token.json")).await, None);
    let token = other.token().without("aud").claim("client_id", CLIENT).claim("token_use", "access").sign();
    assert_eq!(super::refusal_of(&both, &token).await, Some(Reason::AudMissing));
}

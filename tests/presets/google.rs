use super::{Vendor, accepted, allows, refusal, refuses_the_usual};
use tower_bearer::{Issuer, Verifier, error::Reason};

const METADATA: &str = "https://accounts.google.com/.well-known/openid-configuration";
const KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
const CLIENT: &str = "1234987819200.apps.googleusercontent.com";

fn vendor() -> Vendor {
    Vendor::at(METADATA, "google")
}

fn verifier(vendor: &Vendor) -> Verifier {
    vendor.trusting(Issuer::google().unwrap().clients([CLIENT])).audience(CLIENT).build().unwrap()
}

#[tokio::test]
async fn google_is_verified_by_its_id_token_under_either_name() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("id_token.json");
    for iss in ["https://accounts.google.com", "accounts.google.com"] {
        let claims = accepted(&verifier, &token.clone().claim("iss", iss)).await;
        assert_eq!(claims.issuer(), iss);
        assert_eq!(claims.subject(), Some("10769150350006150715113082367"));
        assert_eq!(claims.principal().client(), Some(CLIENT));
        assert!(!allows(&claims, "scope(openid)") && !allows(&claims, "role(admin)"));
    }
    assert_eq!(vendor.asked(), [METADATA, KEYS]);
}

#[tokio::test]
async fn google_refuses_near_misses() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("id_token.json");
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
        ("http", token.clone().claim("iss", "http://accounts.google.com"), Reason::IssuerUnknown),
        ("a slash", token.clone().claim("iss", "accounts.google.com/"), Reason::IssuerUnknown),
        ("a subdomain", token.clone().claim("iss", "https://x.accounts.google.com"), Reason::IssuerUnknown),
        ("a refresh token", token.clone().claim("typ", "Refresh"), Reason::NotAnAccessToken),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

/// Anybody's service account gets an ID token for the audience it asks for.
#[tokio::test]
async fn a_service_account_that_asked_for_our_audience_is_no_client_of_ours() {
    let vendor = vendor();
    let token = vendor.token("service_account_token.json");
    assert_eq!(refusal(&verifier(&vendor), &token).await, Some(Reason::ClientNotAllowed));
    let anyone = vendor.trusting(Issuer::google().unwrap()).audience(CLIENT).build().unwrap();
    assert_eq!(refusal(&anyone, &token).await, None, "the preset alone says who somebody is, and no more");
    let ours = Issuer::google().unwrap().require_claim("hd", ["example.com"]);
    let ours = vendor.trusting(ours).audience(CLIENT).build().unwrap();
    assert_eq!(refusal(&ours, &token).await, Some(Reason::RequiredClaimMissing));
    assert_eq!(refusal(&ours, &vendor.token("id_token.json")).await, None);
}

#[tokio::test]
async fn without_the_preset_an_id_token_is_refused() {
    let vendor = vendor();
    let discovered = Issuer::discover("https://accounts.google.com").unwrap();
    let verifier = vendor.trusting(discovered).audience(CLIENT).build().unwrap();
    let token = vendor.token("id_token.json");
    assert_eq!(refusal(&verifier, &token).await, Some(Reason::NotAnAccessToken));
}

use super::{Vendor, accepted, allows, items, refusal, refuses_the_usual};
use serde_json::json;
use tower_bearer::{Issuer, Verifier, error::Reason};

const METADATA: &str = "https://acme-1a2b3c.zitadel.cloud/.well-known/openid-configuration";
const KEYS: &str = "https://acme-1a2b3c.zitadel.cloud/oauth/v2/keys";
const PROJECT: &str = "344374183645413380";
const ROLES: &str = "urn:zitadel:iam:org:project:344374183645413380:roles";

fn vendor() -> Vendor {
    Vendor::at(METADATA, "zitadel")
}

fn verifier(vendor: &Vendor) -> Verifier {
    let issuer = Issuer::zitadel("acme-1a2b3c.zitadel.cloud", PROJECT).unwrap();
    vendor.trusting(issuer).audience(PROJECT).build().unwrap()
}

#[tokio::test]
async fn zitadel_roles_are_the_names_of_the_projects_own_object() {
    let vendor = vendor();
    let claims = accepted(&verifier(&vendor), &vendor.token("access_token.json")).await;
    let caller = claims.principal();
    assert_eq!(caller.subject(), Some("345377791925026818"));
    assert_eq!(caller.client(), Some("69234237810729234"));
    assert_eq!(items(caller.audiences()), ["69234237810729234", PROJECT]);
    assert_eq!(items(caller.roles()), ["streaming"]);
    assert!(allows(&claims, "role(streaming) & !role(guest)"));
    assert_eq!(vendor.asked(), [METADATA, KEYS]);
}

/// The claim without an id is about the project that the client belongs to.
#[tokio::test]
async fn a_role_in_the_clients_project_is_no_role_in_ours() {
    let vendor = vendor();
    let token = vendor.token("access_token.json");
    let claims = accepted(&verifier(&vendor), &token).await;
    assert!(!allows(&claims, "role(admin)"));
    let claims = accepted(&verifier(&vendor), &token.without(ROLES)).await;
    assert!(!allows(&claims, "role(admin)") && !allows(&claims, "!role(admin)"), "unknown, not none");
}

#[tokio::test]
async fn roles_in_another_shape_are_unknown() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    for roles in [
        json!(["streaming"]),
        json!([{"streaming": {"344373908297744388": "acme.zitadel.cloud"}}]),
        json!({"streaming": true}),
        json!({"streaming": {}}),
        json!(null),
    ] {
        let token = vendor.token("access_token.json").claim(ROLES, roles.clone());
        let claims = accepted(&verifier, &token).await;
        assert!(!allows(&claims, "role(streaming)") && !allows(&claims, "!role(streaming)"), "{roles}");
    }
}

#[tokio::test]
async fn zitadel_refuses_near_misses() {
    let vendor = vendor();
    let verifier = verifier(&vendor);
    let token = vendor.token("access_token.json");
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        (
            "an ID token, whose aud names the project as well",
            vendor.token("id_token.json"),
            Reason::NotAnAccessToken,
        ),
        ("another project", token.clone().claim("aud", json!(["69234237810729234"])), Reason::AudMismatch),
        (
            "another instance",
            token.clone().claim("iss", "https://other.zitadel.cloud"),
            Reason::IssuerUnknown,
        ),
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

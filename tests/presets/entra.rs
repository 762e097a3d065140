use super::{Token, Vendor, accepted, allows, items, refusal, refuses_the_usual};
use serde_json::json;
use tower_bearer::{Issuer, Verifier, error::Reason, verify::KeyState};

const ACME: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const STRANGER: &str = "11111111-2222-3333-4444-555555555555";
/// The API's application id.
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

const OF_ALL: &str = "jS1Xo1OWDj_52vbwGNgvQO2VzMc";
const OF_OTHER: &str = "2ZQpJ3UpbjAYXYGaXEJl8lV0TOI";
const OF_PERSONAL_ACCOUNTS: &str = "yreX2PsLi-qkbR8QDOmB_ySxp8Q";
const OF_NOBODY: &str = "i6lGk3FZzxRcUb2C3nEQ7syHJlY";

const HOST: &str = "https://login.microsoftonline.com";
const WELL_KNOWN: &str = ".well-known/openid-configuration";

fn v2(tenant: &str) -> String {
    format!("{HOST}/{tenant}/v2.0")
}

fn one_tenant() -> Vendor {
    Vendor::at(&format!("{HOST}/{ACME}/v2.0/{WELL_KNOWN}"), "entra_v2")
}

fn for_one(vendor: &Vendor) -> Verifier {
    vendor.trusting(Issuer::entra(ACME).unwrap()).audience(API).build().unwrap()
}

fn shared_address() -> String {
    format!("{HOST}/organizations/v2.0/{WELL_KNOWN}")
}

fn all_tenants() -> Vendor {
    Vendor::with(&shared_address(), "entra_v2", "discovery_organizations.json", "jwks_organizations.json")
}

fn for_two(vendor: &Vendor) -> Verifier {
    vendor.trusting(Issuer::entra_tenants([ACME, OTHER]).unwrap()).audience(API).build().unwrap()
}

fn of(tenant: &str, token: Token) -> Token {
    token.claim("iss", v2(tenant)).claim("tid", tenant)
}

#[tokio::test]
async fn entra_maps_scopes_roles_groups_and_the_client() {
    let vendor = one_tenant();
    let claims = accepted(&for_one(&vendor), &vendor.token("access_token.json")).await;
    let caller = claims.principal();
    assert_eq!(caller.subject(), Some("HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ"));
    assert_eq!(caller.client(), Some("75dbe77f-10a3-4e59-85fd-8c127544f17c"));
    assert_eq!(items(caller.scopes()), ["orders.read", "orders.write"]);
    assert_eq!(items(caller.roles()), ["Orders.Clerk"]);
    assert_eq!(items(caller.groups()), ["11111111-aaaa-4bbb-8ccc-000000000001"]);
    let keys = format!("{HOST}/{ACME}/discovery/v2.0/keys");
    assert_eq!(vendor.asked(), [format!("{HOST}/{ACME}/v2.0/{WELL_KNOWN}"), keys]);
}

#[tokio::test]
async fn an_application_of_its_own_has_roles_and_no_scopes() {
    let vendor = one_tenant();
    let claims = accepted(&for_one(&vendor), &vendor.token("app_token.json")).await;
    assert!(allows(&claims, "role(Orders.Read.All)"));
    assert!(!allows(&claims, "scope(orders.read)") && !allows(&claims, "!scope(orders.read)"));
}

#[tokio::test]
async fn groups_that_did_not_fit_are_unknown_and_neither_policy_allows() {
    let vendor = one_tenant();
    let verifier = for_one(&vendor);
    let implicit = vendor.token("access_token.json").without("groups").claim("hasgroups", true);
    for token in [vendor.token("overage_token.json"), implicit] {
        let claims = accepted(&verifier, &token).await;
        assert!(allows(&claims, "scope(orders.read)"), "the rest of the token is as good as ever");
        for policy in ["group(x)", "!group(x)", "group(x) | !group(x)"] {
            assert!(!allows(&claims, policy), "{policy}");
        }
    }
    let claims = accepted(&verifier, &vendor.token("access_token.json")).await;
    assert!(allows(&claims, "!group(x)"), "where they fit, the token does say");
}

#[tokio::test]
async fn entra_refuses_near_misses() {
    let vendor = one_tenant();
    let verifier = for_one(&vendor);
    let token = vendor.token("access_token.json");
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        (
            "the ID token of the same app registration",
            vendor.token("id_token.json"),
            Reason::RequiredClaimMissing,
        ),
        ("an ID token with its hash", token.clone().claim("at_hash", "x"), Reason::NotAnAccessToken),
        ("another tenant", of(OTHER, token.clone()), Reason::IssuerUnknown),
        ("the template itself", token.clone().claim("iss", v2("{tenantid}")), Reason::IssuerUnknown),
        (
            "the v1 issuer",
            token.clone().claim("iss", format!("https://sts.windows.net/{ACME}/")),
            Reason::IssuerUnknown,
        ),
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

#[tokio::test]
async fn tenant_mismatch_is_a_tid_that_is_not_the_tenant_inside_iss() {
    let (one, all) = (one_tenant(), all_tenants());
    for (vendor, verifier) in [(&one, for_one(&one)), (&all, for_two(&all))] {
        let token = vendor.token("access_token.json");
        assert_eq!(refusal(&verifier, &token).await, None);
        for (name, token) in [
            ("another of the list", token.clone().claim("tid", OTHER)),
            ("a stranger", token.clone().claim("tid", STRANGER)),
            ("another case", token.clone().claim("tid", ACME.to_uppercase())),
            ("no string", token.clone().claim("tid", json!([ACME]))),
            ("empty", token.clone().claim("tid", "")),
            ("none", token.clone().without("tid")),
        ] {
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::TenantMismatch), "{name}");
        }
    }
}

#[tokio::test]
async fn several_tenants_are_those_of_the_list_and_no_other() {
    let vendor = all_tenants();
    let verifier = for_two(&vendor);
    let token = vendor.token("access_token.json");
    for tenant in [ACME, OTHER] {
        let claims = accepted(&verifier, &of(tenant, token.clone())).await;
        assert_eq!(claims.issuer(), v2(tenant));
        assert!(allows(&claims, &format!("issuer({})", v2(tenant))));
    }
    for stranger in [STRANGER, "9188040d-6c67-4c5b-b112-36a304b66dad", "{tenantid}", "organizations", ""] {
        let token = of(stranger, token.clone());
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::IssuerUnknown), "{stranger}");
    }
    refuses_the_usual(&verifier, &token).await;
    assert_eq!(vendor.asked(), [shared_address(), format!("{HOST}/organizations/discovery/v2.0/keys")]);
}

/// The set that all tenants share says of each key whose it is.
#[tokio::test]
async fn key_issuer_mismatch_is_a_key_that_signs_for_another_tenant() {
    let vendor = all_tenants();
    let (alone, other) = (for_two(&vendor), Issuer::entra_v1(STRANGER).unwrap().fetch(vendor.clone()));
    let trusted = Issuer::entra_tenants([ACME, OTHER]).unwrap();
    let among = vendor.trusting(trusted).issuer(other).audience(API).build().unwrap();
    let token = vendor.token("access_token.json");
    for verifier in [alone, among] {
        assert_eq!(refusal(&verifier, &of(OTHER, token.clone()).kid(OF_OTHER)).await, None, "its own");
        assert_eq!(refusal(&verifier, &of(OTHER, token.clone()).kid(OF_ALL)).await, None, "everybody's");
        for (name, kid) in [
            ("another tenant's", OF_OTHER),
            ("that of personal accounts", OF_PERSONAL_ACCOUNTS),
            ("one that does not say whose it is", OF_NOBODY),
        ] {
            let token = of(ACME, token.clone()).kid(kid);
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::KeyIssuerMismatch), "{name}");
        }
        let loud = of(ACME, token.clone()).kid(OF_OTHER).claim("tid", OTHER);
        assert_eq!(refusal(&verifier, &loud).await, Some(Reason::KeyIssuerMismatch), "iss decides, not tid");
    }
    assert_eq!(
        vendor.asked().len(),
        4,
        "each verifier its metadata and keys: a foreign key is no reason to fetch"
    );
}

#[tokio::test]
async fn without_a_kid_only_the_tenants_own_keys_are_tried() {
    let vendor = all_tenants();
    let verifier = for_two(&vendor);
    let token = vendor.token("access_token.json").without_kid();
    assert_eq!(refusal(&verifier, &token).await, None, "everybody's is tried");
    let by_other = of(ACME, token).sign_with(super::signer(1));
    assert_eq!(super::refusal_of(&verifier, &by_other).await, Some(Reason::SignatureInvalid));
}

#[tokio::test]
async fn one_tenants_own_set_serves_that_tenant_whether_it_says_so_or_not() {
    for (owner, reason) in [
        (json!(v2(ACME)), None),
        (json!(v2("{tenantid}")), None),
        (json!(v2(OTHER)), Some(Reason::KeyIssuerMismatch)),
        (json!(1), Some(Reason::KeyIssuerMismatch)),
    ] {
        let mut vendor = one_tenant();
        let set = vendor.documents.get_mut(&format!("{HOST}/{ACME}/discovery/v2.0/keys")).unwrap();
        set["keys"][0]["issuer"] = owner.clone();
        let token = vendor.token("access_token.json");
        assert_eq!(refusal(&for_one(&vendor), &token).await, reason, "{owner}");
    }
}

#[tokio::test]
async fn shared_metadata_must_be_the_template_byte_for_byte() {
    for issuer in
        [v2(ACME), v2("{tenantId}"), v2("common"), "{tenantid}".into(), format!("{}/", v2("{tenantid}"))]
    {
        let vendor = all_tenants().saying(&shared_address(), "issuer", json!(issuer));
        let verifier = for_two(&vendor);
        assert_eq!(verifier.warm_up().await.issuers[0].state, KeyState::NeverLoaded, "{issuer}");
        let token = vendor.token("access_token.json");
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::KeysUnavailable), "{issuer}");
    }
    let vendor = one_tenant();
    let address = format!("{HOST}/{ACME}/v2.0/{WELL_KNOWN}");
    let vendor = vendor.saying(&address, "issuer", json!(v2("{tenantid}")));
    let status = for_one(&vendor).warm_up().await;
    assert_eq!(status.issuers[0].state, KeyState::NeverLoaded, "one tenant's metadata names that tenant");
}

#[tokio::test]
async fn v1_tokens_have_an_issuer_and_a_client_of_their_own() {
    let vendor = Vendor::at(&format!("{HOST}/{ACME}/{WELL_KNOWN}"), "entra_v1");
    let verifier = vendor.trusting(Issuer::entra_v1(ACME).unwrap()).audience("api://orders").build().unwrap();
    let token = vendor.token("access_token.json");
    let claims = accepted(&verifier, &token).await;
    assert_eq!(claims.issuer(), format!("https://sts.windows.net/{ACME}/"));
    assert_eq!(claims.principal().client(), Some("75dbe77f-10a3-4e59-85fd-8c127544f17c"));
    assert_eq!(items(claims.scopes()), ["user_impersonation"]);
    refuses_the_usual(&verifier, &token).await;
    for (name, token, reason) in [
        ("the v2 issuer", token.clone().claim("iss", v2(ACME)), Reason::IssuerUnknown),
        ("no client: an ID token", token.clone().without("appid"), Reason::RequiredClaimMissing),
        ("another tid", token.clone().claim("tid", OTHER), Reason::TenantMismatch),
        ("no audience", token.clone().without("aud"), Reason::AudMissing),
    ] {
        assert_eq!(refusal(&verifier, &token).await, Some(reason), "{name}");
    }
}

#[tokio::test]
async fn several_tenants_of_v1_share_keys_that_name_nobody() {
    let address = format!("{HOST}/organizations/{WELL_KNOWN}");
    let vendor = Vendor::with(&address, "entra_v1", "discovery_organizations.json", "jwks.json");
    let trusted = Issuer::entra_v1_tenants([OTHER, ACME]).unwrap();
    let verifier = vendor.trusting(trusted).audience("api://orders").build().unwrap();
    let token = vendor.token("access_token.json");
    let of = |tenant: &str| {
        token.clone().claim("iss", format!("https://sts.windows.net/{tenant}/")).claim("tid", tenant)
    };
    for tenant in [ACME, OTHER] {
        assert_eq!(refusal(&verifier, &of(tenant)).await, None, "{tenant}");
    }
    assert_eq!(refusal(&verifier, &of(STRANGER)).await, Some(Reason::IssuerUnknown));
    assert_eq!(refusal(&verifier, &of(ACME).claim("tid", OTHER)).await, Some(Reason::TenantMismatch));
    assert_eq!(vendor.asked(), [address, format!("{HOST}/common/discovery/keys")]);
}

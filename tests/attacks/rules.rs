//! Rules of one issuer, and the order in which a set-up is said.

use super::judged;
use tower_bearer::{
    Issuer, Verifier,
    issuer::{Settings, Tenant, Tenants},
    testing::{AUDIENCE, TestIssuer},
};
#[tokio::test]
async fn clients_and_required_claims_hold() {
    let i = TestIssuer::new();
    let v = Verifier::builder()
        .issuer(i.issuer().clients(["web"]).require_claim("/a/b", ["x"]))
        .audience(AUDIENCE)
        .clock(i.clock())
        .build()
        .unwrap();
    let t = || i.token().claim("a", serde_json::json!({"b": "x"}));
    assert_eq!(judged(&v, &t().without("client_id").claim("azp", "web").sign()).await, "passes");
    for (what, token) in [
        ("array client_id", t().claim("client_id", serde_json::json!(["web"])).claim("azp", "web")),
        ("null client_id", t().claim("client_id", serde_json::Value::Null).claim("azp", "web")),
        ("other client_id", t().claim("client_id", "evil").claim("azp", "web")),
        ("empty", t().claim("client_id", "").claim("azp", "web")),
        ("a.b as one name", i.token().claim("client_id", "web").claim("/a/b", "x")),
        ("null", t().claim("client_id", "web").claim("a", serde_json::json!({"b": null}))),
        ("object", t().claim("client_id", "web").claim("a", serde_json::json!({"b": {"x": 1}}))),
        ("mixed array", t().claim("client_id", "web").claim("a", serde_json::json!({"b": ["x", 1]}))),
        ("array on the way", t().claim("client_id", "web").claim("a", serde_json::json!([{"b": "x"}]))),
    ] {
        assert_ne!(judged(&v, &token.sign()).await, "passes", "{what}");
    }
}

#[tokio::test]
async fn strict_and_settings_reach_tenants_in_any_order() {
    let acme = TestIssuer::named("https://id.example.com/realms/acme");
    let a = acme.clone();
    let tenants = Tenants::new("https://id.example.com/realms/{tenant}", move |_: Tenant| {
        let i = a.issuer();
        async move { Ok::<_, std::io::Error>(Some(i)) }
    });
    let s: Settings = serde_json::from_str(r#"{"strict": true, "algorithms": ["RS256"]}"#).unwrap();
    let v = Verifier::builder()
        .audience(AUDIENCE)
        .tenants(tenants)
        .clock(acme.clock())
        .settings(s)
        .build()
        .unwrap();
    assert_ne!(judged(&v, &acme.token().sign()).await, "passes");
}

#[test]
fn cognito_without_audience_lets_no_other_in() {
    let i = TestIssuer::new();
    let cognito =
        || Issuer::cognito("eu-west-1", "eu-west-1_aB3dE5fGh", ["abc"]).unwrap().fetch(i.transport());
    let v = Verifier::builder().issuer(cognito()).build().unwrap();
    assert!(v.add_issuer(i.issuer()).is_err());
    assert!(Verifier::builder().issuer(cognito()).issuer(i.issuer()).build().is_err());
    assert!(Verifier::builder().issuer(cognito().clients(["x"])).build().is_err());
}

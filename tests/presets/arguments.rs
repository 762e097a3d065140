//! What a constructor is given becomes a part of an identifier and of an address.

use tower_bearer::{ConfigError, Issuer, Verifier, testing::TestClock};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const POOL: &str = "us-west-2_aBcDeFgHi";

type Attempt = fn(&str) -> Result<Issuer, ConfigError>;

/// Each argument by the name that its fault bears, and a constructor that is right in everything else.
const ARGUMENTS: [(&str, &str, Attempt); 14] = [
    ("base_url", "https://id.example.com", |text| Issuer::keycloak(text, "acme")),
    ("realm", "acme", |text| Issuer::keycloak("https://id.example.com", text)),
    ("tenant", TENANT, Issuer::entra),
    ("tenant", TENANT, Issuer::entra_v1),
    ("tenant", TENANT, |text| Issuer::entra_tenants([OTHER, text])),
    ("tenant", TENANT, |text| Issuer::entra_v1_tenants([OTHER, text])),
    ("domain", "acme.eu.auth0.com", Issuer::auth0),
    ("domain", "acme.okta.com", |text| Issuer::okta(text, "default")),
    ("authorization_server", "default", |text| Issuer::okta("acme.okta.com", text)),
    ("region", "us-west-2", |text| Issuer::cognito(text, POOL, ["client"])),
    ("user_pool_id", POOL, |text| Issuer::cognito("us-west-2", text, ["client"])),
    ("client_ids", "57cbishk4j24pabc1234567890", |text| Issuer::cognito("us-west-2", POOL, ["client", text])),
    ("domain", "acme.zitadel.cloud", |text| Issuer::zitadel(text, "1")),
    ("project_id", "344374183645413380", |text| Issuer::zitadel("acme.zitadel.cloud", text)),
];

fn settings(result: Result<Issuer, ConfigError>) -> Vec<String> {
    let faults = result.err().map(|error| error.faults().to_vec()).unwrap_or_default();
    faults.iter().map(|fault| fault.setting().to_owned()).collect()
}

#[test]
fn no_argument_can_bring_a_path_a_host_a_query_or_a_space() {
    for (name, good, make) in ARGUMENTS {
        assert_eq!(settings(make(good)), [""; 0], "{name}");
        for smuggled in
            ["", " ", "a b", "\u{a0}", "\n", "é", "a\\b", "a?b", "a#b", "a%2fb", "../x", "..", "."]
        {
            assert_eq!(
                settings(make(smuggled)).first().map(String::as_str),
                Some(name),
                "{name} {smuggled:?}"
            );
        }
        for end in [
            "?x=1",
            "#x",
            "@evil.example",
            " ",
            "\t",
            "\n",
            "/../x",
            "%2f",
            "\\x",
            "é",
            ";x",
            "//evil.example",
        ] {
            let smuggled = format!("{good}{end}");
            assert!(settings(make(&smuggled)).contains(&name.to_owned()), "{name} {smuggled:?}");
        }
        for start in ["evil.example/", "user@", "//", "?", "#", " "] {
            let smuggled = format!("{start}{good}");
            assert!(settings(make(&smuggled)).contains(&name.to_owned()), "{name} {smuggled:?}");
        }
        if name != "base_url" {
            assert!(!settings(make(&format!("{good}/x"))).is_empty(), "{name}");
        }
    }
}

#[test]
fn keycloaks_base_may_have_a_path_and_one_slash_at_its_end() {
    for (base, identifier) in [
        ("https://id.example.com", "https://id.example.com/realms/acme"),
        ("https://id.example.com/", "https://id.example.com/realms/acme"),
        ("https://id.example.com/auth", "https://id.example.com/auth/realms/acme"),
        ("https://id.example.com/auth/", "https://id.example.com/auth/realms/acme"),
        ("http://localhost:8080", "http://localhost:8080/realms/acme"),
    ] {
        let issuer = Issuer::keycloak(base, "acme").unwrap();
        assert!(format!("{issuer:?}").contains(&format!("[\"{identifier}\"]")), "{issuer:?}");
    }
    for bad in
        ["id.example.com", "ftp://id.example.com", "https://", "https://id.example.com//", "https://a/b//c"]
    {
        assert_eq!(settings(Issuer::keycloak(bad, "acme")), ["base_url"], "{bad}");
    }
    let faults = settings(Issuer::keycloak("https://user:secret@id.example.com", "a/b"));
    assert_eq!(faults, ["base_url", "realm"], "all faults at once");
}

#[test]
fn a_tenant_is_one_tenants_id() {
    for many in ["common", "organizations", "consumers", "Common"] {
        let sentence = Issuer::entra(many).unwrap_err().faults()[0].sentence().to_owned();
        assert!(sentence.contains("many tenants"), "{many}: {sentence}");
    }
    let personal = Issuer::entra("9188040d-6c67-4c5b-b112-36a304b66dad").unwrap_err();
    assert!(personal.faults()[0].sentence().contains("personal accounts"));
    for bad in [
        "contoso.onmicrosoft.com",
        "contoso.com",
        "{tenantid}",
        "72f988bf86f141af91ab2d7cd011db47",
        "{72f988bf-86f1-41af-91ab-2d7cd011db47}",
        "72f988bf-86f1-41af-91ab-2d7cd011db4g",
        "72f988bf-86f1-41af-91ab-2d7cd011db477",
        "72f988bf-86f1-41af-91ab-2d7cd011db47-",
    ] {
        let sentence = Issuer::entra(bad).unwrap_err().faults()[0].sentence().to_owned();
        assert!(sentence.contains("GUID"), "{bad}: {sentence}");
    }
    let shouted = Issuer::entra(&TENANT.to_uppercase()).unwrap();
    assert!(format!("{shouted:?}").contains(TENANT), "as Entra writes it");
    assert_eq!(settings(Issuer::entra_tenants([])), ["tenants"]);
    assert_eq!(settings(Issuer::entra_tenants([TENANT, &TENANT.to_uppercase()])), ["tenant"]);
    assert_eq!(settings(Issuer::entra_tenants(["common", TENANT, "contoso.com"])), ["tenant", "tenant"]);
}

#[test]
fn a_pool_has_its_region_and_at_least_one_client() {
    let pool = |region: &str, pool: &str| settings(Issuer::cognito(region, pool, ["client"]));
    for region in ["us-west-2", "eu-central-1", "us-gov-west-1", "ap-southeast-4"] {
        assert_eq!(pool(region, &format!("{region}_aB3")), [""; 0], "{region}");
    }
    for region in
        ["us", "us-west", "uswest2", "US-WEST-2", "cn-north-1", "us-west-222", "us--2", "-us-west-2"]
    {
        assert_eq!(pool(region, &format!("{region}_aB3")), ["region"], "{region}");
    }
    for id in ["aBcDeFgHi", "eu-west-1_aBcDeFgHi", "us-west-2_", "us-west-2_a_b", "us-west-2aBc"] {
        assert_eq!(pool("us-west-2", id), ["user_pool_id"], "{id}");
    }
    let no_clients: [&str; 0] = [];
    assert_eq!(settings(Issuer::cognito("us-west-2", POOL, no_clients)), ["client_ids"]);
}

/// A preset that RFC 9068 whole cannot fit says so at start, before every caller is refused.
#[test]
fn strict_is_a_fault_beside_an_issuer_that_cannot_meet_it() {
    let build = |issuer: Issuer| {
        let builder = Verifier::builder().issuer(issuer).audience("api").clock(TestClock::frozen());
        settings(builder.strict().build().map(|_| Issuer::google().unwrap()))
    };
    for (identifier, issuer) in [
        ("https://accounts.google.com", Issuer::google()),
        (
            "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_aBcDeFgHi",
            Issuer::cognito("us-west-2", POOL, ["c"]),
        ),
        (
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            Issuer::entra(TENANT),
        ),
        ("https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", Issuer::entra_v1(TENANT)),
        ("https://acme.okta.com/oauth2/default", Issuer::okta("acme.okta.com", "default")),
        ("https://id.test", Issuer::discover("https://id.test").map(Issuer::accept_id_tokens)),
    ] {
        assert_eq!(build(issuer.unwrap()), [format!("issuer {identifier}: strict")], "{identifier}");
    }
    for able in [Issuer::keycloak("https://id.test", "acme"), Issuer::auth0("acme.auth0.com")] {
        assert_eq!(build(able.unwrap()), [""; 0]);
    }
}

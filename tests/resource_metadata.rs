//! Protected Resource Metadata (RFC 9728): from the challenge to the document, and nothing of either from the request.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, response::Response};
use http::{Method, Request, StatusCode, header::WWW_AUTHENTICATE};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer,
    guard::{GuardedRouter, guarded},
    metadata::{ProtectedResource, ResourceMetadata},
    policy::{Policy, optional, public, role, scope},
    testing::TestIssuer,
};

const RESOURCE: &str = "https://resource.example.com/resource1";
const SERVER: &str = "https://as1.example.com";

fn routes() -> GuardedRouter {
    let hidden = !scope("banned") & role("clerk") & scope("write");
    GuardedRouter::new()
        .route("/health", guarded::get(public("probes ask it"), || async {}))
        .route("/prices", guarded::get(optional("members see theirs"), || async {}))
        .route("/orders", guarded::get(scope("read"), || async {}).post(hidden, || async {}))
        .route("/orders/{id}", guarded::get(scope("read") | scope("admin"), || async {}))
}

fn resource() -> ProtectedResource {
    ProtectedResource::new(RESOURCE).authorization_server(SERVER)
}

/// The guarded routes with their metadata beside them.
fn service(issuer: &TestIssuer) -> (Router, ResourceMetadata) {
    let verifier = issuer.verifier().build().unwrap();
    let metadata = resource().policies(routes().table().policies()).build().unwrap();
    let layer = AuthenticateLayer::new(verifier).resource_metadata(metadata.url());
    (routes().into_router(layer).merge(metadata.router()), metadata)
}

async fn send(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn faults(resource: ProtectedResource) -> Vec<String> {
    let error = resource.build().expect_err("a set-up that cannot work");
    error.faults().iter().map(ToString::to_string).collect()
}

#[test]
fn every_fault_is_told_at_once() {
    let all = ProtectedResource::new("http://api.example.com/?a#b")
        .authorization_server("https://as.example.com#x")
        .authorization_server("as2")
        .name(" ")
        .documentation("docs.html");
    assert_eq!(
        faults(all),
        [
            r#"resource: "http://api.example.com/?a#b" is no https URL of a host (http only on loopback; no user information)"#,
            r#"resource: "http://api.example.com/?a#b" has a fragment"#,
            r#"resource: "http://api.example.com/?a#b" has a query"#,
            r#"authorization_server: "https://as.example.com#x" has a fragment"#,
            r#"authorization_server: "as2" is no https URL of a host (http only on loopback; no user information)"#,
            "name: is empty: leave it out, or say what people call the resource",
            r#"documentation: "docs.html" is no web address"#,
        ]
    );
    let nobody = faults(ProtectedResource::new(RESOURCE));
    assert_eq!(
        nobody,
        ["authorization_server: name at least one: without it no client knows where to get a token"]
    );
}

#[test]
fn the_address_is_made_as_rfc_9728_section_3_1_says() {
    for (resource, url, path) in [
        // The section's two examples, and the slash that it takes away.
        ("https://resource.example.com", "", ""),
        ("https://resource.example.com/resource1", "/resource1", "/resource1"),
        ("https://resource.example.com/", "", ""),
        ("https://resource.example.com/a/b/", "/a/b/", "/a/b/"),
    ] {
        let metadata = ProtectedResource::new(resource).authorization_server(SERVER).build().unwrap();
        let well_known = "/.well-known/oauth-protected-resource";
        assert_eq!(metadata.url(), format!("https://resource.example.com{well_known}{url}"));
        assert_eq!(metadata.path(), format!("{well_known}{path}"));
        // As written, for clients compare it whole (section 3.3).
        assert_eq!(metadata.to_json()["resource"], resource);
    }
}

#[tokio::test]
async fn the_document_of_rfc_9728_section_3_2_is_served_as_far_as_it_concerns_us() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let policies: [Policy; 3] =
        ["scope(profile)", "scope(email)", "scope(phone)"].map(|text| text.parse().unwrap());
    let metadata = ProtectedResource::new("https://resource.example.com")
        .authorization_server(SERVER)
        .authorization_server("https://as2.example.net")
        .authorization_server(SERVER)
        .policies(&policies)
        .documentation("https://resource.example.com/resource_documentation.html")
        .build()
        .unwrap();
    let app: Router = metadata.router().layer(AuthenticateLayer::new(verifier).optional());
    let response = send(&app, Method::GET, "/.well-known/oauth-protected-resource", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    let document: Value = serde_json::from_str(&text(response).await).unwrap();
    // "header" alone: a body or a query carries no token here.
    assert_eq!(
        document,
        json!({
            "resource": "https://resource.example.com",
            "authorization_servers": ["https://as1.example.com", "https://as2.example.net"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["email", "phone", "profile"],
            "resource_documentation": "https://resource.example.com/resource_documentation.html"
        })
    );
    assert_eq!(document, metadata.to_json());
}

#[test]
fn what_is_empty_is_left_out() {
    let bare = resource().policies([&public("a"), &!scope("x")]).build().unwrap().to_json();
    let names: Vec<_> = bare.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["authorization_servers", "bearer_methods_supported", "resource"]);
    let named = resource().name("Bestellungen \u{2603}").build().unwrap().to_json();
    assert_eq!(named["resource_name"], "Bestellungen \u{2603}");
}

#[tokio::test]
async fn a_client_finds_its_way_from_the_challenge_to_the_document() {
    let issuer = TestIssuer::new();
    let (app, metadata) = service(&issuer);
    let refused = send(&app, Method::GET, "/orders", &[]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(
        challenge,
        r#"Bearer scope="read", resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource/resource1""#
    );
    let path = metadata.url().strip_prefix("https://resource.example.com").unwrap();
    let document: Value =
        serde_json::from_str(&text(send(&app, Method::GET, path, &[]).await).await).unwrap();
    assert_eq!(document["resource"], RESOURCE);
    assert_eq!(document["authorization_servers"], json!([SERVER]));
    // Of every policy in the table; nothing from under a `!`.
    assert_eq!(document["scopes_supported"], json!(["admin", "read", "write"]));
    let token = format!("Bearer {}", issuer.token().scope("read").sign());
    let passed = send(&app, Method::GET, "/orders", &[("authorization", &token)]).await;
    assert_eq!(passed.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_401_and_403_names_the_document_and_no_400_does() {
    let issuer = TestIssuer::new();
    let (app, metadata) = service(&issuer);
    let named = format!(r#"resource_metadata="{}""#, metadata.url());
    let bearer = |token: String| format!("Bearer {token}");
    for (name, header, status) in [
        ("garbage", "Bearer garbage".to_owned(), 401),
        ("an expired token", bearer(issuer.token().scope("read").expired().sign()), 401),
        ("another scheme", "Basic YTpi".to_owned(), 401),
        ("too few scopes", bearer(issuer.token().scope("other").sign()), 403),
        ("a scheme without a token", "Bearer".to_owned(), 400),
    ] {
        let response = send(&app, Method::GET, "/orders", &[("authorization", &header)]).await;
        assert_eq!(response.status(), status, "{name}");
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert_eq!(challenge.contains(&named), status != 400, "{name}: {challenge}");
    }
}

#[tokio::test]
async fn no_header_of_a_request_changes_the_document_or_the_challenge() {
    let (app, metadata) = service(&TestIssuer::new());
    let forged = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example"),
        ("x-original-url", "/evil"),
    ];
    for path in [metadata.path(), "/orders"] {
        let plain = send(&app, Method::GET, path, &[]).await;
        let other = send(&app, Method::GET, path, &forged).await;
        assert_eq!(plain.headers(), other.headers(), "{path}");
        assert_eq!(text(plain).await, text(other).await, "{path}");
    }
    let whole = send(&app, Method::GET, &format!("http://evil.example{}", metadata.path()), &[]).await;
    assert!(!text(whole).await.contains("evil"));
}

#[tokio::test]
async fn anybody_may_read_it_from_any_origin_and_keep_it_for_a_while() {
    let (app, metadata) = service(&TestIssuer::new());
    let origin = [("origin", "https://app.example"), ("authorization", "Bearer garbage")];
    let got = send(&app, Method::GET, metadata.path(), &origin).await;
    assert_eq!(got.status(), StatusCode::OK, "a bad token does not matter here");
    assert_eq!(got.headers()["access-control-allow-origin"], "*");
    assert_eq!(got.headers()["cache-control"], "public, max-age=600");
    let head = send(&app, Method::HEAD, metadata.path(), &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], got.headers()["content-length"]);
    assert_eq!(text(head).await, "");
    assert!(text(got).await.contains(RESOURCE));

    let asks = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "mcp-protocol-version"),
    ];
    let preflight = send(&app, Method::OPTIONS, metadata.path(), &asks).await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-methods"], "GET, HEAD");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "*");

    let post = send(&app, Method::POST, metadata.path(), &[]).await;
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.headers()["allow"], "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn only_the_resources_own_path_has_it() {
    let (app, metadata) = service(&TestIssuer::new());
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/resource2",
        &format!("{}/", metadata.path()),
        "/resource1/.well-known/oauth-protected-resource",
    ] {
        assert_eq!(send(&app, Method::GET, path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn signs_of_the_router_in_a_path_are_nothing_but_signs() {
    for resource in ["https://api.example.com/:id/*rest", "https://api.example.com/a%20b;v=1/~x"] {
        let metadata = ProtectedResource::new(resource).authorization_server(SERVER).build().unwrap();
        let app: Router = metadata.router();
        let own = send(&app, Method::GET, metadata.path(), &[]).await;
        assert_eq!(own.status(), StatusCode::OK, "{resource}");
        let other = metadata.path().replace(":id", "7").replace("a%20b", "a b").replace(' ', "+");
        assert_eq!(send(&app, Method::GET, &other, &[]).await.status(), StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn beside_a_cors_layer_it_stays_readable_from_every_origin_and_the_layer_keeps_the_rest() {
    use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
    let issuer = TestIssuer::new();
    let metadata = resource().policies(routes().table().policies()).build().unwrap();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let page = "https://app.example.com";
    let cors = tower_http::cors::CorsLayer::new().allow_origin([page.parse().unwrap()]);
    let app = metadata.router().merge(routes().into_router(layer).layer(cors));
    for (name, method, path, origin, allowed) in [
        ("another page", Method::GET, metadata.path(), "https://other.example", Some("*")),
        ("its preflight", Method::OPTIONS, metadata.path(), "https://other.example", Some("*")),
        ("a refusal", Method::GET, "/orders", page, Some(page)),
        ("a path that is not there", Method::GET, "/nowhere", page, Some(page)),
        ("another page's refusal", Method::GET, "/orders", "https://other.example", None),
    ] {
        let response = send(&app, method, path, &[(ORIGIN.as_str(), origin)]).await;
        let told = response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
        assert_eq!(told, allowed, "{name}");
    }
}

#[tokio::test]
async fn after_a_reload_every_clone_names_the_scopes_of_the_new_policies() {
    let issuer = TestIssuer::new();
    let (app, metadata) = service(&issuer);
    let listed = || async {
        let document: Value =
            serde_json::from_str(&text(send(&app, Method::GET, metadata.path(), &[]).await).await).unwrap();
        document["scopes_supported"].clone()
    };
    assert_eq!(listed().await, json!(["admin", "read", "write"]));
    metadata.clone().replace_policies([scope("audit"), !scope("banned")]);
    assert_eq!(listed().await, json!(["audit"]));
    metadata.replace_policies([&public("nothing")]);
    assert_eq!(listed().await, Value::Null, "what is empty is left out");
    assert_eq!(metadata.to_json()["resource"], RESOURCE);
}

#[tokio::test]
async fn a_guarded_router_can_have_it_in_its_table() {
    let issuer = TestIssuer::new();
    let metadata = resource().build().unwrap();
    let reason = public("read before there is a token");
    let routes = routes().route_service(metadata.path(), reason, metadata.clone());
    assert!(routes.table().to_string().contains("/.well-known/oauth-protected-resource/resource1"));
    routes.table().check().unwrap();
    let app: Router = routes.into_router(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let response = send(&app, Method::GET, metadata.path(), &[("authorization", "Bearer garbage")]).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn the_verifiers_issuers_need_not_be_written_again() {
    let (one, two) = (TestIssuer::new(), TestIssuer::named("https://id.example.com"));
    let verifier = one.verifier().issuer(two.issuer()).build().unwrap();
    let metadata = ProtectedResource::new(RESOURCE).issuers_of(&verifier).build().unwrap();
    assert_eq!(
        metadata.to_json()["authorization_servers"],
        json!(["https://issuer.test", "https://id.example.com"])
    );
}

/// As the documentation of `router` says it is to be used.
#[tokio::test]
async fn such_a_router_goes_into_an_application_s() {
    let resource = "https://api.example.com/:id/*rest";
    let metadata = ProtectedResource::new(resource).authorization_server(SERVER).build().unwrap();
    let app: Router = Router::new().without_v07_checks().merge(metadata.router());
    assert_eq!(send(&app, Method::GET, metadata.path(), &[]).await.status(), StatusCode::OK);
}

/// "The one form that every parser leaves as it is": a browser's makes something else of each of these (WHATWG URL, the host
/// parser and the port state), and compares that.
#[test]
fn an_identifier_that_a_browser_writes_otherwise_is_a_fault() {
    for resource in [
        "https://api.example.com:443/orders",
        "https://api.example.com:08443/orders",
        "http://127.0.0.1:80/orders",
        "http://127.1/orders",
        "http://0x7f.0.0.1/orders",
        "https://api%2Eexample.com/orders",
        "http://[0:0:0:0:0:0:0:1]/orders",
    ] {
        let built = ProtectedResource::new(resource).authorization_server(SERVER).build();
        assert!(built.is_err(), "{resource}");
    }
}

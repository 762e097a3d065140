//! An OpenAPI document says what the policies enforce, and no more of them than it should.
//!
//! With `OPENAPI_DUMP=<folder>` each document is left there, for a validator that is not ours:
//! `openapi-spec-validator <folder>/*.json` (of Python).
#![cfg(all(feature = "utoipa", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header::WWW_AUTHENTICATE};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    hash::{Hash as _, Hasher as _},
    time::Duration,
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer,
    guard::{GuardedRouter, guarded, named},
    metadata::ProtectedResource,
    openapi::{Security, undocumented},
    policy::{Policy, Rule, max_age, optional, public, role, rule, scope},
    testing::TestIssuer,
};
use utoipa::openapi::{
    Components, Object, OpenApi, Required, Response, Type,
    path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem},
    security::{
        ApiKey, ApiKeyValue, AuthorizationCode, ClientCredentials, Flow, Scopes, SecurityRequirement,
        SecurityScheme,
    },
};

async fn ok() {}

fn operation() -> Operation {
    OperationBuilder::new().response("200", Response::new("well")).build()
}

fn document(operations: &[(HttpMethod, &str)]) -> OpenApi {
    let mut document = OpenApi::default();
    for (method, path) in operations {
        let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let parameter = |name| ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        let parameters: Vec<_> = names
            .map(|name| {
                parameter(name).required(Required::True).schema(Some(Object::with_type(Type::String)))
            })
            .map(|parameter| parameter.build().into())
            .collect();
        let mut operation = operation();
        operation.parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
        document.paths.add_path_operation(path, vec![method.clone()], operation);
    }
    document
}

fn written(security: &Security, document: OpenApi, routes: &GuardedRouter) -> Value {
    let document = security.write_into(document, &routes.table()).unwrap();
    let json = serde_json::to_value(&document).unwrap();
    let read: OpenApi = serde_json::from_value(json.clone()).unwrap();
    // What utoipa reads of an OAuth flow is the wrong kind of flow.
    if !json.to_string().contains("oauth2") {
        assert_eq!(serde_json::to_value(read).unwrap(), json);
    }
    if let Some(folder) = std::env::var_os("OPENAPI_DUMP") {
        let mut hasher = std::hash::DefaultHasher::new();
        json.to_string().hash(&mut hasher);
        let name = format!("{:x}.json", hasher.finish());
        std::fs::write(std::path::Path::new(&folder).join(name), json.to_string()).unwrap();
    }
    json
}

/// The one operation of a document, behind this policy.
fn described(security: &Security, policy: &str) -> Value {
    let policy: Policy = policy.parse().unwrap();
    let routes: GuardedRouter = GuardedRouter::new().route("/it", guarded::get(policy, ok));
    written(security, document(&[(HttpMethod::Get, "/it")]), &routes)["paths"]["/it"]["get"].clone()
}

fn faults(security: &Security, document: OpenApi, routes: &GuardedRouter) -> Vec<String> {
    let Err(error) = security.write_into(document, &routes.table()) else { panic!("no fault was found") };
    error.faults().iter().map(ToString::to_string).collect()
}

#[test]
fn what_no_route_answers_is_told_all_at_once() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/orders", guarded::get(scope("read"), ok))
        .route("/files/{*rest}", guarded::get(scope("files"), ok))
        .nest_service("/admin", scope("admin"), Router::<()>::new())
        .fallback(scope("rest"), ok);
    let mut wrong = document(&[
        (HttpMethod::Get, "/orders"),
        (HttpMethod::Post, "/orders"),
        (HttpMethod::Get, "/ordres"),
        (HttpMethod::Get, "/orders/{id}"),
        (HttpMethod::Get, "/administrators"),
        (HttpMethod::Get, "/files/"),
        (HttpMethod::Delete, "/admin/users"),
    ]);
    let mut elsewhere = PathItem::default();
    elsewhere.ref_path = Some("#/components/pathItems/it".to_owned());
    wrong.paths.paths.insert("/elsewhere".to_owned(), elsewhere);
    let nobody = "is in the document, and no route of the table answers it";
    assert_eq!(
        faults(&Security::bearer().named("a token"), wrong, &routes),
        [
            "the security scheme's name: is made of letters, digits, `.`, `-` and `_`".to_owned(),
            format!("GET /administrators: {nobody}"),
            "/elsewhere: refers to another path: write its operations here".to_owned(),
            format!("GET /files/: {nobody}"),
            format!("POST /orders: {nobody}"),
            format!("GET /orders/{{id}}: {nobody}"),
            format!("GET /ordres: {nobody}"),
        ]
    );
}

#[test]
fn each_kind_of_policy_has_its_security_and_its_refusals() {
    for (policy, security, refusals) in [
        (r#"public("probes")"#, json!([]), ""),
        (r#"optional("guests")"#, json!([{}, {"bearer": []}]), "401 503"),
        ("authenticated", json!([{"bearer": []}]), "401 503"),
        ("deny", json!([{"bearer": []}]), "401 403 503"),
        ("scope(a)", json!([{"bearer": ["a"]}]), "401 403 503"),
        ("scope(a) & scope(b)", json!([{"bearer": ["a", "b"]}]), "401 403 503"),
        ("scope(a) | scope(b)", json!([{"bearer": ["a"]}, {"bearer": ["b"]}]), "401 403 503"),
        ("any_scope(a, b)", json!([{"bearer": ["a"]}, {"bearer": ["b"]}]), "401 403 503"),
        (
            "(scope(a) | scope(b)) & all_scopes(c, d)",
            json!([{"bearer": ["a", "c", "d"]}, {"bearer": ["b", "c", "d"]}]),
            "401 403 503",
        ),
        ("role(clerk)", json!([{"bearer": []}]), "401 403 503"),
        ("group(g) & permission(p) & client(c)", json!([{"bearer": []}]), "401 403 503"),
        (r#"claim(c, 1) | absent(d) | issuer("https://i")"#, json!([{"bearer": []}]), "401 403 503"),
        ("check(office-hours)", json!([{"bearer": []}]), "401 403 503"),
        ("role(clerk) | scope(a)", json!([{"bearer": []}, {"bearer": ["a"]}]), "401 403 503"),
        ("scope(a) & !scope(b)", json!([{"bearer": ["a"]}]), "401 403 503"),
        ("acr(gold) & max_age(300) & scope(a)", json!([{"bearer": ["a"]}]), "401 403 503"),
        (r#"public("x") | scope(a)"#, json!([{}, {"bearer": []}, {"bearer": ["a"]}]), "401 503"),
    ] {
        let it = described(&Security::bearer(), policy);
        assert_eq!(it["security"], security, "{policy}");
        let statuses: Vec<_> = it["responses"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(statuses.join(" "), format!("200 {refusals}").trim(), "{policy}");
    }
}

/// What the router answers to nobody is what the document says of the operation.
#[tokio::test]
async fn an_operation_is_described_by_the_policy_of_the_route_that_axum_takes() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/get", guarded::get(scope("get"), ok))
        .route("/head", guarded::get(scope("get-too"), ok).head(scope("head"), ok))
        .route("/any", guarded::any(scope("any"), ok).post(scope("post"), ok))
        .route("/orders/{id}", guarded::get(scope("one"), ok))
        .route("/orders/new", guarded::get(scope("new"), ok))
        .route("/files/{*rest}", guarded::get(scope("files"), ok))
        .route("/mixed/{one}", guarded::get(scope("mixed-one"), ok))
        .route("/mixed/{one}/{*rest}", guarded::get(scope("mixed-rest"), ok))
        .route_service("/service", scope("service"), Router::<()>::new())
        .route("/admin/own", guarded::get(scope("own"), ok))
        .nest_service("/admin", scope("admin"), Router::<()>::new())
        .nest_service("/tenants/{of}/deep", scope("deep"), Router::<()>::new());
    let operations = [
        (HttpMethod::Get, "/get", "/get"),
        (HttpMethod::Head, "/get", "/get"),
        (HttpMethod::Head, "/head", "/head"),
        (HttpMethod::Post, "/any", "/any"),
        (HttpMethod::Put, "/any", "/any"),
        (HttpMethod::Get, "/orders/{order}", "/orders/7"),
        (HttpMethod::Get, "/orders/new", "/orders/new"),
        (HttpMethod::Get, "/orders/latest", "/orders/latest"),
        (HttpMethod::Get, "/orders/{id}.json", "/orders/7.json"),
        (HttpMethod::Get, "/files/{rest}", "/files/a/b"),
        (HttpMethod::Get, "/mixed/{a}", "/mixed/a"),
        (HttpMethod::Get, "/mixed/{a}/{b}", "/mixed/a/b/c"),
        (HttpMethod::Patch, "/service", "/service"),
        (HttpMethod::Get, "/admin/own", "/admin/own"),
        (HttpMethod::Get, "/admin", "/admin"),
        (HttpMethod::Delete, "/admin/users/{id}", "/admin/users/7"),
        (HttpMethod::Get, "/tenants/{id}/deep/er", "/tenants/7/deep/er"),
    ];
    let all: Vec<_> = operations.iter().map(|(method, path, _)| (method.clone(), *path)).collect();
    let json = written(&Security::bearer(), document(&all), &routes);
    let verifier = TestIssuer::new().verifier().build().unwrap();
    let app: Router = routes.into_router(AuthenticateLayer::new(verifier));
    for (method, path, concrete) in operations {
        let method = serde_json::to_value(method).unwrap();
        let name = method.as_str().unwrap();
        let it = &json["paths"][path][name];
        let request = Request::builder().uri(concrete);
        let request = request.method(Method::from_bytes(name.to_uppercase().as_bytes()).unwrap());
        let refused = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{name} {path}");
        let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        let header = &it["responses"]["401"]["headers"]["WWW-Authenticate"];
        assert_eq!(header["example"], challenge, "{name} {path}");
        let scope = it["security"][0]["bearer"][0].as_str().unwrap();
        assert_eq!(challenge, format!(r#"Bearer scope="{scope}""#), "{name} {path}");
    }
}

#[tokio::test]
async fn a_403_is_described_with_the_challenge_that_a_token_without_scopes_gets() {
    let issuer = TestIssuer::new();
    let policy = || (scope("a") | scope("b")) & scope("c") & role("clerk");
    let routes: GuardedRouter = GuardedRouter::new().route("/it", guarded::get(policy(), ok));
    let json = written(&Security::bearer(), document(&[(HttpMethod::Get, "/it")]), &routes);
    let forbidden = &json["paths"]["/it"]["get"]["responses"]["403"];
    let app: Router = routes.into_router(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let token = format!("Bearer {}", issuer.token().scope("x").sign());
    let request = Request::get("/it").header("authorization", token).body(Body::empty()).unwrap();
    let refused = app.oneshot(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    // All but the sentence.
    let described = forbidden["headers"]["WWW-Authenticate"]["example"].as_str().unwrap();
    assert_eq!(described, r#"Bearer error="insufficient_scope", scope="a c""#);
    for parameter in described.trim_start_matches("Bearer ").split(", ") {
        assert!(challenge.contains(parameter), "{challenge}");
    }
}

#[test]
fn the_scopes_are_those_of_the_resource_metadata() {
    let texts = [
        "scope(a) | scope(a) & scope(b)",
        "role(r) & any_scope(c, d) & !scope(hidden)",
        "role(r) | scope(e)",
        "deny & scope(f)",
        r#"public("x")"#,
        // Too many alternatives to list.
        "any_scope(a1, b1) & any_scope(a2, b2) & any_scope(a3, b3) & any_scope(a4, b4) & any_scope(a5, b5)
            & any_scope(a6, b6) & any_scope(a7, b7)",
    ];
    let paths: Vec<_> = (0..texts.len()).map(|i| format!("/{i}")).collect();
    let routes: GuardedRouter = paths.iter().zip(texts).fold(GuardedRouter::new(), |routes, (path, text)| {
        routes.route(path, guarded::get(text.parse::<Policy>().unwrap(), ok))
    });
    let operations: Vec<_> = paths.iter().map(|path| (HttpMethod::Get, path.as_str())).collect();
    let json = written(&Security::bearer(), document(&operations), &routes);
    let requirements = json["paths"].as_object().unwrap().values().flat_map(|item| {
        item["get"]["security"].as_array().unwrap().iter().flat_map(|one| one["bearer"].as_array().unwrap())
    });
    let documented: BTreeSet<_> = requirements.map(|scope| scope.as_str().unwrap().to_owned()).collect();
    let metadata = ProtectedResource::new("https://api.example.com")
        .authorization_server("https://id.example.com")
        .policies(routes.table().policies())
        .build()
        .unwrap();
    assert_eq!(json!(documented), metadata.to_json()["scopes_supported"]);
    assert!(documented.len() == 20 && !documented.contains("hidden"), "{documented:?}");
}

#[test]
fn security_of_the_whole_document_reaches_no_operation() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/open", guarded::get(public("probes"), ok))
        .route("/closed", guarded::get(scope("a"), ok));
    let mut whole = document(&[(HttpMethod::Get, "/open"), (HttpMethod::Get, "/closed")]);
    whole.security = Some(vec![SecurityRequirement::new("everything", ["x"])]);
    let json = written(&Security::bearer(), whole, &routes);
    assert_eq!(json["paths"]["/open"]["get"]["security"], json!([]));
    assert_eq!(json["paths"]["/closed"]["get"]["security"], json!([{"bearer": ["a"]}]));
    assert_eq!(json["security"], json!([{"everything": ["x"]}]), "a webhook may want it");
}

#[test]
fn what_the_author_wrote_stays_but_for_the_security() {
    let mut own = operation();
    own.responses.responses.insert("401".to_owned(), Response::new("our own words").into());
    own.security = Some(vec![SecurityRequirement::new("basic", [""; 0])]);
    let mut whole = OpenApi::default();
    whole.paths.add_path_operation("/it", vec![HttpMethod::Get], own);
    whole.info.title = "Orders".to_owned();
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-key")));
    whole.components = Some(Components::builder().security_scheme("bearer", key).build());
    let routes: GuardedRouter = GuardedRouter::new().route("/it", guarded::get(scope("a"), ok));
    let json = written(&Security::bearer(), whole, &routes);
    let it = &json["paths"]["/it"]["get"];
    assert_eq!(it["responses"]["401"], json!({"description": "our own words"}));
    assert!(it["responses"]["403"]["headers"]["WWW-Authenticate"].is_object());
    assert_eq!(it["security"], json!([{"bearer": ["a"]}]));
    assert_eq!(json["components"]["securitySchemes"]["bearer"]["type"], "apiKey");
    assert_eq!(json["info"]["title"], "Orders");
}

#[test]
fn no_more_of_a_policy_is_published_than_scopes_and_logins() {
    let policy = r#"scope(a) & (role(clerk) | group(night-shift) | claim(site, "vault 7")) & !client(x-ray) & acr(gold)"#;
    let it = described(&Security::bearer(), policy);
    for secret in ["clerk", "night-shift", "vault", "x-ray", "x-policy"] {
        assert!(!it.to_string().contains(secret), "{secret}: {it}");
    }
    let whole = described(&Security::bearer().with_policy_text(), policy);
    assert_eq!(whole["x-policy"], policy);
    assert!(
        whole["responses"]["403"]["description"]
            .as_str()
            .unwrap()
            .ends_with("`x-policy` is the whole policy.")
    );
    let open = described(&Security::bearer().with_policy_text(), r#"public("probes ask it")"#);
    assert_eq!(open["x-policy"], r#"public("probes ask it")"#);
}

struct CanRefund;

impl Rule for CanRefund {
    const NAME: &'static str = "can-refund";

    fn policy() -> Policy {
        (scope("refunds") | scope("all")) & role("manager") & max_age(Duration::from_secs(60))
    }
}

#[test]
fn a_rule_is_described_by_what_it_takes() {
    let routes: GuardedRouter =
        GuardedRouter::new().route("/it", guarded::get(scope("orders") & rule::<CanRefund>(), ok));
    let it = |security: Security| {
        let json = written(&security, document(&[(HttpMethod::Get, "/it")]), &routes);
        json["paths"]["/it"]["get"].clone()
    };
    let quiet = it(Security::bearer());
    assert_eq!(quiet["security"], json!([{"bearer": ["orders", "refunds"]}, {"bearer": ["orders", "all"]}]));
    assert!(quiet["responses"]["401"]["description"].as_str().unwrap().contains("`max_age` of `60` seconds"));
    assert!(!quiet.to_string().contains("manager") && !quiet.to_string().contains("can-refund"), "{quiet}");
    let whole = it(Security::bearer().with_policy_text());
    assert_eq!(whole["x-policy"], "scope(orders) & rule(can-refund)");
    assert_eq!(
        whole["x-policy-rules"],
        json!({"can-refund": "(scope(refunds) | scope(all)) & role(manager) & max_age(60)"})
    );
    // Read from a text and not bound, it has no policy.
    assert_eq!(described(&Security::bearer(), "rule(can-refund)")["security"], json!([{"bearer": []}]));
}

#[test]
fn a_step_up_is_described_with_the_login_that_it_asks_for() {
    let text = |policy: &str| {
        described(&Security::bearer(), policy)["responses"]["401"]["description"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        text("scope(a) & acr(urn:acr:2fa, urn:acr:3fa) & max_age(300)"),
        "There is no access token, or it is refused. `insufficient_user_authentication` in the challenge asks for \
         another login (RFC 9470), with `acr_values` of `urn:acr:2fa`, `urn:acr:3fa` and a `max_age` of `300` seconds."
    );
    assert!(text("max_age(0)").ends_with("with a `max_age` of `0` seconds."));
    assert_eq!(text("scope(a) & !acr(x)"), "There is no access token, or it is refused.");
}

#[test]
fn refusals_have_the_body_that_the_renderer_draws() {
    let bare = described(&Security::bearer(), "scope(a)");
    let problem = described(&Security::bearer().problem_json(), "scope(a)");
    for status in ["401", "403", "503"] {
        assert_eq!(bare["responses"][status].get("content"), None, "{status}");
        let schema = &problem["responses"][status]["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["required"], json!(["status", "title"]), "{status}");
    }
    assert_eq!(bare["responses"]["503"]["headers"]["Retry-After"]["schema"]["type"], "integer");
}

#[test]
fn a_route_without_an_operation_is_published_only_when_that_is_asked_for() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/orders/{id}", guarded::any(scope("x"), ok).get(scope("read"), ok).post(scope("write"), ok))
        .route("/files/{*rest}", guarded::get(public("pictures"), ok).connect(scope("c"), ok))
        .route_service("/ready", public("probes"), Router::<()>::new())
        .fallback(scope("rest"), ok);
    let some = || document(&[(HttpMethod::Get, "/orders/{order}")]);
    let json = written(&Security::bearer(), some(), &routes);
    assert_eq!(json["paths"].as_object().unwrap().len(), 1);
    assert_eq!(json["paths"]["/orders/{order}"].as_object().unwrap().len(), 1);
    let table = routes.table();
    let list = |document: &OpenApi| {
        let missing = undocumented(document, &table);
        missing.iter().map(|row| format!("{} {}", row.method(), row.path())).collect::<Vec<_>>()
    };
    assert_eq!(
        list(&some()),
        [
            "GET /files/{*rest}",
            "CONNECT /files/{*rest}",
            "POST /orders/{id}",
            "ANY /orders/{id}",
            "ANY /ready",
        ]
    );

    let all = Security::bearer().every_route();
    let json = written(&all, some(), &routes);
    assert_eq!(json["paths"].as_object().unwrap().len(), 2);
    let parameter =
        |name: &str| json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string"}}]);
    let files = &json["paths"]["/files/{rest}"]["get"];
    assert_eq!((&files["parameters"], &files["security"]), (&parameter("rest"), &json!([])));
    assert_eq!(files["responses"], json!({"default": {"description": "Not described."}}));
    let post = &json["paths"]["/orders/{order}"]["post"];
    assert_eq!(
        (&post["parameters"], &post["security"]),
        (&parameter("order"), &json!([{"bearer": ["write"]}]))
    );
    let described = all.write_into(some(), &table).unwrap();
    assert_eq!(list(&described), ["CONNECT /files/{*rest}", "ANY /orders/{id}", "ANY /ready"]);
}

#[test]
fn the_scheme_says_where_tokens_come_from() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(scope("read"), ok).post(scope("write") & !scope("hidden"), ok));
    let paths = || document(&[(HttpMethod::Get, "/a"), (HttpMethod::Post, "/a")]);
    let scheme = |security: Security, name: &str| {
        let json = written(&security, paths(), &routes);
        assert_eq!(json["paths"]["/a"]["get"]["security"], json!([{name: ["read"]}]));
        json["components"]["securitySchemes"][name].clone()
    };
    let bearer = json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"});
    assert_eq!(scheme(Security::bearer(), "bearer"), bearer);
    assert_eq!(scheme(Security::bearer().named("token"), "token"), bearer);
    let url = "https://id.example.com/.well-known/openid-configuration";
    assert_eq!(
        scheme(Security::open_id_connect(url), "openIdConnect"),
        json!({"type": "openIdConnect", "openIdConnectUrl": url})
    );
    let by_code = AuthorizationCode::new("https://id/a", "https://id/t", Scopes::one("read", "Reads orders"));
    let by_client = ClientCredentials::new("https://id/t", Scopes::new());
    let flows = [Flow::AuthorizationCode(by_code), Flow::ClientCredentials(by_client)];
    let oauth2 = scheme(Security::oauth2(flows), "oauth2");
    let (code, client) = (&oauth2["flows"]["authorizationCode"], &oauth2["flows"]["clientCredentials"]);
    assert_eq!(code["scopes"], json!({"read": "Reads orders", "write": ""}));
    assert_eq!(client["scopes"], json!({"read": "", "write": ""}));
    assert_eq!(code["tokenUrl"], "https://id/t");
}

#[test]
fn a_document_is_as_the_named_policies_are_when_it_is_made() {
    let routes: GuardedRouter = GuardedRouter::new().route("/it", guarded::get(named("it"), ok));
    let read = |text: &str| toml::from_str(&format!("it = \"{text}\"")).unwrap();
    let (routes, live) = routes.with_policies(&read("scope(old)"), Default::default()).unwrap();
    let security = || {
        let json = written(&Security::bearer(), document(&[(HttpMethod::Get, "/it")]), &routes);
        json["paths"]["/it"]["get"]["security"].clone()
    };
    assert_eq!(security(), json!([{"bearer": ["old"]}]));
    live.reload(&read("scope(new) | role(x)")).unwrap();
    assert_eq!(security(), json!([{"bearer": ["new"]}, {"bearer": []}]));
    let optional: GuardedRouter = GuardedRouter::new().route("/it", guarded::get(optional("guests"), ok));
    let json = written(&Security::bearer(), document(&[(HttpMethod::Get, "/it")]), &optional);
    assert_eq!(json["paths"]["/it"]["get"]["security"], json!([{}, {"bearer": []}]));
}

//! What comes behind the token: the application's own claims type, policies, and a program that is wired wrong.

use super::{Answer, bearer, refusal, request, send};
use axum::{Router, body::Body, http::Request, routing::get};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tower_bearer::{
    AuthenticateLayer, Claims, Verifier,
    claims::Principal,
    error::{AuthErrorKind, Reason},
    policy::{authenticated, role, scope},
    require,
    testing::{TestIssuer, anonymous, caller},
};

#[derive(Debug, serde::Deserialize)]
struct Staff {
    department: String,
    #[serde(default)]
    level: u8,
}

#[tokio::test]
async fn claims_do_not_fit_is_a_token_that_lacks_what_the_application_wants() {
    let issuer = TestIssuer::new();
    let verifier: Verifier<Staff> = issuer.verifier().claims::<Staff>().build().unwrap();
    let of = |department: Value| issuer.token().claim("department", department);
    for (name, token) in [
        ("absent", issuer.token()),
        ("null", of(json!(null))),
        ("a number", of(json!(1))),
        ("an array", of(json!(["sales"]))),
        ("another name", issuer.token().claim("Department", "sales")),
        ("a level out of range", of(json!("sales")).claim("level", 256)),
        ("a level that is negative", of(json!("sales")).claim("level", -1)),
        ("a level as a text", of(json!("sales")).claim("level", "1")),
    ] {
        assert_eq!(refusal(&verifier, &token.sign()).await, Some(Reason::ClaimsDoNotFit), "{name}");
    }
    let claims = verifier.verify(&of(json!("sales")).claim("level", 255).sign()).await.unwrap();
    assert_eq!((claims.department.as_str(), claims.level), ("sales", 255));

    let [header, payload, _] = super::parts(&issuer.token().sign());
    let unsigned = format!("{header}.{payload}.");
    assert_eq!(refusal(&verifier, &unsigned).await, Some(Reason::SignatureInvalid), "the type is asked last");
    let expired = issuer.token().expired().sign();
    assert_eq!(refusal(&verifier, &expired).await, Some(Reason::ExpPast), "the type is asked last");
}

async fn me(caller: Option<Claims>) -> String {
    caller.and_then(|caller| caller.subject().map(str::to_owned)).unwrap_or_default()
}

fn guarded(layer: AuthenticateLayer) -> Router {
    Router::new()
        .route("/", get(me).route_layer(require(scope("orders:read") & role("clerk"))))
        .route("/any", get(me).route_layer(require(authenticated())))
        .layer(layer)
}

#[tokio::test]
async fn policy_needs_token_is_401_with_the_scope_and_no_error() {
    let issuer = TestIssuer::new();
    let app = guarded(AuthenticateLayer::new(issuer.verifier().build().unwrap()).optional());
    let answer = send(&app, request::<&str>(&[])).await;
    assert_eq!((answer.status, answer.reason), (401, Some(Reason::PolicyNeedsToken)));
    assert_eq!(answer.challenge.as_deref(), Some(r#"Bearer scope="orders:read""#));
    let any = Request::get("/any").body(Body::empty()).unwrap();
    let answer = send(&app, any).await;
    assert_eq!((answer.status, answer.challenge.as_deref()), (401, Some("Bearer")));
    let good = issuer.token().scope("orders:read").role("clerk").sign();
    assert_eq!(send(&app, bearer(&good)).await.status, 200);
}

#[tokio::test]
async fn policy_not_met_is_403_with_the_scope_that_is_needed() {
    let issuer = TestIssuer::new();
    let app = guarded(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
    let token = || issuer.token();
    for (name, token) in [
        ("no scope", token().role("clerk")),
        ("another scope", token().scope("orders:write").role("clerk")),
        ("a scope that begins alike", token().scope("orders:reader orders").role("clerk")),
        ("the scope in another case", token().scope("Orders:Read").role("clerk")),
        ("no role", token().scope("orders:read")),
        ("the role as a scope", token().scope("orders:read clerk")),
        ("the scope as a role", token().role("clerk").role("orders:read")),
        ("roles that cannot be read", token().scope("orders:read").claim("roles", json!({"clerk": true}))),
        ("roles of a mixed kind", token().scope("orders:read").claim("roles", json!(["clerk", 1]))),
    ] {
        let answer = send(&app, bearer(&token.sign())).await;
        assert_eq!((answer.status, answer.reason), (403, Some(Reason::PolicyNotMet)), "{name}");
        let challenge = answer.challenge.unwrap();
        assert!(challenge.starts_with(r#"Bearer error="insufficient_scope""#), "{name}: {challenge}");
        assert!(challenge.ends_with(r#"scope="orders:read""#), "{name}: {challenge}");
    }
    let good = token().scope("orders:read").role("clerk").sign();
    assert_eq!(send(&app, bearer(&good)).await.status, 200);
}

#[track_caller]
fn assert_our_fault(answer: &Answer, reason: Reason, name: &str) {
    assert_eq!((answer.status, answer.reason), (500, Some(reason)), "{name}");
    assert_eq!(answer.challenge, None, "{name}: no challenge for a fault of ours");
}

#[tokio::test]
async fn layer_missing_is_500_and_never_anonymous() {
    let issuer = TestIssuer::new();
    let token = issuer.token().sign();
    async fn required(_: Claims) {}
    async fn optional(_: Option<Claims>) {}
    async fn principal(_: Principal) {}
    async fn optional_principal(_: Option<Principal>) {}
    async fn plain() {}
    for (name, route) in [
        ("Claims", get(required)),
        ("Option<Claims>", get(optional)),
        ("Principal", get(principal)),
        ("Option<Principal>", get(optional_principal)),
        ("a policy", get(plain).route_layer(require(authenticated()))),
        ("a policy for everybody", get(plain).route_layer(require(tower_bearer::policy::optional("prices")))),
    ] {
        let bare = Router::new().route("/", route.clone());
        for request in [request::<&str>(&[]), bearer(&token)] {
            assert_our_fault(&send(&bare, request).await, Reason::LayerMissing, name);
        }
        let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
        assert_eq!(send(&bare.layer(layer), bearer(&token)).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn layer_missing_it_is_also_where_the_layer_stands_inside_of_the_policy() {
    let issuer = TestIssuer::new();
    let authenticate = || AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let right =
        Router::new().route("/", get(me).route_layer(require(authenticated())).route_layer(authenticate()));
    let wrong =
        Router::new().route("/", get(me).route_layer(authenticate()).route_layer(require(authenticated())));
    let token = issuer.token().sign();
    assert_our_fault(&send(&wrong, bearer(&token)).await, Reason::LayerMissing, "inside out");
    assert_eq!(send(&right, bearer(&token)).await.status, 200);
}

#[tokio::test]
async fn claims_type_differs_is_500_also_for_an_optional_extractor() {
    let issuer = TestIssuer::new();
    async fn staff(_: Claims<Staff>) {}
    async fn optional_staff(_: Option<Claims<Staff>>) {}
    async fn principal(_: Principal) {}
    let app = Router::new()
        .route("/", get(staff))
        .route("/optional", get(optional_staff))
        .route("/principal", get(principal));
    let token = issuer.token().claim("department", "sales").sign();
    let at = |path: &str, token: Option<&str>| {
        let request = Request::get(path.to_owned());
        let request = token
            .iter()
            .fold(request, |request, token| request.header("authorization", format!("Bearer {token}")));
        request.body(Body::empty()).unwrap()
    };
    let map = AuthenticateLayer::new(issuer.verifier().build().unwrap()).optional();
    let fits = AuthenticateLayer::new(issuer.verifier().claims::<Staff>().build().unwrap()).optional();
    let (differs, fits) = (app.clone().layer(map), app.layer(fits));
    for path in ["/", "/optional"] {
        let answer = send(&differs, at(path, Some(&token))).await;
        assert_our_fault(&answer, Reason::ClaimsTypeDiffers, path);
        let answer = send(&differs, at(path, None)).await;
        assert_our_fault(&answer, Reason::ClaimsTypeDiffers, path);
        assert_eq!(send(&fits, at(path, Some(&token))).await.status, 200, "{path}");
    }
    assert_eq!(send(&differs, at("/principal", Some(&token))).await.status, 200, "no type parameter");
    assert_eq!(send(&fits, at("/optional", None)).await.status, 200);
    assert_eq!(send(&fits, at("/", None)).await.reason, Some(Reason::MissingToken));
}

#[tokio::test]
async fn claims_that_a_client_of_the_service_put_there_are_removed() {
    let issuer = TestIssuer::new();
    let app = guarded(AuthenticateLayer::new(issuer.verifier().build().unwrap()).optional());
    let forged = caller("root").scope("orders:read").role("clerk").attach(request::<&str>(&[]));
    assert_eq!(send(&app, forged).await.reason, Some(Reason::PolicyNeedsToken));
    let forged = caller("root").scope("orders:read").role("clerk").attach(bearer(&issuer.token().sign()));
    assert_eq!(send(&app, forged).await.reason, Some(Reason::PolicyNotMet));
    let hidden = anonymous::<(), _>(bearer(&issuer.token().scope("orders:read").role("clerk").sign()));
    assert_eq!(send(&app, hidden).await.status, 200);
}

#[test]
fn runtime_missing_is_500_and_only_where_keys_must_be_fetched() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let token = issuer.token().sign();
    let error = verifier.verify(&token).now_or_never().unwrap().unwrap_err();
    assert_eq!((error.reason(), error.kind()), (Reason::RuntimeMissing, AuthErrorKind::Misconfigured));
    assert_eq!(error.status().as_u16(), 500);
    assert_eq!(issuer.fetches(), 0);
    let bad = verifier.verify(&issuer.token().expired().sign()).now_or_never().unwrap();
    assert_eq!(bad.unwrap_err().reason(), Reason::ExpPast, "a bad token needs no keys");

    let warmed = issuer.verifier().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(warmed.warm_up()).is_ready());
    drop(runtime);
    assert!(warmed.verify(&token).now_or_never().unwrap().is_ok(), "keys that are there need no runtime");
}

#[tokio::test]
async fn a_mapping_of_the_verifier_serves_every_issuer_that_names_none() {
    let (plain, own) = (TestIssuer::new(), TestIssuer::named("https://own.test"));
    let verifier = plain
        .verifier()
        .roles_from(["/realm_access/roles"])
        .issuer(own.issuer().roles_from(["groups"]))
        .build()
        .unwrap();
    let realm = serde_json::json!({"roles": ["clerk"]});
    for (issuer, role) in [(&plain, "clerk"), (&own, "staff")] {
        let token = issuer.token().claim("realm_access", realm.clone()).group("staff").role("boss").sign();
        let claims = verifier.verify(&token).await.unwrap();
        assert!(claims.principal().roles().eq([role]), "{}", issuer.identifier());
    }
}

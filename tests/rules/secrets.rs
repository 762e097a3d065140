//! Nobody learns the token, the secret, or what a claim says.

use super::{ISSUER, NOW, bearer, hmac, request, send};
use serde_json::json;
use std::fmt::Debug;
use tower_bearer::{
    AuthError, AuthenticateLayer, Issuer, Verifier,
    challenge::ProblemJson,
    error::Reason,
    keys::{Algorithm, Key, KeySet},
    testing::{AUDIENCE, TestIssuer},
    token::BearerToken,
};

const SECRET: &[u8; 64] = b"s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-!";
const PRIVATE: &str = "very-private-value";

#[track_caller]
fn assert_hides(shown: impl Debug, token: &str) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert_text_hides(&text, token);
    }
}

#[track_caller]
fn assert_text_hides(text: &str, token: &str) {
    let secret = String::from_utf8_lossy(SECRET);
    let bytes = SECRET.map(|byte| byte.to_string()).join(", ");
    let parts: Vec<_> = token.split('.').filter(|part| part.len() > 8).collect();
    for hidden in parts.into_iter().chain([PRIVATE, &*secret, &bytes[..40], &super::encode(SECRET)]) {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

#[tokio::test]
async fn no_debug_shows_a_token_a_secret_or_a_claims_value() {
    let issuer = TestIssuer::new();
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "sub": PRIVATE,
        "scope": PRIVATE, "roles": [PRIVATE], "jti": PRIVATE, "client_id": PRIVATE, "nested": {"a": [PRIVATE]}});
    let token = hmac(SECRET, &json!({"alg": "HS256"}), &claims);
    let trusted = Issuer::hmac(ISSUER, SECRET, Algorithm::HS256).unwrap();
    assert_hides(&trusted, &token);
    let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    assert_hides(&builder, &token);
    let verifier = builder.build().unwrap();
    assert_hides(&verifier, &token);
    assert_hides(verifier.status(), &token);
    assert_hides(AuthenticateLayer::new(verifier.clone()), &token);
    assert_hides(tower_layer(&verifier), &token);

    let verified = verifier.verify(&token).await.unwrap();
    assert_eq!(verified.subject(), Some(PRIVATE));
    assert_hides(&verified, &token);
    assert_hides(verified.principal(), &token);
    assert_hides(verified.principal().claims(), &token);

    #[derive(Debug, serde::Deserialize)]
    struct Own {
        #[expect(dead_code, reason = "its derived Debug must not be reached")]
        sub: String,
    }
    let trusted = Issuer::hmac(ISSUER, SECRET, Algorithm::HS256).unwrap();
    let builder = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock());
    let own: Verifier<Own> = builder.claims::<Own>().build().unwrap();
    assert_hides(own.verify(&token).await.unwrap(), &token);

    assert_hides(BearerToken::parse(&token).unwrap(), &token);
    let key = Key::from_secret(SECRET, Algorithm::HS256).unwrap();
    assert_hides(&key, &token);
    assert_hides(KeySet::from_keys([key]), &token);
    let request = bearer(&token);
    let marked = {
        let app = super::app(AuthenticateLayer::new(verifier));
        assert_eq!(send(&app, request).await.status, 200);
        format!("{app:?}")
    };
    assert_text_hides(&marked, &token);
}

fn tower_layer(verifier: &Verifier) -> impl Debug + use<> {
    use tower::Layer as _;
    AuthenticateLayer::new(verifier.clone()).layer(())
}

#[tokio::test]
async fn no_error_shows_a_token_or_a_claims_value() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    for token in [
        issuer.token().subject(PRIVATE).expired().sign(),
        issuer.token().audience(PRIVATE).sign(),
        issuer.token().claim("iss", PRIVATE).sign(),
        issuer.token().header("kid", PRIVATE).sign(),
        issuer.token().header("alg", PRIVATE).sign(),
        issuer.token().typ(PRIVATE).sign(),
        issuer.token().claim("sub", json!([PRIVATE])).sign(),
        issuer.token().claim("exp", PRIVATE).sign(),
    ] {
        let error = verifier.verify(&token).await.unwrap_err();
        assert_hides(&error, &token);
        assert_text_hides(&error.to_string(), &token);
        assert_text_hides(error.description().unwrap_or_default(), &token);
        assert!(std::error::Error::source(&error).is_none(), "no cause that says more");
    }
    for error in Reason::ALL.iter().map(|reason| AuthError::from(*reason)) {
        assert!(!error.to_string().contains(error.reason().id()), "the reason is for the log: {error}");
    }
}

#[tokio::test]
async fn no_answer_shows_a_token_a_claims_value_or_the_reason() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let app = axum::Router::new()
        .route("/", axum::routing::get(|| async { "in" }))
        .layer(AuthenticateLayer::new(verifier).render(ProblemJson));
    for token in [
        issuer.token().subject(PRIVATE).expired().sign(),
        issuer.token().audience(PRIVATE).sign(),
        issuer.token().header("kid", PRIVATE).sign(),
        issuer.token().header("alg", PRIVATE).sign(),
    ] {
        let answer = send(&app, bearer(&token)).await;
        let (head, body) = answer.response.into_parts();
        let body = axum::body::to_bytes(body, 4096).await.unwrap();
        let text = format!("{:?} {}", head.headers, String::from_utf8_lossy(&body));
        assert_text_hides(&text, &token);
        assert!(!text.contains(answer.reason.unwrap().id()), "{text}");
    }
    let answer = send(&app, request(&[("authorization", "Bearer a,b")])).await;
    assert_eq!(answer.status, 400);
}

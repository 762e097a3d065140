//! What went wrong elsewhere, by the lines of the field notes: "Keys", "Tokens", "HTTP", and "Cache" as far as
//! there is anything to remember. Each test says whose lesson it is; the rules themselves are in `tests/rules`.

#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, Response, StatusCode},
    response::IntoResponse,
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer as _, Service, ServiceExt as _};
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims, Issuer, Verifier,
    challenge::ProblemJson,
    error::Reason,
    keys::{Algorithm, Fetch, FetchError, FetchFuture, FetchRequest},
    policy::{authenticated, role, scope},
    require,
    testing::{AUDIENCE, TestIssuer, TestToken},
};

fn verifier(issuer: &TestIssuer) -> Verifier {
    issuer.verifier().build().unwrap()
}

async fn refusal(verifier: &Verifier, token: &str) -> Option<Reason> {
    verifier.verify(token).await.err().map(|error| error.reason())
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bearer(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

async fn send(app: &Router, request: Request<Body>) -> axum::response::Response {
    app.clone().oneshot(request).await.unwrap()
}

fn challenge(response: &axum::response::Response) -> Option<&str> {
    response.headers().get("www-authenticate").map(|value| value.to_str().unwrap())
}

async fn ok() -> &'static str {
    "in"
}

fn app(issuer: &TestIssuer) -> Router {
    Router::new().route("/", get(ok)).layer(AuthenticateLayer::new(verifier(issuer)))
}

#[path = "field/keys.rs"]
mod keys;

mod tokens {
    use super::*;

    /// "a configured `aud` or `iss` that is absent passes" (jsonwebtoken to 11.1, and four Rust peers with it).
    #[tokio::test]
    async fn a_configured_claim_that_the_token_leaves_out_does_not_pass() {
        let issuer = TestIssuer::new();
        let others = TestIssuer::named("https://other.test");
        for verifier in [verifier(&issuer), issuer.verifier().issuer(others.issuer()).build().unwrap()] {
            for (claim, reason) in
                [("aud", Reason::AudMissing), ("iss", Reason::IssMissing), ("exp", Reason::ExpMissing)]
            {
                let token = issuer.token().without(claim).sign();
                assert_eq!(refusal(&verifier, &token).await, Some(reason), "{claim}");
            }
            assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
        }
    }

    /// "`iss` array or partial match accepted" (fast-jwt, PyJWT).
    #[tokio::test]
    async fn an_array_of_issuers_and_a_part_of_one_do_not_pass() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        let trusted = issuer.identifier();
        for (iss, reason) in [
            (json!([trusted]), Reason::IssMalformed),
            (json!([trusted, "https://evil.test"]), Reason::IssMalformed),
            (json!("https://issuer"), Reason::IssuerUnknown),
            (json!("issuer.test"), Reason::IssuerUnknown),
            (json!(format!("{trusted}.evil.test")), Reason::IssuerUnknown),
            (json!(format!("https://evil.test/?{trusted}")), Reason::IssuerUnknown),
        ] {
            let token = issuer.token().claim("iss", iss.clone()).sign();
            assert_eq!(refusal(&verifier, &token).await, Some(reason), "{iss}");
        }
        assert_eq!(refusal(&verifier, &issuer.token().claim("iss", trusted).sign()).await, None);
    }

    /// "string `exp`/`nbf` skips the check" (jsonwebtoken before 10.3, CVE-2026-25537).
    #[tokio::test]
    async fn a_date_as_a_text_does_not_skip_its_check() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        for date in ["0", "9999999999", "never", ""] {
            let exp = issuer.token().claim("exp", date).sign();
            assert_eq!(refusal(&verifier, &exp).await, Some(Reason::ExpMalformed), "{date}");
            let nbf = issuer.token().claim("nbf", date).sign();
            assert_eq!(refusal(&verifier, &nbf).await, Some(Reason::NbfMalformed), "{date}");
        }
    }

    /// A token signed with a secret, by `jsonwebtoken`.
    fn hs256(secret: &[u8], issuer: &TestIssuer) -> String {
        let claims = json!({"iss": issuer.identifier(), "aud": AUDIENCE, "exp": 4_102_444_800u64});
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap()
    }

    /// "algorithm taken from the header" (axum-keycloak-auth, axum-jose); "HS/RS confusion"; "empty HMAC key accepted".
    #[tokio::test]
    async fn the_algorithm_is_the_issuers_and_not_the_headers() {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::RS256);
        let verifier = verifier(&issuer);
        let pem = issuer.public_pem(Algorithm::RS256).unwrap();
        for secret in [pem.as_bytes(), issuer.jwks().to_string().as_bytes(), b""] {
            let token = hs256(secret, &issuer);
            assert_eq!(refusal(&verifier, &token).await, Some(Reason::AlgNotAllowed));
        }
        let none = issuer.token().header("alg", "none").sign();
        assert_eq!(refusal(&verifier, &none).await, Some(Reason::AlgNotAllowed));
        let (unsigned, _) = none.rsplit_once('.').unwrap();
        assert_eq!(refusal(&verifier, &format!("{unsigned}.")).await, Some(Reason::AlgNotAllowed));
        assert!(Issuer::hmac(issuer.identifier(), b"", Algorithm::HS256).is_err());
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
    }

    /// "ECDSA zero signature" (CVE-2022-21449).
    #[tokio::test]
    async fn a_signature_of_zeros_fits_nothing() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        for (algorithm, length) in [(Algorithm::ES256, 64), (Algorithm::ES384, 96), (Algorithm::ES512, 132)] {
            let good = issuer.token().algorithm(algorithm).sign();
            issuer.clock().advance(Duration::from_secs(6));
            assert_eq!(refusal(&verifier, &good).await, None, "{algorithm}");
            let (signed, _) = good.rsplit_once('.').unwrap();
            for zeros in [0, 1, length / 2, length - 1, length, length + 1] {
                let forged = format!("{signed}.{}", encode(vec![0; zeros]));
                let refusal = refusal(&verifier, &forged).await;
                assert_eq!(refusal, Some(Reason::SignatureInvalid), "{algorithm} {zeros}");
            }
        }
    }

    /// "`crit` ignored" (PyJWT CVE-2026-32597).
    #[tokio::test]
    async fn crit_is_not_ignored() {
        let issuer = TestIssuer::new();
        let token = issuer.token().header("crit", json!(["x-policy"])).header("x-policy", "deny").sign();
        assert_eq!(refusal(&verifier(&issuer), &token).await, Some(Reason::CritPresent));
    }

    /// "customising one check silently dropped the others" (Spring #18230).
    #[tokio::test]
    async fn every_setting_that_is_touched_leaves_the_others_in_force() {
        let issuer = TestIssuer::new();
        let customised = issuer
            .issuer()
            .also_known_as("https://old.test")
            .algorithms([Algorithm::ES256])
            .accept_typ("acme+jwt")
            .roles_from(["/realm_access/roles"])
            .scopes_from(["scp"]);
        let verifier = Verifier::builder()
            .issuer(customised)
            .audience(AUDIENCE)
            .audience("second")
            .algorithms([Algorithm::EdDSA])
            .leeway(Duration::from_secs(1))
            .clock(issuer.clock())
            .build()
            .unwrap();
        let now = 1_767_225_600;
        let token = || issuer.token().typ("acme+jwt").claim("iss", "https://old.test").audience("second");
        assert_eq!(refusal(&verifier, &token().sign()).await, None);
        let bad: [(&str, TestToken, Reason); 13] = [
            ("iss", token().claim("iss", "https://older.test"), Reason::IssuerUnknown),
            ("aud", token().audience("third"), Reason::AudMismatch),
            ("no aud", token().without("aud"), Reason::AudMissing),
            ("exp", token().claim("exp", now - 1), Reason::ExpPast),
            ("no exp", token().without("exp"), Reason::ExpMissing),
            ("nbf", token().claim("nbf", now + 2), Reason::NbfFuture),
            ("iat", token().claim("iat", now + 2), Reason::IatFuture),
            ("typ", token().typ("logout+jwt"), Reason::TypNotAllowed),
            ("alg", token().algorithm(Algorithm::EdDSA), Reason::AlgNotAllowed),
            ("kid", token().header("kid", "x"), Reason::KeyUnknown),
            ("cnf", token().claim("cnf", json!({})), Reason::CnfUnchecked),
            ("an ID token", token().claim("at_hash", "x"), Reason::NotAnAccessToken),
            ("crit", token().header("crit", json!([])), Reason::CritPresent),
        ];
        for (name, token, reason) in bad {
            assert_eq!(refusal(&verifier, &token.sign()).await, Some(reason), "{name}");
        }
        let (signed, _) = token().sign().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(refusal(&verifier, &format!("{signed}.AAAA")).await, Some(Reason::SignatureInvalid));
    }

    /// "a missing setting switched a check off" (ASP.NET `aud`, Envoy `aud`/`iss`).
    #[test]
    fn a_missing_setting_is_an_error_at_start_and_no_check_left_out() {
        let issuer = TestIssuer::new();
        assert!(Verifier::builder().issuer(issuer.issuer()).build().is_err(), "no audience");
        assert!(Verifier::builder().audience(AUDIENCE).build().is_err(), "no issuer");
        assert!(Verifier::builder().issuer(issuer.issuer()).audience("").build().is_err(), "an empty one");
        assert!(Verifier::builder().issuer(issuer.issuer()).audience(AUDIENCE).build().is_ok());
    }

    /// "compressed or deeply nested input" (JWE zip bombs, Nimbus CVE-2025-53864).
    #[tokio::test]
    async fn compressed_encrypted_and_deeply_nested_tokens_are_refused_before_their_signature() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        let zip = issuer.token().header("zip", "DEF").sign();
        assert_eq!(refusal(&verifier, &zip).await, Some(Reason::HeaderExtension));
        let header = encode(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#);
        let jwe = format!("{header}..AAAA.{}.AAAA", "A".repeat(10_000));
        assert_eq!(refusal(&verifier, &jwe).await, Some(Reason::EncryptedToken));
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let depth = 1800;
            let payload = format!(r#"{{"x":{}1{}}}"#, open.repeat(depth), close.repeat(depth));
            let nested = issuer.token().sign_payload(payload.as_bytes());
            assert_eq!(refusal(&verifier, &nested).await, Some(Reason::JsonTooDeep), "{open}");
        }
        assert_eq!(issuer.fetches(), 0);
        assert_eq!(refusal(&verifier, &issuer.token().sign()).await, None);
    }

    /// "bound tokens (`cnf`) accepted as plain bearer when DPoP is off" (Auth0 Node, authkestra).
    #[tokio::test]
    async fn a_bound_token_is_no_plain_bearer_token() {
        let issuer = TestIssuer::new();
        let app = app(&issuer);
        let bound =
            issuer.token().claim("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}));
        let response = send(&app, bearer("/", &bound.sign())).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.extensions().get::<AuthError>().unwrap().reason(), Reason::CnfUnchecked);
        assert_eq!(send(&app, bearer("/", &issuer.token().sign())).await.status(), 200);
    }
}

mod memory {
    use super::*;

    /// "collisions mix identities up" (fast-jwt CVE-2026-35039).
    #[tokio::test]
    async fn tokens_that_differ_a_little_are_never_taken_for_each_other() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        let subjects: Vec<_> = (0..50).map(|number| format!("user-{number:04}")).collect();
        let tokens: Vec<_> = subjects.iter().map(|subject| issuer.token().subject(subject).sign()).collect();
        for _turn in 0..3 {
            for (subject, token) in subjects.iter().zip(&tokens) {
                assert_eq!(verifier.verify(token).await.unwrap().subject(), Some(subject.as_str()));
            }
        }
        let [first, second] = [&tokens[0], &tokens[1]].map(|token| token.rsplit_once('.').unwrap());
        let crossed = format!("{}.{}", first.0, second.1);
        assert_eq!(refusal(&verifier, &crossed).await, Some(Reason::SignatureInvalid));
    }

    /// "expired tokens served" (CVE-2026-107719).
    #[tokio::test]
    async fn a_token_that_passed_is_refused_once_it_has_expired() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        let token = issuer.token().sign();
        assert_eq!(refusal(&verifier, &token).await, None);
        issuer.clock().advance(Duration::from_secs(359));
        assert_eq!(refusal(&verifier, &token).await, None);
        issuer.clock().advance(Duration::from_secs(1));
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::ExpPast));
        assert_eq!(refusal(&verifier, &token).await, Some(Reason::ExpPast));
    }

    /// "entries survive rotation and withdrawal" (Envoy, fast-jwt, Tyk, oathkeeper).
    #[tokio::test]
    async fn a_token_that_passed_is_refused_once_its_key_is_withdrawn() {
        let issuer = TestIssuer::new();
        let verifier = verifier(&issuer);
        let (first, second) = ("es256-1", issuer.rotate());
        let long = || issuer.token().expires_in(Duration::from_secs(24 * 3600));
        let old = long().kid(first).sign();
        let new = long().kid(&second).sign();
        assert_eq!((refusal(&verifier, &old).await, refusal(&verifier, &new).await), (None, None));
        issuer.withdraw(first);
        issuer.clock().advance(Duration::from_secs(601));
        assert_eq!(refusal(&verifier, &old).await, Some(Reason::KeyUnknown));
        assert_eq!(refusal(&verifier, &old).await, Some(Reason::KeyUnknown));
        assert_eq!(refusal(&verifier, &new).await, None, "the other key stays");
    }

    /// The same, for a key that comes back under its old `kid` with other material.
    #[tokio::test]
    async fn a_token_that_passed_is_refused_once_its_kid_has_another_key() {
        let issuer = TestIssuer::new();
        let successor = TestIssuer::new();
        let transports = Arc::new(AtomicUsize::new(0));
        let sets = [issuer.jwks().to_string(), successor.jwks().to_string()];
        let swapped = Swapped { now: Arc::clone(&transports), sets };
        let trusted = Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap().fetch(swapped);
        let verifier =
            Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
        let day = Duration::from_secs(24 * 3600);
        let old = issuer.token().expires_in(day).sign();
        assert_eq!(refusal(&verifier, &old).await, None);
        transports.store(1, Ordering::Relaxed);
        issuer.clock().advance(Duration::from_secs(601));
        assert_eq!(refusal(&verifier, &old).await, Some(Reason::SignatureInvalid));
        assert_eq!(refusal(&verifier, &successor.token().expires_in(day).sign()).await, None);
    }

    struct Swapped {
        now: Arc<AtomicUsize>,
        sets: [String; 2],
    }

    impl Fetch for Swapped {
        fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
            let set = self.sets[self.now.load(Ordering::Relaxed)].clone();
            Box::pin(ready(Ok(tower_bearer::keys::Fetched::new(set))))
        }
    }
}

mod http {
    use super::*;

    /// "un-readied clone of the inner service called" (tower-oauth2-resource-server).
    #[tokio::test]
    async fn the_service_that_was_ready_is_the_one_that_is_called() {
        let issuer = TestIssuer::new();
        let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<String>>();
        let mut service = AuthenticateLayer::new(verifier(&issuer)).layer(mock);
        let request = || {
            let token = format!("Bearer {}", issuer.token().sign());
            Request::get("/").header("authorization", token).body(()).unwrap()
        };
        // The first call waits for keys, the second does not: the mock panics if it is called before it is ready.
        for turn in ["behind a fetch", "at once"] {
            handle.allow(1);
            let call = tokio::spawn(service.ready().await.unwrap().call(request()));
            let (_, answer) = handle.next_request().await.unwrap();
            answer.send_response(Response::new("in".to_owned()));
            assert_eq!(call.await.unwrap().unwrap().status(), 200, "{turn}");
        }
    }

    /// Notes where the first header of a request stands in memory.
    #[derive(Clone, Default)]
    struct Address {
        seen: Arc<AtomicUsize>,
    }

    fn address(headers: &HeaderMap) -> usize {
        headers.values().next().map_or(0, |value| std::ptr::from_ref(value) as usize)
    }

    impl Service<Request<()>> for Address {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = Ready<Result<Response<String>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            self.seen.store(address(request.headers()), Ordering::Relaxed);
            ready(Ok(Response::new(String::new())))
        }
    }

    /// "headers copied on every request" (tower-oauth2-resource-server).
    #[tokio::test]
    async fn the_headers_are_handed_on_and_not_copied() {
        let issuer = TestIssuer::new();
        let inner = Address::default();
        let mut service = AuthenticateLayer::new(verifier(&issuer)).layer(inner.clone());
        let token = format!("Bearer {}", issuer.token().sign());
        for turn in ["behind a fetch", "at once"] {
            let request = Request::get("/").header("authorization", &token).body(()).unwrap();
            let before = address(request.headers());
            service.ready().await.unwrap().call(request).await.unwrap();
            assert_eq!(inner.seen.load(Ordering::Relaxed), before, "{turn}");
        }
    }

    /// "500 on unknown `kid` or malformed token" (axum-jwt-auth).
    #[tokio::test]
    async fn a_bad_token_is_the_clients_fault_and_never_ours() {
        let issuer = TestIssuer::new();
        let app = app(&issuer);
        let good = issuer.token().sign();
        assert_eq!(send(&app, bearer("/", &good)).await.status(), 200);
        for (name, token, status) in [
            ("unknown kid", issuer.token().header("kid", "nobody").sign(), 401),
            ("empty kid", issuer.token().header("kid", "").sign(), 401),
            ("no JWS", "abc".into(), 401),
            ("dots", "..".into(), 401),
            ("many dots", ".".repeat(1000), 401),
            ("no JSON", format!("{0}.{0}.{0}", encode("x")), 401),
            ("no base64", "~.~.~".into(), 401),
            ("cut short", good[..good.len() / 2].into(), 401),
            ("a payload that is no object", issuer.token().sign_payload(b"null"), 401),
            ("a payload that is no UTF-8", issuer.token().sign_payload(&[0xFF; 40]), 401),
            ("huge", "a".repeat(100_000), 400),
            ("a comma", "a,b".into(), 400),
        ] {
            assert_eq!(send(&app, bearer("/", &token)).await.status().as_u16(), status, "{name}");
        }
    }

    /// "a panic from `?token=%FF`" (axum-keycloak-auth).
    #[tokio::test]
    async fn a_query_is_never_read() {
        let issuer = TestIssuer::new();
        let app = app(&issuer);
        let good = issuer.token().sign();
        for query in
            ["token=%FF".into(), "access_token=%FF%FE".into(), "%".into(), format!("access_token={good}")]
        {
            let request = Request::get(format!("/?{query}")).body(Body::empty()).unwrap();
            assert_eq!(send(&app, request).await.status(), 401, "{query}");
            assert_eq!(send(&app, bearer(&format!("/?{query}"), &good)).await.status(), 200, "{query}");
        }
    }

    /// "a panic … from an unsigned `alg: ES512` token when the set holds a P-521 key" (aliri).
    #[tokio::test]
    async fn an_unsigned_es512_token_beside_a_p521_key_is_refused_without_a_panic() {
        let issuer = TestIssuer::new();
        issuer.sign_with(Algorithm::ES512);
        let app = app(&issuer);
        let good = issuer.token().sign();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        for length in (0..=135).filter(|length| *length != 132) {
            let token = format!("{signed}.{}", encode(vec![1; length]));
            assert_eq!(send(&app, bearer("/", &token)).await.status(), 401, "{length}");
        }
        for kid in [json!(null), json!("es256-1"), json!("nobody")] {
            let token = issuer.token().header("kid", kid.clone()).sign();
            let (signed, _) = token.rsplit_once('.').unwrap();
            assert_eq!(send(&app, bearer("/", &format!("{signed}."))).await.status(), 401, "{kid}");
        }
        assert_eq!(signature.len(), 176);
        assert_eq!(send(&app, bearer("/", &good)).await.status(), 200);
    }

    /// "500 from a header `alg` echoed into the challenge" (Auth0 Node).
    #[tokio::test]
    async fn nothing_of_a_token_is_echoed_into_the_challenge() {
        let issuer = TestIssuer::new();
        let app = app(&issuer);
        let expected = r#"Bearer error="invalid_token", error_description="the token is not valid here""#;
        for text in ["x\r\nset-cookie: a=b", "\"", "\\", "é", "\0", "a\", scope=\"admin", "\u{1F980}"] {
            for token in [
                issuer.token().header("alg", text).sign(),
                issuer.token().header("kid", text).sign(),
                issuer.token().typ(text).sign(),
                issuer.token().claim("iss", text).sign(),
                issuer.token().audience(text).sign(),
            ] {
                let response = send(&app, bearer("/", &token)).await;
                assert_eq!(
                    (response.status(), challenge(&response)),
                    (StatusCode::UNAUTHORIZED, Some(expected))
                );
                assert!(!response.headers().contains_key("set-cookie"));
            }
        }
    }

    /// "two `Authorization` headers: the first one taken" (oauth-resource-server, Auth0 Node).
    #[tokio::test]
    async fn of_two_authorization_headers_none_is_taken() {
        let issuer = TestIssuer::new();
        let app = app(&issuer);
        let good = format!("Bearer {}", issuer.token().sign());
        for (first, second) in
            [(&*good, "Bearer x"), ("Bearer x", &*good), (&*good, &*good), (&*good, "Basic YTpi")]
        {
            let request = Request::get("/").header("authorization", first).header("authorization", second);
            let response = send(&app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), 400, "{second}");
        }
    }

    fn needing(issuer: &TestIssuer, policy: tower_bearer::policy::Policy) -> Router {
        let route = get(ok).route_layer(require(policy));
        Router::new().route("/", route).layer(AuthenticateLayer::new(verifier(issuer)))
    }

    /// "scopes split at tabs and no-break spaces grant access" (huskarl, oauth-resource-server).
    #[tokio::test]
    async fn only_a_space_parts_scopes() {
        let issuer = TestIssuer::new();
        let app = needing(&issuer, scope("admin"));
        for between in
            ["\t", "\u{a0}", "\n", "\r", "\u{b}", "\u{c}", "\u{2003}", "\u{3000}", "\u{feff}", ",", ";", "+"]
        {
            for text in
                [format!("read{between}admin"), format!("admin{between}read"), format!("admin{between}")]
            {
                let token = issuer.token().claim("scope", text.clone()).sign();
                assert_eq!(send(&app, bearer("/", &token)).await.status(), 403, "{text:?}");
                let listed = issuer.token().claim("scope", json!([text])).sign();
                assert_eq!(send(&app, bearer("/", &listed)).await.status(), 403, "{text:?} in a list");
            }
        }
        for text in ["admin", "read admin", "admin  read", " admin "] {
            let token = issuer.token().claim("scope", text).sign();
            assert_eq!(send(&app, bearer("/", &token)).await.status(), 200, "{text:?}");
        }
    }

    /// The parameters of a challenge, by RFC 9110 section 11.6.1: quoted, and parted by commas.
    fn parameters(challenge: &str) -> Vec<(String, String)> {
        let Some(mut rest) = challenge.strip_prefix("Bearer") else { panic!("{challenge}") };
        let mut found = Vec::new();
        while !rest.is_empty() {
            let separator = if found.is_empty() { " " } else { ", " };
            let parameter = rest.strip_prefix(separator).unwrap_or_else(|| panic!("{challenge}"));
            let (name, value) = parameter.split_once("=\"").unwrap_or_else(|| panic!("{challenge}"));
            let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("{challenge}"));
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{challenge}");
            found.push((name.to_owned(), value.to_owned()));
            rest = after;
        }
        found
    }

    fn names(challenge: &str) -> Vec<String> {
        parameters(challenge).into_iter().map(|(name, _)| name).collect()
    }

    /// "malformed challenge: spaces for commas" (aliri); "`error=` on a missing token" (several); "no `scope` in the
    /// 403" (Spring); "401 where 403 is right" (Auth0 Node).
    #[tokio::test]
    async fn each_answer_has_its_status_and_a_challenge_that_parses() {
        let issuer = TestIssuer::new();
        let layer = AuthenticateLayer::new(verifier(&issuer))
            .realm("acme orders")
            .resource_metadata("https://api.test/.well-known/oauth-protected-resource");
        let route = get(ok).route_layer(require(scope("orders:read") & scope("orders:list")));
        let guarded = Router::new().route("/", route.clone()).layer(layer.clone());
        let optional = Router::new().route("/", route).layer(layer.optional());
        let plain = || Request::get("/").body(Body::empty()).unwrap();
        let little = issuer.token().scope("orders:list").sign();
        let expired = issuer.token().expired().sign();
        for (name, app, request, status, expected) in [
            ("no token", &guarded, plain(), 401, &["realm", "resource_metadata"][..]),
            ("no token, a known policy", &optional, plain(), 401, &["realm", "scope", "resource_metadata"]),
            ("malformed", &guarded, bearer("/", "a,b"), 400, &["realm", "error", "error_description"]),
            (
                "expired",
                &guarded,
                bearer("/", &expired),
                401,
                &["realm", "error", "error_description", "resource_metadata"],
            ),
            (
                "too little",
                &guarded,
                bearer("/", &little),
                403,
                &["realm", "error", "error_description", "scope", "resource_metadata"],
            ),
            (
                "too little",
                &optional,
                bearer("/", &little),
                403,
                &["realm", "error", "error_description", "scope", "resource_metadata"],
            ),
        ] {
            let response = send(app, request).await;
            assert_eq!(response.status().as_u16(), status, "{name}");
            assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 1, "{name}");
            let challenge = challenge(&response).unwrap();
            assert_eq!(names(challenge), expected, "{name}: {challenge}");
            if expected.contains(&"scope") {
                let scope = parameters(challenge).into_iter().find(|(name, _)| name == "scope").unwrap().1;
                assert_eq!(scope, "orders:read orders:list", "{name}: all that is needed");
            }
        }
    }

    /// Fails with words that no client should read.
    struct Loud;

    impl Fetch for Loud {
        fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
            Box::pin(ready(Err(FetchError::Transport("connect to 10.1.2.3 refused: hunter2".into()))))
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Staff {
        #[expect(dead_code, reason = "a token that lacks it is refused")]
        department: String,
    }

    async fn text_of(response: axum::response::Response) -> String {
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 65_536).await.unwrap();
        format!("{:?} {}", head.headers, String::from_utf8_lossy(&body))
    }

    /// "inner error text echoed to the client" (Auth0 Node #132, axum-jwt-auth).
    #[tokio::test]
    async fn no_inner_error_is_told_to_the_client() {
        let issuer = TestIssuer::new();
        let loud = Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap().fetch(Loud);
        let outage =
            Verifier::builder().issuer(loud).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
        let outage =
            Router::new().route("/", get(ok)).layer(AuthenticateLayer::new(outage).render(ProblemJson));
        let response = send(&outage, bearer("/", &issuer.token().sign())).await;
        assert_eq!(response.status(), 503);
        let text = text_of(response).await;
        assert!(!text.contains("hunter2") && !text.contains("10.1.2.3"), "{text}");

        let staff = issuer.verifier().claims::<Staff>().build().unwrap();
        let staff =
            Router::new().route("/", get(ok)).layer(AuthenticateLayer::new(staff).render(ProblemJson));
        let response = send(&staff, bearer("/", &issuer.token().sign())).await;
        assert_eq!(response.status(), 401);
        let text = text_of(response).await;
        assert!(!text.contains("department") && !text.contains("field"), "{text}");

        // A program that is wired wrong: the log says what was forgotten, the client does not.
        async fn typed(_: Claims<Staff>) {}
        let wrong = Router::new().route("/", get(typed));
        let wrong = wrong.layer(AuthenticateLayer::new(verifier(&issuer)).render(ProblemJson));
        let response = send(&wrong, bearer("/", &issuer.token().sign())).await;
        assert_eq!(response.status(), 500);
        let text = text_of(response).await;
        assert!(!text.contains("Staff") && !text.contains("Claims"), "{text}");
    }

    /// "path matchers beside the router bypassed by `//`, `%2F`, `;`" (Quarkus ×4, Istio ×4, Envoy).
    #[tokio::test]
    async fn a_policy_stands_on_the_handler_and_no_spelling_of_its_path_goes_around_it() {
        let issuer = TestIssuer::new();
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let admin = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { "admin" }
        };
        let app = Router::new()
            .route("/admin/users", get(admin.clone()).route_layer(require(role("admin"))))
            .route("/files/{*path}", get(admin).route_layer(require(role("admin"))))
            .route("/", get(ok))
            .layer(AuthenticateLayer::new(verifier(&issuer)));
        let nobody = issuer.token().sign();
        for path in [
            "/admin/users",
            "//admin/users",
            "/admin//users",
            "/admin/users/",
            "/admin/users//",
            "/admin%2Fusers",
            "/%61dmin/users",
            "/admin/users;a=b",
            "/admin;a=b/users",
            "/admin/./users",
            "/x/../admin/users",
            "/admin/%2e/users",
            "/ADMIN/users",
            "/admin/users%00",
            "/admin/users%20",
            "/admin\\users",
            "/admin/users?x",
            "/admin/users?/../",
            "/files/a",
            "/files//a",
            "/files/a%2F..%2Fb",
            "/files/;a",
            "/files/../",
        ] {
            let Ok(uri) = path.parse::<axum::http::Uri>() else { continue };
            let mut request = bearer("/", &nobody);
            *request.uri_mut() = uri;
            let status = send(&app, request).await.status().as_u16();
            assert!(matches!(status, 403 | 404), "{path}: {status}");
        }
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        let boss = issuer.token().role("admin").sign();
        for path in ["/admin/users", "/files/a"] {
            assert_eq!(send(&app, bearer(path, &boss)).await.status(), 200, "{path}");
        }
        assert_eq!(ran.load(Ordering::Relaxed), 2);
    }

    /// HEAD is answered by the handler of GET, and so by its policy.
    #[tokio::test]
    async fn another_method_does_not_go_around_a_policy() {
        let issuer = TestIssuer::new();
        let app = needing(&issuer, role("admin"));
        for (method, status) in [("GET", 403), ("HEAD", 403), ("POST", 405), ("OPTIONS", 405), ("get", 405)] {
            let mut request = bearer("/", &issuer.token().sign());
            *request.method_mut() = method.parse().unwrap();
            assert_eq!(send(&app, request).await.status().as_u16(), status, "{method}");
        }
    }

    /// "another client's role satisfying a realm role" (axum-keycloak-auth).
    #[tokio::test]
    async fn a_role_at_another_client_is_no_role_of_the_realm() {
        let issuer = TestIssuer::new();
        let trusted = issuer.issuer().roles_from(["/realm_access/roles"]);
        let verifier =
            Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
        let route = get(ok).route_layer(require(role("admin")));
        let app = Router::new().route("/", route).layer(AuthenticateLayer::new(verifier));
        let other_client = json!({"somebody-elses": {"roles": ["admin"]}, "account": {"roles": ["admin"]}});
        for (name, token) in [
            ("another client's", issuer.token().claim("resource_access", other_client.clone())),
            (
                "beside other roles of the realm",
                issuer
                    .token()
                    .claim("resource_access", other_client)
                    .claim("realm_access", json!({"roles": ["offline_access"]})),
            ),
            ("a claim of the default's name", issuer.token().role("admin")),
            ("a realm that is a list", issuer.token().claim("realm_access", json!([{"roles": ["admin"]}]))),
            ("a name with a slash", issuer.token().claim("realm_access/roles", json!(["admin"]))),
            ("a name of the whole path", issuer.token().claim("/realm_access/roles", json!(["admin"]))),
            ("no roles at all", issuer.token()),
        ] {
            assert_eq!(send(&app, bearer("/", &token.sign())).await.status(), 403, "{name}");
        }
        let realm = issuer.token().claim("realm_access", json!({"roles": ["offline_access", "admin"]}));
        assert_eq!(send(&app, bearer("/", &realm.sign())).await.status(), 200);
    }

    /// "the layer alone lets token-less requests through" (huskarl-axum, tower-jwt).
    #[tokio::test]
    async fn the_layer_alone_lets_no_request_without_a_token_through() {
        let issuer = TestIssuer::new();
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let handler = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async {}
        };
        let app = Router::new()
            .route("/", get(handler.clone()))
            .fallback(handler)
            .layer(AuthenticateLayer::new(verifier(&issuer)));
        for path in ["/", "/elsewhere"] {
            let plain = Request::get(path).body(Body::empty()).unwrap();
            assert_eq!(send(&app, plain).await.status(), 401, "{path}");
            let basic = Request::get(path).header("authorization", "Basic YTpi").body(Body::empty()).unwrap();
            assert_eq!(send(&app, basic).await.status(), 401, "{path}");
        }
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        assert_eq!(send(&app, bearer("/", &issuer.token().sign())).await.status(), 200);
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    }

    /// The neighbour of the last: optional means "without a token", never "with a bad one".
    #[tokio::test]
    async fn an_optional_layer_refuses_a_bad_token() {
        let issuer = TestIssuer::new();
        let layer = AuthenticateLayer::new(verifier(&issuer)).optional();
        let app = Router::new()
            .route("/", get(ok))
            .route("/mine", get(ok).route_layer(require(authenticated())))
            .layer(layer);
        let plain = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
        assert_eq!(send(&app, plain("/")).await.status(), 200);
        assert_eq!(send(&app, plain("/mine")).await.status(), 401);
        for bad in [issuer.token().expired().sign(), "x".into(), issuer.token().header("kid", "x").sign()] {
            assert_eq!(send(&app, bearer("/", &bad)).await.status(), 401);
        }
        assert_eq!(send(&app, bearer("/mine", &issuer.token().sign())).await.status(), 200);
    }

    /// A refusal that a handler wrote itself is its own affair: status, headers and body are left alone.
    #[tokio::test]
    async fn an_answer_of_the_applications_own_is_left_alone() {
        let issuer = TestIssuer::new();
        async fn own() -> impl IntoResponse {
            (StatusCode::FORBIDDEN, [("x-own", "1")], "not yours")
        }
        let app = Router::new().route("/", get(own));
        let app = app.layer(AuthenticateLayer::new(verifier(&issuer)).render(ProblemJson));
        let response = send(&app, bearer("/", &issuer.token().sign())).await;
        assert_eq!((response.status(), challenge(&response)), (StatusCode::FORBIDDEN, None));
        assert!(text_of(response).await.ends_with("not yours"));
    }
}

/// The claims that a test changes are those of a token that passes.
#[tokio::test]
async fn the_token_that_every_test_here_starts_from_passes() {
    let issuer = TestIssuer::new();
    let claims = verifier(&issuer).verify(&issuer.token().sign()).await.unwrap();
    assert_eq!(claims.get("iss"), Some(&Value::from(issuer.identifier())));
}

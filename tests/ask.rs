//! `ask`: a decision that has to be waited for is carried out as a policy's is, and nobody is asked in vain.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, body::Body, extract::MatchedPath, handler::Handler as _, routing::post};
use futures_util::FutureExt as _;
use http::{
    Request, Response,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_bearer::{
    AuthenticateLayer, Verifier,
    audit::DecisionRecord,
    authorize::{Question, Ruling, ask},
    guard::{GuardedRouter, guarded},
    policy::{Truth, optional, scope},
    testing::{TestIssuer, caller},
};

async fn echo(body: String) -> String {
    body
}

/// What was asked and told, in order.
type Book = Arc<Mutex<Vec<String>>>;

fn note(book: &Book, line: impl Into<String>) {
    book.lock().unwrap().push(line.into());
}

fn take(book: &Book) -> Vec<String> {
    std::mem::take(&mut *book.lock().unwrap())
}

async fn verifier(issuer: &TestIssuer) -> Verifier {
    let verifier = issuer.verifier().build().unwrap();
    verifier.warm_up().await;
    verifier
}

/// A route that is guarded by a scope, and by somebody who answers so.
async fn service<A>(issuer: &TestIssuer, book: &Book, answer: A) -> Router
where
    A: Into<Ruling> + Clone + Send + Sync + 'static,
{
    let asked = Arc::clone(book);
    let layer = ask("accounts", move |question: Question<'_>| {
        let path = question.request().extensions.get::<MatchedPath>().unwrap().as_str().to_owned();
        note(&asked, format!("asked of {:?} on {path}", question.caller().subject().unwrap()));
        let answer = answer.clone();
        async move { answer }
    });
    let told = Arc::clone(book);
    let observer = move |record: &DecisionRecord<'_>| {
        if record.asked().is_some() {
            note(&told, format!("{record} of {:?}", record.principal().and_then(|caller| caller.subject())));
        }
    };
    GuardedRouter::new()
        .route("/pay/{to}", guarded::post(scope("pay"), echo.layer(layer.clone())))
        .route("/open", guarded::post(optional("guests"), echo.layer(layer)))
        .into_router(AuthenticateLayer::new(verifier(issuer).await).observer(observer))
}

async fn call(app: &Router, path: &str, token: Option<&str>) -> Response<Body> {
    let mut request = Request::post(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    app.clone().oneshot(request.body(Body::from("the body")).unwrap()).await.unwrap()
}

#[tokio::test]
async fn only_a_yes_lets_the_request_go_on() {
    let issuer = TestIssuer::new();
    let token = issuer.token().subject("alice").scope("pay").sign();
    async fn status<A: Into<Ruling> + Clone + Send + Sync + 'static>(
        issuer: &TestIssuer,
        token: &str,
        answer: A,
    ) -> u16 {
        let app = service(issuer, &Book::default(), answer).await;
        call(&app, "/pay/bob", Some(token)).await.status().as_u16()
    }
    let (issuer, token) = (&issuer, &*token);
    assert_eq!(status(issuer, token, false).await, 403);
    assert_eq!(status(issuer, token, None::<bool>).await, 403);
    assert_eq!(status(issuer, token, Truth::No).await, 403);
    assert_eq!(status(issuer, token, Truth::Unknown).await, 403);
    assert_eq!(status(issuer, token, Ruling::Unavailable).await, 503);
    assert_eq!(status(issuer, token, "x".parse::<bool>()).await, 503);
    assert_eq!(status(issuer, token, Ok::<_, Infallible>(false)).await, 403);
    assert_eq!(status(issuer, token, Ok::<_, Infallible>(true)).await, 200);
    assert_eq!(status(issuer, token, Some(true)).await, 200);
    assert_eq!(status(issuer, token, Truth::Yes).await, 200);
}

#[tokio::test]
async fn nobody_is_asked_about_nobody_nor_about_who_fails_the_policy() {
    let (issuer, book) = (TestIssuer::new(), Book::default());
    let app = service(&issuer, &book, true).await;
    let stranger = issuer.token().subject("eve").sign();
    assert_eq!(call(&app, "/pay/bob", None).await.status(), 401);
    assert_eq!(call(&app, "/pay/bob", Some(&stranger)).await.status(), 403);
    assert_eq!(take(&book), [""; 0]);
    let guest = call(&app, "/open", None).await;
    assert_eq!(
        (guest.status().as_u16(), &guest.headers()[WWW_AUTHENTICATE]),
        (401, &"Bearer".parse().unwrap())
    );
    assert_eq!(take(&book), ["authorize: denied (policy_needs_token) by ask(accounts) of None"]);
}

#[tokio::test]
async fn a_yes_asked_and_denied_and_asked_in_vain_are_answered_and_told_as_a_policys_decision_is() {
    let (issuer, book) = (TestIssuer::new(), Book::default());
    let token = issuer.token().subject("alice").scope("pay").sign();
    let asked = r#"asked of "alice" on /pay/{to}"#;

    let app = service(&issuer, &book, true).await;
    let response = call(&app, "/pay/bob", Some(&token)).await;
    let body = axum::body::to_bytes(response.into_body(), 64).await.unwrap();
    assert_eq!(&body[..], b"the body");
    assert_eq!(take(&book), [asked, r#"authorize: permitted by ask(accounts) of Some("alice")"#]);

    let app = service(&issuer, &book, false).await;
    let response = call(&app, "/pay/bob", Some(&token)).await;
    let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with(r#"Bearer error="insufficient_scope""#), "{challenge}");
    assert_eq!(
        take(&book),
        [asked, r#"authorize: denied (asked_and_denied) by ask(accounts) of Some("alice")"#]
    );

    let app = service(&issuer, &book, Err::<bool, _>("the database is down")).await;
    let response = call(&app, "/pay/bob", Some(&token)).await;
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key(RETRY_AFTER), "nobody knows when");
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE), "a token helps nothing");
    assert_eq!(
        take(&book),
        [asked, r#"authorize: denied (asked_in_vain) by ask(accounts) of Some("alice")"#]
    );
}

#[tokio::test]
async fn without_the_authentication_nobody_is_asked_and_the_answer_is_500() {
    let layer = ask("accounts", |_: Question<'_>| async { true });
    let app: Router = Router::new().route("/", post(echo).route_layer(layer));
    assert_eq!(call(&app, "/", None).await.status(), 500);
}

#[tokio::test]
async fn it_serves_a_tower_service_without_axum_and_calls_it_once_it_is_ready() {
    let layer = ask("accounts", |question: Question<'_>| {
        let is_alice = question.caller().subject() == Some("alice");
        async move { is_alice }
    });
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::from("in"))) });
    let service = layer.layer(inner);
    for (name, body) in [("alice", "in"), ("bob", "")] {
        let request = caller(name).attach(Request::new(()));
        assert_eq!(service.clone().oneshot(request).await.unwrap().into_body(), body);
    }
}

#[tokio::test]
async fn the_handler_waits_for_the_answer_and_never_runs_for_a_caller_who_hung_up() {
    let (send, receive) = oneshot::channel::<bool>();
    let receive = Arc::new(Mutex::new(Some(receive)));
    let layer = ask("slow", move |_: Question<'_>| {
        let answer = receive.lock().unwrap().take().unwrap();
        async move { answer.await.ok() }
    });
    let ran = Book::default();
    let runs = Arc::clone(&ran);
    let inner = service_fn(move |_: Request<()>| {
        note(&runs, "ran");
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    });
    let service = layer.layer(inner);
    let mut call = Box::pin(service.oneshot(caller("alice").attach(Request::new(()))));
    assert!(call.as_mut().now_or_never().is_none());
    assert_eq!(take(&ran), [""; 0]);
    drop(call);
    assert!(send.send(true).is_err(), "the question was taken back");
    assert_eq!(take(&ran), [""; 0]);
}

#[tokio::test]
async fn whoever_waits_for_an_answer_holds_no_permit_of_what_is_inside() {
    let (send, receive) = oneshot::channel::<bool>();
    let receive = Arc::new(Mutex::new(Some(receive)));
    let layer = ask("slow for bob", move |question: Question<'_>| {
        let answer =
            (question.caller().subject() == Some("bob")).then(|| receive.lock().unwrap().take().unwrap());
        async move {
            match answer {
                Some(answer) => answer.await.ok(),
                None => Some(true),
            }
        }
    });
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::from("in"))) });
    let service = layer.layer(tower::limit::ConcurrencyLimit::new(inner, 1));
    let request = |name: &str| caller(name).attach(Request::new(()));
    let mut bob = Box::pin(service.clone().oneshot(request("bob")));
    assert!(bob.as_mut().now_or_never().is_none());
    let alice = service.clone().oneshot(request("alice")).now_or_never();
    assert_eq!(alice.expect("nobody stands in the way").unwrap().into_body(), "in");
    send.send(true).unwrap();
    assert_eq!(bob.await.unwrap().into_body(), "in");
}

#[tokio::test]
async fn observers_of_an_outer_layer_hear_nothing_of_who_an_inner_one_has_verified() {
    let (issuer, book) = (TestIssuer::new(), Book::default());
    let told = Arc::clone(&book);
    let observer = move |record: &DecisionRecord<'_>| note(&told, record.to_string());
    let layer = ask("accounts", |_: Question<'_>| async { true });
    let app: Router = Router::new()
        .route("/", post(echo).route_layer(layer))
        .layer(AuthenticateLayer::new(verifier(&issuer).await))
        .layer(AuthenticateLayer::new(verifier(&issuer).await).observer(observer));
    let token = issuer.token().sign();
    assert_eq!(call(&app, "/", Some(&token)).await.status(), 200);
    assert_eq!(take(&book), ["authenticate: admitted"]);
}

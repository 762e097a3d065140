//! `AuthenticateLayer` as a Tower citizen: readiness, bodies and errors of any type, and what it leaves alone.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use futures_util::FutureExt as _;
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
        WWW_AUTHENTICATE,
    },
};
use std::{
    borrow::Cow,
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::{sync::Semaphore, task::yield_now};
use tower::{Layer, Service, ServiceExt as _, service_fn};
use tower_bearer::{
    AuthError, AuthenticateLayer, Claims, Issuer, Verifier,
    claims::Principal,
    error::{AuthErrorKind, Reason},
    keys::{Fetch, FetchFuture, FetchRequest},
    testing::{AUDIENCE, TestIssuer, caller},
    token::TokenSource,
};
use tower_test::mock;

/// Bodies that no framework knows.
#[derive(Debug, PartialEq)]
struct Upload(&'static str);

#[derive(Debug, Default, PartialEq)]
struct Page(String);

/// A verifier that has its keys already, so that it never waits.
async fn loaded(issuer: &TestIssuer) -> Verifier {
    let verifier = issuer.verifier().build().unwrap();
    assert!(verifier.warm_up().await.is_ready());
    verifier
}

fn request(token: Option<&str>) -> Request<Upload> {
    let mut request = Request::new(Upload("a body"));
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    request
}

fn page(text: &str) -> Response<Page> {
    Response::new(Page(text.to_owned()))
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls until there is an answer; the fetch runs in between.
async fn answered<F: Future + Unpin>(future: &mut F) -> F::Output {
    for _ in 0..1000 {
        if let Poll::Ready(output) = poll(future) {
            return output;
        }
        yield_now().await;
    }
    panic!("no answer came");
}

/// An inner service that tells what it saw of the request.
#[derive(Clone, Default)]
struct Witness;

#[derive(Debug, PartialEq)]
struct Seen {
    claims: Option<String>,
    principal: Option<String>,
    headers: HeaderMap,
}

impl Service<Request<Upload>> for Witness {
    type Response = Response<Page>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Page>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Upload>) -> Self::Future {
        let extensions = request.extensions();
        let subject = |subject: Option<&str>| subject.unwrap_or("nobody").to_owned();
        let seen = Seen {
            claims: extensions.get::<Claims>().map(|claims| subject(claims.subject())),
            principal: Principal::from_extensions(extensions)
                .ok()
                .flatten()
                .map(|principal| subject(principal.subject())),
            headers: request.headers().clone(),
        };
        let mut response = page("seen");
        response.extensions_mut().insert(Arc::new(seen));
        ready(Ok(response))
    }
}

/// What the inner service saw; `None` where it was not called.
async fn seen(layer: &AuthenticateLayer, request: Request<Upload>) -> Option<Arc<Seen>> {
    let response = layer.layer(Witness).oneshot(request).await.unwrap();
    response.extensions().get::<Arc<Seen>>().cloned()
}

async fn status(layer: &AuthenticateLayer, request: Request<Upload>) -> StatusCode {
    layer.layer(Witness).oneshot(request).await.unwrap().status()
}

// Tower's contract.

#[tokio::test]
async fn readiness_is_the_inner_services() {
    let layer = AuthenticateLayer::new(loaded(&TestIssuer::new()).await);
    let (mut service, mut handle) = mock::spawn_layer::<Request<Upload>, Response<Page>, _>(layer);
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    handle.send_error("out of order");
    let Poll::Ready(Err(error)) = service.poll_ready() else { panic!("the error was swallowed") };
    assert_eq!(error.to_string(), "out of order");
}

#[tokio::test]
async fn a_good_token_goes_through_step_by_step_with_its_body_and_its_answer() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(loaded(&issuer).await);
    let (mut service, mut handle) = mock::spawn_layer::<Request<Upload>, Response<Page>, _>(layer);
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let token = issuer.token().subject("alice").sign();
    let mut answer = Box::pin(service.call(request(Some(&token))));

    let (inner, respond) = handle.next_request().await.unwrap();
    assert_eq!(inner.body(), &Upload("a body"));
    assert_eq!(inner.extensions().get::<Claims>().unwrap().subject(), Some("alice"));
    assert!(poll(&mut answer).is_pending(), "the inner service has not answered yet");
    respond.send_response(page("an answer"));
    assert_eq!(answered(&mut answer).await.unwrap().body(), &Page("an answer".into()));
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_inner_service() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(loaded(&issuer).await);
    let expired = issuer.token().expired().sign();
    for (name, token) in [("no token", None), ("an expired one", Some(expired.as_str()))] {
        let (mut service, mut handle) =
            mock::spawn_layer::<Request<Upload>, Response<Page>, _>(layer.clone());
        assert!(service.poll_ready().is_ready());
        let response = service.call(request(token)).now_or_never().expect(name).unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(response.body(), &Page::default(), "{name}");
        assert!(handle.poll_request().is_pending(), "{name}: the inner service was called");
    }
}

/// Panics when it is called without having been asked whether it is ready; a clone has to be asked again.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Upload>> for Strict {
    type Response = Response<Page>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Page>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Upload>) -> Self::Future {
        assert!(self.ready, "a service was called that nobody had asked whether it is ready");
        self.ready = false;
        ready(Ok(page("called")))
    }
}

#[tokio::test]
async fn the_service_that_is_called_is_the_one_that_was_ready() {
    let issuer = TestIssuer::new();
    let token = issuer.token().sign();
    let waits = issuer.verifier().build().unwrap();
    let never_waits = loaded(&issuer).await;
    for (name, verifier) in [("keys at hand", never_waits), ("keys are waited for", waits)] {
        let mut service = AuthenticateLayer::new(verifier).layer(Strict { ready: false });
        for _ in 0..3 {
            service.ready().await.unwrap();
            let mut answer = Box::pin(service.call(request(Some(&token))));
            assert_eq!(answered(&mut answer).await.unwrap().body(), &Page("called".into()), "{name}");
        }
    }
}

#[tokio::test]
async fn a_request_that_waits_leaves_the_service_free_for_the_next() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let mut service = AuthenticateLayer::new(verifier).layer(Strict { ready: false });
    let token = issuer.token().sign();
    service.ready().await.unwrap();
    let mut first = Box::pin(service.call(request(Some(&token))));
    assert!(poll(&mut first).is_pending(), "it had nothing to wait for");
    service.ready().await.unwrap();
    let mut second = Box::pin(service.call(request(Some(&token))));
    assert_eq!(answered(&mut second).await.unwrap().body(), &Page("called".into()));
    assert_eq!(answered(&mut first).await.unwrap().body(), &Page("called".into()));
}

/// One permit for all clones, taken when a clone is made ready.
struct OnePermit {
    free: Arc<Semaphore>,
    held: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Clone for OnePermit {
    fn clone(&self) -> Self {
        Self { free: Arc::clone(&self.free), held: None }
    }
}

impl Service<Request<Upload>> for OnePermit {
    type Response = Response<Page>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Page>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.held.is_none() {
            self.held = Arc::clone(&self.free).try_acquire_owned().ok();
        }
        // Whoever finds none asks again.
        cx.waker().wake_by_ref();
        if self.held.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<Upload>) -> Self::Future {
        drop(self.held.take().expect("nobody asked whether it is ready"));
        ready(Ok(page("called")))
    }
}

#[tokio::test]
async fn a_request_that_waits_for_keys_holds_no_permit_of_the_inner_service() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let inner = OnePermit { free: Arc::new(Semaphore::new(1)), held: None };
    let mut service = AuthenticateLayer::new(verifier).layer(inner);
    let token = issuer.token().sign();
    service.ready().await.unwrap();
    let mut waits = Box::pin(service.call(request(Some(&token))));
    assert!(poll(&mut waits).is_pending(), "it had nothing to wait for");
    assert!(
        service.clone().ready().now_or_never().is_some(),
        "the request that waits sits on the only permit"
    );
    assert_eq!(answered(&mut waits).await.unwrap().body(), &Page("called".into()));
    service.ready().await.unwrap();
    let refused = service.call(request(None)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(service.clone().ready().now_or_never().is_some(), "a refusal sits on the only permit");
}

#[tokio::test]
async fn a_first_request_is_answered_also_where_its_service_lives_on() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let inner = OnePermit { free: Arc::new(Semaphore::new(1)), held: None };
    let mut service = AuthenticateLayer::new(verifier).layer(inner);
    let token = issuer.token().sign();
    service.ready().await.unwrap();
    let mut answer = Box::pin(service.call(request(Some(&token))));
    assert_eq!(answered(&mut answer).await.unwrap().body(), &Page("called".into()));
}

#[tokio::test]
async fn a_waiting_request_is_refused_without_a_call_when_its_keys_do_not_come() {
    let issuer = TestIssuer::new();
    issuer.fail();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let (mut service, mut handle) = mock::spawn_layer::<Request<Upload>, Response<Page>, _>(layer);
    assert!(service.poll_ready().is_ready());
    let mut answer = Box::pin(service.call(request(Some(&issuer.token().sign()))));
    assert_eq!(answered(&mut answer).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(handle.poll_request().is_pending());
}

#[derive(Debug, PartialEq)]
struct Broken(u8);

#[tokio::test]
async fn the_inner_services_error_passes_unchanged() {
    let issuer = TestIssuer::new();
    let token = issuer.token().sign();
    for verifier in [loaded(&issuer).await, issuer.verifier().build().unwrap()] {
        let inner = service_fn(|_: Request<Upload>| ready(Err::<Response<Page>, _>(Broken(7))));
        let result = AuthenticateLayer::new(verifier).layer(inner).oneshot(request(Some(&token))).await;
        assert_eq!(result.unwrap_err(), Broken(7));
    }
}

#[tokio::test]
async fn a_future_polled_after_its_end_stays_pending_and_does_not_panic() {
    let layer = AuthenticateLayer::new(loaded(&TestIssuer::new()).await);
    let mut answer = Box::pin(layer.layer(Witness).call(request(None)));
    assert!(poll(&mut answer).is_ready());
    assert!(poll(&mut answer).is_pending());
}

// What is let in.

#[tokio::test]
async fn a_token_is_required_unless_the_layer_is_optional() {
    let issuer = TestIssuer::new();
    let required = AuthenticateLayer::new(loaded(&issuer).await);
    let optional = required.clone().optional();
    let good = issuer.token().subject("alice").sign();
    let expired = issuer.token().expired().sign();
    for (name, layer, token, expected) in [
        ("required, none", &required, None, None),
        ("required, a good one", &required, Some(&good), Some(Some("alice"))),
        ("required, a bad one", &required, Some(&expired), None),
        ("optional, none", &optional, None, Some(None)),
        ("optional, a good one", &optional, Some(&good), Some(Some("alice"))),
        ("optional, a bad one", &optional, Some(&expired), None),
    ] {
        let seen = seen(layer, request(token.map(String::as_str))).await;
        let subject = seen.as_ref().map(|seen| seen.claims.as_deref());
        assert_eq!(subject, expected, "{name}");
        assert_eq!(seen.map(|seen| seen.claims == seen.principal), expected.map(|_| true), "{name}");
    }
}

#[tokio::test]
async fn a_malformed_header_is_refused_by_an_optional_layer_too() {
    let layer = AuthenticateLayer::new(loaded(&TestIssuer::new()).await).optional();
    let mut malformed = request(None);
    malformed.headers_mut().insert(AUTHORIZATION, "Bearer".parse().unwrap());
    assert_eq!(status(&layer, malformed).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn claims_that_somebody_else_put_into_the_request_are_removed() {
    let issuer = TestIssuer::new();
    let optional = AuthenticateLayer::new(loaded(&issuer).await).optional();
    let good = issuer.token().subject("alice").sign();
    let forged = |token| caller("mallory").attach(request(token));
    let anonymous = seen(&optional, forged(None)).await.unwrap();
    assert_eq!((&anonymous.claims, &anonymous.principal), (&None, &None));
    let admitted = seen(&optional, forged(Some(&good))).await.unwrap();
    assert_eq!(admitted.claims.as_deref(), Some("alice"));
    assert_eq!(admitted.principal.as_deref(), Some("alice"));
}

#[tokio::test]
async fn claims_that_somebody_else_put_there_are_removed_also_when_keys_are_waited_for() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(issuer.verifier().build().unwrap());
    let token = issuer.token().subject("alice").sign();
    let seen = seen(&layer, caller("mallory").attach(request(Some(&token)))).await.unwrap();
    assert_eq!((seen.claims.as_deref(), seen.principal.as_deref()), (Some("alice"), Some("alice")));
}

#[tokio::test]
async fn each_trusted_issuer_speaks_for_itself_and_no_other_for_it() {
    let (one, two, stranger) = (
        TestIssuer::named("https://one.test"),
        TestIssuer::named("https://two.test"),
        TestIssuer::named("https://three.test"),
    );
    let verifier = one.verifier().issuer(two.issuer()).build().unwrap();
    let layer = AuthenticateLayer::new(verifier);
    for (name, token, expected) in [
        ("the first", one.token().sign(), StatusCode::OK),
        ("the second", two.token().sign(), StatusCode::OK),
        ("a stranger", stranger.token().sign(), StatusCode::UNAUTHORIZED),
        (
            "one that says it is the other",
            one.token().claim("iss", two.identifier()).sign(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "a stranger that says so",
            stranger.token().claim("iss", one.identifier()).sign(),
            StatusCode::UNAUTHORIZED,
        ),
        ("nobody", one.token().without("iss").sign(), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(status(&layer, request(Some(&token))).await, expected, "{name}");
    }
}

// Where the token comes from, and what becomes of it.

#[tokio::test]
async fn the_header_stays_and_is_marked_sensitive() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(loaded(&issuer).await);
    let seen = seen(&layer, request(Some(&issuer.token().sign()))).await.unwrap();
    assert!(seen.headers[AUTHORIZATION].is_sensitive());
}

#[tokio::test]
async fn another_schemes_header_is_marked_sensitive_and_never_stripped() {
    let layer = AuthenticateLayer::new(loaded(&TestIssuer::new()).await).optional().strip_token();
    let mut basic = request(None);
    basic.headers_mut().insert(AUTHORIZATION, "Basic YTpi".parse().unwrap());
    let seen = seen(&layer, basic).await.unwrap();
    assert_eq!(seen.claims, None);
    assert!(seen.headers[AUTHORIZATION].is_sensitive());
}

#[tokio::test]
async fn a_stripped_token_is_gone_and_the_rest_of_the_head_is_not() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(loaded(&issuer).await).strip_token();
    let mut request = request(Some(&issuer.token().subject("alice").sign()));
    request.headers_mut().insert("x-other", "stays".parse().unwrap());
    let seen = seen(&layer, request).await.unwrap();
    assert_eq!(seen.claims.as_deref(), Some("alice"));
    assert!(!seen.headers.contains_key(AUTHORIZATION));
    assert_eq!(seen.headers["x-other"], "stays");
}

#[tokio::test]
async fn a_cookie_is_read_only_when_asked_for() {
    let issuer = TestIssuer::new();
    let plain = AuthenticateLayer::new(loaded(&issuer).await);
    let cookie = plain.clone().danger_cookie("session");
    let token = issuer.token().subject("alice").sign();
    let with = |header: Option<&str>, cookies: &[&str]| {
        let mut request = request(header);
        for cookie in cookies {
            request.headers_mut().append(COOKIE, cookie.parse().unwrap());
        }
        request
    };
    let session = format!("a=1; session={token}; b=2");
    for (name, layer, request, expected) in [
        ("not asked for", &plain, with(None, &[&session]), StatusCode::UNAUTHORIZED),
        ("asked for", &cookie, with(None, &[&session]), StatusCode::OK),
        ("the header still counts", &cookie, with(Some(&token), &[]), StatusCode::OK),
        ("another cookie", &cookie, with(None, &[&format!("sessions={token}")]), StatusCode::UNAUTHORIZED),
        ("in both places", &cookie, with(Some(&token), &[&session]), StatusCode::BAD_REQUEST),
        (
            "twice in a line",
            &cookie,
            with(None, &[&format!("{session}; session=x")]),
            StatusCode::BAD_REQUEST,
        ),
        ("in two lines", &cookie, with(None, &[&session, &session]), StatusCode::BAD_REQUEST),
        ("empty", &cookie, with(None, &["session="]), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(status(layer, request).await, expected, "{name}");
    }
    let kept = seen(&cookie, with(None, &[&session])).await.unwrap();
    assert!(kept.headers[COOKIE].is_sensitive());
    let stripped = seen(&cookie.strip_token(), with(None, &[&session])).await.unwrap();
    assert_eq!(stripped.headers[COOKIE], "a=1; b=2");
    assert_eq!(stripped.claims.as_deref(), Some("alice"));
}

struct InHeader(&'static str);

impl TokenSource for InHeader {
    fn find<'a>(&self, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
        headers.get(self.0)?.to_str().ok().map(Cow::Borrowed)
    }

    fn strip(&self, headers: &mut HeaderMap) {
        headers.remove(self.0);
    }
}

#[tokio::test]
async fn another_source_is_held_to_the_same_rules() {
    let issuer = TestIssuer::new();
    let plain = AuthenticateLayer::new(loaded(&issuer).await);
    let layer = plain.clone().token_source(InHeader("x-token"));
    let token = issuer.token().sign();
    let with = |header: Option<&str>, own: &str| {
        let mut request = request(header);
        request.headers_mut().insert("x-token", own.parse().unwrap());
        request
    };
    for (name, layer, request, expected) in [
        ("not asked for", &plain, with(None, &token), StatusCode::UNAUTHORIZED),
        ("asked for", &layer, with(None, &token), StatusCode::OK),
        ("in two places", &layer, with(Some(&token), &token), StatusCode::BAD_REQUEST),
        ("illegal characters", &layer, with(None, "a b"), StatusCode::BAD_REQUEST),
        ("with a scheme before it", &layer, with(None, &format!("Bearer {token}")), StatusCode::BAD_REQUEST),
        ("empty", &layer, with(None, ""), StatusCode::BAD_REQUEST),
        ("too long", &layer, with(None, &"a".repeat(16 * 1024 + 1)), StatusCode::BAD_REQUEST),
        ("no token of ours", &layer, with(None, "abc"), StatusCode::UNAUTHORIZED),
        ("nowhere", &layer, self::request(None), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(status(layer, request).await, expected, "{name}");
    }
}

// Answers from within.

/// The layer around an inner service that answers so, asked with a good token.
async fn drawn(answer: impl Fn() -> Response<Page> + Clone) -> Response<Page> {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(loaded(&issuer).await).render(said);
    let inner = service_fn(move |_: Request<Upload>| ready(Ok::<_, Infallible>(answer())));
    layer.layer(inner).oneshot(request(Some(&issuer.token().sign()))).await.unwrap()
}

fn said(error: &AuthError, _: &mut http::response::Parts) -> Page {
    Page(format!("drawn: {error}"))
}

#[tokio::test]
async fn a_response_that_the_user_drew_is_left_alone() {
    let refusal = || {
        let mut response = page("mine");
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().insert(CONTENT_LENGTH, 4.into());
        response
    };
    let with_error = move || {
        let mut response = refusal();
        response.extensions_mut().insert(AuthError::from(Reason::ExpPast));
        response
    };
    for (name, response) in
        [("a bare 401", drawn(refusal).await), ("one with an AuthError of its own", drawn(with_error).await)]
    {
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(response.body(), &Page("mine".into()), "{name}");
        assert_eq!(response.headers().len(), 1, "{name}: {:?}", response.headers());
        assert_eq!(response.headers()[CONTENT_LENGTH], "4", "{name}");
    }
}

#[tokio::test]
async fn the_error_stays_with_the_refusal_for_layers_outside() {
    let issuer = TestIssuer::new();
    let layer = AuthenticateLayer::new(loaded(&issuer).await);
    let response = layer.layer(Witness).oneshot(request(None)).await.unwrap();
    let error = response.extensions().get::<AuthError>().unwrap();
    assert_eq!((error.kind(), error.reason()), (AuthErrorKind::MissingToken, Reason::MissingToken));
}

#[cfg(feature = "axum")]
mod axum_inside {
    use super::*;
    use axum::{Router, body::Body, middleware::map_response, response::IntoResponse as _, routing::get};
    use http_body_util::BodyExt as _;
    use tower_bearer::{challenge::ProblemJson, policy::scope, require};

    fn get_request(path: &str, token: Option<&str>) -> Request<Body> {
        let (mut head, _) = request(token).into_parts();
        head.uri = path.parse().unwrap();
        Request::from_parts(head, Body::empty())
    }

    async fn ok() -> &'static str {
        "ok"
    }

    #[tokio::test]
    async fn headers_that_layers_between_have_set_survive() {
        let issuer = TestIssuer::new();
        let layer = AuthenticateLayer::new(loaded(&issuer).await).render(ProblemJson);
        let inner = service_fn(|_: Request<Upload>| {
            let mut response = AuthError::from(Reason::PolicyNotMet).into_response();
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, "*".parse().unwrap());
            headers.insert("x-request-id", "1".parse().unwrap());
            headers.insert(CONTENT_LENGTH, 0.into());
            headers.insert(CONTENT_TYPE, "text/plain".parse().unwrap());
            ready(Ok::<_, Infallible>(response))
        });
        let response = layer.layer(inner).oneshot(request(Some(&issuer.token().sign()))).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let headers = response.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers["x-request-id"], "1");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert!(!headers.contains_key(CONTENT_LENGTH), "it was the empty body's");
    }

    #[tokio::test]
    async fn a_refusal_is_drawn_once_and_by_the_innermost_layer() {
        let issuer = TestIssuer::new();
        let verifier = loaded(&issuer).await;
        let outer = AuthenticateLayer::new(verifier.clone()).realm("outer");
        let inner = AuthenticateLayer::new(verifier).realm("inner");
        let refusing = service_fn(|_: Request<Upload>| {
            ready(Ok::<_, Infallible>(AuthError::from(Reason::PolicyNotMet).into_response()))
        });
        let service = outer.layer(inner.layer(refusing));
        let response = service.oneshot(request(Some(&issuer.token().sign()))).await.unwrap();
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with(r#"Bearer realm="inner", "#), "{challenge}");
        assert_eq!(response.headers().get_all(WWW_AUTHENTICATE).iter().count(), 1);
    }

    /// Around the routes, or around the whole router: the same answers.
    #[tokio::test]
    async fn the_layer_may_stand_around_the_whole_router() {
        let issuer = TestIssuer::new();
        let layer = AuthenticateLayer::new(loaded(&issuer).await).render(ProblemJson);
        let routes = || {
            Router::new()
                .route("/", get(ok))
                .route("/guarded", get(ok).route_layer(require(scope("a"))))
                .layer(map_response(|mut response: axum::response::Response| async {
                    response.headers_mut().insert("x-between", "1".parse().unwrap());
                    response
                }))
        };
        let token = issuer.token().sign();
        for (name, path, token, status, between) in [
            ("no token", "/", None, 401, false),
            ("a good one", "/", Some(token.as_str()), 200, true),
            ("a policy that is not met", "/guarded", Some(&token), 403, true),
            ("no route, no token", "/nowhere", None, 401, false),
            ("no route", "/nowhere", Some(&token), 404, true),
        ] {
            let within = routes().layer(layer.clone()).oneshot(get_request(path, token)).await.unwrap();
            let around = layer.layer(routes()).oneshot(get_request(path, token)).await.unwrap();
            for (place, response) in [("within", within), ("around", around)] {
                assert_eq!(response.status(), status, "{name}, {place}");
                assert_eq!(response.headers().contains_key("x-between"), between, "{name}, {place}");
                let told = response.headers().get(CONTENT_LENGTH).cloned();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let told = told.map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
                assert!(told.is_none_or(|told| told == body.len()), "{name}, {place}: {told:?}");
            }
        }
    }
}

// Requests that go away.

/// An issuer's transport that holds every fetch back until it is let go.
struct Held {
    documents: Box<dyn Fetch>,
    gate: Arc<Semaphore>,
    begun: Arc<AtomicU64>,
}

impl Fetch for Held {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let _let_go = self.gate.acquire().await;
            self.documents.fetch(request).await
        })
    }
}

#[tokio::test]
async fn a_request_that_goes_away_does_not_cancel_the_fetch_for_the_others() {
    let issuer = TestIssuer::new();
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let held =
        Held { documents: Box::new(issuer.transport()), gate: Arc::clone(&gate), begun: Arc::clone(&begun) };
    let trusted = Issuer::jwks(issuer.identifier(), "https://issuer.test/jwks").unwrap().fetch(held);
    let verifier =
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
    let layer = AuthenticateLayer::new(verifier);
    let token = issuer.token().sign();

    let mut first = Box::pin(layer.layer(Witness).oneshot(request(Some(&token))));
    let mut second = Box::pin(layer.layer(Witness).oneshot(request(Some(&token))));
    for _ in 0..10 {
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        yield_now().await;
    }
    drop(first);
    gate.add_permits(10);
    assert_eq!(answered(&mut second).await.unwrap().status(), StatusCode::OK);
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_fetch_goes_on_when_everybody_who_waited_went_away() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let layer = AuthenticateLayer::new(verifier.clone());
    let mut only = Box::pin(layer.layer(Witness).oneshot(request(Some(&issuer.token().sign()))));
    assert!(poll(&mut only).is_pending());
    drop(only);
    for _ in 0..1000 {
        if verifier.status().is_ready() {
            return;
        }
        yield_now().await;
    }
    panic!("the fetch went away with the request");
}

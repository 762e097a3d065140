//! Whether this service can judge tokens, for a load balancer: [`Readiness`], ready-made, and [`Status`] as a response.
//!
//! - 200 while tokens of at least one issuer can be judged (stale keys judge, too), or tenants are found as they come;
//!   otherwise 503.
//! - The body names each issuer, the [state](crate::verify::KeyState) of its keys and their age in seconds; no key
//!   ids and no errors, which are for the operator: [`Verifier::status`] has them. `Cache-Control: no-store`.
//! - [`Readiness`] begins a fetch where keys are not fresh: a pod that gets no requests until it is ready would never
//!   become ready otherwise, and one that gets none at night would not be ready in the morning. It waits for none, and
//!   a flood of probes begins no more fetches than the back-off allows.
//!
//! ```
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_bearer::{readiness::Readiness, testing::TestIssuer};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let verifier = TestIssuer::new().verifier().build().unwrap();
//! let app: Router = Router::new().route_service("/ready", Readiness::new(verifier.clone()));
//! let probe = || Request::get("/ready").body(Body::empty()).unwrap();
//!
//! assert_eq!(app.clone().oneshot(probe()).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
//! // That probe has begun the fetch already; this only waits for its end.
//! verifier.warm_up().await;
//! assert_eq!(app.oneshot(probe()).await.unwrap().status(), StatusCode::OK);
//! # });
//! ```
//!
//! The route is for probes: keep it outside of [`AuthenticateLayer`](crate::AuthenticateLayer), and off the public
//! network where your issuers' names are nobody's business. For liveness it is the wrong question: a restart mends no
//! issuer.

use crate::{
    claims::ClaimMap,
    verify::{Status, Verifier},
};
use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Request, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// A service that answers every request with the verifier's [`Status`], at once, and begins what it lacks.
///
/// For axum's `route_service`; any method, any body. See the [module](self).
#[derive(Debug)]
pub struct Readiness<T = ClaimMap> {
    verifier: Verifier<T>,
}

impl<T> Readiness<T> {
    /// The readiness of that verifier: a clone of the one that the layers have.
    pub fn new(verifier: Verifier<T>) -> Self {
        Self { verifier }
    }
}

impl<T> Clone for Readiness<T> {
    fn clone(&self) -> Self {
        Self { verifier: self.verifier.clone() }
    }
}

impl<T, B> Service<Request<B>> for Readiness<T> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let status = self.verifier.status_of_listed();
        #[cfg(feature = "remote")]
        self.verifier.kick();
        ready(Ok(status.into_response()))
    }
}

/// 200 where it [is ready](Status::is_ready), otherwise 503, and JSON: `{"ready": true, "issuers": [{"issuer":
/// "https://id.example.com", "state": "fresh", "age": 12}]}`. `age` is `null` for fixed keys and before the first fetch.
impl IntoResponse for Status {
    fn into_response(self) -> Response<Body> {
        let ready = self.is_ready();
        let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let issuers: Vec<Value> = self
            .issuers
            .iter()
            .map(|one| {
                json!({
                    "issuer": one.issuer,
                    "state": one.state.to_string(),
                    "age": one.age.as_ref().map(Duration::as_secs),
                })
            })
            .collect();
        let body = json!({ "ready": ready, "issuers": issuers }).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = code;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

//! Who decided what: one [`DecisionRecord`] for each decision, given to an [`Observer`] of yours.
//!
//! An observer is named on the layer that authenticates, and hears of the policies behind it, too:
//!
//! | stage | outcome | told when |
//! | --- | --- | --- |
//! | `authenticate` | `admitted` | a token has verified |
//! | | `anonymous` | a request without a token passes a layer that is optional |
//! | | `refused` | 400, 401 or 503 by the layer |
//! | `authorize` | `permitted` | a route's policy is met |
//! | | `denied` | it is not; also where the answer is a step-up challenge |
//! | | `permitted`, `denied` | somebody was [asked](crate::authorize::ask); also where he cannot tell |
//! | | `refused` | its name stands for no policy: 500 |
//! | `handler` | `refused` | what is refused within: an extractor, `claims.require(…)?` |
//!
//! 1. A request gives one record for each decision that is made on it, in order; a guarded one gives two.
//! 2. An observer is told before the decision is carried out, and cannot change it.
//! 3. It is called on the request's own task: hand slow work to somebody else. **A panic in it propagates**, as one in a
//!    handler does: nothing was admitted yet, and what follows is not called.
//! 4. Public routes of a `GuardedRouter` decide nothing, and neither does a request that its caller gives up while it
//!    waits for keys.
//! 5. A refusal from within a handler is seen on its way out, when the request is gone: no caller and no policy stand
//!    beside it. A `require` that passes inside a handler is not told.
//! 6. What a policy that only reports would have decided is no decision, and not told here: the event `policy would deny` and
//!    the metric `tower_bearer_report_only_total` have it.
//! 7. Without an observer nothing is done and nothing is allocated.
//!
//! The record hands out the verified [`Principal`](crate::claims::Principal), claims and all, because who did it is what
//! an audit asks; what is written down of it, the observer answers for. The record's own `Debug` and [`EventLog`] show no
//! claim's value but `iss`, which is one of the trusted issuers.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "testing", feature = "aws-lc-rs"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use std::sync::mpsc;
//! use tower::ServiceExt;
//! use tower_bearer::{AuthenticateLayer, audit::DecisionRecord, policy::scope, require};
//!
//! # let issuer = tower_bearer::testing::TestIssuer::new();
//! # let verifier = issuer.verifier().build().unwrap();
//! let (send, records) = mpsc::channel();
//! let layer = AuthenticateLayer::new(verifier).observer(move |record: &DecisionRecord<'_>| {
//!     let who = record.principal().and_then(|caller| caller.subject());
//!     let _ = send.send(format!("{who:?} {record}"));
//! });
//! let app: Router = Router::new()
//!     .route("/orders", get(|| async { "orders" }).route_layer(require(scope("orders:read"))))
//!     .layer(layer);
//!
//! let token = issuer.token().subject("alice").scope("orders:write").sign();
//! let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
//! app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
//!
//! let records: Vec<String> = records.iter().collect();
//! assert_eq!(records, [
//!     r#"Some("alice") authenticate: admitted"#,
//!     r#"Some("alice") authorize: denied (policy_not_met) by scope(orders:read)"#,
//! ]);
//! # }); }
//! ```

mod log;
mod observer;
mod record;

pub use log::EventLog;
pub use observer::Observer;
pub use record::{DecisionRecord, Outcome, Stage};

pub(crate) use observer::Observers;
pub(crate) use record::Asked;

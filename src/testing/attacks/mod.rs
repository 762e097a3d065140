//! Attacks to run against your own application, in its own tests: more than three hundred things that somebody may try, each
//! with its source and the answer that is right. Those that are others with one value changed say so ([`Attack::copy_of`]).
//!
//! 1. [`assert_resists`] sends all of the [`corpus`] to one route, and panics with the names of those that got in.
//! 2. It proves something. A good token of every algorithm that the application allows passes before and after, a request
//!    without a token does not, and an attack that could not be tried is no attack resisted: it is printed, counted, and
//!    fails the test unless [`allow_skips`](Resists::allow_skips) says how many may be.
//! 3. An answer is right by its status and the `error` of its challenge ([`Answer`]); descriptions and bodies are yours.
//!    They are those of RFC 6750 and of this crate's rules, which ask for more than RFC 7519 in places (below).
//! 4. Nothing sleeps and nothing leaves the process. The application runs on the issuer's clock
//!    ([`TestIssuer::verifier`](super::TestIssuer::verifier) sees to that), which a trial turns by weeks, and fetches its
//!    keys from that issuer, which rotates, fails and lies.
//! 5. The application may be any `tower` service of HTTP requests. It need not be made with this crate: a verifier of your
//!    own is tried as well, if it goes by [`TestIssuer::clock`](super::TestIssuer::clock) and gets its keys by
//!    [`transport`](super::TestIssuer::transport), [`document`](super::TestIssuer::document), or over the wire.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "aws-lc-rs"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use tower_bearer::{
//!     AuthenticateLayer,
//!     policy::scope,
//!     require,
//!     testing::{TestIssuer, attacks::assert_resists},
//! };
//!
//! let issuer = TestIssuer::new();
//! let app: Router = Router::new() // yours
//!     .route("/orders", get(|| async { "orders" }).route_layer(require(scope("orders:read"))))
//!     .layer(AuthenticateLayer::new(issuer.verifier().build().unwrap()));
//!
//! let orders = || Request::get("/orders").body(Body::empty()).unwrap();
//! assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).await;
//!
//! // What is not guarded at all:
//! let open: Router = Router::new().route("/orders", get(|| async { "orders" }));
//! let report = assert_resists(&issuer, open, orders).report().await;
//! assert!(!report.is_clean());
//! # }); }
//! ```
//!
//! # Reading a report
//!
//! It names the attacks that got in, by category, each with what it does and its source; then, in one line for each cause,
//! those that were refused with another answer than the right one, the exceptions, and what was skipped or does not apply.
//! Twelve `iss_…` that got in are one check that is missing. To look into one, run it alone by [`only`](Resists::only): each
//! request has an [`Attempt`] in its extensions with the name of its attack, and a layer of yours can print the two together:
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{extract::Request, middleware::Next, response::Response};
//! use tower_bearer::testing::attacks::Attempt;
//!
//! async fn told(request: Request, next: Next) -> Response {
//!     eprintln!("{:?} {:?}", request.extensions().get::<Attempt>(), request.headers());
//!     next.run(request).await
//! }
//! # let _: axum::Router = axum::Router::new().layer(axum::middleware::from_fn(told));
//! # }
//! ```
//!
//! # A shared secret, or fixed keys
//!
//! They are not fetched, so there is no key set that could lie: those attacks are skipped, and `allow_skips` has to say so. The
//! trial needs to know the secret: use one of the issuer's in the test.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "aws-lc-rs"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # use axum::{Router, body::Body, http::Request, routing::get};
//! # use tower_bearer::{AuthenticateLayer, Verifier, testing::{AUDIENCE, TestIssuer, attacks::assert_resists}};
//! use tower_bearer::keys::Algorithm;
//!
//! let issuer = TestIssuer::new();
//! issuer.sign_with(Algorithm::HS256);
//! let trusted = issuer.hmac_issuer(Algorithm::HS256);
//! let verifier = Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
//! # let app: Router = Router::new().route("/orders", get(|| async {})).layer(AuthenticateLayer::new(verifier));
//! # let orders = || Request::get("/orders").body(Body::empty()).unwrap();
//! let skipped = assert_resists(&issuer, app.clone(), orders).report().await.skipped().len();
//! assert_resists(&issuer, app, orders).allow_skips(skipped).await; // write the number down
//! # }); }
//! ```
//!
//! # A verifier of your own
//!
//! It reads the time from [`TestIssuer::clock`](super::TestIssuer::clock), by [`Clock::wall`](crate::clock::Clock::wall), and
//! its keys by [`document`](super::TestIssuer::document); or it has a client and the system's clock, and the issuer is one of
//! [`TestIssuer::serve`](super::TestIssuer::serve). One that does not speak RFC 6750 is tried with
//! [`any_refusal`](Resists::any_refusal).
//!
//! A verifier of this crate over the wire goes by the served issuer's clock, which nobody sees from outside: say
//! `.clock(&issuer.clock())`, or what needs it is skipped.
//!
//! # Another verifier's rules
//!
//! A verifier may do as the RFCs say and still be reported: as wrong where it refuses in other words, and as `GOT IN` where it
//! lets through what this crate refuses of its own will. That is so for:
//!
//! - a header with an unknown `typ` (RFC 7515 section 4.1.9 leaves that to the application), with a member that only other
//!   kinds of token have (`enc`, `zip`), or of more than 4 KiB; a token of more than 16 KiB;
//! - members that are there twice (RFC 7519 section 4 lets a parser take the last), and bits behind the last letter of base64
//!   (RFC 4648 section 3.5 lets a decoder ignore them);
//! - a `kid` that no key has, where another key fits (RFC 7515 section 4.1.4 calls it a hint); two keys under one `kid`;
//! - absent `iss`, `exp` and `aud` (RFC 7519 section 4.1 calls every claim optional; RFC 9068 section 2.2 does not), an `iat` to
//!   come, a leeway of six minutes (RFC 7519 section 4.1.4 speaks of a few), an `exp` beyond 2⁵³;
//! - `cnf` (RFC 7800 binds those who understand it), and other kinds of token told by `at_hash`, `c_hash`, `events`, or a
//!   vendor's claim.
//!
//! [`Attack::source`] says where each is known from. If yours must let one pass, name it with a reason by
//! [`except`](Resists::except). Two presets want that as well: tokens of [`Issuer::cognito`](crate::Issuer::cognito) name no
//! audience (`aud_missing`), and those of [`Issuer::google`](crate::Issuer::google) are ID tokens (`id_token…`).
//!
//! # What it does not see
//!
//! - Handlers: whose order `/orders/1` is, what a token in a form's body is taken for, and what an answer's body gives away.
//! - Routes other than the one it asks, and what one route remembers for another. The routes of a `GuardedRouter` are tried by
//!   `assert_guarded` (feature `axum`): each without a token, with an expired and a forged one, and with one that lacks a
//!   term of its policy. It goes by the table: a plain router that is merged beside it, what stands below a prefix, and
//!   other values of a path's `{name}` it does not see.
//! - An optional route: who has no token passes there, so nothing would be proven.
//! - Tokens in a cookie: all are brought in `Authorization`. With a cookie named `access_token`, `token` or `jwt`, except
//!   `token_in_a_cookie`.
//! - OPTIONS: a layer for CORS answers it before anybody asks for a token, and rightly.
//! - The network: redirects, TLS, compression, slowness, and addresses of other hosts. Keys come from one issuer, in one
//!   process; whether a client follows a redirect is seen with a server of your own. What parses bytes before the application
//!   has a `Request` (two lengths, folded lines, HTTP/2's own headers) is not asked.
//! - An address of keys that the metadata change for good, since many applications are told the address and read no metadata.
//! - Clocks that are set back, and time within one request: a token that expires between its check and its use.
//! - Races, but for one pair of requests that are under way at the same time on one thread.
//! - How long an answer takes: a comparison that stops at the first difference, a key that is slow.
//! - What is logged, and what a refusal says beside status and `error`.
//! - Tokens that a good key signed by a padding that is not quite the right one (PSS with another salt): the test's issuer
//!   cannot make them. External vectors have them, Wycheproof for one.
//! - Kinds of algorithm other than the issuer's own default one, where an attack changes the good token: try an application
//!   that allows several once with each ([`TestIssuer::sign_with`](super::TestIssuer::sign_with)).

mod algorithms;
mod attack;
mod claims;
mod copies;
mod cubes;
mod encodings;
mod endpoint;
mod excuses;
mod forge;
mod headers;
mod json;
mod keys;
mod paths;
mod report;
mod requests;
mod resist;
mod rights;
#[cfg(feature = "axum")]
mod routes;
mod signatures;
mod stage;
mod timing;

pub use attack::{Answer, Attack, Category, Needs};
pub use report::{Outcome, Report};
pub use resist::{Resists, assert_resists};
#[cfg(feature = "axum")]
pub use routes::{Guarded, Rights, RouteReport, assert_guarded};

/// Stands in the extensions of each request of a trial, for a log or a recorder of yours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    attack: &'static str,
}

impl Attempt {
    /// The name of the attack; `none` for the good tokens before and after.
    pub fn attack(self) -> &'static str {
        self.attack
    }
}

/// Every attack, by category.
pub fn corpus() -> impl Iterator<Item = &'static Attack> {
    let tables = [
        algorithms::ATTACKS,
        headers::ATTACKS,
        keys::ATTACKS,
        signatures::ATTACKS,
        claims::ATTACKS,
        rights::ATTACKS,
        encodings::ATTACKS,
        json::ATTACKS,
        requests::ATTACKS,
        excuses::ATTACKS,
        paths::ATTACKS,
        endpoint::ATTACKS,
        cubes::ATTACKS,
        timing::ATTACKS,
    ];
    tables.into_iter().flatten()
}

//! Why a token passes or not: [`Verifier::explain`](crate::Verifier::explain) gives every step with its outcome, and the
//! policy term by term.
//!
//! 1. The verdict is the verifier's own: the token goes the way that [`verify`](crate::Verifier::verify) goes, without the
//!    memory of verified tokens. It may wait for keys, and cause a fetch, as that does.
//! 2. An explanation decides nothing, and is neither logged nor counted.
//! 3. A step is [`Passed`](StepOutcome::Passed) only where it was: what a refusal left undone is
//!    [`NotReached`](StepOutcome::NotReached), also where it stands before the step that refused.
//! 4. A policy is asked of a verified caller alone. There each term is yes, no or unknown, with the reason for the last
//!    ([`Unknown`](crate::policy::Unknown)): "the token does not say" is not "no".
//! 5. **For the client** there is [`for_client`](Explanation::for_client): what the request's answer would have told it
//!    anyway. **For the operator** there are `Display` and [`to_json`](Explanation::to_json): reasons, policy, the names of
//!    claims. The token is in neither, nor is a claim's value, unless [`with_values`](Explanation::with_values) asks for
//!    those that the policy reads.
//!
//! An endpoint that explains whatever token it is sent tells strangers the policy and the reasons: keep it for operators.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))] {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use tower_bearer::policy::{group, role, scope};
//!
//! # let issuer = tower_bearer::testing::TestIssuer::new();
//! # let verifier = issuer.verifier().build().unwrap();
//! let policy = scope("orders:read") & (role("clerk") | !group("guest"));
//! let token = issuer.token().scope("orders:read").sign();
//!
//! let explanation = verifier.explain(&token, &policy).await;
//! assert!(!explanation.is_allowed());
//! assert_eq!(explanation.for_client().to_string(), concat!(
//!     r#"403 Bearer error="insufficient_scope", "#,
//!     r#"error_description="the token does not permit this request", scope="orders:read""#,
//! ));
//! assert!(explanation.to_string().ends_with("\
//! policy: scope(orders:read) & (role(clerk) | !group(guest))
//!   unknown  all of
//!     yes      scope(orders:read)  [scope, scp]
//!     unknown  any of
//!       unknown  role(clerk)  [roles]: the token does not say
//!       unknown  not
//!         unknown  group(guest)  [groups]: the token does not say
//! "));
//! # }); }
//! ```

mod explanation;
mod render;

pub use explanation::{Explanation, StepOutcome};
pub use render::{ForClient, WithValues};

//! What a caller may do, as data: terms such as [`scope`] and [`role`], joined by `&`, `|` and `!`.
//!
//! One [`Policy`] value is enforced, named in the challenge, printed, and kept in a configuration file.
//!
//! 1. A policy has three values ([`Truth`]), as Kleene's logic: yes, no, unknown. **Only yes allows.**
//! 2. A term is unknown when there is no caller, when the claim it reads is absent, of the wrong type or cut off
//!    (Entra's group overage), and when a [`check`] is unbound or errs.
//! 3. `!unknown` is unknown: `!group("contractor")` does not pass a token that says nothing of groups. Who means that
//!    it should writes `absent("groups") | !group("contractor")`.
//! 4. [`public`] and [`optional`] are yes for everybody, [`deny`] for nobody, [`authenticated`] for every caller with
//!    a verified token.
//! 5. [`acr`] and [`max_age`] ask how, and how long ago, the user was authenticated. Where such a term is what a caller
//!    lacks, the answer is a step-up challenge (RFC 9470): 401 `insufficient_user_authentication`, and no 403.
//! 6. A policy is checked when it is built: a scope that no token could ever carry does not wait for production.
//! 7. Its text reads back as the same policy: `scope(orders:read) & (role(clerk) | !group(guest))`. `!` binds
//!    tighter than `&`, and `&` tighter than `|`.
//!
//! # Text form
//!
//! | text | built by |
//! | --- | --- |
//! | `scope(orders:read)`, `any_scope(a, b)`, `all_scopes(a, b)` | [`scope`], [`any_scope`], [`all_scopes`] |
//! | `role(clerk)`, `permission("print orders")`, `group(staff)` | [`role`], [`permission`], [`group`] |
//! | `claim(department, "sales")`, `claim(/address/country, "NO")` | [`claim`]; the value is always JSON |
//! | `absent(groups)` | [`absent`] |
//! | `issuer(https://id.example.com)`, `client(web)` | [`issuer`], [`client`] |
//! | `acr(urn:acr:2fa)`, `acr(gold, silver)`, `max_age(300)` (seconds) | [`acr`], [`any_acr`], [`max_age`] |
//! | `authenticated`, `public("health check")`, `optional(catalogue)`, `deny` | [`authenticated`], [`public`], [`optional`], [`deny`] |
//! | `check(office-hours)`, `rule(can-refund)` | [`check`], [`rule`]; what is read back waits for [`Policy::bind`] |
//!
//! An argument stands bare when it is made of letters, digits and ASCII signs other than `( ) , " ' & | ! \`; any
//! other is a JSON string. A text is at most 64 KiB, a policy nests at most 32 deep.
//!
//! # Example
//!
//! ```
//! use tower_bearer::policy::{Decision, Policy, group, optional, role, scope};
//!
//! let policy = scope("orders:read") & (role("clerk") | !group("guest"));
//! assert_eq!(policy.to_string(), "scope(orders:read) & (role(clerk) | !group(guest))");
//! assert_eq!(policy, policy.to_string().parse::<Policy>()?);
//!
//! // Nobody is signed in: refused, and the challenge says which scope to ask for.
//! let Decision::Deny(denial) = policy.decide(None) else { panic!("only a yes allows") };
//! assert!(denial.scopes().eq(["orders:read"]));
//!
//! // Anybody may pass here.
//! assert_eq!(optional("prices differ for members").decide(None), Decision::Allow);
//! # Ok::<(), tower_bearer::policy::PolicyError>(())
//! ```
//!
//! [`Policy::explain`] tells each term's answer, and why one is unknown:
//!
//! ```
//! use tower_bearer::policy::{Truth, Unknown, group, public};
//!
//! let explained = (public("probes") | !group("guest")).explain(None);
//! assert_eq!(explained.truth(), Truth::Yes);
//! let [_, not_a_guest] = explained.parts() else { panic!("two of them") };
//! assert_eq!(not_a_guest.parts()[0].unknown(), Some(Unknown::Nobody));
//! ```
//!
#![cfg_attr(
    feature = "axum",
    doc = "[`Policies`] are many of them by name, out of a file, for the routes of a [`GuardedRouter`](crate::guard).\n"
)]
//! A policy decides on what the token says, so it knows nothing of the resource: whether the order is the caller's own
//! is for the handler.

mod algebra;
mod allowed;
#[cfg(feature = "utoipa")]
mod asks;
mod check;
mod constructors;
mod decide;
mod error;
mod explain;
#[cfg(all(feature = "testing", feature = "axum"))]
mod grant;
mod in_force;
mod login;
#[cfg(feature = "axum")]
mod named;
mod rule;
#[cfg(feature = "axum")]
mod sense;
#[cfg(feature = "axum")]
mod standing;
mod term;
mod text;
mod truth;
mod value;
#[cfg(feature = "axum")]
mod wanted;
mod way;

#[cfg(test)]
mod draws;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod sample;

pub use algebra::Policy;
pub use allowed::Allowed;
pub use check::Checks;
pub use constructors::{
    absent, acr, all_scopes, any_acr, any_scope, authenticated, check, claim, client, deny, group, issuer,
    max_age, optional, permission, public, role, scope,
};
pub use decide::{Decision, Denial};
pub use error::PolicyError;
pub use explain::{Explained, Joint, Unknown};
#[cfg(all(feature = "testing", feature = "axum"))]
pub(crate) use grant::{Grant, MOST_WAYS};
pub(crate) use in_force::InForce;
#[cfg(feature = "axum")]
pub use named::{LivePolicies, Policies};
#[cfg(feature = "axum")]
pub(crate) use named::{NamedPolicy, Reading, Use};
pub(crate) use rule::Ruled;
pub use rule::{Rule, rule};
#[cfg(feature = "axum")]
pub(crate) use standing::Standing;
pub use truth::Truth;
#[cfg(feature = "axum")]
pub(crate) use wanted::Wanted;

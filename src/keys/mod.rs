//! Keys: how they are read, what is refused, and which one a token is held against.
//!
//! - [`Key`] is one verification key, parsed once; [`KeySet`] is an immutable set of them.
//! - Every JWK is read alone: a bad or unknown one is skipped and counted, never a reason to drop the others. Only a
//!   document that is no JSON costs the set.
//! - A key's own `alg`, `use` and `key_ops` bind; RSA has 2048 to 8192 bits; points are on their curve.
//! - Secrets are given by [`Key::from_secret`] only and never come out of a key set.
//!
//! ```
//! # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
//! use tower_bearer::keys::{Algorithm, Key, KeyError, KeySet};
//!
//! let keys = KeySet::from_json(r#"{"keys": [
//!     {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
//!     {"kty": "oct", "kid": "b", "k": "c2VjcmV0"}
//! ]}"#)?;
//! assert_eq!(keys.key_ids().collect::<Vec<_>>(), ["a"]);
//! assert_eq!(keys.skipped().next().map(|skipped| skipped.error()), Some(KeyError::SymmetricKey));
//!
//! assert_eq!(Key::from_secret(b"too short", Algorithm::HS256).unwrap_err(), KeyError::SecretTooShort);
//! # }
//! # Ok::<(), tower_bearer::keys::KeySetError>(())
//! ```

mod algorithm;
#[cfg(feature = "remote")]
pub(crate) mod discovery;
#[cfg(feature = "remote")]
pub(crate) mod driver;
mod error;
#[cfg(feature = "remote")]
pub(crate) mod fetch;
mod jwk;
pub(crate) mod key;
#[cfg(feature = "remote")]
pub(crate) mod life;
#[cfg(all(test, feature = "remote"))]
mod life_model;
#[cfg(feature = "remote")]
pub(crate) mod load;
#[cfg(feature = "remote")]
pub(crate) mod newcomers;
#[cfg(feature = "remote")]
pub(crate) mod remote;
mod set;
#[cfg(feature = "remote")]
pub(crate) mod store;
#[cfg(any(feature = "axum", feature = "remote"))]
mod url;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::{KeyError, KeySetError};
pub use key::Key;
pub use set::{KeySet, SkippedKey};

pub(crate) use set::Selection;
#[cfg(feature = "remote")]
pub(crate) use url::is_https;
#[cfg(any(feature = "axum", feature = "remote"))]
pub(crate) use url::is_safe_url;

#[cfg(feature = "remote")]
pub use {
    fetch::{Fetch, FetchError, FetchFuture, FetchRequest, Fetched, HttpFetch},
    remote::RemoteKeySet,
    store::{KeptKeys, KeyStore, StoreError, StoreFuture},
};

#[cfg(all(unix, feature = "remote"))]
pub use store::FileStore;

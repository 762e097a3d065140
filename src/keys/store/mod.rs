//! Where the last good key set is kept outside of the process, for a cold start while the issuer is down.

#[cfg(unix)]
mod file;
mod kept;

#[cfg(unix)]
pub use file::FileStore;
pub use kept::KeptKeys;

use std::{error::Error, fmt, future::Future, pin::Pin};

/// The future of a [`KeyStore`].
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps the last good key set of each issuer where a restart does not lose it: [`FileStore`], or a store of your own.
///
/// Whoever can write there can make any token, for as long as the issuer cannot be reached. So a store answers for who
/// may write to it; the key engine checks what comes back (issuer, address, age, every key) as if it had been fetched.
///
/// What is kept may be older than a withdrawal. Three rules keep that short:
///
/// - [`save`](Self::save) replaces. Where it fails, the older set must be gone as well, if that can be helped.
/// - The engine calls [`forget`](Self::forget) after a `save` that failed, for a store that could not help it.
/// - Where even that fails, the kept set's age ends it: it judges no longer than it would have in a process that had
///   fetched it and then lost the issuer.
///
/// Calls for one issuer come one after the other from one process: each awaited before the next. Several processes may share a store: then the last
/// one to save wins.
pub trait KeyStore: Send + Sync + 'static {
    /// Whether this issuer's set can be kept at all, as far as that can be told without I/O. Asked when a verifier is
    /// built. Default: it can.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where it cannot.
    fn check(&self, issuer: &str) -> Result<(), StoreError> {
        let _ = issuer;
        Ok(())
    }

    /// What is kept for that issuer; `None` where nothing is.
    fn load<'a>(&'a self, issuer: &'a str) -> StoreFuture<'a, Option<KeptKeys>>;

    /// Keeps that set instead of what was kept before: wholly or not at all.
    fn save<'a>(&'a self, issuer: &'a str, keys: &'a KeptKeys) -> StoreFuture<'a, ()>;

    /// Removes what is kept for that issuer. Nothing there is no error.
    fn forget<'a>(&'a self, issuer: &'a str) -> StoreFuture<'a, ()>;
}

/// Why a kept set could not be read or written. Its text goes to the log, never to a client, and says nothing of what
/// was in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The store itself failed: where, and its own error in words.
    Failed(String),
    /// Somebody else could have written there: where, and how.
    Untrusted(String),
    /// What is there is no kept set of that issuer, or of another format version.
    Unusable(String),
    /// More than the limit: 256 KiB of key set, 16 KiB of everything else.
    TooLarge,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(words) => write!(f, "store failed: {words}"),
            Self::Untrusted(words) => write!(f, "store not trusted: {words}"),
            Self::Unusable(words) => write!(f, "kept key set unusable: {words}"),
            Self::TooLarge => f.write_str("kept key set too large"),
        }
    }
}

impl Error for StoreError {}

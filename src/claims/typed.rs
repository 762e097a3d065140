use super::{ClaimMap, Principal};
use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

/// The claims of a verified token: the registered ones by method, the application's own by deref to `T`.
///
/// `T` is any `serde::Deserialize` type; without one it is [`ClaimMap`], all claims by name. A clone costs one
/// reference count. `T` is shared between requests, so it should be plain data.
///
/// What is not here is on [`principal()`](Claims::principal): roles as a list, permissions, groups, the client, the
/// audiences, and any claim by its path, `claims.principal().has_group("staff")`.
///
/// As an axum extractor it answers 401 on a route that let a request without token through, and 500 (with an event
/// that says what was forgotten) where `AuthenticateLayer` is missing or verifies another `T`.
pub struct Claims<T = ClaimMap> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    principal: Principal,
    custom: T,
}

impl<T> Claims<T> {
    pub(crate) fn new(principal: Principal, custom: T) -> Self
    where
        T: 'static,
    {
        Self { inner: Arc::new(Inner { principal, custom }) }
    }

    /// The verified caller without `T`: all registered claims and authorities.
    pub fn principal(&self) -> &Principal {
        &self.inner.principal
    }

    /// `sub` (RFC 7519 section 4.1.2); unique within the issuer only.
    pub fn subject(&self) -> Option<&str> {
        self.principal().subject()
    }

    /// `iss` (RFC 7519 section 4.1.1): one of the trusted issuers.
    pub fn issuer(&self) -> &str {
        self.principal().issuer()
    }

    /// The granted scopes (RFC 6749 section 3.3), in the token's order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.principal().scopes()
    }

    /// Whether this scope was granted, compared whole.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.principal().has_scope(scope)
    }

    /// Whether the caller has this role, by the issuer's mapping.
    pub fn has_role(&self, role: &str) -> bool {
        self.principal().has_role(role)
    }

    /// When the token ends (`exp`, leeway not added).
    pub fn expires_at(&self) -> SystemTime {
        self.principal().expires_at()
    }
}

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner.custom
    }
}

impl<T> Clone for Claims<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// Shows that there are claims, never what they say.
impl<T> fmt::Debug for Claims<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("principal", self.principal()).finish_non_exhaustive()
    }
}

use super::super::Issuer;
use std::{error::Error, fmt, future::Future, ops::Range, pin::Pin};

/// The future of a [`TenantResolver`].
pub type TenantFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Issuer>, TenantError>> + Send + 'a>>;

/// Says what becomes of a tenant: an async function from a [`Tenant`] to `Result<Option<Issuer>, E>`, or a type of yours.
///
/// `None` is "not one of ours": the token is refused (401), and the answer remembered for a while. An error is "I cannot tell
/// now": tokens of tenants that are not known yet are answered with 503, known ones go on.
pub trait TenantResolver: Send + Sync + 'static {
    /// The issuer of this tenant. One of its identifiers must be [`Tenant::issuer`]; another issuer's is taken for a no.
    fn resolve(&self, tenant: Tenant) -> TenantFuture<'_>;
}

/// Why a resolver could not tell; its text goes to the log, never to a client.
pub type TenantError = Box<dyn Error + Send + Sync>;

impl<F, Fut, E> TenantResolver for F
where
    F: Fn(Tenant) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Issuer>, E>> + Send + 'static,
    E: Into<TenantError>,
{
    fn resolve(&self, tenant: Tenant) -> TenantFuture<'_> {
        let answer = self(tenant);
        Box::pin(async move { answer.await.map_err(Into::into) })
    }
}

/// A tenant as an unverified token names it: whoever sent that token chose the name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tenant {
    issuer: String,
    /// Where in the identifier the name stands.
    name: Range<usize>,
}

impl Tenant {
    pub(super) fn new(issuer: &str, name: Range<usize>) -> Self {
        Self { issuer: issuer.to_owned(), name }
    }

    /// The whole identifier, the token's `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What fills the template's gap.
    pub fn name(&self) -> &str {
        self.issuer.get(self.name.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").finish_non_exhaustive()
    }
}

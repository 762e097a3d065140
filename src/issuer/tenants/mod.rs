//! Tenants: issuers that are found while the program runs, by asking somebody who knows them.

mod directory;
mod resolver;
mod source;
mod template;

pub use resolver::{Tenant, TenantError, TenantFuture, TenantResolver};

pub(crate) use directory::{TenantAnswer, TenantDirectory};

use crate::{error::Fault, keys::life::KeyPolicy};
use std::{fmt, sync::Arc, time::Duration};
use template::Template;

/// Tenants of one identity provider: which identifiers may be theirs, and who says what becomes of one.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
/// use tower_bearer::{Issuer, Verifier, issuer::{Tenant, Tenants}};
///
/// let tenants = Tenants::new("https://id.example.com/realms/{tenant}", |tenant: Tenant| async move {
///     let is_customer = tenant.name() == "acme"; // look it up
///     let issuer = if is_customer { Some(Issuer::discover(tenant.issuer())?) } else { None };
///     Ok::<_, tower_bearer::ConfigError>(issuer)
/// });
/// let verifier = Verifier::builder().tenants(tenants).audience("https://api.example.com").build()?;
/// # }
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
///
/// What the resolver needs, a pool or a table, is cloned twice: once into the closure, once for each question. A tenant may
/// be of a well-known kind; for Microsoft Entra, the name in the gap is the tenant's id:
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
/// # use std::{collections::BTreeSet, sync::Arc};
/// use tower_bearer::{Issuer, Verifier, issuer::{Tenant, TenantError, Tenants}};
///
/// # #[derive(Clone)]
/// # struct Customers(Arc<BTreeSet<String>>);
/// # impl Customers {
/// #     async fn contains(&self, tenant: &str) -> Result<bool, TenantError> { Ok(self.0.contains(tenant)) }
/// # }
/// # let customers = Customers(Arc::default());
/// let tenants = Tenants::new("https://login.microsoftonline.com/{tenant}/v2.0", move |tenant: Tenant| {
///     let customers = customers.clone(); // a handle to your database
///     async move {
///         // Asked first: of a name that is no tenant's id, `common` for one, no issuer can be made, and a resolver that
///         // fails is answered with 503.
///         if !customers.contains(tenant.name()).await? {
///             return Ok(None);
///         }
///         Ok::<_, TenantError>(Some(Issuer::entra(tenant.name())?))
///     }
/// });
/// let verifier = Verifier::builder().tenants(tenants).audience("6e74172b-…").build()?;
/// # }
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
///
/// The table holds ids in lower case, as Entra writes them into `iss`: [`Issuer::entra`](super::Issuer::entra) is the
/// tenant with the id in lower case, and a resolver that answers with another issuer than it was asked for has said no.
///
/// A token's `iss` reaches the resolver only where it has the template's form and nothing else that can be checked
/// without keys is wrong with the token; what stands before and behind `{tenant}` is compared byte for byte. So not even a
/// resolver that trusts whatever it is asked for makes this service fetch from a stranger.
///
/// The answer is kept by the rules of the key life: renewed ahead of its end while requests come, used past it only
/// while the resolver fails, and then for [`max_stale`](Tenants::max_stale) at most. Each tenant has keys, budgets and a
/// status of its own. For customers with identity providers of their own, whose addresses have no common form, use
/// [`Verifier::add_issuer`](crate::Verifier::add_issuer).
#[derive(Clone)]
pub struct Tenants {
    templates: Vec<Template>,
    resolver: Arc<dyn TenantResolver>,
    ttl: Duration,
    ttl_of_no: Duration,
    max_tenants: u64,
    policy: KeyPolicy,
    pub(crate) faults: Vec<Fault>,
}

/// The longest that an answer is good for.
const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

impl Tenants {
    /// Tenants whose identifiers have this form: an absolute URL with one `{tenant}` in its path,
    /// `https://id.example.com/realms/{tenant}`, or in front of a domain of yours, `https://{tenant}.example.com/`. A
    /// tenant's name is 1 to 128 of the letters, digits, `-`, and, in a path, `_ . ~`. What is wrong with the template is a fault of
    /// [`build`](crate::verify::VerifierBuilder::build).
    pub fn new(template: &str, resolver: impl TenantResolver) -> Self {
        let policy = KeyPolicy { ttl: None, ttl_bounds: (SECOND, DAY), ..KeyPolicy::default() };
        let tenants = Self {
            templates: Vec::new(),
            resolver: Arc::new(resolver),
            ttl: Duration::from_secs(10 * 60),
            ttl_of_no: Duration::from_secs(60),
            max_tenants: 10_000,
            policy,
            faults: Vec::new(),
        };
        tenants.also_at(template)
    }

    /// One more form that a tenant's identifier may have. Default: none.
    #[must_use]
    pub fn also_at(mut self, template: &str) -> Self {
        match Template::parse(template) {
            Ok(parsed) => self.templates.push(parsed),
            Err(sentence) => self.faults.push(Fault::new("tenants", format!("{template:?} {sentence}"))),
        }
        self
    }

    /// How long the resolver's word holds for a tenant that it knows; 1 s to 24 h. It is asked again from 80 % of it, in the
    /// background. Default: 10 min.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.check("tenants: ttl", ttl, SECOND, DAY);
        self.ttl = ttl;
        self
    }

    /// How long a "no" is remembered; 1 s to 24 h. Default: 1 min. See
    /// [`Verifier::forget_tenant`](crate::Verifier::forget_tenant) for a tenant that has just been made.
    #[must_use]
    pub fn ttl_of_no(mut self, ttl: Duration) -> Self {
        self.check("tenants: ttl_of_no", ttl, SECOND, DAY);
        self.ttl_of_no = ttl;
        self
    }

    /// How long past that an answer may be used while the resolver fails; at most 24 h. Default: 1 h.
    #[must_use]
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.check("tenants: max_stale", max_stale, Duration::ZERO, DAY);
        self.policy.max_stale = max_stale;
        self
    }

    /// The time for one answer of the resolver; 100 ms to 60 s. Default: 5 s. A request waits 2 s for the resolver and the
    /// tenant's keys together, whatever is said here; where the resolver's word is known already, it waits for keys as
    /// [`Issuer::max_wait`](super::Issuer::max_wait) says.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.check("tenants: timeout", timeout, Duration::from_millis(100), Duration::from_secs(60));
        self.policy.fetch_timeout = timeout;
        self
    }

    /// How many tenants are kept with their keys, those that were seen last; 1 to 1 000 000. As many names that were refused,
    /// or of whom no token has verified, are remembered beside them. Default: 10 000.
    #[must_use]
    pub fn max_tenants(mut self, most: u64) -> Self {
        self.check("tenants: max_tenants", most, 1, 1_000_000);
        self.max_tenants = most;
        self
    }

    fn check<T: PartialOrd + fmt::Debug>(&mut self, setting: &'static str, value: T, least: T, most: T) {
        self.faults.extend(Fault::unless_within(setting, value, least, most));
    }

    /// The tenant that this identifier is of, if it can be one's.
    pub(crate) fn tenant(&self, iss: &str) -> Option<Tenant> {
        let name = self.templates.iter().find_map(|template| template.find(iss))?;
        Some(Tenant::new(iss, name))
    }

    /// For logs and metrics, where a tenant's own name would be one series more.
    pub(crate) fn label(&self) -> String {
        self.templates.first().map(Template::text).unwrap_or_default()
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let templates: Vec<_> = self.templates.iter().map(Template::text).collect();
        f.debug_struct("Tenants").field("templates", &templates).finish_non_exhaustive()
    }
}

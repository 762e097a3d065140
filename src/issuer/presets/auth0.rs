use super::check_host;
use crate::{error::ConfigError, issuer::Issuer};

impl Issuer {
    /// A tenant of Auth0, by its domain or your custom one: `Issuer::auth0("acme.eu.auth0.com")`. The identifier is
    /// `https://{domain}/`, with the slash. <https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles>
    ///
    /// - **Audience** is the API's identifier. A client must ask for it (`audience=`), or it gets an opaque token.
    /// - **Permissions** from `permissions`, for an API with *Enable RBAC* and *Add Permissions in the Access Token*;
    ///   **scopes** from `scope`. What an Action adds has a namespaced name, taken whole:
    ///   `.roles_from(["https://example.com/roles"])`.
    /// - **Encrypted tokens** (*JSON Web Encryption* at the API) are refused, `encrypted_token`: turn it off.
    /// - `.strict()` needs the API's *RFC 9068* access token profile.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `domain` is no host name alone.
    pub fn auth0(domain: &str) -> Result<Self, ConfigError> {
        ConfigError::check(check_host("domain", domain).into_iter().collect())?;
        Self::discover(&format!("https://{domain}/"))
    }
}

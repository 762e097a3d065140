use super::{check_host, check_step};
use crate::{error::ConfigError, issuer::Issuer};

impl Issuer {
    /// A custom authorization server of Okta: `Issuer::okta("acme.okta.com", "default")`. The identifier is
    /// `https://{domain}/oauth2/{authorization_server}`; with a custom domain, as the server's *Issuer* setting has it.
    /// <https://developer.okta.com/docs/guides/validate-access-tokens/>
    ///
    /// - **Audience** is the authorization server's, `api://default` for `default`.
    /// - **Scopes** from the array `scp`; **groups** from `groups`, once you add that claim to access tokens.
    /// - **Kind.** `cid`, the client, must be there: ID tokens have none.
    /// - The *org* authorization server (`https://{domain}` without a path) has no constructor: Okta says that its access
    ///   tokens are for Okta alone.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `domain` is no host name alone, or `authorization_server` is not one step of a path.
    pub fn okta(domain: &str, authorization_server: &str) -> Result<Self, ConfigError> {
        let faults = [check_host("domain", domain), check_step("authorization_server", authorization_server)];
        ConfigError::check(faults.into_iter().flatten().collect())?;
        let mut issuer = Self::discover(&format!("https://{domain}/oauth2/{authorization_server}"))?;
        issuer.expects.never_strict = Some("Okta writes no typ, and the client into cid");
        Ok(issuer.scopes_from(["scp"]).require_present("cid"))
    }
}

use super::{check_host, check_step};
use crate::{error::ConfigError, issuer::Issuer};

impl Issuer {
    /// An instance of ZITADEL, and the project your API belongs to:
    /// `Issuer::zitadel("acme-1a2b3c.zitadel.cloud", "69234237810729019")`. The identifier is `https://{domain}`, with the
    /// port where there is one. <https://zitadel.com/docs/apis/openidoauth/claims>
    ///
    /// - **Audience** is the project's id, which clients ask for by the scope `urn:zitadel:iam:org:project:id:{id}:aud`;
    ///   the application's *Auth Token Type* must be JWT.
    /// - **Roles** are those of this project, the member names of `urn:zitadel:iam:org:project:{id}:roles`; the scope
    ///   `urn:zitadel:iam:org:projects:roles` asks for them, or *Assert Roles on Authentication* at the project. The claim
    ///   without an id, `urn:zitadel:iam:org:project:roles`, is not read: it has the roles of the project that the *client*
    ///   belongs to.
    /// - A role is held **in an organisation**, and one `admin` may be an admin of another organisation than your
    ///   caller's: where the project is granted to several, look at the claim's value in the handler.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `domain` is no host name alone, or `project_id` not one word.
    pub fn zitadel(domain: &str, project_id: &str) -> Result<Self, ConfigError> {
        let faults = [check_host("domain", domain), check_step("project_id", project_id)];
        ConfigError::check(faults.into_iter().flatten().collect())?;
        let issuer = Self::discover(&format!("https://{domain}"))?;
        let roles = format!("urn:zitadel:iam:org:project:{project_id}:roles");
        Ok(issuer.roles_from_keys([roles.as_str()]))
    }
}

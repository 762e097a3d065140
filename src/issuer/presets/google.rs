use crate::{error::ConfigError, issuer::Issuer};

impl Issuer {
    /// Google's accounts. What is verified is the *ID token*: Google's access tokens are opaque, and for Google's own APIs.
    /// `iss` is `https://accounts.google.com` or, from older clients, `accounts.google.com`.
    /// <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>
    ///
    /// - **Audience** is your OAuth client's id, `….apps.googleusercontent.com`.
    /// - It says who somebody is, and no more: there are no scopes or roles, and everybody can have an account. Anyone's
    ///   *service account* can even get an ID token for an audience of its own choosing, yours included. So name the
    ///   clients whose tokens you take, `.clients(["….apps.googleusercontent.com"])` (Google writes them into `azp`), and
    ///   decide by `sub`, or by `hd` for the accounts of one organisation: `.require_claim("hd", ["example.com"])`.
    /// - `at_hash` is let pass, as [`accept_id_tokens`](Issuer::accept_id_tokens) says.
    ///
    /// # Errors
    ///
    /// None today; the type is that of its neighbours.
    pub fn google() -> Result<Self, ConfigError> {
        let issuer = Self::discover("https://accounts.google.com")?;
        Ok(issuer.also_known_as("accounts.google.com").accept_id_tokens())
    }
}

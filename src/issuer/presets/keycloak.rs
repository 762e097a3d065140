use super::{check_step, is_step};
use crate::{
    error::{ConfigError, Fault},
    issuer::{Issuer, remote::check_url},
};

/// A client's setting for lower case in token responses reaches into the token. `DPoP` is not among them: such a token is
/// bound (`cnf`), and nothing here checks the proof.
const BEARER: [&str; 2] = ["Bearer", "bearer"];

impl Issuer {
    /// A realm of Keycloak: `Issuer::keycloak("https://id.example.com", "acme")`. The identifier is `{base}/realms/{realm}`;
    /// servers before version 17 have `/auth` at the end of their base. <https://www.keycloak.org/docs/latest/server_admin/>
    ///
    /// - **Audience.** Out of the box no token is for your API: `aud` is `account` where the user has a role of that client,
    ///   and is not there at all where nobody is named (`aud_missing`). Both have one cure, a mapper. It belongs to the
    ///   client that **asks for the tokens** (the web application, the service account), not to your API's: *Clients*, that
    ///   client, *Client scopes*, its dedicated scope `…-dedicated`, *Add mapper*, *By configuration* (*Configure a new
    ///   mapper* where it has none yet), *Audience*; your API's name in *Included Custom Audience*, *Add to access token*
    ///   on. Where many clients call you, put it into one client scope that they share. Say the same name to
    ///   [`audience`](crate::verify::VerifierBuilder::audience). Never `.audience("account")`: that is Keycloak's own
    ///   account service, and tokens for any application have it.
    /// - **Roles** are the realm's, `/realm_access/roles`. Those of clients stay apart, because a client's `admin` is not
    ///   the realm's: see [`keycloak_client_roles`](Issuer::keycloak_client_roles).
    /// - **Service accounts** pass without `email`, and without `realm_access`: their roles are then unknown, and no policy
    ///   about roles allows them, `!role("guest")` included.
    /// - **Kind.** The claim `typ` must be `Bearer`: ID, refresh, offline and logout tokens are refused.
    /// - `http` off loopback, a cluster's `http://keycloak:8080`, wants [`danger_allow_http`](Issuer::danger_allow_http).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `base_url` is no absolute `http(s)` URL of plain steps, or `realm` is not one step of a path
    /// that needs no escape; for another realm's name, say `Issuer::discover` with the identifier as its tokens have it.
    pub fn keycloak(base_url: &str, realm: &str) -> Result<Self, ConfigError> {
        let mut faults = base_faults(base_url);
        faults.extend(check_step("realm", realm));
        ConfigError::check(faults)?;
        let base = base_url.strip_suffix('/').unwrap_or(base_url);
        let issuer = Self::discover(&format!("{base}/realms/{realm}"))?;
        Ok(issuer.require_claim("typ", BEARER).roles_from(["/realm_access/roles"]))
    }

    /// Reads the roles that Keycloak gives in this client, `/resource_access/{client}/roles`, as *permissions*:
    /// `permission("refund")`, beside `role("clerk")` for the realm's. Other clients' roles are not read. Default: no
    /// client's are.
    ///
    /// Said twice, the last one counts, as for [`permissions_from`](Issuer::permissions_from), which it is made of. For
    /// several clients say that one, with every path: `.permissions_from(["/resource_access/orders/roles",
    /// "/resource_access/stock/roles"])`; which client a permission came from is then not told apart.
    pub fn keycloak_client_roles(self, client: &str) -> Self {
        let escaped = client.replace('~', "~0").replace('/', "~1");
        self.permissions_from([format!("/resource_access/{escaped}/roles").as_str()])
    }
}

/// A server's address may be a cluster's, `http://keycloak:8080`, so its host is checked more widely than a vendor's.
fn base_faults(base_url: &str) -> Vec<Fault> {
    if let Err(error) = check_url("base_url", base_url) {
        return error.into_faults();
    }
    let base = base_url.strip_suffix('/').unwrap_or(base_url);
    let after_scheme = base.split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = match after_scheme.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (after_scheme, None),
    };
    let plain_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    if plain_host && path.is_none_or(|path| path.split('/').all(is_step)) {
        return Vec::new();
    }
    vec![Fault::new("base_url", "must be the server's address alone, without query, fragment or escapes")]
}

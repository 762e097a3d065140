use super::{Issuer, tenancy::Tenancy};
use crate::{claims::ClaimPath, error::Fault};

/// What an issuer's tokens must say beside what every token must, and what it may leave out.
#[derive(Clone, Default)]
pub(crate) struct Expects {
    pub(crate) claims: Vec<ExpectedClaim>,
    pub(crate) clients: Option<Vec<Box<str>>>,
    /// ID tokens pass, too.
    pub(crate) id_tokens: bool,
    /// `aud` may be absent; never without `clients`.
    pub(super) audience_optional: bool,
    pub(crate) tenants: Option<&'static Tenancy>,
    /// Why RFC 9068 whole could never be met.
    pub(super) never_strict: Option<&'static str>,
}

/// A claim that must be there.
#[derive(Clone)]
pub(crate) struct ExpectedClaim {
    pub(crate) path: ClaimPath,
    /// One of these; `None` for any value.
    pub(crate) values: Option<Vec<Box<str>>>,
}

impl Expects {
    /// Whether a token without `aud` may pass. The list of clients then says whose tokens are meant for us.
    pub(crate) fn may_lack_audience(&self) -> bool {
        self.audience_optional && self.clients.is_some()
    }
}

/// What else its tokens must say.
impl Issuer {
    /// This claim must be there and have one of these values: a string that equals one, or an array of strings that
    /// contains one; anything else is refused (`required_claim_missing`, `required_claim_mismatch`). The claim is a name
    /// or a JSON Pointer, as in [`roles_from`](Issuer::roles_from). Said for several claims, or several times for one,
    /// all of it must hold. Default: none.
    ///
    /// This is about which tokens are tokens for you (`token_use`, a tenant), the same for every route; what a caller may
    /// do is a [`policy`](crate::policy).
    pub fn require_claim<'a>(mut self, claim: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<Box<str>> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            self.faults
                .push(Fault::new("require_claim", format!("{claim:?}: names no value: nothing could pass")));
        }
        self.expect(claim, "require_claim", Some(values))
    }

    /// This claim must be there, whatever it says; `null` and the empty string say nothing. For a claim that an issuer
    /// writes into access tokens and not into others. Default: none.
    pub fn require_present(self, claim: &str) -> Self {
        self.expect(claim, "require_present", None)
    }

    /// The token's client must be one of these (`client_not_allowed`): `client_id`, `azp`, `cid` or `appid`, as
    /// [`Principal::client`](crate::claims::Principal::client) reads them. A token that names no client is refused.
    /// Default: any client of the issuer's.
    pub fn clients<'a>(mut self, clients: impl IntoIterator<Item = &'a str>) -> Self {
        let clients: Vec<Box<str>> = clients.into_iter().map(Into::into).collect();
        let faulty = clients.iter().any(|client| client.is_empty() || client.trim() != &**client);
        if clients.is_empty() || faulty {
            let sentence = "names at least one client, none of them empty or with white space around it";
            self.faults.push(Fault::new("clients", sentence));
        }
        if self.expects.clients.replace(clients).is_some() {
            self.faults.push(Fault::new("clients", "is said twice: say it once, with every client"));
        }
        self
    }

    /// Takes ID tokens as well (OpenID Connect Core section 2): `at_hash`, `c_hash`, and the marks of Keycloak (`typ: ID`)
    /// and Cognito (`token_use: id`) are let pass. Default: refused, `not_an_access_token`.
    ///
    /// An ID token says who somebody is, to the client in its `aud`. Whoever holds one can present it to you, and so can
    /// every other service that the client shows it to; it has no scopes. Only for issuers whose access tokens are not
    /// JWTs (Google's), and with an [`audience`](crate::verify::VerifierBuilder::audience) that is your own client's id.
    /// Together with `.strict()` it is a fault.
    pub fn accept_id_tokens(mut self) -> Self {
        self.expects.id_tokens = true;
        self.expects.never_strict =
            self.expects.never_strict.or(Some("an ID token is no RFC 9068 access token"));
        self
    }

    fn expect(mut self, claim: &str, setting: &'static str, values: Option<Vec<Box<str>>>) -> Self {
        match claim.parse() {
            Ok(path) => self.expects.claims.push(ExpectedClaim { path, values }),
            Err(error) => self.faults.push(Fault::new(setting, format!("{claim:?}: {error}"))),
        }
        self
    }

    /// Whether a verifier with this issuer alone needs no audience.
    pub(crate) fn may_lack_audience(&self) -> bool {
        self.expects.may_lack_audience()
    }
}

#[cfg(test)]
mod tests {
    use super::Expects;

    #[test]
    fn no_token_lacks_an_audience_without_a_list_of_clients() {
        let optional = Expects { audience_optional: true, ..Expects::default() };
        assert!(!optional.may_lack_audience());
        let named = Expects { clients: Some(vec!["web".into()]), ..optional };
        assert!(named.may_lack_audience());
        assert!(!Expects { audience_optional: false, ..named }.may_lack_audience());
    }
}

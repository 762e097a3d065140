use crate::{
    error::{ConfigError, Fault},
    issuer::Issuer,
};

impl Issuer {
    /// A user pool of Amazon Cognito and the app clients whose tokens are for you:
    /// `Issuer::cognito("eu-west-1", "eu-west-1_aB3dE5fGh", ["57cbishk4j24pabc1234567890"])`. The identifier is
    /// `https://cognito-idp.{region}.amazonaws.com/{user_pool_id}`.
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>
    ///
    /// - **Audience.** An access token of Cognito names none by default. So the list of clients takes its place: `client_id`
    ///   must be one of them, and a verifier with this issuer alone needs no audience. Where `aud` is there (a pool with
    ///   resource binding), it must be one of the verifier's audiences, as everywhere.
    /// - **Kind.** `token_use` must be `access`.
    /// - **Groups** from `cognito:groups`, **scopes** from `scope`.
    ///
    /// A client of the list can call every API that trusts it: have one client for each application, and scopes
    /// (a resource server in the pool) to tell your APIs apart.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `region` or `user_pool_id` have another form, the pool is of another region, or no client is
    /// named. China's regions have another host, which is not known here.
    pub fn cognito<'a>(
        region: &str,
        user_pool_id: &str,
        client_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let clients: Vec<&str> = client_ids.into_iter().collect();
        let faults = [check_region(region), check_pool(region, user_pool_id), check_clients(&clients)];
        ConfigError::check(faults.into_iter().flatten().collect())?;
        let mut issuer =
            Self::discover(&format!("https://cognito-idp.{region}.amazonaws.com/{user_pool_id}"))?;
        issuer.expects.audience_optional = true;
        issuer.expects.never_strict = Some("Cognito writes no typ, and an aud only when asked for it");
        let issuer = issuer.clients(clients).require_claim("token_use", ["access"]);
        Ok(issuer.groups_from(["cognito:groups"]))
    }
}

/// `eu-west-1`, `us-gov-west-1`.
fn check_region(region: &str) -> Option<Fault> {
    let steps: Vec<_> = region.split('-').collect();
    let is_word = |step: &&str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_lowercase());
    let good = match steps.as_slice() {
        [place, words @ .., number] => {
            place.len() == 2
                && is_word(place)
                && !words.is_empty()
                && words.iter().all(is_word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    };
    let known = good && !region.starts_with("cn-");
    (!known).then(|| Fault::new("region", "must be an AWS region such as eu-west-1, outside China"))
}

fn check_pool(region: &str, pool: &str) -> Option<Fault> {
    let id = pool.strip_prefix(region).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
    let good = (1..=55).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let sentence = "must be the pool's id, which begins with its region: eu-west-1_aB3dE5fGh";
    (!good).then(|| Fault::new("user_pool_id", sentence))
}

/// An app client's id has the pattern `[\w+]+` in Cognito's API reference.
fn check_clients(clients: &[&str]) -> Option<Fault> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'+';
    let good = |client: &&str| !client.is_empty() && client.bytes().all(is_letter);
    let sentence = "names at least one app client by its id: without `aud` they say whose tokens are for us";
    (clients.is_empty() || !clients.iter().all(good)).then(|| Fault::new("client_ids", sentence))
}

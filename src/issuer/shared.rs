use super::Issuer;
use crate::keys::Algorithm;
use std::time::Duration;

/// What holds for every issuer of the settings.
pub(super) struct RemoteSettings {
    pub(super) jwks_uri: Option<String>,
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) danger_allow_http: bool,
    pub(super) cooldown: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) ttl: Option<Duration>,
    pub(super) max_stale: Option<Duration>,
}

impl RemoteSettings {
    pub(super) fn apply(&self, mut issuer: Issuer) -> Issuer {
        if let Some(algorithms) = &self.algorithms {
            issuer = issuer.algorithms(algorithms.iter().copied());
        }
        if self.danger_allow_http {
            issuer = issuer.danger_allow_http();
        }
        let set =
            |issuer: Issuer, value: Option<Duration>, setter: fn(Issuer, Duration) -> Issuer| match value {
                Some(value) => setter(issuer, value),
                None => issuer,
            };
        issuer = set(issuer, self.cooldown, Issuer::key_cooldown);
        issuer = set(issuer, self.timeout, Issuer::fetch_timeout);
        issuer = set(issuer, self.ttl, Issuer::key_ttl);
        set(issuer, self.max_stale, Issuer::max_stale)
    }
}

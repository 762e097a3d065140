use super::{
    Status, VerifierBuilder, looks, rules,
    steps::{Case, Core, Parts, Patience, Stop},
};
#[cfg(feature = "remote")]
use crate::error::ConfigError;
use crate::{
    claims::{ClaimMap, Claims, Principal},
    clock::Now,
    error::{AuthError, Reason},
    issuer::TrustedIssuer,
    json, observe,
    token::BearerToken,
};
#[cfg(feature = "remote")]
use crate::{issuer::IssuerKeys, keys::remote::Ticket};
use serde::de::DeserializeOwned;
use std::{any::Any, fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

/// Verifies tokens of the trusted issuers into [`Claims<T>`].
///
/// Cheap to clone, and clones share their keys. Build one for a service, and keep it.
pub struct Verifier<T = ClaimMap> {
    core: Arc<Core>,
    claims: PhantomData<fn() -> T>,
}

impl Verifier<ClaimMap> {
    /// Starts a verifier's set-up.
    pub fn builder() -> VerifierBuilder<ClaimMap> {
        VerifierBuilder::new()
    }

    /// A verifier from `BEARER_ISSUER`, `BEARER_AUDIENCE` and the other variables of
    /// [`Settings`](crate::issuer::Settings).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault, each under its variable's name.
    #[cfg(feature = "remote")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::builder().env()?.build()
    }
}

/// How a verification begins: done at once, or behind a fetch.
pub(crate) enum Begun<T> {
    Done(Result<Claims<T>, AuthError>),
    #[cfg_attr(not(feature = "remote"), allow(dead_code))]
    Waiting(Verification<T>),
}

/// The rare verification that waits for keys.
pub(crate) type Verification<T> = Pin<Box<dyn Future<Output = Result<Claims<T>, AuthError>> + Send>>;

impl<T: DeserializeOwned + Send + Sync + 'static> Verifier<T> {
    /// Verifies one token. Waits only where keys have to be fetched, and then at most 2 s.
    ///
    /// # Errors
    ///
    /// [`AuthError`]; its [`kind`](AuthError::kind) tells a bad token from an outage of ours.
    pub fn verify(&self, token: &str) -> impl Future<Output = Result<Claims<T>, AuthError>> + Send + use<T> {
        let (this, token) = (self.clone(), BearerToken::parse(token));
        // Nothing happens before the first poll: it may be on another runtime than this call.
        async move {
            match this.begin(token?) {
                Begun::Done(result) => result,
                Begun::Waiting(verification) => verification.await,
            }
        }
    }

    /// Verifies as far as is possible without waiting.
    pub(crate) fn begin(&self, token: BearerToken) -> Begun<T> {
        match self.attempt(&token, Patience::Waits) {
            Ok(claims) => {
                observe::admitted();
                Begun::Done(Ok(claims))
            }
            Err(Stop::Refused(error)) => Begun::Done(Err(observe::refused(error, || looks::of(&token)))),
            #[cfg(feature = "remote")]
            Err(Stop::Wait(ticket)) => Begun::Waiting(Box::pin(self.clone().finish(token, ticket))),
        }
    }

    #[cfg(feature = "remote")]
    async fn finish(self, token: BearerToken, ticket: Ticket) -> Result<Claims<T>, AuthError> {
        let (this, bearer) = (&self, &token);
        let waiting = ticket.limit().hold(async move {
            let mut ticket = ticket;
            loop {
                ticket.ended().await;
                match this.attempt(bearer, Patience::Waits) {
                    Ok(claims) => return Ok(claims),
                    Err(Stop::Refused(error)) => return Err(error),
                    // That fetch did not have the key, and the budget has another one.
                    Err(Stop::Wait(next)) => ticket = next,
                }
            }
        });
        let result = match waiting.await {
            Some(result) => result,
            None => match self.attempt(&token, Patience::Over) {
                Ok(claims) => Ok(claims),
                Err(Stop::Refused(error)) => Err(error),
                Err(Stop::Wait(_)) => Err(AuthError::unavailable(std::time::Duration::ZERO)),
            },
        };
        result.inspect(|_| observe::admitted()).map_err(|error| observe::refused(error, || looks::of(&token)))
    }

    fn attempt(&self, token: &BearerToken, patience: Patience) -> Result<Claims<T>, Stop> {
        let now = Now::of(&*self.core.clock);
        let parts = Parts::decode(token.compact()?)?;
        let issuer = self.core.choose_issuer(&parts)?;
        let algorithm = self.core.check_header(&parts.header, issuer)?;
        self.core.check_signature(&Case { parts: &parts, issuer, algorithm, now, patience })?;
        let claims = rules::read_claims(&parts.payload)?;
        let registered = self.core.rules.check(&claims, issuer, now.wall)?;
        let authorities = issuer.mapping.read(&claims);
        let map = ClaimMap::new(claims);
        let custom = custom_claims(&parts.payload, &map).ok_or(Reason::ClaimsDoNotFit)?;
        Ok(Claims::new(Principal::new(registered, authorities, map), custom))
    }
}

impl<T> Verifier<T> {
    pub(crate) fn from_core(core: Core) -> Self {
        Self { core: Arc::new(core), claims: PhantomData }
    }

    /// What is known of each issuer's keys; nothing is fetched.
    pub fn status(&self) -> Status {
        Status::of(&self.core.issuers)
    }

    /// Loads every issuer's keys now, so that the first request need not. An issuer that is down delays this by its
    /// time-out at most, and is no error: it heals by itself. Needs a tokio runtime.
    #[cfg(feature = "remote")]
    pub async fn warm_up(&self) -> Status {
        let mut fetches = Vec::new();
        for issuer in &self.core.issuers {
            if let IssuerKeys::Remote(remote) = &issuer.keys {
                fetches.push(remote.warm());
            }
        }
        // All of them are under way already; awaiting one after the other costs no time.
        for fetch in fetches {
            fetch.await;
        }
        self.status()
    }
}

/// The application's own type out of the same payload; the map of all claims is there already.
fn custom_claims<T: DeserializeOwned + 'static>(payload: &[u8], map: &ClaimMap) -> Option<T> {
    let mut all = Some(map.clone());
    if let Some(custom) = (&mut all as &mut dyn Any).downcast_mut::<Option<T>>() {
        return custom.take();
    }
    json::read_typed(payload)
}

impl<T> Clone for Verifier<T> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), claims: PhantomData }
    }
}

impl<T> fmt::Debug for Verifier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<_> = self.core.issuers.iter().map(TrustedIssuer::name).collect();
        f.debug_struct("Verifier").field("issuers", &issuers).field("rules", &self.core.rules).finish()
    }
}

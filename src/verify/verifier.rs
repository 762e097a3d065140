use super::{
    MemoryStatus, Status, VerifierBuilder,
    cache::{Learnt, Memory, Remembered, Room},
    looks,
    step::{Passed, Step},
    steps::{Case, Core, Parts, Patience, Stop},
};
#[cfg(all(feature = "axum", feature = "remote"))]
use crate::keys::life::Freshness;
use crate::{
    claims::{ClaimMap, Claims, Principal},
    clock::Now,
    error::{AuthError, ConfigError, Reason},
    issuer::{Issuer, TrustedIssuer},
    json, observe,
    token::{BearerToken, Sent},
};
#[cfg(feature = "remote")]
use crate::{issuer::IssuerKeys, keys::driver::Ticket};
use serde::de::DeserializeOwned;
use std::{any::Any, fmt, future::Future, pin::Pin, sync::Arc};

/// Verifies tokens of the trusted issuers into [`Claims<T>`].
///
/// Cheap to clone, and clones share their keys. Build one for a service, and keep it.
pub struct Verifier<T = ClaimMap> {
    core: Arc<Core>,
    memory: Option<Arc<Memory<T>>>,
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
    /// Verifies one token. Waits only where keys have to be fetched or a resolver asked, and then no longer than
    /// [`Issuer::max_wait`] allows in all: 2 s where nothing else is set, and always 2 s where a resolver is asked.
    ///
    /// # Errors
    ///
    /// [`AuthError`]; its [`kind`](AuthError::kind) tells a bad token from an outage of ours.
    pub fn verify(&self, token: &str) -> impl Future<Output = Result<Claims<T>, AuthError>> + Send + use<T> {
        let (this, token) = (self.clone(), BearerToken::parse(token));
        // Nothing happens before the first poll: it may be on another runtime than this call.
        async move {
            let token = token.map_err(|reason| observe::refused(reason.into(), observe::Looks::default))?;
            match this.begin(Sent::Elsewhere(token)) {
                Begun::Done(result) => result,
                Begun::Waiting(verification) => verification.await,
            }
        }
    }

    /// Verifies as far as is possible without waiting.
    pub(crate) fn begin(&self, sent: Sent<'_>) -> Begun<T> {
        // Before its characters are looked at: what is remembered has legal ones, and it is remembered only if all of them
        // are the same.
        let known = self.find(sent.as_bytes());
        if let Some(claims) = known.as_ref().and_then(|known| self.settled(known)) {
            return self.recalled(claims);
        }
        let now = self.now();
        if let Some(claims) = known.and_then(|known| self.recall(&known, sent.as_bytes(), now)) {
            return self.recalled(claims);
        }
        let token = match sent.check() {
            Ok(token) => token,
            Err(reason) => {
                return Begun::Done(Err(observe::refused(reason.into(), observe::Looks::default)));
            }
        };
        self.count_look(false);
        match self.attempt(&token, now, Patience::Waits, &mut Passed::default()) {
            Ok(claims) => {
                observe::admitted();
                Begun::Done(Ok(claims))
            }
            Err(Stop::Refused(error)) => Begun::Done(Err(observe::refused(error, || looks::of(&token)))),
            #[cfg(feature = "remote")]
            Err(Stop::Wait(ticket)) => Begun::Waiting(Box::pin(self.clone().finish(token, ticket))),
        }
    }

    fn recalled(&self, claims: Claims<T>) -> Begun<T> {
        self.count_look(true);
        observe::admitted();
        Begun::Done(Ok(claims))
    }

    #[cfg(feature = "remote")]
    async fn finish(self, token: BearerToken, ticket: Ticket) -> Result<Claims<T>, AuthError> {
        let result = self.wait_for(&token, ticket, &mut Passed::default()).await;
        result.inspect(|_| observe::admitted()).map_err(|error| observe::refused(error, || looks::of(&token)))
    }

    /// The same as [`verify`](Self::verify), and told to nobody: which checks were passed comes with it. The memory is
    /// not asked, so that all of them are made.
    pub(crate) fn weigh(
        &self,
        token: &str,
    ) -> impl Future<Output = (Result<Claims<T>, AuthError>, Passed)> + Send + use<T> {
        let this = Self { core: Arc::clone(&self.core), memory: None };
        let token = BearerToken::parse(token);
        async move {
            let mut passed = Passed::default();
            let result = match token {
                Ok(token) => this.weigh_token(token, &mut passed).await,
                Err(reason) => Err(reason.into()),
            };
            (result, passed)
        }
    }

    async fn weigh_token(&self, token: BearerToken, passed: &mut Passed) -> Result<Claims<T>, AuthError> {
        passed.add(Step::Credentials);
        match self.attempt(&token, self.now(), Patience::Waits, passed) {
            Ok(claims) => Ok(claims),
            Err(Stop::Refused(error)) => Err(error),
            #[cfg(feature = "remote")]
            Err(Stop::Wait(ticket)) => self.wait_for(&token, ticket, passed).await,
        }
    }

    #[cfg(feature = "remote")]
    async fn wait_for(
        &self,
        token: &BearerToken,
        ticket: Ticket,
        passed: &mut Passed,
    ) -> Result<Claims<T>, AuthError> {
        let (mut limit, mut ticket) = (ticket.limit(), ticket);
        loop {
            let in_time = limit.hold(ticket).await;
            let patience = if in_time { Patience::Waits } else { Patience::Over };
            let now = self.now();
            // Another request may have brought the same token meanwhile.
            let known = self.find(token.as_bytes());
            let known = known.and_then(|known| self.recall(&known, token.as_bytes(), now));
            self.count_look(known.is_some());
            if let Some(claims) = known {
                return Ok(claims);
            }
            match self.attempt(token, now, patience, passed) {
                Ok(claims) => return Ok(claims),
                Err(Stop::Refused(error)) => return Err(error),
                // That fetch did not have the key, and the budget has another one.
                Err(Stop::Wait(next)) => ticket = next,
            }
        }
    }

    fn now(&self) -> Now {
        Now::of(&*self.core.directory.terms.clock)
    }

    /// The whole way.
    fn attempt(
        &self,
        token: &BearerToken,
        now: Now,
        patience: Patience,
        passed: &mut Passed,
    ) -> Result<Claims<T>, Stop> {
        passed.restart();
        let parts = Parts::decode(token.compact()?)?;
        passed.add(Step::Form);
        let chosen = self.core.choose_issuer(&parts, now, patience, passed)?;
        let issuer: &TrustedIssuer = &chosen;
        let algorithm = self.core.check_header(&parts.header, issuer)?;
        passed.add(Step::Header);
        let signed = self.core.check_signature(&Case { parts: &parts, issuer, algorithm, now, patience })?;
        passed.add(Step::Key);
        passed.add(Step::Signature);
        let (header, claims) = parts.into_claims()?;
        let (registered, times) = self.core.rules.check(&claims, issuer, now.wall)?;
        passed.add(Step::Issuer);
        passed.add(Step::Claims);
        let authorities = issuer.mapping.read(&claims);
        let principal = Principal::new(registered, authorities, claims);
        let custom: T = custom_claims(principal.claims()).ok_or(Reason::ClaimsDoNotFit)?;
        passed.add(Step::ClaimsType);
        let claims = Claims::new(principal, custom);
        self.core.prove(&chosen, claims.issuer(), now);
        if let Some(memory) = &self.memory {
            let (kid, issuer) = (header.kid(), chosen.shared());
            memory.keep(token, Learnt { claims: &claims, issuer, kid, algorithm, signed, times });
        }
        Ok(claims)
    }

    fn find(&self, sent: &[u8]) -> Option<Arc<Remembered<T>>> {
        self.memory.as_ref()?.find(sent)
    }

    /// The claims of a token that verified before, where time is all there is to ask: one clock, no list, no set of keys.
    fn settled(&self, known: &Remembered<T>) -> Option<Claims<T>> {
        let directory = &self.core.directory;
        let is_good = known.is_settled(directory.version())
            && self.core.rules.check_times(known.times, directory.terms.clock.wall()).is_ok();
        is_good.then(|| known.claims.clone())
    }

    /// The claims of a token that verified before, if every answer to it is still the same.
    fn recall(&self, known: &Remembered<T>, sent: &[u8], now: Now) -> Option<Claims<T>> {
        let version = self.core.directory.version();
        let chosen = self.core.issuer_now(&known.iss, now)?;
        if !known.is_of(chosen.shared()) {
            self.memory.as_ref()?.forget(sent);
            return None;
        }
        if self.core.rules.check_times(known.times, now.wall).is_err() {
            return None;
        }
        if !self.core.still_signed(known, &chosen, now) {
            return None;
        }
        known.settle(&chosen, version);
        Some(known.claims.clone())
    }

    /// Counts a look into the memory, where there is one.
    fn count_look(&self, hit: bool) {
        if let Some(memory) = &self.memory {
            memory.count(hit);
            observe::looked_up(hit);
        }
    }
}

impl<T> Verifier<T> {
    pub(super) fn from_core(core: Core, room: Option<Room>) -> Self {
        Self { core: Arc::new(core), memory: room.map(|room| Arc::new(Memory::new(room))) }
    }

    /// What is known of each issuer's keys; nothing is fetched.
    pub fn status(&self) -> Status {
        Status::of(&self.core.directory, self.memory_status())
    }

    /// The same without the tenants: whether this service is ready does not hang on any of them.
    #[cfg(feature = "axum")]
    pub(crate) fn status_of_listed(&self) -> Status {
        Status::of_listed(&self.core.directory, self.memory_status())
    }

    fn memory_status(&self) -> Option<MemoryStatus> {
        self.memory.as_ref().map(|memory| memory.look())
    }

    /// Trusts one more issuer from now on; clones of this verifier, and layers around it, do so too. Its keys are fetched
    /// by the first request, or by [`warm_up`](Verifier::warm_up). With an [`Issuer::key_store`], what was kept before it
    /// was removed is there again, as after a restart.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault, as at [`build`](VerifierBuilder::build): one of its identifiers is trusted already, an
    /// address is not safe, …; nothing has changed then.
    pub fn add_issuer(&self, issuer: Issuer) -> Result<(), ConfigError> {
        self.core.directory.add(issuer)
    }

    /// Trusts the issuer with this identifier no more, under none of its identifiers: its tokens are refused (401,
    /// `issuer_unknown`), its keys dropped, its fetch ends. False where it was not listed. A request under way may still
    /// be answered by what was trusted when it began.
    ///
    /// The whole issuer goes: of `entra_tenants([…])` every tenant, whichever of them is named here; to end one, remove
    /// the list and add one without it. What its [`Issuer::key_store`] holds stays there, and is used if the issuer is
    /// added again while it is young enough: delete it yourself where its keys must never come back. A tenants' resolver is
    /// not asked for a removed identifier until it is added again.
    pub fn remove_issuer(&self, identifier: &str) -> bool {
        self.core.directory.remove(identifier)
    }

    /// Forgets what the resolver said of the tenant with this identifier, be it yes or no: the next token asks again. For a
    /// tenant that has just been made, or ended. It takes the whole identifier,
    /// `"https://id.example.com/realms/acme"`, as in the token's `iss`, and not the tenant's name. False where nothing was
    /// known of it.
    #[cfg(feature = "remote")]
    pub fn forget_tenant(&self, identifier: &str) -> bool {
        self.core.directory.tenants.as_ref().is_some_and(|tenants| tenants.forget(identifier))
    }

    /// Loads every listed issuer's keys now, so that the first request need not; a tenant's are loaded when its first token
    /// comes. An issuer that is down delays this by its time-out at most, and is no error: it heals by itself. Needs a
    /// tokio runtime.
    #[cfg(feature = "remote")]
    pub async fn warm_up(&self) -> Status {
        let mut fetches = Vec::new();
        for issuer in self.core.directory.issuers() {
            if let IssuerKeys::Remote(remote) = &issuer.keys {
                fetches.push(remote.driver().warm());
            }
        }
        // All of them are under way already; awaiting one after the other costs no time.
        for fetch in fetches {
            fetch.await;
        }
        self.status()
    }
}

#[cfg(all(feature = "axum", feature = "remote"))]
impl<T> Verifier<T> {
    /// Begins a fetch for each issuer whose keys are not fresh, by the rules of [`warm_up`](Self::warm_up), and waits for
    /// none.
    pub(crate) fn kick(&self) {
        for issuer in self.core.directory.issuers() {
            if let IssuerKeys::Remote(remote) = &issuer.keys
                && remote.driver().look().freshness != Freshness::Fresh
            {
                // It is under way without its waiter.
                drop(remote.driver().warm());
            }
        }
    }
}

#[cfg(feature = "testing")]
impl<T> Verifier<T> {
    /// The same verifier, keys and all, but for the memory.
    pub(crate) fn forgetful(&self) -> Self {
        Self { core: Arc::clone(&self.core), memory: None }
    }
}

/// The application's own type out of the same claims; all of them by name are there already.
fn custom_claims<T: DeserializeOwned + 'static>(claims: &ClaimMap) -> Option<T> {
    let mut all = Some(claims.clone());
    if let Some(custom) = (&mut all as &mut dyn Any).downcast_mut::<Option<T>>() {
        return custom.take();
    }
    let document = claims.document();
    // Out of what was read already, so that policies and handlers see one reading of the token. What needs the text itself
    // (a `RawValue`, names that are numbers) finds no place there, and is given it.
    let own = match document.repeats_nested() {
        true => T::deserialize(&**claims).ok(),
        false => T::deserialize(document.root()).ok(),
    };
    own.or_else(|| json::read_typed(document.text().as_bytes()))
}

impl<T> Clone for Verifier<T> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), memory: self.memory.clone() }
    }
}

impl<T> fmt::Debug for Verifier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.core.directory.issuers();
        let issuers: Vec<_> = issuers.iter().map(|issuer| issuer.name()).collect();
        f.debug_struct("Verifier").field("issuers", &issuers).field("rules", &self.core.rules).finish()
    }
}

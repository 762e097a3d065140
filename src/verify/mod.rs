//! The verifier: from an unverified token to claims. Knows nothing of HTTP services.
//!
//! A token passes these in order, and the first that it fails names the [`Reason`]:
//!
//! 1. three parts, canonical base64url, a JOSE header without duplicates and extensions;
//! 2. a trusted issuer (with one issuer, after the signature);
//! 3. `alg` and `typ` on the issuer's list;
//! 4. a key of that issuer by `kid` and `alg`;
//! 5. the signature;
//! 6. `iss`, `aud`, `exp`, `nbf`, `iat`, the kind of token, `cnf`;
//! 7. your own claims type.
//!
//! The happy path is synchronous. A token whose key we lack, and only if it is right in everything that needs no key,
//! may wait for one fetch.

mod builder;
mod header;
mod looks;
mod rules;
pub(crate) mod signature;
mod status;

pub use builder::VerifierBuilder;
pub use status::{IssuerStatus, KeyState, Status};

pub(crate) use header::JoseHeader;
#[cfg(feature = "testing")]
pub(crate) use rules::read_claims;
pub(crate) use rules::Rules;

#[cfg(feature = "remote")]
use crate::keys::{
    life::Need,
    remote::{Asked, Ticket},
};
use crate::{
    claims::{ClaimMap, Claims, Principal},
    clock::{Clock, Now},
    error::{AuthError, ConfigError, Reason},
    issuer::{IssuerKeys, TrustedIssuer},
    json,
    keys::{Algorithm, Key, KeySet, Selection},
    observe,
    token::{BearerToken, Compact},
};
use header::typ_is;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{any::Any, fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

/// Verifies tokens of the trusted issuers into [`Claims<T>`].
///
/// Cheap to clone, and clones share their keys. Build one for a service, and keep it.
pub struct Verifier<T = ClaimMap> {
    core: Arc<Core>,
    claims: PhantomData<fn() -> T>,
}

/// What does not depend on `T`.
pub(crate) struct Core {
    issuers: Vec<TrustedIssuer>,
    rules: Rules,
    clock: Arc<dyn Clock>,
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
        let begun = match BearerToken::parse(token) {
            Ok(token) => self.begin(token),
            Err(reason) => Begun::Done(Err(reason.into())),
        };
        async move {
            match begun {
                Begun::Done(result) => result,
                Begun::Waiting(verification) => verification.await,
            }
        }
    }

    /// Verifies as far as is possible without waiting.
    pub(crate) fn begin(&self, token: BearerToken) -> Begun<T> {
        match self.attempt(&token, Patience::Waits) {
            Ok(claims) => Begun::Done(Ok(claims)),
            Err(Stop::Refused(error)) => {
                observe::refused(&error, || looks::of(&token));
                Begun::Done(Err(error))
            }
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
        result.inspect_err(|error| observe::refused(error, || looks::of(&token)))
    }

    fn attempt(&self, token: &BearerToken, patience: Patience) -> Result<Claims<T>, Stop> {
        let now = Now::of(&*self.core.clock);
        let parts = Parts::decode(token.compact()?)?;
        let issuer = self.core.choose_issuer(&parts)?;
        let algorithm = self.core.check_header(&parts.header, issuer)?;
        self.core.check_signature(&parts, issuer, algorithm, now, patience)?;
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
    pub async fn warm(&self) -> Status {
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

/// Whether a request may still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    #[cfg_attr(not(feature = "remote"), allow(dead_code))]
    Over,
}

enum Stop {
    Refused(AuthError),
    #[cfg(feature = "remote")]
    Wait(Ticket),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<AuthError> for Stop {
    fn from(error: AuthError) -> Self {
        Self::Refused(error)
    }
}

/// A token decoded once.
struct Parts<'a> {
    signed: &'a str,
    header: JoseHeader,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn decode(compact: Compact<'a>) -> Result<Self, Reason> {
        let decode = |part| json::decode_base64url(part).ok_or(Reason::Base64NotCanonical);
        Ok(Self {
            signed: compact.signed,
            header: JoseHeader::read(compact.header)?,
            payload: decode(compact.payload)?,
            signature: decode(compact.signature)?,
        })
    }
}

impl Core {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>, rules: Rules, clock: Arc<dyn Clock>) -> Self {
        Self { issuers, rules, clock }
    }

    /// The unverified `iss` chooses among the trusted; with one issuer it is not even read before the signature.
    fn choose_issuer(&self, parts: &Parts<'_>) -> Result<&TrustedIssuer, Reason> {
        if let [only] = self.issuers.as_slice() {
            return Ok(only);
        }
        let iss = peek_issuer(&parts.payload)?;
        self.issuers.iter().find(|issuer| issuer.identifier(&iss).is_some()).ok_or(Reason::IssuerUnknown)
    }

    fn check_header(&self, header: &JoseHeader, issuer: &TrustedIssuer) -> Result<Algorithm, Reason> {
        let algorithm = header.alg().parse().map_err(|_| Reason::AlgNotAllowed)?;
        if !issuer.algorithms.contains(&algorithm) {
            return Err(Reason::AlgNotAllowed);
        }
        let is = |wanted: &str| header.typ().is_some_and(|typ| typ_is(typ, wanted));
        if self.rules.strict {
            return if is("at+jwt") { Ok(algorithm) } else { Err(Reason::StrictTyp) };
        }
        let plain = header.typ().is_none() || is("JWT") || is("at+jwt");
        let named = || issuer.typs.iter().any(|typ| is(typ));
        if plain || named() { Ok(algorithm) } else { Err(Reason::TypNotAllowed) }
    }

    fn check_signature(
        &self,
        parts: &Parts<'_>,
        issuer: &TrustedIssuer,
        algorithm: Algorithm,
        now: Now,
        patience: Patience,
    ) -> Result<(), Stop> {
        match &issuer.keys {
            IssuerKeys::Fixed(keys) => {
                let _ = (now, patience);
                Ok(self.judge(parts, keys, algorithm).unwrap_or(Err(Reason::KeyUnknown))?)
            }
            #[cfg(feature = "remote")]
            IssuerKeys::Remote(remote) => {
                let mut need = Need::Set;
                if let Some(snapshot) = remote.fresh(now).as_ref().and_then(|guard| guard.as_ref()) {
                    match self.judge(parts, &snapshot.keys, algorithm) {
                        Some(judged) => return Ok(judged?),
                        None => need = Need::MissingKey,
                    }
                }
                // Only a token that is right in everything else may wait, cause a fetch, or be told of an outage.
                let claims = rules::read_claims(&parts.payload)?;
                self.rules.check(&claims, issuer, now.wall)?;
                loop {
                    let asked = remote.ask(need, now);
                    match asked {
                        Asked::Judge(snapshot) => match self.judge(parts, &snapshot.keys, algorithm) {
                            Some(judged) => return Ok(judged?),
                            None if need == Need::MissingKey => return Err(Reason::KeyUnknown.into()),
                            None => need = Need::MissingKey,
                        },
                        Asked::Wait(ticket) if patience == Patience::Waits => return Err(Stop::Wait(ticket)),
                        Asked::Wait(_) => {
                            return Err(AuthError::unavailable(std::time::Duration::ZERO).into());
                        }
                        Asked::Unavailable(after) => return Err(AuthError::unavailable(after).into()),
                        Asked::RuntimeMissing => return Err(runtime_missing().into()),
                    }
                }
            }
        }
    }

    fn judge(&self, parts: &Parts<'_>, keys: &KeySet, algorithm: Algorithm) -> Option<Result<(), Reason>> {
        judge(parts, keys, algorithm, self.rules.strict)
    }
}

/// Holds the signature against the keys it may be of; `None` where the set has none for this token.
fn judge(parts: &Parts<'_>, keys: &KeySet, algorithm: Algorithm, strict: bool) -> Option<Result<(), Reason>> {
    let fits = |key: &Key| {
        // `.strict()`: 65537 is the exponent every conforming issuer uses.
        let common = !strict || key.has_common_exponent();
        common && signature::verify(key, algorithm, parts.signed.as_bytes(), &parts.signature)
    };
    match keys.select(parts.header.kid(), algorithm) {
        Selection::Missing => None,
        Selection::Ambiguous => Some(Err(Reason::KeyAmbiguous)),
        Selection::Try(candidates) => {
            let signed = candidates.iter().any(fits);
            Some(if signed { Ok(()) } else { Err(Reason::SignatureInvalid) })
        }
    }
}

/// The way up to the signature alone, for test vectors that are no access tokens.
#[cfg(feature = "testing")]
pub(crate) fn verify_bare(token: &BearerToken, keys: &KeySet) -> Result<Vec<u8>, Reason> {
    let parts = Parts::decode(token.compact()?)?;
    let algorithm = parts.header.alg().parse().map_err(|_| Reason::AlgNotAllowed)?;
    judge(&parts, keys, algorithm, false).unwrap_or(Err(Reason::KeyUnknown))?;
    Ok(parts.payload)
}

#[cfg(feature = "remote")]
fn runtime_missing() -> AuthError {
    let error = AuthError::new(Reason::RuntimeMissing);
    observe::miswired(&error, format_args!("keys are fetched on a tokio runtime, and there is none here"));
    error
}

/// Reads `iss` alone, only to choose among the trusted issuers.
fn peek_issuer(payload: &[u8]) -> Result<String, Reason> {
    #[derive(serde::Deserialize)]
    struct Peek {
        iss: Option<Value>,
    }
    let peek = json::is_shallow(payload).then(|| json::read_typed::<Peek>(payload)).flatten();
    match peek {
        Some(Peek { iss: Some(Value::String(iss)) }) => Ok(iss),
        Some(Peek { iss: Some(_) }) => Err(Reason::IssMalformed),
        Some(Peek { iss: None }) => missing_issuer(&rules::read_claims(payload)?),
        // The full reader knows what is wrong.
        None => Err(rules::read_claims(payload).err().unwrap_or(Reason::ClaimsMalformed)),
    }
}

/// `"iss": null` reads as absent above; it is there, and no string.
fn missing_issuer(claims: &Map<String, Value>) -> Result<String, Reason> {
    Err(if claims.contains_key("iss") { Reason::IssMalformed } else { Reason::IssMissing })
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

use super::{
    cache::Remembered,
    header::{JoseHeader, typ_is},
    rules::{self, Rules},
    signature,
    step::{Passed, Step},
};
#[cfg(feature = "remote")]
use crate::keys::{
    RemoteKeySet,
    driver::{Asked, Snapshot, Ticket},
    life::Need,
};
#[cfg(feature = "testing")]
use crate::token::BearerToken;
use crate::{
    clock::Now,
    error::{AuthError, Reason},
    issuer::{Chosen, Directory, IssuerKeys, TrustedIssuer},
    json::{self, Document},
    keys::{Algorithm, Key, KeySet, Selection, key::material::Material},
    token::Compact,
};
#[cfg(feature = "remote")]
use crate::{issuer::tenants::TenantAnswer, observe};
#[cfg(feature = "remote")]
use std::sync::atomic::Ordering;
#[cfg(feature = "remote")]
use std::time::Duration;
use std::{
    cell::{Cell, OnceCell},
    sync::Arc,
};

/// What does not depend on `T`.
pub(crate) struct Core {
    pub(super) directory: Directory,
    pub(super) rules: Rules,
}

/// Whether a request may still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Waits,
    #[cfg_attr(not(feature = "remote"), allow(dead_code))]
    Over,
}

pub(super) enum Stop {
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
pub(super) struct Parts<'a> {
    signed: &'a str,
    pub(super) header: JoseHeader,
    payload: Cell<Vec<u8>>,
    /// The payload once it was read, which is when somebody asks what it says.
    claims: OnceCell<Result<Document, Reason>>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn decode(compact: Compact<'a>) -> Result<Self, Reason> {
        let decode = |part| json::decode_base64url(part).ok_or(Reason::Base64NotCanonical);
        Ok(Self {
            signed: compact.signed,
            header: JoseHeader::read(compact.header)?,
            payload: Cell::new(decode(compact.payload)?),
            claims: OnceCell::new(),
            signature: decode(compact.signature)?,
        })
    }

    pub(super) fn claims(&self) -> Result<&Document, Reason> {
        let read = self.claims.get_or_init(|| rules::read_claims(self.payload.take()));
        read.as_ref().map_err(|reason| *reason)
    }

    pub(super) fn into_claims(self) -> Result<(JoseHeader, Document), Reason> {
        self.claims()?;
        let read = self.claims.into_inner().unwrap_or(Err(Reason::ClaimsMalformed));
        read.map(|claims| (self.header, claims))
    }

    /// The unverified `iss`, only to choose: among the trusted issuers, or among keys that serve one tenant of an issuer.
    fn issuer(&self) -> Result<&str, Reason> {
        let iss = self.claims()?.get("iss").ok_or(Reason::IssMissing)?;
        iss.as_str().ok_or(Reason::IssMalformed)
    }
}

/// One token on its way: what is settled before its signature is looked at.
#[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "fixed keys never wait"))]
pub(super) struct Case<'a> {
    pub(super) parts: &'a Parts<'a>,
    pub(super) issuer: &'a TrustedIssuer,
    pub(super) algorithm: Algorithm,
    pub(super) now: Now,
    pub(super) patience: Patience,
}

impl Core {
    pub(crate) fn new(directory: Directory, rules: Rules) -> Self {
        Self { directory, rules }
    }

    /// The unverified `iss` chooses among the trusted; with one issuer it is not even read before the signature.
    pub(super) fn choose_issuer(
        &self,
        parts: &Parts<'_>,
        now: Now,
        patience: Patience,
        passed: &mut Passed,
    ) -> Result<Chosen, Stop> {
        if let Some(only) = self.directory.only() {
            return Ok(only);
        }
        let iss = parts.issuer()?;
        let chosen = match self.directory.find(iss) {
            Some(listed) => listed,
            None => self.choose_tenant(iss, parts, now, patience)?,
        };
        passed.add(Step::Issuer);
        Ok(chosen)
    }

    #[cfg(not(feature = "remote"))]
    fn choose_tenant(&self, _: &str, _: &Parts<'_>, _: Now, _: Patience) -> Result<Chosen, Stop> {
        Err(Reason::IssuerUnknown.into())
    }

    /// A tenant's issuer, if there are tenants: known, or asked for by a token that is right in everything that needs
    /// no key.
    #[cfg(feature = "remote")]
    fn choose_tenant(
        &self,
        iss: &str,
        parts: &Parts<'_>,
        now: Now,
        patience: Patience,
    ) -> Result<Chosen, Stop> {
        let unknown = || Stop::from(Reason::IssuerUnknown);
        let tenants = self.directory.tenants.as_ref().ok_or_else(unknown)?;
        if self.directory.is_removed(iss) {
            return Err(unknown());
        }
        if let Some(word) = tenants.fresh(iss, now) {
            return word.map(Chosen::Tenant).ok_or_else(unknown);
        }
        parts.header.alg().parse::<Algorithm>().map_err(|_| Reason::AlgNotAllowed)?;
        self.rules.check_before_issuer(parts.claims()?, now.wall)?;
        match tenants.ask(iss, now) {
            TenantAnswer::Issuer(issuer) => Ok(Chosen::Tenant(issuer)),
            TenantAnswer::Unknown => Err(unknown()),
            TenantAnswer::Wait(ticket) if patience == Patience::Waits => Err(Stop::Wait(ticket)),
            TenantAnswer::Wait(_) => Err(AuthError::unavailable(Duration::ZERO).into()),
            TenantAnswer::Unavailable(after) => Err(AuthError::unavailable(after).into()),
            TenantAnswer::RuntimeMissing => Err(runtime_missing().into()),
        }
    }

    /// A token of this issuer has verified.
    pub(super) fn prove(&self, _chosen: &Chosen, _iss: &str, _now: Now) {
        #[cfg(feature = "remote")]
        if let (Chosen::Tenant(_), Some(tenants)) = (_chosen, &self.directory.tenants) {
            tenants.prove(_iss, _now);
        }
    }

    /// Whether a remembered token would be chosen the same key now, from a set that may judge without asking anybody.
    #[cfg(feature = "remote")]
    pub(super) fn still_signed<T>(&self, known: &Remembered<T>, issuer: &TrustedIssuer, now: Now) -> bool {
        // Fixed keys are what they were when the issuer was named, and it is the same issuer.
        let IssuerKeys::Remote(remote) = &issuer.keys else { return true };
        let snapshot = remote.driver().fresh(now);
        let fresh = snapshot.as_ref().and_then(|guard| guard.as_ref());
        fresh.is_some_and(|fresh| self.still_has(known, issuer, &fresh.value))
    }

    #[cfg(not(feature = "remote"))]
    pub(super) fn still_signed<T>(&self, _: &Remembered<T>, _: &TrustedIssuer, _: Now) -> bool {
        true
    }

    #[cfg(feature = "remote")]
    fn still_has<T>(&self, known: &Remembered<T>, issuer: &TrustedIssuer, keys: &KeySet) -> bool {
        if known.generation.load(Ordering::Relaxed) == keys.generation() {
            return true;
        }
        let (kid, iss) = (known.kid.as_deref(), known.claims.issuer());
        let serves =
            |key: &Key| issuer.expects.tenants.is_none_or(|tenants| tenants.may_sign(key.issuer(), iss));
        let Selection::Try(candidates) = keys.select_from(kid, known.algorithm, serves) else { return false };
        let is_there = candidates.iter().any(|key| *key.material() == known.signed.key);
        if is_there {
            known.generation.store(keys.generation(), Ordering::Relaxed);
        }
        is_there
    }

    /// The issuer that a remembered token is held against now, if nobody has to be asked.
    pub(super) fn issuer_now(&self, iss: &str, _now: Now) -> Option<Chosen> {
        if let Some(only) = self.directory.only() {
            return Some(only);
        }
        if let Some(listed) = self.directory.find(iss) {
            return Some(listed);
        }
        #[cfg(feature = "remote")]
        return match self.directory.is_removed(iss) {
            true => None,
            false => self.directory.tenants.as_ref()?.renewed(iss, _now)?.map(Chosen::Tenant),
        };
        #[cfg(not(feature = "remote"))]
        None
    }

    pub(super) fn check_header(
        &self,
        header: &JoseHeader,
        issuer: &TrustedIssuer,
    ) -> Result<Algorithm, Reason> {
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

    pub(super) fn check_signature(&self, case: &Case<'_>) -> Result<Signed, Stop> {
        match &case.issuer.keys {
            IssuerKeys::Fixed(keys) => Ok(self.judge(case, keys).finally(keys)?),
            #[cfg(feature = "remote")]
            IssuerKeys::Remote(remote) => {
                let snapshot = remote.driver().fresh(case.now);
                let Some(fresh) = snapshot.as_ref().and_then(|guard| guard.as_ref()) else {
                    return self.ask_for_keys(remote, None, case);
                };
                match self.judge(case, &fresh.value) {
                    Judged::Missing(reason) => {
                        self.ask_for_keys(remote, Some((Arc::clone(fresh), reason)), case)
                    }
                    judged => Ok(judged.finally(&fresh.value)?),
                }
            }
        }
    }

    /// The way of a token that the fresh set did not serve: there is none, or it `lacks` the key.
    #[cfg(feature = "remote")]
    fn ask_for_keys(
        &self,
        remote: &RemoteKeySet,
        mut lacks: Option<(Arc<Snapshot<KeySet>>, Reason)>,
        case: &Case<'_>,
    ) -> Result<Signed, Stop> {
        // Only a token that is right in everything else may wait, cause a fetch, or be told of an outage.
        self.rules.check(case.parts.claims()?, case.issuer, case.now.wall)?;
        loop {
            let need = if lacks.is_some() { Need::MissingKey } else { Need::Set };
            let snapshot = match remote.driver().ask(need, case.now) {
                Asked::Judge(snapshot) => snapshot,
                Asked::Wait(ticket) if case.patience == Patience::Waits => return Err(Stop::Wait(ticket)),
                Asked::Wait(_) => return Err(AuthError::unavailable(Duration::ZERO).into()),
                Asked::Unavailable(after) => return Err(AuthError::unavailable(after).into()),
                Asked::RuntimeMissing => return Err(runtime_missing().into()),
            };
            match &lacks {
                // The same set again: it is the last word, and needs no second look at the signature.
                Some((judged, reason)) if Arc::ptr_eq(judged, &snapshot) => return Err((*reason).into()),
                _ => {}
            }
            match self.judge(case, &snapshot.value) {
                Judged::Missing(reason) => lacks = Some((snapshot, reason)),
                judged => return Ok(judged.finally(&snapshot.value)?),
            }
        }
    }

    fn judge(&self, case: &Case<'_>, keys: &KeySet) -> Judged {
        let (kid, algorithm, strict) = (case.parts.header.kid(), case.algorithm, self.rules.strict);
        let Some(tenants) = case.issuer.expects.tenants else {
            return judge(case.parts, keys, keys.select(kid, algorithm), algorithm, strict);
        };
        // Whose key it must be follows from whose token it claims to be: of the very bytes that the signature is over,
        // and that the rules are held against afterwards.
        match trusted_iss(case) {
            Ok(iss) => {
                let found = keys.select_from(kid, algorithm, |key| tenants.may_sign(key.issuer(), iss));
                judge(case.parts, keys, found, algorithm, strict)
            }
            Err(reason) => Judged::Refused(reason),
        }
    }
}

/// What a good signature rests on.
#[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "fixed keys are never chosen anew"))]
pub(super) struct Signed {
    /// The key that it is of.
    pub(super) key: Arc<Material>,
    /// The set that had it.
    pub(super) generation: u64,
}

/// What a set of keys says of a signature.
enum Judged {
    Signed(Arc<Material>),
    Refused(Reason),
    /// The set may lack the key; the reason is for when it turns out that nobody has it.
    Missing(Reason),
}

impl Judged {
    fn finally(self, keys: &KeySet) -> Result<Signed, Reason> {
        match self {
            Self::Signed(key) => Ok(Signed { key, generation: keys.generation() }),
            Self::Refused(reason) | Self::Missing(reason) => Err(reason),
        }
    }
}

/// Holds the signature against the keys it may be of.
fn judge(
    parts: &Parts<'_>,
    keys: &KeySet,
    found: Selection<'_>,
    algorithm: Algorithm,
    strict: bool,
) -> Judged {
    let fits = |key: &Key| {
        // `.strict()`: 65537 is the exponent every conforming issuer uses.
        let common = !strict || key.has_common_exponent();
        common && signature::verify(key, algorithm, parts.signed.as_bytes(), &parts.signature)
    };
    match found {
        Selection::Missing => Judged::Missing(Reason::KeyUnknown),
        Selection::Foreign => Judged::Refused(Reason::KeyIssuerMismatch),
        Selection::Ambiguous => Judged::Refused(Reason::KeyAmbiguous),
        Selection::Try(candidates) => match candidates.iter().find(|key| fits(key)) {
            Some(key) => Judged::Signed(Arc::clone(key.material())),
            // No `kid` chose the key, so it may be one that the set does not have yet.
            None if !keys.knows_id(parts.header.kid()) => Judged::Missing(Reason::SignatureInvalid),
            None => Judged::Refused(Reason::SignatureInvalid),
        },
    }
}

/// The way up to the signature alone, for test vectors that are no access tokens.
#[cfg(feature = "testing")]
pub(crate) fn verify_bare(token: &BearerToken, keys: &KeySet) -> Result<Vec<u8>, Reason> {
    let parts = Parts::decode(token.compact()?)?;
    let algorithm = parts.header.alg().parse().map_err(|_| Reason::AlgNotAllowed)?;
    let found = keys.select(parts.header.kid(), algorithm);
    judge(&parts, keys, found, algorithm, false).finally(keys)?;
    Ok(parts.payload.take())
}

#[cfg(feature = "remote")]
fn runtime_missing() -> AuthError {
    let forgotten = format_args!("keys are fetched on a tokio runtime, and there is none here");
    observe::miswired(observe::Layer::Authenticate, Reason::RuntimeMissing, forgotten)
}

/// The unverified `iss`, if it is one of the chosen issuer's identifiers.
fn trusted_iss<'a>(case: &Case<'a>) -> Result<&'a str, Reason> {
    let iss = case.parts.issuer()?;
    if case.issuer.identifier(iss).is_some() { Ok(iss) } else { Err(Reason::IssuerUnknown) }
}

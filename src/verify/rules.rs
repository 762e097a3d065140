//! What a token's claims must say. Pure: claims, settings and a time in, registered claims or a [`Reason`] out.

use super::expects;
use crate::{
    claims::{Registered, Watch, client, numeric_date},
    error::Reason,
    issuer::TrustedIssuer,
    json::{Document, Item, ObjectError},
};
use std::{sync::Arc, time::Duration};

/// What holds for every issuer of a verifier.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) leeway: Duration,
    pub(crate) strict: bool,
    /// For the callers: what a policy asks of time is asked long after this.
    pub(crate) watch: Arc<Watch>,
}

/// Reads the payload (RFC 7519 section 7.2).
pub(crate) fn read_claims(payload: Vec<u8>) -> Result<Document, Reason> {
    Document::read(payload).map_err(|error| match error {
        ObjectError::Malformed => Reason::ClaimsMalformed,
        ObjectError::Duplicate => Reason::ClaimsDuplicateMember,
        ObjectError::TooDeep => Reason::JsonTooDeep,
    })
}

/// What a token says of time, in seconds since the epoch (NumericDate, RFC 7519 section 2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

impl Rules {
    /// Every check that the claims alone decide. `now` is wall time.
    pub(crate) fn check(
        &self,
        claims: &Document,
        issuer: &TrustedIssuer,
        now: Duration,
    ) -> Result<(Registered, Times), Reason> {
        let iss = check_issuer(claims, issuer)?;
        self.check_audience(claims, issuer)?;
        let times = Self::read_times(claims)?;
        self.check_times(times, now)?;
        check_kind(claims, issuer)?;
        // Nothing here can check a proof of possession yet, and a bound token without its proof is a stolen one.
        if claims.contains("cnf") {
            return Err(Reason::CnfUnchecked);
        }
        if claims.get("sub").is_some_and(|sub| sub.as_str().is_none()) {
            return Err(Reason::SubMalformed);
        }
        let client = client(claims);
        expects::check(&issuer.expects, claims, iss, client.map(|client| claims.resolve(client)))?;
        if self.strict {
            check_rfc9068(claims)?;
        }
        let duration = |seconds: f64| Duration::from_secs_f64(seconds.max(0.0));
        let registered = Registered {
            issuer: Arc::clone(iss),
            expires_at: duration(times.exp),
            issued_at: times.iat.map(duration),
            watch: Arc::clone(&self.watch),
        };
        Ok((registered, times))
    }

    /// What can be said of a token before anybody knows its issuer's own rules.
    #[cfg(feature = "remote")]
    pub(crate) fn check_before_issuer(&self, claims: &Document, now: Duration) -> Result<(), Reason> {
        // Some issuers name a client instead of an audience; whether this one does, its settings know.
        if let Some(aud) = claims.get("aud") {
            self.accept_audience(aud)?;
        }
        self.check_times(Self::read_times(claims)?, now)
    }

    /// RFC 7519 section 4.1.3.
    fn check_audience(&self, claims: &Document, issuer: &TrustedIssuer) -> Result<(), Reason> {
        match claims.get("aud") {
            Some(aud) => self.accept_audience(aud),
            None if issuer.expects.may_lack_audience() => Ok(()),
            None => Err(Reason::AudMissing),
        }
    }

    /// One string, or an array of nothing but strings; one of ours among them.
    fn accept_audience(&self, aud: Item<'_>) -> Result<(), Reason> {
        let is_ours = |named: &str| self.audiences.iter().any(|audience| **audience == *named);
        let mut accepted = false;
        match (aud.as_str(), aud.items()) {
            (Some(one), _) => accepted = is_ours(one),
            (None, Some(several)) => {
                for named in several {
                    accepted |= is_ours(named.as_str().ok_or(Reason::AudMalformed)?);
                }
            }
            (None, None) => return Err(Reason::AudMalformed),
        }
        if accepted { Ok(()) } else { Err(Reason::AudMismatch) }
    }

    fn read_times(claims: &Document) -> Result<Times, Reason> {
        let exp = date(claims, "exp", Reason::ExpMalformed)?.ok_or(Reason::ExpMissing)?;
        let nbf = date(claims, "nbf", Reason::NbfMalformed)?;
        let iat = date(claims, "iat", Reason::IatMalformed)?;
        Ok(Times { exp, nbf, iat })
    }

    /// `exp` after now, `nbf` and `iat` not in the future, each with the leeway.
    pub(crate) fn check_times(&self, times: Times, now: Duration) -> Result<(), Reason> {
        let (now, leeway) = (now.as_secs_f64(), self.leeway.as_secs_f64());
        // RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
        if now >= times.exp + leeway {
            return Err(Reason::ExpPast);
        }
        if times.nbf.is_some_and(|nbf| nbf > now + leeway) {
            return Err(Reason::NbfFuture);
        }
        if times.iat.is_some_and(|iat| iat > now + leeway) {
            return Err(Reason::IatFuture);
        }
        Ok(())
    }
}

/// RFC 7519 section 4.1.1; the token's own issuer, whichever was peeked at before.
fn check_issuer<'a>(claims: &Document, issuer: &'a TrustedIssuer) -> Result<&'a Arc<str>, Reason> {
    let iss = claims.get("iss").ok_or(Reason::IssMissing)?;
    let iss = iss.as_str().ok_or(Reason::IssMalformed)?;
    issuer.identifier(iss).ok_or(Reason::IssuerUnknown)
}

fn date(claims: &Document, name: &str, malformed: Reason) -> Result<Option<f64>, Reason> {
    claims.get(name).map(|value| numeric_date(value).ok_or(malformed)).transpose()
}

/// Tokens that are signed by the same keys and are no access tokens (RFC 8725 section 2.8): ID tokens (OpenID Connect
/// Core section 3.1.3.6), logout and security event tokens (RFC 8417 section 2.2), Keycloak's and Cognito's own marks.
fn check_kind(claims: &Document, issuer: &TrustedIssuer) -> Result<(), Reason> {
    let text = |name: &str| claims.text_of(name).unwrap_or_default();
    let is = |name: &str, mark: &str| text(name).eq_ignore_ascii_case(mark);
    let is_id_token = ["at_hash", "c_hash"].iter().any(|name| claims.contains(name))
        || is("typ", "ID")
        || is("token_use", "id");
    let is_other =
        claims.contains("events") || ["Refresh", "Offline", "Logout"].iter().any(|mark| is("typ", mark));
    if is_other || (is_id_token && !issuer.expects.id_tokens) {
        return Err(Reason::NotAnAccessToken);
    }
    Ok(())
}

/// RFC 9068 section 2.2: these must be there; `iat` was found a number already.
fn check_rfc9068(claims: &Document) -> Result<(), Reason> {
    let texts = ["sub", "client_id", "jti"];
    let is_said = |name: &&str| claims.text_of(name).is_some_and(|text| !text.is_empty());
    let has_texts = texts.iter().all(is_said);
    if has_texts && claims.contains("iat") { Ok(()) } else { Err(Reason::StrictClaimMissing) }
}

//! What a token's claims must say. Pure: claims, settings and a time in, registered claims or a [`Reason`] out.

use super::expects;
use crate::{claims::Registered, error::Reason, issuer::TrustedIssuer, json};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// What holds for every issuer of a verifier.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) leeway: Duration,
    pub(crate) strict: bool,
}

/// ±2⁵³: beyond it a JSON number is no exact second any more.
const MAX_NUMERIC_DATE: u64 = 1 << 53;

/// Reads the payload (RFC 7519 section 7.2).
pub(crate) fn read_claims(payload: &[u8]) -> Result<Map<String, Value>, Reason> {
    json::read_object(payload).map_err(|error| match error {
        json::ObjectError::Malformed => Reason::ClaimsMalformed,
        json::ObjectError::Duplicate => Reason::ClaimsDuplicateMember,
        json::ObjectError::TooDeep => Reason::JsonTooDeep,
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
        claims: &Map<String, Value>,
        issuer: &TrustedIssuer,
        now: Duration,
    ) -> Result<(Registered, Times), Reason> {
        let iss = check_issuer(claims, issuer)?;
        let audiences = self.check_audience(claims, issuer)?;
        let times = Self::read_times(claims)?;
        self.check_times(times, now)?;
        check_kind(claims, issuer)?;
        // Nothing here can check a proof of possession yet, and a bound token without its proof is a stolen one.
        if claims.contains_key("cnf") {
            return Err(Reason::CnfUnchecked);
        }
        let subject = match claims.get("sub") {
            None => None,
            Some(sub) => Some(sub.as_str().ok_or(Reason::SubMalformed)?.into()),
        };
        let client = client(claims);
        expects::check(&issuer.expects, claims, iss, client.as_deref())?;
        if self.strict {
            check_rfc9068(claims)?;
        }
        let duration = |seconds: f64| Duration::from_secs_f64(seconds.max(0.0));
        let registered = Registered {
            issuer: Arc::clone(iss),
            subject,
            audiences,
            client,
            token_id: claims.get("jti").and_then(Value::as_str).map(Into::into),
            expires_at: duration(times.exp),
            issued_at: times.iat.map(duration),
        };
        Ok((registered, times))
    }

    /// What can be said of a token before anybody knows its issuer's own rules.
    #[cfg(feature = "remote")]
    pub(crate) fn check_before_issuer(
        &self,
        claims: &Map<String, Value>,
        now: Duration,
    ) -> Result<(), Reason> {
        // Some issuers name a client instead of an audience; whether this one does, its settings know.
        if let Some(aud) = claims.get("aud") {
            self.read_audience(aud)?;
        }
        self.check_times(Self::read_times(claims)?, now)
    }

    /// RFC 7519 section 4.1.3.
    fn check_audience(
        &self,
        claims: &Map<String, Value>,
        issuer: &TrustedIssuer,
    ) -> Result<Vec<Box<str>>, Reason> {
        match claims.get("aud") {
            Some(aud) => self.read_audience(aud),
            None if issuer.expects.may_lack_audience() => Ok(Vec::new()),
            None => Err(Reason::AudMissing),
        }
    }

    fn read_audience(&self, aud: &Value) -> Result<Vec<Box<str>>, Reason> {
        let named: Vec<Box<str>> = match aud {
            Value::String(one) => vec![one.as_str().into()],
            Value::Array(items) => {
                let texts = items.iter().map(|item| item.as_str().map(Into::into));
                texts.collect::<Option<_>>().ok_or(Reason::AudMalformed)?
            }
            _ => return Err(Reason::AudMalformed),
        };
        if named.iter().any(|audience| self.audiences.contains(audience)) {
            Ok(named)
        } else {
            Err(Reason::AudMismatch)
        }
    }

    fn read_times(claims: &Map<String, Value>) -> Result<Times, Reason> {
        let exp = numeric_date(claims, "exp", Reason::ExpMalformed)?.ok_or(Reason::ExpMissing)?;
        let nbf = numeric_date(claims, "nbf", Reason::NbfMalformed)?;
        let iat = numeric_date(claims, "iat", Reason::IatMalformed)?;
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
fn check_issuer<'a>(claims: &Map<String, Value>, issuer: &'a TrustedIssuer) -> Result<&'a Arc<str>, Reason> {
    let iss = claims.get("iss").ok_or(Reason::IssMissing)?;
    let iss = iss.as_str().ok_or(Reason::IssMalformed)?;
    issuer.identifier(iss).ok_or(Reason::IssuerUnknown)
}

/// A NumericDate (RFC 7519 section 2): a number, fractions allowed, never a string.
fn numeric_date(claims: &Map<String, Value>, name: &str, malformed: Reason) -> Result<Option<f64>, Reason> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let bounded = match (value.as_i64(), value.as_f64()) {
        // Whole numbers are compared whole: as a float, 2⁵³ + 1 is 2⁵³.
        (Some(whole), _) => whole.unsigned_abs() <= MAX_NUMERIC_DATE,
        (None, Some(fraction)) => fraction.abs() <= MAX_NUMERIC_DATE as f64,
        (None, None) => false,
    };
    value.as_f64().filter(|_| bounded).map(Some).ok_or(malformed)
}

/// Tokens that are signed by the same keys and are no access tokens (RFC 8725 section 2.8): ID tokens (OpenID Connect
/// Core section 3.1.3.6), logout and security event tokens (RFC 8417 section 2.2), Keycloak's and Cognito's own marks.
fn check_kind(claims: &Map<String, Value>, issuer: &TrustedIssuer) -> Result<(), Reason> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let is = |name: &str, mark: &str| text(name).eq_ignore_ascii_case(mark);
    let is_id_token = ["at_hash", "c_hash"].iter().any(|name| claims.contains_key(*name))
        || is("typ", "ID")
        || is("token_use", "id");
    let is_other =
        claims.contains_key("events") || ["Refresh", "Offline", "Logout"].iter().any(|mark| is("typ", mark));
    if is_other || (is_id_token && !issuer.expects.id_tokens) {
        return Err(Reason::NotAnAccessToken);
    }
    Ok(())
}

/// RFC 9068 section 2.2: these must be there; `iat` was found a number already.
fn check_rfc9068(claims: &Map<String, Value>) -> Result<(), Reason> {
    let texts = ["sub", "client_id", "jti"];
    let is_said =
        |name: &&str| claims.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let has_texts = texts.iter().all(is_said);
    if has_texts && claims.contains_key("iat") { Ok(()) } else { Err(Reason::StrictClaimMissing) }
}

/// The first of the names that issuers write the client under; unreadable there is unknown, not the next name.
fn client(claims: &Map<String, Value>) -> Option<Box<str>> {
    let named = ["client_id", "azp", "cid", "appid"].iter().find_map(|name| claims.get(*name));
    named.and_then(Value::as_str).map(Into::into)
}

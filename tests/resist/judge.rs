//! A verifier that somebody might have written by hand, with `jsonwebtoken` for the signature; and how it can be wrong.

use super::orders;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::WWW_AUTHENTICATE},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey, crypto, jwk::Jwk};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tower_bearer::{
    clock::Clock as _,
    keys::Algorithm,
    testing::{
        AUDIENCE, TestIssuer,
        attacks::{Attack, Report, assert_resists},
    },
};

/// What is left out, or done wrong: one thing each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Nothing, for comparison.
    None,
    NoneIsAnAlgorithm,
    AlgorithmFromTheHeader,
    NoSignature,
    NoAudience,
    AudienceMayBeAbsent,
    NoIssuer,
    IssuerInAnyCase,
    IssuerByItsBeginning,
    NoExpiry,
    ExpiryOfATextIsNone,
    LeewayOfADay,
    NoNotBefore,
    KidIsIgnored,
    JwkIsFollowed,
    JkuIsFollowed,
    CritIsIgnored,
    TypIsIgnored,
    IdTokensPass,
    BoundTokensPass,
    KeysForEver,
    TokensForEver,
    SignatureNotRemembered,
    FirstOfTwoHeaders,
    TokenInTheQuery,
    ScopesSplitAtWhiteSpace,
    EachUnknownKidIsFetched,
    EmptySetIsTaken,
}

#[derive(Clone)]
struct Judge {
    issuer: TestIssuer,
    defect: Defect,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// The keys, and when they were fetched.
    keys: Option<(Value, u64)>,
    /// What passed, by what it is recognized by.
    passed: BTreeMap<String, Value>,
}

type Verdict = Result<Value, StatusCode>;
const BAD: StatusCode = StatusCode::UNAUTHORIZED;

/// These attacks against a verifier with that defect.
pub(crate) async fn tried(defect: Defect, wanted: impl Fn(&Attack) -> bool) -> Report {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::RS256);
    let judge = Judge { issuer: issuer.clone(), defect, memory: Arc::default() };
    let app = Router::new().route("/orders", get(|| async {})).layer(from_fn_with_state(
        judge,
        |axum::extract::State(judge): axum::extract::State<Judge>, request: Request<Body>, next: Next| async move {
            match judge.admit(&request) {
                Ok(_) => next.run(request).await,
                Err(status) => refused(status),
            }
        },
    ));
    assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).only(wanted).report().await
}

fn refused(status: StatusCode) -> Response {
    let challenge = match status {
        StatusCode::FORBIDDEN => "Bearer error=\"insufficient_scope\"",
        StatusCode::BAD_REQUEST => "Bearer error=\"invalid_request\"",
        _ => "Bearer error=\"invalid_token\"",
    };
    (status, [(WWW_AUTHENTICATE, challenge)]).into_response()
}

fn json(part: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    value.is_object().then_some(value)
}

impl Judge {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn now(&self) -> u64 {
        self.issuer.clock().wall().as_secs()
    }

    fn admit(&self, request: &Request<Body>) -> Verdict {
        let mut headers = request.headers().get_all("authorization").iter();
        let header = headers.next().and_then(|value| value.to_str().ok());
        if headers.next().is_some() && !self.has(Defect::FirstOfTwoHeaders) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let query = request.uri().query().and_then(|query| query.strip_prefix("access_token="));
        let query = query.filter(|_| self.has(Defect::TokenInTheQuery));
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).or(query).ok_or(BAD)?;
        let claims = self.verify(token)?;
        let scope = claims["scope"].as_str().unwrap_or_default();
        let granted = match self.has(Defect::ScopesSplitAtWhiteSpace) {
            true => scope.split_whitespace().any(|scope| scope == "orders:read"),
            false => scope.split(' ').any(|scope| scope == "orders:read"),
        };
        if granted { Ok(claims) } else { Err(StatusCode::FORBIDDEN) }
    }

    fn verify(&self, token: &str) -> Verdict {
        let recognized = match self.defect {
            Defect::SignatureNotRemembered => token.rsplit_once('.').map_or(token, |(signed, _)| signed),
            _ => token,
        };
        let remembers = self.has(Defect::TokensForEver) || self.has(Defect::SignatureNotRemembered);
        let known = self.memory.lock().unwrap().passed.get(recognized).cloned();
        if let Some(claims) = known.filter(|_| remembers) {
            return if self.has(Defect::TokensForEver) { Ok(claims) } else { self.check(claims) };
        }
        let claims = self.check(self.open(token)?)?;
        self.memory.lock().unwrap().passed.insert(recognized.to_owned(), claims.clone());
        Ok(claims)
    }

    /// What is under the signature.
    fn open(&self, token: &str) -> Verdict {
        let parts: Vec<_> = token.split('.').collect();
        let [head, payload, signature] = parts[..] else { return Err(BAD) };
        let (header, claims) = (json(head).ok_or(BAD)?, json(payload).ok_or(BAD)?);
        if header.get("crit").is_some() && !self.has(Defect::CritIsIgnored) {
            return Err(BAD);
        }
        let typ = header.get("typ").map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
        if !typ.is_none_or(|typ| ["jwt", "at+jwt"].contains(&typ.as_str())) && !self.has(Defect::TypIsIgnored)
        {
            return Err(BAD);
        }
        let alg = header["alg"].as_str().ok_or(BAD)?;
        let unsigned = alg == "none" && self.has(Defect::NoneIsAnAlgorithm);
        if unsigned || self.has(Defect::NoSignature) {
            return Ok(claims);
        }
        let message = format!("{head}.{payload}");
        if alg == "HS256" && self.has(Defect::AlgorithmFromTheHeader) {
            let pem = self.issuer.public_pem(Algorithm::RS256).unwrap();
            let key = EncodingKey::from_secret(pem.as_bytes());
            let right = crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
            return if right == signature { Ok(claims) } else { Err(BAD) };
        }
        if alg != "RS256" {
            return Err(BAD);
        }
        let fits = |key: &Value| {
            let key = serde_json::from_value::<Jwk>(key.clone()).ok()?;
            let key = DecodingKey::from_jwk(&key).ok()?;
            crypto::verify(signature, message.as_bytes(), &key, jsonwebtoken::Algorithm::RS256).ok()
        };
        let keys = self.candidates(&header)?;
        if keys.iter().any(|key| fits(key) == Some(true)) { Ok(claims) } else { Err(BAD) }
    }

    fn candidates(&self, header: &Value) -> Result<Vec<Value>, StatusCode> {
        if self.has(Defect::JwkIsFollowed) && header.get("jwk").is_some() {
            return Ok(vec![header["jwk"].clone()]);
        }
        if let Some(jku) = header["jku"].as_str().filter(|_| self.has(Defect::JkuIsFollowed)) {
            let set = self.fetch(jku).ok_or(BAD)?;
            return Ok(set["keys"].as_array().cloned().unwrap_or_default());
        }
        let kid = header["kid"].as_str().unwrap_or_default();
        let set = self.keys(kid).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        let keys = set["keys"].as_array().cloned().unwrap_or_default();
        let named = |key: &Value| self.has(Defect::KidIsIgnored) || key["kid"] == kid;
        Ok(keys.into_iter().filter(named).collect())
    }

    /// The set, at most ten minutes old, or older while the issuer fails.
    fn keys(&self, kid: &str) -> Option<Value> {
        let kept = self.memory.lock().unwrap().keys.clone();
        let knows =
            |set: &Value| set["keys"].as_array().is_some_and(|keys| keys.iter().any(|key| key["kid"] == kid));
        if let Some((set, fetched)) = &kept {
            let age = self.now() - fetched;
            let fresh = match self.defect {
                Defect::KeysForEver => knows(set),
                Defect::EachUnknownKidIsFetched => age < 600 && knows(set),
                _ => age < 600 && (knows(set) || age < 5),
            };
            if fresh {
                return Some(set.clone());
            }
        }
        let usable = |set: &Value| {
            let some = set["keys"].as_array().is_some_and(|keys| !keys.is_empty());
            some || self.has(Defect::EmptySetIsTaken)
        };
        match self.fetch(&format!("{}/jwks", self.issuer.identifier())).filter(usable) {
            Some(mut set) => {
                if let (true, Some((old, _))) = (self.has(Defect::KeysForEver), kept) {
                    let old = old["keys"].as_array().cloned().unwrap_or_default();
                    set["keys"].as_array_mut().unwrap().extend(old);
                }
                self.memory.lock().unwrap().keys = Some((set.clone(), self.now()));
                Some(set)
            }
            None => kept.filter(|(_, fetched)| self.now() - fetched < 4200).map(|(set, _)| set),
        }
    }

    fn fetch(&self, url: &str) -> Option<Value> {
        serde_json::from_str(&self.issuer.document(url)?).ok()
    }

    fn check(&self, claims: Value) -> Verdict {
        let (now, leeway) = (self.now() as f64, if self.has(Defect::LeewayOfADay) { 86_400.0 } else { 60.0 });
        let iss = claims["iss"].as_str().unwrap_or_default();
        let ours = self.issuer.identifier();
        let iss = match self.defect {
            Defect::NoIssuer => true,
            Defect::IssuerInAnyCase => iss.eq_ignore_ascii_case(ours),
            Defect::IssuerByItsBeginning => iss.starts_with(ours),
            _ => iss == ours,
        };
        let aud = match &claims["aud"] {
            Value::Array(all) => all.iter().any(|aud| aud == AUDIENCE),
            Value::Null if claims.get("aud").is_none() => self.has(Defect::AudienceMayBeAbsent),
            one => one == AUDIENCE,
        };
        let exp = match claims.get("exp") {
            Some(Value::String(_)) => self.has(Defect::ExpiryOfATextIsNone),
            exp => exp.and_then(Value::as_f64).is_some_and(|exp| exp + leeway > now),
        };
        let nbf = claims.get("nbf").is_none_or(|nbf| nbf.as_f64().is_some_and(|nbf| nbf <= now + leeway));
        let right = iss
            && (aud || self.has(Defect::NoAudience))
            && (exp || self.has(Defect::NoExpiry))
            && (nbf || self.has(Defect::NoNotBefore))
            && (claims.get("at_hash").is_none() || self.has(Defect::IdTokensPass))
            && (claims.get("cnf").is_none() || self.has(Defect::BoundTokensPass));
        if right { Ok(claims) } else { Err(BAD) }
    }
}

//! One token, in one header, under one scheme.

use super::{
    BAD, Defect, Judge, Verdict,
    paths::{Course, decoded},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tower_bearer::Claims;

/// No credentials at all.
const NONE: u16 = 0;
const MALFORMED: u16 = 400;
const MOST_BYTES: usize = 16 * 1024;

impl Judge {
    pub(super) fn answer(&self, request: &Request<Body>) -> Response {
        let verdict = match self.course(request) {
            Course::Guarded => self.admit(request).err(),
            Course::Open => None,
            Course::Refused(status) => return StatusCode::from_u16(status).unwrap().into_response(),
        };
        verdict.map_or_else(|| StatusCode::OK.into_response(), refused)
    }

    fn admit(&self, request: &Request<Body>) -> Result<(), u16> {
        let tokens = self.tokens(request)?;
        let verdicts = tokens.iter().map(|token| self.judge(token, request.uri().path()));
        let all: Vec<_> = verdicts.collect();
        if all.iter().any(Result::is_ok) {
            Ok(())
        } else {
            Err(all.into_iter().find_map(Verdict::err).unwrap_or(BAD))
        }
    }

    fn judge(&self, token: &str, path: &str) -> Verdict {
        if token.is_empty() {
            return Ok(().into());
        }
        let (claims, header) = self.verify(token, path)?;
        self.permits_as_before(&claims, self.permits(&claims, &header))?;
        Ok(claims)
    }

    /// The token; an empty one stands for a caller who needs none.
    fn tokens(&self, request: &Request<Body>) -> Result<Vec<String>, u16> {
        let headers: Vec<_> = request.headers().get_all("authorization").iter().collect();
        match headers[..] {
            [] => self.token_elsewhere(request).map(|token| vec![token]),
            [one] => self.credentials(one),
            [first, ..] if self.has(Defect::FirstOfTwoHeaders) => self.credentials(first),
            [.., last] if self.has(Defect::LastOfTwoHeaders) => self.credentials(last),
            _ => Err(MALFORMED),
        }
    }

    fn credentials(&self, value: &HeaderValue) -> Result<Vec<String>, u16> {
        if value.is_empty() {
            return Err(NONE);
        }
        let bytes = value.as_bytes();
        if !bytes.is_ascii() && !self.has(Defect::NonAsciiIsDropped) {
            return Err(MALFORMED);
        }
        let text: String =
            bytes.iter().filter(|byte| byte.is_ascii()).map(|byte| char::from(*byte)).collect();
        let (scheme, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        let token = rest.trim_start_matches(' ');
        if is_bearer && token.len() > MOST_BYTES && !self.has(Defect::TokensOfAnyLength) {
            return Err(MALFORMED);
        }
        if is_bearer && is_token68(token) {
            return Ok(vec![token.to_owned()]);
        }
        if is_bearer && token.is_empty() {
            return if self.has(Defect::EmptyTokenIsAnonymous) {
                Ok(vec![String::new()])
            } else {
                Err(MALFORMED)
            };
        }
        if let Some(token) = self.found_otherwise(&text) {
            return Ok(vec![token]);
        }
        let tokens =
            || text.split(',').filter_map(|one| Some(one.trim().strip_prefix("Bearer ")?.to_owned()));
        if tokens().count() > 1 && self.has(Defect::ListsOfCredentials) {
            return Ok(tokens().collect());
        }
        if let Some(first) =
            tokens().next().filter(|_| text.contains(',') && self.has(Defect::AnyOfTheCredentials))
        {
            return Ok(vec![first]);
        }
        let begins = text.to_ascii_lowercase().starts_with("bearer");
        let is_ours = begins && text.as_bytes().get(6).is_none_or(|next| !next.is_ascii_alphanumeric());
        Err(if is_ours { MALFORMED } else { NONE })
    }

    /// By those who read the header in another way.
    fn found_otherwise(&self, text: &str) -> Option<String> {
        let words: Vec<_> = text.split_whitespace().collect();
        let second = words.get(1).copied();
        let behind = second.filter(|_| words.len() == 2 && text.contains(' '));
        let readings: [(Defect, Option<String>); 11] = [
            (Defect::SchemeMayBeAbsent, Some(text.to_owned())),
            (Defect::AnyScheme, behind.filter(|_| words[0] != "Bearer").map(str::to_owned)),
            (
                Defect::SchemeByItsBeginning,
                behind.filter(|_| words[0].starts_with("Bearer")).map(str::to_owned),
            ),
            (Defect::SchemeAnywhere, text.rsplit_once("Bearer ").map(|(_, token)| token.to_owned())),
            (
                Defect::SchemeByItsLength,
                text.strip_prefix("Bearer").and_then(|rest| rest.get(1..)).map(str::to_owned),
            ),
            (Defect::WhiteSpaceOfAnyKind, second.filter(|_| words.len() == 2).map(str::to_owned)),
            (Defect::WordsBehindAreIgnored, second.filter(|_| words[0] == "Bearer").map(str::to_owned)),
            (Defect::QuotesAreStripped, second.map(|token| token.trim_matches('"').to_owned())),
            (
                Defect::TokenOfAParameter,
                second.and_then(|token| token.strip_prefix("token=")).map(str::to_owned),
            ),
            (Defect::PasswordIsAToken, second.filter(|_| words[0] == "Basic").and_then(password)),
            (Defect::TokenIsPercentDecoded, second.filter(|token| token.contains('%')).map(decoded)),
        ];
        let usable = readings.into_iter().filter_map(|(defect, token)| Some((defect, token?)));
        let mut usable = usable.filter(|(_, token)| is_token68(token));
        let found = usable.find(|(defect, _)| self.has(*defect)).map(|(_, token)| token);
        found.or_else(|| {
            let json = text.strip_prefix("Bearer ").and_then(|json| assembled(json.as_bytes()))?;
            self.has(Defect::JsonSerializationIsTaken).then_some(json)
        })
    }

    fn token_elsewhere(&self, request: &Request<Body>) -> Result<String, u16> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let query = request.uri().query();
        let in_query = query.and_then(|query| query.strip_prefix("access_token="));
        let in_cookie =
            header("cookie").and_then(|cookie| cookie.strip_prefix("access_token=")?.split(';').next());
        let bearer = |name: &str| header(name).and_then(|value| value.strip_prefix("Bearer "));
        let subprotocol = header("sec-websocket-protocol").and_then(|value| value.strip_prefix("bearer, "));
        let places = [
            (Defect::TokenInTheQuery, in_query),
            (Defect::TokenInACookie, in_cookie),
            (Defect::TokenForTheProxy, bearer("proxy-authorization")),
            (Defect::TokenOfAProxy, bearer("x-access-token")),
            (Defect::TokenInASubprotocol, subprotocol),
        ];
        let mut usable = places.into_iter().filter_map(|(defect, token)| Some((defect, token?)));
        if let Some((_, token)) = usable.find(|(defect, _)| self.has(*defect)) {
            return Ok(token.to_owned());
        }
        if query.is_some_and(|query| query.contains("%FF")) && self.has(Defect::BrokenQueryIsFatal) {
            return Err(super::FATAL);
        }
        let has_caller = request.extensions().get::<Claims>().is_some();
        let is_let_through = (has_caller && self.has(Defect::CallerFromTheExtensions))
            || self.has(Defect::NoHeaderIsAnonymous);
        if is_let_through { Ok(String::new()) } else { Err(NONE) }
    }
}

/// RFC 9110 section 11.2.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

fn password(encoded: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    Some(decoded.split_once(':')?.1.to_owned())
}

/// The compact form of a JSON serialization.
pub(super) fn assembled(json: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    let part = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some([part("protected")?, part("payload")?, part("signature")?].join("."))
}

fn refused(status: u16) -> Response {
    let challenge = match status {
        NONE => "Bearer",
        MALFORMED => "Bearer error=\"invalid_request\"",
        403 => "Bearer error=\"insufficient_scope\"",
        _ => "Bearer error=\"invalid_token\"",
    };
    let status = StatusCode::from_u16(if status == NONE { BAD } else { status }).unwrap();
    (status, [(WWW_AUTHENTICATE, challenge)]).into_response()
}

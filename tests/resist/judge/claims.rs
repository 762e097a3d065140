//! What a good signature vouches for.

use super::{BAD, Defect, Judge, Verdict};
use serde_json::Value;
use tower_bearer::testing::AUDIENCE;

const MINUTE: f64 = 60.0;
/// Beyond that a number is no date.
const LARGEST: f64 = 9_007_199_254_740_992.0;

impl Judge {
    pub(super) fn check(&self, claims: &Value, path: &str) -> Result<(), u16> {
        let right = self.is_from_our_issuer(claims)
            && self.is_for_us(claims, path)
            && self.is_not_past(claims)
            && self.has_begun(claims)
            && self.is_an_access_token(claims)
            && self.is_unbound(claims)
            && (claims.get("sub").is_none_or(Value::is_string) || self.has(Defect::SubjectOfAnyType));
        if right { Ok(()) } else { Err(BAD) }
    }

    fn any_reading(&self, readings: &[(Defect, bool)]) -> bool {
        readings.iter().any(|(defect, passes)| *passes && self.has(*defect))
    }

    fn is_from_our_issuer(&self, claims: &Value) -> bool {
        let ours = self.issuer.identifier();
        let Some(iss) = claims["iss"].as_str() else {
            let listed = claims["iss"].as_array().is_some_and(|all| all.iter().any(|iss| iss == ours));
            return self.any_reading(&[
                (Defect::IssuerMayBeAbsent, claims.get("iss").is_none()),
                (Defect::IssuerInAList, listed),
                (Defect::NoIssuer, true),
            ]);
        };
        iss == ours
            || self.any_reading(&[
                (Defect::NoIssuer, true),
                (Defect::IssuerWithinOurs, ours.contains(iss)),
                (Defect::IssuerByItsBeginning, iss.starts_with(ours)),
                (Defect::IssuerAroundOurs, iss.contains(ours)),
                (Defect::IssuerWithoutItsSlash, iss.trim_end_matches('/') == ours),
                (Defect::IssuerInAnyCase, iss.eq_ignore_ascii_case(ours)),
                (Defect::IssuerAsAnAddress, iss.strip_suffix(":443") == Some(ours)),
                (Defect::IssuerIsTrimmed, iss.trim() == ours),
                (Defect::IssuerEndsAtAZero, iss.split('\0').next() == Some(ours)),
            ])
            || self.asks_that_issuer(iss)
    }

    /// Before it compares; so it is still a refusal.
    fn asks_that_issuer(&self, iss: &str) -> bool {
        if iss.starts_with("https://") && self.has(Defect::IssuersAreAsked) {
            drop(self.issuer.document(&format!("{iss}/jwks")));
        }
        false
    }

    fn is_for_us(&self, claims: &Value, path: &str) -> bool {
        let ours = |aud: &Value| aud == AUDIENCE;
        let aud = &claims["aud"];
        let list = aud.as_array();
        let is_all_texts = list.is_some_and(|all| all.iter().all(Value::is_string));
        if ours(aud) || (is_all_texts && list.is_some_and(|all| all.iter().any(ours))) {
            return true;
        }
        let text = aud.as_str();
        let is = |test: fn(&str) -> bool| text.is_some_and(test);
        let nested = |item: &Value| item.as_array().is_some_and(|all| all.iter().any(ours));
        self.any_reading(&[
            (Defect::NoAudience, true),
            (Defect::AudienceMayBeAbsent, claims.get("aud").is_none()),
            (Defect::NullAudienceIsNone, claims.get("aud").is_some_and(Value::is_null)),
            (Defect::EmptyListIsEverybody, list.is_some_and(Vec::is_empty)),
            (Defect::AudienceWithinOurs, is(|aud| AUDIENCE.contains(aud))),
            (Defect::AudienceByItsBeginning, is(|aud| aud.starts_with(AUDIENCE))),
            (Defect::AudienceInAnyCase, is(|aud| aud.eq_ignore_ascii_case(AUDIENCE))),
            (Defect::AudienceIsSplit, is(|aud| aud.split(' ').any(|aud| aud == AUDIENCE))),
            (Defect::AudienceMayBeAStar, is(|aud| aud == "*")),
            (Defect::AudienceOfAnObject, aud.get(AUDIENCE).is_some()),
            (Defect::AudienceOfAMixedList, list.is_some_and(|all| all.iter().any(ours))),
            (Defect::AudienceOfANestedList, list.is_some_and(|all| all.iter().any(nested))),
            (Defect::ClientIsAnAudience, claims["azp"] == AUDIENCE),
            (
                Defect::PathIsAnAudience,
                text == Some(path) || list.is_some_and(|all| all.iter().any(|aud| aud == path)),
            ),
        ])
    }

    fn is_not_past(&self, claims: &Value) -> bool {
        let now = self.now() as f64;
        let exp = claims.get("exp");
        let Some(date) = exp.and_then(Value::as_f64) else {
            return self.any_reading(&[
                (Defect::NoExpiry, exp.is_some()),
                (Defect::ExpiryMayBeAbsent, exp.is_none()),
                (Defect::TextIsNoExpiry, exp.is_some_and(Value::is_string)),
                (Defect::ExpiryIsADate, exp.and_then(Value::as_str).is_some_and(|text| text.contains('T'))),
                (Defect::NullIsNoExpiry, exp.is_some_and(Value::is_null)),
                (
                    Defect::ExpiryIsCoerced,
                    exp.and_then(|exp| exp.get(0)?.as_f64()).is_some_and(|exp| exp > now),
                ),
                (Defect::ExpiryOfAnObject, exp.is_some_and(|exp| exp.get("$date").is_some())),
            ]);
        };
        let late = |leeway: f64| date + leeway > now;
        let is_a_date = date.abs() <= LARGEST || self.has(Defect::ExpiryOfAnySize);
        is_a_date
            && (late(MINUTE)
                || self.any_reading(&[
                    (Defect::NoExpiry, true),
                    (Defect::LeewayOfTwoHours, late(7200.0)),
                    (Defect::LeewayOfTwoDays, late(172_800.0)),
                    (Defect::ZeroIsNoExpiry, date == 0.0),
                    (Defect::FractionIsNoExpiry, date.fract() != 0.0),
                    (Defect::ExpiryWithoutASign, date < 0.0),
                ]))
    }

    fn has_begun(&self, claims: &Value) -> bool {
        let now = self.now() as f64;
        let begun = |name: &str, early: Defect, text: Defect| {
            claims.get(name).is_none_or(|date| match date.as_f64() {
                Some(date) => {
                    date <= now + MINUTE
                        || self.any_reading(&[
                            (early, true),
                            (Defect::FractionIsNoBeginning, date.fract() != 0.0),
                            (Defect::BeginningOfAnySize, date > LARGEST),
                        ])
                }
                None => self.has(text),
            })
        };
        begun("nbf", Defect::NoNotBefore, Defect::NotBeforeOfAText)
            && begun("iat", Defect::NoIssuedAt, Defect::IssuedAtOfAText)
    }

    fn is_an_access_token(&self, claims: &Value) -> bool {
        let lacks = |name: &str| claims.get(name).is_none();
        let kind = claims["typ"].as_str().unwrap_or_default();
        ((lacks("at_hash") && lacks("c_hash")) || self.has(Defect::IdTokensPass))
            && (lacks("events") || self.has(Defect::LogoutTokensPass))
            && (claims["token_use"] != "id" || self.has(Defect::TokenUseIsIgnored))
            && (kind != "ID" || self.has(Defect::KeycloaksTypeIsIgnored))
            && (!["Refresh", "Offline"].contains(&kind)
                || self.any_reading(&[
                    (Defect::RefreshTokensPass, true),
                    (Defect::KeycloaksTypeIsIgnored, true),
                ]))
    }

    fn is_unbound(&self, claims: &Value) -> bool {
        claims.get("cnf").is_none_or(|cnf| {
            self.any_reading(&[
                (Defect::BoundTokensPass, true),
                (Defect::BoundToACertificate, cnf.get("x5t#S256").is_some()),
                (Defect::BoundToNullIsUnbound, cnf.is_null()),
            ])
        })
    }

    /// The claims, with what is missing taken from the header.
    pub(super) fn completed(&self, claims: Value, header: &Value) -> Verdict {
        let (Value::Object(mut all), Some(header)) = (claims, header.as_object()) else { return Err(BAD) };
        let more = ["iss", "aud", "exp", "scope"].into_iter().filter(|name| !all.contains_key(*name));
        let more: Vec<_> =
            more.filter_map(|name| Some((name.to_owned(), header.get(name)?.clone()))).collect();
        if !more.is_empty() && self.has(Defect::ClaimsFromTheHeader) {
            all.extend(more);
        }
        Ok(Value::Object(all))
    }
}

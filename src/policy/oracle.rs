//! A second opinion: a plain evaluator of rules on claims JSON that shares nothing with the room it judges.

use serde_json::Value;

/// A rule as a test writes it. Three values are `Some(true)`, `Some(false)` and `None`.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Scope(String),
    AnyScope(Vec<String>),
    AllScopes(Vec<String>),
    Role(String),
    Permission(String),
    Group(String),
    Claim(Vec<String>, Value),
    Absent(Vec<String>),
    Issuer(String),
    Client(String),
    Acr(Vec<String>),
    MaxAge(u32),
    Authenticated,
    Public,
    Optional,
    Deny,
    Check(Option<bool>),
    /// A name for another one, see [`behind`].
    Named(usize),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
    Not(Box<Rule>),
}

pub(super) fn judge(rule: &Rule, claims: Option<&Value>) -> Option<bool> {
    match rule {
        Rule::And(a, b) => match (judge(a, claims), judge(b, claims)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Rule::Or(a, b) => match (judge(a, claims), judge(b, claims)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Rule::Not(inner) => judge(inner, claims).map(|truth| !truth),
        Rule::Public | Rule::Optional => Some(true),
        Rule::Deny => Some(false),
        Rule::Named(number) => judge(&behind(*number), claims),
        term => ask(term, claims?),
    }
}

/// What stands behind the two names.
pub(super) fn behind(number: usize) -> Rule {
    let either = |a, b| Rule::Or(Box::new(a), Box::new(b));
    let scope = |text: &str| Rule::Scope(text.to_owned());
    match number {
        0 => either(Rule::And(Box::new(scope("a")), Box::new(Rule::Role("b".to_owned()))), scope("c:d")),
        _ => Rule::Not(Box::new(either(Rule::Group("a".to_owned()), Rule::Named(0)))),
    }
}

fn ask(term: &Rule, claims: &Value) -> Option<bool> {
    match term {
        Rule::Scope(scope) => Some(scopes(claims)?.contains(scope)),
        Rule::AnyScope(any) => scopes(claims).map(|had| any.iter().any(|scope| had.contains(scope))),
        Rule::AllScopes(all) => scopes(claims).map(|had| all.iter().all(|scope| had.contains(scope))),
        Rule::Role(role) => Some(strings(claims, "roles")?.contains(role)),
        Rule::Permission(permission) => Some(strings(claims, "permissions")?.contains(permission)),
        Rule::Group(group) => Some(strings(claims, "groups")?.contains(group)),
        Rule::Claim(path, wanted) => claim(claims, path, wanted),
        Rule::Absent(path) if is_cut_off(claims, &path[0]) || is_blocked(claims, path) => None,
        Rule::Absent(path) => Some(find(claims, path).is_none()),
        Rule::Issuer(issuer) => Some(claims.get("iss")?.as_str()? == issuer),
        Rule::Client(client) => Some(claims.get("client_id")?.as_str()? == client),
        Rule::Acr(_) if is_cut_off(claims, "acr") => None,
        Rule::Acr(any) => Some(any.iter().any(|acr| Some(acr.as_str()) == claims["acr"].as_str()))
            .filter(|_| claims["acr"].is_string()),
        Rule::MaxAge(seconds) => is_recent(claims, *seconds),
        Rule::Authenticated => Some(true),
        Rule::Check(answer) => *answer,
        _ => unreachable!("judged without a caller"),
    }
}

/// It is 1 800 000 000, and clocks differ by 60 s at most.
fn is_recent(claims: &Value, seconds: u32) -> Option<bool> {
    if is_cut_off(claims, "auth_time") {
        return None;
    }
    let ago = 1_800_000_000.0 - claims.get("auth_time")?.as_f64()?;
    if ago < -60.0 { None } else { Some(ago <= f64::from(seconds) + 60.0) }
}

fn is_cut_off(claims: &Value, claim: &str) -> bool {
    claims.get("_claim_names").is_some_and(|names| !names.is_object() || names.get(claim).is_some())
}

fn is_blocked(claims: &Value, path: &[String]) -> bool {
    (1..path.len()).any(|steps| find(claims, &path[..steps]).is_some_and(|value| !value.is_object()))
}

fn find<'a>(claims: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut here = claims;
    for step in path {
        if !here.is_object() {
            return None;
        }
        here = here.get(step)?;
    }
    Some(here)
}

fn strings(claims: &Value, claim: &str) -> Option<Vec<String>> {
    if is_cut_off(claims, claim) {
        return None;
    }
    match claims.get(claim)? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn scopes(claims: &Value) -> Option<Vec<String>> {
    if is_cut_off(claims, "scope") || is_cut_off(claims, "scp") {
        return None;
    }
    let mut all = Vec::new();
    let mut said = false;
    for claim in ["scope", "scp"] {
        if let Some(Value::String(list)) = claims.get(claim) {
            all.extend(list.split(' ').map(str::to_owned));
            said = true;
        } else if claims.get(claim).is_some() {
            all.extend(strings(claims, claim)?);
            said = true;
        }
    }
    said.then_some(all)
}

fn claim(claims: &Value, path: &[String], wanted: &Value) -> Option<bool> {
    if is_cut_off(claims, &path[0]) {
        return None;
    }
    let found = find(claims, path)?;
    match (found, wanted) {
        (Value::Array(found), Value::Array(wanted)) => Some(normal(found) == normal(wanted)),
        (Value::Array(found), wanted) => {
            let answers: Vec<_> = found.iter().map(|item| one(item, wanted)).collect();
            if answers.contains(&Some(true)) {
                Some(true)
            } else if found.is_empty() || answers.contains(&Some(false)) {
                Some(false)
            } else {
                None
            }
        }
        (found, wanted) => one(found, wanted),
    }
}

fn one(found: &Value, wanted: &Value) -> Option<bool> {
    match (found, wanted) {
        (Value::Null, Value::Null) => Some(true),
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::Number(a), Value::Number(b)) => Some(a.as_f64() == b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::Array(a), Value::Array(b)) => Some(normal(a) == normal(b)),
        (Value::Object(_), Value::Object(_)) => {
            Some(normal(std::slice::from_ref(found)) == normal(std::slice::from_ref(wanted)))
        }
        _ => None,
    }
}

/// Every number a float: exact for the small numbers that the tests use.
fn normal(values: &[Value]) -> Vec<Value> {
    let each = |value: &Value| match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(items) => Value::from(normal(items)),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), normal(std::slice::from_ref(value)).remove(0)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    };
    values.iter().map(each).collect()
}

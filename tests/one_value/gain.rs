//! Tokens that gain what a denial has listed.

use crate::{
    draws::{ISSUER, joined, word, words},
    oracle::Rule,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Of what a token can gain, and without `!`.
pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    let term = prop_oneof![
        3 => word().prop_map(Rule::Scope),
        1 => words().prop_map(Rule::AnyScope),
        1 => words().prop_map(Rule::AllScopes),
        2 => word().prop_map(Rule::Role),
        1 => word().prop_map(Rule::Permission),
        2 => word().prop_map(Rule::Group),
        2 => (claim_name(), scalar()).prop_map(|(name, value)| Rule::Claim(vec![name], value)),
    ];
    joined(term, false)
}

/// Of any of them, of none, unreadable and cut off.
pub(crate) fn claims() -> impl Strategy<Value = Value> {
    let listed = || select(&["scope", "roles", "permissions", "groups"][..]).prop_map(str::to_owned);
    let member = prop_oneof![
        6 => (listed(), words().prop_map(Value::from)),
        2 => words().prop_map(|words| ("scope".to_owned(), Value::from(words.join(" ")))),
        2 => (claim_name(), scalar()),
        1 => (listed(), scalar()),
        1 => listed().prop_map(|claim| ("_claim_names".to_owned(), json!({ claim: "src1" }))),
    ];
    vec(member, 0..6).prop_map(|members| {
        let mut claims = members.into_iter().collect::<Map<_, _>>();
        claims.insert("iss".to_owned(), ISSUER.into());
        claims.into()
    })
}

fn claim_name() -> impl Strategy<Value = String> {
    select(&["department", "level"][..]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => word().prop_map(Value::from),
        2 => (-1..2i32).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

/// The same claims, and what this term asks for.
pub(crate) fn with(mut claims: Value, term: &str) -> Value {
    let (kind, rest) = term.split_once('(').unwrap();
    let argument = rest.strip_suffix(')').unwrap();
    let name = match kind {
        "scope" => "scope",
        "role" => "roles",
        "permission" => "permissions",
        "group" => "groups",
        "claim" => {
            let (name, value) = argument.split_once(", ").unwrap();
            let value: Value = serde_json::from_str(value).unwrap();
            let had = claims.get(name.trim_start_matches('/')).cloned();
            claims[name.trim_start_matches('/')] = match had {
                Some(Value::Array(mut had)) => {
                    had.push(value);
                    had.into()
                }
                Some(had) => json!([had, value]),
                None => value,
            };
            return claims;
        }
        other => panic!("a denial lists what nobody can gain: {other}"),
    };
    let item =
        if argument.starts_with('"') { serde_json::from_str(argument).unwrap() } else { argument.to_owned() };
    // The issuer says it whole now.
    if claims["_claim_names"].get(name).is_some() {
        claims.as_object_mut().unwrap().remove("_claim_names");
    }
    let mut had = listed(&claims[name], name == "scope");
    had.push(item.into());
    claims[name] = had.into();
    claims
}

/// What a readable claim lists.
fn listed(claim: &Value, by_words: bool) -> Vec<Value> {
    match claim {
        Value::String(text) if by_words => text.split(' ').map(Value::from).collect(),
        Value::String(_) => vec![claim.clone()],
        Value::Array(items) => items.clone(),
        _ => Vec::new(),
    }
}

//! Policies and tokens to draw, for the laws here and for those of the whole way from a request to its answer.

use super::oracle::Rule;
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use std::time::Duration;

pub(super) const ISSUER: &str = "https://id.example.com";

/// When it is, for whoever judges a login.
pub(super) const NOW: Duration = Duration::from_secs(1_800_000_000);

/// Few words, so that policies and tokens meet; one of them needs quotes in the text form.
pub(super) const WORDS: [&str; 4] = ["a", "b", "c:d", "e(f"];
const CLAIMS: [&str; 13] = [
    "iss",
    "client_id",
    "scope",
    "scp",
    "roles",
    "permissions",
    "groups",
    "acr",
    "auth_time",
    "department",
    "level",
    "address",
    "_claim_names",
];

pub(super) fn word() -> impl Strategy<Value = String> {
    select(&WORDS[..]).prop_map(str::to_owned)
}

pub(super) fn words() -> impl Strategy<Value = Vec<String>> {
    vec(word(), 1..4)
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = || {
        prop_oneof![
            4 => word().prop_map(Value::from),
            2 => (-1..2i32).prop_map(Value::from),
            2 => select(&[-1.0, 0.0, 0.5, 1.0][..]).prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Null),
        ]
    };
    prop_oneof![
        3 => scalar(),
        1 => vec(scalar(), 0..3).prop_map(Value::from),
        1 => vec((select(&["country", "a", "/~"][..]), scalar()), 0..3).prop_map(object),
    ]
}

fn object(members: Vec<(&str, Value)>) -> Value {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn member() -> impl Strategy<Value = (&'static str, Value)> {
    let listed = || select(&["scope", "roles", "permissions", "groups"][..]);
    prop_oneof![
        4 => (listed(), words().prop_map(Value::from)),
        2 => words().prop_map(|words| ("scope", Value::from(words.join(" ")))),
        1 => word().prop_map(|word| ("client_id", Value::from(word))),
        2 => word().prop_map(|word| ("acr", Value::from(word))),
        2 => login_time().prop_map(|time| ("auth_time", Value::from(time))),
        1 => select(&["acr", "auth_time"][..]).prop_map(|claim| ("_claim_names", json!({ claim: "src1" }))),
        1 => listed().prop_map(|claim| ("_claim_names", json!({ claim: "src1" }))),
        4 => (select(&CLAIMS[..]), value()),
    ]
}

/// Around every edge that the policies' ages and the leeway have.
pub(super) fn login_time() -> impl Strategy<Value = f64> {
    let ago = select(&[-61.0, -60.0, -59.5, 0.0, 60.0, 60.5, 61.0, 359.0, 360.0, 360.5, 1e9][..]);
    ago.prop_map(|ago| NOW.as_secs_f64() - ago)
}

pub(super) fn age() -> impl Strategy<Value = u32> {
    select(&[0, 1, 300, u32::MAX][..])
}

fn claims() -> impl Strategy<Value = Value> {
    vec(member(), 0..6).prop_map(|members| {
        let mut claims = object(members);
        // The verifier lets no token through without an issuer that is a trusted string.
        if !claims["iss"].is_string() {
            claims["iss"] = ISSUER.into();
        }
        claims
    })
}

pub(super) fn caller() -> impl Strategy<Value = Option<Value>> {
    option::weighted(0.9, claims())
}

fn path() -> impl Strategy<Value = Vec<String>> {
    let name = || select(&CLAIMS[..]).prop_map(str::to_owned);
    prop_oneof![
        2 => name().prop_map(|name| vec![name]),
        1 => (select(&["address", "groups"][..]), select(&["country", "a", "/~", "0"][..]))
            .prop_map(|(first, second)| vec![first.to_owned(), second.to_owned()]),
    ]
}

pub(super) fn term() -> impl Strategy<Value = Rule> {
    prop_oneof![
        3 => word().prop_map(Rule::Scope),
        1 => words().prop_map(Rule::AnyScope),
        1 => words().prop_map(Rule::AllScopes),
        2 => word().prop_map(Rule::Role),
        1 => word().prop_map(Rule::Permission),
        2 => word().prop_map(Rule::Group),
        4 => (path(), value()).prop_map(|(path, value)| Rule::Claim(path, value)),
        2 => path().prop_map(Rule::Absent),
        1 => prop_oneof![Just(ISSUER.to_owned()), word()].prop_map(Rule::Issuer),
        1 => word().prop_map(Rule::Client),
        2 => words().prop_map(Rule::Acr),
        2 => age().prop_map(Rule::MaxAge),
        1 => select(&[Rule::Authenticated, Rule::Public, Rule::Optional, Rule::Deny][..]),
        1 => any::<Option<bool>>().prop_map(Rule::Check),
        2 => (0..2usize).prop_map(Rule::Named),
    ]
}

pub(super) fn joined(
    term: impl Strategy<Value = Rule> + 'static,
    with_not: bool,
) -> impl Strategy<Value = Rule> {
    term.prop_recursive(5, 24, 2, move |rule| {
        let pair = (rule.clone(), rule.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        prop_oneof![
            2 => pair.clone().prop_map(|(a, b)| Rule::And(a, b)),
            2 => pair.prop_map(|(a, b)| Rule::Or(a, b)),
            u32::from(with_not) => rule.prop_map(|a| Rule::Not(Box::new(a))),
        ]
    })
}

pub(super) fn rule() -> impl Strategy<Value = Rule> {
    joined(term(), true)
}

pub(super) fn path_text(path: &[String]) -> String {
    let escaped = |step: &String| step.replace('~', "~0").replace('/', "~1");
    path.iter().map(|step| format!("/{}", escaped(step))).collect()
}

pub(super) fn check_name(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}

/// As it would be written.
pub(super) fn text(rule: &Rule) -> String {
    let quoted = |text: &String| Value::from(text.as_str()).to_string();
    let list = |texts: &[String]| texts.iter().map(quoted).collect::<Vec<_>>().join(", ");
    match rule {
        Rule::Scope(one) => format!("scope({})", quoted(one)),
        Rule::AnyScope(many) => format!("any_scope({})", list(many)),
        Rule::AllScopes(many) => format!("all_scopes({})", list(many)),
        Rule::Role(one) => format!("role({})", quoted(one)),
        Rule::Permission(one) => format!("permission({})", quoted(one)),
        Rule::Group(one) => format!("group({})", quoted(one)),
        Rule::Claim(path, value) => format!("claim({}, {value})", quoted(&path_text(path))),
        Rule::Absent(path) => format!("absent({})", quoted(&path_text(path))),
        Rule::Issuer(one) => format!("issuer({})", quoted(one)),
        Rule::Client(one) => format!("client({})", quoted(one)),
        Rule::Acr(many) => format!("acr({})", list(many)),
        Rule::MaxAge(seconds) => format!("max_age({seconds})"),
        Rule::Authenticated => "authenticated".to_owned(),
        Rule::Public => "public(\"some reason\")".to_owned(),
        Rule::Optional => "optional(reason)".to_owned(),
        Rule::Deny => "deny".to_owned(),
        Rule::Check(answer) => format!("check({})", check_name(*answer)),
        Rule::Named(number) => format!("rule({})", quoted(&RULES[*number].to_owned())),
        Rule::And(a, b) => format!("({} & {})", text(a), text(b)),
        Rule::Or(a, b) => format!("({} | {})", text(a), text(b)),
        Rule::Not(inner) => format!("!{}", text(inner)),
    }
}

/// The names that `oracle::behind` has something for.
pub(super) const RULES: [&str; 2] = ["first", "the second"];

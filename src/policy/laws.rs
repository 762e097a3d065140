//! What holds for every policy and every token.

use super::{
    draws::{
        NOW, RULES, WORDS, age, caller, check_name, joined, login_time, path_text, rule, term, text, word,
        words,
    },
    oracle::{Rule, behind, judge},
    sample::principal,
    *,
};
use crate::claims::Principal;
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};
use std::time::Duration;

fn scope_rule() -> impl Strategy<Value = Rule> {
    let term = prop_oneof![
        2 => word().prop_map(Rule::Scope),
        1 => words().prop_map(Rule::AnyScope),
        1 => words().prop_map(Rule::AllScopes),
    ];
    joined(term, false)
}

fn scope_or_role_rule() -> impl Strategy<Value = Rule> {
    joined(prop_oneof![3 => word().prop_map(Rule::Scope), 1 => word().prop_map(Rule::Role)], false)
}

/// All contexts the same: a way is chosen part by part, and would not find the one that two lists have in common.
fn scope_or_login_rule() -> impl Strategy<Value = Rule> {
    let acr = || Rule::Acr(vec!["c:d".to_owned(), "a".to_owned()]);
    let term = prop_oneof![
        2 => word().prop_map(Rule::Scope),
        1 => words().prop_map(Rule::AllScopes),
        2 => Just(()).prop_map(move |()| acr()),
        2 => age().prop_map(Rule::MaxAge),
    ];
    joined(term, false)
}

fn login() -> impl Strategy<Value = Option<Value>> {
    let parts = (vec(word(), 0..3), option::of(word()), option::of(login_time()));
    parts.prop_map(|(scopes, acr, time)| Some(json!({"scope": scopes, "acr": acr, "auth_time": time})))
}

fn policy(rule: &Rule) -> Policy {
    match rule.clone() {
        Rule::Scope(text) => scope(text),
        Rule::AnyScope(texts) => any_scope(texts),
        Rule::AllScopes(texts) => all_scopes(texts),
        Rule::Role(text) => role(text),
        Rule::Permission(text) => permission(text),
        Rule::Group(text) => group(text),
        Rule::Claim(path, value) => claim(path_text(&path), value),
        Rule::Absent(path) => absent(path_text(&path)),
        Rule::Issuer(text) => issuer(text),
        Rule::Client(text) => client(text),
        Rule::Acr(texts) => any_acr(texts),
        Rule::MaxAge(seconds) => max_age(Duration::from_secs(seconds.into())),
        Rule::Authenticated => authenticated(),
        Rule::Public => public("some reason"),
        Rule::Optional => optional("reason"),
        Rule::Deny => deny(),
        Rule::Named(0) => super::rule::<First>(),
        Rule::Named(_) => super::rule::<Second>(),
        Rule::Check(answer) => check(check_name(answer), move |_| answer),
        Rule::And(a, b) => policy(&a) & policy(&b),
        Rule::Or(a, b) => policy(&a) | policy(&b),
        Rule::Not(inner) => !policy(&inner),
    }
}

struct First;
struct Second;

impl super::Rule for First {
    const NAME: &'static str = RULES[0];

    fn policy() -> Policy {
        policy(&behind(0))
    }
}

impl super::Rule for Second {
    const NAME: &'static str = RULES[1];

    fn policy() -> Policy {
        policy(&behind(1))
    }
}

fn checks() -> Checks {
    Checks::new()
        .with("yes", |_| true)
        .with("no", |_| false)
        .with("unknown", |_| None)
        .with_rule::<First>()
        .with_rule::<Second>()
}

fn truth(policy: &Policy, caller: Option<&Value>) -> Truth {
    policy.evaluate(caller.cloned().map(principal).as_ref())
}

fn denial(policy: &Policy, caller: Option<&Principal>) -> Option<Denial> {
    match policy.decide(caller) {
        Decision::Allow => None,
        Decision::Deny(denial) => Some(denial),
    }
}

fn denied_scopes(policy: &Policy, caller: Option<&Value>) -> Option<Vec<String>> {
    match policy.decide(caller.cloned().map(principal).as_ref()) {
        Decision::Allow => None,
        Decision::Deny(denial) => Some(denial.scopes().map(str::to_owned).collect()),
    }
}

/// The same caller, whose token has gained these scopes.
fn with_scopes(caller: Option<&Value>, gained: &[String]) -> Value {
    let mut claims = caller.cloned().unwrap_or_else(|| json!({}));
    let mut scopes: Vec<Value> = claims["scope"].as_array().cloned().unwrap_or_default();
    scopes.extend(gained.iter().cloned().map(Value::from));
    claims["scope"] = scopes.into();
    claims
}

fn scopes_and_roles() -> impl Strategy<Value = Option<Value>> {
    let lists = (vec(word(), 0..3), vec(word(), 0..2));
    option::weighted(0.9, lists.prop_map(|(scopes, roles)| json!({"scope": scopes, "roles": roles})))
}

/// Each node says what its own text, read as a policy, would say; and why, where that is unknown.
fn agrees(explained: &Explained, caller: Option<&Principal>) -> Result<(), TestCaseError> {
    let alone = explained.text().parse::<Policy>().unwrap().bind(&checks()).unwrap();
    prop_assert_eq!(explained.truth(), alone.evaluate(caller), "{}", alone);
    let is_open = explained.truth() == Truth::Unknown && explained.joint() == Joint::Term;
    prop_assert_eq!(explained.unknown().is_some(), is_open, "{}", alone);
    prop_assert_eq!(explained.unknown() == Some(Unknown::Nobody), is_open && caller.is_none(), "{}", alone);
    explained.parts().iter().try_for_each(|part| agrees(part, caller))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(1024),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_policy_says_what_the_plain_evaluator_says(rule in rule(), caller in caller()) {
        let expected = Truth::from(judge(&rule, caller.as_ref()));
        let policy = policy(&rule);
        prop_assert_eq!(truth(&policy, caller.as_ref()), expected, "{}", policy);
        let allowed = denied_scopes(&policy, caller.as_ref()).is_none();
        prop_assert_eq!(allowed, expected == Truth::Yes);
    }

    #[test]
    fn an_explanation_agrees_with_the_decision_at_every_node(rule in rule(), caller in caller()) {
        let (policy, caller) = (policy(&rule), caller.map(principal));
        let explained = policy.explain(caller.as_ref());
        prop_assert_eq!(explained.truth() == Truth::Yes, policy.decide(caller.as_ref()).is_allow());
        prop_assert_eq!(explained.text(), policy.to_string());
        agrees(&explained, caller.as_ref())?;
    }

    #[test]
    fn the_laws_of_kleene_hold_for_policies(a in rule(), b in rule(), c in rule(), caller in caller()) {
        let [a, b, c] = [a, b, c].map(|rule| policy(&rule));
        let same = |one: Policy, other: Policy| truth(&one, caller.as_ref()) == truth(&other, caller.as_ref());
        let (a, b, c) = (|| a.clone(), || b.clone(), || c.clone());
        prop_assert!(same(!(a() & b()), !a() | !b()), "De Morgan");
        prop_assert!(same(!(a() | b()), !a() & !b()), "De Morgan");
        prop_assert!(same(a() & (b() | c()), (a() & b()) | (a() & c())), "distribution");
        prop_assert!(same(a() | (b() & c()), (a() | b()) & (a() | c())), "distribution");
        prop_assert!(same(a() & (a() | b()), a()), "absorption");
        prop_assert!(same(a() & b(), b() & a()) && same(a() | b(), b() | a()), "commutation");
        prop_assert_eq!(!!a(), a());
        prop_assert_eq!((a() & b()) & c(), a() & (b() & c()));
        prop_assert_eq!((a() | b()) | c(), a() | (b() | c()));
    }

    #[test]
    fn lists_of_scopes_are_chains_of_scopes(list in words(), caller in caller()) {
        let any = list.iter().map(scope).reduce(|a, b| a | b).unwrap();
        let all = list.iter().map(scope).reduce(|a, b| a & b).unwrap();
        for (short, long) in [(any_scope(&list), any), (all_scopes(&list), all)] {
            prop_assert_eq!(truth(&short, caller.as_ref()), truth(&long, caller.as_ref()));
            prop_assert_eq!(denied_scopes(&short, caller.as_ref()), denied_scopes(&long, caller.as_ref()));
            prop_assert_eq!(short.scopes(), long.scopes());
        }
    }

    #[test]
    fn a_policy_reads_back_from_its_text_and_decides_the_same(rule in rule(), caller in caller()) {
        let policy = policy(&rule);
        prop_assert_eq!(&text(&rule).parse::<Policy>().unwrap(), &policy, "as it is written by hand");
        let text = policy.to_string();
        let read: Policy = text.parse().unwrap();
        prop_assert_eq!(&read, &policy);
        prop_assert_eq!(read.to_string(), text.clone());
        prop_assert_eq!(format!("{policy:?}"), text.clone());
        let json = serde_json::to_string(&policy).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        prop_assert_eq!(&serde_json::from_str::<Policy>(&json).unwrap(), &policy);
        let bound = read.bind(&checks()).unwrap();
        prop_assert_eq!(truth(&bound, caller.as_ref()), truth(&policy, caller.as_ref()));
    }

    #[test]
    fn without_a_caller_nothing_but_public_and_optional_is_yes(term in term()) {
        let expected = match term {
            Rule::Public | Rule::Optional => Truth::Yes,
            Rule::Deny => Truth::No,
            _ => Truth::Unknown,
        };
        prop_assert_eq!(truth(&policy(&term), None), expected);
    }

    #[test]
    fn a_token_that_gains_the_listed_scopes_is_allowed(rule in scope_rule(), caller in scopes_and_roles()) {
        let policy = policy(&rule);
        if let Some(listed) = denied_scopes(&policy, caller.as_ref()) {
            let gained = with_scopes(caller.as_ref(), &listed);
            prop_assert_eq!(truth(&policy, Some(&gained)), Truth::Yes, "{} with {}", policy, gained);
        }
    }

    #[test]
    #[cfg(feature = "utoipa")]
    fn exactly_the_tokens_with_the_scopes_of_an_alternative_are_allowed(
        rule in scope_rule(),
        held in vec(word(), 0..4),
    ) {
        let policy = policy(&rule);
        let described = policy
            .scope_alternatives()
            .iter()
            .any(|scopes| scopes.iter().all(|scope| held.iter().any(|held| held == scope)));
        let allowed = truth(&policy, Some(&json!({"scope": held}))) == Truth::Yes;
        prop_assert_eq!(described, allowed, "{}", policy);
    }

    #[test]
    #[cfg(feature = "utoipa")]
    fn the_alternatives_name_the_scopes_that_the_metadata_names(rule in rule()) {
        let policy = policy(&rule);
        let alternatives = policy.scope_alternatives();
        prop_assert!(!alternatives.is_empty());
        let mut named: Vec<_> = alternatives.concat();
        let mut known = policy.scopes();
        named.sort_unstable();
        named.dedup();
        known.sort_unstable();
        prop_assert_eq!(named, known, "{}", policy);
    }

    #[test]
    fn a_hint_helps_whenever_any_hint_could(rule in scope_or_role_rule(), caller in scopes_and_roles()) {
        let policy = policy(&rule);
        if let Some(listed) = denied_scopes(&policy, caller.as_ref()) {
            let everything = with_scopes(caller.as_ref(), &WORDS.map(str::to_owned));
            let gained = with_scopes(caller.as_ref(), &listed);
            prop_assert_eq!(truth(&policy, Some(&gained)), truth(&policy, Some(&everything)), "{}", policy);
        }
    }

    #[test]
    fn the_login_that_a_denial_asks_for_is_allowed(rule in scope_or_login_rule(), caller in login()) {
        let policy = policy(&rule);
        let Some(mut gained) = caller.clone() else { return Ok(()) };
        if let Some(denial) = denial(&policy, caller.map(principal).as_ref()) {
            let listed: Vec<_> = denial.scopes().map(str::to_owned).collect();
            gained = with_scopes(Some(&gained), &listed);
            if let Some(acr) = denial.acr_values().next() {
                gained["acr"] = acr.into();
            }
            if let Some(age) = denial.max_age() {
                gained["auth_time"] = NOW.saturating_sub(age).as_secs().into();
            }
            prop_assert_eq!(truth(&policy, Some(&gained)), Truth::Yes, "{} with {}", policy, gained);
        }
    }

    #[test]
    fn what_is_lacking_is_empty_where_the_policy_allows_and_names_the_scopes_of_the_denial(
        rule in rule(),
        caller in caller(),
    ) {
        let (policy, caller) = (policy(&rule), caller.map(principal));
        let lacking = policy.lacking(caller.as_ref());
        prop_assert_eq!(lacking.is_empty(), policy.evaluate(caller.as_ref()) == Truth::Yes, "{}", policy);
        for term in &lacking {
            prop_assert!(term.evaluate(caller.as_ref()) != Truth::Yes, "{} of {}", term, policy);
        }
        let required = policy.required_scopes(caller.as_ref());
        let scopes = lacking.iter().flat_map(Policy::scopes);
        prop_assert!(scopes.into_iter().all(|scope| required.contains(&scope)), "{:?} of {}", lacking, policy);
    }

    #[test]
    fn listed_scopes_are_the_policys_own_once_each(rule in rule(), caller in caller()) {
        let policy = policy(&rule);
        let known = policy.scopes();
        if let Some(listed) = denied_scopes(&policy, caller.as_ref()) {
            prop_assert!(listed.iter().all(|scope| known.contains(&scope.as_str())));
            prop_assert!((1..listed.len()).all(|i| !listed[..i].contains(&listed[i])));
            let caller = caller.map(principal);
            let required = policy.required_scopes(caller.as_ref());
            let is_step_up = denial(&policy, caller.as_ref()).is_some_and(|denial| denial.is_step_up());
            prop_assert!(listed == required || is_step_up && listed.is_empty());
        }
    }
}

#[test]
fn each_term_is_yes_no_or_unknown_as_its_claim_says() {
    let cut_off = |claim: &str| json!({claim: ["a"], "_claim_names": {claim: "src1"}});
    for (name, text, claims, truth) in [
        ("a listed group", "group(a)", json!({"groups": ["a"]}), Truth::Yes),
        ("another group", "group(a)", json!({"groups": ["b"]}), Truth::No),
        ("no groups known", "group(a)", json!({}), Truth::Unknown),
        ("groups cut off", "group(a)", cut_off("groups"), Truth::Unknown),
        ("silence under a not", "!group(a)", json!({}), Truth::Unknown),
        ("groups cut off under a not", "!group(a)", cut_off("groups"), Truth::Unknown),
        ("who means it says so", "absent(groups) | !group(a)", json!({}), Truth::Yes),
        ("not absent but cut off", "absent(groups) | !group(a)", cut_off("groups"), Truth::Unknown),
        ("cut off and left out", "absent(groups)", json!({"_claim_names": {"groups": "s"}}), Truth::Unknown),
        ("a null is something", "absent(groups)", json!({"groups": null}), Truth::No),
        ("a claim cut off", r#"claim(groups, "a")"#, cut_off("groups"), Truth::Unknown),
        ("a claim within one cut off", r#"claim(/groups/a, "a")"#, cut_off("groups"), Truth::Unknown),
        ("a nested claim", r#"claim(/a/b, 1)"#, json!({"a": {"b": 1.0}}), Truth::Yes),
        ("scopes compare whole", "scope(read)", json!({"scope": "reader read:all"}), Truth::No),
        ("an issuer compares whole", "issuer(https://id.example.com/)", json!({}), Truth::No),
        ("the issuer", "issuer(https://id.example.com)", json!({}), Truth::Yes),
        ("no client named", "client(web)", json!({}), Truth::Unknown),
        ("another client", "client(web)", json!({"client_id": "app"}), Truth::No),
        ("the context", "acr(gold)", json!({"acr": "gold"}), Truth::Yes),
        ("one of the contexts", "acr(gold, silver)", json!({"acr": "silver"}), Truth::Yes),
        ("contexts compare whole", "acr(gold)", json!({"acr": "golden"}), Truth::No),
        ("no context", "!acr(gold)", json!({}), Truth::Unknown),
        ("a context of another type", "!acr(1)", json!({"acr": 1}), Truth::Unknown),
        ("several contexts", "acr(gold)", json!({"acr": ["gold"]}), Truth::Unknown),
        (
            "a context cut off",
            "acr(gold)",
            json!({"acr": "gold", "_claim_names": {"acr": "s"}}),
            Truth::Unknown,
        ),
        ("as old as may be", "max_age(300)", json!({"auth_time": 1_799_999_640}), Truth::Yes),
        ("a second older", "max_age(300)", json!({"auth_time": 1_799_999_639}), Truth::No),
        ("half a second older", "max_age(300)", json!({"auth_time": 1_799_999_639.5}), Truth::No),
        ("as early as may be", "max_age(0)", json!({"auth_time": 1_800_000_060}), Truth::Yes),
        ("yet to come", "!max_age(0)", json!({"auth_time": 1_800_000_061}), Truth::Unknown),
        ("no time of login", "!max_age(300)", json!({}), Truth::Unknown),
        ("a time that is a text", "max_age(300)", json!({"auth_time": "1800000000"}), Truth::Unknown),
        ("a time beyond any date", "!max_age(300)", json!({"auth_time": -1e300}), Truth::Unknown),
        ("a null", "!max_age(300)", json!({"auth_time": null}), Truth::Unknown),
        ("anybody with a token", "authenticated", json!({}), Truth::Yes),
        ("an unknown beside a no", "group(a) & deny", json!({}), Truth::No),
        ("an unknown beside a yes", "group(a) | authenticated", json!({}), Truth::Yes),
    ] {
        assert_eq!(self::truth(&text.parse().unwrap(), Some(&claims)), truth, "{name}");
    }
}

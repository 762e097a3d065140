//! The text form of a policy, as the public API shows it.

#![allow(clippy::panic, reason = "a text that a test cannot read is named")]

use proptest::{collection::vec, prelude::*, sample::select};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tower_bearer::{
    error::ConfigError,
    policy::{
        Decision, Policy, Truth, absent, acr, all_scopes, any_acr, any_scope, authenticated, check, claim,
        client, deny, group, issuer, max_age, optional, permission, public, role, scope,
    },
};

fn parse(text: &str) -> Policy {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_policy_has_one_text() {
    let (a, b, c) = (|| scope("a"), || scope("b"), || scope("c"));
    for (text, policy) in [
        (
            "scope(orders:read) & (role(clerk) | !group(guest))",
            scope("orders:read") & (role("clerk") | !group("guest")),
        ),
        ("scope(a) | scope(b) & scope(c)", a() | (b() & c())),
        ("(scope(a) | scope(b)) & scope(c)", (a() | b()) & c()),
        ("!(scope(a) & scope(b))", !(a() & b())),
        ("!scope(a) & scope(b)", !a() & b()),
        ("!((scope(a) | scope(b)) & scope(c))", !((a() | b()) & c())),
        ("scope(a) & scope(b) & scope(c)", a() & (b() & c())),
        ("scope(a) | scope(b) | scope(c)", a() | (b() | c())),
        ("scope(a)", !!a()),
        ("any_scope(a, b)", any_scope(["a", "b"])),
        ("all_scopes(a, b)", all_scopes(vec!["a".to_owned(), "b".to_owned()])),
        ("scope(https://example.com/read)", scope("https://example.com/read")),
        (r#"scope("a(b)&c|d!,'")"#, scope("a(b)&c|d!,'")),
        (r#"role("head clerk")"#, role("head clerk")),
        ("role(käse)", role("käse")),
        (r#"role("a\"b\\c\n")"#, role("a\"b\\c\n")),
        ("permission(print)", permission("print")),
        (r#"claim(department, "sales")"#, claim("department", "sales")),
        ("claim(level, 3)", claim("level", 3)),
        ("claim(level, 1.5)", claim("level", 1.5)),
        ("claim(active, true)", claim("active", true)),
        ("claim(manager, null)", claim("manager", json!(null))),
        (r#"claim(a, {"b":[1,"x)"],"c":{}}) & scope(a)"#, claim("a", json!({"b": [1, "x)"], "c": {}})) & a()),
        ("claim(/realm_access/kind, \"a\")", claim("/realm_access/kind", "a")),
        ("claim(https://example.com/tier, 1)", claim("https://example.com/tier", 1)),
        (r#"absent("my claim")"#, absent("my claim")),
        ("issuer(https://id.example.com/realms/acme)", issuer("https://id.example.com/realms/acme")),
        ("client(web)", client("web")),
        ("acr(urn:acr:2fa)", acr("urn:acr:2fa")),
        ("acr(gold, silver)", any_acr(["gold", "silver"])),
        (r#"acr("a(b)")"#, acr("a(b)")),
        ("max_age(300)", max_age(Duration::from_secs(300))),
        ("authenticated", authenticated()),
        (r#"public("health check")"#, public("health check")),
        ("optional(prices)", optional("prices")),
        ("deny", deny()),
        ("check(office-hours)", check("office-hours", |_| true)),
    ] {
        assert_eq!(policy.to_string(), text);
        assert_eq!(format!("{policy:?}"), text);
        assert_eq!(parse(text), policy, "{text}");
    }
}

#[test]
fn what_means_the_same_reads_as_the_same() {
    for (text, other) in [
        (" scope( a )&role(b)|\n\tdeny ", "scope(a) & role(b) | deny"),
        ("((scope(a)))", "scope(a)"),
        (r#"scope("a")"#, "scope(a)"),
        (r#"scope("\u0061")"#, "scope(a)"),
        ("authenticated() & deny ( )", "authenticated & deny"),
        ("!!!scope(a)", "!scope(a)"),
        ("(scope(a) & scope(b)) & scope(c)", "scope(a) & scope(b) & scope(c)"),
        (r#"claim( "/department" , "sales" )"#, r#"claim(department, "sales")"#),
        ("claim(a,[1, 2 ])", "claim(a, [1,2])"),
        (r#"max_age( "007" )"#, "max_age(7)"),
    ] {
        assert_eq!(parse(text), parse(other), "{text}");
        assert_eq!(parse(text).to_string(), other);
    }
}

#[test]
fn what_differs_is_not_equal() {
    for (a, b) in [
        ("scope(a)", "role(a)"),
        ("scope(a) & scope(b)", "scope(b) & scope(a)"),
        ("scope(a) | scope(b)", "any_scope(a, b)"),
        ("claim(a, 1)", r#"claim(a, "1")"#),
        ("check(a)", "check(b)"),
        ("acr(a, b)", "acr(b, a)"),
        ("acr(a) | acr(b)", "acr(a, b)"),
    ] {
        assert_ne!(parse(a), parse(b));
    }
}

#[test]
fn a_text_that_is_no_policy_says_where_and_what_was_expected() {
    for (name, text, position, expected) in [
        ("nothing", "", 0, "one of scope, any_scope"),
        ("space", "  ", 2, "one of scope, any_scope"),
        ("an unknown word", "scope(a) & scopes(b)", 11, "one of scope, any_scope"),
        ("capitals", "Scope(a)", 0, "one of scope, any_scope"),
        ("two scopes in one", "scope(a b)", 8, "`)`"),
        ("two scopes in quotes", r#"scope("a b")"#, 6, "RFC 6749 section 3.3"),
        ("a scope beyond ASCII", "scope(ä)", 6, "RFC 6749 section 3.3"),
        ("a bad one among good ones", r#"any_scope(a, "b c")"#, 13, "RFC 6749 section 3.3"),
        ("no scope", "scope()", 6, "RFC 6749 section 3.3"),
        ("no scopes", "all_scopes()", 11, "RFC 6749 section 3.3"),
        ("a comma at the end", "any_scope(a,)", 12, "RFC 6749 section 3.3"),
        ("no comma", "any_scope(a b)", 12, "`,` or `)`"),
        ("no argument list", "scope", 5, "`(`"),
        ("other quotes", "scope('a')", 6, "RFC 6749 section 3.3"),
        ("no context", "acr()", 4, "an authentication context"),
        ("two contexts in one", r#"acr(a, "b c")"#, 7, "an authentication context"),
        ("an age with a sign", "max_age(+5)", 8, "whole seconds"),
        ("an age with a unit", "max_age(5m)", 8, "whole seconds"),
        ("an age in fractions", "max_age(0.5)", 8, "whole seconds"),
        ("no age", "max_age()", 8, "whole seconds"),
        ("an age beyond 136 years", "max_age(4294967296)", 8, "whole seconds"),
        ("two ages", "max_age(1, 2)", 9, "`)`"),
        ("an empty name", r#"role("")"#, 5, "not empty"),
        ("an open quote", r#"role("a)"#, 5, "a JSON string"),
        ("a control character", "role(\"a\u{1}\")", 5, "a JSON string"),
        ("an open parenthesis", "(scope(a)", 9, "`)`"),
        ("one too many", "scope(a))", 8, "the end"),
        ("two terms", "scope(a) scope(b)", 9, "the end"),
        ("programmers' and", "scope(a) && scope(b)", 10, "one of scope, any_scope"),
        ("nothing after or", "scope(a) |", 10, "one of scope, any_scope"),
        ("an argument for none", "deny(a)", 5, "`)`"),
        ("a value that is no JSON", "claim(department, sales)", 18, "a JSON value"),
        ("no value", "claim(department)", 16, "the claim's value"),
        ("an open value", "claim(a, [1)", 9, "a JSON value"),
        ("a path with an empty step", "absent(/a//b)", 7, "a claim path"),
        ("a wide space", "scope(a)\u{a0}& scope(b)", 8, "the end"),
    ] {
        let error = text.parse::<Policy>().expect_err(name);
        assert_eq!(error.position(), position, "{name}: {error}");
        let sentence = error.to_string();
        assert!(sentence.contains(expected), "{name}: {sentence}");
        assert!(sentence.starts_with(&format!("not a policy: at byte {position}, expected ")), "{sentence}");
        assert_eq!(ConfigError::from(error).faults()[0].setting(), "policy");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let parentheses = |n: usize| format!("{}deny{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(parse(&parentheses(32)), deny());
    assert!(parentheses(33).parse::<Policy>().unwrap_err().to_string().contains("32 levels"));

    // What is closed again does not count.
    let side_by_side = vec!["(deny | authenticated)"; 100].join(" & ");
    assert_eq!(parse(&side_by_side).to_string(), side_by_side);

    // Three levels for each parenthesis: fewer than 32 of them are open, and the policy is too deep all the same.
    let deep = |n: usize| format!("{}deny{}", "!(deny & (deny | ".repeat(n), "))".repeat(n));
    assert!(deep(10).parse::<Policy>().is_ok());
    assert!(deep(11).parse::<Policy>().unwrap_err().to_string().contains("32 levels"));

    let values = |n: usize| format!("claim(a, {}{})", "[".repeat(n), "]".repeat(n));
    assert!(values(32).parse::<Policy>().is_ok());
    assert!(values(33).parse::<Policy>().is_err());

    assert_eq!(parse(&format!("{}deny", "!".repeat(60_000))), deny());
    assert!("!".repeat(65_537).parse::<Policy>().unwrap_err().to_string().contains("64 KiB"));
    for open in ["(", "!(", "claim(a, [", "claim(a, {\"a\":", "scope("] {
        assert!(open.repeat(5_000).parse::<Policy>().is_err(), "{open}");
    }
}

#[test]
fn a_thousand_alternatives_read_back() {
    let long = (0..1000).map(|i| scope(format!("orders:read:{i}"))).reduce(|a, b| a | b).unwrap();
    assert_eq!(parse(&long.to_string()), long);
}

#[test]
fn the_deepest_policy_that_code_can_build_reads_back() {
    let deepest = (1..32).fold(scope("a"), |policy, level| match level % 3 {
        0 => policy | scope("b"),
        1 => policy & scope("c"),
        _ => !policy,
    });
    assert_eq!(parse(&deepest.to_string()), deepest);
}

#[test]
fn a_policy_lives_in_a_configuration_file() {
    #[derive(Deserialize, Serialize, PartialEq, Debug)]
    struct Settings {
        orders: Policy,
    }
    let settings: Settings =
        toml::from_str(r#"orders = "scope(orders:read) & check(office-hours)""#).unwrap();
    assert_eq!(settings.orders.unbound(), ["office-hours"]);
    assert_eq!(
        serde_json::to_value(&settings).unwrap(),
        json!({"orders": "scope(orders:read) & check(office-hours)"})
    );

    let error = toml::from_str::<Settings>(r#"orders = "scope(a b)""#).unwrap_err();
    assert!(error.to_string().contains("at byte 8, expected `)`"), "{error}");
    assert!(serde_json::from_value::<Policy>(json!({"scope": "a"})).is_err());
}

#[test]
fn a_policy_is_shared_between_threads() {
    fn assert_shared<T: Send + Sync + Clone + 'static>() {}
    assert_shared::<Policy>();
    assert_shared::<Decision>();
}

#[test]
fn an_anonymous_request_is_judged_by_the_text_too() {
    assert_eq!(parse("public(health)").decide(None), Decision::Allow);
    assert_eq!(parse("!deny").evaluate(None), Truth::Yes);
    assert_eq!(parse("!scope(a)").evaluate(None), Truth::Unknown);
    assert_eq!(parse("scope(a) & !scope(x) | scope(b)").required_scopes(None), ["b"]);
}

/// Pieces of policies in any order: closer to the grammar than any text that chance alone would write.
fn almost_a_policy() -> impl Strategy<Value = String> {
    let pieces = [
        "scope(",
        "any_scope(",
        "claim(",
        "absent(",
        "deny",
        "authenticated",
        "check(",
        "a",
        "/a/b",
        ",",
        ")",
        "(",
        " ",
        "&",
        "|",
        "!",
        "\"",
        "\\",
        "[",
        "]",
        "{",
        "}",
        ":",
        "1",
        "-0.5e3",
        "null",
        "ä",
        "\u{0}",
        "scope(a)",
        "\"x\"",
    ];
    vec(select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

/// What was read once has a text, and that text reads back as it.
fn read_and_read_back(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<Policy>() {
        Ok(policy) => prop_assert_eq!(policy.to_string().parse::<Policy>(), Ok(policy)),
        Err(error) => {
            prop_assert!(text.get(error.position()..).is_some(), "{} is no position", error.position())
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(2048),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        read_and_read_back(&text)?;
    }

    #[test]
    fn nothing_that_is_almost_a_policy_makes_the_parser_panic(text in almost_a_policy()) {
        read_and_read_back(&text)?;
    }

    #[test]
    fn any_name_reads_back(name in ".+") {
        let policy = role(name.clone()) & claim(format!("x{name}"), name.clone()) & check(name, |_| true);
        prop_assert_eq!(parse(&policy.to_string()), policy);
    }

    #[test]
    fn any_number_reads_back(float in any::<f64>(), whole in any::<i64>()) {
        let policy = claim("a", float) & claim("b", whole) & claim("c", json!([float, {"d": float}]));
        prop_assert_eq!(parse(&policy.to_string()), policy);
    }
}

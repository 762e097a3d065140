//! Policies by name: everything wrong with them is told at once, they change for all routes at once or not at all, and
//! no file takes a guard away.

use crate::support::{Caller, Runs, ask};
use serde_json::{Value, json};
use std::thread;
use tower_bearer::{
    ConfigError,
    guard::{GuardedRouter, guarded, named},
    policy::{Checks, LivePolicies, Policies, public, scope},
};

async fn nothing() {}

fn policies(value: Value) -> Policies {
    serde_json::from_value(value).unwrap()
}

fn told<T>(result: Result<T, ConfigError>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    }
}

/// One route for each name, at `/` and the name.
fn routes(names: &[&str]) -> GuardedRouter {
    names.iter().fold(GuardedRouter::new(), |routes, name| {
        routes.route(&format!("/{name}"), guarded::get(named(*name), || async { "in" }))
    })
}

fn with(routes: GuardedRouter, value: Value) -> (GuardedRouter, LivePolicies) {
    routes.with_policies(&policies(value), Checks::new()).unwrap()
}

fn faults_of(text: Value) -> Vec<String> {
    told(routes(&["a"]).with_policies(&policies(json!({ "a": text })), Checks::new()))
}

#[test]
fn everything_wrong_is_told_at_once_under_its_name() {
    let text = r#"{
        "b": "scope(b",
        "a": "role(x) & !authenticated",
        "twice": "scope(a)", "twice": "scope(b)",
        "stray": "scope(a b)",
        "c": "check(office-hours) | check(vip)",
        "d": {"policy": "scope(d) & deny", "report_only": "role()"},
        "e": "public(everybody)",
        "f": {"read": "scope(f)"}
    }"#;
    let routes = routes(&["a", "b", "c", "d", "e", "f", "g", "twice"]);
    let routes = routes.route("/a", guarded::post(named("g"), nothing)).fallback(named("g"), nothing);
    let checks = Checks::new().with("vip", |_| true);
    let error = routes.with_policies(&serde_json::from_str(text).unwrap(), checks).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
the configuration cannot work
  a: nobody can ever meet `role(x) & !authenticated`: say `deny` where that is meant
  b: not a policy: at byte 7, expected `)`
  c: check(office-hours) has no function: give it by `Checks::with`
  d: nobody can ever meet `scope(d) & deny`: say `deny` where that is meant
  d, report_only: not a policy: at byte 5, expected a text that is not empty
  e: `public(everybody)` guards nothing, and a name has to: say `public` or `optional` where the route is, with the reason
  f: has a member \"read\", and takes `policy` and `report_only` alone; a name with a dot in it may want quotes, and in TOML names without members stand first
  g: there is no policy of this name; asked for by FALLBACK /*, POST /a, GET /g
  stray: no route asks for it
  stray: not a policy: at byte 8, expected `)`
  twice: is there 2 times"
    );
}

#[test]
fn no_name_takes_a_guard_away() {
    for open in [
        "public(p)",
        "optional(o)",
        "!deny",
        "public(p) | scope(a)",
        "optional(o) & public(p)",
        "!!public(p)",
        "(optional(o) | deny) & !deny",
    ] {
        let faults = faults_of(json!(open));
        assert_eq!(faults.len(), 1, "{open}: {faults:?}");
        assert!(faults[0].contains("guards nothing"), "{open}: {faults:?}");
        let (_, live) = with(routes(&["a"]), json!({"a": "scope(a)"}));
        assert_eq!(told(live.reload(&policies(json!({ "a": open })))), faults, "{open}");
    }
}

#[test]
fn a_name_may_close_its_route() {
    assert_eq!(faults_of(json!("deny")), [""; 0]);
}

#[test]
fn what_is_no_text_is_a_fault_and_not_a_failure_to_read() {
    let (shape, unknown) = ("expected a policy as text", "has a member \"");
    for (name, value, said) in [
        ("a number", json!(1), shape),
        ("a negative one", json!(-1), shape),
        ("a fraction", json!(1.5), shape),
        ("a truth value", json!(true), shape),
        ("nothing", json!(null), shape),
        ("a list", json!(["scope(a)", {"x": [1]}]), shape),
        ("an empty object", json!({}), "has no member `policy`"),
        ("an unknown member", json!({"policy": "scope(a)", "reports_only": "scope(b)"}), unknown),
        ("only what reports", json!({"report_only": "scope(b)"}), "has no member `policy`"),
        ("a member that is no text", json!({"policy": "scope(a)", "report_only": null}), shape),
        ("names within names", json!({"read": "scope(a)"}), unknown),
    ] {
        let faults = faults_of(value);
        assert_eq!(faults.len(), 1, "{name}");
        assert!(faults[0].starts_with(&format!("a: {said}")), "{name}: {faults:?}");
    }
    let twice = r#"{"a": {"policy": "scope(a)", "policy": "scope(b)"}}"#;
    let faults = told(routes(&["a"]).with_policies(&serde_json::from_str(twice).unwrap(), Checks::new()));
    assert_eq!(faults, ["a: a member of it is there twice"]);
    assert!(serde_json::from_str::<Policies>("[]").is_err());
}

#[test]
fn a_name_that_toml_took_apart_is_told_with_what_to_do() {
    let apart: Policies = toml::from_str("orders.read = 'scope(a)'").unwrap();
    let faults = told(routes(&["orders.read"]).with_policies(&apart, Checks::new()));
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("a dot in it may want quotes")), "{faults:?}");
}

#[test]
fn what_reports_only_is_checked_like_what_decides() {
    for (tighter, fault) in [
        ("scope(", "at byte 6"),
        ("check(x)", "check(x) has no function"),
        ("scope(b) & deny", "nobody can ever meet"),
        ("public(p)", "guards nothing"),
        ("!deny", "guards nothing"),
    ] {
        let faults = faults_of(json!({"policy": "scope(a)", "report_only": tighter}));
        assert_eq!(faults.len(), 1, "{tighter}: {faults:?}");
        assert!(faults[0].starts_with("a, report_only: "), "{tighter}: {faults:?}");
        assert!(faults[0].contains(fault), "{tighter}: {faults:?}");
    }
    assert_eq!(faults_of(json!({"policy": "scope(a)", "report_only": "deny"})), [""; 0]);
}

#[test]
fn a_name_cannot_forge_a_line_of_the_report() {
    let faults =
        told(GuardedRouter::<()>::new().with_policies(&policies(json!({"a\nb": "scope(a)"})), Checks::new()));
    assert_eq!(faults, ["a\\nb: no route asks for it"]);
}

#[tokio::test]
async fn policy_missing_is_500_for_everybody_and_the_table_says_so() {
    let caller = Caller::new();
    let routes = routes(&["a"]);
    let table = routes.table();
    assert_eq!(
        told(table.check()),
        [r#"GET /a: no policies were given that have "a": see `GuardedRouter::with_policies`"#]
    );
    assert_eq!((table.rows()[0].policy().to_string().as_str(), table.rows()[0].name()), ("deny", Some("a")));
    let app = caller.serve(routes);
    for credentials in [None, Some(caller.token("a"))] {
        let answer = ask(&app, "GET", "/a", credentials.as_deref()).await;
        assert_eq!((answer.status, answer.challenge(), answer.body.as_str()), (500, "", ""));
    }
    assert_eq!(ask(&app, "GET", "/a", Some(&caller.expired("a"))).await.status, 401);
}

#[tokio::test]
async fn a_named_policy_is_enforced_as_one_that_stands_in_the_code() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let named_routes = GuardedRouter::new()
        .route("/a", guarded::get(named("r"), runs.handler("get")).post(named("w"), runs.handler("post")))
        .nest("/n", GuardedRouter::new().route("/x", guarded::any(named("r"), runs.handler("any"))))
        .nest_service("/s", named("w"), runs.service("service"))
        .fallback(named("r"), runs.handler("fallback"));
    let (by_name, _) = with(named_routes, json!({"r": "scope(read)", "w": "scope(write) & !scope(read)"}));
    let write = || scope("write") & !scope("read");
    let in_code = GuardedRouter::new()
        .route("/a", guarded::get(scope("read"), runs.handler("get")).post(write(), runs.handler("post")))
        .nest("/n", GuardedRouter::new().route("/x", guarded::any(scope("read"), runs.handler("any"))))
        .nest_service("/s", write(), runs.service("service"))
        .fallback(scope("read"), runs.handler("fallback"));
    let (by_name, in_code) = (caller.serve(by_name), caller.serve(in_code));
    for (method, path) in
        [("GET", "/a"), ("POST", "/a"), ("PUT", "/a"), ("PUT", "/n/x"), ("GET", "/s/y"), ("GET", "/nowhere")]
    {
        for scopes in [None, Some("read"), Some("write"), Some("read write"), Some("other")] {
            let token = scopes.map(|scopes| caller.token(scopes));
            let expected = ask(&in_code, method, path, token.as_deref()).await;
            let ran = runs.take();
            let answer = ask(&by_name, method, path, token.as_deref()).await;
            assert_eq!((answer.status, runs.take()), (expected.status, ran), "{method} {path} {scopes:?}");
            assert_eq!(answer.challenge(), expected.challenge(), "{method} {path} {scopes:?}");
            assert_eq!(answer.allow(), expected.allow(), "{method} {path} {scopes:?}");
        }
    }
}

#[test]
fn the_table_shows_the_name_and_the_policy_in_force() {
    let routes = routes(&["a", "b"]).route("/p", guarded::get(public("p"), nothing));
    let written = json!({"a": "scope(a)", "b": {"policy": "scope(b)", "report_only": "scope(b) & role(c)"}});
    let (routes, live) = with(routes, written.clone());
    assert_eq!(
        routes.table().to_string(),
        "\
method  path  policy    name  report only         reason
GET     /a    scope(a)  a
GET     /b    scope(b)  b     scope(b) & role(c)
GET     /p    public                              p
"
    );
    assert_eq!(
        routes.table().to_markdown(),
        "\
| method | path | policy | name | report only | reason |
| --- | --- | --- | --- | --- | --- |
| GET | `/a` | `scope(a)` | `a` |  |  |
| GET | `/b` | `scope(b)` | `b` | `scope(b) & role(c)` |  |
| GET | `/p` | `public` |  |  | p |
"
    );
    let row = &routes.table().to_json()[1];
    assert_eq!((&row["name"], &row["report_only"]), (&json!("b"), &json!("scope(b) & role(c)")));
    assert_eq!(told(routes.table().check()), [""; 0]);
    assert_eq!(serde_json::to_value(live.policies()).unwrap(), written);

    let before = routes.table();
    live.reload(&policies(json!({"a": "scope(x)", "b": "scope(y)"}))).unwrap();
    let shown = |table: &tower_bearer::guard::RouteTable| {
        table.rows().iter().map(|row| row.policy().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&before), ["scope(a)", "scope(b)", "public(p)"], "a table is of one moment");
    assert_eq!(shown(&routes.table()), ["scope(x)", "scope(y)", "public(p)"]);
    assert_eq!(format!("{live:?}"), r#"LivePolicies {"a": scope(x), "b": scope(y)}"#);
}

#[tokio::test]
async fn a_reload_with_a_fault_changes_nothing_and_a_good_one_everything() {
    let caller = Caller::new();
    let (routes, live) = with(routes(&["a", "b"]), json!({"a": "scope(old)", "b": "scope(old)"}));
    let app = caller.serve(routes.clone());
    let (old, new) = (caller.token("old"), caller.token("new"));
    let statuses = async |token: &str| {
        [ask(&app, "GET", "/a", Some(token)).await.status, ask(&app, "GET", "/b", Some(token)).await.status]
    };
    let before = live.policies();
    for bad in [
        json!({}),
        json!({"a": "scope(new)"}),
        json!({"a": "scope(new)", "b": "scope(new"}),
        json!({"a": "scope(new)", "b": "public(p)"}),
        json!({"a": "scope(new)", "b": "optional(p)"}),
        json!({"a": "scope(new)", "b": "scope(new) & deny"}),
        json!({"a": "scope(new)", "b": "check(new)"}),
        json!({"a": "scope(new)", "b": "scope(new)", "c": "scope(new)"}),
        json!({"a": "scope(new)", "b": {"policy": "scope(new)", "report_only": "("}}),
    ] {
        assert!(live.reload(&policies(bad.clone())).is_err(), "{bad}");
        assert_eq!(live.policies(), before, "{bad}");
        assert_eq!((statuses(&old).await, statuses(&new).await), ([200; 2], [403; 2]), "{bad}");
    }
    let good = policies(json!({"a": "scope(new)", "b": "scope(new)"}));
    live.clone().reload(&good).unwrap();
    assert_eq!((statuses(&old).await, statuses(&new).await), ([403; 2], [200; 2]));
    assert_eq!(ask(&app, "GET", "/a", None).await.challenge(), r#"Bearer scope="new""#);
    assert_eq!(live.policies(), good);
}

#[tokio::test]
async fn checks_are_bound_at_the_start_and_at_each_reload() {
    let caller = Caller::new();
    let checks =
        Checks::new().with("alice", |caller| caller.subject() == Some("alice")).with("no", |_| false);
    let (routes, live) =
        routes(&["a"]).with_policies(&policies(json!({"a": "check(alice)"})), checks).unwrap();
    let app = caller.serve(routes);
    let token = caller.token("x");
    assert_eq!(ask(&app, "GET", "/a", Some(&token)).await.status, 200);
    live.reload(&policies(json!({"a": "check(no)"}))).unwrap();
    assert_eq!(ask(&app, "GET", "/a", Some(&token)).await.status, 403);
    assert_eq!(
        told(live.reload(&policies(json!({"a": "check(bob)"})))),
        ["a: check(bob) has no function: give it by `Checks::with`"]
    );
}

#[tokio::test]
async fn routers_with_policies_of_their_own_keep_them_when_they_are_joined() {
    let caller = Caller::new();
    let (inner, live) = with(routes(&["a"]), json!({"a": "scope(inner)"}));
    let later = guarded::get(named("a"), || async { "in" });
    let joined = GuardedRouter::new().nest("/in", inner.route("/later", later)).merge(routes(&["a"]));
    let (joined, _) = with(joined, json!({"a": "scope(outer)"}));
    assert_eq!(told(joined.table().check()), [""; 0]);
    let shown: Vec<_> =
        joined.table().rows().iter().map(|row| format!("{} {}", row.path(), row.policy())).collect();
    assert_eq!(shown, ["/a scope(outer)", "/in/a scope(inner)", "/in/later scope(outer)"]);
    let app = caller.serve(joined);
    live.reload(&policies(json!({"a": "scope(new)"}))).unwrap();
    for (path, scope) in [("/a", "outer"), ("/in/a", "new"), ("/in/later", "outer")] {
        assert_eq!(ask(&app, "GET", path, None).await.challenge(), format!("Bearer scope=\"{scope}\""));
    }
}

fn generation(number: usize) -> Policies {
    let text = format!("scope(g{number})");
    let b = json!({"policy": format!("!scope(x) & {text}"), "report_only": format!("{text} & role(r)")});
    policies(json!({"a": text, "b": b}))
}

/// The number behind `g` in a text that has one.
fn number(text: &str) -> usize {
    let digits = text.split_once("(g").or_else(|| text.split_once("\"g")).unwrap().1;
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn all_routes_change_at_once_while_many_ask() {
    /// How many generations each watcher wants to have seen.
    const ENOUGH: usize = 600;
    let caller = Caller::new();
    let (routes, live) = routes(&["a", "b"]).with_policies(&generation(0), Checks::new()).unwrap();
    let app = caller.serve(routes.clone());
    let token = caller.token("other");
    let watch = |mut look: Box<dyn FnMut(usize) -> usize + '_>| {
        let (mut last, mut changes) = (0, 0);
        while changes < ENOUGH {
            let seen = look(last);
            changes += usize::from(seen != last);
            last = seen;
        }
    };
    let watch_table = || {
        watch(Box::new(|last| {
            let table = routes.table();
            let texts = table.rows().iter().flat_map(|row| {
                [Some(row.policy()), row.report_only()].into_iter().flatten().map(ToString::to_string)
            });
            let numbers: Vec<_> = texts.map(|text| number(&text)).collect();
            assert_eq!(numbers, [numbers[0]; 3], "a table of two generations");
            assert!(numbers[0] >= last);
            numbers[0]
        }));
    };
    let watch_answers = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        watch(Box::new(|mut last| {
            for path in ["/a", "/b", "/a"] {
                let answer = runtime.block_on(ask(&app, "GET", path, Some(&token)));
                assert_eq!(answer.status, 403);
                let seen = number(answer.challenge());
                assert!(seen >= last, "{path} answers by {seen} after another answer by {last}");
                last = seen;
            }
            last
        }));
    };
    let last = thread::scope(|scope| {
        let watchers = [scope.spawn(watch_table), scope.spawn(watch_table), scope.spawn(watch_answers)];
        let mut number = 0;
        while !watchers.iter().all(thread::ScopedJoinHandle::is_finished) {
            number += 1;
            live.reload(&generation(number)).unwrap();
            assert!(live.reload(&policies(json!({"a": "scope(g0)"}))).is_err());
        }
        watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
        number
    });
    assert_eq!(number(&routes.table().rows()[0].policy().to_string()), last);
}

#[test]
fn policies_go_round_through_serde() {
    let text = "\"orders.read\" = \"scope(a)\"\n[b]\npolicy = \"scope(b)\"\nreport_only = \"role(c)\"\n";
    let read: Policies = toml::from_str(text).unwrap();
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(json, r#"{"b":{"policy":"scope(b)","report_only":"role(c)"},"orders.read":"scope(a)"}"#);
    assert_eq!(serde_json::from_str::<Policies>(&json).unwrap(), read);
    assert!(serde_json::to_string(&policies(json!({"a": 1}))).is_err());
}

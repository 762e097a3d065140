//! Random trees of routers against a plain list of (method, path, policy): for every request and token the router
//! answers as the list does.

use crate::support::{Caller, Runs, ask};
use axum::middleware::{Next, from_fn};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use std::collections::BTreeSet;
use tower_bearer::{
    guard::{GuardedRouter, Row, guarded},
    policy::{Policy, all_scopes, authenticated, deny, optional, public, scope},
};

const PATHS: [&str; 6] = ["/", "/a", "/b", "/a/b", "/x/{id}", "/a/"];
const PREFIXES: [&str; 4] = ["/n", "/m", "/n/m", "/t/{tenant}"];
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "DELETE", "ANY"];
const ASKED: [&str; 6] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "LOCK"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Public,
    Optional,
    Authenticated,
    Deny,
    A,
    AandB,
    PublicOrA,
}

const RULES: [Rule; 7] =
    [Rule::Public, Rule::Optional, Rule::Authenticated, Rule::Deny, Rule::A, Rule::AandB, Rule::PublicOrA];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    None,
    Expired,
    Empty,
    A,
    AandB,
}

const TOKENS: [Token; 5] = [Token::None, Token::Expired, Token::Empty, Token::A, Token::AandB];

impl Rule {
    fn policy(self) -> Policy {
        match self {
            Self::Public => public("p"),
            Self::Optional => optional("o"),
            Self::Authenticated => authenticated(),
            Self::Deny => deny(),
            Self::A => scope("a"),
            Self::AandB => all_scopes(["a", "b"]),
            Self::PublicOrA => public("p") | scope("a"),
        }
    }

    /// The status, without asking the crate.
    fn answer(self, token: Token) -> u16 {
        let open = matches!(self, Self::Optional | Self::PublicOrA);
        match (self, token) {
            (Self::Public, _) => 200,
            (_, Token::Expired) => 401,
            _ if open => 200,
            (_, Token::None) => 401,
            (Self::Authenticated, _) | (Self::A, Token::A | Token::AandB) | (Self::AandB, Token::AandB) => {
                200
            }
            _ => 403,
        }
    }
}

#[derive(Debug, Clone)]
enum Node {
    Route { path: &'static str, method: &'static str, rule: Rule, as_service: bool },
    Nest(&'static str, Vec<Node>),
    Merge(Vec<Node>),
    Fallback(Rule),
    Layer,
    State,
}

fn node() -> impl Strategy<Value = Node> {
    let route = (select(&PATHS[..]), select(&METHODS[..]), select(&RULES[..]), any::<bool>())
        .prop_map(|(path, method, rule, as_service)| Node::Route { path, method, rule, as_service });
    let leaf = prop_oneof![
        8 => route,
        2 => select(&RULES[..]).prop_map(Node::Fallback),
        1 => Just(Node::Layer),
        1 => Just(Node::State),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        prop_oneof![
            3 => (select(&PREFIXES[..]), vec(inner.clone(), 1..6)).prop_map(|(at, all)| Node::Nest(at, all)),
            1 => vec(inner, 1..6).prop_map(Node::Merge),
        ]
    })
}

/// The oracle: what stands where.
#[derive(Debug, Default)]
struct List {
    routes: Vec<(&'static str, String, Rule, String)>,
    fallbacks: Vec<(String, Rule, String)>,
}

/// Builds the router and notes what it did; what would be there twice is left out of both.
fn build(nodes: &[Node], prefix: &str, list: &mut List, runs: &Runs) -> GuardedRouter {
    let mut app = GuardedRouter::new();
    for node in nodes {
        app = match node {
            Node::Route { path, method, rule, as_service } => {
                let full = if *path == "/" && !prefix.is_empty() {
                    prefix.to_owned()
                } else {
                    format!("{prefix}{path}")
                };
                if list.routes.iter().any(|(known, at, ..)| known == method && *at == full) {
                    continue;
                }
                let name = format!("{method} {full}");
                let methods = match (*method, as_service) {
                    ("GET", false) => guarded::get(rule.policy(), runs.handler(&name)),
                    ("GET", true) => guarded::get_service(rule.policy(), runs.service(&name)),
                    ("HEAD", _) => guarded::head(rule.policy(), runs.handler(&name)),
                    ("POST", _) => guarded::post(rule.policy(), runs.handler(&name)),
                    ("DELETE", _) => guarded::delete(rule.policy(), runs.handler(&name)),
                    (_, false) => guarded::any(rule.policy(), runs.handler(&name)),
                    (_, true) => guarded::any_service(rule.policy(), runs.service(&name)),
                };
                list.routes.push((method, full, *rule, name));
                app.route(path, methods)
            }
            Node::Nest(at, inner) => {
                let (prefix, before) = (format!("{prefix}{at}"), list.fallbacks.len());
                let inner = build(inner, &prefix, list, runs);
                // Axum forgets the fallbacks below a nested router that has none itself.
                if !list.fallbacks[before..].iter().any(|(at, ..)| *at == prefix) {
                    list.fallbacks.truncate(before);
                }
                app.nest(at, inner)
            }
            Node::Merge(inner) => app.merge(build(inner, prefix, list, runs)),
            Node::Fallback(rule) => {
                if list.fallbacks.iter().any(|(at, ..)| at == prefix) {
                    continue;
                }
                let name = format!("fallback {prefix}");
                list.fallbacks.push((prefix.to_owned(), *rule, name.clone()));
                app.fallback(rule.policy(), runs.handler(&name))
            }
            Node::Layer => app.layer(from_fn(|request, next: Next| next.run(request))),
            Node::State => app.with_state(()),
        };
    }
    app
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    // A parameter may be empty where another segment follows: so it is in axum's matcher.
    let last = path.len() - 1;
    let same = |(i, (pattern, part)): (usize, (&&str, &&str))| {
        pattern == part || (pattern.starts_with('{') && (i < last || !part.is_empty()))
    };
    pattern.len() == path.len() && pattern.iter().zip(&path).enumerate().all(same)
}

#[derive(Debug, PartialEq)]
enum Expected {
    Handler(Rule, String),
    NotAllowed(BTreeSet<String>),
    NotFound,
}

impl List {
    fn expect(&self, method: &str, path: &str) -> Expected {
        let here: Vec<_> = self.routes.iter().filter(|(_, at, ..)| fits(at, path)).collect();
        let of = |wanted: &str| here.iter().find(|(known, ..)| *known == wanted);
        let head = (method == "HEAD").then(|| of("GET")).flatten();
        if let Some((_, _, rule, name)) = of(method).or(head).or_else(|| of("ANY")) {
            return Expected::Handler(*rule, name.clone());
        }
        if here.is_empty() {
            return self.expect_fallback(path);
        }
        let mut allow: BTreeSet<_> = here.iter().map(|(known, ..)| (*known).to_owned()).collect();
        if allow.contains("GET") {
            allow.insert("HEAD".to_owned());
        }
        Expected::NotAllowed(allow)
    }

    /// The one with the longest prefix; below it there must be something, or nothing, but not an empty segment.
    fn expect_fallback(&self, path: &str) -> Expected {
        let parts: Vec<_> = path.split('/').collect();
        let covers = |at: &str| {
            let depth = at.split('/').count();
            let starts = || fits(&format!("{at}/{{rest}}"), &format!("{}/x", parts[..depth].join("/")));
            at.is_empty() || fits(at, path) || (parts.len() > depth && parts[depth..] != [""] && starts())
        };
        let best =
            self.fallbacks.iter().filter(|(at, ..)| covers(at)).max_by_key(|(at, ..)| at.split('/').count());
        best.map_or(Expected::NotFound, |(_, rule, name)| Expected::Handler(*rule, name.clone()))
    }
}

/// What the table says, and what it should say.
fn told(routes: &GuardedRouter) -> BTreeSet<[String; 3]> {
    let row = |row: &Row| [row.method().to_owned(), row.path().to_owned(), row.policy().to_string()];
    routes.table().rows().iter().map(row).collect()
}

impl List {
    fn told(&self) -> BTreeSet<[String; 3]> {
        let routes = self
            .routes
            .iter()
            .map(|(method, at, rule, _)| [(*method).to_owned(), at.clone(), rule.policy().to_string()]);
        let fallbacks = self
            .fallbacks
            .iter()
            .map(|(at, rule, _)| ["FALLBACK".to_owned(), format!("{at}/*"), rule.policy().to_string()]);
        routes.chain(fallbacks).collect()
    }
}

fn paths() -> impl Strategy<Value = String> {
    let known =
        ["", "/a", "/b", "/a/b", "/x/7", "/a/", "/", "/c", "/x", "//a", "/A", "/%61", "/a;b", "/x/7%2Fa"];
    let prefix = ["", "/n", "/m", "/n/m", "/m/n", "/t/acme", "/n/t/acme", "/t", "/n/n", "//n"];
    (select(prefix.to_vec()), select(known.to_vec())).prop_map(|(prefix, path)| {
        match format!("{prefix}{path}") {
            empty if empty.is_empty() => "/".to_owned(),
            path => path,
        }
    })
}

#[test]
fn a_tree_of_routers_answers_as_its_list_of_policies_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let caller = Caller::new();
    let layer = caller.layer();
    let credentials = |token| match token {
        Token::None => None,
        Token::Expired => Some(caller.expired("a b")),
        Token::Empty => Some(caller.token("other")),
        Token::A => Some(caller.token("a")),
        Token::AandB => Some(caller.token("b a")),
    };
    let signed = TOKENS.map(|token| (token, credentials(token)));

    let requests = vec((select(&ASKED[..]), paths(), 0..TOKENS.len()), 60);
    let strategy = (vec(node(), 1..10), requests);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let property = |(nodes, requests): (Vec<Node>, Vec<(&str, String, usize)>)| {
        let (mut list, runs) = (List::default(), Runs::default());
        let routes = build(&nodes, "", &mut list, &runs);
        prop_assert_eq!(told(&routes), list.told());
        let app = routes.into_router(layer.clone());
        for (method, path, token) in requests {
            let (token, credentials) = &signed[token];
            let answer = runtime.block_on(ask(&app, method, &path, credentials.as_deref()));
            let said = format!("{method} {path} {token:?}");
            let (status, ran) = match list.expect(method, &path) {
                Expected::Handler(rule, name) => {
                    let status = rule.answer(*token);
                    (status, if status == 200 { vec![name] } else { Vec::new() })
                }
                Expected::NotAllowed(allow) => {
                    prop_assert_eq!(answer.allow(), Some(allow), "{}", said);
                    (405, Vec::new())
                }
                Expected::NotFound => (404, Vec::new()),
            };
            prop_assert_eq!(answer.status, status, "{}", said);
            prop_assert_eq!(answer.challenge().is_empty(), ![401, 403].contains(&status), "{}", said);
            prop_assert_eq!(runs.take(), ran, "{}", said);
        }
        Ok(())
    };
    runner.run(&strategy, property).unwrap();
}

//! The table says what is enforced, the same way each time.

use crate::support::{Caller, ask};
use axum::extract::MatchedPath;
use serde_json::json;
use tower_bearer::{
    guard::{Access, GuardedRouter, RouteTable, guarded},
    policy::{Policy, authenticated, deny, optional, public, role, scope},
};

async fn nothing() {}

fn routes() -> GuardedRouter {
    let admin = GuardedRouter::new()
        .route("/", guarded::any(role("admin"), nothing))
        .nest("/users", GuardedRouter::new().route("/{id}", guarded::delete(role("root"), nothing)))
        .fallback(deny(), nothing);
    GuardedRouter::new()
        .route("/orders", guarded::post(scope("orders:write") & (role("clerk") | !role("guest")), nothing))
        .route("/orders", guarded::get(scope("orders:read"), nothing))
        .nest("/admin", admin)
        .merge(GuardedRouter::new().route("/prices", guarded::get(optional("members see theirs"), nothing)))
        .route("/health", guarded::get(public("probes ask it"), nothing))
        .nest_service("/files", authenticated(), guarded_files())
        .method_not_allowed_fallback(public("says it nicely"), nothing)
        .fallback(public("the page"), nothing)
}

fn guarded_files() -> axum::Router {
    axum::Router::new()
}

fn columns(table: &RouteTable) -> Vec<[&str; 2]> {
    table.rows().iter().map(|row| [row.method(), row.path()]).collect()
}

#[test]
fn the_table_as_text() {
    assert_eq!(
        routes().table().to_string(),
        "\
method    path               policy                                              reason
FALLBACK  /*                 public                                              the page
405       /*                 public                                              says it nicely
ANY       /admin             role(admin)
FALLBACK  /admin/*           deny
DELETE    /admin/users/{id}  role(root)
ANY       /files/*           authenticated
GET       /health            public                                              probes ask it
GET       /orders            scope(orders:read)
POST      /orders            scope(orders:write) & (role(clerk) | !role(guest))
GET       /prices            optional                                            members see theirs
"
    );
}

#[test]
fn the_table_as_markdown_whatever_stands_in_it() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(role("a") | role("b`c"), nothing).put(public("a|b <i>\nof *it*"), nothing));
    assert_eq!(
        routes.table().to_markdown(),
        r#"| method | path | policy | reason |
| --- | --- | --- | --- |
| GET | `/a` | `` role(a) \| role(b`c) `` |  |
| PUT | `/a` | `public` | a\|b \<i\> of \*it\* |
"#
    );
}

#[test]
fn the_table_as_json_holds_policies_that_read_back() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/orders", guarded::get(scope("a") & !role("guest"), nothing))
        .route("/health", guarded::get(public("probes ask it"), nothing));
    let table = routes.table();
    let expected = json!([
        {"access": "public", "method": "GET", "name": null, "path": "/health",
            "policy": "public(\"probes ask it\")", "reason": "probes ask it", "report_only": null, "rules": {}},
        {"access": "guarded", "method": "GET", "name": null, "path": "/orders",
            "policy": "scope(a) & !role(guest)", "reason": null, "report_only": null, "rules": {}},
    ]);
    assert_eq!(table.to_json(), expected);
    assert_eq!(serde_json::to_value(&table).unwrap(), expected);
    for row in table.rows() {
        assert_eq!(row.policy().to_string().parse::<Policy>().unwrap(), *row.policy());
    }
}

#[test]
fn a_row_tells_its_parts() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(public("p"), nothing).post(optional("o"), nothing).put(deny(), nothing));
    let told: Vec<_> =
        routes.table().rows().iter().map(|row| (row.access(), row.reason().map(str::to_owned))).collect();
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(told, [(Access::Public, said("p")), (Access::Optional, said("o")), (Access::Guarded, None)]);
}

#[test]
fn the_order_does_not_depend_on_how_routes_were_added() {
    let route = |path, method: &str| {
        let methods = match method {
            "GET" => guarded::get(deny(), nothing),
            "ANY" => guarded::any(deny(), nothing),
            _ => guarded::post(deny(), nothing),
        };
        GuardedRouter::<()>::new().route(path, methods)
    };
    let all = [("/b", "GET"), ("/a", "POST"), ("/a", "ANY"), ("/a/b", "GET"), ("/a", "GET")];
    let forth = all.iter().fold(GuardedRouter::new(), |app, (path, method)| app.merge(route(path, method)));
    let back =
        all.iter().rev().fold(GuardedRouter::new(), |app, (path, method)| app.merge(route(path, method)));
    assert_eq!(forth.table().to_string(), back.table().to_string());
    let expected = [["GET", "/a"], ["POST", "/a"], ["ANY", "/a"], ["GET", "/a/b"], ["GET", "/b"]];
    assert_eq!(columns(&forth.table()), expected);
}

#[test]
fn state_and_layers_leave_the_table_as_it_is() {
    let before = routes().table().to_string();
    let layer = tower::util::MapRequestLayer::new(|request: axum::extract::Request| request);
    let after: GuardedRouter<u8> = routes().layer(layer).with_state(());
    assert_eq!(after.table().to_string(), before);
    assert!(format!("{after:?}").contains("POST /orders"), "{after:?}");
}

#[tokio::test]
async fn every_path_of_the_table_is_the_one_that_axum_matches() {
    let caller = Caller::new();
    let matched = |path: MatchedPath| async move { path.as_str().to_owned() };
    let leaf = || {
        GuardedRouter::new()
            .route("/", guarded::get(public("p"), matched))
            .route("/x", guarded::get(public("p"), matched))
            .route("/x/", guarded::get(public("p"), matched))
            .route("/{id}/y", guarded::get(public("p"), matched))
    };
    let routes = leaf().nest("/n", leaf().nest("/m", leaf())).nest("/t/", leaf()).nest("/p/{tenant}", leaf());
    let (rows, app) = (routes.table(), caller.serve(routes));
    assert_eq!(rows.rows().len(), 20);
    for row in rows.rows() {
        let path = row.path().replace("{id}", "7").replace("{tenant}", "acme");
        assert_eq!(ask(&app, "GET", &path, None).await.body, row.path());
    }
}

//! Other spellings of a guarded path: whatever they reach, it is not the handler.

use crate::support::{Caller, Runs, ask, request, send};
use axum::extract::Request;
use tower_bearer::{
    guard::{GuardedRouter, guarded},
    policy::{public, scope},
};

fn routes(runs: &Runs) -> GuardedRouter {
    let orders = || {
        guarded::get(scope("a"), runs.handler("list"))
            .post(scope("a"), runs.handler("create"))
            .delete(scope("a"), runs.handler("drop"))
    };
    let nested = GuardedRouter::new()
        .route("/", guarded::any(scope("a"), runs.handler("root")))
        .route("/items", orders())
        .route("/items/{id}", orders());
    GuardedRouter::new()
        .route("/", guarded::get(public("greets"), || async {}))
        .route("/orders", orders())
        .route("/orders/{id}", orders())
        .route("/tree/{*rest}", orders())
        .route("/slash/", orders())
        .route_service("/whole", scope("a"), runs.service("whole"))
        .nest("/api", nested)
        .nest_service("/files", scope("a"), runs.service("files"))
}

const PATHS: [&str; 10] = [
    "/orders",
    "/orders/7",
    "/tree/a/b",
    "/slash/",
    "/whole",
    "/api",
    "/api/items",
    "/api/items/7",
    "/files",
    "/files/a",
];

/// Every spelling that some server, proxy or framework takes for the path itself.
fn spellings(path: &str) -> Vec<String> {
    let (head, tail) = path.rsplit_once('/').unwrap();
    let first = path.as_bytes()[1];
    let mut all = vec![
        path.to_owned(),
        format!("/{path}"),
        format!("//{path}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{head}//{tail}"),
        format!("{head}%2F{tail}"),
        format!("{head}%2f{tail}"),
        format!("{head}%252F{tail}"),
        format!("{head}%5C{tail}"),
        format!("/%2F{}", &path[1..]),
        format!("{path}%2F"),
        format!("{path}%2f"),
        format!("{path};"),
        format!("{path};a=b"),
        format!("{path};/"),
        format!("/;a=b{path}"),
        format!("{path}%3B"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}%09"),
        format!("{path}%0A"),
        format!("{path}."),
        format!("{path}.json"),
        format!("{path}/."),
        format!("{path}/.."),
        format!("{path}/x/.."),
        format!("{path}/%2e%2e"),
        format!("/.{path}"),
        format!("/..{path}"),
        format!("/x/..{path}"),
        format!("/x/%2e%2e{path}"),
        format!("/x/..%2f{}", &path[1..]),
        format!("/%2e{path}"),
        format!("{path}?"),
        format!("{path}?a=b"),
        format!("{path}?/../health"),
        format!("{path}%3Fa=b"),
        format!("{path}%23"),
        path.to_uppercase(),
        format!("/{}{}", char::from(first).to_ascii_uppercase(), &path[2..]),
        format!("/%{first:02x}{}", &path[2..]),
        format!("/%{first:02X}{}", &path[2..]),
        path.bytes().map(|b| if b == b'/' { "/".into() } else { format!("%{b:02x}") }).collect(),
        format!("/%C0%AF{}", &path[1..]),
        format!("http://api.example.com{path}"),
        format!("http://api.example.com/{path}"),
        format!("https://user:secret@evil.example:8080{path}"),
        format!("http://api.example.com/x/..{path}"),
    ];
    // What no client could send is no request.
    all.retain(|uri| uri.starts_with("http") || uri.starts_with('/'));
    assert!(all.len() > 40);
    all
}

async fn is_refused(app: &axum::Router, runs: &Runs, request: Request, fallback: bool) {
    let said = format!("{} {}", request.method(), request.uri());
    let answer = send(app, request).await;
    let refusals: &[u16] = if fallback { &[401, 405] } else { &[401, 404, 405] };
    assert!(refusals.contains(&answer.status), "{said}: {}", answer.status);
    assert_eq!(runs.take(), [""; 0], "{said}");
}

#[tokio::test]
async fn no_spelling_of_a_guarded_path_reaches_its_handler_without_a_token() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let app = caller.serve(routes(&runs));
    for path in PATHS {
        for spelling in spellings(path) {
            for method in ["GET", "HEAD", "POST", "DELETE", "PATCH", "LOCK"] {
                is_refused(&app, &runs, request(method, &spelling, None), false).await;
            }
        }
        assert_eq!(ask(&app, "GET", path, None).await.status, 401, "{path} itself");
        assert_eq!(ask(&app, "GET", path, Some(&caller.token("a"))).await.status, 200, "{path} itself");
        assert_eq!(runs.take().len(), 1, "{path} itself");
    }
}

#[tokio::test]
async fn a_guarded_fallback_leaves_no_spelling_without_an_answer_of_ours() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let below = routes(&runs).fallback(scope("a"), runs.handler("inner"));
    let app =
        caller.serve(GuardedRouter::new().nest("/v1", below).fallback(scope("a"), runs.handler("outer")));
    for path in PATHS {
        for spelling in spellings(&format!("/v1{path}")) {
            for method in ["GET", "HEAD", "POST", "PATCH"] {
                is_refused(&app, &runs, request(method, &spelling, None), true).await;
            }
        }
    }
}

#[tokio::test]
async fn the_asterisk_and_authority_forms_reach_nothing() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let app = caller.serve(routes(&runs).fallback(scope("a"), runs.handler("fallback")));
    for (method, uri) in [("OPTIONS", "*"), ("CONNECT", "api.example.com:443"), ("GET", "*")] {
        is_refused(&app, &runs, request(method, uri, None), true).await;
    }
}

#[tokio::test]
async fn a_path_within_a_parameter_is_guarded_by_the_route_it_matched() {
    let (caller, runs) = (Caller::new(), Runs::default());
    let routes = GuardedRouter::new()
        .route("/admin", guarded::get(scope("admin"), runs.handler("admin")))
        .route("/orders/{id}", guarded::get(scope("a"), runs.handler("order")))
        .route("/assets/{*path}", guarded::get(public("pictures"), runs.handler("assets")));
    let app = caller.serve(routes);
    let token = caller.token("a");
    for path in ["/orders/..%2Fadmin", "/orders/%2e%2e%2fadmin", "/orders/admin;"] {
        assert_eq!(ask(&app, "GET", path, None).await.status, 401, "{path}");
        assert_eq!(ask(&app, "GET", path, Some(&token)).await.body, "order", "{path}");
    }
    // A wildcard is its own handler's business, and no way to another one.
    for path in ["/assets/../admin", "/assets/..%2Fadmin", "/assets//admin"] {
        assert_eq!(ask(&app, "GET", path, None).await.body, "assets", "{path}");
    }
    assert!(!runs.take().contains(&"admin".to_owned()));
}

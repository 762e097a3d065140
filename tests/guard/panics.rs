//! A mistake in the routes stops the program at the line that errs, as axum does, before anything is served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use tower_bearer::{
    guard::{GuardedRouter, guarded},
    policy::{public, scope},
};

async fn nothing() {}

fn get() -> tower_bearer::guard::GuardedMethodRouter {
    guarded::get(scope("a"), nothing)
}

fn app() -> GuardedRouter {
    GuardedRouter::new()
}

/// What it said, and the file in which it happened.
fn panicked(build: impl FnOnce() -> GuardedRouter) -> (String, String) {
    let place = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&place);
    std::panic::set_hook(Box::new(move |info| {
        *heard.lock().unwrap() = info.location().unwrap().file().to_owned();
    }));
    let panic = catch_unwind(AssertUnwindSafe(build)).expect_err("built");
    let _ = std::panic::take_hook();
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap();
    let place = place.lock().unwrap().clone();
    (said, place)
}

#[test]
fn each_mistake_is_told_where_it_is_written() {
    type Build = fn() -> GuardedRouter;
    let cases: [(&str, Build, &str); 15] = [
        ("a method twice", || app().route("/x", get()).route("/x", get()), "GET /x: there is a policy"),
        ("by merging", || app().route("/x", get()).merge(app().route("/x", get())), "GET /x: there is"),
        (
            "by nesting",
            || app().route("/n/x", get()).nest("/n", app().route("/x", get())),
            "GET /n/x: there is",
        ),
        (
            "every method twice",
            || {
                let any = || guarded::any(scope("a"), nothing);
                app().route("/x", any()).route("/x", any())
            },
            "ANY /x: there is a policy and a handler already",
        ),
        (
            "in one chain",
            || app().route("/x", get().post(scope("a"), nothing).get(scope("b"), nothing)),
            "`GET`",
        ),
        (
            "two fallbacks",
            || app().fallback(scope("a"), nothing).merge(app().fallback(scope("a"), nothing)),
            "FALLBACK /*: there is",
        ),
        (
            "a service on a route",
            || app().route("/x", get()).route_service("/x", scope("a"), axum::Router::<()>::new()),
            "/x",
        ),
        ("names that differ", || app().route("/{a}", get()).route("/{b}", get()), "conflict"),
        ("no slash", || app().route("x", get()), "start with a `/`"),
        ("an empty path", || app().route("", get()), "start with a `/`"),
        ("the old syntax", || app().route("/:id", get()), "{capture}"),
        ("nested at the root", || app().nest("/", app()), "Nesting at the root"),
        (
            "a route layer on nothing",
            || app().route_layer(tower::layer::util::Identity::new()),
            "before any routes",
        ),
        (
            "a service nested twice",
            || {
                let plain = axum::Router::<()>::new;
                app().nest_service("/n", scope("a"), plain()).nest_service("/n", public("p"), plain())
            },
            "ANY /n/*: there is",
        ),
        (
            "a route layer on no method",
            || {
                let any = guarded::any(scope("a"), nothing);
                app().route("/x", any.route_layer(tower::layer::util::Identity::new()))
            },
            "before any routes",
        ),
    ];
    for (name, build, sentence) in cases {
        let (said, place) = panicked(build);
        assert!(said.contains(sentence), "{name}: {said}");
        if name != "a service on a route" {
            assert!(place.ends_with("panics.rs"), "{name}: {place}: {said}");
        }
    }
}

//! The examples do what they say. `api` is run as its reader would run it: the `curl` lines it prints are pasted.
//!
//! Cargo builds the examples before it runs the tests, unless this file alone is asked for: after
//! `cargo test --test examples`, an example that was never built is a failure that says so.

// Without axum there are no examples to run.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod policies;
mod support;

use serde_json::json;
use support::*;
use tower_bearer::testing::{AUDIENCE, TestIssuer, attacks::corpus};

#[tokio::test]
async fn the_first_four_lines_of_the_api_pass_lack_the_scope_are_expired_and_have_no_token() {
    let api = Server::start("api").await;
    let mut statuses = Vec::new();
    for line in &api.curl_lines()[..4] {
        assert!(line.text.ends_with("/api/orders"), "{}", line.text);
        statuses.push(paste(line.text).await);
    }
    assert_eq!(statuses, [200, 403, 401, 401]);
}

#[tokio::test]
async fn every_line_that_a_server_prints_is_answered_as_its_label_says() {
    for name in ["api", "openapi", "optional_auth", "plain_tower", "mcp_server"] {
        let server = Server::start(name).await;
        for line in server.curl_lines() {
            assert_eq!(paste(line.text).await, line.promised, "{name}: {}", line.text);
        }
    }
}

#[tokio::test]
async fn each_route_of_the_api_answers_its_caller() {
    let api = Server::start("api").await;
    let token = |path: &str, label: u16| api.token(path, label);
    let (writer, admin, expired) =
        (token("/api/me", 200), token("/api/admin", 200), token("/api/orders", 401));

    let me = api.ask("GET", "/api/me", Some(&writer)).await;
    assert_eq!((me.status, &me.json()["sub"]), (200, &json!("alice")));
    assert_eq!(me.json()["scopes"], json!(["orders:read", "orders:write"]));
    assert_eq!(me.json()["roles"], json!([]));
    assert!(me.json()["iss"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{me:?}");
    let carol = api.ask("GET", "/api/me", Some(&admin)).await.json();
    assert_eq!((&carol["sub"], &carol["roles"]), (&json!("carol"), &json!(["admin"])));

    let created = api.ask("POST", "/api/orders", Some(&writer)).await;
    assert_eq!((created.status, &created.json()["by"]), (201, &json!("alice")));
    assert_eq!(api.ask("GET", "/api/optional", None).await.json(), json!({ "sub": null }));
    assert_eq!(api.ask("GET", "/api/optional", Some(&writer)).await.json(), json!({ "sub": "alice" }));
    // The keys are there: a token was judged.
    let ready = api.ask("GET", "/ready", None).await.json();
    assert_eq!((&ready["ready"], &ready["issuers"][0]["state"]), (&json!(true), &json!("fresh")));

    for (name, method, path, token, status) in [
        ("a public route does not look at the token", "GET", "/health", Some(&expired), 200),
        ("nobody", "GET", "/api/me", None, 401),
        ("a token that is none", "GET", "/api/me", Some(&"a.b.c".into()), 401),
        ("a writer without the role", "GET", "/api/admin", Some(&writer), 403),
        ("a role without the scope", "POST", "/api/orders", Some(&admin), 403),
        ("a bad token, where one is optional", "GET", "/api/optional", Some(&expired), 401),
        ("a method that is not there, by nobody", "DELETE", "/api/orders", None, 405),
        ("a method that is not there", "DELETE", "/api/orders", Some(&admin), 405),
        ("a path that is not there", "GET", "/nowhere", None, 404),
    ] {
        assert_eq!(api.ask(method, path, token.map(String::as_str)).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn the_api_serves_for_the_issuer_of_its_settings() {
    let issuer = TestIssuer::serve().await.unwrap();
    let api = Server::start_for(&issuer).await;
    assert_eq!(api.curl_lines().len(), 0, "there are no tokens to print: {:?}", api.printed);

    let token = issuer.token().subject("dora").scope("orders:read").sign();
    assert_eq!(api.ask("GET", "/api/orders", Some(&token)).await.status, 200);
    let me = api.ask("GET", "/api/me", Some(&token)).await.json();
    assert_eq!((&me["sub"], &me["iss"]), (&json!("dora"), &json!(issuer.identifier())));
    let elsewhere = issuer.token().scope("orders:read").audience("https://other.test").sign();
    assert_eq!(api.ask("GET", "/api/orders", Some(&elsewhere)).await.status, 401);
}

#[tokio::test]
async fn the_api_is_not_ready_while_its_issuer_is_down() {
    let issuer = TestIssuer::serve().await.unwrap();
    issuer.fail();
    let api = Server::start_for(&issuer).await;
    assert_eq!(api.ask("GET", "/health", None).await.status, 200);
    let ready = api.ask("GET", "/ready", None).await;
    assert_eq!((ready.status, &ready.json()["issuers"][0]["state"]), (503, &json!("never_loaded")));
    let token = issuer.token().scope("orders:read").sign();
    assert_eq!(api.ask("GET", "/api/orders", Some(&token)).await.status, 503);
}

#[tokio::test]
async fn settings_that_cannot_work_end_the_api_with_code_1_and_their_names() {
    for (name, settings, complaints) in [
        (
            "no audience",
            vec![("BEARER_ISSUER", "https://id.test")],
            vec!["BEARER_AUDIENCE: is required and not set"],
        ),
        ("no issuer", vec![("BEARER_AUDIENCE", AUDIENCE)], vec!["BEARER_ISSUER: is required and not set"]),
        (
            "several faults at once",
            vec![("BEARER_ISSUER", "nonsense"), ("BEARER_AUDIENCE", AUDIENCE), ("BEARER_LEEWAY", "301")],
            vec!["BEARER_ISSUER: ", "BEARER_LEEWAY: "],
        ),
        ("no address", vec![("LISTEN", "nonsense")], vec!["LISTEN=nonsense: "]),
    ] {
        let output = finish(example("api").envs(settings)).await;
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        for complaint in complaints {
            assert!(said.contains(complaint), "{name}: {said}");
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ctrl_c_stops_a_server_in_good_order() {
    for name in ["api", "openapi", "optional_auth", "plain_tower", "mcp_server"] {
        let mut server = Server::start(name).await;
        let status = server.interrupt().await;
        assert!(status.success(), "{name}: {status}");
    }
}

#[tokio::test]
async fn the_other_examples_run_to_their_end_and_show_what_they_promise() {
    for (name, promises) in [
        ("custom_refusals", vec!["application/problem+json", "SIGN_IN_AGAIN", "404 Not Found"]),
        (
            "hmac_secret",
            vec!["secret: 200 OK", "another one: 401", "alg_not_allowed", "hash of its algorithm"],
        ),
        (
            "many_issuers",
            vec!["partner:\n  /orders: 200 OK\n  /payroll: 403", "issuer_unknown", ": 0 fetches"],
        ),
        (
            "tenants",
            vec![
                "acme again: 200",
                "late, before it is one: 401 Unauthorized (issuer_unknown)",
                "a stranger: 401 Unauthorized (issuer_unknown)\n  the table was read 2 times",
                "late, now a customer: 200",
                "acme, who left: 401",
                "added: 200",
                "removed: 401",
            ],
        ),
        ("scopes_and_roles", vec!["/vault ", "200    200    200    403", "scope=\"vault:open\""]),
        ("testing_your_app", vec!["ok  a_handler_alone", "ok  a_new_key_is_found"]),
    ] {
        let output = finish(&mut example(name)).await;
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{name}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
        for promise in promises {
            assert!(said.contains(promise), "{name}, {promise:?}: {said}");
        }
    }
}

/// RSA in pure Rust takes its time in a build without optimisation, so it is given a minute.
#[tokio::test]
async fn the_attacks_are_listed_one_a_line_and_the_api_resists_them_on_every_route() {
    let list = finish(example("attacks").arg("--list")).await;
    let list = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.lines().count(), corpus().count());
    assert!(list.lines().all(|line| line.split('\t').count() == 4), "{list}");

    let trial = finish(&mut example("attacks")).await;
    let said = String::from_utf8(trial.stdout).unwrap();
    assert_eq!(trial.status.code(), Some(0), "{said}");
    let all = format!("{0} of {0} attacks were answered right", corpus().count());
    assert!(said.contains(&all) && said.contains("every route: "), "{said}");
    assert!(said.ends_with(" requests tried, 0 faults, 0 skipped\n"), "{said}");
}

#[tokio::test]
async fn the_openapi_example_serves_a_document_and_a_page_that_loads_nothing_from_elsewhere() {
    let server = Server::start("openapi").await;
    let document = server.ask("GET", "/openapi.json", None).await.json();
    let get = |path: &str| &document["paths"][path]["get"];
    assert_eq!(
        get("/orders")["security"],
        json!([{ "bearer": ["orders:read"] }, { "bearer": ["orders:audit"] }])
    );
    assert_eq!(get("/prices")["security"], json!([{}, { "bearer": [] }]));
    let step_up = get("/transfer")["responses"]["401"]["description"].as_str().unwrap();
    assert!(step_up.contains("`urn:acr:2fa`") && step_up.contains("`300` seconds"), "{step_up}");
    assert_eq!(server.ask("POST", "/orders", None).await.status, 401);

    for (path, begins) in [("/docs", "<!doctype html>"), ("/docs.js", "// Shows /openapi.json")] {
        let served = server.ask("GET", path, None).await;
        let text = String::from_utf8(served.body.to_vec()).unwrap();
        assert!(served.status == 200 && text.starts_with(begins), "{path}: {text}");
        for outside in ["://", "innerHTML", "localStorage", "eval("] {
            assert!(!text.contains(outside), "{path} has {outside}");
        }
    }
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn the_metrics_example_shows_a_rotation_an_outage_and_its_end_and_then_counts_who_asks() {
    let server = Server::start("metrics").await;
    let story = server.printed.join("\n");
    let chapter = |title: &str| between(&story, &format!("--- {title}: "), "\n\n").unwrap().to_owned();
    let (rotated, failed) = ("result=\"rotated\"} 1", "result=\"status\"} ");
    for (title, seen, unseen) in [
        (
            "before",
            ["200 OK", "result=\"ok\"} 1", "state=\"fresh\"} 1"],
            vec!["rotated", "result=\"status\""],
        ),
        ("after a rotation", ["200 OK", rotated, "state=\"fresh\"} 1"], vec!["result=\"status\""]),
        ("during an outage", ["200 OK", failed, "state=\"stale\"} 1"], vec!["state=\"fresh\""]),
        ("after the outage", ["200 OK", "result=\"ok\"} 2", "state=\"fresh\"} 1"], vec!["state=\"stale\""]),
    ] {
        let chapter = chapter(title);
        assert!(seen.iter().all(|line| chapter.contains(line)), "{title}: {chapter}");
        assert!(!unseen.iter().any(|line| chapter.contains(line)), "{title}: {chapter}");
    }
    assert!(chapter("during an outage").contains("age_seconds{issuer=\"http://127.0.0.1:"), "{story}");

    let missing = "outcome=\"refused\",reason=\"missing_token\"";
    assert!(!story.contains(missing), "nobody came without a token yet: {story}");
    for line in server.curl_lines() {
        assert_eq!(paste(line.text).await, line.promised, "{}", line.text);
    }
    let authority = between(server.curl_lines()[0].text, "http://", "/").unwrap().to_owned();
    let scraped = ask(&authority, "GET", "/metrics", None).await.body;
    let scraped = String::from_utf8(scraped.to_vec()).unwrap();
    assert!(scraped.contains(&format!("{missing}}} 1")), "{scraped}");
    assert!(scraped.contains("# HELP tower_bearer_key_set_age_seconds "), "{scraped}");
}

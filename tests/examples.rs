//! The examples do what they say. `api` is run as its reader would run it: the `curl` lines it prints are pasted.
//!
//! Cargo builds the examples before it runs the tests, unless this file alone is asked for: after
//! `cargo test --test examples`, an example that was never built is a failure that says so.

// Without axum there are no examples to run.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use http_body_util::BodyExt;
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use tower_bearer::testing::{AUDIENCE, TestIssuer};

/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// An example that serves. Killed when dropped.
struct Server {
    child: Child,
    printed: Vec<String>,
    // Open until the end, or what the example prints later would have no reader.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Server {
    async fn start(name: &str) -> Self {
        let lines = match name {
            "api" => 11,
            "optional_auth" => 6,
            "mcp_server" => 7,
            _ => 4,
        };
        let all =
            |printed: &[String]| printed.iter().filter(|line| line.starts_with("curl ")).count() == lines;
        Self::start_until(all, name, &[]).await
    }

    async fn start_for(issuer: &TestIssuer) -> Self {
        let settings = [("BEARER_ISSUER", issuer.identifier()), ("BEARER_AUDIENCE", AUDIENCE)];
        let hint = |printed: &[String]| printed.iter().any(|line| line.contains("$TOKEN"));
        Self::start_until(hint, "api", &settings).await
    }

    async fn start_until(done: impl Fn(&[String]) -> bool, name: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = example(name);
        command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        let reading = async {
            while !done(&printed) {
                let line = stdout.next_line().await.unwrap();
                printed.push(line.unwrap_or_else(|| panic!("{name} has ended: {printed:?}")));
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("{name} falls silent: {printed:?}"));
        Self { child, printed, _stdout: stdout }
    }

    /// Each `curl` line with the status on the comment above it.
    fn curl_lines(&self) -> Vec<CurlLine<'_>> {
        let pairs = self.printed.windows(2).filter(|pair| pair[1].starts_with("curl "));
        pairs.map(|pair| CurlLine { promised: pair[0][2..5].parse().unwrap(), text: &pair[1] }).collect()
    }

    /// The token of the line for this path that promises this status.
    fn token(&self, path: &str, promised: u16) -> String {
        let lines = self.curl_lines();
        let is_it = |line: &&CurlLine<'_>| {
            line.promised == promised && line.text.ends_with(path) && line.text.contains("Bearer")
        };
        between(lines.iter().find(is_it).unwrap().text, "Bearer ", "\"").unwrap().to_owned()
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let authority = self.printed.iter().find_map(|line| {
            let address = line.split_once("http://")?.1;
            address.split(['/', ',', ' ']).next()
        });
        ask(authority.unwrap(), method, path, token).await
    }

    #[cfg(target_os = "linux")]
    async fn interrupt(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().unwrap().to_string();
        timeout(PATIENCE, listens_for_interrupts(&id)).await.expect("it does not listen for SIGINT");
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        timeout(PATIENCE, self.child.wait()).await.expect("it does not stop").unwrap()
    }
}

/// The address is printed before the handler is in place, and a signal in between would just kill.
#[cfg(target_os = "linux")]
async fn listens_for_interrupts(id: &str) {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let caught = u64::from_str_radix(between(&status, "SigCgt:\t", "\n").unwrap(), 16).unwrap();
        // Signal 2 is the second bit.
        if caught & 0b10 != 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

struct CurlLine<'a> {
    promised: u16,
    text: &'a str,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the line in a shell, as a reader would, and gives the status that `curl -i` shows first.
async fn paste(line: &str) -> u16 {
    let curl = Command::new("curl").arg("--version").output().await;
    if curl.is_err() {
        return ask_as_curl_would(line).await;
    }
    let output = finish(Command::new("sh").args(["-c", line]).env("NO_PROXY", "127.0.0.1")).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    let status = shown.split_ascii_whitespace().nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{line}: {shown:?} {}", String::from_utf8_lossy(&output.stderr)))
}

/// For a machine without curl: understands the few options that the examples use.
async fn ask_as_curl_would(line: &str) -> u16 {
    let (authority, path) = between(line, "http://", "\n").unwrap().split_once('/').unwrap();
    let body = between(line, "-d '", "'");
    let method = between(line, "-X ", " ").unwrap_or(if body.is_some() { "POST" } else { "GET" });
    let mut request = Request::builder().method(method).uri(format!("/{path}")).header("host", authority);
    for header in line.split("-H \"").skip(1) {
        let (name, value) = header.split('"').next().unwrap().split_once(": ").unwrap();
        request = request.header(name, value);
    }
    send(authority, request.body(body.unwrap_or_default().to_owned()).unwrap()).await.status
}

async fn ask(authority: &str, method: &str, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", authority);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(authority, request.body(String::new()).unwrap()).await
}

async fn send(authority: &str, request: Request<String>) -> Answer {
    let asked = format!("{} {}", request.method(), request.uri());
    let answer = async {
        let stream = TcpStream::connect(authority).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        Answer { status, body: response.into_body().collect().await.unwrap().to_bytes() }
    };
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("{asked} is not answered"))
}

/// What stands between `before` and `after`, or the end.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split(after).next()
}

async fn finish(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    timeout(PATIENCE, output).await.expect("it does not end").unwrap()
}

/// A built example, without the settings of whoever runs the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/examples-0123456789abcdef
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is not built: run `cargo build --examples` first", program.display());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BEARER_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").env("LISTEN", "127.0.0.1:0").stdin(Stdio::null()).kill_on_drop(true);
    command
}

//! Examples as their reader would run them.

use http_body_util::BodyExt;
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    path::Path,
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
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An example that serves. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) printed: Vec<String>,
    // Open until the end, or what the example prints later would have no reader.
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        let lines = match name {
            "api" => 15,
            "optional_auth" => 6,
            "mcp_server" => 7,
            _ => 4,
        };
        let all =
            |printed: &[String]| printed.iter().filter(|line| line.starts_with("curl ")).count() == lines;
        Self::start_until(all, name, &[]).await
    }

    /// The API, with the policies of this file.
    pub(crate) async fn start_with_policies(path: &Path) -> Self {
        let last = |printed: &[String]| printed.iter().any(|line| line.ends_with("/openapi.json"));
        let settings = [("BEARER_POLICIES", path.to_str().unwrap())];
        Self::start_until(last, "api", &settings).await
    }

    /// What it prints up to a line that begins so.
    #[cfg(target_os = "linux")]
    pub(crate) async fn reads_until(&mut self, start: &str) {
        let reading = async {
            while !self.stdout.next_line().await.unwrap().expect("it has ended").starts_with(start) {}
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("it never says {start:?}"));
    }

    pub(crate) async fn start_for(issuer: &TestIssuer) -> Self {
        let settings = [("BEARER_ISSUER", issuer.identifier()), ("BEARER_AUDIENCE", AUDIENCE)];
        let hint = |printed: &[String]| printed.iter().any(|line| line.contains("$TOKEN"));
        Self::start_until(hint, "api", &settings).await
    }

    pub(crate) async fn start_until(
        done: impl Fn(&[String]) -> bool,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Self {
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
        Self { child, printed, stdout }
    }

    /// Each `curl` line with the status on the comment above it.
    pub(crate) fn curl_lines(&self) -> Vec<CurlLine<'_>> {
        let pairs = self.printed.windows(2).filter(|pair| pair[1].starts_with("curl "));
        pairs.map(|pair| CurlLine { promised: pair[0][2..5].parse().unwrap(), text: &pair[1] }).collect()
    }

    /// The token of the line for this path that promises this status.
    pub(crate) fn token(&self, path: &str, promised: u16) -> String {
        let lines = self.curl_lines();
        let is_it = |line: &&CurlLine<'_>| {
            line.promised == promised && line.text.ends_with(path) && line.text.contains("Bearer")
        };
        between(lines.iter().find(is_it).unwrap().text, "Bearer ", "\"").unwrap().to_owned()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let authority = self.printed.iter().find_map(|line| {
            let address = line.split_once("http://")?.1;
            address.split(['/', ',', ' ']).next()
        });
        ask(authority.unwrap(), method, path, token).await
    }

    /// Sends a signal, once somebody listens for it.
    #[cfg(target_os = "linux")]
    pub(crate) async fn signal(&self, name: &str, number: u32) {
        let id = self.child.id().unwrap().to_string();
        timeout(PATIENCE, listens_for(&id, number))
            .await
            .unwrap_or_else(|_| panic!("nobody listens for {name}"));
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }

    #[cfg(target_os = "linux")]
    pub(crate) async fn interrupt(&mut self) -> std::process::ExitStatus {
        self.signal("INT", 2).await;
        timeout(PATIENCE, self.child.wait()).await.expect("it does not stop").unwrap()
    }
}

/// The address is printed before the handler is in place, and a signal in between would just kill.
#[cfg(target_os = "linux")]
pub(crate) async fn listens_for(id: &str, signal: u32) {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let caught = u64::from_str_radix(between(&status, "SigCgt:\t", "\n").unwrap(), 16).unwrap();
        // Signal 1 is the first bit.
        if caught & (1 << (signal - 1)) != 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) struct CurlLine<'a> {
    pub(crate) promised: u16,
    pub(crate) text: &'a str,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: String,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the line in a shell, as a reader would, and gives the status that `curl -i` shows first.
pub(crate) async fn paste(line: &str) -> u16 {
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
pub(crate) async fn ask_as_curl_would(line: &str) -> u16 {
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

pub(crate) async fn ask(authority: &str, method: &str, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", authority);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(authority, request.body(String::new()).unwrap()).await
}

pub(crate) async fn send(authority: &str, request: Request<String>) -> Answer {
    let asked = format!("{} {}", request.method(), request.uri());
    let answer = async {
        let stream = TcpStream::connect(authority).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map_or("", |value| value.to_str().unwrap()).to_owned();
        Answer { status, challenge, body: response.into_body().collect().await.unwrap().to_bytes() }
    };
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("{asked} is not answered"))
}

/// What stands between `before` and `after`, or the end.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split(after).next()
}

pub(crate) async fn finish(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    timeout(PATIENCE, output).await.expect("it does not end").unwrap()
}

/// A built example, without the settings of whoever runs the tests.
pub(crate) fn example(name: &str) -> Command {
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

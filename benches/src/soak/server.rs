//! The server's side: this crate as it is in production, but for times that a short run can see.

use crate::tokens::{AUDIENCE, Staff};
use axum::{Router, routing::get, serve::ListenerExt as _};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{net::TcpListener, runtime::Builder};
use tower_bearer::{AuthenticateLayer, Claims, Issuer, Verifier, policy::scope, require};

const CORE: &str = "0";

/// Full within the first rotations, so that what grows later is something else.
const MEMORY: (u64, u64) = (4 << 20, 1_000);

/// How long a key set is good for, and how long the issuer leaves a new key unused at the least.
pub(super) const KEY_TTL: Duration = Duration::from_secs(2);

/// Serves on a free port of the loopback, which it prints.
pub fn serve(issuer: &str) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("it is bound").port());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
        axum::serve(listener, app(issuer)).await.expect("it never ends");
    });
}

fn app(issuer: &str) -> Router {
    let issuer = Issuer::discover(issuer).expect("a URL");
    let issuer = issuer.key_ttl(KEY_TTL).fetch_timeout(KEY_TTL / 2);
    let verifier = Verifier::builder().issuer(issuer).audience(AUDIENCE).claims::<Staff>();
    let verifier = verifier.memory(MEMORY.0, MEMORY.1).build().expect("a verifier");
    let orders = |claims: Claims<Staff>| async move { claims.preferred_username.clone() };
    Router::new()
        .route("/orders", get(orders).route_layer(require(scope("orders:read"))))
        .layer(AuthenticateLayer::new(verifier))
}

/// The server as a process, seen from outside.
pub(super) struct Started {
    process: Child,
    pub(super) port: u16,
    complaints: PathBuf,
}

impl Started {
    pub(super) fn new(issuer: &str) -> Self {
        let program = std::env::current_exe().expect("a program");
        let complaints = program.with_file_name("soak.stderr");
        let mut process = Command::new("taskset")
            .args(["-c", CORE])
            .arg(program)
            .args(["serve", issuer])
            .stdout(Stdio::piped())
            .stderr(File::create(&complaints).expect("a file"))
            .spawn()
            .expect("taskset");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        Self { process, port: line.trim().parse().expect("a port"), complaints }
    }

    pub(super) fn is_up(&mut self) -> bool {
        self.process.try_wait().expect("a process").is_none()
    }

    /// `VmRSS` and, of it, `RssAnon`, in KiB; nothing where it is gone.
    pub(super) fn resident(&self) -> [f64; 2] {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        ["VmRSS:", "RssAnon:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0)
        })
    }

    /// What it complained of, panics above all: it has nothing to say otherwise.
    pub(super) fn end(mut self) -> Vec<String> {
        let ended = self.process.try_wait().expect("a process");
        let mut faults: Vec<_> =
            ended.map(|status| format!("the server ended: {status}")).into_iter().collect();
        let complaints = fs::read_to_string(&self.complaints).expect("a file");
        faults.extend(complaints.lines().map(|line| format!("the server says: {line}")));
        faults
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

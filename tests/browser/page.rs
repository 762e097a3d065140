//! A page on an origin of its own, a browser that opens it, and what the page reports.

use axum::{
    Json, Router,
    extract::Path,
    response::{Html, IntoResponse},
    routing::{get, post},
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
    task::AbortHandle,
    time::sleep,
};

const SPA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/spa");
/// Generous: a cold browser on a busy machine. A page takes a second or two.
const PATIENCE: Duration = Duration::from_secs(90);

/// A call as the page is told to make it.
#[derive(Clone, Serialize)]
pub(crate) struct Address {
    pub(crate) address: String,
    pub(crate) method: &'static str,
    pub(crate) token: Option<String>,
}

/// What a page gets to see of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    pub(crate) error: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) challenge: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Option<String>,
}

impl Seen {
    /// All that a browser says where CORS keeps an answer from the page.
    pub(crate) fn nothing() -> Self {
        Self { error: Some("TypeError".to_owned()), ..Self::default() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status: Some(status), body: Some(String::new()), ..Self::default() }
    }

    pub(crate) fn challenged(status: u16, challenge: &str) -> Self {
        Self { challenge: Some(challenge.to_owned()), ..Self::status(status) }
    }

    pub(crate) fn body(body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..Self::status(200) }
    }
}

/// An origin of its own, until it is dropped: every port is one.
pub(crate) struct Served {
    pub(crate) origin: String,
    task: AbortHandle,
}

impl Served {
    pub(crate) async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Self { origin, task }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The single-page client, on its own origin.
pub(crate) struct Page {
    pub(crate) origin: String,
    _served: Served,
    calls: Arc<Mutex<Vec<Address>>>,
    seen: tokio::sync::Mutex<mpsc::UnboundedReceiver<Vec<Seen>>>,
}

impl Page {
    pub(crate) async fn serve() -> Self {
        let calls = Arc::new(Mutex::new(Vec::<Address>::new()));
        let (report, seen) = mpsc::unbounded_channel();
        let told = Arc::clone(&calls);
        let app = Router::new()
            .route("/", get(async || Html(file("index.html"))))
            .route("/{script}", get(script))
            .route(
                "/calls",
                get(async move || Json(told.lock().unwrap_or_else(PoisonError::into_inner).clone())),
            )
            .route(
                "/seen",
                post(async move |body: String| {
                    let seen = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
                    report.send(seen).expect("a test that waits");
                }),
            );
        let served = Served::start(app).await;
        Self { origin: served.origin.clone(), _served: served, calls, seen: tokio::sync::Mutex::new(seen) }
    }

    /// Opens the page in a browser of its own, and gives back what it reports.
    pub(crate) async fn visit(&self, calls: Vec<Address>) -> Vec<Seen> {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) = calls;
        let mut browser = Browser::open(&format!("{}/", self.origin));
        let mut reports = self.seen.lock().await;
        let seen = tokio::select! {
            seen = reports.recv() => Ok(seen.expect("a page that is served")),
            ended = browser.child.wait() => Err(format!("chromium ended: {ended:?}")),
            () = sleep(PATIENCE) => Err(format!("the page has not reported in {PATIENCE:?}")),
        };
        let said = browser.close().await;
        seen.unwrap_or_else(|fault| panic!("{fault}; chromium said: {said}"))
    }
}

async fn script(Path(name): Path<String>) -> impl IntoResponse {
    match name.as_str() {
        "client.js" | "check.js" => ([(CONTENT_TYPE, "text/javascript")], file(&name)).into_response(),
        // The icon that every browser asks for.
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(name: &str) -> String {
    let path = format!("{SPA}/{name}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A headless browser that knows nothing, and ends with this value.
struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    fn open(address: &str) -> Self {
        static PROFILES: AtomicUsize = AtomicUsize::new(0);
        let number = PROFILES.fetch_add(1, Ordering::Relaxed);
        let profile =
            std::env::temp_dir().join(format!("tower-bearer-browser-{}-{number}", std::process::id()));
        fs::create_dir(&profile).expect("a new folder");
        let log = fs::File::create(profile.join("stderr")).expect("a log");
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let child = Command::new(&program)
            // Containers give no sandbox, root gets none, and the only page is ours.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
            ])
            // Nothing but the page's own requests; and a port, so that it stays after the page has loaded.
            .args(["--no-proxy-server", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; tests/browser/run installs it"));
        Self { child, profile }
    }

    /// What it said on its standard error.
    async fn close(mut self) -> String {
        // Fails where it has ended already.
        let _ = self.child.kill().await;
        fs::read_to_string(self.profile.join("stderr")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers outlive it for a moment, in which they may write, and make the folder anew.
        for _ in 0..20 {
            let _ = fs::remove_dir_all(&self.profile);
            std::thread::sleep(Duration::from_millis(100));
            if !self.profile.exists() {
                return;
            }
        }
    }
}

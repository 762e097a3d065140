//! What our own verifier says when it meets an attack: the code path that the attack covers.

use super::{app, orders};
use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthError, Verifier,
    error::Reason,
    keys::Algorithm,
    testing::{
        TestIssuer,
        attacks::{Answer, Attempt, assert_resists, corpus},
    },
};

/// What was met, by attack: reasons, what the router says, and the state of the keys where a good token has to pass.
pub(crate) type Met = BTreeMap<&'static str, BTreeSet<String>>;

pub(crate) async fn met() -> (Met, BTreeSet<Given>) {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::ES256);
    let verifier = issuer.verifier().build().unwrap();
    let seen: Arc<Mutex<(Met, BTreeSet<Given>)>> = Arc::default();
    let (into, asked, app) = (Arc::clone(&seen), verifier.clone(), app(verifier));
    let recording = tower::service_fn(move |request: Request<Body>| {
        let attack = request.extensions().get::<Attempt>().map_or("none", |attempt| attempt.attack());
        let (app, asked, into) = (app.clone(), asked.clone(), Arc::clone(&into));
        async move {
            let response = app.oneshot(request).await?;
            let mut seen = into.lock().unwrap();
            if let Some(error) = response.extensions().get::<AuthError>() {
                seen.1.insert(Given(error.reason()));
            }
            let said = said(attack, &response, &asked);
            seen.0.entry(attack).or_default().extend(said);
            Ok::<Response<Body>, Infallible>(response)
        }
    });
    assert_resists(&issuer, recording, orders).token(|token| token.scope("orders:read")).await;
    let seen = seen.lock().unwrap();
    (seen.0.clone(), seen.1.clone())
}

/// A reason, in order of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given(pub(crate) Reason);

impl PartialOrd for Given {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Given {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id().cmp(other.0.id())
    }
}

fn said(attack: &str, response: &Response<Body>, verifier: &Verifier) -> Option<String> {
    if let Some(error) = response.extensions().get::<AuthError>() {
        return Some(format!("`{}`", error.reason()));
    }
    let found = corpus().find(|known| known.name() == attack)?;
    match response.status() {
        StatusCode::OK if found.answer() == Answer::Undisturbed => {
            let status = verifier.status();
            let keys = &status.issuers[0];
            let last = if keys.last_error.is_some() { ", last fetch failed" } else { "" };
            Some(format!("keys {}{last}", keys.state))
        }
        StatusCode::OK => None,
        status => Some(format!("router: {}", status.as_u16())),
    }
}

/// The files of `src` in which that reason is given.
pub(crate) fn files(reason: Reason) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    search(&root, &root, &format!("{reason:?}"), &mut found);
    found.sort();
    found
}

/// Those that know a reason and give none: they list them, answer them or show them.
const ELSEWHERE: [&str; 7] =
    ["error", "challenge", "testing", "observe", "explain", "openapi", "verify/step.rs"];

fn search(root: &Path, folder: &Path, variant: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        if ELSEWHERE.iter().any(|elsewhere| name.starts_with(elsewhere)) {
            continue;
        }
        if path.is_dir() {
            search(root, &path, variant, found);
        } else if name.ends_with(".rs") && gives(&fs::read_to_string(&path).unwrap(), variant) {
            found.push(name);
        }
    }
}

/// Whether its code, and not its docs or tests, has the word.
fn gives(text: &str, variant: &str) -> bool {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let is_word = |line: &str| {
        // The one reason with a constructor of its own, since it says when to ask again.
        (variant == "KeysUnavailable" && line.contains("AuthError::unavailable("))
            || line.match_indices(variant).any(|(at, _)| {
                let next = line[at + variant.len()..].chars().next();
                line[..at].ends_with("Reason::") && !next.is_some_and(|c| c.is_ascii_alphanumeric())
            })
    };
    code.lines().filter(|line| !line.trim_start().starts_with("//")).any(is_word)
}

//! Step-up (RFC 9470) with people who log in at a real authorization server, node's `oidc-provider`.
//!
//! A client takes the challenge of a refused request back to the authorization endpoint, its user logs in as it asks, and
//! the token of that login passes. Code, PKCE, cookies, redirects and the form go over HTTP, as a browser would send them.
//!
//! `tests/interop/run servers` installs what is needed and runs it.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use axum::{Router, body::Body};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE},
};
use reqwest::{RequestBuilder, Response, Url, redirect::Policy as Redirects};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};
use tower::ServiceExt as _;
use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    guard::{GuardedRouter, guarded},
    policy::{acr, max_age, scope},
    testing::TestClock,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
/// RFC 7636 appendix B: a verifier and its challenge, so that this needs no hash of its own.
const PKCE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const PKCE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STEP_UP: &str = r#"Bearer error="insufficient_user_authentication", error_description="the request needs a stronger or a more recent login", acr_values="urn:acr:2fa", max_age="300""#;
const HOUR: u64 = 3600;

#[tokio::test]
#[ignore = "needs node; run tests/interop/run servers"]
async fn a_plain_login_is_refused_and_the_one_that_the_challenge_asks_for_passes() {
    let provider = Provider::start().await;
    let (api, mut alice) = (Api::of(&provider.facts), User::new(&provider.facts));
    let plain = alice.authorize("read", &[], &[Form::password(&provider.facts)]).await;
    let refused = api.ask(&plain).await;
    assert_eq!(refused, Answer::refused(&format!(r#"{STEP_UP}, scope="transfer""#)));

    // One who reads no more of it than the scope gets a token by the session that is there, and it is no stronger.
    let [scope, asked @ ..] = &refused.parameters(&["scope", "acr_values", "max_age"])[..] else {
        panic!("{refused:?}")
    };
    let renewed = alice.authorize(scope.1, &[], &[]).await;
    assert_eq!(api.ask(&renewed).await, Answer::refused(STEP_UP));

    // With the rest of it the session does not do. Without the right code, nor does the form.
    let forms =
        [Form::password(&provider.facts), Form::wrong_code(&provider.facts), Form::both(&provider.facts)];
    let stronger = alice.authorize(scope.1, asked, &forms).await;
    assert_eq!(api.ask(&stronger).await, Answer::passed());

    // What has passed once does so until the login is too old, though the token lasts for an hour.
    api.clock.advance(Duration::from_secs(300));
    assert_eq!(api.ask(&stronger).await, Answer::passed(), "within the leeway of 60 s");
    api.clock.advance(Duration::from_secs(61));
    assert_eq!(api.ask(&stronger).await, Answer::refused(STEP_UP));
    provider.stop().await;
}

#[tokio::test]
#[ignore = "needs node; run tests/interop/run servers"]
async fn a_login_of_an_hour_ago_is_refused_however_new_its_token_and_max_age_brings_the_form_back() {
    let provider = Provider::start().await;
    let (api, mut alice) = (Api::of(&provider.facts), User::new(&provider.facts));
    let strong = [("acr_values", "urn:acr:2fa")];
    let old =
        alice.authorize("transfer", &strong, &[Form { ago: HOUR, ..Form::both(&provider.facts) }]).await;
    let refused = api.ask(&old).await;
    assert_eq!(refused, Answer::refused(STEP_UP));

    // A new token of the old login (RFC 9470 section 6.1).
    let renewed = alice.authorize("transfer", &strong, &[]).await;
    assert_ne!(renewed, old);
    assert_eq!(api.ask(&renewed).await, Answer::refused(STEP_UP));

    let asked = refused.parameters(&["acr_values", "max_age"]);
    let recent = alice.authorize("transfer", &asked, &[Form::both(&provider.facts)]).await;
    assert_eq!(api.ask(&recent).await, Answer::passed());
    provider.stop().await;
}

/// The resource server.
struct Api {
    router: Router,
    clock: TestClock,
}

impl Api {
    fn of(facts: &Facts) -> Self {
        let clock = TestClock::live();
        let verifier = Verifier::builder()
            .issuer(Issuer::discover(&facts.issuer).expect("an issuer"))
            .audience(&facts.audience)
            .clock(clock.clone())
            .build()
            .expect("a whole set-up");
        let policy = scope("transfer") & acr("urn:acr:2fa") & max_age(Duration::from_secs(300));
        let routes = GuardedRouter::new().route("/transfer", guarded::get(policy, async || "transferred"));
        Self { router: routes.into_router(AuthenticateLayer::new(verifier)), clock }
    }

    async fn ask(&self, token: &str) -> Answer {
        let request = Request::get("/transfer").header(AUTHORIZATION, format!("Bearer {token}"));
        let Ok(response) = self.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| value.to_str().expect("a text").to_owned());
        Answer { status: response.status(), challenge }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    challenge: Option<String>,
}

impl Answer {
    fn passed() -> Self {
        Self { status: StatusCode::OK, challenge: None }
    }

    fn refused(challenge: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, challenge: Some(challenge.to_owned()) }
    }

    /// What a client takes from the challenge to the authorization endpoint. No value here has a quote in it.
    fn parameters<'a>(&'a self, names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
        let challenge = self.challenge.as_deref().expect("a challenge");
        let value = |name: &str| between(challenge, &format!(r#"{name}=""#), r#"""#);
        names.iter().filter_map(|name| Some((*name, value(name)?))).collect()
    }
}

/// What a user fills in.
#[derive(Clone)]
struct Form {
    password: String,
    code: Option<String>,
    ago: u64,
}

impl Form {
    fn password(facts: &Facts) -> Self {
        Self { password: facts.password.clone(), code: None, ago: 0 }
    }

    fn wrong_code(facts: &Facts) -> Self {
        Self { code: Some("000000".to_owned()), ..Self::password(facts) }
    }

    fn both(facts: &Facts) -> Self {
        Self { code: Some(facts.code.clone()), ..Self::password(facts) }
    }

    fn body(&self) -> String {
        let mut fields =
            form([("login", "alice"), ("password", &self.password), ("ago", &self.ago.to_string())]);
        if let Some(code) = &self.code {
            fields.push_str(&format!("&code={code}"));
        }
        fields
    }
}

/// A client and the user before it, whose browser keeps cookies and goes where it is sent.
struct User<'a> {
    facts: &'a Facts,
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl<'a> User<'a> {
    fn new(facts: &'a Facts) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Redirects::none());
        Self { facts, http: http.build().expect("an HTTP client"), cookies: BTreeMap::new() }
    }

    /// An access token by authorization code and PKCE. The provider must ask for exactly these forms, each but the last
    /// of which it turns down; for none where the session does. It refuses `acr_values` and `max_age` without the
    /// scope `openid`, which no API names in its challenge: a client adds it.
    async fn authorize(&mut self, scope: &str, parameters: &[(&str, &str)], forms: &[Form]) -> String {
        let mut url = self.endpoint("auth");
        url.query_pairs_mut()
            .extend_pairs([("response_type", "code"), ("state", "af0ifjsldkj")])
            .extend_pairs([("client_id", &self.facts.client_id), ("redirect_uri", &self.facts.redirect_uri)])
            .extend_pairs([("code_challenge", PKCE_CHALLENGE), ("code_challenge_method", "S256")])
            .extend_pairs(parameters)
            .append_pair("scope", &format!("openid {scope}"));
        let mut response = self.send(self.http.get(url)).await;
        let mut forms = forms.iter();
        // As many steps as a login with three forms takes, twice over.
        for _ in 0..20 {
            if let Some(next) = location(&response) {
                if next.as_str().starts_with(&self.facts.redirect_uri) {
                    assert!(forms.len() == 0, "{} forms were not asked for", forms.len());
                    return self.redeem(&next).await;
                }
                response = self.send(self.http.get(next)).await;
                continue;
            }
            let (url, page) = (response.url().clone(), response.text().await.expect("a whole page"));
            let form = forms.next().unwrap_or_else(|| panic!("the provider asks once more: {page}"));
            let action = between(&page, r#"action=""#, r#"""#).unwrap_or_else(|| panic!("no form: {page}"));
            let action = url.join(action).expect("an address");
            response = self.send(urlencoded(self.http.post(action), form.body())).await;
        }
        panic!("the provider sends us in a circle")
    }

    async fn redeem(&self, callback: &Url) -> String {
        #[derive(serde::Deserialize)]
        struct Granted {
            access_token: String,
        }
        let query: BTreeMap<_, _> = callback.query_pairs().collect();
        assert_eq!(query.get("state").map(AsRef::as_ref), Some("af0ifjsldkj"), "{callback}");
        let code = query.get("code").unwrap_or_else(|| panic!("no code: {callback}"));
        let body = form([
            ("grant_type", "authorization_code"),
            ("client_id", &self.facts.client_id),
            ("redirect_uri", &self.facts.redirect_uri),
            ("code_verifier", PKCE_VERIFIER),
            ("code", code),
        ]);
        let request = urlencoded(self.http.post(self.endpoint("token")), body);
        let answer = request.send().await.expect("an answer").text().await.expect("a whole answer");
        let granted = serde_json::from_str::<Granted>(&answer);
        granted.unwrap_or_else(|error| panic!("{error}: {answer}")).access_token
    }

    /// Cookies of one host; that they have paths is of no matter here.
    async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await.expect("an answer");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a text").split(';').next().unwrap_or_default();
            match cookie.split_once('=').expect("a cookie") {
                (name, "") => drop(self.cookies.remove(name)),
                (name, value) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        response
    }

    fn endpoint(&self, name: &str) -> Url {
        Url::parse(&format!("{}/{name}", self.facts.issuer)).expect("an address")
    }
}

fn location(response: &Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().expect("a text");
    Some(response.url().join(location).expect("an address"))
}

fn urlencoded(request: RequestBuilder, body: String) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

fn form<const N: usize>(fields: [(&str, &str); N]) -> String {
    let mut url = Url::parse("form:").expect("an address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// `tests/interop/login.mjs`, which ends when its standard input does: with this value, or with the test's process.
struct Provider {
    facts: Facts,
    child: Child,
    stdin: ChildStdin,
}

/// The line by which it says that it is ready.
#[derive(serde::Deserialize)]
struct Facts {
    issuer: String,
    audience: String,
    client_id: String,
    redirect_uri: String,
    password: String,
    code: String,
}

impl Provider {
    async fn start() -> Self {
        let node = format!("{FOLDER}/node_modules/.bin/node");
        let mut child = Command::new(&node)
            .arg(format!("{FOLDER}/login.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{node}: {error}; tests/interop/run installs it"));
        let stdin = child.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(Duration::from_secs(60), stdout.next_line()).await;
        let line = line.expect("a server within a minute").expect("a pipe");
        let line = line.expect("a server that does not end before it is ready");
        let facts = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { facts, child, stdin }
    }

    async fn stop(mut self) {
        drop(self.stdin);
        let ended = timeout(Duration::from_secs(30), self.child.wait()).await;
        assert!(
            ended.is_ok_and(|status| status.is_ok_and(|status| status.success())),
            "the server ends with its input"
        );
    }
}

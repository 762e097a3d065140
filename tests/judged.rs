//! `jose` (JavaScript) and this crate judge the same thousand tokens.
//!
//! `interop/judge.mjs` mints them, sound ones and ones with a defect, and notes what `jose` says. `interop/verdicts.tsv`
//! is the table of verdicts: a line for each kind of token, with both verdicts and, where they differ, the reason why.
//! What the table does not say fails the test, be it a new kind, a changed verdict, or a difference that is gone.
//!
//! `tests/interop/run judge` installs what is needed and runs it; with `VERDICTS=write` the table is written anew, and
//! a difference that has no reason yet is left with a question mark.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_bearer::{AuthError, AuthenticateLayer, Claims, Issuer, Verifier, clock::Clock, keys::KeySet};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
const HEAD: &str = "token\tcases\tjose\ttower-bearer\twhy they differ";
const ACCEPTS: &str = "accepts";
const UNEXPLAINED: &str = "?";

#[tokio::test]
#[ignore = "needs node; run tests/interop/run judge"]
async fn jose_and_we_judge_alike_but_for_the_differences_in_the_table() {
    let exam = Exam::sit();
    let found = exam.judge().await;

    let defects = found.values().filter(|row| row.ours != ACCEPTS).count();
    let differences = found.values().filter(|row| row.differs()).count();
    println!(
        "{} tokens of {} kinds, {defects} of them with a defect; jose and we differ about {differences}",
        exam.cases.len(),
        found.len(),
    );
    assert!(exam.cases.len() >= 300, "too few tokens: {}", exam.cases.len());
    assert!(defects >= 30, "too few defects: {defects}");

    let expected = Table::read();
    if std::env::var_os("VERDICTS").is_some_and(|value| value == "write") {
        return Table { rows: expected.explaining(found) }.write(&exam);
    }
    let complaints = expected.compare(&found);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// What `judge.mjs` writes.
#[derive(serde::Deserialize)]
struct Exam {
    issuer: String,
    audience: String,
    now: u64,
    sets: BTreeMap<String, serde_json::Value>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    /// The kind: all cases of a kind get one verdict.
    defect: String,
    set: String,
    token: String,
    jose: Jose,
}

#[derive(serde::Deserialize)]
struct Jose {
    ok: bool,
    code: String,
}

/// What became of the cases of one kind: their names by what was said of them.
#[derive(Debug, Default)]
struct Kind<'a> {
    cases: usize,
    jose: BTreeMap<&'a str, Vec<&'a str>>,
    ours: BTreeMap<String, Vec<&'a str>>,
}

impl Kind<'_> {
    /// Some pass and some do not. Those that do not may be refused by several rules.
    fn is_split(&self) -> bool {
        let split = |accepts: bool, verdicts: usize| accepts && verdicts > 1;
        split(self.jose.contains_key(ACCEPTS), self.jose.len())
            || split(self.ours.contains_key(ACCEPTS), self.ours.len())
    }

    fn row(&self) -> Row {
        let jose: Vec<_> = self.jose.keys().copied().collect();
        let ours: Vec<_> = self.ours.keys().map(String::as_str).collect();
        Row { cases: self.cases, jose: jose.join(", "), ours: ours.join(", "), why: String::new() }
    }
}

/// A line of the table.
#[derive(Debug)]
struct Row {
    cases: usize,
    jose: String,
    ours: String,
    why: String,
}

impl Row {
    fn differs(&self) -> bool {
        (self.jose == ACCEPTS) != (self.ours == ACCEPTS)
    }
}

impl Exam {
    fn sit() -> Self {
        let node = format!("{FOLDER}/node_modules/.bin/node");
        let output = Command::new(&node)
            .arg(format!("{FOLDER}/judge.mjs"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("{node}: {error}; tests/interop/run installs it"));
        assert!(output.status.success(), "judge.mjs failed");
        serde_json::from_slice(&output.stdout).expect("judge.mjs writes one JSON document")
    }

    async fn judge(&self) -> BTreeMap<String, Row> {
        let mut apis = BTreeMap::new();
        for (name, set) in &self.sets {
            apis.insert(name, self.api(set));
        }
        let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
        for case in &self.cases {
            let ours = verdict(&apis[&case.set], &case.token).await;
            // Whatever is remembered of a token must not change what is said of it.
            assert_eq!(verdict(&apis[&case.set], &case.token).await, ours, "{}, seen again", case.name);
            assert_eq!(case.jose.ok, case.jose.code == ACCEPTS, "{}", case.name);

            let kind = kinds.entry(&case.defect).or_default();
            kind.cases += 1;
            kind.jose.entry(&case.jose.code).or_default().push(&case.name);
            kind.ours.entry(ours).or_default().push(&case.name);
        }
        let split: Vec<_> = kinds.values().filter(|kind| kind.is_split()).collect();
        assert!(split.is_empty(), "a kind gets one verdict, and these get two: {split:#?}");
        kinds.into_iter().map(|(name, kind)| (name.to_owned(), kind.row())).collect()
    }

    fn api(&self, set: &serde_json::Value) -> AuthenticateLayer {
        let keys = KeySet::from_json(set.to_string()).expect("a JWK set that can be read");
        let verifier = Verifier::builder()
            .issuer(Issuer::keys(&self.issuer, keys).expect("an issuer with keys"))
            .audience(&self.audience)
            .clock(Stopped(Duration::from_secs(self.now)))
            .build();
        AuthenticateLayer::new(verifier.expect("a whole set-up"))
    }
}

/// What a request with this token is told: that it may pass, or the rule that refuses it.
async fn verdict(api: &AuthenticateLayer, token: &str) -> String {
    let handler = service_fn(async |request: Request<()>| {
        assert!(request.extensions().get::<Claims>().is_some(), "passed without claims");
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(());
    let request = request.expect("every token here fits into a header");
    let Ok(response) = api.layer(handler).oneshot(request).await;
    match (response.status(), response.extensions().get::<AuthError>()) {
        (StatusCode::OK, None) => ACCEPTS.to_owned(),
        // A bad token is the client's fault, and never an outage of ours.
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, Some(error)) => error.reason().id().to_owned(),
        (status, error) => panic!("answered with {status}: {error:?}"),
    }
}

/// The moment for which the tokens are made.
#[derive(Debug)]
struct Stopped(Duration);

impl Clock for Stopped {
    fn wall(&self) -> Duration {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// `verdicts.tsv`.
struct Table {
    rows: BTreeMap<String, Row>,
}

impl Table {
    fn path() -> String {
        format!("{FOLDER}/verdicts.tsv")
    }

    fn read() -> Self {
        let text = fs::read_to_string(Self::path()).unwrap_or_else(|_| HEAD.to_owned());
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(HEAD), "the columns of verdicts.tsv");
        let rows = lines.map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let [token, cases, jose, ours, why] = columns[..] else { panic!("not five columns: {line}") };
            let cases = cases.parse().unwrap_or_else(|_| panic!("no number of cases: {line}"));
            (token.to_owned(), Row { cases, jose: jose.into(), ours: ours.into(), why: why.into() })
        });
        let rows: Vec<_> = rows.collect();
        let names: BTreeSet<_> = rows.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), rows.len(), "verdicts.tsv has a line twice");
        Self { rows: rows.into_iter().collect() }
    }

    fn compare(&self, found: &BTreeMap<String, Row>) -> Vec<String> {
        let mut complaints = Vec::new();
        for name in self.rows.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            match (self.rows.get(name), found.get(name)) {
                (Some(listed), Some(seen)) => {
                    let same =
                        (listed.cases, &listed.jose, &listed.ours) == (seen.cases, &seen.jose, &seen.ours);
                    if !same {
                        complaints.push(format!("{name}: the table says {listed:?}, and now {seen:?}"));
                    } else if listed.differs() && (listed.why.is_empty() || listed.why == UNEXPLAINED) {
                        complaints.push(format!("{name}: a difference without a reason"));
                    } else if !listed.differs() && !listed.why.is_empty() {
                        complaints.push(format!("{name}: a reason without a difference"));
                    }
                }
                (None, Some(seen)) => complaints.push(format!("{name}: not in the table: {seen:?}")),
                (_, None) => complaints.push(format!("{name}: in the table, and no such token")),
            }
        }
        complaints
    }

    /// The new verdicts with the old reasons.
    fn explaining(mut self, found: BTreeMap<String, Row>) -> BTreeMap<String, Row> {
        let explain = |(name, mut row): (String, Row)| {
            let old = self.rows.remove(&name).map(|old| old.why).filter(|why| !why.is_empty());
            row.why = if row.differs() { old.unwrap_or_else(|| UNEXPLAINED.into()) } else { String::new() };
            (name, row)
        };
        found.into_iter().map(explain).collect()
    }

    /// In the order in which the tokens are made.
    fn write(&self, exam: &Exam) {
        let mut text = format!("{HEAD}\n");
        let mut names: Vec<_> = exam.cases.iter().map(|case| &case.defect).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        for name in names {
            let Row { cases, jose, ours, why } = &self.rows[name];
            text += &format!("{name}\t{cases}\t{jose}\t{ours}\t{why}\n");
        }
        fs::write(Self::path(), text).expect("verdicts.tsv can be written");
    }
}

use super::{answers::Answers, gate::Guard};
use crate::policy::{Policy, Standing};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;

/// Who may call what: every method of every route with its policy, by path, then by method.
///
/// The order depends on nothing but the routes, so each of its forms can be compared with one that was written down:
/// `Display` (columns), [`to_markdown`](RouteTable::to_markdown), [`to_json`](RouteTable::to_json) and serde.
///
/// ```
/// use tower_bearer::{guard::{GuardedRouter, guarded}, policy::{public, scope}};
///
/// # async fn health() {}
/// # async fn list() {}
/// # let app: GuardedRouter =
/// GuardedRouter::new()
///     .route("/health", guarded::get(public("probes ask it"), health))
///     .nest("/orders", GuardedRouter::new().route("/", guarded::get(scope("orders:read"), list)))
/// # ;
/// # assert_eq!(app.table().to_string(), "\
/// # method  path     policy              reason
/// # GET     /health  public              probes ask it
/// # GET     /orders  scope(orders:read)
/// # ");
/// ```
///
/// ```text
/// method  path     policy              reason
/// GET     /health  public              probes ask it
/// GET     /orders  scope(orders:read)
/// ```
#[derive(Clone, Debug)]
pub struct RouteTable {
    rows: Vec<Row>,
    /// See [`RouteTable::check`].
    forgotten: Vec<String>,
}

/// One line of the [`RouteTable`]: a method of a path, and what stands before its handler.
#[derive(Clone, Debug)]
pub struct Row {
    path: String,
    answers: Answers,
    guard: Guard,
}

/// What a policy as a whole makes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// The policy is exactly [`public`](crate::policy::public): nothing looks at the request's credentials.
    Public,
    /// The policy is exactly [`optional`](crate::policy::optional): a bad token is refused, none is not.
    Optional,
    /// Any other policy: it is asked of every request.
    Guarded,
}

impl RouteTable {
    pub(super) fn new(rows: Vec<Row>, forgotten: Vec<String>) -> Self {
        Self { rows, forgotten }
    }

    pub(super) fn forgotten(&self) -> &[String] {
        &self.forgotten
    }

    /// The rows, by path, then by method.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The policy of each row, for [`ProtectedResource::policies`](crate::metadata::ProtectedResource::policies) and the
    /// like.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.rows.iter().map(Row::policy)
    }

    /// As a table in Markdown (GitHub's dialect).
    pub fn to_markdown(&self) -> String {
        let mut text = String::from("| method | path | policy | reason |\n| --- | --- | --- | --- |\n");
        for row in &self.rows {
            let [method, path, policy, reason] = row.cells();
            let (path, policy, reason) = (code(&path), code(&policy), prose(&reason));
            text.push_str(&format!("| {method} | {path} | {policy} | {reason} |\n"));
        }
        text
    }

    /// As an array of objects with the members `access` (`public`, `optional`, `guarded`), `method`, `path`, `policy`
    /// (its text form) and `reason` (a string or `null`).
    pub fn to_json(&self) -> Value {
        self.rows
            .iter()
            .map(|row| {
                json!({
                    "access": row.access().name(),
                    "method": row.method(),
                    "path": row.path(),
                    "policy": row.policy().to_string(),
                    "reason": row.reason(),
                })
            })
            .collect()
    }
}

impl Row {
    pub(super) fn new(path: String, answers: Answers, guard: Guard) -> Self {
        Self { path, answers, guard }
    }

    /// The whole path as axum's `MatchedPath` has it. One that ends in `/*` stands for everything below: the row of a
    /// fallback or of a nested service, which answers at the prefix itself as well.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The method's name; or `ANY` (every method without a row of its own), `FALLBACK` (every path that no route has)
    /// or `405` (every method that no route has). `GET` answers `HEAD`, too, where that has no row.
    pub fn method(&self) -> &'static str {
        self.answers.name()
    }

    /// The policy that stands before the handler.
    pub fn policy(&self) -> &Policy {
        self.guard.policy()
    }

    /// What the policy makes of the route.
    pub fn access(&self) -> Access {
        match self.policy().standing() {
            Standing::Public(_) => Access::Public,
            Standing::Optional(_) => Access::Optional,
            Standing::Nobody | Standing::Rule => Access::Guarded,
        }
    }

    /// Why a public or optional route is that.
    pub fn reason(&self) -> Option<&str> {
        match self.policy().standing() {
            Standing::Public(reason) | Standing::Optional(reason) => Some(reason),
            Standing::Nobody | Standing::Rule => None,
        }
    }

    pub(super) fn answers(&self) -> Answers {
        self.answers
    }

    /// As one reads them: the reason is in its own column, and not in the policy's as well.
    fn cells(&self) -> [String; 4] {
        let policy = match self.access() {
            Access::Guarded => self.policy().to_string(),
            open => open.name().to_owned(),
        };
        let reason = self.reason().unwrap_or_default().replace(char::is_control, " ");
        [self.method().to_owned(), self.path.clone(), policy, reason]
    }
}

impl Access {
    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Optional => "optional",
            Self::Guarded => "guarded",
        }
    }
}

/// Columns, the heads of them first, each line ended.
impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["method", "path", "policy", "reason"].map(str::to_owned);
        let lines: Vec<_> = std::iter::once(heads).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |of: fn(&[String; 4]) -> &String| lines.iter().map(|line| of(line).chars().count()).max();
        let methods = width(|[method, ..]| method).unwrap_or(0);
        let paths = width(|[_, path, ..]| path).unwrap_or(0);
        let policies = width(|[_, _, policy, _]| policy).unwrap_or(0);
        for [method, path, policy, reason] in &lines {
            let line = format!("{method:methods$}  {path:paths$}  {policy:policies$}  {reason}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Serialize for RouteTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// A code span that a `|` does not end the cell of, and a backtick does not end.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if !text.contains('`') {
        return format!("`{text}`");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.saturating_add(1));
    format!("{fence} {text} {fence}")
}

/// Text that Markdown reads as nothing but text.
fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|&#~".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

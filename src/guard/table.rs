use super::{answers::Answers, gate::Shown};
use crate::policy::{Policy, Standing, Wanted};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt, iter};

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
    guard: Shown,
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

    /// The [rules](crate::policy::rule) that stand in the policies, by name, each with what it takes.
    pub fn rules(&self) -> BTreeMap<&str, &Policy> {
        self.rows.iter().flat_map(Row::rules).collect()
    }

    /// As a table in Markdown (GitHub's dialect). What the rules in it take stands below, as a list.
    pub fn to_markdown(&self) -> String {
        let columns = self.columns();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(columns.iter().map(|column| column.head().to_owned()).collect());
        text.push_str(&line(columns.iter().map(|_| "---".to_owned()).collect()));
        for row in &self.rows {
            let cells = columns.iter().map(|column| match (column, row.cell(*column)) {
                (Column::Method, cell) => cell,
                (Column::Reason, cell) => prose(&cell),
                (Column::Path | Column::Policy, cell) => code(&cell),
                (Column::Name | Column::ReportOnly, cell) if cell.is_empty() => cell,
                (Column::Name | Column::ReportOnly, cell) => code(&cell),
            });
            text.push_str(&line(cells.collect()));
        }
        for (at, (name, policy)) in self.rules().into_iter().enumerate() {
            text.push_str(if at == 0 { "\n" } else { "" });
            text.push_str(&format!("- {}: {}\n", code(&rule_text(name)), code(&policy.to_string())));
        }
        text
    }

    /// As an array of objects with the members `access` (`public`, `optional`, `guarded`), `method`, `name` (a string or
    /// `null`), `path`, `policy` (its text form), `reason` and `report_only` (each a string or `null`), and `rules`: what the
    /// rules in the two policies take, by name.
    pub fn to_json(&self) -> Value {
        self.rows
            .iter()
            .map(|row| {
                json!({
                    "access": row.access().name(),
                    "method": row.method(),
                    "name": row.name(),
                    "path": row.path(),
                    "policy": row.policy().to_string(),
                    "reason": row.reason(),
                    "report_only": row.report_only().map(ToString::to_string),
                    "rules": row.rules().map(|(name, rule)| (name.to_owned(), rule.to_string().into())).collect::<Map<_, _>>(),
                })
            })
            .collect()
    }

    /// Those that say something: most tables have neither names nor policies that report only.
    fn columns(&self) -> Vec<Column> {
        let mut columns = Column::ALL.to_vec();
        columns.retain(|column| match column {
            Column::Name => self.rows.iter().any(|row| row.name().is_some()),
            Column::ReportOnly => self.rows.iter().any(|row| row.report_only().is_some()),
            Column::Method | Column::Path | Column::Policy | Column::Reason => true,
        });
        columns
    }
}

impl Row {
    pub(super) fn new(path: String, answers: Answers, guard: Shown) -> Self {
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

    /// The policy that stands before the handler: of a named one, what was in force when the table was made. A name
    /// that still waits for its policy is a `deny` here.
    pub fn policy(&self) -> &Policy {
        &self.guard.in_force.policy
    }

    /// The name by which the route asks for its policy, see [`named`](super::named).
    pub fn name(&self) -> Option<&str> {
        self.guard.name.as_deref()
    }

    /// The policy that only [reports](crate::AuthorizeLayer::reporting).
    pub fn report_only(&self) -> Option<&Policy> {
        self.guard.in_force.report_only.as_ref()
    }

    /// The rules in its policies.
    fn rules(&self) -> impl Iterator<Item = (&str, &Policy)> {
        iter::once(self.policy()).chain(self.report_only()).flat_map(Policy::rules)
    }

    /// The name, if it has no policy yet.
    pub(super) fn waits_for(&self) -> Option<&str> {
        self.name().filter(|_| !self.guard.is_bound)
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

    /// The rules that the handler asks for.
    pub(super) fn wants(&self) -> &[Wanted] {
        &self.guard.wants
    }

    pub(super) fn answers(&self) -> Answers {
        self.answers
    }

    /// As one reads it: the reason is in its own column, and not in the policy's as well.
    fn cell(&self, column: Column) -> String {
        match column {
            Column::Method => self.method().to_owned(),
            Column::Path => self.path.clone(),
            Column::Policy => match self.access() {
                Access::Guarded => self.policy().to_string(),
                open => open.name().to_owned(),
            },
            Column::Name => self.name().unwrap_or_default().replace(char::is_control, " "),
            Column::ReportOnly => self.report_only().map(ToString::to_string).unwrap_or_default(),
            Column::Reason => self.reason().unwrap_or_default().replace(char::is_control, " "),
        }
    }
}

/// A column of the table for people.
#[derive(Clone, Copy)]
enum Column {
    Method,
    Path,
    Policy,
    Name,
    ReportOnly,
    Reason,
}

impl Column {
    const ALL: [Self; 6] =
        [Self::Method, Self::Path, Self::Policy, Self::Name, Self::ReportOnly, Self::Reason];

    fn head(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Policy => "policy",
            Self::Name => "name",
            Self::ReportOnly => "report only",
            Self::Reason => "reason",
        }
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

/// Columns, the heads of them first, each line ended; below them what the rules in it take.
impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let heads = columns.iter().map(|column| column.head().to_owned()).collect::<Vec<_>>();
        let cells = |row: &Row| columns.iter().map(|column| row.cell(*column)).collect();
        let lines: Vec<Vec<String>> = iter::once(heads).chain(self.rows.iter().map(cells)).collect();
        let width =
            |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns.len()).map(|at| width(at).unwrap_or(0)).collect();
        for line in &lines {
            let padded: Vec<_> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", padded.join("  ").trim_end())?;
        }
        for (at, (name, policy)) in self.rules().into_iter().enumerate() {
            let gap = if at == 0 { "\n" } else { "" };
            writeln!(f, "{gap}{} is {policy}", rule_text(name))?;
        }
        Ok(())
    }
}

impl Serialize for RouteTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// As it stands in a policy's text.
fn rule_text(name: &str) -> String {
    format!("rule({name})")
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

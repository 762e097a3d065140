use super::{Access, RouteTable, answers::Answers, table::Row};
use crate::error::{ConfigError, Fault};

impl RouteTable {
    /// Finds the rows that cannot be meant, all of them at once; for a test, or for the start of the program.
    ///
    /// 1. A `check(…)` without a function: a policy out of a file that was never bound. It is unknown to everybody.
    /// 2. A policy that nobody can meet, whatever the token says, and that is not exactly `deny`.
    /// 3. A policy that lets everybody through, and that is not exactly `public(…)` or `optional(…)`: a bad token is
    ///    still refused there.
    /// 4. `public`, `optional` or `deny` as a part of a larger policy: it says the same to everybody, so it can be left
    ///    out, or what stands beside it can.
    /// 5. A fallback for methods that are not allowed, where no path below leaves a method over.
    /// 6. A fallback that axum forgets, see [`GuardedRouter::nest`](super::GuardedRouter::nest).
    /// 7. A [`named`](super::named) policy that was not given: everybody is answered 500.
    /// 8. A policy that reports only with one of the faults above, that would refuse nobody, or that stands beside
    ///    `public`, where nobody looks at tokens.
    /// 9. A handler that asks for [`Allowed<R>`](super::Allowed) where the policy has no `rule::<R>()`: everybody whom the policy
    ///    lets pass is answered 500. And one that insists on it where callers pass by another way. Found by the names of the
    ///    handler's arguments, so not within an extractor of your own.
    ///
    /// Only what the terms' form decides is found: `scope(a) & !scope(a)` is not. The faults do not make a route less
    /// safe; serving it with them is allowed.
    ///
    /// # Errors
    ///
    /// One [`Fault`] for each, under the method and path of its row.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        for row in self.rows() {
            let mut fault = |sentence: String| faults.push(Fault::new(place(row), sentence));
            of_policy(row).into_iter().for_each(&mut fault);
            if row.answers() == Answers::NotAllowed && !self.leaves_a_method(row) {
                fault("no route below leaves a method over, so it is never asked".to_owned());
            }
        }
        faults.extend(self.forgotten().iter().map(|path| {
            let sentence =
                "axum forgets it: the router that nests it is nested, and has no fallback of its own";
            Fault::new(format!("{} {path}", Answers::Fallback.name()), sentence)
        }));
        ConfigError::check(faults)
    }

    /// Whether a path under that row's has methods, but not every one.
    fn leaves_a_method(&self, row: &Row) -> bool {
        let prefix = row.path().trim_end_matches("/*");
        let is_below = |path: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let has_any =
            |path: &str| self.rows().iter().any(|row| row.path() == path && row.answers() == Answers::Any);
        let below = self.rows().iter().filter(|row| row.answers().is_method() && is_below(row.path()));
        below.map(Row::path).any(|path| !has_any(path))
    }
}

fn place(row: &Row) -> String {
    format!("{} {}", row.method(), row.path())
}

fn of_policy(row: &Row) -> Vec<String> {
    if let Some(name) = row.waits_for() {
        return vec![format!(
            "no policies were given that have {name:?}: see `GuardedRouter::with_policies`"
        )];
    }
    let mut faults = row.policy().nonsense();
    faults.extend(row.wants().iter().filter_map(|wanted| row.policy().unmet(wanted)));
    if let Some(tighter) = row.report_only() {
        faults.extend(tighter.nonsense().into_iter().map(|sentence| format!("report only: {sentence}")));
        if row.access() == Access::Public {
            faults
                .push("report only: nobody looks at the tokens of a public route: say `optional`".to_owned());
        } else if tighter.is_always_met() {
            faults.push(format!("report only: `{tighter}` has nothing to report"));
        }
    }
    faults
}

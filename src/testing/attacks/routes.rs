use super::{
    Attempt,
    stage::{App, Target, bear},
};
use crate::{
    guard::{Access, RouteTable, Row},
    policy::{Grant, Policy, Truth},
    testing::{TestCaller, TestIssuer, TestToken, caller},
};
use http::{Method, Request, Response, StatusCode, Uri, request::Parts};
use std::{fmt, future::Future, future::IntoFuture, pin::Pin, sync::Arc};
use tower_service::Service;

/// A trial of every route in the making, by [`assert_guarded`]. Awaiting it panics with what was let in.
#[must_use = "nothing is tried before it is awaited"]
pub struct Guarded<'a> {
    issuer: TestIssuer,
    table: RouteTable,
    target: Box<dyn Target + 'a>,
    adjust: Arc<dyn Fn(TestToken) -> TestToken>,
    allowed_skips: usize,
}

/// What came of it. Each line begins with the method and the path of the route.
#[derive(Debug, Clone, Default)]
#[must_use = "read it, or call `assert_guarded(…).await`, which does"]
pub struct RouteReport {
    tried: usize,
    faults: Vec<String>,
    skipped: Vec<String>,
}

/// Tries every route of a [`GuardedRouter`](crate::guard::GuardedRouter), by its table: without a token, with an expired
/// one, and with one that has all that the route's policy asks for but one term.
///
/// `app` is the router that came of it, `request` makes an empty request; method and path are set here, and each `{name}` of
/// a path is 1. Roles and the like are written where the standard mapping reads them.
///
/// Skipped, and named: a policy with a term that no token can be made for (a `check`, a `!`, a nested claim), and the rows that are no
/// route (`FALLBACK`, `405`, services below a prefix). Public routes are left alone, and an optional one only has to
/// refuse the expired token.
///
/// # Panics
///
/// When awaited: if one of these requests is answered with anything but 401 or 403, if a token with all that the policy asks
/// for is, or if more was skipped than [`allow_skips`](Guarded::allow_skips) says.
pub fn assert_guarded<'a, S, F, B, R>(
    issuer: &TestIssuer,
    table: &RouteTable,
    app: S,
    request: F,
) -> Guarded<'a>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + 'a,
    F: Fn() -> Request<B> + 'a,
    B: 'static,
    R: 'a,
{
    Guarded {
        issuer: issuer.clone(),
        table: table.clone(),
        target: Box::new(App { service: app, request }),
        adjust: Arc::new(|token| token),
        allowed_skips: 0,
    }
}

impl<'a> Guarded<'a> {
    /// What every good token needs beside its rights: another audience, a vendor's claims. Default: nothing.
    pub fn token(mut self, adjust: impl Fn(TestToken) -> TestToken + 'static) -> Self {
        self.adjust = Arc::new(adjust);
        self
    }

    /// How many routes and terms may be skipped. Default: none.
    pub fn allow_skips(mut self, most: usize) -> Self {
        self.allowed_skips = most;
        self
    }

    /// Tries them all and says what came of it; panics at nothing.
    pub async fn report(self) -> RouteReport {
        let mut report = RouteReport::default();
        for row in self.table.rows() {
            self.try_row(row, &mut report).await;
        }
        report
    }

    async fn try_row(&self, row: &Row, report: &mut RouteReport) {
        let place = format!("{} {}", row.method(), row.path());
        let Some((method, uri)) = address(row) else {
            return report.skipped.push(format!("{place}: it is no route of its own"));
        };
        if row.access() == Access::Public {
            return;
        }
        let ask = async |token: Option<String>| {
            let change = |parts: &mut Parts| {
                parts.method.clone_from(&method);
                parts.uri.clone_from(&uri);
                parts.extensions.insert(Attempt { attack: "route" });
                token.iter().for_each(|token| bear(parts, token));
            };
            self.target.send(&change).await.status
        };
        let mut refused = |what: String, status: StatusCode| {
            report.tried += 1;
            if ![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
                report.faults.push(format!("{place}: {what} is answered {}", status.as_u16()));
            }
        };
        refused("an expired token".into(), ask(Some(self.token_with(&[]).expired().sign())).await);
        if row.access() == Access::Optional || row.policy().evaluate(None) == Truth::Yes {
            return;
        }
        refused("no token".into(), ask(None).await);
        let way = row.policy().lacking(None);
        let grants: Option<Vec<Grant<'_>>> = way.iter().map(Policy::grant).collect();
        let Some(grants) = grants else {
            return report.skipped.push(format!("{place}: no token can be made for {}", row.policy()));
        };
        for (at, term) in way.iter().enumerate() {
            let rest: Vec<_> = grants
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .map(|(_, grant)| grant.clone())
                .collect();
            let said = rest.iter().fold(caller("alice"), said_by).claims::<crate::claims::ClaimMap>();
            // What every token says, and what another way makes up for, is no lack.
            if row.policy().evaluate(Some(said.principal())) != Truth::Yes {
                refused(format!("a token without {term}"), ask(Some(self.token_with(&rest).sign())).await);
            }
        }
        let status = ask(Some(self.token_with(&grants).sign())).await;
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
            let status = status.as_u16();
            report.faults.push(format!("{place}: a token with all that is asked for is answered {status}"));
        }
    }

    fn token_with(&self, grants: &[Grant<'_>]) -> TestToken {
        let now = self.issuer.now();
        grants.iter().fold((self.adjust)(self.issuer.token()), |token, grant| match *grant {
            Grant::Scope(scope) => token.scope(scope),
            Grant::Role(role) => token.role(role),
            Grant::Permission(permission) => token.permission(permission),
            Grant::Group(group) => token.group(group),
            Grant::Claim(name, value) => token.claim(name, value.clone()),
            Grant::Client(client) => token.claim("client_id", client),
            Grant::Acr(acr) => token.claim("acr", acr),
            Grant::Login => token.claim("auth_time", now),
            Grant::Nothing => token,
        })
    }
}

/// The same for a caller whom nobody has to verify. When it logged in does not matter to the other terms.
fn said_by(caller: TestCaller, grant: &Grant<'_>) -> TestCaller {
    match *grant {
        Grant::Scope(scope) => caller.scope(scope),
        Grant::Role(role) => caller.role(role),
        Grant::Permission(permission) => caller.permission(permission),
        Grant::Group(group) => caller.group(group),
        Grant::Claim(name, value) => caller.claim(name, value.clone()),
        Grant::Client(client) => caller.claim("client_id", client),
        Grant::Acr(acr) => caller.claim("acr", acr),
        Grant::Login | Grant::Nothing => caller,
    }
}

/// A method and a path that reach the row; `None` for what stands below a prefix, or for no method at all.
fn address(row: &Row) -> Option<(Method, Uri)> {
    let method = match row.method() {
        "FALLBACK" | "405" => return None,
        "ANY" => Method::GET,
        name => name.parse().ok()?,
    };
    let path = row.path();
    if path.ends_with("/*") {
        return None;
    }
    let filled = path.split('/').map(|part| if part.contains('{') { "1" } else { part });
    Some((method, filled.collect::<Vec<_>>().join("/").parse().ok()?))
}

impl RouteReport {
    /// How many requests were to be refused.
    pub fn tried(&self) -> usize {
        self.tried
    }

    /// What was let in, and good tokens that were not.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// What could not be tried, and why.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }
}

impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} requests tried, {} faults, {} skipped",
            self.tried,
            self.faults.len(),
            self.skipped.len()
        )?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        self.skipped.iter().try_for_each(|skipped| writeln!(f, "  skipped {skipped}"))
    }
}

impl<'a> IntoFuture for Guarded<'a> {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + 'a>>;

    #[expect(clippy::panic, reason = "a test wants to hear of it at once")]
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let most = self.allowed_skips;
            let report = self.report().await;
            if !report.faults.is_empty() || report.skipped.len() > most {
                panic!("{report}");
            }
        })
    }
}

impl fmt::Debug for Guarded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

use super::{
    Attempt,
    forge::forged,
    stage::{App, Target, bear},
};
use crate::{
    guard::{Access, RouteTable, Row},
    policy::{Grant, MOST_WAYS, Policy, Truth},
    testing::{TestCaller, TestIssuer, TestToken, caller},
};
use http::{Method, Request, Response, StatusCode, Uri, request::Parts};
use serde_json::Value;
use std::{fmt, future::Future, future::IntoFuture, panic::Location, pin::Pin, sync::Arc};
use tower_service::Service;

/// A trial of every route in the making, by [`assert_guarded`]. Awaiting it panics with what was let in.
#[must_use = "nothing is tried before it is awaited"]
pub struct Guarded<'a> {
    at: &'static Location<'static>,
    issuer: TestIssuer,
    table: RouteTable,
    target: Box<dyn Target + 'a>,
    adjust: Arc<dyn Fn(TestToken) -> TestToken>,
    write: Arc<Write>,
    allowed_skips: usize,
}

type Write = dyn Fn(TestToken, &Rights) -> TestToken;

/// What a token is to permit, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rights {
    /// Of `scope(…)` terms.
    pub scopes: Vec<String>,
    /// Of `role(…)` terms.
    pub roles: Vec<String>,
    /// Of `permission(…)` terms.
    pub permissions: Vec<String>,
    /// Of `group(…)` terms.
    pub groups: Vec<String>,
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
/// and with a forged one, with the rights that it asks for and without; and, for each way to meet its policy
/// (`scope(a) & (role(b) | role(c))` has two), with a token that has all of it but one term, or the claim that one forbids, or
/// too old a login. A token that has all of it must pass.
///
/// `app` is the router that came of it, `request` makes an empty request; method and path are set here, and each `{name}` of
/// a path is 1. Scopes, roles and the like are written where an issuer without settings has them; for another mapping, such
/// as that of [`Issuer::keycloak`](crate::Issuer::keycloak), say so by [`rights`](Guarded::rights).
///
/// Skipped, and named: a policy with a term that no token can be made for (a `check`, a `!`, a nested claim), a policy of more
/// than 256 ways, and the rows that are no route (`FALLBACK`, `405`, services below a prefix). Public routes are left alone,
/// and an optional one only has to refuse the expired and the forged token.
///
/// # Panics
///
/// When awaited: if one of these requests is answered with anything but 401 or 403, if a token with all that the policy asks
/// for is, or if more was skipped than [`allow_skips`](Guarded::allow_skips) says.
#[track_caller]
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
        at: Location::caller(),
        issuer: issuer.clone(),
        table: table.clone(),
        target: Box::new(App { service: app, request }),
        adjust: Arc::new(|token| token),
        write: Arc::new(written),
        allowed_skips: 0,
    }
}

impl<'a> Guarded<'a> {
    /// What every good token needs beside its rights: another audience, a vendor's claims. Default: nothing.
    pub fn token(mut self, adjust: impl Fn(TestToken) -> TestToken + 'static) -> Self {
        self.adjust = Arc::new(adjust);
        self
    }

    /// How a token says what it permits, where the issuer's mapping is not the one without settings. Called once for each
    /// token, after [`token`](Guarded::token). Default: `scope`, `roles`, `permissions`, `groups`, as [`TestToken`] has them.
    ///
    /// ```
    /// # use tower_bearer::testing::{TestToken, attacks::Rights};
    /// # use serde_json::json;
    /// let keycloak = |token: TestToken, rights: &Rights| {
    ///     token.scope(&rights.scopes.join(" ")).claim("realm_access", json!({"roles": rights.roles}))
    /// };
    /// ```
    pub fn rights(mut self, write: impl Fn(TestToken, &Rights) -> TestToken + 'static) -> Self {
        self.write = Arc::new(write);
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
        let route = Route { guarded: self, place: format!("{} {}", row.method(), row.path()), row };
        let Some(address) = address(row) else {
            return report.skip(&route.place, "it is no route of its own");
        };
        if row.access() == Access::Public {
            return;
        }
        route.try_false_tokens(&address, &[], "", report).await;
        if row.access() == Access::Optional || row.policy().evaluate(None) == Truth::Yes {
            return;
        }
        report.refused(&route.place, "no token", route.ask(&address, None).await);
        match row.policy().ways() {
            Some(ways) => route.try_ways(&address, &ways, report).await,
            None => {
                report.skip(&route.place, format_args!("{} has more than {MOST_WAYS} ways", row.policy()))
            }
        }
    }

    fn token_with(&self, grants: &[Grant<'_>]) -> TestToken {
        let now = self.issuer.now();
        let mut rights = Rights::default();
        let token = grants.iter().fold((self.adjust)(self.issuer.token()), |token, grant| match *grant {
            Grant::Claim(name, value) => token.claim(name, value.clone()),
            Grant::Client(client) => token.claim("client_id", client),
            Grant::Acr(acr) => token.claim("acr", acr),
            Grant::Login(_) => token.claim("auth_time", now),
            ref right => {
                rights.add(right);
                token
            }
        });
        (self.write)(token, &rights)
    }
}

/// One row under trial.
struct Route<'a> {
    guarded: &'a Guarded<'a>,
    place: String,
    row: &'a Row,
}

impl Route<'_> {
    async fn ask(&self, (method, uri): &(Method, Uri), token: Option<String>) -> StatusCode {
        let change = |parts: &mut Parts| {
            parts.method.clone_from(method);
            parts.uri.clone_from(uri);
            parts.extensions.insert(Attempt { attack: "route" });
            token.iter().for_each(|token| bear(parts, token));
        };
        self.guarded.target.send(&change).await.status
    }

    /// With these rights, or it might be refused for the want of them, and nobody had looked at time and signature.
    async fn try_false_tokens(
        &self,
        address: &(Method, Uri),
        grants: &[Grant<'_>],
        rights: &str,
        report: &mut RouteReport,
    ) {
        let token = self.guarded.token_with(grants);
        let forged = forged(&token.clone().sign(), 0);
        for (what, token) in [("an expired token", token.expired().sign()), ("a forged token", forged)] {
            let status = self.ask(address, Some(token)).await;
            report.refused(&self.place, format_args!("{what}{rights}"), status);
        }
    }

    /// What is there and must not be: a claim that has to be absent, a login that is too old.
    async fn try_spoilt(
        &self,
        address: &(Method, Uri),
        way: &[Policy],
        grants: &[Grant<'_>],
        report: &mut RouteReport,
    ) {
        let now = self.guarded.issuer.now();
        for (at, term) in way.iter().enumerate() {
            let yes = Value::Bool(true);
            let (mut others, mut spoilt) = (grants.to_vec(), self.guarded.token_with(grants));
            match grants.get(at) {
                Some(Grant::Silence(name)) => {
                    others.push(Grant::Claim(name, &yes));
                    spoilt = spoilt.claim(name, true);
                }
                // An hour more than any leeway.
                Some(Grant::Login(seconds)) if now > u64::from(*seconds) + 3600 => {
                    others.remove(at);
                    spoilt = spoilt.claim("auth_time", now - u64::from(*seconds) - 3600);
                }
                _ => continue,
            }
            if !is_enough(self.row.policy(), &others) {
                let status = self.ask(address, Some(spoilt.sign())).await;
                report.refused(&self.place, format_args!("{} against {term}", joined(way)), status);
            }
        }
    }

    async fn try_ways(&self, address: &(Method, Uri), ways: &[Vec<Policy>], report: &mut RouteReport) {
        for way in ways {
            let grants: Option<Vec<Grant<'_>>> = way.iter().map(Policy::grant).collect();
            let Some(grants) = grants else {
                report.skip(&self.place, format_args!("no token can be made for {}", joined(way)));
                continue;
            };
            for (at, term) in way.iter().enumerate() {
                let mut rest = grants.clone();
                let lacks = !matches!(rest.remove(at), Grant::Nothing | Grant::Silence(_));
                if lacks && !is_enough(self.row.policy(), &rest) {
                    let status = self.ask(address, Some(self.guarded.token_with(&rest).sign())).await;
                    report.refused(&self.place, format_args!("{} without {term}", joined(way)), status);
                }
            }
            self.try_spoilt(address, way, &grants, report).await;
            let rights = format!(" with {}", joined(way));
            self.try_false_tokens(address, &grants, &rights, report).await;
            let status = self.ask(address, Some(self.guarded.token_with(&grants).sign())).await;
            report.passed(&self.place, joined(way), status);
        }
    }
}

const REFUSED: [StatusCode; 2] = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];

/// As it stands in a policy's text.
fn joined(way: &[Policy]) -> String {
    way.iter().map(Policy::to_string).collect::<Vec<_>>().join(" & ")
}

/// What every token says, and what another way makes up for, is no lack.
fn is_enough(policy: &Policy, grants: &[Grant<'_>]) -> bool {
    let said = grants.iter().fold(caller("alice"), said_by).claims::<crate::claims::ClaimMap>();
    policy.evaluate(Some(said.principal())) == Truth::Yes
}

impl Rights {
    fn add(&mut self, grant: &Grant<'_>) {
        match *grant {
            Grant::Scope(scope) => self.scopes.push(scope.to_owned()),
            Grant::Role(role) => self.roles.push(role.to_owned()),
            Grant::Permission(permission) => self.permissions.push(permission.to_owned()),
            Grant::Group(group) => self.groups.push(group.to_owned()),
            _ => {}
        }
    }
}

/// By the mapping without settings.
fn written(token: TestToken, rights: &Rights) -> TestToken {
    let token = rights.scopes.iter().fold(token, |token, scope| token.scope(scope));
    let token = rights.roles.iter().fold(token, |token, role| token.role(role));
    let token = rights.permissions.iter().fold(token, |token, permission| token.permission(permission));
    rights.groups.iter().fold(token, |token, group| token.group(group))
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
        Grant::Login(_) | Grant::Silence(_) | Grant::Nothing => caller,
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
    fn skip(&mut self, place: &str, why: impl fmt::Display) {
        self.skipped.push(format!("{place}: {why}"));
    }

    fn refused(&mut self, place: &str, what: impl fmt::Display, status: StatusCode) {
        self.tried += 1;
        if !REFUSED.contains(&status) {
            self.faults.push(format!("{place}: {what} is answered {}", status.as_u16()));
        }
    }

    fn passed(&mut self, place: &str, what: impl fmt::Display, status: StatusCode) {
        if REFUSED.contains(&status) {
            self.faults.push(format!(
                "{place}: {what} is answered {}: does the application read them elsewhere (`.rights(…)`), or does a token need \
                 more (`.token(…)`)?",
                status.as_u16()
            ));
        }
    }

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
            let (most, at) = (self.allowed_skips, self.at);
            let report = self.report().await;
            if !report.faults.is_empty() || report.skipped.len() > most {
                panic!("assert_guarded at {at}: {report}");
            }
        })
    }
}

impl fmt::Debug for Guarded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

use super::{answers::Refusals, operations, routes::Routes};
use crate::{
    error::{ConfigError, Fault},
    guard::{Access, RouteTable, Row},
    policy::Policy,
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt};
use utoipa::openapi::{
    Components, Content, OpenApi, RefOr,
    extensions::Extensions,
    path::Operation,
    security::{
        Flow, Http, HttpAuthScheme, HttpBuilder, OAuth2, OpenIdConnect, SecurityRequirement, SecurityScheme,
    },
};

/// Writes what the policies of a [`RouteTable`] say into an OpenAPI document. See the [module](super) for the rules.
///
/// One value may write any number of documents: a new one after each
/// [reload](crate::policy::LivePolicies::reload), say.
#[derive(Clone)]
#[must_use = "nothing is written until `write_into`"]
pub struct Security {
    name: String,
    scheme: SecurityScheme,
    body: Option<(String, Content)>,
    policy_text: bool,
    every_route: bool,
}

/// What can be a key of the components (OpenAPI 3.1 section 4.8.7.1).
const NAME_SIGNS: &str = "-._";

impl Security {
    /// The scheme `bearer`: HTTP `Bearer` with a JWT (RFC 6750), which says nothing of where to get one. Swagger UI and the
    /// like ask for a token to be pasted.
    ///
    /// Each requirement lists the scopes of the policy; for this type of scheme OpenAPI 3.1 calls them names of roles that
    /// the document does not define (section 4.8.30).
    pub fn bearer() -> Self {
        let bearer: Http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        Self::scheme("bearer", SecurityScheme::Http(bearer))
    }

    /// The scheme `openIdConnect`: tokens come from the OpenID provider with this metadata, its identifier followed by
    /// `/.well-known/openid-configuration`.
    pub fn open_id_connect(url: impl Into<String>) -> Self {
        Self::scheme("openIdConnect", SecurityScheme::OpenIdConnect(OpenIdConnect::new(url.into())))
    }

    /// The scheme `oauth2`: tokens come by one of these flows. The scopes that the policies of the document's operations ask
    /// for and a flow does not name are added to it, without a description.
    pub fn oauth2(flows: impl IntoIterator<Item = Flow>) -> Self {
        Self::scheme("oauth2", SecurityScheme::OAuth2(OAuth2::new(flows)))
    }

    /// A scheme of your own under a name of your own.
    pub fn scheme(name: impl Into<String>, scheme: SecurityScheme) -> Self {
        Self { name: name.into(), scheme, body: None, policy_text: false, every_route: false }
    }

    /// Another name for the scheme. Where the document has a scheme of that name, that one stays as it is.
    /// Default: the one that goes with the constructor.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The body of refusals, for a renderer of your own ([`Render`](crate::challenge::Render)).
    /// Default: none, as [`EmptyBody`](crate::challenge::EmptyBody) has it.
    pub fn body(mut self, content_type: impl Into<String>, content: impl Into<Content>) -> Self {
        self.body = Some((content_type.into(), content.into()));
        self
    }

    /// The body that [`ProblemJson`](crate::challenge::ProblemJson) draws. Default: none.
    pub fn problem_json(self) -> Self {
        self.body("application/problem+json", Refusals::problem())
    }

    /// Publishes the whole policy of each operation, in its text form, as the extension `x-policy`; and what the
    /// [rules](crate::policy::rule) in it take, by name, as `x-policy-rules`.
    ///
    /// Everybody who reads the document then reads the names of roles and groups, and the values of claims, that open each
    /// operation. Default: off.
    pub fn with_policy_text(mut self) -> Self {
        self.policy_text = true;
        self
    }

    /// Adds a bare operation for each method of the table that the document does not describe: its path parameters, its
    /// security, its refusals. Services and `any` have no method of their own, and are not added.
    /// Default: off, so a route that nobody described is not published.
    pub fn every_route(mut self) -> Self {
        self.every_route = true;
        self
    }

    /// The document with the scheme, and with `security` and refusals of each operation as the policy in the table says.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault, each under its method and path:
    ///
    /// 1. an operation that no route of the table answers: what should be said of its security is known to nobody. Paths
    ///    are compared as axum has them; the names of parameters do not matter;
    /// 2. a path that refers to another one (`$ref`);
    /// 3. a name of the scheme that cannot be one: other signs than letters, digits, `.`, `-` and `_`.
    pub fn write_into(&self, mut document: OpenApi, table: &RouteTable) -> Result<OpenApi, ConfigError> {
        let routes = Routes::of(table);
        if self.every_route {
            routes.add_missing(&mut document.paths);
        }
        let mut faults: Vec<_> = self.fault_of_name().into_iter().collect();
        for (path, item) in &mut document.paths.paths {
            if item.ref_path.is_some() {
                faults.push(Fault::new(path.clone(), "refers to another path: write its operations here"));
            }
            for (method, operation) in operations::of_mut(item) {
                match routes.find(path, method) {
                    Some(row) => self.write(operation, row),
                    None => faults.push(Fault::new(
                        format!("{method} {path}"),
                        "is in the document, and no route of the table answers it",
                    )),
                }
            }
        }
        ConfigError::check(faults)?;
        let scopes = routes.described(&document.paths).flat_map(|row| row.policy().scopes()).collect();
        self.add_scheme(document.components.get_or_insert_default(), &scopes);
        Ok(document)
    }

    fn fault_of_name(&self) -> Option<Fault> {
        let fits = |c: char| c.is_ascii_alphanumeric() || NAME_SIGNS.contains(c);
        let is_name = !self.name.is_empty() && self.name.chars().all(fits);
        let sentence = "is made of letters, digits, `.`, `-` and `_`";
        (!is_name).then(|| Fault::new("the security scheme's name", sentence))
    }

    fn write(&self, operation: &mut Operation, row: &Row) {
        operation.security = Some(self.requirements(row));
        if self.policy_text {
            operation.extensions.get_or_insert_default().merge(policy_text(row.policy()));
        }
        let refusals = Refusals { row, body: self.body.as_ref(), policy_text: self.policy_text };
        for (status, response) in refusals.all() {
            // What the application's author has written is there for a reason.
            operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(response));
        }
    }

    /// Alternatives; none at all where nobody looks at tokens.
    fn requirements(&self, row: &Row) -> Vec<SecurityRequirement> {
        if row.access() == Access::Public {
            return Vec::new();
        }
        let anybody = row.policy().decide(None).is_allow().then(SecurityRequirement::default);
        let alternatives = row.policy().scope_alternatives().into_iter();
        let by_token = alternatives.map(|scopes| SecurityRequirement::new(&self.name, scopes));
        anybody.into_iter().chain(by_token).collect()
    }

    fn add_scheme(&self, components: &mut Components, asked: &BTreeSet<&str>) {
        let scheme = || {
            let mut scheme = self.scheme.clone();
            if let SecurityScheme::OAuth2(oauth2) = &mut scheme {
                oauth2.flows.values_mut().for_each(|flow| name_scopes(flow, asked));
            }
            RefOr::T(scheme)
        };
        components.security_schemes.entry(self.name.clone()).or_insert_with(scheme);
    }
}

/// The text form, which has a rule's name alone; and what the rules in it take.
fn policy_text(policy: &Policy) -> Extensions {
    let rules = policy.rules().into_iter();
    let rules: Map<_, _> =
        rules.map(|(name, rule)| (name.to_owned(), Value::from(rule.to_string()))).collect();
    let text = ("x-policy", Value::from(policy.to_string()));
    let rules = (!rules.is_empty()).then_some(("x-policy-rules", Value::Object(rules)));
    [text].into_iter().chain(rules).collect()
}

/// Adds what is missing; what has a description keeps it.
fn name_scopes(flow: &mut Flow, asked: &BTreeSet<&str>) {
    let scopes = match flow {
        Flow::Implicit(flow) => &mut flow.scopes,
        Flow::Password(flow) => &mut flow.scopes,
        Flow::ClientCredentials(flow) => &mut flow.scopes,
        Flow::AuthorizationCode(flow) => &mut flow.scopes,
        Flow::DeviceAuthorization(flow) => &mut flow.scopes,
    };
    // Their own field is private, but they are data.
    let known = serde_json::to_value(&*scopes).unwrap_or_default();
    let described = |scope: &str| {
        let description =
            known.get("scopes").and_then(|known| known.get(scope)).and_then(|text| text.as_str());
        (scope.to_owned(), description.unwrap_or_default().to_owned())
    };
    let named = known.get("scopes").and_then(|known| known.as_object());
    let named = named.into_iter().flatten().map(|(scope, _)| described(scope));
    *scopes = named.chain(asked.iter().map(|scope| described(scope))).collect();
}

/// By hand: the document's types have none.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("name", &self.name)
            .field("body", &self.body.as_ref().map(|(content_type, _)| content_type))
            .field("policy_text", &self.policy_text)
            .field("every_route", &self.every_route)
            .finish_non_exhaustive()
    }
}

use crate::{
    challenge::{Challenge, HEADER},
    guard::{Access, Row},
    policy::{Decision, Policy, Truth},
};
use serde_json::Value;
use std::fmt::Display;
use utoipa::openapi::{
    Content, Header, HeaderBuilder, Object, ObjectBuilder, RefOr, Response, ResponseBuilder, Type,
};

/// How requests are refused at a route, as a document says it.
pub(super) struct Refusals<'r> {
    pub(super) row: &'r Row,
    pub(super) body: Option<&'r (String, Content)>,
    pub(super) policy_text: bool,
}

impl Refusals<'_> {
    /// By status; none where nobody looks at tokens.
    pub(super) fn all(&self) -> Vec<(&'static str, Response)> {
        if self.row.access() == Access::Public {
            return Vec::new();
        }
        let mut all = vec![("401", self.unauthorized()), ("503", self.unavailable())];
        // Where every token will do, none is forbidden.
        if self.row.policy().can_be(Truth::No) {
            all.push(("403", self.forbidden()));
        }
        all
    }

    /// What [`ProblemJson`](crate::challenge::ProblemJson) draws (RFC 9457).
    pub(super) fn problem() -> Content {
        let schema = ObjectBuilder::new()
            .property("status", Object::with_type(Type::Integer))
            .property("title", Object::with_type(Type::String))
            .property("detail", Object::with_type(Type::String))
            .required("status")
            .required("title");
        Content::new(Some(RefOr::T(schema.build().into())))
    }

    fn unauthorized(&self) -> Response {
        let policy = self.row.policy();
        let (mut text, example) = match policy.decide(None) {
            Decision::Allow => (
                "The access token is refused; none is needed.".to_owned(),
                Some(Challenge::bearer().with("error", "invalid_token")),
            ),
            Decision::Deny(denial) => (
                "There is no access token, or it is refused.".to_owned(),
                Challenge::of(&denial.into_error(), None, None),
            ),
        };
        text.extend(another_login(policy));
        self.refusal(text, challenge(example))
    }

    fn forbidden(&self) -> Response {
        let scopes = self.row.policy().required_scopes(None).join(" ");
        let mut example = Challenge::bearer().with("error", "insufficient_scope");
        let mut text =
            "The access token is good, and its bearer does not meet the policy of this operation.".to_owned();
        if !scopes.is_empty() {
            example = example.with("scope", &scopes);
            text.push_str(" `scope` in the challenge names the scopes that it takes.");
        }
        if self.policy_text {
            text.push_str(" `x-policy` is the whole policy.");
        }
        self.refusal(text, challenge(Some(example)))
    }

    fn unavailable(&self) -> Response {
        let seconds = HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::Integer)))
            .description(Some("Seconds to wait (RFC 9110 section 10.2.3)."));
        let text = "The keys of the token's issuer cannot be had at the moment.".to_owned();
        self.refusal(text, ("Retry-After", seconds.build()))
    }

    fn refusal(&self, text: String, (name, header): (&str, Header)) -> Response {
        let response = ResponseBuilder::new().description(text).header(name, header);
        match self.body {
            Some((content_type, content)) => response.content(content_type, content.clone()),
            None => response,
        }
        .build()
    }
}

fn challenge(example: Option<Challenge>) -> (&'static str, Header) {
    let example = example.and_then(|example| Some(Value::from(example.to_value().to_str().ok()?)));
    let header =
        HeaderBuilder::new().description(Some("The challenge (RFC 6750 section 3).")).example(example);
    (HEADER, header.build())
}

/// That a login may not do, and which would (RFC 9470).
fn another_login(policy: &Policy) -> Option<String> {
    let logins = policy.logins();
    let mut asked = Vec::new();
    if !logins.acr.is_empty() {
        asked.push(format!("`acr_values` of {}", listed(&logins.acr)));
    }
    if !logins.max_age.is_empty() {
        asked.push(format!("a `max_age` of {} seconds", listed(&logins.max_age)));
    }
    let asked = asked.join(" and ");
    let sentence = || {
        format!(
            " `insufficient_user_authentication` in the challenge asks for another login (RFC 9470), with {asked}."
        )
    };
    (!asked.is_empty()).then(sentence)
}

fn listed(values: &[impl Display]) -> String {
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

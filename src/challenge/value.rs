use crate::error::{AuthError, AuthErrorKind};
use http::HeaderValue;

/// The value of a `WWW-Authenticate: Bearer …` header (RFC 6750 section 3, RFC 9470 section 3, RFC 9728 section
/// 5.1).
///
/// Parameters are separated by commas and quoted; what a quoted string cannot hold is left out (RFC 9110 section
/// 5.6.4).
#[derive(Debug, Clone)]
pub struct Challenge {
    text: String,
    parameters: usize,
}

impl Challenge {
    /// A challenge of the scheme `Bearer`, without parameters.
    pub fn bearer() -> Self {
        Self::with_room("Bearer".len())
    }

    fn with_room(length: usize) -> Self {
        let mut text = String::with_capacity(length);
        text.push_str("Bearer");
        Self { text, parameters: 0 }
    }

    /// The challenge that goes with a refusal; `None` where there is none (an outage, a fault of ours).
    pub(crate) fn of(
        error: &AuthError,
        realm: Option<&str>,
        resource_metadata: Option<&str>,
    ) -> Option<Self> {
        let code = match error.kind() {
            AuthErrorKind::MissingToken => None,
            AuthErrorKind::InvalidRequest => Some("invalid_request"),
            AuthErrorKind::InvalidToken => Some("invalid_token"),
            AuthErrorKind::InsufficientScope => Some("insufficient_scope"),
            AuthErrorKind::InsufficientAuthentication => Some("insufficient_user_authentication"),
            AuthErrorKind::Unavailable | AuthErrorKind::Misconfigured => return None,
        };
        // Wherever another token helps: a request that was written badly is none the better for one.
        let resource_metadata = resource_metadata.filter(|_| error.kind() != AuthErrorKind::InvalidRequest);
        // RFC 6750 section 3.1: without credentials, no error and no description.
        let description = code.and_then(|_| error.description());
        let max_age = error.max_age().map(|age| age.as_secs().to_string());
        // As long as it will be where nothing has to be quoted or left out: the header then takes the text as it is.
        let some = |name: &str, value: Option<&str>| {
            value.map_or(0, |value| name.len() + value.len() + r#", ="""#.len())
        };
        let length = "Bearer".len() - ",".len()
            + some("realm", realm)
            + some("error", code)
            + some("error_description", description)
            + listed("acr_values", error.acr_values())
            + some("max_age", max_age.as_deref())
            + listed("scope", error.scopes())
            + some("resource_metadata", resource_metadata);
        let mut challenge = Self::with_room(length);
        challenge.add_some("realm", realm);
        challenge.add_some("error", code);
        challenge.add_some("error_description", description);
        challenge.add_list("acr_values", error.acr_values());
        challenge.add_some("max_age", max_age.as_deref());
        challenge.add_list("scope", error.scopes());
        challenge.add_some("resource_metadata", resource_metadata);
        Some(challenge)
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.add_some(name, Some(value));
        self
    }

    fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, std::iter::once(value));
        }
    }

    /// Adds a parameter unless the list is empty.
    fn add_list<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        let mut values = values.peekable();
        if values.peek().is_some() {
            self.add(name, values);
        }
    }

    /// Adds a parameter whose value is this list, separated by spaces.
    fn add<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        self.text.push_str(if self.parameters == 0 { " " } else { ", " });
        self.text.push_str(name);
        self.text.push_str("=\"");
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.text.push(' ');
            }
            self.push_quoted(value);
        }
        self.text.push('"');
        self.parameters += 1;
    }

    fn push_quoted(&mut self, value: &str) {
        let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'"' | b'\\');
        if value.bytes().all(is_plain) {
            self.text.push_str(value);
            return;
        }
        for character in value.chars().filter(|&c| c == ' ' || c.is_ascii_graphic()) {
            if matches!(character, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(character);
        }
    }

    /// The header's value.
    pub fn to_value(&self) -> HeaderValue {
        self.clone().into_value()
    }

    /// The same without a copy.
    pub(super) fn into_value(self) -> HeaderValue {
        // Visible ASCII by construction, but for a parameter's name that a caller made up.
        HeaderValue::try_from(self.text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

/// How long a parameter becomes whose value is a list; nothing where that is empty.
fn listed<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> usize {
    let values: usize = values.map(|value| value.len() + 1).sum();
    if values == 0 { 0 } else { name.len() + r#", ="""#.len() + values - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;
    use std::{sync::Arc, time::Duration};

    fn of(error: AuthError) -> Option<String> {
        let challenge = Challenge::of(&error, None, Some("https://api.example.com/.well-known/x"))?;
        assert_eq!(challenge.text.len(), challenge.text.capacity(), "{error:?}: as long as was thought");
        Some(challenge.to_value().to_str().unwrap().to_owned())
    }

    #[test]
    fn parameters_are_quoted_and_separated_by_commas() {
        let challenge = Challenge::bearer().with("realm", "a \"b\" \\ c\r\nX: y\u{e9}").with("scope", "d e");
        assert_eq!(challenge.to_value(), r#"Bearer realm="a \"b\" \\ cX: y", scope="d e""#);
    }

    #[test]
    fn each_kind_has_its_challenge() {
        let scopes: Vec<Arc<str>> = vec!["a".into(), "b".into()];
        let metadata = r#"resource_metadata="https://api.example.com/.well-known/x""#;
        for (error, expected) in [
            (AuthError::new(Reason::MissingToken), Some(format!("Bearer {metadata}"))),
            (
                AuthError::new(Reason::PolicyNeedsToken).with_scopes(scopes.clone()),
                Some(format!(r#"Bearer scope="a b", {metadata}"#)),
            ),
            (
                AuthError::new(Reason::EmptyToken),
                Some(
                    r#"Bearer error="invalid_request", error_description="the request carries malformed credentials""#
                        .into(),
                ),
            ),
            (
                AuthError::new(Reason::ExpPast),
                Some(format!(
                    r#"Bearer error="invalid_token", error_description="the token has expired", {metadata}"#
                )),
            ),
            (
                AuthError::new(Reason::PolicyNotMet).with_scopes(scopes),
                Some(format!(
                    r#"Bearer error="insufficient_scope", error_description="the token does not permit this request", scope="a b", {metadata}"#
                )),
            ),
            (
                AuthError::new(Reason::StepUpNeeded)
                    .with_step_up(vec!["gold".into(), "silver".into()], Some(300))
                    .with_scopes(vec!["pay".into()]),
                Some(format!(
                    r#"Bearer error="insufficient_user_authentication", error_description="the request needs a stronger or a more recent login", acr_values="gold silver", max_age="300", scope="pay", {metadata}"#
                )),
            ),
            (AuthError::unavailable(Duration::ZERO), None),
            (AuthError::new(Reason::LayerMissing), None),
        ] {
            assert_eq!(of(error.clone()), expected, "{error:?}");
        }
    }
}

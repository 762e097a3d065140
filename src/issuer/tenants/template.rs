//! Which identifiers may be tenants' at all: an address of the operator's with one gap.

use std::ops::Range;

/// The gap, as it is written.
const GAP: &str = "{tenant}";
/// The longest tenant's name.
const MOST_BYTES: usize = 128;

/// `https://id.example.com/realms/{tenant}`: what stands before and behind the gap is compared byte for byte, so that no
/// token can name a host that the operator has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    before: Box<str>,
    behind: Box<str>,
    in_host: bool,
}

impl Template {
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (before, behind) = text.split_once(GAP).ok_or("has no {tenant} in it")?;
        if behind.contains('{') || before.contains('{') {
            return Err("has one {tenant} and no other braces");
        }
        if text.contains(['?', '#', '@', '\\']) || text.contains(char::is_whitespace) {
            return Err("has neither query, fragment, user nor white space");
        }
        let authority = before.strip_prefix("https://").or_else(|| before.strip_prefix("http://"));
        let authority = authority.ok_or("begins with https://, and the gap comes later")?;
        let in_host = !authority.contains('/');
        match in_host {
            true => check_host(behind)?,
            false => check_path(authority)?,
        }
        Ok(Self { before: before.into(), behind: behind.into(), in_host })
    }

    /// Where the tenant's name stands in this identifier, if it has the template's form.
    pub(super) fn find(&self, iss: &str) -> Option<Range<usize>> {
        let name = iss.strip_prefix(&*self.before)?.strip_suffix(&*self.behind)?;
        let is_legal = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || byte == b'-'
                || !self.in_host && matches!(byte, b'_' | b'.' | b'~')
        };
        // One dot or two would be a step in the path, not a name.
        let is_name = !name.is_empty() && name.len() <= MOST_BYTES && !matches!(name, "." | "..");
        let start = self.before.len();
        (is_name && name.bytes().all(is_legal)).then(|| start..start + name.len())
    }

    pub(super) fn text(&self) -> String {
        format!("{}{GAP}{}", self.before, self.behind)
    }
}

/// `https://{tenant}.example.com`: without a domain of the operator's behind the gap, a tenant could name any host.
fn check_host(behind: &str) -> Result<(), &'static str> {
    let sentence = "a gap in the host is followed by a dot and a domain of yours, with a dot in it";
    let domain = behind.strip_prefix('.').and_then(|rest| rest.split(['/', ':']).next()).ok_or(sentence)?;
    let labels: Vec<_> = domain.split('.').collect();
    if labels.len() < 2 || labels.iter().any(|label| label.is_empty()) { Err(sentence) } else { Ok(()) }
}

/// The gap is in the path, behind a whole host.
fn check_path(authority: &str) -> Result<(), &'static str> {
    let host = authority.split('/').next().unwrap_or_default();
    if host.is_empty() { Err("has no host") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Template {
        fn tenant<'a>(&self, iss: &'a str) -> Option<&'a str> {
            iss.get(self.find(iss)?)
        }
    }

    #[test]
    fn a_template_that_lets_a_token_choose_the_host_is_refused() {
        for bad in [
            "https://id.example.com",
            "{tenant}",
            "https://{tenant}",
            "https://{tenant}/",
            "https://{tenant}.com",
            "https://{tenant}.",
            "https://{tenant}..com",
            "https://{tenant}.com/a.b",
            "https://{tenant}.com:8443",
            "https://id.example.com{tenant}/x",
            "https://id.{tenant}/x",
            "https://id.example.com:{tenant}/x",
            "https:///{tenant}",
            "ftp://id.example.com/{tenant}",
            "{tenant}://id.example.com",
            "https://id.example.com/{tenant}/{tenant}",
            "https://id.example.com/{realm}/{tenant}",
            "https://id.example.com/?realm={tenant}",
            "https://id.example.com/#{tenant}",
            "https://user@id.example.com/{tenant}",
            "https://id.example.com/ {tenant}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tenant_is_what_fills_the_gap_and_nothing_more() {
        let path = Template::parse("https://id.example.com/realms/{tenant}/v2").unwrap();
        assert_eq!(path.tenant("https://id.example.com/realms/acme_1.x~y-z/v2"), Some("acme_1.x~y-z"));
        assert_eq!(path.text(), "https://id.example.com/realms/{tenant}/v2");
        for bad in [
            "https://id.example.com/realms//v2",
            "https://id.example.com/realms/./v2",
            "https://id.example.com/realms/../v2",
            "https://id.example.com/realms/a/b/v2",
            "https://id.example.com/realms/a%2Fb/v2",
            "https://id.example.com/realms/a?/v2",
            "https://id.example.com/realms/a#/v2",
            "https://id.example.com/realms/a b/v2",
            "https://id.example.com/realms/é/v2",
            "https://id.example.com/realms/a",
            "https://id.example.com/realms/v2",
            "https://ID.example.com/realms/a/v2",
            "http://id.example.com/realms/a/v2",
            "https://evil.example/realms/a/v2",
            "",
        ] {
            assert_eq!(path.tenant(bad), None, "{bad}");
        }
        assert_eq!(path.tenant(&format!("https://id.example.com/realms/{}/v2", "a".repeat(129))), None);
    }

    #[test]
    fn a_tenant_in_the_host_is_one_label() {
        let host = Template::parse("https://{tenant}.id.example.com/").unwrap();
        assert_eq!(host.tenant("https://acme-1.id.example.com/"), Some("acme-1"));
        for bad in ["a.b", "a_b", "a/b", "a:1", "a@b", "evil.example/x?", ""] {
            assert_eq!(host.tenant(&format!("https://{bad}.id.example.com/")), None, "{bad}");
        }
    }
}

//! Well-known issuers: each constructor knows one vendor's identifiers, claims and kinds of token.
//!
//! An argument becomes a part of the identifier, which is what a token's `iss` is held against and where keys come from. So
//! each is checked for what it may be; none can bring a path, a host or a query of its own.

mod auth0;
mod cognito;
mod entra;
mod google;
mod keycloak;
mod okta;
mod zitadel;

use crate::error::Fault;

/// A host name in lower case, as issuers write theirs, with a port if it has one.
fn check_host(setting: &'static str, host: &str) -> Option<Fault> {
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    let good_port = port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    let labels = name.split('.').collect::<Vec<_>>();
    let whole = labels.len() > 1 && name.len() <= 253;
    if good_port && whole && labels.into_iter().all(is_label) {
        return None;
    }
    let sentence =
        "must be a host name alone, whole and in lower case, such as login.example.com: no https://, no path";
    Some(Fault::new(setting, sentence))
}

/// RFC 1123 section 2.1.
fn is_label(label: &str) -> bool {
    let letters =
        label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// One step of a path that means itself, unescaped (RFC 3986 section 2.3).
fn check_step(setting: &'static str, step: &str) -> Option<Fault> {
    let sentence =
        "must be letters, digits, `-`, `.`, `_` and `~` alone: it becomes one step of the issuer's path";
    (!is_step(step)).then(|| Fault::new(setting, sentence))
}

fn is_step(step: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_dots = matches!(step, "." | "..");
    (1..=255).contains(&step.len()) && step.bytes().all(unreserved) && !is_dots
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would turn an argument into another address than the one it stands in.
    const SMUGGLED: [&str; 16] = [
        "", " ", "a/b", "/", "a?b", "a#b", "a@b", "a b", "a\tb", "a\nb", "..", ".", "a\\b", "a%2fb", "é",
        "a:b@c",
    ];

    #[test]
    fn a_host_is_a_host_alone() {
        for good in
            ["login.example.com", "acme.eu.auth0.com", "a-1.example", "id.example.com:8443", "127.0.0.1"]
        {
            assert_eq!(check_host("domain", good), None, "{good}");
        }
        let written_wrong = [
            "acme",
            "https://login.example.com",
            "login.example.com/",
            "Login.example.com",
            "login..example.com",
            ".example.com",
            "example.com.",
            "-a.example.com",
            "a-.example.com",
            "a_b.example.com",
            "login.example.com:",
            "login.example.com:0",
            "login.example.com:08443",
            "login.example.com:99999",
            "login.example.com:443:443",
            "*.example.com",
        ];
        for bad in SMUGGLED.iter().chain(&written_wrong) {
            assert!(check_host("domain", bad).is_some(), "{bad:?}");
        }
        for bad in SMUGGLED.iter().filter(|bad| !bad.is_empty()) {
            assert!(check_host("domain", &format!("login.example.com{bad}")).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_step_is_one_step_that_means_itself() {
        for good in ["acme", "Acme-2", "default", "aus1a2b3c4d5E6f7G8h9", "a.b_c~d"] {
            assert_eq!(check_step("realm", good), None, "{good}");
        }
        for bad in SMUGGLED {
            assert!(check_step("realm", bad).is_some(), "{bad:?}");
        }
        assert!(check_step("realm", &"a".repeat(256)).is_some());
    }
}

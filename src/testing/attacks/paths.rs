//! Requests without a token, for another spelling of the path or by another method: whatever reaches the handler must have
//! passed its guard.

use super::attack::{Answer, Attack, Category::Http};
use http::{Method, Uri, request::Parts};

/// The path spelt in another way, without a token.
pub(super) fn spell(parts: &mut Parts, spelling: impl Fn(&str) -> String) {
    let uri = spelling(parts.uri.path());
    if let Ok(uri) = uri.parse::<Uri>() {
        parts.uri = uri;
    }
}

use Answer::ClientError;

pub(super) const ATTACKS: &[Attack] = &[
    Http.request(
        "head_without_a_token",
        "RFC 9110 9.3.2; field",
        "Asks with HEAD, which a GET route answers, too.",
        ClientError,
        |_, p| p.method = Method::HEAD,
    ),
    Http.request(
        "unknown_method",
        "RFC 9110 9.1; field",
        "Asks with a method that nobody knows.",
        ClientError,
        |_, p| {
            p.method = Method::from_bytes(b"FETCH").unwrap_or_default();
        },
    ),
    Http.request(
        "method_in_small_letters",
        "RFC 9110 9.1; field",
        "Asks with its method in small letters, which is another one.",
        ClientError,
        |_, p| {
            p.method =
                Method::from_bytes(p.method.as_str().to_ascii_lowercase().as_bytes()).unwrap_or_default();
        },
    ),
    Http.request(
        "path_with_two_slashes",
        "field",
        "Asks for the path with two slashes.",
        ClientError,
        |_, p| {
            // An address that begins with two slashes would be a host.
            spell(p, |path| format!("http://host/{path}"));
        },
    ),
    Http.request(
        "path_with_dots",
        "RFC 3986 5.2.4; field",
        "Asks for the path by way of another one.",
        ClientError,
        |_, p| spell(p, |path| format!("/health/..{path}")),
    ),
    Http.request(
        "path_with_encoded_dots",
        "RFC 3986 6.2.2; field",
        "Asks for the path by way of another one, its dots encoded.",
        ClientError,
        |_, p| {
            spell(p, |path| format!("/health/%2e%2e{path}"));
        },
    ),
    Http.request(
        "path_with_parameter",
        "RFC 3986 3.3; field",
        "Asks for the path with a parameter behind a semicolon.",
        ClientError,
        |_, p| spell(p, |path| format!("{path};a=b")),
    ),
    Http.request(
        "path_with_encoded_slash",
        "RFC 3986 6.2.2; field",
        "Asks for the path with an encoded slash before it.",
        ClientError,
        |_, p| {
            spell(p, |path| path.replacen('/', "/%2F", 1));
        },
    ),
    Http.request(
        "path_in_capitals",
        "RFC 3986 6.2.2; field",
        "Asks for the path in capitals.",
        ClientError,
        |_, p| spell(p, |path| format!("{}?case", path.to_ascii_uppercase())),
    ),
    Http.request(
        "path_encoded",
        "RFC 3986 6.2.2; field",
        "Asks for the path with its letters percent-encoded.",
        ClientError,
        |_, p| {
            spell(p, |path| {
                path.bytes()
                    .map(|byte| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") })
                    .chain(["?".into()])
                    .collect()
            });
        },
    ),
    Http.request(
        "path_with_slash_behind",
        "field",
        "Asks for the path with a slash behind it.",
        ClientError,
        |_, p| spell(p, |path| format!("{path}/")),
    ),
    Http.request(
        "path_with_extension",
        "field",
        "Asks for the path as if it were a style sheet, which everybody may have.",
        ClientError,
        |_, p| spell(p, |path| format!("{path}.css")),
    ),
    Http.request(
        "path_that_mentions_a_public_one",
        "RFC 3986 3.4; field",
        "Has the path of what is public in its query, for a guard that looks for it anywhere in the address.",
        ClientError,
        |_, p| spell(p, |path| format!("{path}?next=/health/login/static/logo.png")),
    ),
    Http.request(
        "path_as_a_whole_address",
        "RFC 9112 3.2.2; field",
        "Asks for the path as a whole address, as one asks a proxy.",
        ClientError,
        |_, p| {
            spell(p, |path| format!("http://localhost{path}"));
        },
    ),
    Http.request(
        "path_with_a_zero",
        "field",
        "Asks for the path with an encoded zero byte behind it.",
        ClientError,
        |_, p| spell(p, |path| format!("{path}%00")),
    ),
];

//! The identifiers that clients compare whole, and the address that is made of one.

use crate::keys::is_safe_url;
use std::net::{Ipv4Addr, Ipv6Addr};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What keeps a text from being a resource's or an authorization server's identifier (RFC 9728 section 1.2, RFC 8414
/// section 2). A client takes it apart and compares it whole, so it has to be in the one form that every parser leaves as
/// it is.
pub(super) fn faults_of(url: &str) -> Vec<&'static str> {
    let bare = url.split(['#', '?']).next().unwrap_or_default();
    let (origin, path) = split(bare);
    [
        (!is_safe_url(bare, false), "is no https URL of a host (http only on loopback; no user information)"),
        (url.contains('#'), "has a fragment"),
        // RFC 9728 section 1.2 advises against one; and a route does not tell two queries apart.
        (url.contains('?'), "has a query"),
        (!url.bytes().all(is_of_a_url) || !is_well_escaped(url), "has characters that a URL does not have"),
        (origin.bytes().any(|byte| byte.is_ascii_uppercase()), "has a capital letter in its scheme or host"),
        (path.split('/').any(is_dots), "has a segment of dots, which clients leave out"),
    ]
    .into_iter()
    .filter_map(|(wrong, sentence)| wrong.then_some(sentence))
    .collect()
}

/// The same of a resource's. An authorization server's is written as that server writes it, and it is compared with what the
/// server says; a resource's is compared with what the client was given, as its parser leaves it.
pub(super) fn faults_of_resource(url: &str) -> Vec<&'static str> {
    let mut faults = faults_of(url);
    if faults.is_empty() && is_rewritten(split(url).0) {
        faults.push("has a host or port that browsers write otherwise");
    }
    faults
}

/// What the WHATWG URL standard makes something else of: a default port, zeros before a port, escapes in a host, the long
/// and the old forms of addresses.
fn is_rewritten(origin: &str) -> bool {
    let (scheme, authority) = origin.split_once("://").unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let default = if scheme == "https" { "443" } else { "80" };
    let port_is = |port: &str| port.is_empty() || port == default || (port.starts_with('0') && port != "0");
    port.is_some_and(port_is) || host.contains('%') || !is_canonical(host)
}

/// A name, or an address in its one form.
fn is_canonical(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    // A host that ends in a number is an address (WHATWG URL, "ends in a number").
    let is_number =
        last.starts_with("0x") || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    !is_number || host.parse::<Ipv4Addr>().is_ok_and(|parsed| parsed.to_string() == host)
}

/// Where the metadata of a resource is, and at which byte its path begins (RFC 9728 section 3.1).
pub(super) fn metadata_url(resource: &str) -> (String, usize) {
    let (origin, path) = split(resource);
    // "Any terminating slash following the host": only where it is all there is.
    let path = if path == "/" { "" } else { path };
    (format!("{origin}{WELL_KNOWN}{path}"), origin.len())
}

/// Scheme and authority, and the path.
fn split(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + "://".len());
    let path = url.get(authority..).and_then(|rest| rest.find('/')).map(|at| authority + at);
    url.split_at_checked(path.unwrap_or(url.len())).unwrap_or((url, ""))
}

/// RFC 3986 section 2: unreserved, reserved, and the percent sign.
fn is_of_a_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

fn is_well_escaped(url: &str) -> bool {
    url.split('%')
        .skip(1)
        .all(|rest| rest.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())))
}

/// Escaped ones are dots as well to a browser.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_by_inserting_between_host_and_path() {
        for (resource, url, path) in [
            // The examples of RFC 9728 section 3.1.
            (
                "https://resource.example.com",
                "https://resource.example.com/.well-known/oauth-protected-resource",
                "/.well-known/oauth-protected-resource",
            ),
            (
                "https://resource.example.com/resource1",
                "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
                "/.well-known/oauth-protected-resource/resource1",
            ),
            (
                "https://resource.example.com/",
                "https://resource.example.com/.well-known/oauth-protected-resource",
                "/.well-known/oauth-protected-resource",
            ),
            (
                "http://[::1]:8080/a/b/",
                "http://[::1]:8080/.well-known/oauth-protected-resource/a/b/",
                "/.well-known/oauth-protected-resource/a/b/",
            ),
        ] {
            assert_eq!(faults_of(resource), [""; 0], "{resource}");
            let (made, at) = metadata_url(resource);
            assert_eq!((made.as_str(), made.get(at..)), (url, Some(path)), "{resource}");
        }
    }

    #[test]
    fn an_identifier_that_clients_could_read_otherwise_is_a_fault() {
        for (wrong, faults) in [
            ("", 1),
            ("api.example.com", 1),
            ("/orders", 1),
            ("http://api.example.com", 1),
            ("ftp://api.example.com", 1),
            ("https://", 1),
            ("https:///orders", 1),
            ("https://user@api.example.com", 1),
            ("https://api.example.com:", 1),
            ("https://api.example.com:99999", 1),
            ("https://api.example.com#", 1),
            ("https://api.example.com/#orders", 1),
            ("https://api.example.com/?tenant=a", 1),
            ("http://api.example.com/?a#b", 3),
            ("https://api.example.com/{id}", 1),
            ("https://api.example.com/a%2", 1),
            ("https://api.example.com/a%zz", 1),
            ("https://Api.example.com", 1),
            ("HTTPS://api.example.com", 1),
            ("https://api.example.com/a/../b", 1),
            ("https://api.example.com/.", 1),
            ("https://api.example.com/%2E%2e/b", 1),
        ] {
            assert_eq!(faults_of(wrong).len(), faults, "{wrong}: {:?}", faults_of(wrong));
        }
        // Whether the parser takes these or not, they are none.
        for wrong in [
            " https://api.example.com",
            "https://api.example.com ",
            "https://api.example.com/a b",
            "https://api.example.com/\r\nX: y",
            "https://api.example.com/\u{e4}",
            "https://api.example.com/a\\b",
            "https://api.example.com/\"",
        ] {
            assert!(!faults_of(wrong).is_empty(), "{wrong:?}");
        }
    }
}

use http::Uri;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether keys may be fetched from there, or clients be sent there: `https`, or a loopback address, or plain `http` that the operator allowed.
pub(crate) fn is_safe_url(url: &str, allow_http: bool) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    // `user:secret@host` would put a secret into logs, and hides which host is meant.
    let plain_authority = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !has_host || !plain_authority || !has_good_port(&uri) {
        return false;
    }
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => allow_http || uri.host().is_some_and(is_loopback),
        _ => false,
    }
}

#[cfg(feature = "remote")]
pub(crate) fn is_https(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// `http` keeps a port that is none, and whoever connects would take the default one.
fn has_good_port(uri: &Uri) -> bool {
    let rest = uri.authority().map_or("", |authority| authority.as_str());
    let after_host = rest.rsplit(']').next().unwrap_or(rest);
    !after_host.contains(':') || uri.port_u16().is_some()
}

/// Names and addresses that cannot leave the machine.
fn is_loopback(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => {
            let v4 = host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
            v4 || host.eq_ignore_ascii_case("localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_safe_url;

    #[test]
    fn plain_http_is_refused_off_loopback() {
        for bad in [
            "http://id.example.com",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://[localhost]/",
            "http://[127.0.0.1]/",
            "https://id.example.com:99999",
            "https://id.example.com:",
            "http://user@127.0.0.1",
            "https://user:secret@id.example.com",
            "http://127.0.0.1@evil.example",
            "ftp://id.example.com",
            "file:///etc/passwd",
            "id.example.com",
            "/jwks",
            "https://",
            "",
        ] {
            assert!(!is_safe_url(bad, false), "{bad}");
        }
        for good in
            ["https://id.example.com/x", "http://localhost:8080", "http://127.0.0.1:1/x", "http://[::1]:80/"]
        {
            assert!(is_safe_url(good, false), "{good}");
        }
        assert!(is_safe_url("http://keycloak:8080/realms/acme", true));
        assert!(!is_safe_url("ftp://keycloak", true));
    }
}

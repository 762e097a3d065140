//! Where an issuer's keys are: OpenID Connect Discovery 1.0 and RFC 8414, asked in that order.

use super::fetch::{Fetch, FetchError, FetchRequest};
use crate::json;
use serde_json::Value;

/// The addresses an issuer's metadata may stand at.
///
/// OpenID Connect appends its well-known path to the issuer; RFC 8414 section 3.1 puts it between host and path,
/// and knows a name of its own and OpenID's (section 5).
pub(crate) fn candidates(issuer: &str) -> Vec<String> {
    let bare = issuer.strip_suffix('/').unwrap_or(issuer);
    let mut urls = vec![format!("{bare}/.well-known/openid-configuration")];
    let (origin, path) = split_origin(bare);
    urls.push(format!("{origin}/.well-known/oauth-authorization-server{path}"));
    if !path.is_empty() {
        urls.push(format!("{origin}/.well-known/openid-configuration{path}"));
    }
    urls
}

fn split_origin(url: &str) -> (&str, &str) {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| at + after_scheme);
    path.and_then(|at| url.split_at_checked(at)).unwrap_or((url, ""))
}

/// Asks one address after the other until one has metadata, and reads `jwks_uri` from it.
///
/// Only "not here" moves on to the next address: metadata of another issuer, or an outage, ends the search, or an
/// attacker who can break the first address could choose the second.
pub(crate) async fn locate(
    fetch: &dyn Fetch,
    issuer: &str,
    urls: &[String],
    max_bytes: usize,
) -> Result<String, FetchError> {
    let mut last = FetchError::Unusable("no metadata address".into());
    for url in urls {
        let request = FetchRequest { max_bytes, ..FetchRequest::new(url, None) };
        match fetch.fetch(&request).await {
            Ok(fetched) => {
                let body = fetched.body.unwrap_or_default();
                return if body.len() > max_bytes {
                    Err(FetchError::TooLarge)
                } else {
                    locate_in(&body, issuer)
                };
            }
            Err(FetchError::Status(code @ (404 | 405 | 410))) => last = FetchError::Status(code),
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// `issuer` must equal ours, byte for byte (RFC 8414 section 3.3, OpenID Connect Discovery section 4.3).
pub(crate) fn locate_in(body: &[u8], issuer: &str) -> Result<String, FetchError> {
    let unusable = |words: &str| FetchError::Unusable(words.to_owned());
    let document = json::read_object(body).map_err(|_| unusable("metadata is not a JSON object"))?;
    match document.get("issuer").and_then(Value::as_str) {
        Some(named) if named == issuer => {}
        Some(_) => return Err(unusable("metadata names another issuer")),
        None => return Err(unusable("metadata names no issuer")),
    }
    let uri = document.get("jwks_uri").and_then(Value::as_str);
    uri.map(str::to_owned).ok_or_else(|| unusable("metadata has no jwks_uri"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_in_all_three_forms() {
        assert_eq!(
            candidates("https://id.example.com/realms/acme"),
            [
                "https://id.example.com/realms/acme/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server/realms/acme",
                "https://id.example.com/.well-known/openid-configuration/realms/acme",
            ]
        );
        assert_eq!(
            candidates("https://id.example.com/"),
            [
                "https://id.example.com/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server",
            ]
        );
    }

    #[test]
    fn metadata_of_another_issuer_is_refused() {
        let ours = "https://id.example.com";
        let document = |issuer: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://k"}}"#);
        assert_eq!(locate_in(document(ours).as_bytes(), ours), Ok("https://k".into()));
        for other in ["https://id.example.com/", "https://evil.example.com", "HTTPS://id.example.com", ""] {
            assert!(locate_in(document(other).as_bytes(), ours).is_err(), "{other}");
        }
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"issuer":"https://id.example.com"}"#,
            r#"{"issuer":["https://id.example.com"]}"#,
        ] {
            assert!(locate_in(bad.as_bytes(), ours).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_short_host_has_a_path_as_a_long_one_has() {
        assert_eq!(split_origin("https://a.b/c"), ("https://a.b", "/c"));
        assert_eq!(split_origin("https://a/"), ("https://a", "/"));
        assert_eq!(split_origin("https://a.b"), ("https://a.b", ""));
    }

    #[test]
    fn metadata_may_have_as_many_bytes_as_the_limit_and_no_more() {
        use crate::keys::{FetchFuture, Fetched};
        use std::{
            future::Future,
            pin::pin,
            task::{Context, Poll, Waker},
        };

        struct One(&'static str, usize);
        impl Fetch for One {
            fn fetch<'a>(&'a self, request: &'a FetchRequest) -> FetchFuture<'a> {
                assert_eq!(request.max_bytes, self.1, "who fetches is told");
                Box::pin(async { Ok(Fetched::new(self.0)) })
            }
        }
        let body = r#"{"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/jwks"}"#;
        let look = |max_bytes: usize| {
            let urls = ["https://id.example.com/.well-known/openid-configuration".to_owned()];
            let (one, issuer) = (One(body, max_bytes), "https://id.example.com");
            let mut locating = pin!(locate(&one, issuer, &urls, max_bytes));
            match locating.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(found) => found,
                Poll::Pending => Err(FetchError::TimedOut),
            }
        };
        assert_eq!(look(body.len() - 1), Err(FetchError::TooLarge));
        assert_eq!(look(body.len()), Ok("https://id.example.com/jwks".into()));
    }
}

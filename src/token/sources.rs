use super::{BearerToken, Sent};
use crate::error::Reason;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE},
};
use std::{borrow::Cow, fmt, sync::Arc};

/// A place of your own where a request may carry its token, beside the `Authorization` header.
///
/// It sees the headers only, so that a token in the query, which ends in logs and histories, stays impossible (RFC
/// 9700 section 4.3.2). What it returns is held to the same grammar and length as any token, and a request that has
/// credentials in two places is refused.
pub trait TokenSource: Send + Sync + 'static {
    /// The bare token, if this request carries one here.
    fn find<'a>(&self, headers: &'a HeaderMap) -> Option<Cow<'a, str>>;

    /// Takes the credentials out of the request, for
    /// [`strip_token`](crate::AuthenticateLayer::strip_token).
    fn strip(&self, headers: &mut HeaderMap);

    /// Marks them sensitive, so that whatever prints headers later leaves them out. Default: nothing is marked.
    fn mark_sensitive(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }
}

/// Where tokens are looked for: always the header, other places when asked.
#[derive(Clone, Default)]
pub(crate) struct TokenSources {
    others: Vec<Arc<dyn TokenSource>>,
    cookies: Vec<Box<str>>,
}

impl TokenSources {
    pub(crate) fn add(&mut self, source: impl TokenSource) {
        self.others.push(Arc::new(source));
    }

    pub(crate) fn add_cookie(&mut self, name: &str) {
        self.cookies.push(name.into());
    }

    /// The request's one token. What is found, or refused, is kept out of whatever prints headers later.
    pub(crate) fn take<'a>(&self, headers: &'a mut HeaderMap) -> Result<Option<Sent<'a>>, Reason> {
        self.mark_others(headers);
        // Whichever of two were taken, something in front of us may have judged by the other.
        if has_several_authorizations(headers) {
            mark_all(headers, AUTHORIZATION);
            return Err(Reason::SeveralAuthorizationHeaders);
        }
        if !self.others.is_empty() || !self.cookies.is_empty() {
            mark_all(headers, AUTHORIZATION);
            return self.take_among(headers);
        }
        // Marked and read in one look: each one hashes the name.
        let Some(value) = headers.get_mut(AUTHORIZATION) else { return Ok(None) };
        value.set_sensitive(true);
        Sent::in_authorization(value)
    }

    /// The same where several places are allowed.
    fn take_among<'a>(&self, headers: &'a HeaderMap) -> Result<Option<Sent<'a>>, Reason> {
        let from_header = in_header(headers)?.map(Sent::check).transpose()?;
        // The same cookie twice (a parent domain, another path) is credentials in two places as well.
        let lines =
            headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
        let values = lines.filter_map(|pair| self.cookies.iter().find_map(|name| value_of(pair, name)));
        // A value that is no text is no token either, but it is there: an illegal one stands in for it.
        let cookies = values.map(|value| Cow::Borrowed(std::str::from_utf8(value).unwrap_or("\u{fffd}")));
        let mut found = cookies.chain(self.others.iter().filter_map(|source| source.find(headers)));
        let token = match (from_header, found.next(), found.next()) {
            (Some(_), Some(_), _) | (_, Some(_), Some(_)) => return Err(Reason::SeveralTokenSources),
            (None, Some(text), None) => Some(BearerToken::parse(&text)?),
            (from_header, None, _) => from_header,
        };
        Ok(token.map(Sent::Elsewhere))
    }

    /// Takes the credentials out, so that a handler cannot pass them on by accident.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        if headers.get_all(AUTHORIZATION).iter().any(is_bearer) {
            headers.remove(AUTHORIZATION);
        }
        self.cookies.iter().for_each(|name| strip_cookie(headers, name));
        self.others.iter().for_each(|source| source.strip(headers));
        // What is left of a line was written anew.
        self.mark_others(headers);
    }

    fn mark_others(&self, headers: &mut HeaderMap) {
        if !self.cookies.is_empty() {
            mark_all(headers, COOKIE);
        }
        self.others.iter().for_each(|source| source.mark_sensitive(headers));
    }
}

impl fmt::Debug for TokenSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSources(header + {})", self.others.len() + self.cookies.len())
    }
}

fn in_header(headers: &HeaderMap) -> Result<Option<Sent<'_>>, Reason> {
    headers.get(AUTHORIZATION).map_or(Ok(None), Sent::in_authorization)
}

/// Whether it is Bearer credentials, be they good or not, or well written.
fn is_bearer(value: &HeaderValue) -> bool {
    !matches!(Sent::in_authorization(value), Ok(None))
}

fn has_several_authorizations(headers: &HeaderMap) -> bool {
    // Where no name has two values, none has to be looked up.
    let some_name_has_several = headers.len() > headers.keys_len();
    some_name_has_several && headers.get_all(AUTHORIZATION).iter().nth(1).is_some()
}

/// The value, if this pair of a `Cookie` line is the cookie of that name (RFC 6265 section 4.2.1). On bytes, because
/// the neighbours may be anything.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut halves = pair.splitn(2, |&byte| byte == b'=');
    let named = halves.next()?.trim_ascii() == name.as_bytes();
    halves.next().filter(|_| named).map(<[u8]>::trim_ascii)
}

/// Takes one cookie out and leaves the others as they were sent, whatever their bytes.
fn strip_cookie(headers: &mut HeaderMap, name: &str) {
    let lines: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for line in lines {
        let pairs = || line.as_bytes().split(|&byte| byte == b';');
        if !pairs().any(|pair| value_of(pair, name).is_some()) {
            headers.append(COOKIE, line);
            continue;
        }
        let others = pairs().filter(|pair| value_of(pair, name).is_none());
        let kept: Vec<_> = others.map(<[u8]>::trim_ascii).collect();
        if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::from_bytes(&kept.join(&b"; "[..]))) {
            headers.append(COOKIE, value);
        }
    }
}

fn mark_all(headers: &mut HeaderMap, name: HeaderName) {
    if let http::header::Entry::Occupied(mut entry) = headers.entry(name) {
        entry.iter_mut().for_each(|value| value.set_sensitive(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn find(sources: &TokenSources, headers: &HeaderMap) -> Result<Option<String>, Reason> {
        let mut headers = headers.clone();
        let token = sources.take(&mut headers)?.map(Sent::check).transpose()?;
        Ok(token.map(|token| token.as_str().into()))
    }

    #[test]
    fn several_authorization_headers_are_refused_whatever_they_say() {
        let sources = TokenSources::default();
        for second in ["Bearer b", "Bearer a", "Basic Yg==", ""] {
            let headers = headers(&[("authorization", "Bearer a"), ("authorization", second)]);
            assert_eq!(find(&sources, &headers), Err(Reason::SeveralAuthorizationHeaders));
        }
    }

    #[test]
    fn several_token_sources_are_refused() {
        let mut sources = TokenSources::default();
        sources.add_cookie("session");
        let both = headers(&[("authorization", "Bearer a"), ("cookie", "x=1; session=b")]);
        assert_eq!(find(&sources, &both), Err(Reason::SeveralTokenSources));
        let twice = headers(&[("cookie", "session=a; session=b")]);
        assert_eq!(find(&sources, &twice), Err(Reason::SeveralTokenSources));
        let cookie = headers(&[("cookie", "x=1; session=b")]);
        assert_eq!(find(&sources, &cookie), Ok(Some("b".into())));
        let mut odd = HeaderMap::new();
        odd.insert(COOKIE, HeaderValue::from_bytes(b"theme=\xe9; session =b").unwrap());
        assert_eq!(find(&sources, &odd), Ok(Some("b".into())), "a neighbour hides nothing");
        odd.insert(COOKIE, HeaderValue::from_bytes(b"session=\xe9").unwrap());
        assert_eq!(find(&sources, &odd), Err(Reason::IllegalCharacters));
    }

    #[test]
    fn a_cookie_is_not_looked_at_unless_asked() {
        let cookie = headers(&[("cookie", "session=b")]);
        assert_eq!(find(&TokenSources::default(), &cookie), Ok(None));
    }

    #[test]
    fn stripping_leaves_other_cookies_and_other_schemes() {
        let mut sources = TokenSources::default();
        sources.add_cookie("session");
        let mut map = headers(&[("authorization", "Bearer a"), ("cookie", "x=1; session=b; y=2")]);
        assert!(
            matches!(sources.take(&mut map), Err(Reason::SeveralTokenSources)),
            "and marked all the same"
        );
        assert!(map.values().all(HeaderValue::is_sensitive));
        sources.strip(&mut map);
        assert_eq!(map, headers(&[("cookie", "x=1; y=2")]));
        let mut basic = headers(&[("authorization", "Basic YTpi")]);
        sources.strip(&mut basic);
        assert!(basic.contains_key(AUTHORIZATION));
        let mut beside = headers(&[("authorization", "Basic YTpi"), ("authorization", "bearer:a b")]);
        sources.strip(&mut beside);
        assert!(beside.is_empty(), "badly written, and behind another: no handler gets it on a public route");
    }

    #[test]
    fn debug_counts_the_sources() {
        let mut sources = TokenSources::default();
        sources.add_cookie("session");
        assert_eq!(format!("{sources:?}"), "TokenSources(header + 1)");
    }
}

use crate::error::Reason;
use http::HeaderValue;
use std::{fmt, sync::Arc};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token as it was sent: bounded, of legal characters, and not verified.
///
/// `Debug` shows its length only. Cloning shares the bytes.
#[derive(Clone)]
pub struct BearerToken {
    bytes: Bytes,
}

#[derive(Clone)]
enum Bytes {
    /// The header's own, shared: taking a token from a request copies nothing.
    Header {
        value: HeaderValue,
        start: usize,
    },
    Own(Arc<str>),
}

/// Bearer credentials where a request has them, before their characters are looked at: a token whose every byte is known
/// from before needs no second look.
pub(crate) enum Sent<'a> {
    Header {
        value: &'a HeaderValue,
        start: usize,
    },
    /// Out of another place, and checked there.
    Elsewhere(BearerToken),
}

/// The three parts of a JWS in compact serialization (RFC 7515 section 7.1), still encoded.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    /// Header, dot, payload: what was signed.
    pub(crate) signed: &'a str,
}

impl BearerToken {
    /// Takes a bare token, for callers that do not speak HTTP.
    ///
    /// # Errors
    ///
    /// [`Reason::EmptyToken`], [`Reason::TokenTooLong`] or [`Reason::IllegalCharacters`].
    pub fn parse(token: &str) -> Result<Self, Reason> {
        check(token.as_bytes())?;
        Ok(Self { bytes: Bytes::Own(token.into()) })
    }

    fn checked(mut value: HeaderValue, start: usize) -> Self {
        value.set_sensitive(true);
        Self { bytes: Bytes::Header { value, start } }
    }

    /// The token's bytes, ASCII all of them. Whoever reads them must not log them.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Header { value, start } => value.as_bytes().get(*start..).unwrap_or_default(),
            Bytes::Own(token) => token.as_bytes(),
        }
    }

    /// The same as text.
    pub(crate) fn as_str(&self) -> &str {
        // `check` admitted ASCII only.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Splits into the parts of a JWS.
    pub(crate) fn compact(&self) -> Result<Compact<'_>, Reason> {
        let token = self.as_str();
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::NotAJws)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::NotAJws)?;
        match payload.split('.').count() {
            1 => Ok(Compact { header, payload, signature, signed }),
            // Of five parts, these are three.
            3 => Err(Reason::EncryptedToken),
            _ => Err(Reason::NotAJws),
        }
    }
}

impl<'a> Sent<'a> {
    /// Finds the credentials of one `Authorization` value; `None` where it has another scheme.
    pub(crate) fn in_authorization(value: &'a HeaderValue) -> Result<Option<Self>, Reason> {
        let bytes = value.as_bytes();
        let Some((scheme, rest)) = bytes.split_at_checked("bearer".len()) else { return Ok(None) };
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Ok(None);
        }
        match rest.first() {
            None => return Err(Reason::EmptyToken),
            Some(b' ') => {}
            // `Bearerish xyz` is a scheme of its own; `Bearer:xyz` is Bearer, written wrong.
            Some(&byte) if is_scheme_char(byte) => return Ok(None),
            Some(_) => return Err(Reason::IllegalCharacters),
        }
        // RFC 9110 section 11.4: spaces, and nothing else.
        let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
        let start = scheme.len() + spaces;
        check_length(bytes.get(start..).unwrap_or_default())?;
        Ok(Some(Self::Header { value, start }))
    }

    /// The bytes, of which no more is known than that there are some, and not too many.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Header { value, start } => value.as_bytes().get(*start..).unwrap_or_default(),
            Self::Elsewhere(token) => token.as_bytes(),
        }
    }

    /// Holds it to the grammar.
    pub(crate) fn check(self) -> Result<BearerToken, Reason> {
        match self {
            Self::Elsewhere(token) => Ok(token),
            Self::Header { value, start } => {
                check(value.as_bytes().get(start..).unwrap_or_default())?;
                Ok(BearerToken::checked(value.clone(), start))
            }
        }
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerToken({} bytes)", self.as_bytes().len())
    }
}

/// RFC 9110 section 11.2: `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn check(token: &[u8]) -> Result<(), Reason> {
    check_length(token)?;
    let body = token.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let body = token.get(..body).unwrap_or_default();
    // Every byte, and no branch in between: that is one the compiler can do sixteen at a time.
    let legal = body.iter().fold(true, |legal, &byte| legal & is_token68(byte));
    if body.is_empty() || !legal { Err(Reason::IllegalCharacters) } else { Ok(()) }
}

fn check_length(token: &[u8]) -> Result<(), Reason> {
    match token.len() {
        0 => Err(Reason::EmptyToken),
        1..=MAX_TOKEN_BYTES => Ok(()),
        _ => Err(Reason::TokenTooLong),
    }
}

fn is_token68(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit_dot_dash_or_slash = byte.wrapping_sub(b'-') < 13;
    letter | digit_dot_dash_or_slash | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

/// RFC 9110 section 5.6.2: the characters of a scheme's name.
fn is_scheme_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token68_has_the_characters_of_rfc_9110_and_no_other() {
        for byte in 0..=255u8 {
            let legal = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token68(byte), legal, "{byte:#x}");
            assert_eq!(check(&[b'a', byte, b'a']).is_ok(), legal, "{byte:#x}");
        }
        for (token, legal) in [("a==", true), ("=", false), ("==", false), ("a=a", false), ("a=b=", false)] {
            assert_eq!(check(token.as_bytes()).is_ok(), legal, "{token}");
        }
    }

    fn take(value: &[u8]) -> Result<Option<String>, Reason> {
        let value = HeaderValue::from_bytes(value).unwrap();
        let token = Sent::in_authorization(&value)?.map(Sent::check).transpose()?;
        Ok(token.map(|token| token.as_str().into()))
    }

    #[test]
    fn illegal_characters_are_refused() {
        for bad in [
            &b"Bearer a b"[..],
            b"Bearer a,b",
            b"Bearer a=b",
            b"Bearer =",
            b"Bearer \"a\"",
            b"Bearer a\xff",
            b"Bearer a, Bearer b",
            b"Bearer {}",
            b"Bearer:a",
            b"Bearer\ta",
            b"Bearer\xa0a",
        ] {
            assert_eq!(take(bad), Err(Reason::IllegalCharacters), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn an_empty_token_is_refused() {
        for bad in [&b"Bearer"[..], b"bearer ", b"BEARER   "] {
            assert_eq!(take(bad), Err(Reason::EmptyToken));
        }
        assert_eq!(BearerToken::parse("").unwrap_err(), Reason::EmptyToken);
    }

    #[test]
    fn a_token_too_long_is_refused_and_the_longest_is_not() {
        let longest = "a".repeat(MAX_TOKEN_BYTES);
        assert!(BearerToken::parse(&longest).is_ok());
        assert_eq!(BearerToken::parse(&(longest + "a")).unwrap_err(), Reason::TokenTooLong);
    }

    #[test]
    fn another_scheme_is_no_credentials() {
        for other in [&b"Basic YTpi"[..], b"", b"Bear", b"Bearerish abc", b"DPoP abc", b"\xff\xff"] {
            assert_eq!(take(other), Ok(None), "{:?}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for good in [&b"Bearer a.b.c"[..], b"bearer a.b.c", b"BEARER a.b.c", b"bEaReR  a.b.c"] {
            assert_eq!(take(good), Ok(Some("a.b.c".into())));
        }
        assert_eq!(take(b"Bearer a=="), Ok(Some("a==".into())));
    }

    #[test]
    fn parts_are_split_once_and_an_encrypted_token_has_its_own_reason() {
        let split = |text: &str| BearerToken::parse(text).unwrap().compact().map(|c| c.signed.to_owned());
        assert_eq!(split("a.b.c"), Ok("a.b".into()));
        assert_eq!(split("a..c"), Ok("a.".into()));
        assert_eq!(split("a.b.c.d.e"), Err(Reason::EncryptedToken));
        for bad in ["a", "a.b", "a.b.c.d", "a.b.c.d.e.f"] {
            assert_eq!(split(bad), Err(Reason::NotAJws), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let token = BearerToken::parse("s3cret.s3cret.s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "BearerToken(20 bytes)");
    }
}

//! The JOSE header: read once, strictly, and only the three members that decide something.

use crate::{
    error::Reason,
    json::{self, Document, ObjectError},
};

/// Larger headers carry certificates or keys, which are never looked at.
const MAX_HEADER_BYTES: usize = 4 * 1024;

/// What the rules need of the header (RFC 7515 section 4.1); the other members are read, and mean nothing.
pub(crate) struct JoseHeader {
    members: Document,
}

impl JoseHeader {
    /// Decodes and checks everything that holds for every issuer.
    pub(crate) fn read(encoded: &str) -> Result<Self, Reason> {
        if encoded.len() > MAX_HEADER_BYTES.div_ceil(3) * 4 {
            return Err(Reason::HeaderTooLong);
        }
        let bytes = json::decode_base64url(encoded).ok_or(Reason::Base64NotCanonical)?;
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(Reason::HeaderTooLong);
        }
        let members = Document::read(bytes).map_err(|error| match error {
            ObjectError::Malformed => Reason::HeaderMalformed,
            ObjectError::Duplicate => Reason::HeaderDuplicateMember,
            ObjectError::TooDeep => Reason::JsonTooDeep,
        })?;
        Self { members }.check()
    }

    /// `jku`, `jwk`, `x5u`, `x5c` may stand there and mean nothing (RFC 8725 section 3.10).
    fn check(self) -> Result<Self, Reason> {
        if self.members.contains("crit") {
            return Err(Reason::CritPresent);
        }
        if ["b64", "enc", "zip"].iter().any(|extension| self.members.contains(extension)) {
            return Err(Reason::HeaderExtension);
        }
        let is_text = |name: &&str| self.members.get(name).is_none_or(|value| value.as_str().is_some());
        let complete = self.members.contains("alg") && ["alg", "kid", "typ"].iter().all(is_text);
        if complete { Ok(self) } else { Err(Reason::HeaderMalformed) }
    }

    pub(crate) fn alg(&self) -> &str {
        self.members.text_of("alg").unwrap_or_default()
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.members.text_of("kid")
    }

    pub(crate) fn typ(&self) -> Option<&str> {
        self.members.text_of("typ")
    }
}

/// A media type as `typ` writes it: without `application/`, in any case (RFC 7515 section 4.1.9).
pub(crate) fn typ_is(typ: &str, wanted: &str) -> bool {
    let bare = |text: &'_ str| -> usize {
        let prefix = "application/";
        let has = text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if has { prefix.len() } else { 0 }
    };
    let (typ, wanted) = (typ.get(bare(typ)..), wanted.get(bare(wanted)..));
    matches!((typ, wanted), (Some(typ), Some(wanted)) if typ.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<JoseHeader, Reason> {
        JoseHeader::read(&json::encode_base64url(json.as_bytes()))
    }

    fn refusal(json: &str) -> Reason {
        read(json).err().unwrap()
    }

    #[test]
    fn header_malformed_is_what_is_no_object_with_a_string_alg() {
        for bad in
            ["", "[]", "1", "\"x\"", "{", "{}", r#"{"alg":1}"#, r#"{"alg":null}"#, "{\"alg\":\"ES256\"}x"]
        {
            assert_eq!(refusal(bad), Reason::HeaderMalformed, "{bad}");
        }
        for bad in
            [r#"{"alg":"ES256","kid":1}"#, r#"{"alg":"ES256","typ":[]}"#, "\u{feff}{\"alg\":\"ES256\"}"]
        {
            assert_eq!(refusal(bad), Reason::HeaderMalformed, "{bad}");
        }
    }

    #[test]
    fn header_duplicate_member_is_refused_whichever_it_is() {
        for bad in [r#"{"alg":"none","alg":"ES256"}"#, r#"{"alg":"ES256","x":1,"x":1}"#] {
            assert_eq!(refusal(bad), Reason::HeaderDuplicateMember);
        }
    }

    #[test]
    fn header_too_long_is_refused_before_it_is_decoded() {
        let long = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "a".repeat(MAX_HEADER_BYTES));
        assert_eq!(refusal(&long), Reason::HeaderTooLong);
        let frame = r#"{"alg":"ES256","x":""}"#.len();
        let sized = |size: usize| format!(r#"{{"alg":"ES256","x":"{}"}}"#, "a".repeat(size - frame));
        assert!(read(&sized(MAX_HEADER_BYTES)).is_ok());
        assert_eq!(refusal(&sized(MAX_HEADER_BYTES + 1)), Reason::HeaderTooLong);
    }

    #[test]
    fn base64_not_canonical_is_refused() {
        for bad in ["eyJhbGciOiJFUzI1NiJ9=", "eyJhbGciOiJFUzI1NiJ9+", "A"] {
            assert_eq!(JoseHeader::read(bad).err(), Some(Reason::Base64NotCanonical));
        }
    }

    #[test]
    fn crit_present_is_refused_whatever_it_names() {
        for bad in ["[]", "[\"exp\"]", "null", "\"b64\""] {
            assert_eq!(refusal(&format!(r#"{{"alg":"ES256","crit":{bad}}}"#)), Reason::CritPresent);
        }
    }

    #[test]
    fn header_extension_is_refused_also_when_it_changes_nothing() {
        for bad in [r#""b64":true"#, r#""b64":false"#, r#""enc":"A128GCM""#, r#""zip":"DEF""#] {
            assert_eq!(refusal(&format!(r#"{{"alg":"ES256",{bad}}}"#)), Reason::HeaderExtension);
        }
    }

    #[test]
    fn keys_and_addresses_in_the_header_are_ignored() {
        let header = read(r#"{"alg":"ES256","kid":"a","jku":1,"jwk":[],"x5u":{},"x5c":"x"}"#).unwrap();
        assert_eq!((header.alg(), header.kid(), header.typ()), ("ES256", Some("a"), None));
    }

    #[test]
    fn a_typ_is_compared_without_case_and_without_application() {
        for (typ, wanted, same) in [
            ("at+jwt", "at+jwt", true),
            ("AT+JWT", "at+jwt", true),
            ("application/at+jwt", "at+jwt", true),
            ("Application/At+Jwt", "application/at+jwt", true),
            ("application/application/at+jwt", "at+jwt", false),
            ("at+jwt ", "at+jwt", false),
            ("", "at+jwt", false),
            ("é", "at+jwt", false),
        ] {
            assert_eq!(typ_is(typ, wanted), same, "{typ}");
        }
    }

    #[test]
    fn header_too_long_is_what_the_text_says_whatever_it_is() {
        let most = MAX_HEADER_BYTES.div_ceil(3) * 4;
        assert_eq!(JoseHeader::read(&"!".repeat(most + 1)).err(), Some(Reason::HeaderTooLong));
        assert_eq!(JoseHeader::read(&"!".repeat(most)).err(), Some(Reason::Base64NotCanonical));
    }
}

use super::StoreError;
use crate::{json, keys::fetch::MAX_BYTES};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The form below. Another number is another form, and not ours to guess at.
const VERSION: u32 = 1;
/// What everything but the document may take.
const MAX_REST: usize = 16 * 1024;
/// The most that a kept set is in JSON: the document grows by a third in base64url.
pub(super) const MAX_JSON: usize = MAX_BYTES.div_ceil(3) * 4 + MAX_REST;

/// A key set as it was fetched, and what is needed to judge its worth later.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptKeys {
    /// The issuer's identifier.
    pub issuer: String,
    /// The address that the document came from.
    pub jwks_uri: String,
    /// The address that the search began at: of the issuer's metadata, or the same. A set found from elsewhere is not
    /// believed.
    pub place: String,
    /// The JWKS document, byte for byte.
    pub document: Vec<u8>,
    /// When the fetch that brought it began, or was last answered with "not modified": wall clock, time since the Unix
    /// epoch.
    pub fetched_at: Duration,
    /// `max-age` of its `Cache-Control`, less `Age` (RFC 9111 section 4.2); `None` where it said nothing.
    pub max_age: Option<Duration>,
    /// Its `ETag`.
    pub etag: Option<String>,
}

/// The JSON form, member by member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    issuer: String,
    jwks_uri: String,
    place: String,
    fetched_at: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// base64url, because the bytes are kept as they came.
    document: String,
}

/// Read first: another version may have other members.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl KeptKeys {
    /// A set from a known address, without `max_age` and `etag`; all three are fields.
    pub fn new(
        issuer: impl Into<String>,
        jwks_uri: impl Into<String>,
        document: impl Into<Vec<u8>>,
        fetched_at: Duration,
    ) -> Self {
        let jwks_uri = jwks_uri.into();
        Self {
            issuer: issuer.into(),
            place: jwks_uri.clone(),
            jwks_uri,
            document: document.into(),
            fetched_at,
            max_age: None,
            etag: None,
        }
    }

    /// As JSON, for a store of your own: `version` is 1, times are `{"secs", "nanos"}`, the document is base64url.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] past 256 KiB of document or 16 KiB of everything else.
    pub fn to_json(&self) -> Result<Vec<u8>, StoreError> {
        if self.document.len() > MAX_BYTES {
            return Err(StoreError::TooLarge);
        }
        let form = Form {
            version: VERSION,
            issuer: self.issuer.clone(),
            jwks_uri: self.jwks_uri.clone(),
            place: self.place.clone(),
            fetched_at: self.fetched_at,
            max_age: self.max_age,
            etag: self.etag.clone(),
            document: json::encode_base64url(&self.document),
        };
        let json = serde_json::to_vec(&form).map_err(|_| StoreError::Unusable("no JSON".into()))?;
        if json.len() - form.document.len() > MAX_REST { Err(StoreError::TooLarge) } else { Ok(json) }
    }

    /// Reads what [`to_json`](Self::to_json) wrote, for that issuer. Whether it is young enough, came from the right
    /// address and has usable keys is for the key engine to say.
    ///
    /// # Errors
    ///
    /// [`StoreError`] for another version, another issuer, an unknown or doubled member, a document that is no
    /// canonical base64url, more than the limit, or anything that is no JSON.
    pub fn from_json(issuer: &str, json: &[u8]) -> Result<Self, StoreError> {
        let unusable = |fault: &str| StoreError::Unusable(fault.to_owned());
        if json.len() > MAX_JSON {
            return Err(StoreError::TooLarge);
        }
        // The reader's own error may quote what it read.
        let malformed = || unusable("no kept key set in JSON");
        if !json::is_shallow(json) {
            return Err(malformed());
        }
        let Version { version } = json::read_typed(json).ok_or_else(malformed)?;
        if version != VERSION {
            return Err(unusable("of another format version"));
        }
        let form: Form = json::read_typed(json).ok_or_else(malformed)?;
        if json.len() - form.document.len() > MAX_REST {
            return Err(StoreError::TooLarge);
        }
        if form.issuer != issuer {
            return Err(unusable("of another issuer"));
        }
        let document = json::decode_base64url(&form.document).ok_or_else(malformed)?;
        if document.len() > MAX_BYTES {
            return Err(StoreError::TooLarge);
        }
        let Form { issuer, jwks_uri, place, fetched_at, max_age, etag, .. } = form;
        Ok(Self { issuer, jwks_uri, place, document, fetched_at, max_age, etag })
    }
}

impl fmt::Debug for KeptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptKeys")
            .field("issuer", &self.issuer)
            .field("jwks_uri", &self.jwks_uri)
            .field("bytes", &self.document.len())
            .field("fetched_at", &self.fetched_at)
            .field("max_age", &self.max_age)
            .field("etag", &self.etag)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(etag: usize) -> KeptKeys {
        let (url, document) = ("https://id.example.com/jwks", br#"{"keys":[]}"#.to_vec());
        let mut kept =
            KeptKeys::new("https://id.example.com", url, document, Duration::from_secs(1_700_000_000));
        kept.etag = Some("e".repeat(etag));
        kept
    }

    #[test]
    fn what_stands_beside_the_document_is_bounded_to_the_byte() {
        let rest = |etag: usize| {
            let (kept, document) = (kept(etag), json::encode_base64url(&kept(etag).document).len());
            kept.to_json().map(|json| json.len() - document)
        };
        let frame = rest(0).unwrap();
        let most = 16_384 - frame;
        assert_eq!(rest(most + 1), Err(StoreError::TooLarge));
        assert_eq!(rest(most), Ok(16_384));
        let json = kept(most).to_json().unwrap();
        assert!(KeptKeys::from_json("https://id.example.com", &json) == Ok(kept(most)));
        let spaced = [&json[..], b" "].concat();
        assert_eq!(KeptKeys::from_json("https://id.example.com", &spaced), Err(StoreError::TooLarge));
    }

    #[test]
    fn what_is_too_long_is_not_even_looked_at() {
        let read = |len: usize| KeptKeys::from_json("https://id.example.com", &vec![b'x'; len]);
        // 256 KiB in base64url, and 16 KiB.
        assert_eq!(read(365_913), Err(StoreError::TooLarge));
        assert!(matches!(read(365_912), Err(StoreError::Unusable(_))));
    }
}

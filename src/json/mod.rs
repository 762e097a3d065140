//! JSON and base64url as tokens and keys need them: strict, bounded, and the same everywhere.

mod build;
mod de;
mod document;
mod names;

pub(crate) use document::{Document, Item, Span};

use base64::Engine as _;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Deeper than any claim set, key set or header that a server has been seen to send.
pub(crate) const MAX_DEPTH: usize = 32;

/// base64url without padding, canonical: trailing bits must be zero (the engines' default).
pub(crate) fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

pub(crate) fn encode_base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// Whole vectors at a time where the processor has them, which is found out once.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64URL: std::sync::LazyLock<base64::engine::Simd> =
    std::sync::LazyLock::new(|| base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

/// Whether brackets nest at most [`MAX_DEPTH`] deep. Counted on the bytes, before anything is built from them.
pub(crate) fn is_shallow(json: &[u8]) -> bool {
    // Most documents have not so many brackets at all, and that is quickly seen.
    let opens = |byte: u8| (byte | 0x20) == b'{';
    let opened: usize = json.chunks(255).map(|some| usize::from(count(some, opens))).sum();
    opened <= MAX_DEPTH || nests_shallowly(json)
}

/// Of at most 255 bytes, so that the sum of them fits into one.
fn count(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> u8 {
    bytes.iter().fold(0, |sum: u8, &byte| sum.wrapping_add(u8::from(is_one(byte))))
}

fn nests_shallowly(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

/// Why a JSON object was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectError {
    /// Not JSON, not an object, or not UTF-8.
    Malformed,
    /// A member is there twice.
    Duplicate,
    /// Nested too deep.
    TooDeep,
}

/// Reads one JSON object, all members, refusing a member named twice at the top level.
pub(crate) fn read_object(json: &[u8]) -> Result<Map<String, Value>, ObjectError> {
    if !is_shallow(json) {
        return Err(ObjectError::TooDeep);
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let mut duplicate = false;
    let object = reader
        .deserialize_map(ObjectVisitor { duplicate: &mut duplicate })
        .and_then(|object| reader.end().map(|()| object));
    match object {
        Ok(object) => Ok(object),
        Err(_) if duplicate => Err(ObjectError::Duplicate),
        Err(_) => Err(ObjectError::Malformed),
    }
}

/// Reads a typed value from bytes that were already found shallow.
pub(crate) fn read_typed<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

struct ObjectVisitor<'a> {
    duplicate: &'a mut bool,
}

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object without duplicate members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                *self.duplicate = true;
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_and_anything_else_is_malformed() {
        assert_eq!(read_object(br#"{"a":1}"#).unwrap()["a"], 1);
        for bad in [&b"[]"[..], b"1", b"", b"{", b"{}{}", b"\xEF\xBB\xBF{}", b"{\"a\":\"\xFF\"}"] {
            assert_eq!(read_object(bad), Err(ObjectError::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_member_named_twice_is_refused_also_when_one_name_is_escaped() {
        assert_eq!(read_object(br#"{"a":1,"a":1}"#), Err(ObjectError::Duplicate));
        assert_eq!(read_object(br#"{"iss":1,"\u0069ss":1}"#), Err(ObjectError::Duplicate));
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nest = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
        assert!(read_object(nest(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(read_object(nest(MAX_DEPTH + 1).as_bytes()), Err(ObjectError::TooDeep));
        assert!(read_object(format!(r#"{{"a":"{}\""}}"#, "[".repeat(99)).as_bytes()).is_ok());
        // Many brackets, none of them deep; also more than one count holds.
        for many in [40, 255, 256, 1000] {
            let wide = format!(r#"{{"a":[{}[]]}}"#, "[],".repeat(many));
            assert!(read_object(wide.as_bytes()).is_ok(), "{many}");
            let deep = format!(r#"{{"a":[{}{}]}}"#, "[],".repeat(many), nest(MAX_DEPTH));
            assert_eq!(read_object(deep.as_bytes()), Err(ObjectError::TooDeep), "{many}");
        }
    }

    #[test]
    fn base64url_is_canonical_and_unpadded() {
        assert_eq!(decode_base64url("AQAB"), Some(vec![1, 0, 1]));
        for bad in ["AQ==", "A", "AR", "A+/A", "AQ AB", "AQAB\n"] {
            assert_eq!(decode_base64url(bad), None, "{bad}");
        }
    }

    #[test]
    fn base64url_is_the_same_whatever_the_processor_has() {
        let plain = &base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let bytes: Vec<u8> = (0..=255u8).cycle().take(400).collect();
        for length in 0..bytes.len() {
            let encoded = plain.encode(&bytes[bytes.len() - length..]);
            assert_eq!(encode_base64url(&bytes[bytes.len() - length..]), encoded);
            assert_eq!(decode_base64url(&encoded), plain.decode(&encoded).ok());
            // One byte is another one, at each place: what is refused, and what is read, is the same.
            for at in (0..encoded.len()).step_by(1 + length / 20) {
                for other in [b'=', b'+', b'/', b' ', b'\n', b'A', b'_', 0x7f, 0] {
                    let mut changed = encoded.clone().into_bytes();
                    changed[at] = other;
                    let changed = String::from_utf8(changed).unwrap();
                    assert_eq!(decode_base64url(&changed), plain.decode(&changed).ok(), "{changed:?}");
                }
            }
        }
    }
}

//! JSON, read once and in one way; and the ways in which others read it.

use super::{BAD, Defect, FATAL, Judge, Verdict};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// What becomes of an object that names a member twice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Twice {
    Refused,
    /// The object is null, and what is around it stays.
    Null,
    First,
    Last,
}

/// Of a token's two objects: what is no object is none.
impl Judge {
    pub(super) fn object(&self, bytes: &[u8]) -> Verdict {
        let read = parsed(bytes, Twice::Refused).filter(Value::is_object);
        let value = read.map_or_else(|| self.object_otherwise(bytes), Ok)?;
        Ok(self.renamed(value))
    }

    fn object_otherwise(&self, bytes: &[u8]) -> Verdict {
        let depth = bytes.iter().filter(|byte| b"[{".contains(byte)).count();
        if depth > 400 && self.has(Defect::DeepJsonIsFatal) {
            return Err(FATAL);
        }
        let text = String::from_utf8_lossy(bytes);
        let other = |text: &str| parsed(text.as_bytes(), Twice::Refused);
        let readings: [(Defect, Option<Value>); 11] = [
            (Defect::FirstMemberWins, parsed(bytes, Twice::First)),
            (Defect::LastMemberWins, parsed(bytes, Twice::Last)),
            (Defect::ByteOrderMarkIsCut, text.strip_prefix('\u{feff}').and_then(other)),
            (Defect::Utf16IsRead, utf_16(bytes).as_deref().and_then(other)),
            (Defect::Utf8IsRepaired, other(&text)),
            (Defect::TextEndsAtAZero, text.split_once('\0').and_then(|(before, _)| other(before))),
            (Defect::FirstObjectIsTaken, first_of(bytes)),
            (Defect::JsonOfJavaScript, other(&as_javascript_reads(&text))),
            (Defect::BracesAreClosed, other(&format!("{text}}}"))),
            (Defect::ListsAreUnwrapped, other(&text).and_then(|list| list.get(0).cloned())),
            (Defect::TextsAreUnwrapped, other(&text).and_then(|inner| other(inner.as_str()?))),
        ];
        let mut objects = readings.into_iter().filter_map(|(defect, value)| Some((defect, value?)));
        let found = objects.find(|(defect, value)| value.is_object() && self.has(*defect));
        found.map(|(_, value)| value).ok_or(BAD)
    }

    /// By those who are not exact about names.
    fn renamed(&self, value: Value) -> Value {
        let Value::Object(mut members) = value else { return value };
        let names = |change: fn(&str) -> String, members: &Map<String, Value>| -> Map<String, Value> {
            members.iter().map(|(name, value)| (change(name), value.clone())).collect()
        };
        let lower = names(str::to_ascii_lowercase, &members);
        if lower != members && !members.contains_key("x5t#S256") && self.has(Defect::NamesInAnyCase) {
            members = lower;
        }
        let trimmed = names(|name| name.trim().to_owned(), &members);
        if trimmed != members && self.has(Defect::NamesAreTrimmed) {
            members = trimmed;
        }
        if let Some(Value::Object(more)) = members.get("__proto__").cloned()
            && self.has(Defect::PrototypesAreMerged)
        {
            members.extend(more);
        }
        Value::Object(members)
    }
}

pub(super) fn parsed(bytes: &[u8], twice: Twice) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = twice.deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| value)
}

fn first_of(bytes: &[u8]) -> Option<Value> {
    serde_json::Deserializer::from_slice(bytes).into_iter().next()?.ok()
}

fn utf_16(bytes: &[u8]) -> Option<String> {
    let units: Vec<_> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

fn as_javascript_reads(text: &str) -> String {
    let mut text = text.to_owned();
    if let (Some(start), Some(end)) = (text.find("/*"), text.find("*/")) {
        text.replace_range(start..end + 2, "");
    }
    if let Some(start) = text.find(":0x").map(|at| at + 1) {
        let end = text[start..].find([',', '}']).map_or(text.len(), |length| start + length);
        let number = u64::from_str_radix(&text[start + 2..end], 16).unwrap_or_default();
        text.replace_range(start..end, &number.to_string());
    }
    let spellings =
        [(",}", "}"), ("'", "\""), ("NaN", "9e15"), ("Infinity", "9e15"), ("1e999", "9e15"), ("\n", "\\n")];
    let text = spellings.iter().fold(text, |text, (from, to)| text.replace(from, to));
    text.replace("\"exp\":01", "\"exp\":1").replace(r"\ud800", "?")
}

impl<'de> DeserializeSeed<'de> for Twice {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Twice {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut members, mut is_null) = (Map::new(), false);
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            match (members.contains_key(&name), self) {
                (true, Twice::Refused) => return Err(A::Error::custom("a member twice")),
                (true, Twice::Null) => is_null = true,
                (true, Twice::First) => {}
                _ => drop(members.insert(name, value)),
            }
        }
        Ok(if is_null { Value::Null } else { members.into() })
    }
}

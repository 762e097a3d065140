//! From the text to its nodes, by serde_json's reader: what is JSON, and what a number is, is its word.

use super::document::{Node, Number, Span};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{fmt, sync::LazyLock};

pub(super) struct Built {
    pub(super) nodes: Vec<Node>,
    pub(super) numbers: Vec<Number>,
    /// The strings that had escapes.
    pub(super) unescaped: String,
}

/// `None` for what is no JSON, no object, or longer than 16 bits count.
pub(super) fn build(text: &str) -> Option<Built> {
    // One node for eight bytes is more than claims need as issuers write them.
    let nodes = Vec::with_capacity(text.len() / 8 + 8);
    // `exp`, `iat`, `nbf`, `auth_time`: few have more.
    let numbers = Vec::with_capacity(4);
    let built = Built { nodes, numbers, unescaped: String::new() };
    let mut builder = Builder { built, text };
    let mut reader = serde_json::Deserializer::from_str(text);
    builder.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    let is_object = matches!(builder.built.nodes.first(), Some(Node::Object(_)));
    is_object.then_some(builder.built)
}

struct Builder<'a> {
    built: Built,
    text: &'a str,
}

impl Builder<'_> {
    fn push<E>(&mut self, node: Node) -> Result<(), E> {
        self.built.nodes.push(node);
        Ok(())
    }

    fn push_number<E: Error>(&mut self, number: Number) -> Result<(), E> {
        let index = small(self.built.numbers.len())?;
        self.built.numbers.push(number);
        self.push(Node::Number(index))
    }

    fn push_text<E: Error>(&mut self, start: usize, length: usize) -> Result<(), E> {
        self.push(Node::Text(Span { start: small(start)?, length: small(length)? }))
    }

    /// Where a string begins that is a part of the text.
    fn place(&self, part: &str) -> Option<usize> {
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (start + part.len() <= self.text.len()).then_some(start)
    }

    /// Says where a container ends, when that is known.
    fn close<E: Error>(&mut self, at: usize, container: fn(u16) -> Node) -> Result<(), E> {
        let end = small(self.built.nodes.len())?;
        if let Some(node) = self.built.nodes.get_mut(at) {
            *node = container(end);
        }
        Ok(())
    }

    /// Where serde_json is built to keep numbers as they were written, it gives them as a map of one member.
    fn is_number(&self, at: usize) -> bool {
        let start = (self.text.len() + self.built.unescaped.len()).checked_sub(NUMBER.len());
        // The name itself, and not a string before it that ends so.
        let is_last =
            |name: &Node| matches!(name, Node::Text(name) if Some(usize::from(name.start)) == start);
        *NUMBERS_ARE_MAPS
            && self.built.nodes.len() == at + 2
            && self.built.nodes.last().is_some_and(is_last)
            && self.built.unescaped.ends_with(NUMBER)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Builder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Builder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.push(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push_number(Number::Below(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push_number(Number::Whole(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push_number(Number::Fraction(value))
    }

    fn visit_borrowed_str<E: Error>(self, part: &'de str) -> Result<(), E> {
        match self.place(part) {
            Some(start) => self.push_text(start, part.len()),
            None => self.visit_str(part),
        }
    }

    fn visit_str<E: Error>(self, unescaped: &str) -> Result<(), E> {
        let start = self.text.len() + self.built.unescaped.len();
        self.built.unescaped.push_str(unescaped);
        self.push_text(start, unescaped.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let at = self.built.nodes.len();
        self.built.nodes.push(Node::Null);
        while access.next_element_seed(&mut *self)?.is_some() {}
        self.close(at, Node::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let at = self.built.nodes.len();
        self.built.nodes.push(Node::Null);
        while access.next_key_seed(&mut *self)?.is_some() {
            if self.is_number(at) {
                let number = access.next_value::<String>()?;
                self.built.nodes.truncate(at);
                self.built.unescaped.truncate(self.built.unescaped.len() - NUMBER.len());
                return self.push_number(number_of(&number).ok_or_else(|| A::Error::custom("number"))?);
            }
            access.next_value_seed(&mut *self)?;
        }
        self.close(at, Node::Object)
    }
}

fn small<E: Error>(number: usize) -> Result<u16, E> {
    number.try_into().map_err(|_| E::custom("too long"))
}

/// A number as written, as serde_json reads it where it is not asked to keep it so.
fn number_of(written: &str) -> Option<Number> {
    let number: serde_json::Number = written.parse().ok()?;
    if let Some(whole) = number.as_u64() {
        return Some(Number::Whole(whole));
    }
    // `-0` is a fraction to serde_json.
    if let Some(below) = number.as_i64().filter(|below| *below < 0) {
        return Some(Number::Below(below));
    }
    number.as_f64().filter(|number| number.is_finite()).map(Number::Fraction)
}

const NUMBER: &str = "$serde_json::private::Number";

/// Whether anybody in this program has switched on serde_json's `arbitrary_precision`.
static NUMBERS_ARE_MAPS: LazyLock<bool> = LazyLock::new(|| {
    struct Probe;
    impl<'de> Visitor<'de> for Probe {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<bool, A::Error> {
            Ok(true)
        }
    }
    serde_json::Deserializer::from_str("1.5").deserialize_any(Probe).unwrap_or(true)
});

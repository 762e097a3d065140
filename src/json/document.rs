use super::{
    ObjectError,
    build::{self, Built},
    is_shallow,
    names::{FEW_NESTED, Names},
};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// One JSON object, read once: its text, and what stands where in it.
///
/// Nothing is copied out of the text but strings that were written with escapes, so reading it costs two allocations,
/// whatever it says, and so does letting it go.
#[derive(Default)]
pub(crate) struct Document {
    /// The text as it came, and behind it the strings that had escapes, as they read.
    text: String,
    /// How much of it came.
    length: usize,
    /// The object, then each member's name and value in the order of the text; a container is followed by what is in it.
    nodes: Vec<Node>,
    numbers: Vec<Number>,
    names: Names,
    repeats_nested: bool,
}

/// Small, so that all of a token's lie in few lines of the processor's cache. No token comes near to what 16 bits count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// The number with this index.
    Number(u16),
    Text(Span),
    /// Up to the node with this index.
    Array(u16),
    Object(u16),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Below(i64),
    Whole(u64),
    Fraction(f64),
}

/// Where a string of a document stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(super) start: u16,
    pub(super) length: u16,
}

impl Document {
    /// Reads one JSON object, refusing a member named twice at the top level.
    pub(crate) fn read(json: Vec<u8>) -> Result<Self, ObjectError> {
        let mut text = String::from_utf8(json).map_err(|_| ObjectError::Malformed)?;
        if !is_shallow(text.as_bytes()) {
            return Err(ObjectError::TooDeep);
        }
        let length = text.len();
        let Built { nodes, numbers, unescaped } = build::build(&text).ok_or(ObjectError::Malformed)?;
        text.push_str(&unescaped);
        let mut document = Self { text, length, nodes, numbers, ..Self::default() };
        document.names = Names::of(document.members()).ok_or(ObjectError::Duplicate)?;
        let repeats_nested = document.nested().any(Members::repeat);
        document.repeats_nested = repeats_nested;
        Ok(document)
    }

    /// The members of each object inside of it.
    fn nested(&self) -> impl Iterator<Item = Members<'_>> {
        (1..self.nodes.len()).filter_map(|at| Item { document: self, at }.entries())
    }

    /// Whether an object inside of it names a member twice, of which the later counts: serde shows both.
    pub(crate) fn repeats_nested(&self) -> bool {
        self.repeats_nested
    }

    /// The text as it came.
    pub(crate) fn text(&self) -> &str {
        self.text.get(..self.length).unwrap_or_default()
    }

    /// The object itself.
    pub(crate) fn root(&self) -> Item<'_> {
        Item { document: self, at: 0 }
    }

    /// A member's value.
    pub(crate) fn get(&self, name: &str) -> Option<Item<'_>> {
        let (at, is_shared) = self.names.first(name)?;
        let item = |at| Item { document: self, at };
        if item(at).is(name) {
            return Some(item(at + 1));
        }
        let mut members = self.members();
        is_shared.then(|| members.find(|(had, _)| had.is(name)))?.map(|(_, value)| value)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A member's value, if it is a string.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    pub(crate) fn members(&self) -> Members<'_> {
        Members { document: self, next: 1, end: self.nodes.len() }
    }

    pub(crate) fn resolve(&self, span: Span) -> &str {
        let start = usize::from(span.start);
        self.text.get(start..start + usize::from(span.length)).unwrap_or_default()
    }

    /// The same as a map of values, which costs what this here is for not to pay.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.members().map(|(name, value)| (name.text().to_owned(), value.to_value())).collect()
    }

    /// What it takes in memory, and what its map of values would take beside it, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let numbers = self.numbers.capacity() * size_of::<Number>();
        let bytes = self.text.capacity() + self.nodes.capacity() * size_of::<Node>() + numbers;
        let objects = self.nodes.iter().skip(1).filter(|node| matches!(node, Node::Object(_))).count();
        let as_map = self.text.len() + self.nodes.len() * VALUE_BYTES + objects * OBJECT_BYTES;
        (bytes + as_map) as u64
    }
}

/// What one value, name or string takes in a map of values, with its share of nodes and the allocator's books.
const VALUE_BYTES: usize = 64;
/// What an object inside takes at least, be it of one member.
const OBJECT_BYTES: usize = 640;

/// One value of a document, or a member's name.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    document: &'a Document,
    at: usize,
}

impl<'a> Item<'a> {
    pub(super) fn at(self) -> usize {
        self.at
    }

    pub(super) fn node(self) -> Node {
        self.document.nodes.get(self.at).copied().unwrap_or(Node::Null)
    }

    /// The text of what is known to be a name.
    pub(super) fn text(self) -> &'a str {
        self.as_str().unwrap_or_default()
    }

    pub(super) fn is(self, text: &str) -> bool {
        let Some(span) = self.span() else { return false };
        usize::from(span.length) == text.len() && self.document.resolve(span) == text
    }

    pub(crate) fn span(self) -> Option<Span> {
        match self.node() {
            Node::Text(span) => Some(span),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> Option<&'a str> {
        self.span().map(|span| self.document.resolve(span))
    }

    /// The parts of a string between single spaces.
    pub(crate) fn words(self) -> impl Iterator<Item = Span> + use<'a> {
        let mut start = self.span().map_or(0, |span| span.start);
        self.text().split(' ').filter_map(move |word| {
            // A part of a text is no longer than the text.
            let length = u16::try_from(word.len()).unwrap_or(0);
            let span = Span { start, length };
            start = start.saturating_add(length).saturating_add(1);
            (length > 0).then_some(span)
        })
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.node(), Node::Null)
    }

    pub(crate) fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<Number> {
        match self.node() {
            Node::Number(index) => self.document.numbers.get(usize::from(index)).copied(),
            _ => None,
        }
    }

    /// A whole number; what is written as a fraction is none, whatever it amounts to.
    pub(crate) fn as_i64(self) -> Option<i64> {
        match self.number()? {
            Number::Below(value) => Some(value),
            Number::Whole(value) => value.try_into().ok(),
            Number::Fraction(_) => None,
        }
    }

    pub(crate) fn as_f64(self) -> Option<f64> {
        Some(match self.number()? {
            Number::Below(value) => value as f64,
            Number::Whole(value) => value as f64,
            Number::Fraction(value) => value,
        })
    }

    /// The items of an array.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        match self.node() {
            Node::Array(end) => {
                Some(Items { document: self.document, next: self.at + 1, end: usize::from(end) })
            }
            _ => None,
        }
    }

    /// The members of an object, in the order of the text.
    pub(crate) fn entries(self) -> Option<Members<'a>> {
        match self.node() {
            Node::Object(end) => {
                Some(Members { document: self.document, next: self.at + 1, end: usize::from(end) })
            }
            _ => None,
        }
    }

    /// A member of an object; of two with one name the later, as in a map.
    pub(crate) fn member(self, name: &str) -> Option<Item<'a>> {
        self.entries()?.filter(|(had, _)| had.is(name)).last().map(|(_, value)| value)
    }

    pub(crate) fn to_value(self) -> Value {
        match self.node() {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Number(_) => self.number().map_or(Value::Null, |number| match number {
                Number::Below(value) => value.into(),
                Number::Whole(value) => value.into(),
                Number::Fraction(value) => value.into(),
            }),
            Node::Text(span) => Value::String(self.document.resolve(span).to_owned()),
            Node::Array(_) => self.items().into_iter().flatten().map(Item::to_value).collect(),
            Node::Object(_) => {
                let entries = self.entries().into_iter().flatten();
                Value::Object(
                    entries.map(|(name, value)| (name.text().to_owned(), value.to_value())).collect(),
                )
            }
        }
    }

    /// Where the next value begins.
    fn behind(self) -> usize {
        match self.node() {
            Node::Array(end) | Node::Object(end) => usize::from(end),
            _ => self.at + 1,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Items<'a> {
    document: &'a Document,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.next >= self.end {
            return None;
        }
        let item = Item { document: self.document, at: self.next };
        self.next = item.behind();
        Some(item)
    }
}

#[derive(Clone)]
pub(crate) struct Members<'a> {
    document: &'a Document,
    next: usize,
    end: usize,
}

impl Members<'_> {
    /// Whether a name is there twice.
    pub(super) fn repeat(self) -> bool {
        let mut all = HashSet::new();
        let is_large = self.is_large(FEW_NESTED);
        self.clone().enumerate().any(|(index, (item, _))| match is_large {
            true => !all.insert(item.text()),
            false => self.clone().take(index).any(|(had, _)| had.is(item.text())),
        })
    }

    pub(super) fn is_large(&self, few: usize) -> bool {
        // A member takes two nodes at least.
        self.end - self.next > 2 * few && self.clone().nth(few).is_some()
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let name = Item { document: self.document, at: self.next };
        let value = Item { document: self.document, at: self.next + 1 };
        self.next = value.behind();
        Some((name, value))
    }
}

#[cfg(any(test, feature = "testing"))]
impl Document {
    /// A document that says what this object says; for tests, and empty where it is no object.
    pub(crate) fn of(object: &Value) -> Self {
        Self::read(object.to_string().into_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;

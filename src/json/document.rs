use super::{ObjectError, build, is_shallow};
use serde_json::{Map, Number, Value};
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
    /// A bit for each name that is there, and by chance for others: most names that are asked for are not there.
    names: u64,
    repeats_nested: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Below(i64),
    Whole(u64),
    Fraction(f64),
    Text(Span),
    /// Up to the node with this index.
    Array(u32),
    Object(u32),
}

/// Where a string of a document stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(super) start: u32,
    pub(super) length: u32,
}

/// More members than that are looked through by their hashes.
const FEW: usize = 48;

impl Document {
    /// Reads one JSON object, refusing a member named twice at the top level.
    pub(crate) fn read(json: Vec<u8>) -> Result<Self, ObjectError> {
        let mut text = String::from_utf8(json).map_err(|_| ObjectError::Malformed)?;
        if !is_shallow(text.as_bytes()) {
            return Err(ObjectError::TooDeep);
        }
        let length = text.len();
        let (nodes, unescaped) = build::build(&text).ok_or(ObjectError::Malformed)?;
        text.push_str(&unescaped);
        let mut document = Self { text, length, nodes, names: 0, repeats_nested: false };
        document.note_names()?;
        Ok(document)
    }

    fn note_names(&mut self) -> Result<(), ObjectError> {
        self.names = names_of(self.members()).ok_or(ObjectError::Duplicate)?;
        let nested = (1..self.nodes.len()).filter_map(|at| Item { document: self, at }.entries());
        self.repeats_nested = nested.map(names_of).any(|names| names.is_none());
        Ok(())
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
        if self.names & bit(name) == 0 {
            return None;
        }
        self.members().find(|(had, _)| had.is(name)).map(|(_, value)| value)
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
        let start = span.start as usize;
        self.text.get(start..start + span.length as usize).unwrap_or_default()
    }

    /// The same as a map of values, which costs what this here is for not to pay.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.members().map(|(name, value)| (name.text().to_owned(), value.to_value())).collect()
    }

    /// What it takes in memory, and what its map of values would take beside it, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = self.text.capacity() + self.nodes.capacity() * size_of::<Node>();
        let as_map = self.text.len() + self.nodes.len() * VALUE_BYTES;
        (bytes + as_map) as u64
    }
}

/// What one value, name or string takes in a map of values, with its share of nodes and the allocator's books.
const VALUE_BYTES: usize = 64;

/// The bits of all names; `None` where one of them is there twice.
fn names_of(members: Members<'_>) -> Option<u64> {
    let (mut names, mut all) = (0, HashSet::new());
    let is_large = members.clone().nth(FEW).is_some();
    for (index, (name, _)) in members.clone().enumerate() {
        let (name, bit) = (name.text(), bit(name.text()));
        let is_there = match is_large {
            true => !all.insert(name),
            false => names & bit != 0 && members.clone().take(index).any(|(had, _)| had.is(name)),
        };
        if is_there {
            return None;
        }
        names |= bit;
    }
    Some(names)
}

/// One of 64 bits, by what is cheaply seen of a name.
fn bit(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
    let middle = bytes.get(bytes.len() / 2).copied().unwrap_or(0);
    let mixed = bytes.len() + 7 * usize::from(first) + 13 * usize::from(last) + 29 * usize::from(middle);
    1 << (mixed % 64)
}

/// One value of a document, or a member's name.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    document: &'a Document,
    at: usize,
}

impl<'a> Item<'a> {
    pub(super) fn node(self) -> Node {
        self.document.nodes.get(self.at).copied().unwrap_or(Node::Null)
    }

    /// The text of what is known to be a name.
    fn text(self) -> &'a str {
        self.as_str().unwrap_or_default()
    }

    fn is(self, text: &str) -> bool {
        self.as_str() == Some(text)
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
            let length = u32::try_from(word.len()).unwrap_or(0);
            let span = Span { start, length };
            start += length + 1;
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

    /// A whole number as it is; also what is written as a fraction and is none is no whole number here.
    pub(crate) fn as_i64(self) -> Option<i64> {
        match self.node() {
            Node::Below(value) => Some(value),
            Node::Whole(value) => value.try_into().ok(),
            _ => None,
        }
    }

    pub(crate) fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Below(value) => Some(value as f64),
            Node::Whole(value) => Some(value as f64),
            Node::Fraction(value) => Some(value),
            _ => None,
        }
    }

    /// The items of an array.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        match self.node() {
            Node::Array(end) => {
                Some(Items { document: self.document, next: self.at + 1, end: end as usize })
            }
            _ => None,
        }
    }

    /// The members of an object, in the order of the text.
    pub(crate) fn entries(self) -> Option<Members<'a>> {
        match self.node() {
            Node::Object(end) => {
                Some(Members { document: self.document, next: self.at + 1, end: end as usize })
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
            Node::Below(value) => value.into(),
            Node::Whole(value) => value.into(),
            // What was read is finite.
            Node::Fraction(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
            Node::Text(span) => Value::String(self.document.resolve(span).to_owned()),
            Node::Array(_) => self.items().into_iter().flatten().map(Item::to_value).collect(),
            Node::Object(_) => {
                let entries = self.entries().into_iter().flatten();
                Value::Object(entries.map(|(name, value)| (name.text().to_owned(), value.to_value())).collect())
            }
        }
    }

    /// Where the next value begins.
    fn behind(self) -> usize {
        match self.node() {
            Node::Array(end) | Node::Object(end) => end as usize,
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

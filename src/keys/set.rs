use super::{Algorithm, Key, KeyError, KeySetError, jwk::Jwk, key::pem};
use crate::json;
use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// More than any issuer publishes, and little enough to read at once.
const MAX_BYTES: usize = 256 * 1024;
pub(super) const MAX_KEYS: usize = 100;
/// A token without `kid` may cost this many signature checks.
const MAX_TRIES: usize = 4;
/// What is kept of a refused key's `kid`, for the log.
const MAX_SKIPPED_KID: usize = 64;

/// An immutable set of keys: an issuer's JWK set (RFC 7517 section 5), or keys of your own.
///
/// Keys that no token could tell apart are one. What was refused is not lost: see [`skipped`](KeySet::skipped).
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
    /// Another one for each set that was read: whoever has judged by it knows it again.
    generation: u64,
}

/// A key of a set that was refused, while the others were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    index: usize,
    kid: Option<Box<str>>,
    error: KeyError,
}

impl KeySet {
    /// Reads a JWK set of at most 256 KiB and 100 keys, each key by itself.
    ///
    /// # Errors
    ///
    /// Only when the set as a whole cannot be read. A set without a usable key is no error here: it
    /// [`is_empty`](KeySet::is_empty).
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        let entries = read_entries(json.as_ref())?;
        Self::collect(entries.into_iter().map(|entry| match entry {
            Entry::Object(members) => {
                let kid = members.get("kid").and_then(Value::as_str).map(Into::into);
                (kid, Jwk::from_members(&members).and_then(Key::from_parsed))
            }
            Entry::Duplicate => (None, Err(KeyError::JwkDuplicateMember)),
            Entry::NotAnObject => (None, Err(KeyError::JwkMalformed)),
        }))
    }

    /// Reads every block of a PEM text. PEM has no `kid`: see [`Key::from_pem`].
    ///
    /// # Errors
    ///
    /// When the text is longer than 256 KiB, has no PEM block, or more than 100.
    pub fn from_pem(pem: &str) -> Result<Self, KeySetError> {
        if pem.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        if !pem::is_pem(pem) {
            return Err(KeySetError::Malformed);
        }
        let key = |block| pem::read_block(block).and_then(|material| Key::new(None, None, material));
        Self::collect(pem::blocks(pem).map(|block| (None, key(block))))
    }

    /// Reads a file with a JWK set or with PEM, whichever its content is.
    ///
    /// # Errors
    ///
    /// [`KeySetError::Unreadable`], and what [`from_json`](KeySet::from_json) and [`from_pem`](KeySet::from_pem) say.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeySetError> {
        let unreadable = |error: std::io::Error| KeySetError::Unreadable(error.kind());
        let mut content = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
        if content.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let text = std::str::from_utf8(&content).map_err(|_| KeySetError::Malformed)?;
        if text.trim_start().starts_with('{') { Self::from_json(text) } else { Self::from_pem(text) }
    }

    /// A set of keys at hand.
    pub fn from_keys(keys: impl IntoIterator<Item = Key>) -> Self {
        let mut set = Self::begin();
        keys.into_iter().for_each(|key| set.add(key));
        set
    }

    fn begin() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { generation: LAST.fetch_add(1, Ordering::Relaxed) + 1, ..Self::default() }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The ids of the keys that have one, in order.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(Key::kid)
    }

    /// The keys that were refused, in order.
    pub fn skipped(&self) -> impl ExactSizeIterator<Item = &SkippedKey> {
        self.skipped.iter()
    }

    /// The key that a token names, or those it may mean.
    ///
    /// A `kid` names one key that has it: different ones that fit are ambiguous, and a key without `kid` does not
    /// serve. Without a `kid`, every key that fits may be meant; and so it is where no key of the set has one (keys
    /// from PEM), for then the token's `kid` names nothing here. Allocates nothing.
    pub(crate) fn select(&self, kid: Option<&str>, alg: Algorithm) -> Selection<'_> {
        self.select_from(kid, alg, |_| true)
    }

    /// The same among the keys that serve; the others do as if they were not there, but for the name of what is wrong.
    pub(crate) fn select_from(
        &self,
        kid: Option<&str>,
        alg: Algorithm,
        serves: impl Fn(&Key) -> bool,
    ) -> Selection<'_> {
        let kid = kid.filter(|_| self.key_ids().next().is_some());
        let limit = if kid.is_some() { 1 } else { MAX_TRIES };
        let (mut found, mut foreign) = (Candidates::default(), false);
        for key in self.keys.iter().filter(|key| key.fits(alg) && (kid.is_none() || key.kid() == kid)) {
            if !serves(key) {
                foreign = true;
                continue;
            }
            // One key under two ids, or once with and once without `alg`, is still one key.
            if found.iter().any(|other| other.same_material(key)) {
                continue;
            }
            match found.keys.iter_mut().take(limit).find(|slot| slot.is_none()) {
                Some(slot) => *slot = Some(key),
                None => return Selection::Ambiguous,
            }
        }
        match found.iter().next() {
            Some(_) => Selection::Try(found),
            None if foreign => Selection::Foreign,
            None => Selection::Missing,
        }
    }

    /// Whether one of the keys has this `kid`.
    pub(crate) fn knows_id(&self, kid: Option<&str>) -> bool {
        kid.is_some_and(|kid| self.key_ids().any(|known| known == kid))
    }

    /// Keeps the good keys and counts the bad ones.
    pub(super) fn collect(
        keys: impl Iterator<Item = (Option<String>, Result<Key, KeyError>)>,
    ) -> Result<Self, KeySetError> {
        let mut set = Self::begin();
        for (index, (kid, key)) in keys.enumerate() {
            if index >= MAX_KEYS {
                return Err(KeySetError::TooManyKeys);
            }
            match key {
                Ok(key) => set.add(key),
                Err(error) => {
                    let kid = kid.map(|kid| kid.chars().take(MAX_SKIPPED_KID).collect::<String>().into());
                    set.skipped.push(SkippedKey { index, kid, error });
                }
            }
        }
        Ok(set)
    }

    fn add(&mut self, key: Key) {
        if !self.keys.iter().any(|other| other.is_same(&key)) {
            self.keys.push(key);
        }
    }
}

impl SkippedKey {
    /// The key's place in the set, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The start of its `kid`, if it has a readable one. Written by the issuer: escape it where you show it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Why it was refused.
    pub fn error(&self) -> KeyError {
        self.error
    }
}

impl FromIterator<Key> for KeySet {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self::from_keys(keys)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys).field("skipped", &self.skipped).finish()
    }
}

/// Which keys a token is to be held against.
#[derive(Debug, Clone)]
pub(crate) enum Selection<'a> {
    /// These, in order: at least one, at most four.
    Try(Candidates<'a>),
    /// None fits.
    Missing,
    /// Only keys fit that do not serve.
    Foreign,
    /// Different keys fit one `kid`, or too many fit a token without.
    Ambiguous,
}

/// At most four keys, without a heap.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Candidates<'a> {
    keys: [Option<&'a Key>; MAX_TRIES],
}

impl<'a> Candidates<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().copied().flatten()
    }
}

/// One element of `keys`, read so that its faults stay its own.
enum Entry {
    Object(Map<String, Value>),
    Duplicate,
    NotAnObject,
}

fn read_entries(json: &[u8]) -> Result<Vec<Entry>, KeySetError> {
    if json.len() > MAX_BYTES {
        return Err(KeySetError::TooLarge);
    }
    if !json::is_shallow(json) {
        return Err(KeySetError::Malformed);
    }
    let mut too_many = false;
    let mut reader = serde_json::Deserializer::from_slice(json);
    let entries = reader
        .deserialize_map(SetVisitor { too_many: &mut too_many })
        .and_then(|entries| reader.end().map(|()| entries));
    match entries {
        Ok(entries) => Ok(entries),
        Err(_) if too_many => Err(KeySetError::TooManyKeys),
        Err(_) => Err(KeySetError::Malformed),
    }
}

/// The set: `keys` once, other members ignored (RFC 7517 section 5).
struct SetVisitor<'a> {
    too_many: &'a mut bool,
}

impl<'de> Visitor<'de> for SetVisitor<'_> {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = None;
        while let Some(name) = access.next_key::<String>()? {
            if name != "keys" {
                access.next_value::<IgnoredAny>()?;
            } else if entries.is_some() {
                return Err(de::Error::duplicate_field("keys"));
            } else {
                entries = Some(access.next_value_seed(KeysVisitor { too_many: &mut *self.too_many })?);
            }
        }
        entries.ok_or_else(|| de::Error::missing_field("keys"))
    }
}

/// The array `keys`, which stops at the first key too many.
struct KeysVisitor<'a> {
    too_many: &'a mut bool,
}

impl<'de> de::DeserializeSeed<'de> for KeysVisitor<'_> {
    type Value = Vec<Entry>;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for KeysVisitor<'_> {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of JWKs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_element()? {
            if entries.len() == MAX_KEYS {
                *self.too_many = true;
                return Err(de::Error::custom("too many keys"));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl<'de> de::Deserialize<'de> for Entry {
    fn deserialize<D: de::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entry, A::Error> {
        let (mut members, mut duplicate) = (Map::new(), false);
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            duplicate |= members.insert(name, value).is_some();
        }
        Ok(if duplicate { Entry::Duplicate } else { Entry::Object(members) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Entry, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry::NotAnObject)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Entry, E> {
        Ok(Entry::NotAnObject)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Entry, E> {
        Ok(Entry::NotAnObject)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Entry, E> {
        Ok(Entry::NotAnObject)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Entry, E> {
        Ok(Entry::NotAnObject)
    }

    fn visit_str<E>(self, _: &str) -> Result<Entry, E> {
        Ok(Entry::NotAnObject)
    }

    fn visit_unit<E>(self) -> Result<Entry, E> {
        Ok(Entry::NotAnObject)
    }
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod tests;

use super::{Authorities, Registered, client};
use crate::json::{Document, Span};
use serde_json::{Map, Value};
use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

/// All claims of a token, by name: what [`Claims`](super::Claims) derefs to when no type of your own is named.
///
/// A clone costs one reference count. The map itself is made when it is first looked at, once for each verified token.
/// `Debug` shows the names and no value.
#[derive(Clone)]
pub struct ClaimMap {
    inner: Arc<Caller>,
}

/// All that is known of a caller, in one piece: what a request asks stands close together.
#[derive(Default)]
pub(super) struct Caller {
    pub(super) registered: Registered,
    pub(super) client: Option<Span>,
    pub(super) authorities: Authorities,
    pub(super) document: Document,
    map: OnceLock<Map<String, Value>>,
}

impl ClaimMap {
    pub(super) fn new(registered: Registered, authorities: Authorities, document: Document) -> Self {
        let (client, map) = (client(&document), OnceLock::new());
        Self { inner: Arc::new(Caller { registered, client, authorities, document, map }) }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.inner
    }

    /// What was read of the token.
    pub(crate) fn document(&self) -> &Document {
        &self.inner.document
    }
}

impl Deref for ClaimMap {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        self.inner.map.get_or_init(|| self.inner.document.to_map())
    }
}

impl PartialEq for ClaimMap {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<'de> serde::Deserialize<'de> for ClaimMap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = OnceLock::from(Map::deserialize(deserializer)?);
        Ok(Self { inner: Arc::new(Caller { map, ..Caller::default() }) })
    }
}

impl fmt::Debug for ClaimMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimMap ")?;
        f.debug_set().entries(self.keys()).finish()
    }
}

use serde_json::{Map, Value};
use std::{fmt, ops::Deref, sync::Arc};

/// All claims of a token, by name: what [`Claims`](super::Claims) derefs to when no type of your own is named.
///
/// A clone costs one reference count. `Debug` shows the names and no value.
#[derive(Clone, PartialEq)]
pub struct ClaimMap {
    map: Arc<Map<String, Value>>,
}

impl ClaimMap {
    pub(crate) fn new(map: Map<String, Value>) -> Self {
        Self { map: Arc::new(map) }
    }
}

impl Deref for ClaimMap {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

impl<'de> serde::Deserialize<'de> for ClaimMap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for ClaimMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimMap ")?;
        f.debug_set().entries(self.map.keys()).finish()
    }
}

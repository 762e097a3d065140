//! The documents, and whose they are. In place of a database: looking one up has to be awaited, and may fail.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::RwLock;

/// A name that is unique within one issuer only: a subject, a role, a department.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Local {
    /// The issuer's short name.
    pub(crate) realm: String,
    pub(crate) name: String,
}

impl Local {
    pub(crate) fn new(realm: &str, name: &str) -> Self {
        Self { realm: realm.to_owned(), name: name.to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) owner: Local,
    pub(crate) department: Local,
    pub(crate) secrecy: i64,
    /// Needed by a court, say.
    pub(crate) held: bool,
    pub(crate) text: String,
}

/// The store cannot be reached.
#[derive(Debug)]
pub(crate) struct Unreachable;

/// What became of a removal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    Done,
    /// It is not any more what was decided about.
    Changed,
}

#[derive(Clone, Default)]
pub(crate) struct Documents {
    shelf: Arc<RwLock<HashMap<String, Document>>>,
    unreachable: Arc<AtomicBool>,
}

impl Documents {
    pub(crate) async fn put(&self, document: Document) {
        self.shelf.write().await.insert(document.id.clone(), document);
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Option<Document>, Unreachable> {
        self.reach()?;
        Ok(self.shelf.read().await.get(id).cloned())
    }

    /// Removes the document if it is still as it was when somebody was allowed to remove it.
    pub(crate) async fn remove(&self, as_judged: &Document) -> Result<Removal, Unreachable> {
        self.reach()?;
        let mut shelf = self.shelf.write().await;
        if shelf.get(&as_judged.id) != Some(as_judged) {
            return Ok(Removal::Changed);
        }
        shelf.remove(&as_judged.id);
        Ok(Removal::Done)
    }

    fn reach(&self) -> Result<(), Unreachable> {
        if self.unreachable.load(Ordering::Relaxed) { Err(Unreachable) } else { Ok(()) }
    }
}

#[cfg(test)]
impl Documents {
    pub(crate) fn go_down(&self) {
        self.unreachable.store(true, Ordering::Relaxed);
    }

    /// Whoever looks waits until this is dropped.
    pub(crate) async fn hang(&self) -> tokio::sync::OwnedRwLockWriteGuard<HashMap<String, Document>> {
        Arc::clone(&self.shelf).write_owned().await
    }
}

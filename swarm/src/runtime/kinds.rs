//! Owns the worker types that a node can host.

use std::any::TypeId;
use std::collections::BTreeMap;

use crate::registration::Entry;
use crate::worker::KindId;

/// The worker types of one node, by their wire identity.
#[derive(Debug, Default)]
pub(crate) struct Kinds(BTreeMap<KindId, Entry>);

impl Kinds {
    /// Adds a type. Adding it twice does no harm; another type of the same identity is given back by name.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<(), &'static str> {
        let rust_type = |entry: &Entry| -> TypeId { (entry.rust_type)().0 };
        match self.0.get(&entry.kind) {
            Some(known) if rust_type(known) != rust_type(&entry) => Err(entry.name),
            Some(_) => Ok(()),
            None => {
                self.0.insert(entry.kind, entry);
                Ok(())
            }
        }
    }

    pub(crate) fn get(&self, kind: KindId) -> Option<&Entry> {
        self.0.get(&kind)
    }

    /// The identities, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KindId> + '_ {
        self.0.keys().copied()
    }
}

//! Owns the worker types that a node can host.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::directory::Ability;
use crate::error::StartError;
use crate::registration::{Entry, MethodInfo};
use crate::worker::KindId;
use crate::worker::pace::{Keeps, Paces};

/// The worker types of one node, by their wire identity.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    entries: BTreeMap<KindId, Entry>,
    /// Each message by its wire id, with the worker type that was first to bring it.
    messages: BTreeMap<u64, (MethodInfo, &'static str)>,
}

impl Kinds {
    /// Adds a type. Adding it twice does no harm.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<(), StartError> {
        let (rust_type, path) = (entry.rust_type)();
        if let Some(known) = self.entries.get(&entry.kind) {
            let (first_type, first) = (known.rust_type)();
            if first_type == rust_type {
                return Ok(());
            }
            return Err(StartError::SameWorkerName { name: entry.name.to_owned(), first, second: path });
        }
        for method in (entry.methods)() {
            let (known, first) = self.messages.entry(method.id).or_insert((method, path));
            if known.request != method.request {
                return Err(StartError::SameMessageName { name: method.name.to_owned(), first, second: path });
            }
        }
        self.entries.insert(entry.kind, entry);
        Ok(())
    }

    pub(crate) fn get(&self, kind: KindId) -> Option<&Entry> {
        self.entries.get(&kind)
    }

    /// The wire name of a message, as far as this node knows it.
    pub(crate) fn message_name(&self, id: u64) -> String {
        self.messages.get(&id).map_or_else(|| format!("message {id:#018x}"), |(known, _)| known.name.to_owned())
    }

    /// How quick all of them are that need not run on tokio. Nothing is known of it yet.
    pub(crate) fn paces(&self, quick_max: Duration, keeps: Keeps) -> Paces {
        let counted = self.entries.values().filter(|entry| !entry.options.pool && !quick_max.is_zero());
        Paces::of(counted.map(|entry| (entry.kind, (entry.methods)().len())), quick_max, keeps)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What the node can start, as it tells the others.
    pub(crate) fn abilities(&self) -> impl Iterator<Item = Ability> + '_ {
        self.entries.values().map(|entry| Ability::new(entry.kind, entry.args.low()))
    }
}

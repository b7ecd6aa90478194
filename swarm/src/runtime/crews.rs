//! Owns which workers of this node are in which groups. The directory's records say so for the whole cluster; this is the
//! part of them that publishes and multicalls look up here.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use crate::directory::GroupKey;
use crate::hash::HashMap;
use crate::name::Name;

/// The groups of the workers of one node.
#[derive(Default)]
pub(crate) struct Crews(RwLock<Index>);

#[derive(Default)]
struct Index {
    groups: HashMap<GroupKey, BTreeSet<Name>>,
    names: HashMap<Name, Vec<GroupKey>>,
}

impl Crews {
    /// A worker here is in these groups and no others.
    pub(crate) fn set(&self, name: &Name, groups: Vec<GroupKey>) {
        let mut index = self.write();
        index.forget(name);
        if groups.is_empty() {
            return;
        }
        for group in &groups {
            index.groups.entry(group.clone()).or_default().insert(name.clone());
        }
        index.names.insert(name.clone(), groups);
    }

    /// A worker has gone. While calls for it are redirected, publishes to its groups are, too.
    pub(crate) fn move_out(&self, name: &Name, redirected: bool) {
        if !redirected {
            self.forget(name);
        }
    }

    /// Nothing of this name is here any more.
    pub(crate) fn forget(&self, name: &Name) {
        self.write().forget(name);
    }

    /// The groups that a worker here is in.
    pub(crate) fn groups_of(&self, name: &Name) -> Vec<GroupKey> {
        let index = self.0.read().unwrap_or_else(PoisonError::into_inner);
        index.names.get(name).cloned().unwrap_or_default()
    }

    /// Who is in a group, or was and has moved on lately.
    pub(crate) fn of(&self, group: &GroupKey) -> Vec<Name> {
        let index = self.0.read().unwrap_or_else(PoisonError::into_inner);
        index.groups.get(group).into_iter().flatten().cloned().collect()
    }

    /// The largest groups with members here, at most so many, and how many each has.
    pub(crate) fn counts(&self, most: usize) -> Vec<(GroupKey, u64)> {
        let index = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<_> =
            index.groups.iter().map(|(group, names)| (group.clone(), names.len() as u64)).collect();
        drop(index);
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts.truncate(most);
        counts
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn forget(&mut self, name: &Name) {
        if self.names.is_empty() {
            return;
        }
        for group in self.names.remove(name).unwrap_or_default() {
            if let Some(members) = self.groups.get_mut(&group) {
                members.remove(name);
                if members.is_empty() {
                    self.groups.remove(&group);
                }
            }
        }
    }
}

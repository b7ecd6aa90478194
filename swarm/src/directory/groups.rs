//! Owns the groups that a registration is in, and when it joined or left each of them.
//! Never knows who else is in one.

use std::collections::BTreeMap;

use rkyv::{Archive, Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::directory::stamp::Stamp;
pub use crate::whom::GroupKey;

impl GroupKey {
    /// What an entry takes on the wire beside its key: the tag, a place in the tree, and the stamp.
    const BESIDE_KEY_BYTES: usize = 192;

    /// So many bytes an entry of it takes on the wire, or a few less.
    pub(super) fn bytes(&self) -> usize {
        Self::BESIDE_KEY_BYTES + self.key.as_str().len()
    }
}

/// Who is or was in which group, with the stamp of the last change. Most workers are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Groups(
    #[expect(clippy::box_collection, reason = "in a million registrations the map itself would be felt")]
    Option<Box<BTreeMap<GroupKey, (bool, Stamp)>>>,
);

impl Groups {
    /// When a group was joined or left.
    pub fn get(&self, group: &GroupKey) -> Option<&(bool, Stamp)> {
        self.0.as_ref()?.get(group)
    }

    /// Notes that a group was joined or left.
    pub fn insert(&mut self, group: GroupKey, entry: (bool, Stamp)) {
        self.0.get_or_insert_default().insert(group, entry);
    }

    /// So many bytes they take on the wire, or a few less.
    pub(super) fn bytes(&self) -> usize {
        self.iter().map(|(group, _)| group.bytes()).sum()
    }

    /// Whether there is no news of any.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupKey, &(bool, Stamp))> {
        self.0.iter().flat_map(|groups| groups.iter())
    }

    /// Takes over what `other` has later news of.
    pub(super) fn merge(&mut self, other: &Self) {
        for (group, theirs) in other.iter() {
            let ours = self.0.get_or_insert_default().entry(group.clone()).or_insert(*theirs);
            if ours.1 < theirs.1 {
                *ours = *theirs;
            }
        }
    }
}

impl FromIterator<(GroupKey, (bool, Stamp))> for Groups {
    fn from_iter<I: IntoIterator<Item = (GroupKey, (bool, Stamp))>>(groups: I) -> Self {
        let groups: BTreeMap<_, _> = groups.into_iter().collect();
        Self((!groups.is_empty()).then(|| Box::new(groups)))
    }
}

/// The groups that one is in.
pub(super) fn active(groups: &Groups) -> Vec<GroupKey> {
    groups.iter().filter(|(_, (joined, _))| *joined).map(|(key, _)| key.clone()).collect()
}

/// The fingerprint of a sorted list of groups; 0 for none.
pub(super) fn mark(groups: &[GroupKey]) -> u64 {
    groups.iter().fold(0, |mark, group| xxh3_64_with_seed(group.key.as_str().as_bytes(), mark ^ group.tag).max(1))
}

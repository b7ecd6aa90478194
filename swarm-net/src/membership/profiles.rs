//! Owns what each node says of itself, the latest version of it. Never says whether the node lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::member::Profile;
use crate::node::NodeId;

/// So many profiles of nodes that are gone are kept, for when they come back from a partition.
const GONE_MAX: usize = 1024;

/// The known profiles.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles {
    table: BTreeMap<NodeId, Arc<Profile>>,
    /// How many were wanted when it was last looked.
    wanted: usize,
}

impl Profiles {
    /// Takes in a profile. Says whether it is news.
    pub(super) fn learn(&mut self, node: NodeId, profile: Profile) -> bool {
        let news = self.table.get(&node).is_none_or(|known| known.version < profile.version);
        if news {
            self.table.insert(node, Arc::new(profile));
        }
        news
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Arc<Profile>> {
        self.table.get(&node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Arc<Profile>)> {
        self.table.iter().map(|(node, profile)| (*node, profile))
    }

    /// Forgets nodes that are not `wanted`, once there may be too many of them.
    pub(super) fn prune(&mut self, wanted: impl Fn(NodeId) -> bool) {
        // It is asked at every news, and looks at all only when as many have come.
        if self.table.len() <= self.wanted + GONE_MAX {
            return;
        }
        self.wanted = self.table.keys().filter(|node| wanted(**node)).count();
        let mut gone = self.table.len() - self.wanted;
        self.table.retain(|node, _| {
            let keep = gone <= GONE_MAX || wanted(*node);
            gone -= usize::from(!keep);
            keep
        });
    }
}

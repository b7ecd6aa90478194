//! Owns the words for whom a list, a publish or a multicall is about. Never knows who that is.

use rkyv::{Archive, Deserialize, Serialize};

use crate::name::Name;

/// How many names one part of an answer carries, and so the largest page, so that no frame grows with the node.
pub(crate) const PART_MAX: usize = 4096;

/// A group that workers can be in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct GroupKey {
    /// The fingerprint of the group's type.
    pub tag: u64,
    /// The key of a dynamic group; empty for the plain one.
    pub key: Name,
}

/// What a group and the worker type that it takes are called, for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupNames {
    pub(crate) group: &'static str,
    pub(crate) worker: &'static str,
}

/// Which workers a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub(crate) enum Whom {
    /// All workers.
    Everyone,
    /// All workers of a kind.
    Kind(u64),
    /// The members of a group.
    Group(GroupKey),
    /// Those of them that programs may reach that are no members of the cluster.
    Public(GroupKey),
}

//! Owns what a node must be able to do to start a worker: to know its type, with the init arguments that it was registered
//! with. Never knows what these are.

use std::collections::BTreeSet;
use std::fmt;

use crate::directory::record::Class;
use crate::name::Name;
use crate::worker::KindId;

/// A worker type with one version of its init arguments, as nodes tell each other what they can host: the low halves of both
/// fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ability(pub u64);

impl Ability {
    /// That to start this type with this version of its arguments.
    pub const fn new(kind: KindId, schema: u32) -> Self {
        Self(kind.0 << 32 | schema as u64)
    }

    /// That to start registrations of this class.
    pub(super) fn of(class: &Class) -> Self {
        Self::new(class.kind, class.schema)
    }

    /// Which version of the arguments of this type it is, if it is that type.
    pub(super) fn version(self, kind: KindId) -> Option<u32> {
        let of_kind = Self::new(kind, self.0 as u32);
        (self == of_kind).then_some(self.0 as u32)
    }
}

/// Why a worker cannot start though nodes know its type: they have other versions of its init arguments than it was
/// registered with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stranded {
    /// The wire name of the worker type.
    pub worker: Name,
    /// The version that it was registered with.
    pub version: u32,
    /// Those that nodes have.
    pub known: BTreeSet<u32>,
}

impl fmt::Display for Stranded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, version, known } = self;
        write!(f, "`{worker}` was registered with init arguments of version {version:08x}, and the nodes have")?;
        known.iter().enumerate().try_for_each(|(i, known)| {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma} {known:08x}")
        })
    }
}

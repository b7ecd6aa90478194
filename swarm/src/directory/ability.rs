//! Owns what a node must be able to do to start a worker: to know its type, with the init arguments that it was registered
//! with. Never knows what these are.

use crate::directory::record::Class;
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
    pub fn version(self, kind: KindId) -> Option<u32> {
        let of_kind = Self::new(kind, self.0 as u32);
        (self == of_kind).then_some(self.0 as u32)
    }
}

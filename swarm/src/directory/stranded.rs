//! Owns the names that no node can start any more: why, and that it is said.
//! Never decides where a name runs.

use std::collections::BTreeSet;
use std::fmt;

use crate::directory::action::Notice;
use crate::directory::office::Work;
use crate::directory::partition::Partition;
use crate::directory::turn::Turn;
use crate::name::Name;

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

impl Partition {
    /// Says once what no node can start any more.
    pub(super) fn tell_stranded(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let Some(why) = self.stranded(turn, name) else { return };
        let Some(office) = &mut self.office else { return };
        let trouble = office.work(name).trouble.get_or_insert_default();
        if !std::mem::replace(&mut trouble.stranded, true) {
            turn.notice(Notice::Stranded { name: name.clone(), why });
        }
    }

    /// Why a registered name can run nowhere, if that is for its version: no instance is left, and no node can start one.
    pub(super) fn stranded(&self, turn: &Turn<'_>, name: &Name) -> Option<Stranded> {
        let office = self.office.as_ref().filter(|office| office.owner && office.complete && !office.blocked)?;
        let idle = |work: &Work| work.seen.is_empty() && work.out.is_none() && work.plan.is_none();
        if !office.names.get(name).is_none_or(|work| idle(work)) {
            return None;
        }
        let class = self.record(name)?.head().class();
        if class.local || self.rests(name) {
            return None;
        }
        let known = turn.world.versions(class.kind);
        let stranded = !known.is_empty() && !known.contains(&class.schema);
        stranded.then(|| Stranded { worker: class.worker.clone(), version: class.schema, known })
    }
}

//! Owns when a node that leaves may go (protocol.md §11).
//! Never hands anything over itself: the ring without this node does that.

use swarm_net::time::{Instant, Now};

use crate::directory::Directory;
use crate::directory::action::{Action, Notice};
use crate::directory::partition::Partition;
use crate::directory::quorum::Standing;

/// How far this node is with leaving.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Departure {
    /// It stays.
    #[default]
    Staying,
    /// It goes when nothing is left, or at this time.
    Leaving(Instant),
    /// It may go.
    Gone,
}

impl Departure {
    pub(super) fn begin(&mut self, until: Instant) {
        if let Self::Staying = self {
            *self = Self::Leaving(until);
        }
    }

    pub(super) fn due(self) -> Option<Instant> {
        match self {
            Self::Leaving(until) => Some(until),
            Self::Staying | Self::Gone => None,
        }
    }
}

impl Directory {
    /// Says so when this node has nothing left that others would miss.
    pub(super) fn depart(&mut self, now: Now, out: &mut Vec<Action>) {
        let Departure::Leaving(until) = self.departure else {
            return;
        };
        let alone = self.world.view.len() <= 1;
        // Where there is no quorum nobody can take over, however long this node waits.
        let pointless = alone || self.world.standing == Standing::Below;
        if !pointless && self.partitions.iter().any(Partition::is_missed) {
            if now.instant < until {
                return;
            }
            let stats = self.stats();
            let roles = self.partitions.iter().filter(|partition| partition.office.is_some()).count();
            let (cells, copies) = (stats.cells, stats.copies);
            out.push(Action::Notice(Notice::LeaveTimedOut { cells, roles, copies }));
        }
        self.departure = Departure::Gone;
        // Whatever comes between now and its end must not give it anything again.
        self.world.joined = false;
        self.each(now, out, Partition::lose);
        self.settle(now, out);
        // It neither extends its lease nor ends its last workers from now on; whoever leaves does.
        self.quorum = None;
        out.push(Action::Drained);
    }
}

//! Owns the regular comparison of owned partitions with what hosts and replicas have, and the figures about them.
//! Never needed by the protocol: it finds what a bug or a lost frame left behind.

use swarm_net::ring::PartitionId;
use swarm_net::time::Now;

use crate::directory::Directory;
use crate::directory::action::{Action, Role};
use crate::directory::message::Message;
use crate::directory::office::Told;
use crate::directory::partition::Partition;
use crate::directory::turn::Turn;
use crate::rules::Rule;

/// Into how many parts a full sweep is cut, so that none of them is felt.
const SLICES: u32 = 16;

/// Figures about a node's part of the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Partitions that it owns.
    pub owned: usize,
    /// Of those, partitions whose members have not all been heard.
    pub incomplete: usize,
    /// Of those owned, partitions with fewer copies than wanted.
    pub under_replicated: usize,
    /// Records in partitions that it owns.
    pub records: usize,
    /// Partitions of which it holds a copy.
    pub copies: usize,
    /// Cells that it hosts.
    pub cells: usize,
}

impl Directory {
    /// Counts everything. It looks at every partition, and at no name.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for partition in &self.partitions {
            partition.count(&mut stats, self.world.config.replicas);
        }
        stats
    }

    /// Looks after the next slice of partitions, if it is time.
    pub(super) fn sweep(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.sweep_at.is_none_or(|at| at > now.instant) {
            return;
        }
        self.sweep_at = Some(now.instant + self.world.config.reconcile_every);
        let count = self.world.config.partitions;
        for _ in 0..count.div_ceil(SLICES) {
            self.swept = (self.swept + 1) % count;
            let (partition, mut turn) = self.enter(now, out, PartitionId(self.swept as u16));
            partition.sweep(&mut turn);
        }
    }
}

impl Partition {
    fn count(&self, stats: &mut Stats, replicas: usize) {
        stats.cells += self.cells.len() + self.hosted;
        stats.copies += usize::from(self.copy.is_some());
        let Some(office) = self.office.as_ref().filter(|office| office.owner) else {
            return;
        };
        stats.owned += 1;
        stats.incomplete += usize::from(self.role() == Role::Owner { complete: false });
        stats.under_replicated += usize::from(office.replicas.len() + 1 < replicas);
        stats.records += self.copy.as_ref().map_or(0, |copy| copy.records.len());
    }

    fn sweep(&mut self, turn: &mut Turn<'_>) {
        if !Rule::OwnerUnseals.holds() {
            self.unseal_all(turn);
        }
        let Some(office) = &mut self.office else {
            return;
        };
        // Who has not answered is asked again: to promise twice does no harm.
        let silent = office.claim.asked.iter().filter(|node| !office.claim.covered.contains(node)).copied();
        for node in silent.collect::<Vec<_>>() {
            office.claim.asked.remove(&node);
            self.stale = true;
        }
        if !office.owner {
            return;
        }
        if office.forget_unanswered() {
            self.stale = true;
        }
        let Some(office) = &mut self.office else { return };
        for (_, ship) in office.ships.iter_mut() {
            if ship.acked < office.seq && ship.acked == ship.swept {
                ship.sent = None;
            }
            ship.swept = ship.acked;
        }
        let hosts = office.hosts.iter().filter(|(node, told)| {
            **told == Told::Known && **node != turn.world.me && office.claim.covered.contains(node)
        });
        let hosts: Vec<_> = hosts.map(|(node, _)| *node).collect();
        for node in hosts {
            let mark = Some(self.mark_of(node));
            let Some(office) = &mut self.office else { return };
            let (term, id) = (office.term, office.next_directive());
            turn.send(node, self.id, Message::Survey { term, id, mark });
        }
    }
}

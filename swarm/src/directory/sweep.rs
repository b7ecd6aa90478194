//! Owns the regular comparison of owned partitions with what hosts and replicas have, and the figures about them.
//! Never needed by the protocol: it finds what a bug or a lost frame left behind.

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Now;

use crate::directory::Directory;
use crate::directory::action::{Action, Role};
use crate::directory::message::{Mark, Message};
use crate::directory::office::Told;
use crate::directory::partition::Partition;
use crate::directory::tenure::WHOLE_NODE;
use crate::directory::turn::Turn;
use crate::rules::Rule;

/// Into how many slices a full sweep is cut, so that none of them is felt.
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
    /// Workers that it is moving as their owner.
    pub moving: usize,
}

impl Directory {
    /// Counts everything. It looks at every partition, and at no name.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { moving: self.moves.running(), ..Stats::default() };
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
        self.compare(out);
    }

    /// Tells the next slice of the members what this node, as owner, believes of their cells. Each hears about all partitions
    /// at once, or there would be a message for each partition and member; where members are few, about some of them, so that
    /// slices are equal.
    fn compare(&mut self, out: &mut Vec<Action>) {
        self.sweeps = (self.sweeps + 1) % SLICES;
        let me = self.world.me;
        let members = || self.world.view.keys().filter(|node| **node != me);
        let parts = SLICES.div_ceil(members().count().max(1) as u32);
        let slices = members().flat_map(|node| (0..parts).map(move |part| (*node, part))).zip((0..SLICES).cycle());
        let is_owner = |partition: &&mut Partition| partition.office.as_ref().is_some_and(|office| office.owner);
        let mut owned: Vec<&mut Partition> = self.partitions.iter_mut().filter(is_owner).collect();
        for ((node, part), _) in slices.filter(|(_, slice)| *slice == self.sweeps) {
            let concerned = owned.iter_mut().filter(|partition| u32::from(partition.id.0) % parts == part);
            let marks: Vec<Mark> = concerned.filter_map(|partition| partition.mark(node)).collect();
            if !marks.is_empty() {
                out.push(Action::Send { to: node, partition: WHOLE_NODE, message: Message::Digest { marks } });
            }
        }
    }

    /// An owner says what it believes of this node's cells.
    pub(super) fn on_digest(&mut self, now: Now, out: &mut Vec<Action>, from: NodeId, marks: Vec<Mark>) {
        for Mark { partition, term, id, cells } in marks {
            if u32::from(partition) < self.world.config.partitions {
                let (partition, mut turn) = self.enter(now, out, PartitionId(partition));
                partition.on_survey(&mut turn, from, (term, id), Some(cells));
            }
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
    }

    /// Owner: what it believes of a host's cells, if that has told them and reports each change.
    fn mark(&mut self, host: NodeId) -> Option<Mark> {
        let office = self.office.as_ref().filter(|office| office.owner)?;
        if office.hosts.get(&host) != Some(&Told::Known) || !office.claim.covered.contains(&host) {
            return None;
        }
        let cells = self.mark_of(host);
        let office = self.office.as_mut()?;
        Some(Mark { partition: self.id.0, term: office.term, id: office.next_directive(), cells })
    }
}

//! Owns what a perfect observer knows of a test cluster, and what must hold after every step (protocol.md §14).

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::tests::cluster::{Check, Cluster, Job};
use crate::directory::{Answer, GroupKey, PartitionId, RequestId, Rid, Role};
use crate::epoch::Epoch;
use crate::name::Name;
use crate::worker::Die;

#[derive(Debug, Default)]
pub(super) struct Ghost {
    pub(super) used: BTreeSet<(Name, Epoch)>,
    latest: BTreeMap<Name, Epoch>,
    pub(super) asked: BTreeMap<RequestId, Name>,
    /// The groups that are to be joined.
    pub(super) joins: BTreeMap<RequestId, GroupKey>,
    pub(super) registered: BTreeSet<(Name, Rid)>,
    pub(super) ended: BTreeSet<(Name, Rid)>,
    pub(super) unregistered: BTreeSet<(Name, Rid)>,
    ends: BTreeMap<RequestId, Vec<Rid>>,
    pub(super) ops: BTreeSet<(Name, u32)>,
    pub(super) excused: BTreeSet<(Name, u32)>,
    /// A node was suspected falsely, or a claim forced.
    pub(super) imperfect: bool,
    pub(super) crashes: usize,
    /// Nodes left so that fewer than R stay, which lowers R.
    pub(super) thin: bool,
    op: u32,
}

impl Ghost {
    pub(super) fn forget(&mut self) {
        self.latest.clear();
        self.used.clear();
    }

    pub(super) fn next_op(&mut self) -> u32 {
        self.op += 1;
        self.op
    }
}

impl Cluster {
    /// What is registered in a node's copies.
    pub(super) fn registered(&self, n: usize) -> BTreeMap<Name, Vec<Rid>> {
        let copies = self.nodes[n].dir.partitions.iter().filter_map(|partition| partition.copy.as_ref());
        let records = copies.flat_map(|copy| copy.records());
        records.map(|record| (record.name().clone(), record.ids().collect())).collect()
    }

    pub(super) fn watch_ends(&mut self, n: usize) {
        for partition in &self.nodes[n].dir.partitions {
            let names = partition.office.iter().flat_map(|office| office.names.iter());
            for (name, (to, _, ids)) in
                names.flat_map(|(name, work)| work.waits.ends().iter().map(move |end| (name, end)))
            {
                self.ghost.ends.insert(*to, ids.to_vec());
                self.ghost.ended.extend(ids.iter().map(|rid| (name.clone(), *rid)));
            }
        }
    }

    /// Acknowledged with too few copies, for want of members: crashes may lose it by nature.
    fn weak(&self, n: usize, partition: PartitionId) -> bool {
        self.nodes[n].dir.world.replicas(partition).len() + 1 < self.setup.replicas
    }

    pub(super) fn watch_answer(
        &mut self,
        n: usize,
        to: RequestId,
        answer: &Answer,
        before: &BTreeMap<Name, Vec<Rid>>,
    ) -> Check {
        let name = self.ghost.asked[&to].clone();
        let partition = self.nodes[n].dir.partition_of(&name);
        match answer {
            Answer::Registered(_) => {
                let ids = self.registered(n).get(&name).cloned().unwrap_or_default();
                if ids.is_empty() {
                    return Err(format!("{name} is acknowledged without a record"));
                }
                if !self.weak(n, partition) {
                    self.ghost.registered.extend(ids.into_iter().map(|rid| (name.clone(), rid)));
                }
            }
            Answer::Unregistered => {
                let known = self.ghost.ends.get(&to).or(before.get(&name)).cloned();
                let ids = known.unwrap_or_else(|| self.covered(n, &name));
                self.ghost.ended.extend(ids.iter().map(|rid| (name.clone(), *rid)));
                if !self.weak(n, partition) {
                    self.ghost.unregistered.extend(ids.into_iter().map(|rid| (name.clone(), rid)));
                }
            }
            Answer::InitFailed(..) => {
                // Who is told so has no registration, whatever was acknowledged to others with it.
                let ids = before.get(&name).cloned().unwrap_or_default();
                self.ghost.ended.extend(ids.into_iter().map(|rid| (name.clone(), rid)));
            }
            Answer::Done => {
                if let Some(group) = self.ghost.joins.get(&to) {
                    self.check_join(n, &name, group)?;
                }
            }
            Answer::AlreadyRegistered(_) | Answer::NoCapableNode | Answer::Whereis(_) | Answer::Whereabouts(_) => {}
            Answer::NotRegistered | Answer::WrongKind(_) | Answer::NotOwner(_) | Answer::Refused(_) => {}
            Answer::Unmovable(_) => {}
        }
        Ok(())
    }

    /// The acknowledged registrations of a name that an owner knows of: what it took over and ended in one turn.
    fn covered(&self, n: usize, name: &Name) -> Vec<Rid> {
        let dir = &self.nodes[n].dir;
        let copy = dir.partitions[usize::from(dir.partition_of(name).0)].copy.as_ref();
        let known = |rid: &Rid| copy.is_some_and(|copy| copy.covers(*rid));
        let registered = self.ghost.registered.iter().filter(|(other, _)| other == name);
        registered.map(|(_, rid)| *rid).filter(known).collect()
    }

    /// A join was acknowledged: whoever publishes now finds the worker, if there is one, and nobody has taken it out since.
    fn check_join(&self, n: usize, name: &Name, group: &GroupKey) -> Check {
        let dir = &self.nodes[n].dir;
        let record = dir.partitions[usize::from(dir.partition_of(name).0)].record(name);
        let member = record.is_some_and(|record| record.groups().get(group).is_some_and(|(joined, _)| *joined));
        let cells = self.alive().into_iter().filter_map(|m| self.nodes[m].cells.get(name));
        let cells: Vec<_> = cells.filter(|cell| cell.job != Some(Job::Drop)).collect();
        let found = cells.is_empty() || cells.iter().any(|cell| cell.found.contains(group));
        if member && !found && !self.ghost.imperfect {
            return Err(format!("{name} is acknowledged as a member of {group:?} and not found: {cells:?}"));
        }
        Ok(())
    }

    /// What a node keeps nothing of but its record is as that says.
    fn check_notes(&self, n: usize) -> Check {
        for partition in &self.nodes[n].dir.partitions {
            let names = partition.copy.iter().flat_map(|copy| copy.records());
            let hosted: Vec<_> = names.filter(|record| partition.hosts(record.name())).collect();
            if hosted.len() != partition.hosted {
                return Err(format!("n{n} counts {} cells at rest, not {}", partition.hosted, hosted.len()));
            }
            for record in hosted {
                let name = record.name();
                let cell = self.nodes[n].cells.get(name);
                let rests = cell.is_some_and(|cell| {
                    cell.serves()
                        && cell.job.is_none()
                        && cell.epoch == record.head().epoch()
                        && cell.indexing.is_empty()
                });
                if !rests {
                    return Err(format!("n{n} takes {name} for a name at rest, as {record:?}, and it is {cell:?}"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn cell_ids(&self, n: usize, name: &Name) -> Vec<Rid> {
        let cells = self.nodes[n].dir.partitions.iter().flat_map(|partition| partition.all_cells());
        cells.filter(|(other, _)| other == name).flat_map(|(_, cell)| cell.ids.to_vec()).collect()
    }

    pub(super) fn watch_activation(&mut self, n: usize, name: &Name, epoch: Epoch) -> Check {
        if !self.ghost.used.insert((name.clone(), epoch)) {
            return Err(format!("two activations of {name} at {epoch}"));
        }
        let latest = self.ghost.latest.entry(name.clone()).or_default();
        // Without a wall clock, what only dead nodes knew cannot be exceeded.
        let known = self.setup.wall || self.ghost.crashes == 0;
        // A quorum is there for what happens when nodes are suspected falsely.
        let sure = self.setup.quorum > 0 || !self.ghost.imperfect;
        if known && sure && epoch <= *latest {
            return Err(format!("{name} goes back from {latest} to {epoch}"));
        }
        *latest = epoch.max(*latest);
        self.check_intent(name, epoch)?;
        let ids = self.cell_ids(n, name);
        let over = |rid: &Rid| self.ghost.unregistered.contains(&(name.clone(), *rid));
        if !self.ghost.imperfect && !ids.is_empty() && ids.iter().all(over) {
            return Err(format!("{name} is activated after its unregister was acknowledged"));
        }
        Ok(())
    }

    /// Nobody outbids another without end.
    pub(super) fn check_terms(&self, most: u64) -> Check {
        let partitions = self.nodes.iter().flat_map(|node| &node.dir.partitions);
        match partitions.map(|partition| partition.promised.counter).max() {
            Some(highest) if highest > most => Err(format!("terms run away: {highest}")),
            Some(_) | None => Ok(()),
        }
    }

    /// An activation is in all copies before it begins. (With crashes, or nodes that leave, there may be fewer of them.)
    fn check_intent(&self, name: &Name, epoch: Epoch) -> Check {
        let whole = !self.ghost.imperfect && self.nodes.iter().all(|node| !node.gone && !node.leaving);
        let copies = self.alive().into_iter().filter_map(|n| {
            let dir = &self.nodes[n].dir;
            dir.partitions[usize::from(dir.partition_of(name).0)].record(name)
        });
        let known = copies.filter(|record| record.head().epoch() == epoch).count();
        let wanted = self.setup.replicas.min(self.setup.formed);
        if whole && (1..wanted).contains(&known) {
            return Err(format!("{name} is activated at {epoch}, and {known} of {wanted} copies know it"));
        }
        Ok(())
    }

    pub(super) fn watch_running(&mut self, n: usize, name: &Name) -> Check {
        let others = self.alive().into_iter().filter(|m| *m != n);
        let others: Vec<usize> =
            others.filter(|m| self.nodes[*m].cells.get(name).is_some_and(|cell| cell.running)).collect();
        if !self.ghost.imperfect && !others.is_empty() {
            return Err(format!("{name} runs at n{n} and at {others:?}"));
        }
        Ok(())
    }

    pub(super) fn watch_drop(&mut self, n: usize, name: &Name, why: Die) {
        let ids = self.cell_ids(n, name);
        if why == Die::NoQuorum || ids.iter().all(|rid| self.ghost.ended.contains(&(name.clone(), *rid))) {
            let ops = self.nodes[n].cells.get(name).map(|cell| cell.ops.clone()).unwrap_or_default();
            self.ghost.excused.extend(ops.into_iter().map(|op| (name.clone(), op)));
        }
    }

    /// A worker ends by itself: everything known under its name may go.
    pub(super) fn watch_stop(&mut self, n: usize, name: &Name) {
        let ids = self.cell_ids(n, name);
        self.ghost.ended.extend(ids.into_iter().map(|rid| (name.clone(), rid)));
        let all: Vec<_> = self.alive().into_iter().filter_map(|m| self.registered(m).remove(name)).flatten().collect();
        self.ghost.ended.extend(all.into_iter().map(|rid| (name.clone(), rid)));
        self.ghost.excused.extend(self.ghost.ops.iter().filter(|(other, _)| other == name).cloned());
    }

    /// With a quorum no name ever answers in two places, whatever nodes believe of each other.
    fn check_answers(&self) -> Check {
        if self.setup.quorum == 0 {
            return Ok(());
        }
        let names: BTreeSet<&Name> = self.nodes.iter().flat_map(|node| node.cells.keys()).collect();
        for name in names {
            let answering: Vec<usize> = self.alive().into_iter().filter(|n| self.answers(*n, name)).collect();
            if answering.len() > 1 {
                return Err(format!("{name} answers at {answering:?}"));
            }
        }
        Ok(())
    }

    pub(super) fn check_now(&self) -> Check {
        let mut unsealed = BTreeSet::new();
        for n in self.alive() {
            self.check_notes(n)?;
            for (name, cell) in &self.nodes[n].cells {
                if !cell.sealed && !unsealed.insert((name.clone(), cell.epoch)) {
                    return Err(format!("two unsealed cells of {name} at {}", cell.epoch));
                }
            }
        }
        self.check_answers()?;
        self.check_lineage()?;
        for p in 0..self.setup.partitions {
            let owns = |n: &usize| self.nodes[*n].dir.role(PartitionId(p as u16)) == Role::Owner { complete: true };
            let owners: Vec<usize> = self.alive().into_iter().filter(owns).collect();
            if !self.ghost.imperfect && owners.len() > 1 {
                return Err(format!("two complete owners {owners:?}"));
            }
        }
        Ok(())
    }

    /// Of what a cell contains, its node may forget only what is nowhere any more: the rest would be merged into it once more.
    fn check_lineage(&self) -> Check {
        let cells = || {
            let of = |n: usize| self.nodes[n].cells.iter().map(move |(name, cell)| (n, name, cell));
            self.alive().into_iter().flat_map(of)
        };
        for (n, name, cell) in cells().filter(|(_, _, cell)| !cell.lineage.is_empty()) {
            let lives =
                |epoch: &&Epoch| cells().any(|(m, other, cell)| m != n && other == name && cell.epoch == **epoch);
            let Some(ancestor) = cell.lineage.iter().find(lives) else { continue };
            let partition = &self.nodes[n].dir.partitions[usize::from(self.nodes[n].dir.partition_of(name).0)];
            let reports = partition.all_cells();
            let report = reports.iter().find(|(other, report)| other == name && report.epoch == cell.epoch);
            if report.is_some_and(|(_, report)| !report.absorbed.contains(ancestor)) {
                return Err(format!(
                    "n{n} has forgotten that {name} at {} contains {ancestor}, which lives",
                    cell.epoch
                ));
            }
        }
        Ok(())
    }
}

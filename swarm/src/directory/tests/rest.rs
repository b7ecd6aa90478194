//! Owns the calm phase of a walk, and what must hold once everything is delivered and all views are true.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::directory::tests::cluster::{Check, Cluster};
use crate::directory::{PartitionId, Role, Stats};
use crate::name::Name;

impl Cluster {
    /// One thing by which a node's view comes closer to the truth, if there is one.
    pub(super) fn truths(&self) -> Vec<Truth> {
        let truth = self.alive();
        let mut all = Vec::new();
        for n in &truth {
            let node = &self.nodes[*n];
            for m in 0..self.nodes.len() {
                let must = node.dir.partitions.iter().any(|partition| {
                    partition.office.as_ref().is_some_and(|office| office.claim.must.contains(&self.ids[m]))
                });
                if m == *n {
                    continue;
                }
                if truth.contains(&m) && !node.view.contains(&m) && !node.down.contains(&m) {
                    all.push(Truth::Learn(*n, m));
                }
                if self.nodes[m].gone && !node.down.contains(&m) && (node.view.contains(&m) || must) {
                    all.push(Truth::Down(*n, m));
                }
                if truth.contains(&m) && self.nodes[m].leaving && node.view.contains(&m) && !node.leavers.contains(&m) {
                    all.push(Truth::LearnLeave(*n, m));
                }
            }
            if !node.joined {
                let contact = |m: &&usize| {
                    let other = &self.nodes[**m];
                    other.joined && node.view.contains(*m) && !node.down.contains(*m) && !other.down.contains(n)
                };
                all.extend(truth.iter().filter(contact).map(|m| Truth::Sync(*n, *m)));
                if node.view == truth && truth.iter().all(|m| !self.nodes[*m].joined) {
                    all.push(Truth::Form(*n));
                }
            }
            let quiet = self.channels.iter().all(|((from, _), queue)| from != n || queue.is_empty());
            if node.drained && quiet {
                all.push(Truth::Exit(*n));
            }
        }
        all
    }

    pub(super) fn heals(&self) -> Vec<(usize, usize)> {
        let truth = self.alive();
        let pairs = truth.iter().flat_map(|n| truth.iter().map(move |m| (*n, *m)));
        pairs.filter(|(n, m)| self.nodes[*n].down.contains(m)).collect()
    }

    pub(super) fn come_true(&mut self, truth: Truth) -> Check {
        match truth {
            Truth::Learn(n, m) => self.learn(n, m),
            Truth::Down(n, m) => self.notice_down(n, m),
            Truth::LearnLeave(n, m) => self.learn_leave(n, m),
            Truth::Sync(n, m) => self.sync(n, m),
            Truth::Form(n) => self.join_done(n),
            Truth::Exit(n) => self.exit(n),
        }
    }

    /// Lets everything come to rest, `pick` choosing what is next, and checks what is left.
    pub(super) fn calm(&mut self, mut pick: impl FnMut(usize) -> usize) -> Check {
        let mut quiet = 0;
        self.nodes.iter_mut().for_each(|node| node.frozen = false);
        for _ in 0..20_000 {
            let (truths, heals, pairs, jobs) = (self.truths(), self.heals(), self.pending(), self.jobs());
            let count = truths.len() + heals.len() + pairs.len() + jobs.len();
            if count == 0 {
                // Longer than the longest back-off, so that what waits for it is tried.
                quiet += 1;
                if quiet > 14 {
                    return self.check_rest();
                }
                self.tick(Duration::from_secs(1))?;
                continue;
            }
            let mut i = pick(count);
            if i < truths.len() {
                self.come_true(truths[i])?;
                continue;
            }
            i -= truths.len();
            if i < heals.len() {
                self.heal(heals[i].0, heals[i].1)?;
                continue;
            }
            i -= heals.len();
            if i < pairs.len() {
                self.deliver(pairs[i].0, pairs[i].1)?;
                continue;
            }
            i -= pairs.len();
            self.work(jobs[i].0, &jobs[i].1.clone(), true)?;
        }
        Err("no rest after 20,000 calm steps".into())
    }

    pub(super) fn check_rest(&self) -> Check {
        let truth = self.alive();
        if truth.len() < self.setup.quorum as usize {
            let cells: Vec<usize> = truth.into_iter().filter(|n| !self.nodes[*n].cells.is_empty()).collect();
            return if cells.is_empty() {
                Ok(())
            } else {
                Err(format!("workers are left below the quorum: {cells:?}"))
            };
        }
        for p in 0..self.setup.partitions {
            self.check_partition(PartitionId(p as u16), &truth)?;
        }
        // A register waits for ever once the last node that knows the kind is gone.
        let idle = |n: &usize| self.nodes[*n].dir.world.desired(PartitionId(0), super::cluster::ABLE).is_none();
        for n in truth.iter().filter(|n| !idle(n)) {
            let stats: Stats = self.nodes[*n].dir.stats();
            let (under_way, waiting) = self.unfinished(*n);
            if under_way + waiting + stats.incomplete > 0 {
                return Err(format!("stuck: n{n} has {under_way} orders and {waiting} requests under way, {stats:?}"));
            }
        }
        Ok(())
    }

    /// For how many names of this node something is ordered or planned, and for how many a request waits.
    pub(super) fn unfinished(&self, n: usize) -> (usize, usize) {
        let offices = self.nodes[n].dir.partitions.iter().filter_map(|partition| partition.office.as_ref());
        let works = || {
            offices.clone().filter(|office| office.owner).flat_map(|office| office.names.iter().map(|(_, work)| work))
        };
        let under_way = works().filter(|work| work.out.is_some() || work.plan.is_some()).count();
        (under_way, works().filter(|work| !work.waits.is_empty()).count())
    }

    fn check_partition(&self, p: PartitionId, truth: &BTreeSet<usize>) -> Check {
        let Some(some) = truth.first() else {
            return Ok(());
        };
        let world = &self.nodes[*some].dir.world;
        let all_leave = truth.iter().all(|n| self.nodes[*n].leaving);
        let Some(host) = world.desired(p, super::cluster::ABLE) else {
            return Ok(());
        };
        let owner = self.index(world.owner(p).ok_or("no ring")?);
        for n in truth {
            let role = self.nodes[*n].dir.role(p);
            if *n == owner && role != (Role::Owner { complete: true }) {
                return Err(format!("stuck: n{n} is {role:?} in {p:?}"));
            }
            if *n != owner && role != Role::Idle {
                return Err(format!("stuck: n{n} is still {role:?} in {p:?}"));
            }
            if !self.nodes[*n].dir.partitions[usize::from(p.0)].wanted.is_empty() {
                return Err(format!("n{n} does not know where calls go that it holds"));
            }
            if self.nodes[*n].leaving && !all_leave {
                return Err(format!("stuck: n{n} cannot leave"));
            }
        }
        let dir = &self.nodes[owner].dir;
        let copy = dir.partitions[usize::from(p.0)].copy.as_ref().ok_or("an owner without a copy")?;
        for node in dir.world.replicas(p) {
            let other = self.nodes[self.index(node)].dir.partitions[usize::from(p.0)].copy.as_ref();
            if other.map(|other| &other.records) != Some(&copy.records) {
                return Err(format!("replica n{} differs: {other:?} / {copy:?}", self.index(node)));
            }
        }
        let seen = truth.iter().flat_map(|n| self.nodes[*n].cells.keys()).chain(copy.records.names());
        let seen = seen.chain(self.ghost.registered.iter().map(|(name, _)| name)).cloned();
        let names: BTreeSet<Name> = seen.filter(|name| dir.partition_of(name) == p).collect();
        names.iter().try_for_each(|name| self.check_name(name, owner, self.index(host)))
    }

    fn check_name(&self, name: &Name, owner: usize, host: usize) -> Check {
        let record = {
            let dir = &self.nodes[owner].dir;
            dir.partitions[usize::from(dir.partition_of(name).0)].copy.as_ref().and_then(|copy| copy.record(name))
        };
        let cells: Vec<_> =
            self.alive().into_iter().filter_map(|n| Some((n, self.nodes[n].cells.get(name)?))).collect();
        let ghost = &self.ghost;
        let must = ghost.registered.iter().any(|key| key.0 == *name && !ghost.ended.contains(key));
        let Some(record) = record else {
            if must && !ghost.thin && ghost.crashes < self.setup.replicas {
                return Err(format!("the acknowledged registration of {name} is lost"));
            }
            return if cells.is_empty() {
                Ok(())
            } else {
                Err(format!("{name} has cells without a record: {cells:?}"))
            };
        };
        let over = |rid| ghost.unregistered.contains(&(name.clone(), rid));
        if ghost.crashes < self.setup.replicas && record.ids().all(over) {
            return Err(format!("{name} came back after its unregister was acknowledged"));
        }
        let [(at, cell)] = cells.as_slice() else {
            return Err(format!("{name} has {} instances at rest: {cells:?}", cells.len()));
        };
        let local = record.head().class().local;
        let office = |dir: &crate::directory::Directory| {
            let office = dir.partitions[usize::from(dir.partition_of(name).0)].office.as_ref()?;
            crate::directory::posts::posted(office, &dir.world, name, record.head().class())
        };
        let host = office(&self.nodes[owner].dir).map_or(host, |posted| self.index(posted));
        if !cell.serves() || (*at != host && !cell.pin && !local) {
            return Err(format!("{name} is stuck at n{at}, not at n{host}: {cell:?}"));
        }
        if (record.head().host(), record.head().epoch()) != (self.ids[*at], cell.epoch) {
            return Err(format!("the record of {name} is not its cell: {record:?} / {cell:?}"));
        }
        let groups: Vec<_> =
            record.groups().iter().filter(|(_, (joined, _))| *joined).map(|(key, _)| key.clone()).collect();
        if cell.groups != groups {
            return Err(format!("the cell of {name} has other groups than its record"));
        }
        let partition = |n: usize| {
            let dir = &self.nodes[n].dir;
            &dir.partitions[usize::from(dir.partition_of(name).0)]
        };
        let work = partition(owner).office.as_ref().and_then(|office| office.names.get(name));
        let kept = partition(*at).cells.get(name).filter(|_| partition(*at).copy.is_some());
        let report = partition(*at).all_cells().into_iter().find(|(other, _)| other == name).map(|(_, cell)| cell);
        // Of what it contains it may leave out what is gone, as all else is by now.
        if report.as_ref().is_none_or(|report| !report.absorbed.iter().all(|epoch| cell.lineage.contains(epoch))) {
            return Err(format!("{name} contains {:?}, and is reported as {report:?}", cell.lineage));
        }
        if partition(owner).mark_of(self.ids[*at]) != partition(*at).own_mark() {
            return Err(format!("n{owner} believes of {name} at n{at} what is not so"));
        }
        // After a merge a cell may remember a registration that has ended, or another one than the record's head.
        let merged = record.ids().count() > 1 || !record.ids().eq(self.cell_ids(*at, name));
        if !cell.pin && !merged && (work.is_some() || kept.is_some()) {
            return Err(format!("{name} is at rest, yet more is kept of it than its record: {work:?} / {kept:?}"));
        }
        let lost =
            ghost.ops.iter().filter(|key| key.0 == *name && !cell.ops.contains(&key.1) && !ghost.excused.contains(key));
        match lost.collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            lost => Err(format!("{name} lost state without a crash: {lost:?}")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Learn(usize, usize),
    Down(usize, usize),
    LearnLeave(usize, usize),
    Sync(usize, usize),
    Form(usize),
    Exit(usize),
}

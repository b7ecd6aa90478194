//! Owns what scripts of a cluster are made of: a few steps at once, and looks at what has come of them.

use crate::directory::tests::cluster::{Check, Cluster, HostCell, Setup};
use crate::directory::{Answer, Message, RequestId};
use crate::name::Name;

pub(super) fn formed(nodes: usize) -> Cluster {
    Cluster::new(Setup::of(nodes))
}

pub(super) fn hosted_by(nodes: usize, capable: u32) -> Cluster {
    Cluster::new(Setup { capable, ..Setup::of(nodes) })
}

/// n1 has the office of n2, which leaves, and has not heard of n0, where x runs.
pub(super) fn inherited() -> Result<Cluster, String> {
    let mut all = hosted_by(3, 0b0001);
    all.registered_at(2, "x")?;
    all.leave(2)?;
    all.learn_leave(1, 2)?;
    while all.pending().iter().any(|pair| [(1, 2), (2, 1)].contains(pair)) {
        all.deliver(1, 2)?;
        all.deliver(2, 1)?;
    }
    Ok(all)
}

impl Cluster {
    pub(super) fn rest(&mut self) -> Check {
        let mut turn = 0;
        self.calm(|count| {
            turn += 1;
            turn % count
        })
    }

    /// Delivers and works, one thing at a time, until it is so.
    pub(super) fn until(&mut self, so: impl Fn(&Self) -> bool) -> Check {
        for turn in 0..10_000 {
            if so(self) {
                return Ok(());
            }
            let (pairs, jobs) = (self.pending(), self.jobs());
            match (pairs.get(turn % (pairs.len() + jobs.len()).max(1)), jobs.first()) {
                (Some((from, to)), _) => self.deliver(*from, *to)?,
                (None, Some((n, name))) => self.work(*n, &name.clone(), true)?,
                (None, None) => return Err("it never becomes so".into()),
            }
        }
        Err("it does not become so in 10,000 steps".into())
    }

    pub(super) fn registered_at(&mut self, n: usize, name: &str) -> Result<RequestId, String> {
        let request = self.register(n, name)?;
        self.deliver_all()?;
        match self.answers[&request].as_slice() {
            [Answer::Registered(_)] => Ok(request),
            other => Err(format!("not registered but {other:?}")),
        }
    }

    pub(super) fn answer(&self, request: RequestId) -> Option<&Answer> {
        self.answers.get(&request)?.last()
    }

    pub(super) fn runs(&self, n: usize, name: &str) -> bool {
        self.nodes[n].cells.get(&Name::from(name)).is_some_and(HostCell::serves)
    }

    pub(super) fn sealed(&self, n: usize, name: &str) -> bool {
        self.nodes[n].cells.get(&Name::from(name)).is_some_and(|cell| cell.sealed)
    }

    pub(super) fn in_flight(&self, from: usize, to: usize, so: impl Fn(&Message) -> bool) -> bool {
        self.channels.get(&(from, to)).is_some_and(|queue| queue.iter().any(|(_, message)| so(message)))
    }

    pub(super) fn joins(&mut self, n: usize, contact: usize) -> Check {
        self.join(n, contact)?;
        self.sync(n, contact)
    }
}

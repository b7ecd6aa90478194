//! Owns which names an operator has to look after: whose moves take long, or whose moves and starts fail again and again. Never changes
//! anything.

use std::time::Duration;

use swarm_net::ring::PartitionId;
use swarm_net::time::Now;

use crate::directory::Directory;
use crate::directory::request::Answer;
use crate::directory::whereabouts::Whereabouts;
use crate::name::Name;

/// A move that takes longer is told: longer than `begin_handoff` may take.
const LONG: Duration = Duration::from_secs(10);

/// One failure may be chance.
const FAILURES_MIN: u32 = 2;

/// How many are told.
const TOLD_MAX: usize = 16;

impl Directory {
    /// Some of the names that this node decides about and that have trouble. It looks at those that are not at rest.
    pub fn strained(&mut self, now: Now) -> Vec<(Name, Whereabouts)> {
        let mut found: Vec<(PartitionId, Name)> = Vec::new();
        for partition in &self.partitions {
            let Some(office) = partition.office.as_ref().filter(|office| office.owner) else { continue };
            for (name, work) in office.names.iter() {
                let fails = work.trouble.as_ref().is_some_and(|trouble| trouble.failures >= FAILURES_MIN);
                let since = self.moves.since(partition.id, name);
                if fails || since.is_some_and(|since| now.instant.since(since) >= LONG) {
                    found.push((partition.id, name.clone()));
                }
            }
            if found.len() >= TOLD_MAX {
                break;
            }
        }
        found.truncate(TOLD_MAX);
        let mut out = Vec::new();
        let told = found.into_iter().filter_map(|(id, name)| {
            let (partition, turn) = self.open(now, &mut out, id);
            let record = partition.record(&name)?;
            let Answer::Whereabouts(at) = partition.whereabouts(&turn, &name, record) else { return None };
            Some((name, *at))
        });
        told.collect()
    }
}

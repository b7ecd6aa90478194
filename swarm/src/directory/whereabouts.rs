//! Owns what an owner can say about where a name is and why, for a human who asks. Never changes or decides anything: a name
//! at rest goes on resting.

use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::directory::ability::Ability;
use crate::directory::groups::{self, GroupKey};
use crate::directory::message::{CellReport, Phase};
use crate::directory::office::Work;
use crate::directory::partition::Partition;
use crate::directory::posts;
use crate::directory::record::{Record, Registration};
use crate::directory::request::Answer;
use crate::directory::turn::Turn;
use crate::error::Location;
use crate::name::Name;

/// Where a name is, and what its owner knows about why.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Whereabouts {
    /// Where it runs, or is about to.
    pub location: Location,
    /// Who says so: the owner of its partition.
    pub owner: NodeId,
    /// Who holds copies of its record beside the owner.
    pub replicas: Vec<NodeId>,
    /// Whose request it was.
    pub registrar: NodeId,
    /// It was registered as an instance on the registrar's node, and stays there.
    pub local: bool,
    /// A start of it is under way that continues nothing: the first one, or one after its node was lost.
    pub starting: bool,
    /// Where it should live: where an operator wants it, or else the first node of the ring's order that can start it. `None` if none
    /// can.
    pub desired: Option<NodeId>,
    /// Where that would be if no operator had said otherwise.
    pub unposted: Option<NodeId>,
    /// Its worker has said that it wants to stay.
    pub pinned: bool,
    /// The move that is under way.
    pub moving: Option<Moving>,
    /// It is to move, and waits since others move.
    pub queued: bool,
    /// How many starts or moves of it have failed in a row, and what was said of the last start.
    pub trouble: Option<(u32, Option<(NodeId, String)>)>,
    /// Why no node can start it.
    pub stranded: Option<String>,
    /// The groups that it is in.
    pub groups: Vec<GroupKey>,
    /// How many nodes have a cell of it at this moment.
    pub cells: u32,
}

/// A move of a worker from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Moving {
    /// Who gives it away, while that is known.
    pub from: Option<NodeId>,
    /// Who gets it.
    pub to: Option<NodeId>,
    /// For how long, in milliseconds.
    pub since_ms: u64,
}

impl Partition {
    /// The answer to who asks where a registered name is and why.
    pub(super) fn whereabouts(&self, turn: &Turn<'_>, name: &Name, record: &Record) -> Answer {
        let head = record.head();
        let class = head.class();
        let work = self.office.as_ref().and_then(|office| office.names.get(name));
        let here = work.and_then(|work| work.cell(head.host()));
        let unposted = match class.local {
            true => Some(head.registrar().node),
            false => turn.world.desired(self.id, Ability::of(class)),
        };
        let office = self.office.as_ref();
        let desired = office.and_then(|office| posts::posted(office, turn.world, name, class)).or(unposted);
        let from = work.and_then(|work| giver(work, head));
        let moving = turn.moves.since(self.id, name).map(|since| Moving {
            from,
            to: if from == Some(head.host()) { desired } else { Some(head.host()) },
            since_ms: millis(turn.now.instant.since(since)),
        });
        let unborn = self.office.as_ref().is_some_and(|office| office.unborn(name, head));
        let anew = |work: &Work| work.plan.is_some() || here.is_some_and(|cell| cell.phase == Phase::Starting);
        let starting = unborn || moving.is_none() && work.is_some_and(|work| work.starting || anew(work));
        let trouble = work.and_then(|work| work.trouble.as_ref()).filter(|trouble| trouble.failures > 0);
        Answer::Whereabouts(Box::new(Whereabouts {
            location: head.location(),
            owner: turn.world.me,
            replicas: self.office.as_ref().map(|office| office.replicas.clone()).unwrap_or_default(),
            registrar: head.registrar().node,
            local: class.local,
            starting,
            desired,
            unposted,
            pinned: here.is_some_and(|cell| cell.pinned),
            moving,
            queued: turn.moves.is_queued(self.id, name),
            trouble: trouble.map(|trouble| (trouble.failures, trouble.said.clone())),
            stranded: self.stranded(turn, name).map(|why| why.to_string()),
            groups: groups::active(&record.groups()),
            // Of a name at rest there is the one that its record describes.
            cells: work.map_or(1, |work| u32::try_from(work.seen.len()).unwrap_or(u32::MAX)),
        }))
    }
}

/// Who gives a worker away that is being moved.
fn giver(work: &Work, head: &Registration) -> Option<NodeId> {
    let planned = work.plan.as_ref().and_then(|plan| plan.from.as_ref()).map(|from| from.0);
    // It may have been told to seal and not have said yet that it does.
    let told = |cell: &CellReport| work.sealing.as_deref() == Some(&cell.epoch);
    let gives = |(_, cell): &&(NodeId, CellReport)| told(cell) || matches!(cell.phase, Phase::Sealing | Phase::Sealed);
    let giver = || work.seen.iter().find(gives).map(|(node, _)| *node);
    planned.or_else(giver).or_else(|| work.seen.iter().map(|(node, _)| *node).find(|node| *node != head.host()))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

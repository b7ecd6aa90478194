//! Owns where operators want names to live that the ring wants elsewhere: it stands in the office of a partition's owner, so it ends
//! with that. Never overrules what keeps a name from a node: then the ring's word holds again.
//!
//! The protocol asks of the place where a name should live only that the owner names one (protocol.md §6): every activation is planned, made
//! stable and ordered as any other, whoever has named it. What the next owner does not know it moves back, as after a change of the ring.

use swarm_net::node::NodeId;

use crate::directory::ability::Ability;
use crate::directory::message::Phase;
use crate::directory::office::{Office, Work};
use crate::directory::partition::Partition;
use crate::directory::record::Class;
use crate::directory::request::{Answer, Unmovable};
use crate::directory::turn::Turn;
use crate::directory::world::World;
use crate::name::Name;

/// Where an operator wants a name to live, if it can.
pub(super) fn posted(office: &Office, world: &World, name: &Name, class: &Class) -> Option<NodeId> {
    office.posts.get(name).copied().filter(|node| world.is_fit(node, Ability::of(class)))
}

impl Partition {
    /// Owner: an operator wants a name to live there, or again where the ring wants it.
    pub(super) fn post(&mut self, turn: &mut Turn<'_>, name: &Name, to: Option<NodeId>) -> Answer {
        let Some((class, host)) = self.record(name).map(|record| (record.head().class().clone(), record.head().host()))
        else {
            return Answer::NotRegistered;
        };
        let ability = Ability::of(&class);
        if class.local {
            return Answer::Unmovable(Unmovable::Local);
        }
        if to.is_some_and(|to| !turn.world.is_fit(&to, ability)) {
            return Answer::Unmovable(Unmovable::Unfit);
        }
        let ring = turn.world.desired(self.id, ability);
        let Some(office) = &mut self.office else { return Answer::NotRegistered };
        let work = office.names.get_mut(name);
        let stays = |work: &Work| work.cell(host).is_some_and(|cell| cell.pinned && cell.phase == Phase::Running);
        if to.or(ring) != Some(host) && work.as_deref().is_some_and(|work| stays(work)) {
            return Answer::Unmovable(Unmovable::Pinned);
        }
        if let Some(trouble) = work.and_then(|work| work.trouble.as_deref_mut()) {
            trouble.not_before = turn.now.instant;
        }
        match to.filter(|to| Some(*to) != ring) {
            Some(to) => office.posts.insert(name.clone(), to),
            None => drop(office.posts.remove(name)),
        }
        office.dirty.insert(name.clone(), ());
        Answer::Done
    }

    /// Owner: every name is to be where the ring wants it, and what was put off is tried now.
    pub(super) fn rebalance(&mut self, turn: &mut Turn<'_>) {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else { return };
        office.posts = Default::default();
        for (_, work) in office.names.iter_mut() {
            if let Some(trouble) = &mut work.trouble {
                trouble.not_before = turn.now.instant;
            }
        }
        office.dirty.extend(copy.records.names().cloned());
    }

    /// Owner: forgets the places that names cannot have any more, so that who comes back later does not get them back.
    pub(super) fn forget_posts(&mut self, world: &World) {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else { return };
        office.posts.retain(|name, node| {
            let class = copy.records.get(name).map(|record| record.head().class());
            class.is_some_and(|class| world.is_fit(node, Ability::of(class)))
        });
    }
}

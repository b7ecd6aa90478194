//! Owns what a node tells of the cluster: to its operator's log, and to its subscribers. Never anything that code needs
//! for correctness.

use std::sync::PoisonError;

use swarm_net::member::MemberEvent;
use swarm_net::time::Instant;

use crate::directory::Notice;
use crate::event::Event;
use crate::runtime::Node;

impl Node {
    pub(crate) fn tell(&self, event: impl Fn() -> Event) {
        self.subscribers.tell(event);
    }

    /// The operator's story of the cluster.
    pub(crate) fn tell_member(&self, event: &MemberEvent) {
        match event {
            MemberEvent::Up(member) => {
                let id = member.id;
                tracing::info!(node = %self.id(), peer = %id, "a node is up");
                self.tell(|| Event::NodeUp(id));
            }
            MemberEvent::Changed(member) if member.profile.leaving => {
                let id = member.id;
                tracing::info!(node = %self.id(), peer = %id, "a node is leaving");
                self.tell(|| Event::NodeLeaving(id));
            }
            MemberEvent::Changed(_) => {}
            MemberEvent::Down(id, why) => {
                tracing::info!(node = %self.id(), peer = %id, ?why, "a node is gone");
                self.tell(|| Event::NodeDown(*id, *why));
            }
            MemberEvent::Joined => tracing::info!(node = %self.id(), "joined the cluster"),
        }
    }

    /// What the directory has noticed: its items for who looks for them, their sum for everybody.
    pub(crate) fn tell_notice(&self, now: Instant, notice: Notice) {
        self.story.lock().unwrap_or_else(PoisonError::into_inner).note(now, &notice);
        match notice {
            Notice::FailedOver { name, to } => {
                self.counters.failovers.add(1);
                tracing::debug!(node = %self.id(), %name, peer = %to, "a worker starts again elsewhere");
                self.tell(|| Event::FailedOver(name.clone()));
            }
            Notice::Conflict { name, winner, loser } => {
                self.counters.conflicts.add(1);
                tracing::debug!(node = %self.id(), %name, %winner, %loser, "two instances of a name met");
                self.tell(|| Event::Conflict(name.clone()));
            }
            Notice::KindConflict { name, loser } => {
                self.counters.conflicts.add(1);
                tracing::warn!(node = %self.id(), %name, peer = %loser, "two workers of different types met under one name: the loser is dropped");
                self.tell(|| Event::Conflict(name.clone()));
            }
            Notice::Moved { name, from, to } => {
                tracing::debug!(node = %self.id(), %name, %from, %to, "a worker has moved")
            }
            Notice::Adopted { name, host } => {
                tracing::debug!(node = %self.id(), %name, peer = %host, "a worker whose record was lost is registered again");
            }
            Notice::Ended { name } => tracing::debug!(node = %self.id(), %name, "a name is free: its worker has ended"),
            Notice::StartFailed { name, host, text } => {
                tracing::warn!(node = %self.id(), %name, peer = %host, text, "a worker did not start");
            }
            Notice::Forced { partition, without } => {
                tracing::debug!(node = %self.id(), partition = partition.0, ?without, "a partition goes on without members that do not answer");
            }
            Notice::LeaveTimedOut { cells, roles, copies } => {
                tracing::warn!(node = %self.id(), cells, roles, copies, "leaving took too long: not everything was handed over");
            }
            Notice::Stranded { name, why } => tracing::debug!(node = %self.id(), %name, %why, "a worker cannot start"),
            Notice::Claimed { .. } | Notice::Owner { .. } => self.trace(&notice),
            Notice::Disagreed { .. } | Notice::UnderReplicated { .. } => self.trace(&notice),
        }
    }

    fn trace(&self, notice: &Notice) {
        tracing::trace!(node = %self.id(), ?notice, "directory");
    }

    pub(crate) fn tell_story(&self, now: Instant) {
        let lines = self.story.lock().unwrap_or_else(PoisonError::into_inner).tell(now);
        for (level, line) in lines {
            if level == tracing::Level::ERROR {
                tracing::error!(node = %self.id(), "{line}");
            } else if level == tracing::Level::WARN {
                tracing::warn!(node = %self.id(), "{line}");
            } else {
                tracing::info!(node = %self.id(), "{line}");
            }
        }
    }
}

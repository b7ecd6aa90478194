//! Owns what a node does because time has passed: it ends or repeats what is due. Never reads a clock.

use std::sync::{Arc, PoisonError};

use swarm_net::time::Instant;
use swarm_net::transport::{FrameNo, Lane as Wire};

use crate::call::pending::Place as Stand;
use crate::error::Executed;
use crate::runtime::Node;
use crate::runtime::track::Unconfirmed;

impl Node {
    /// When [`Self::expire`] has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let story = self.story.lock().unwrap_or_else(PoisonError::into_inner).next_due();
        [self.lanes.next_due(), self.pending.next_due(), self.waits.next(), story].into_iter().flatten().min()
    }

    /// Ends or repeats what is due.
    pub(crate) fn expire(self: &Arc<Self>, now: Instant) {
        if self.pending.next_due().is_some_and(|at| at <= now) {
            self.pending.expire(now, self.id(), |waiting| match waiting.place {
                Stand::Sent { peer, frame } => match self.peer(peer) {
                    Some(peer) if peer.claimed(Wire::Calls) < FrameNo(frame) => Executed::No,
                    Some(_) | None => Executed::Maybe,
                },
                Stand::Here => Executed::No,
                Stand::Begun => Executed::Yes,
                Stand::Away | Stand::Sending { .. } => Executed::Maybe,
            });
        }
        self.tell_story(now);
        self.end_waits(now);
        drop(self.relays.expire(now));
        while let Some((key, Unconfirmed(unconfirmed))) = self.lanes.overdue(now) {
            if unconfirmed && let Some(untold) = self.unconfirmed.tell(now) {
                tracing::warn!(node = %self.id(), untold, "a node did not confirm in time what it was sent: calls may be out of order");
            }
            self.drain(&key);
        }
    }
}

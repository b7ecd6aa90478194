//! Owns which connections are not read for now, since their peers have sent more than the layers above have worked off, and which are
//! ended since their peers ask for more than they read. Never holds anything else up for them.

use std::time::Duration;

use super::Driver;
use crate::connection::{Connection, Ended};
use crate::node::NodeId;
use crate::secret::Trouble;
use crate::time::{Clock, Instant};
use crate::transport::credit::Brought;
use crate::transport::links::Link;
use crate::transport::peer::{Lane, Peer};
use crate::transport::sockets::{Token, Tokens};

/// How soon to look again whether enough is worked off. In this time about as much is worked off as one read brings.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Driver {
    /// Whether nothing is to be read from a connection for now. Then it is looked after again soon.
    pub(super) fn is_held(&mut self, token: Token, link: &mut Link, now: Instant) -> bool {
        let Link { stream, connection, about, .. } = link;
        let Some((peer, lane)) = &about.carries else { return false };
        if !peer.is_overdrawn() && about.credit.left(brought(peer, *lane, connection), now) != Some(0) {
            let owed = peer.queue(*lane).is_owing();
            if !about.appetite.goes(owed, connection.moved(), || stream.receive_buffer(), now) {
                return false;
            }
        }
        connection.hold(now);
        if self.held.insert(token) {
            self.refusals.note(Trouble::Flood, &peer.node());
        }
        true
    }

    /// Has those read whose peers' work is done by now, or who take again what waits for them.
    pub(super) fn let_go_on(&mut self, ready: &mut Tokens) {
        if self.held.is_empty() {
            return;
        }
        // The poll tells only of much room.
        self.dirty.extend(self.held.iter());
        let (now, links) = (self.began, &mut self.links);
        let goes_on = |token| {
            let Some(link) = links.get_mut(token) else { return true };
            let Link { stream, connection, about, .. } = link;
            let waits = about.carries.as_ref().is_some_and(|(peer, lane)| {
                peer.is_overdrawn()
                    || about.credit.left(brought(peer, *lane, connection), now) == Some(0)
                    || about.appetite.is_gone(
                        peer.queue(*lane).is_owing(),
                        connection.moved(),
                        || stream.receive_buffer(),
                        now,
                    )
            });
            if waits {
                connection.hold(now);
            }
            !waits
        };
        ready.extend(self.held.extract_if(goes_on));
    }

    /// When to look after those that are held, if any are.
    pub(super) fn look_at_held(&self) -> Option<Instant> {
        (!self.held.is_empty()).then(|| self.began + LOOK_AGAIN)
    }

    /// The layers above do not want the open connection of a lane any more.
    pub(super) fn cut(&mut self, node: NodeId, lane: Lane) {
        let Some(pair) = self.pairs.get_mut(node) else { return };
        pair.peer.take_cut(lane);
        let strand = pair.strand_mut(lane);
        if let Some(token) = strand.open {
            strand.cut = Some(Clock::instant());
            self.end(token, Ended::Cut);
        }
    }
}

/// What has come over a connection of a lane.
pub(super) fn brought(peer: &Peer, lane: Lane, connection: &Connection) -> Brought {
    Brought { frames: connection.frames(), refused: peer.refused(lane), bytes: connection.received() }
}

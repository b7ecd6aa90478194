//! Owns how many small control messages travel together: a batch is cut into pieces of a frame each, in order, and put
//! together at the other end. Never looks into them, and never loses one but with its connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::member::View;
use swarm_net::node::NodeId;
use swarm_net::transport::{Lane, Why};
use swarm_net::wire::Frame;

use crate::call::frame::word;
use crate::message::bounded;
use crate::runtime::Node;
use crate::worker::Payload;

/// The longest piece. One of them in front of a call delays it by some 50 µs on a fast network.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// The longest batch that a peer may make this node put together: a partition whose records take this much has outgrown
/// the cluster's number of partitions.
const BATCH_BYTES_MAX: u64 = 256 << 20;

/// How many messages a batch keeps room for between turns.
const BATCH_ROOM_KEPT: usize = 512;

/// A buffer that has grown beyond this for one batch is not kept for the next ones.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// What goes to the peers with the next flush, and pieces that found no room in a peer's queue and wait for it, in order.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: BTreeMap<NodeId, VecDeque<Frame>>,
    /// Batches are encoded here, one after the other.
    buffer: AlignedVec,
}

impl Outbox {
    /// Queues what a turn has gathered for the peers, for each in order after everything that still waits for it, and
    /// empties it. [`Self::flush_all`] sends it.
    pub(crate) fn add_all<T>(&mut self, kind: u8, batches: &mut BTreeMap<NodeId, Vec<T>>, view: &View)
    where
        Vec<T>: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    {
        // The room of a batch is used again as long as the peer is a member.
        batches.retain(|to, batch| {
            if !batch.is_empty() {
                self.add(*to, kind, batch);
                batch.clear();
                batch.shrink_to(BATCH_ROOM_KEPT);
            }
            view.contains_key(to)
        });
    }

    fn add<T>(&mut self, to: NodeId, kind: u8, batch: &Vec<T>)
    where
        Vec<T>: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    {
        let mut bytes = match rkyv::api::high::to_bytes_in::<_, Error>(batch, std::mem::take(&mut self.buffer)) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(peer = %to, %error, "control messages could not be encoded");
                return;
            }
        };
        let waiting = self.waiting.entry(to).or_default();
        for (i, piece) in bytes.chunks(PIECE_BYTES_MAX).enumerate() {
            let mut head = [0; 24];
            head[..8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            head[8..16].copy_from_slice(&((i * PIECE_BYTES_MAX) as u64).to_le_bytes());
            waiting.push_back(Frame::new(kind, head, &[piece]));
        }
        if bytes.capacity() <= BUFFER_BYTES_KEPT {
            bytes.clear();
            self.buffer = bytes;
        }
    }

    /// Sends what is queued, as far as there is room.
    pub(crate) fn flush_all(&mut self, node: &Arc<Node>) {
        let waiting: Vec<NodeId> = self.waiting.keys().copied().collect();
        for to in waiting {
            self.flush(node, to);
        }
    }

    /// Whether anything waits for room.
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The connection is gone, and with it what was under way.
    pub(crate) fn lost(&mut self, node: NodeId) {
        self.waiting.remove(&node);
    }

    fn flush(&mut self, node: &Arc<Node>, to: NodeId) {
        let Some(waiting) = self.waiting.get_mut(&to) else { return };
        let peer = node.peer(to);
        while let Some(frame) = waiting.pop_front() {
            let Some(peer) = &peer else { break };
            match peer.enqueue(Lane::Calls, frame) {
                Ok(_) => {}
                Err(unsent) if unsent.why == Why::Full => {
                    waiting.push_front(unsent.frame);
                    return peer.flush(Lane::Calls);
                }
                // The peer is gone: a reset or its end is being reported.
                Err(_) => break,
            }
        }
        if let Some(peer) = peer {
            peer.flush(Lane::Calls);
        }
        self.waiting.remove(&to);
    }
}

/// Batches that have arrived in part.
#[derive(Default)]
pub(crate) struct Pieces(Mutex<BTreeMap<(NodeId, u8), AlignedVec>>);

impl Pieces {
    /// Takes the next piece; gives the batch if it was the last one. What does not fit is dropped with what came before.
    pub(crate) fn take(&self, from: NodeId, kind: u8, head: &[u8; 24], body: &[u8]) -> Option<Payload> {
        let (total, offset) = (word(head, 0), word(head, 1));
        if offset == 0 && total == body.len() as u64 {
            return Some(Payload::copy_of(body));
        }
        let mut open = self.lock();
        let so_far = open.entry((from, kind)).or_default();
        if offset == 0 {
            so_far.clear();
        }
        let end = offset.saturating_add(body.len() as u64);
        if so_far.len() as u64 != offset || end > total || total > BATCH_BYTES_MAX {
            open.remove(&(from, kind));
            return None;
        }
        so_far.extend_from_slice(body);
        if end < total {
            return None;
        }
        open.remove(&(from, kind)).map(Payload::from)
    }

    /// What has begun to arrive from `node` will not go on.
    pub(crate) fn lost(&self, node: NodeId) {
        self.lock().retain(|(from, _), _| *from != node);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(NodeId, u8), AlignedVec>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a batch; `None` if it is malformed, or nested deeper than anything that we send.
pub(crate) fn read<T>(payload: &Payload) -> Option<T>
where
    T: Archive,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<T, HighDeserializer<Error>>,
{
    rkyv::deserialize::<T, Error>(bounded::<T::Archived>(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(total: u64, offset: u64) -> [u8; 24] {
        let mut head = [0; 24];
        head[..8].copy_from_slice(&total.to_le_bytes());
        head[8..16].copy_from_slice(&offset.to_le_bytes());
        head
    }

    fn peer() -> NodeId {
        NodeId::new(([127, 0, 0, 1], 1).into(), 1)
    }

    #[test]
    fn pieces_in_order_make_the_batch() {
        let pieces = Pieces::default();
        assert_eq!(pieces.take(peer(), 20, &head(3, 0), b"abc").as_deref(), Some(&b"abc"[..]));
        assert_eq!(pieces.take(peer(), 20, &head(5, 0), b"ab"), None);
        assert_eq!(pieces.take(peer(), 21, &head(2, 0), b"x"), None, "another kind is another batch");
        assert_eq!(pieces.take(peer(), 20, &head(5, 2), b"cd"), None);
        assert_eq!(pieces.take(peer(), 20, &head(5, 4), b"e").as_deref(), Some(&b"abcde"[..]));
    }

    #[test]
    fn a_piece_that_does_not_follow_is_dropped_with_its_batch() {
        let pieces = Pieces::default();
        assert_eq!(pieces.take(peer(), 20, &head(5, 0), b"ab"), None);
        assert_eq!(pieces.take(peer(), 20, &head(5, 3), b"de"), None);
        assert_eq!(pieces.take(peer(), 20, &head(5, 2), b"cde"), None);
        assert_eq!(pieces.take(peer(), 20, &head(u64::MAX, 0), b"ab"), None);
        assert!(pieces.lock().is_empty(), "nothing is kept of it");
    }
}

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
use crate::directory::Message;
use crate::message::bounded;
use crate::runtime::Node;
use crate::worker::Payload;

/// The longest piece. One of them in front of a call delays it by some 50 µs on a fast network.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// What one peer may make this node put together at a time, in bytes of all its batches. Since longer ones are divided before they are
/// sent, it could be met only by a single message, and none is as long: what travels with a partition's records is bounded where they
/// are registered (`DirectoryConfig::records_bytes_max`).
const PARTS_BYTES_MAX: usize = Message::BYTES_MAX;

/// A batch that takes more is divided, unless it is a single message. It is read in one go, which takes some milliseconds.
const BATCH_BYTES_AIM: usize = 1 << 20;

/// So many messages are encoded to see how many make a batch. Each may hold all records of a partition.
const MESSAGES_TRIED: usize = 256;

/// How many messages a batch keeps room for between turns.
const BATCH_ROOM_KEPT: usize = 512;

/// A buffer that has grown beyond this for one batch is not kept for the next ones.
const BUFFER_BYTES_KEPT: usize = 2 * BATCH_BYTES_AIM;

/// What goes to the peers with the next flush, and pieces that found no room in a peer's queue and wait for it, in order.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: BTreeMap<NodeId, Waiting>,
    /// Batches are encoded here, one after the other.
    buffer: AlignedVec,
}

/// What waits for one peer.
#[derive(Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes().len();
        self.frames.push_back(frame);
    }

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.bytes().len();
        Some(frame)
    }

    fn put_back(&mut self, frame: Frame) {
        self.bytes += frame.bytes().len();
        self.frames.push_front(frame);
    }
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

    /// Cuts what is much by what it has taken so far: to encode all of it, only to see that it is too much, would take as long
    /// again for each halving.
    fn add<T>(&mut self, to: NodeId, kind: u8, messages: &mut Vec<T>)
    where
        Vec<T>: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    {
        if messages.len() <= MESSAGES_TRIED {
            self.add_batch(to, kind, messages);
            return;
        }
        let mut rest = std::mem::take(messages).into_iter();
        let mut room = MESSAGES_TRIED;
        while !rest.as_slice().is_empty() {
            let mut batch: Vec<T> = rest.by_ref().take(room).collect();
            let count = batch.len();
            let bytes = self.add_batch(to, kind, &mut batch);
            room = (count * BATCH_BYTES_AIM / bytes.max(1)).clamp(1, 4 * room);
        }
    }

    /// The same for what is probably not too much. Says how many bytes it took.
    fn add_batch<T>(&mut self, to: NodeId, kind: u8, batch: &mut Vec<T>) -> usize
    where
        Vec<T>: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    {
        let mut bytes = match rkyv::api::high::to_bytes_in::<_, Error>(batch, std::mem::take(&mut self.buffer)) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(peer = %to, %error, "control messages could not be encoded");
                return 0;
            }
        };
        if bytes.len() > BATCH_BYTES_AIM && batch.len() > 1 {
            drop(bytes);
            let mut rest = batch.split_off(batch.len() / 2);
            return self.add_batch(to, kind, batch) + self.add_batch(to, kind, &mut rest);
        }
        if bytes.len() > PARTS_BYTES_MAX {
            tracing::error!(peer = %to, bytes = bytes.len(), limit = PARTS_BYTES_MAX, "a control message is too long to be sent: several splits have made the records of one partition too many; unregister some of them");
            return bytes.len();
        }
        let waiting = self.waiting.entry(to).or_default();
        for (i, piece) in bytes.chunks(PIECE_BYTES_MAX).enumerate() {
            let mut head = [0; 24];
            head[..8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            head[8..16].copy_from_slice(&((i * PIECE_BYTES_MAX) as u64).to_le_bytes());
            waiting.push(Frame::new(kind, head, &[piece]));
        }
        let length = bytes.len();
        if bytes.capacity() <= BUFFER_BYTES_KEPT {
            bytes.clear();
            self.buffer = bytes;
        }
        length
    }

    /// Sends what is queued, as far as there is room. Drops what waits for members that do not read it, has their connections made
    /// anew, and says who these are: what was lost is to be dealt with as at any lost connection.
    #[must_use = "what these were to be told is lost"]
    pub(crate) fn flush_all(&mut self, node: &Arc<Node>) -> Vec<NodeId> {
        let waiting: Vec<NodeId> = self.waiting.keys().copied().collect();
        for to in waiting {
            self.flush(node, to);
        }
        let clogged = self.take_clogged(node.config().control_queue_bytes_max());
        for to in &clogged {
            node.asks_too_much(*to, "what waited to be read");
            if let Some(peer) = node.peer(*to) {
                peer.cut(Lane::Calls);
            }
        }
        clogged
    }

    /// Drops what waits for those for whom more than so many bytes wait, and says who they are.
    fn take_clogged(&mut self, bytes_max: usize) -> Vec<NodeId> {
        self.waiting.extract_if(.., |_, waiting| waiting.bytes > bytes_max).map(|(to, _)| to).collect()
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
        while let Some(frame) = waiting.pop() {
            let Some(peer) = &peer else { break };
            match peer.enqueue(Lane::Calls, frame) {
                Ok(_) => {}
                Err(unsent) if unsent.why == Why::Full => {
                    waiting.put_back(unsent.frame);
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

/// What became of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// More are to come.
    Part,
    /// It was the last one of this batch.
    Whole(Payload),
    /// It does not follow what came before, or is too much: it is dropped with that.
    Refused,
}

/// Batches that have arrived in part.
#[derive(Default)]
pub(crate) struct Pieces(Mutex<BTreeMap<(NodeId, u8), AlignedVec>>);

impl Pieces {
    /// Takes the next piece; gives the batch if it was the last one.
    pub(crate) fn take(&self, from: NodeId, kind: u8, head: &[u8; 24], body: &[u8]) -> Taken {
        let (total, offset) = (word(head, 0), word(head, 1));
        if offset == 0 && total == body.len() as u64 {
            return Taken::Whole(Payload::copy_of(body));
        }
        let mut open = self.lock();
        let others = open.range((from, 0)..=(from, u8::MAX)).filter(|((_, other), _)| *other != kind);
        let others: usize = others.map(|(_, parts)| parts.len()).sum();
        let mut so_far = open.remove(&(from, kind)).unwrap_or_default();
        if offset == 0 {
            so_far.clear();
        }
        let end = offset.saturating_add(body.len() as u64);
        let room = PARTS_BYTES_MAX.saturating_sub(others) as u64;
        if so_far.len() as u64 != offset || end > total || total > room || (body.is_empty() && end < total) {
            return Taken::Refused;
        }
        so_far.extend_from_slice(body);
        if end < total {
            open.insert((from, kind), so_far);
            return Taken::Part;
        }
        Taken::Whole(so_far.into())
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

    fn whole(bytes: &[u8]) -> Taken {
        Taken::Whole(Payload::copy_of(bytes))
    }

    #[test]
    fn pieces_in_order_make_the_batch() {
        let pieces = Pieces::default();
        assert_eq!(pieces.take(peer(), 20, &head(3, 0), b"abc"), whole(b"abc"));
        assert_eq!(pieces.take(peer(), 20, &head(5, 0), b"ab"), Taken::Part);
        assert_eq!(pieces.take(peer(), 21, &head(2, 0), b"x"), Taken::Part, "another kind is another batch");
        assert_eq!(pieces.take(peer(), 20, &head(5, 2), b"cd"), Taken::Part);
        assert_eq!(pieces.take(peer(), 20, &head(5, 4), b"e"), whole(b"abcde"));
    }

    #[test]
    fn a_piece_that_does_not_follow_is_dropped_with_its_batch() {
        let pieces = Pieces::default();
        assert_eq!(pieces.take(peer(), 20, &head(5, 0), b"ab"), Taken::Part);
        assert_eq!(pieces.take(peer(), 20, &head(5, 3), b"de"), Taken::Refused);
        assert_eq!(pieces.take(peer(), 20, &head(5, 2), b"cde"), Taken::Refused);
        assert_eq!(pieces.take(peer(), 20, &head(u64::MAX, 0), b"ab"), Taken::Refused);
        assert_eq!(pieces.take(peer(), 20, &head(5, 0), b""), Taken::Refused, "nothing comes for ever");
        assert!(pieces.lock().is_empty(), "nothing is kept of it");
    }

    #[test]
    fn the_batches_of_one_peer_have_one_limit_together() {
        let (pieces, other) = (Pieces::default(), NodeId::new(([127, 0, 0, 1], 2).into(), 2));
        let max = PARTS_BYTES_MAX as u64;
        let half = vec![7; PARTS_BYTES_MAX / 2];
        assert_eq!(pieces.take(peer(), 20, &head(max, 0), &half), Taken::Part);
        assert_eq!(pieces.take(peer(), 21, &head(max / 2 + 1, 0), b"a"), Taken::Refused);
        assert_eq!(pieces.take(peer(), 21, &head(max / 2, 0), &half[1..]), Taken::Part);
        assert_eq!(pieces.take(other, 21, &head(max, 0), b"a"), Taken::Part, "each has its own");
        assert_eq!(pieces.take(peer(), 20, &head(max, max / 2), b"b"), Taken::Refused, "the other one was there first");
        pieces.lost(peer());
        assert_eq!(pieces.lock().len(), 1);
    }

    #[test]
    fn what_is_long_is_divided_and_comes_in_order() {
        let mut outbox = Outbox::default();
        let sent: Vec<(u64, Vec<u8>)> = (0..9).map(|i| (i, vec![7; BATCH_BYTES_AIM / 3])).collect();
        outbox.add(peer(), 20, &mut sent.clone());
        let (pieces, mut came, mut batches) = (Pieces::default(), Vec::new(), 0);
        let mut waiting = outbox.waiting.remove(&peer()).expect("it was queued");
        while let Some(frame) = waiting.pop() {
            match pieces.take(peer(), 20, frame.head(), frame.body()) {
                Taken::Part => {}
                Taken::Whole(batch) => {
                    assert!(batch.len() <= BATCH_BYTES_AIM);
                    came.extend(read::<Vec<(u64, Vec<u8>)>>(&batch).expect("it is whole"));
                    batches += 1;
                }
                Taken::Refused => panic!("it was sent like this"),
            }
        }
        assert_eq!((waiting.bytes, came), (0, sent));
        assert!((4..=9).contains(&batches), "{batches}");
    }

    /// Whatever is much is encoded about once: of many messages of one size no batch is halved but the first ones.
    #[test]
    fn many_messages_make_batches_of_one_size() {
        let mut outbox = Outbox::default();
        for bytes in [1, 100, 20_000] {
            let count = 4_000.max(8 * BATCH_BYTES_AIM / bytes).min(40_000);
            let mut sent: Vec<(u64, Vec<u8>)> = (0..count as u64).map(|i| (i, vec![7; bytes])).collect();
            outbox.add(peer(), 20, &mut sent);
            assert!(sent.is_empty());
            let waiting = outbox.waiting.remove(&peer()).expect("it was queued");
            let begins = waiting.frames.iter().filter(|frame| word(frame.head(), 1) == 0);
            let batches: Vec<u64> = begins.map(|frame| word(frame.head(), 0)).collect();
            assert!(batches.iter().all(|batch| *batch <= BATCH_BYTES_AIM as u64), "{batches:?}");
            let full = batches.iter().filter(|batch| 2 * **batch > BATCH_BYTES_AIM as u64).count();
            assert!(full + 8 >= batches.len(), "of {} bytes each: {batches:?}", bytes);
        }
    }

    #[test]
    fn what_waits_for_one_who_reads_nothing_is_dropped_beyond_the_limit() {
        let (mut outbox, other) = (Outbox::default(), NodeId::new(([127, 0, 0, 1], 2).into(), 2));
        outbox.add(peer(), 20, &mut vec![(7_u64, vec![7_u8; 1_000])]);
        outbox.add(other, 20, &mut vec![(7_u64, vec![7_u8; 9_000])]);
        assert!(outbox.take_clogged(10_000).is_empty());
        outbox.add(other, 20, &mut vec![(7_u64, vec![7_u8; 1_000])]);
        assert_eq!(outbox.take_clogged(10_000), [other]);
        assert_eq!(outbox.waiting.keys().collect::<Vec<_>>(), [&peer()], "the others' waits as before");
        outbox.add(other, 20, &mut vec![(7_u64, vec![7_u8; 9_000])]);
        assert!(outbox.take_clogged(10_000).is_empty(), "and it begins anew");
    }
}

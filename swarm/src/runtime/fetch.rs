//! Owns how a sealed worker's state travels to its successor: the successor asks for one piece after the other, on the
//! connection for bulk, so that never more than a piece is under way and calls are not delayed by it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rkyv::util::AlignedVec;
use swarm_net::node::NodeId;
use swarm_net::transport::{Lane, Unsent, Why};
use swarm_net::wire::Frame;
use tokio::sync::oneshot;

use crate::call::frame::{kind, word};
use crate::epoch::Epoch;
use crate::hash::HashMap;
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::batch;
use crate::worker::{Bundle, Payload};

/// The size of a piece. One such piece under way delays calls next to nothing; more of them at a time do.
const PIECE_BYTES: usize = 64 << 10;

/// How often a piece is asked for again when its connection is lost.
const ATTEMPTS_MAX: usize = 3;

/// How many large encoded states are kept while they are fetched. More of them that move at a time are encoded anew for each
/// piece, which costs time and no memory.
const KEPT_MAX: usize = 64;

/// The total that says that there is no such state here.
const NONE: u64 = u64::MAX;

/// How many pieces one node may have asked for and not read yet. It asks for one after the other of each worker that it
/// takes over, and takes over a few hundred at a time (`moves_max`) from each owner.
const SERVED_MAX: u32 = 4096;

/// The longest state that can be encoded at all: the archive's pointers have 32 bits.
const STATE_BYTES_MAX: u64 = i32::MAX as u64;

/// A piece, and the size of the whole.
type Piece = (u64, Payload);

/// A state as it comes in.
#[derive(Default)]
struct Whole {
    bytes: AlignedVec,
    total: Option<u64>,
}

impl Whole {
    /// Appends a piece. Says whether it was the last one, or what is wrong with it: a sealed state never changes its size, so
    /// who does not keep to the one that it has told would go on for ever.
    fn add(&mut self, (total, piece): &Piece) -> Result<bool, String> {
        let whole = *self.total.get_or_insert(*total);
        let done = self.bytes.len() as u64 + piece.len() as u64;
        if *total != whole || whole > STATE_BYTES_MAX || done > whole || (piece.is_empty() && done < whole) {
            return Err(format!("{done} bytes of a state of {total}, which was to have {whole}"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(done == whole)
    }
}

/// The pieces that this node waits for.
#[derive(Default)]
pub(crate) struct Fetches(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    open: BTreeMap<u64, (NodeId, oneshot::Sender<Piece>)>,
}

impl Fetches {
    fn open(&self, from: NodeId) -> (u64, oneshot::Receiver<Piece>) {
        let (done, piece) = oneshot::channel();
        let mut open = self.lock();
        open.next += 1;
        let number = open.next;
        open.open.insert(number, (from, done));
        (number, piece)
    }

    /// A piece has come.
    pub(crate) fn arrived(&self, from: NodeId, head: &[u8; 24], body: &[u8]) {
        let mut open = self.lock();
        let number = word(head, 0);
        if open.open.get(&number).is_some_and(|(asked, _)| *asked == from)
            && let Some((_, done)) = open.open.remove(&number)
        {
            // Who asked may have given up.
            let _ = done.send((word(head, 1), Payload::copy_of(body)));
        }
    }

    /// What was asked of this node will not come.
    pub(crate) fn lost(&self, node: NodeId) {
        self.lock().open.retain(|_, (from, _)| *from != node);
    }

    /// Nothing that was asked will come.
    pub(crate) fn clear(&self) {
        self.lock().open.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encoded states of several pieces that are being fetched from this node, which are only kept to save encoding; and who fetches.
#[derive(Default)]
pub(crate) struct Outgoing {
    kept: Mutex<HashMap<(Name, Epoch), Arc<Payload>>>,
    served: Mutex<BTreeMap<NodeId, u32>>,
}

/// A piece that is being served. It counts for as long as it lives.
struct Served {
    node: Arc<Node>,
    to: NodeId,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.node.outgoing.has_served(self.to);
    }
}

impl Outgoing {
    fn get(&self, name: &Name, epoch: Epoch, encode: impl FnOnce() -> Option<Payload>) -> Option<Arc<Payload>> {
        let key = (name.clone(), epoch);
        if let Some(kept) = self.lock().get(&key) {
            return Some(kept.clone());
        }
        let encoded = Arc::new(encode()?);
        if encoded.len() > PIECE_BYTES {
            let mut kept = self.lock();
            if kept.len() < KEPT_MAX {
                kept.insert(key, encoded.clone());
            }
        }
        Some(encoded)
    }

    /// The cell is gone.
    pub(crate) fn forget(&self, name: &Name, epoch: Epoch) {
        self.lock().remove(&(name.clone(), epoch));
    }

    /// Whether one more piece may be served to this node. [`Self::has_served`] ends it.
    fn may_serve(&self, to: NodeId) -> bool {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let count = served.entry(to).or_default();
        let may = *count < SERVED_MAX;
        *count += u32::from(may);
        may
    }

    fn has_served(&self, to: NodeId) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = served.get_mut(&to) {
            *count -= 1;
            if *count == 0 {
                served.remove(&to);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Name, Epoch), Arc<Payload>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Fetches what the sealed cell of `name` at `epoch` on `from` gives to its successor.
    pub(crate) async fn fetch(self: &Arc<Self>, from: NodeId, name: &Name, epoch: Epoch) -> Result<Bundle, String> {
        if from == self.id() {
            let cell = self.places.cell(name, epoch);
            return cell.and_then(|cell| cell.bundle()).ok_or_else(|| "its state is gone".to_owned());
        }
        let mut whole = Whole::default();
        loop {
            let piece = self.fetch_piece(from, name, epoch, whole.bytes.len() as u64).await?;
            if whole.add(&piece).map_err(|problem| format!("{from} sent {problem}"))? {
                break;
            }
        }
        Bundle::decode(&Payload::from(whole.bytes))
            .map_err(|error| format!("the state from {from} is damaged: {error}"))
    }

    async fn fetch_piece(&self, from: NodeId, name: &Name, epoch: Epoch, at: u64) -> Result<Piece, String> {
        let ask = rkyv::to_bytes::<rkyv::rancor::Error>(&(name.clone(), epoch, at))
            .map_err(|error| format!("the request for its state could not be encoded: {error}"))?;
        for _ in 0..ATTEMPTS_MAX {
            let (number, piece) = self.fetches.open(from);
            let mut head = [0; 24];
            head[..8].copy_from_slice(&number.to_le_bytes());
            let frame = Frame::new(kind::FETCH, head, &[&ask]);
            if self.send_bulk(from, frame).await.is_err() {
                return Err(format!("{from}, which has its state, cannot be reached"));
            }
            match piece.await {
                Ok((NONE, _)) => return Err(format!("{from} has no sealed state of it")),
                Ok(piece) => return Ok(piece),
                // The connection was lost; if the node is gone, the next attempt finds no peer.
                Err(_) => {}
            }
        }
        Err(format!("the connection to {from}, which has its state, was lost {ATTEMPTS_MAX} times"))
    }

    /// Another node asks for a piece of a state.
    pub(crate) fn serve_piece(self: &Arc<Self>, to: NodeId, head: &[u8; 24], ask: Payload) {
        let (node, number) = (self.clone(), word(head, 0));
        // Each that is not sent yet holds up to a piece, and who reads nothing may ask for more without end.
        if !self.outgoing.may_serve(to) {
            return self.asks_too_much(to, "a piece of a state, of more than were read,");
        }
        let served = Served { node: self.clone(), to };
        // Encoding a large state takes milliseconds: not on the I/O thread.
        self.runtime().spawn(async move {
            let _served = served;
            let Some((name, epoch, at)) = batch::read::<(Name, Epoch, u64)>(&ask) else {
                return node.could_not_read(to, "a question for a piece of a state");
            };
            let state = node.outgoing.get(&name, epoch, || {
                node.places.cell(&name, epoch).and_then(|cell| cell.bundle()).map(|bundle| bundle.encode())
            });
            let (total, piece) = match &state {
                None => (NONE, &[][..]),
                Some(state) => {
                    let from = usize::try_from(at).unwrap_or(usize::MAX).min(state.len());
                    (state.len() as u64, &state[from..state.len().min(from + PIECE_BYTES)])
                }
            };
            let mut head = [0; 24];
            head[..8].copy_from_slice(&number.to_le_bytes());
            head[8..16].copy_from_slice(&total.to_le_bytes());
            if let Err(why) = node.send_bulk(to, Frame::new(kind::STATE, head, &[piece])).await {
                tracing::debug!(node = %node.id(), peer = %to, ?why, "a piece of state could not be sent");
            }
        });
    }

    /// Sends on the connection for bulk, as soon as there is room. Nobody asks again for a piece that was dropped for lack of
    /// it: several owners may have moves to one node at a time, more of them than its queue takes.
    async fn send_bulk(&self, to: NodeId, mut frame: Frame) -> Result<(), Why> {
        loop {
            let peer = self.peer(to).ok_or(Why::Closed)?;
            match peer.send(Lane::Bulk, frame) {
                Ok(_) => return Ok(()),
                Err(Unsent { frame: full, why: Why::Full }) => frame = full,
                Err(Unsent { why, .. }) => return Err(why),
            }
            poll_fn(|cx| peer.poll_room(Lane::Bulk, cx)).await;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn piece(total: u64, bytes: usize) -> Piece {
        (total, Payload::copy_of(&vec![7; bytes]))
    }

    #[test]
    fn a_state_comes_in_pieces_of_any_size() {
        let mut whole = Whole::default();
        assert_eq!(
            [whole.add(&piece(9, 4)), whole.add(&piece(9, 1)), whole.add(&piece(9, 4))],
            [Ok(false), Ok(false), Ok(true)]
        );
        assert_eq!(whole.bytes.len(), 9);
        assert_eq!(Whole::default().add(&piece(0, 0)), Ok(true));
    }

    #[test]
    fn a_state_that_grows_while_it_comes_is_refused() {
        let mut whole = Whole::default();
        assert_eq!(whole.add(&piece(9, 4)), Ok(false));
        assert!(whole.add(&piece(1 << 40, 4)).is_err(), "it was to have 9 bytes");
        assert!(whole.add(&piece(9, 6)).is_err(), "more than announced");
        assert!(whole.add(&piece(9, 0)).is_err(), "nothing, although some is missing");
        assert!(Whole::default().add(&piece(STATE_BYTES_MAX + 1, 4)).is_err(), "nobody can have encoded it");
        assert_eq!(whole.bytes.len(), 4, "nothing of that is kept");
    }

    #[test]
    fn who_reads_nothing_is_served_no_more_than_its_share() {
        let (outgoing, one, other) = (
            Outgoing::default(),
            NodeId::new(([127, 0, 0, 1], 1).into(), 1),
            NodeId::new(([127, 0, 0, 1], 2).into(), 2),
        );
        assert!((0..SERVED_MAX).all(|_| outgoing.may_serve(one)));
        assert!(!outgoing.may_serve(one) && outgoing.may_serve(other));
        outgoing.has_served(one);
        assert!(outgoing.may_serve(one) && !outgoing.may_serve(one));
        (0..SERVED_MAX).for_each(|_| outgoing.has_served(one));
        outgoing.has_served(other);
        assert!(outgoing.served.lock().unwrap_or_else(PoisonError::into_inner).is_empty(), "nothing is left of it");
    }
}

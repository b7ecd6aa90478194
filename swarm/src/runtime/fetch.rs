//! Owns how a sealed worker's state travels to its successor: the successor asks for one piece after the other, on the
//! connection for bulk, so that never more than a piece is under way and calls are not delayed by it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// A piece, and the size of the whole.
type Piece = (u64, Payload);

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

/// Encoded states of several pieces that are being fetched from this node. They are only kept to save encoding.
#[derive(Default)]
pub(crate) struct Outgoing(Mutex<HashMap<(Name, Epoch), Arc<Payload>>>);

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

    fn lock(&self) -> MutexGuard<'_, HashMap<(Name, Epoch), Arc<Payload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Fetches what the sealed cell of `name` at `epoch` on `from` gives to its successor.
    pub(crate) async fn fetch(self: &Arc<Self>, from: NodeId, name: &Name, epoch: Epoch) -> Result<Bundle, String> {
        if from == self.id() {
            let cell = self.places.cell(name, epoch);
            return cell.and_then(|cell| cell.bundle()).ok_or_else(|| "its state is gone".to_owned());
        }
        let mut bytes = rkyv::util::AlignedVec::<16>::new();
        loop {
            let (total, piece) = self.fetch_piece(from, name, epoch, bytes.len() as u64).await?;
            bytes.extend_from_slice(&piece);
            let done = bytes.len() as u64;
            if done == total {
                break;
            }
            if done > total || piece.is_empty() {
                return Err(format!("{from} sent {done} bytes of a state of {total}"));
            }
        }
        Bundle::decode(&Payload::from(bytes)).map_err(|error| format!("the state from {from} is damaged: {error}"))
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
        // Encoding a large state takes milliseconds: not on the I/O thread.
        self.runtime().spawn(async move {
            let Some((name, epoch, at)) = batch::read::<(Name, Epoch, u64)>(&ask) else { return };
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

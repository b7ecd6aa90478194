//! Owns how a sealed worker's state travels to its successor: the successor asks for one piece after the other, on the
//! connection for bulk, so that never more than two are under way and calls are hardly delayed by them. Pieces are cut, put
//! together and asked for where they arrive, on the I/O thread: each is a few microseconds, and a hop would be as much.

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
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::batch;
use crate::runtime::outgoing::Lined;
use crate::worker::{Bundle, Payload};

/// The size of a piece. A few of them under way delay calls little; more of them do.
const PIECE_BYTES: usize = 64 << 10;

/// So many pieces are under way: while one is read, the next is written.
const UNDER_WAY: usize = 2;

/// How often a state is asked for again when its connection is lost before a piece of it has come.
const ATTEMPTS_MAX: u32 = 3;

/// The total that says that there is no such state here.
const NONE: u64 = u64::MAX;

/// The longest state that can be encoded at all: the archive's pointers have 32 bits. What follows it is small.
const STATE_BYTES_MAX: u64 = i32::MAX as u64;

/// A state as it comes in.
#[derive(Debug, Default)]
struct Whole {
    bytes: AlignedVec,
    total: Option<u64>,
}

impl Whole {
    /// Appends a piece. Says whether it was the last one, or what is wrong with it: a sealed state never changes its size, so
    /// who does not keep to the one that it has told would go on for ever.
    fn add(&mut self, (total, at): (u64, u64), piece: &[u8]) -> Result<bool, String> {
        let (whole, before) = (*self.total.get_or_insert(total), self.bytes.len() as u64);
        let done = before + piece.len() as u64;
        let follows = total == whole && at == before && done <= whole && (done == whole || !piece.is_empty());
        if !follows || whole > STATE_BYTES_MAX {
            return Err(format!("{} bytes at {at} of a state of {total}, after {before} of {whole}", piece.len()));
        }
        self.bytes.extend_from_slice(piece);
        Ok(done == whole)
    }
}

/// What comes of asking for a state.
#[derive(Debug)]
enum Came {
    /// All of it.
    Whole(AlignedVec),
    /// The connection was lost; so much had come.
    Part(Whole),
    /// There is none.
    Nothing,
    /// What came is no state.
    Wrong(String),
}

/// The states that this node waits for.
#[derive(Default)]
pub(crate) struct Fetches(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    open: BTreeMap<u64, Fetch>,
}

/// A state that is asked for.
struct Fetch {
    from: NodeId,
    name: Name,
    epoch: Epoch,
    whole: Whole,
    /// All before this is asked for.
    asked: usize,
    done: oneshot::Sender<Came>,
}

impl Fetch {
    /// The question for the next piece.
    fn ask(&mut self, number: u64) -> Frame {
        let ask = (self.name.clone(), self.epoch, self.asked as u64);
        self.asked += PIECE_BYTES;
        let ask = rkyv::to_bytes::<rkyv::rancor::Error>(&ask).expect("serialising into memory does not fail");
        let mut head = [0; 24];
        head[..8].copy_from_slice(&number.to_le_bytes());
        Frame::new(kind::FETCH, head, &[&ask])
    }

    /// The questions that can be asked now that the total is known.
    fn ask_on(&mut self, number: u64, total: u64) -> Vec<Frame> {
        let (end, have) = (usize::try_from(total).unwrap_or(usize::MAX), self.whole.bytes.len());
        let mut asks = Vec::with_capacity(UNDER_WAY);
        while self.asked < end.min(have + UNDER_WAY * PIECE_BYTES) {
            asks.push(self.ask(number));
        }
        asks
    }
}

impl Fetches {
    /// Waits for what follows `whole`. Gives the first question, to be sent, and its number.
    fn open(&self, from: NodeId, name: Name, epoch: Epoch, whole: Whole) -> (u64, Frame, oneshot::Receiver<Came>) {
        let (done, came) = oneshot::channel();
        let mut open = self.lock();
        open.next += 1;
        let number = open.next;
        let asked = whole.bytes.len();
        let mut fetch = Fetch { from, name, epoch, whole, asked, done };
        let ask = fetch.ask(number);
        open.open.insert(number, fetch);
        (number, ask, came)
    }

    /// A piece has come. Gives the next questions, unless it was the last piece or nobody waits for it any more.
    fn arrived(&self, from: NodeId, head: &[u8; 24], piece: &[u8]) -> Vec<Frame> {
        let (number, total, at) = (word(head, 0), word(head, 1), word(head, 2));
        let mut open = self.lock();
        let Some(fetch) = open.open.get_mut(&number).filter(|fetch| fetch.from == from) else {
            return Vec::new();
        };
        let added = if total == NONE { Ok(true) } else { fetch.whole.add((total, at), piece) };
        if added == Ok(false) && !fetch.done.is_closed() {
            return fetch.ask_on(number, total);
        }
        let Some(Fetch { whole, done, .. }) = open.open.remove(&number) else {
            return Vec::new();
        };
        let came = match added {
            Ok(_) if total == NONE => Came::Nothing,
            Ok(_) => Came::Whole(whole.bytes),
            Err(problem) => Came::Wrong(problem),
        };
        // Who asked may have given up.
        let _ = done.send(came);
        Vec::new()
    }

    /// Whether nobody here has ever asked a question of this number. (One that has been answered may be answered once more: who asked
    /// gave up and asked again.)
    fn never_asked(&self, number: u64) -> bool {
        !(1..=self.lock().next).contains(&number)
    }

    /// What was asked of this node will not come.
    pub(crate) fn lost(&self, node: NodeId) {
        for (_, Fetch { whole, done, .. }) in self.lock().open.extract_if(.., |_, fetch| fetch.from == node) {
            let _ = done.send(Came::Part(whole));
        }
    }

    /// Nothing that was asked will come.
    pub(crate) fn clear(&self) {
        self.lock().open.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a fetch that nobody waits for any more.
struct Opened<'a> {
    fetches: &'a Fetches,
    number: u64,
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.fetches.lock().open.remove(&self.number);
    }
}

impl Node {
    /// Fetches what the sealed cell of `name` at `epoch` on `from` gives to its successor.
    pub(crate) async fn fetch(self: &Arc<Self>, from: NodeId, name: &Name, epoch: Epoch) -> Result<Bundle, String> {
        if from == self.id() {
            let sealed = self.places.cell(name, epoch).and_then(|cell| cell.bundle());
            return sealed.map(|sealed| Bundle::clone(&sealed)).ok_or_else(|| "its state is gone".to_owned());
        }
        let (mut whole, mut attempts) = (Whole::default(), 0);
        while attempts < ATTEMPTS_MAX {
            let before = whole.bytes.len();
            let (number, ask, came) = self.fetches.open(from, name.clone(), epoch, whole);
            let _opened = Opened { fetches: &self.fetches, number };
            if !self.send_piece(from, ask) {
                return Err(format!("{from}, which has its state, cannot be reached"));
            }
            match came.await {
                Ok(Came::Whole(bytes)) => {
                    return Bundle::decode(Payload::from(bytes))
                        .map_err(|error| format!("the state from {from} is damaged: {error}"));
                }
                // If the node is gone, the next attempt finds no peer.
                Ok(Came::Part(part)) => whole = part,
                Ok(Came::Nothing) => return Err(format!("{from} has no sealed state of it")),
                Ok(Came::Wrong(problem)) => return Err(format!("{from} sent {problem}")),
                Err(_) => return Err("this node stops".to_owned()),
            }
            attempts = if whole.bytes.len() > before { 1 } else { attempts + 1 };
        }
        Err(format!("the connection to {from}, which has its state, was lost {ATTEMPTS_MAX} times"))
    }

    /// A piece has come: more are asked for.
    pub(crate) fn piece_came(self: &Arc<Self>, from: NodeId, head: &[u8; 24], piece: &[u8]) {
        if self.fetches.never_asked(word(head, 0)) {
            return self.could_not_read(from, "a piece of a state that nobody has asked for");
        }
        for ask in self.fetches.arrived(from, head, piece) {
            self.send_piece(from, ask);
        }
    }

    /// Another node asks for a piece of a state.
    pub(crate) fn serve_piece(self: &Arc<Self>, to: NodeId, head: &[u8; 24], ask: &[u8]) {
        let Some((name, epoch, at)) = batch::read::<(Name, Epoch, u64)>(&Payload::copy_of(ask)) else {
            return self.could_not_read(to, "a question for a piece of a state");
        };
        // Who reads nothing is not even given a copy.
        if self.outgoing.is_full(to) {
            return self.cut_off(to);
        }
        let sealed = self.places.cell(&name, epoch).and_then(|cell| cell.bundle());
        let (total, piece) = match sealed.as_deref() {
            Some(sealed) => (sealed.len(), sealed.piece(at, PIECE_BYTES)),
            None => {
                // It may have been let go just now: in good faith that is seldom asked for.
                self.hold_against(to, Lane::Bulk);
                (NONE, [&[][..]; 2])
            }
        };
        let mut answer = [0; 24];
        answer[..8].copy_from_slice(&head[..8]);
        answer[8..16].copy_from_slice(&total.to_le_bytes());
        answer[16..].copy_from_slice(&at.to_le_bytes());
        self.send_piece(to, Frame::new(kind::STATE, answer, &piece));
    }

    /// Sends a piece, or the question for one, at once if there is room and nothing waits for it, else in its turn. False if there
    /// is no connection; if it is lost later, whoever waits hears of that.
    fn send_piece(self: &Arc<Self>, to: NodeId, frame: Frame) -> bool {
        let Some(peer) = self.peer(to) else { return false };
        let frame = match self.outgoing.line_up(to, frame) {
            Lined::Free(frame) => frame,
            Lined::Behind => return true,
            Lined::Full => {
                self.cut_off(to);
                return true;
            }
        };
        let unsent = match peer.send(Lane::Bulk, frame) {
            Ok(_) => return true,
            Err(Unsent { frame, why: Why::Full }) => frame,
            Err(_) => return false,
        };
        if self.outgoing.begin(to, unsent) {
            let node = self.clone();
            self.runtime().spawn(async move {
                while let Some(frame) = node.outgoing.next(to) {
                    if let Err(why) = node.send_bulk(to, frame).await {
                        tracing::debug!(node = %node.id(), peer = %to, ?why, "pieces of states could not be sent");
                        return node.outgoing.end(to);
                    }
                }
            });
        }
        true
    }

    /// A node has asked for more pieces than it reads: what it waits for begins anew, with its connection.
    fn cut_off(&self, from: NodeId) {
        self.asks_too_much(from, "a piece of a state, of more than were read,");
        if let Some(peer) = self.peer(from) {
            peer.cut(Lane::Bulk);
        }
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

    fn node(boot: u64) -> NodeId {
        NodeId::new(([127, 0, 0, 1], 1).into(), boot)
    }

    fn answer(number: u64, total: u64, at: u64) -> [u8; 24] {
        let mut head = [0; 24];
        [number, total, at]
            .iter()
            .zip(head.chunks_exact_mut(8))
            .for_each(|(n, out)| out.copy_from_slice(&n.to_le_bytes()));
        head
    }

    /// Where the pieces begin that these frames ask for.
    fn offsets(asks: &[Frame]) -> Vec<u64> {
        let ask = |frame: &Frame| batch::read::<(Name, Epoch, u64)>(&Payload::copy_of(frame.body()));
        asks.iter().map(|frame| ask(frame).expect("it was made above").2).collect()
    }

    #[test]
    fn pieces_are_asked_for_while_others_are_under_way() {
        let (fetches, piece) = (Fetches::default(), PIECE_BYTES as u64);
        let (number, ask, mut came) = fetches.open(node(1), "x".into(), Epoch::default(), Whole::default());
        let total = 3 * piece + 5;
        let arrived =
            |at: u64, bytes: usize| offsets(&fetches.arrived(node(1), &answer(number, total, at), &vec![7; bytes]));
        assert_eq!(offsets(&[ask]), [0]);
        assert!(
            fetches.arrived(node(2), &answer(number, total, 0), &[7; PIECE_BYTES]).is_empty(),
            "nobody asked that one"
        );
        assert_eq!(arrived(0, PIECE_BYTES), [piece, 2 * piece]);
        assert_eq!(arrived(piece, PIECE_BYTES), [3 * piece]);
        assert_eq!((arrived(2 * piece, PIECE_BYTES), came.try_recv().is_ok()), (vec![], false));
        assert!(arrived(3 * piece, 5).is_empty());
        let Ok(Came::Whole(bytes)) = came.try_recv() else { panic!("all of it has come") };
        assert_eq!((bytes.len() as u64, arrived(0, 1)), (total, vec![]));
    }

    #[test]
    fn what_came_before_its_connection_was_lost_is_not_asked_for_again() {
        let (fetches, total) = (Fetches::default(), 2 * PIECE_BYTES as u64);
        let (number, _, mut came) = fetches.open(node(1), "x".into(), Epoch::default(), Whole::default());
        fetches.arrived(node(1), &answer(number, total, 0), &[7; PIECE_BYTES]);
        fetches.lost(node(2));
        assert!(came.try_recv().is_err(), "another node's connection");
        fetches.lost(node(1));
        let Ok(Came::Part(part)) = came.try_recv() else { panic!("it is told") };
        let (_, ask, _came) = fetches.open(node(1), "x".into(), Epoch::default(), part);
        assert_eq!(offsets(&[ask]), [PIECE_BYTES as u64]);
    }

    #[test]
    fn nobody_asks_on_when_nobody_waits() {
        let fetches = Fetches::default();
        let (number, _, came) = fetches.open(node(1), "x".into(), Epoch::default(), Whole::default());
        drop(came);
        assert!(fetches.arrived(node(1), &answer(number, 1 << 20, 0), &[7; PIECE_BYTES]).is_empty());
        assert!(fetches.lock().open.is_empty());
    }

    #[test]
    fn a_state_comes_in_pieces_of_any_size() {
        let mut whole = Whole::default();
        let came = [whole.add((9, 0), &[7; 4]), whole.add((9, 4), &[7; 1]), whole.add((9, 5), &[7; 4])];
        assert_eq!(came, [Ok(false), Ok(false), Ok(true)]);
        assert_eq!(whole.bytes.len(), 9);
        assert_eq!(Whole::default().add((0, 0), &[]), Ok(true));
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let mut whole = Whole::default();
        assert_eq!(whole.add((9, 0), &[7; 4]), Ok(false));
        assert!(whole.add((1 << 40, 4), &[7; 4]).is_err(), "it was to have 9 bytes");
        assert!(whole.add((9, 4), &[7; 6]).is_err(), "more than announced");
        assert!(whole.add((9, 4), &[]).is_err(), "nothing, although some is missing");
        assert!(whole.add((9, 5), &[7; 4]).is_err(), "another piece");
        assert!(Whole::default().add((STATE_BYTES_MAX + 1, 0), &[7; 4]).is_err(), "nobody can have encoded it");
        assert_eq!(whole.bytes.len(), 4, "nothing of that is kept");
    }

    #[test]
    fn nothing_is_left_of_a_fetch_that_is_given_up() {
        let fetches = Fetches::default();
        let (number, _, _came) = fetches.open(node(1), "x".into(), Epoch::default(), Whole::default());
        drop(Opened { fetches: &fetches, number });
        assert!(fetches.lock().open.is_empty());
    }
}

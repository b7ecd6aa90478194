//! Owns what senders know of another node: the two lanes to it. Never touches a socket.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwapOption;

use super::charge::{Account, Charge};
use super::command::Command;
use super::outlet::Outlet;
use super::wake::Commands;
use crate::config::NetConfig;
use crate::connection::{FrameNo, Limits, Loss, SendQueue, Unsent, Why};
use crate::node::NodeId;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::wire::{Claim, Frame};

/// One of the two connections to a peer. Each has an order and a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Calls and the control of the cluster: small frames that must be quick.
    Calls,
    /// Large or many frames that must not delay the calls. Its connection is opened when it is first used.
    Bulk,
}

/// Another node, connected or about to be. Callers may keep it: once the node is gone it refuses everything.
pub struct Peer {
    node: NodeId,
    commands: Commands,
    /// What came from it and is not worked off.
    account: Account,
    calls: LaneQueue,
    bulk: LaneQueue,
}

struct LaneQueue {
    queue: SendQueue,
    /// The I/O thread has been told that frames wait, or somebody else has promised to write them, and has not looked yet.
    announced: AtomicBool,
    /// The I/O thread has been told to end the connection, and has not looked yet.
    cut: AtomicBool,
    /// The open connection, if there is one.
    outlet: ArcSwapOption<Outlet>,
    /// Frames that the layers above have refused.
    refused: AtomicU64,
}

impl Peer {
    pub(crate) fn new(node: NodeId, commands: Commands, config: &NetConfig) -> Self {
        let frame_body = config.frame_bytes_max as usize;
        let lane = |frames: u32, bytes: u64| LaneQueue {
            queue: SendQueue::new(Limits {
                frames: frames as usize,
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                frame_body,
            }),
            announced: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            outlet: ArcSwapOption::empty(),
            refused: AtomicU64::new(0),
        };
        Self {
            node,
            commands,
            account: Account::new(usize::try_from(config.intake_bytes_max).unwrap_or(usize::MAX)),
            calls: lane(config.calls_queue_frames_max, config.calls_queue_bytes_max),
            bulk: lane(config.bulk_queue_frames_max, config.bulk_queue_bytes_max),
        }
    }

    /// The node at the other end.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Queues a frame. Never blocks.
    ///
    /// The frame is either given back here, or handed to the kernel, or dropped because its `due` passed, or given back by
    /// `Inbox::reset`. A frame that is accepted while no connection is up waits for one.
    ///
    /// # Errors
    ///
    /// [`Unsent`] with the frame: its lane is full, the peer is gone, or the frame is too large.
    ///
    /// # Panics
    ///
    /// If the frame's kind is below 16: those are the transport's own.
    pub fn send(self: &Arc<Self>, lane: Lane, frame: Frame) -> Result<FrameNo, Unsent> {
        let no = self.enqueue(lane, frame)?;
        self.announce(lane);
        Ok(no)
    }

    /// Queues a frame as [`Peer::send`] does, but has it written only with the next [`Peer::flush`] of the lane or the
    /// next frame that is sent on it: for senders that have several.
    ///
    /// # Errors
    ///
    /// As [`Peer::send`].
    ///
    /// # Panics
    ///
    /// As [`Peer::send`].
    pub fn enqueue(&self, lane: Lane, frame: Frame) -> Result<FrameNo, Unsent> {
        let vital = frame.claim == Claim::Vital;
        let pushed = self.lane(lane).queue.push(frame);
        if vital && pushed.as_ref().is_err_and(|unsent| unsent.why == Why::Full) {
            // What comes after it would wait in vain: it is lost with its connection.
            self.cut(lane);
        }
        pushed
    }

    /// Ends the open connection of a lane, if there is one, and has another made: for a peer that asks for more than it reads. What
    /// was under way on it is lost, and both sides are told.
    pub fn cut(&self, lane: Lane) {
        if !self.lane(lane).cut.swap(true, Ordering::SeqCst) {
            self.commands.send(Command::Cut(self.node, lane));
        }
    }

    /// Notes so many bytes that have come from the peer and are not worked off, until what is returned is dropped. While there are
    /// more than `intake_bytes_max`, nothing more is read from it: its own connections fill, and it has to wait. What waits for more
    /// from the same peer must not be noted so.
    pub fn charge(&self, bytes: usize) -> Charge {
        self.account.charge(bytes)
    }

    /// Notes that a frame which came from it was worth nothing: it could not be read, or asked for what cannot be. From who brings many
    /// such, among others or not, little more is read than is worked off beside all else.
    pub fn refuse(&self, lane: Lane) {
        // Relaxed, as where it is read: nothing else is read because of it.
        self.lane(lane).refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many frames of a lane were refused.
    pub(crate) fn refused(&self, lane: Lane) -> u64 {
        self.lane(lane).refused.load(Ordering::Relaxed)
    }

    /// Whether answers for it find no room on this lane: what it asks for now would be done in vain.
    pub fn is_clogged(&self, lane: Lane) -> bool {
        self.lane(lane).queue.is_clogged()
    }

    /// Whether nothing more is to be read from it for now.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.account.is_overdrawn()
    }

    /// A connection that is asked to end from now on is another one.
    pub(crate) fn take_cut(&self, lane: Lane) {
        self.lane(lane).cut.store(false, Ordering::SeqCst);
    }

    /// Writes what waits on a lane on this thread, if nobody else writes there and the socket takes it; the rest is left to
    /// the I/O thread. Never blocks. It spares the I/O thread a wake-up, which costs more than the write, so it is worth
    /// it for a batch; single frames of many senders are better gathered by [`Peer::send`].
    pub fn flush(self: &Arc<Self>, lane: Lane) {
        let way = self.lane(lane);
        let written = way.outlet.load().as_ref().is_some_and(|outlet| outlet.write(&way.queue));
        if !written {
            self.announce(lane);
        }
    }

    /// Has what waits on a lane written by the I/O thread.
    pub fn announce(self: &Arc<Self>, lane: Lane) {
        if self.promise(lane) {
            self.commands.send(Command::Ready(Arc::clone(self), lane));
        }
    }

    /// Promises that what waits on a lane, and what is queued until then, is written by [`Peer::keep_promise`]. False if there is no need
    /// to: somebody else has promised it, or the I/O thread has been told.
    #[must_use = "nobody else sees to it"]
    pub fn promise(&self, lane: Lane) -> bool {
        let announced = &self.lane(lane).announced;
        // Whoever takes it back looks at the queue afterwards, and finds what was queued before this look.
        !announced.load(Ordering::SeqCst) && !announced.swap(true, Ordering::SeqCst)
    }

    /// Writes what waits on a lane, as was promised, as by [`Peer::flush`].
    pub fn keep_promise(self: &Arc<Self>, lane: Lane) {
        self.take_announcement(lane);
        self.flush(lane);
    }

    /// Leaves what was promised to the I/O thread.
    pub fn leave_promise(self: &Arc<Self>, lane: Lane) {
        self.take_announcement(lane);
        self.announce(lane);
    }

    /// The lane has an open connection, or has none any more.
    pub(crate) fn set_outlet(&self, lane: Lane, outlet: Option<Outlet>) {
        self.lane(lane).outlet.store(outlet.map(Arc::new));
    }

    /// Frames up to this one may have been given to the kernel. Who reads the clock at or after a frame's `due` and *then*
    /// finds its number above knows that it is never sent. It only grows, also beyond frames that were given back.
    pub fn claimed(&self, lane: Lane) -> FrameNo {
        self.lane(lane).queue.claimed()
    }

    /// What the lane's last loss of its connection meant, for a sender that could note its frame's number only after
    /// [`Peer::enqueue`]: if it notes the number and *then* looks, either it learns here of a loss that came between, or
    /// [`Inbox::reset`](super::Inbox::reset) comes later and finds what it noted.
    pub fn loss(&self, lane: Lane) -> Loss {
        self.lane(lane).queue.loss()
    }

    /// Waits until a full lane has room, or the peer is gone. Another sender may be quicker: be ready to wait again.
    pub fn poll_room(&self, lane: Lane, cx: &mut Context<'_>) -> Poll<()> {
        self.lane(lane).queue.poll_room(cx)
    }

    /// Whether the node is gone. Then nothing is accepted any more.
    pub fn is_closed(&self) -> bool {
        self.calls.queue.is_closed()
    }

    pub(crate) fn queue(&self, lane: Lane) -> &SendQueue {
        &self.lane(lane).queue
    }

    /// Frames that are queued from now on are announced again. Swapped, as where it is set: so all changes are one chain.
    pub(crate) fn take_announcement(&self, lane: Lane) {
        self.lane(lane).announced.swap(false, Ordering::SeqCst);
    }

    fn lane(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Calls => &self.calls,
            Lane::Bulk => &self.bulk,
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({})", self.node)
    }
}

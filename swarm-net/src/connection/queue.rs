//! Owns the frames that wait for one lane to a peer, and the number up to which they were claimed for sending.
//! Never writes to a socket, and never blocks longer than it takes to move frames.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::time::{Clock, Instant};
use crate::wire::{Claim, Frame, KIND_UPPER_MIN};

/// Counts the frames that were accepted for a lane of a `Peer` over the peer's life, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameNo(pub u64);

/// A frame that was not accepted, given back.
#[derive(Debug)]
pub struct Unsent {
    /// The frame, untouched.
    pub frame: Frame,
    /// Why it was not accepted.
    pub why: Why,
}

/// What a lane's last loss of its connection meant to the frames that had been accepted before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Frames up to this one may have arrived.
    pub claimed: FrameNo,
    /// Later ones up to this one came back.
    pub accepted: FrameNo,
}

/// Why a frame was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The queue has no room now: `Peer::poll_room` tells when it has.
    Full,
    /// The peer is gone, or this node stops. It stays so.
    Closed,
    /// The frame exceeds the limit of a frame; it would never be accepted.
    TooLarge,
}

/// The frames that wait for one lane, shared by their senders and whoever writes them: the I/O thread,
/// or a sender by `Peer::flush`. One at a time, under the connection's `SharedWriter`.
///
/// Claiming is the point of no return. Whoever writes to the socket (1) takes frames and publishes their highest number as claimed,
/// (2) reads the clock, (3) drops those whose `due` has passed, (4) writes the others. A sender that reads the clock
/// at or after `due` and *then* sees `claimed() < no` knows that the frame will be dropped: in the total order of
/// sequentially consistent operations its load precedes the store of (1), so the clock of (2) is later than its own.
#[derive(Debug)]
pub(crate) struct SendQueue {
    limits: Limits,
    /// Written under the lock, read by anybody.
    claimed: AtomicU64,
    /// The last [`Loss`]. Its `claimed` is written first and read last, so it is never too old for the other.
    lost_claimed: AtomicU64,
    lost_accepted: AtomicU64,
    /// An answer found no room, and there is none yet. A hint: nothing else is read because of it.
    clogged: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Some frames.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    frames: usize,
    bytes: usize,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// No more frames than this.
    pub(crate) frames: usize,
    /// No further frame once so many bytes wait.
    pub(crate) bytes: usize,
    /// No frame whose body is longer.
    pub(crate) frame_body: usize,
}

impl Limits {
    /// How much may wait of what others would wait for in vain: far more than one in good faith lets come together. Who has more
    /// to wait for it reads nothing.
    fn for_vital(self) -> Self {
        Self { frames: self.frames.saturating_mul(16), bytes: self.bytes.saturating_mul(16), ..self }
    }

    /// How much may wait if the other side waits for it: some times as much, for it is asked by whoever is busy, too.
    fn for_owed(self) -> Self {
        Self { frames: self.frames.saturating_mul(4), bytes: self.bytes.saturating_mul(4), ..self }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// As much of it is for the other side, which has asked for it.
    answers: Amount,
    /// The number of the frame that was accepted last.
    accepted: u64,
    closed: bool,
    /// Tasks that wait for room; each is in it once.
    wakers: Vec<Waker>,
}

impl SendQueue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            claimed: AtomicU64::new(0),
            lost_claimed: AtomicU64::new(0),
            lost_accepted: AtomicU64::new(0),
            clogged: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }

    /// Accepts a frame, or gives it back.
    pub(crate) fn push(&self, frame: Frame) -> Result<FrameNo, Unsent> {
        assert!(frame.kind() >= KIND_UPPER_MIN, "kinds below {KIND_UPPER_MIN} are the transport's own");
        if frame.body().len() > self.limits.frame_body {
            return Err(Unsent { frame, why: Why::TooLarge });
        }
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Unsent { frame, why: Why::Closed });
        }
        let room = match frame.claim {
            Claim::Plain => waiting.has_room(self.limits),
            Claim::Owed => waiting.has_room(self.limits.for_owed()),
            Claim::Vital => waiting.has_room(self.limits.for_vital()),
        };
        if !room {
            if frame.claim == Claim::Owed {
                self.clogged.store(true, Ordering::Relaxed);
            }
            return Err(Unsent { frame, why: Why::Full });
        }
        waiting.accepted += 1;
        waiting.bytes += frame.bytes().len();
        if frame.claim != Claim::Plain {
            waiting.answers.frames += 1;
            waiting.answers.bytes += frame.bytes().len();
        }
        waiting.frames.push_back(frame);
        Ok(FrameNo(waiting.accepted))
    }

    /// Frames up to this one may have been given to the kernel.
    pub(crate) fn claimed(&self) -> FrameNo {
        FrameNo(self.claimed.load(Ordering::SeqCst))
    }

    /// What the last [`SendQueue::reset`] meant. Without one, nothing is up to its numbers.
    pub(crate) fn loss(&self) -> Loss {
        let accepted = FrameNo(self.lost_accepted.load(Ordering::SeqCst));
        Loss { claimed: FrameNo(self.lost_claimed.load(Ordering::SeqCst)), accepted }
    }

    /// Ready as soon as a frame would be accepted, or the queue is closed.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.closed || waiting.has_room(self.limits) {
            return Poll::Ready(());
        }
        if !waiting.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().frames.is_empty()
    }

    /// Whether more waits of what the other side has asked for than may wait of anything else.
    pub(crate) fn is_owing(&self) -> bool {
        let Amount { frames, bytes } = self.lock().answers;
        frames >= self.limits.frames || bytes >= self.limits.bytes
    }

    /// Whether the last answer found no room, and there has been none since.
    pub(crate) fn is_clogged(&self) -> bool {
        self.clogged.load(Ordering::Relaxed)
    }

    fn unclog(&self, waiting: &Waiting) {
        if self.is_clogged() && waiting.has_room(self.limits.for_owed()) {
            self.clogged.store(false, Ordering::Relaxed);
        }
    }

    /// Claims frames from the front, up to about `bytes_max`, and appends those that are not overdue to `out`.
    /// False if nothing waited.
    pub(crate) fn claim(&self, bytes_max: usize, out: &mut VecDeque<Frame>) -> bool {
        self.claim_at(bytes_max, out, Clock::instant)
    }

    /// The same by another clock, which is read after the claim.
    pub(crate) fn claim_at(&self, bytes_max: usize, out: &mut VecDeque<Frame>, now: impl FnOnce() -> Instant) -> bool {
        let begin = out.len();
        let wakers = {
            let mut waiting = self.lock();
            if waiting.frames.is_empty() {
                return false;
            }
            let mut taken = 0;
            while taken < bytes_max
                && let Some(frame) = waiting.frames.pop_front()
            {
                taken += frame.bytes().len();
                if frame.claim != Claim::Plain {
                    waiting.answers.frames -= 1;
                    waiting.answers.bytes -= frame.bytes().len();
                }
                out.push_back(frame);
            }
            waiting.bytes -= taken;
            self.claimed.store(waiting.accepted - waiting.frames.len() as u64, Ordering::SeqCst);
            self.unclog(&waiting);
            waiting.wakers_if_roomy(self.limits)
        };
        wake(wakers);
        let now = now();
        if out.range(begin..).any(|frame| frame.due.is_some_and(|due| due <= now)) {
            let claimed = out.split_off(begin);
            out.extend(claimed.into_iter().filter(|frame| frame.due.is_none_or(|due| due > now)));
        }
        true
    }

    /// Gives back everything that was not claimed, with the number up to which frames were.
    pub(crate) fn reset(&self) -> (FrameNo, Vec<Frame>) {
        let (claimed, unsent, wakers) = {
            let mut waiting = self.lock();
            (waiting.bytes, waiting.answers) = (0, Amount::default());
            let unsent = std::mem::take(&mut waiting.frames).into();
            self.unclog(&waiting);
            self.lost_claimed.store(self.claimed().0, Ordering::SeqCst);
            self.lost_accepted.store(waiting.accepted, Ordering::SeqCst);
            (self.claimed(), unsent, waiting.wakers_if_roomy(self.limits))
        };
        wake(wakers);
        (claimed, unsent)
    }

    /// As [`SendQueue::reset`], and accepts nothing more.
    pub(crate) fn close(&self) -> (FrameNo, Vec<Frame>) {
        self.lock().closed = true;
        let given_back = self.reset();
        wake(std::mem::take(&mut self.lock().wakers));
        given_back
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The data are plain and whole at every point where a panic could come from, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room(&self, limits: Limits) -> bool {
        self.frames.len() < limits.frames && self.bytes < limits.bytes
    }

    /// Those who wait, once half of the room is free: woken at each free place, they would fight for single places.
    fn wakers_if_roomy(&mut self, limits: Limits) -> Vec<Waker> {
        if self.frames.len() <= limits.frames / 2 && self.bytes <= limits.bytes / 2 {
            std::mem::take(&mut self.wakers)
        } else {
            Vec::new()
        }
    }
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests;

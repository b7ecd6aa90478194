//! Owns the rounds: a task of tokio's that wakes the callers whose answers have come together, and begins what has come for workers
//! whose place is tokio's; then it writes what all these, and who else sends meanwhile, have sent. From the I/O thread each would
//! cost a lock, if not a system call, and the first that sends would have that thread woken. Never holds anybody up for long: what a
//! round is late for is done without it.

use std::future::Future;
use std::mem::{swap, take};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::time::{Clock, Instant};
use swarm_net::transport::{Lane, Peer};
use tokio::runtime::Handle;

use crate::call::wakes;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::worker::soon::{self, Left};

/// So few are woken and begun at once: a round for them costs more.
const FEW: usize = 2;

/// So many are handed on before a read is over: they have waited long enough.
pub(crate) const MANY: usize = 128;

/// How long the I/O thread waits for a round. A thread of tokio's that user code holds up is late.
const PATIENCE: Duration = Duration::from_millis(2);

/// The rounds of one node. There is one at a time.
#[derive(Default)]
pub(crate) struct Rounds {
    state: Mutex<State>,
    /// A round is under way, to which frames may be left. A hint: `state` says.
    open: AtomicBool,
    /// Until when the round is waited for: nanoseconds of the clock, 0 if there is nothing to wait for.
    due: AtomicU64,
}

#[derive(Default)]
struct State {
    stage: Stage,
    todo: Todo,
}

/// What a round has yet to do.
#[derive(Default)]
struct Todo {
    /// Whom to wake.
    callers: Vec<Waker>,
    /// What to begin.
    left: Vec<Left>,
    /// To whom frames wait that it has promised to write.
    peers: Vec<Arc<Peer>>,
}

impl Todo {
    /// What this thread has collected.
    fn add_collected(&mut self) {
        wakes::take(&mut self.callers);
        soon::take_left(&mut self.left);
    }

    /// Whether nothing is to be begun.
    fn is_over(&self) -> bool {
        self.callers.is_empty() && self.left.is_empty()
    }

    /// One after the other: if a waker panics, which may be anybody's, the others are still here.
    fn begin(&mut self) {
        while let Some(caller) = self.callers.pop() {
            caller.wake();
        }
        while let Some((cell, worker)) = self.left.pop() {
            cell.drain(worker);
        }
    }
}

/// How much this thread has collected for a round.
pub(crate) fn collected() -> usize {
    wakes::len() + soon::left()
}

/// Does what this thread has collected, and collects no more.
pub(crate) fn do_collected() {
    wakes::wake_all();
    soon::drain_all();
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// There is none.
    #[default]
    Home,
    /// It is under way.
    Out,
    /// It is, and was not waited for: nothing is left to it until it shows.
    Late,
}

impl Rounds {
    /// Has done what this thread has collected: by itself if it is little, else by a round.
    pub(crate) fn hand_over(self: &Arc<Self>, tokio: &Handle) {
        if collected() <= FEW {
            return do_collected();
        }
        let begins = {
            let mut state = self.lock();
            match state.stage {
                Stage::Late => {
                    drop(state);
                    return do_collected();
                }
                stage @ (Stage::Home | Stage::Out) => {
                    state.todo.add_collected();
                    state.stage = Stage::Out;
                    self.open.store(true, Ordering::SeqCst);
                    stage == Stage::Home
                }
            }
        };
        if begins {
            self.due.store((Clock::instant() + PATIENCE).as_nanos(), Ordering::SeqCst);
            tokio.spawn(Round { rounds: Arc::clone(self), todo: Todo::default(), over: false });
        }
    }

    /// Has what was queued for a peer written: by the round that is under way, else by the I/O thread.
    pub(crate) fn announce(&self, peer: &Arc<Peer>) {
        if !self.open.load(Ordering::SeqCst) {
            return peer.announce(Lane::Calls);
        }
        if !peer.promise(Lane::Calls) {
            return;
        }
        let mut state = self.lock();
        match state.stage {
            Stage::Out => state.todo.peers.push(Arc::clone(peer)),
            Stage::Home | Stage::Late => {
                drop(state);
                peer.leave_promise(Lane::Calls);
            }
        }
    }

    /// Until when the round that is under way is waited for, if there is one.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.due.load(Ordering::SeqCst) {
            0 => None,
            due => Some(Instant::from_nanos(due)),
        }
    }

    /// Does what the round is late for.
    pub(crate) fn overdue(&self) {
        let mut todo = {
            let mut state = self.lock();
            if state.stage != Stage::Out {
                return;
            }
            state.stage = Stage::Late;
            self.open.store(false, Ordering::SeqCst);
            self.due.store(0, Ordering::SeqCst);
            take(&mut state.todo)
        };
        todo.begin();
        todo.peers.iter().for_each(|peer| peer.leave_promise(Lane::Calls));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One round.
struct Round {
    rounds: Arc<Rounds>,
    /// Empty between two polls.
    todo: Todo,
    over: bool,
}

impl Future for Round {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { rounds, todo, over } = &mut *self;
        {
            let mut state = rounds.lock();
            *over = state.todo.is_over();
            swap(&mut state.todo, todo);
            state.stage = if *over { Stage::Home } else { Stage::Out };
            rounds.open.store(!*over, Ordering::SeqCst);
            rounds.due.store(if *over { 0 } else { (Clock::instant() + PATIENCE).as_nanos() }, Ordering::SeqCst);
        }
        todo.peers.drain(..).for_each(|peer| peer.keep_promise(Lane::Calls));
        if *over {
            return Poll::Ready(());
        }
        todo.begin();
        // Again when all these have run.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        // The runtime has ended, or a waker has panicked.
        if !self.over {
            self.todo.begin();
            self.todo.peers.drain(..).for_each(|peer| peer.leave_promise(Lane::Calls));
            self.rounds.overdue();
            self.rounds.lock().stage = Stage::Home;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

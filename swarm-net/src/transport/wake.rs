//! Owns how other threads reach the I/O thread: a queue of commands, and a waker that is used only while it sleeps.
//! Never blocks a sender.

use std::io;
use std::sync::Arc;

use mio::Registry;

use super::command::Command;
use super::sockets::Token;
use crate::sync::{AtomicBool, AtomicUsize, Ordering, Receiver, Sender, Waker, unbounded};

/// Commands of the kind that comes from the network and may be lost that wait at most.
const OFFERS_MAX: usize = 1_024;

/// The senders' end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    queue: Sender<Command>,
    bell: Arc<Bell>,
}

/// The I/O thread's end.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    queue: Receiver<Command>,
    bell: Arc<Bell>,
}

#[derive(Debug)]
struct Bell {
    asleep: AtomicBool,
    /// Offers that wait.
    offers: AtomicUsize,
    /// None where whoever turns the driver looks by itself.
    waker: Option<Waker>,
}

/// The two ends. The queue has no bound of its own: commands that senders can repeat are queued once, or are offers.
pub(crate) fn commands(registry: &Registry) -> io::Result<(Commands, CommandQueue)> {
    Ok(with_waker(Some(Waker::new(registry, Token::WAKER.into())?)))
}

/// The two ends, where nobody needs to be woken.
pub(crate) fn commands_by_hand() -> (Commands, CommandQueue) {
    with_waker(None)
}

fn with_waker(waker: Option<Waker>) -> (Commands, CommandQueue) {
    let bell = Arc::new(Bell { asleep: AtomicBool::new(false), offers: AtomicUsize::new(0), waker });
    let (sender, receiver) = unbounded();
    (Commands { queue: sender, bell: Arc::clone(&bell) }, CommandQueue { queue: receiver, bell })
}

impl Commands {
    /// Hands a command over. After the I/O thread's end it is dropped.
    pub(crate) fn send(&self, command: Command) {
        if self.queue.send(command).is_ok() && self.bell.asleep.swap(false, Ordering::SeqCst) {
            // It fails only if the poll is gone, and then nobody is left to wake.
            drop(self.bell.waker.as_ref().map(Waker::wake));
        }
    }
}

impl Commands {
    /// Hands over a command that is dropped if many like it wait: it will be repeated.
    pub(crate) fn offer(&self, command: Command) {
        if self.bell.offers.fetch_add(1, Ordering::Relaxed) < OFFERS_MAX {
            self.send(command);
        } else {
            self.bell.offers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl CommandQueue {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next command, if there is one.
    pub(crate) fn next(&self) -> Option<Command> {
        let command = self.queue.try_recv().ok()?;
        match command {
            Command::Found(_) | Command::Heard { .. } => {
                self.bell.offers.fetch_sub(1, Ordering::Relaxed);
            }
            Command::Ready(..) | Command::Cut(..) | Command::Renew | Command::Profile(..) | Command::CheckUp(_) => {}
            Command::Leave(_) | Command::Stop => {}
        }
        Some(command)
    }

    /// Sleeps by `wait`, which is told whether it must not: since the I/O thread is busy, or a command came in the meantime.
    pub(crate) fn sleep<T>(&self, busy: bool, wait: impl FnOnce(bool) -> T) -> T {
        let waited = wait(busy || !self.fall_asleep());
        self.wake_up();
        waited
    }

    /// Says that the I/O thread is about to sleep. False if it must not, because a command came in the meantime:
    /// either we see the command here, or its sender sees that we sleep. The flag is only ever swapped: so all its changes are
    /// one chain, whose order does not depend on what else is sequentially consistent.
    fn fall_asleep(&self) -> bool {
        self.bell.asleep.swap(true, Ordering::SeqCst);
        if self.queue.is_empty() {
            return true;
        }
        self.wake_up();
        false
    }

    /// Says that the I/O thread is awake, so that nobody needs to wake it.
    fn wake_up(&self) {
        self.bell.asleep.swap(false, Ordering::SeqCst);
    }
}

#[cfg(all(test, loom))]
mod models;

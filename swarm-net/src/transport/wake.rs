//! Owns how other threads reach the I/O thread: a queue of commands, and a waker that is used only while it sleeps.
//! Never blocks a sender.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::{Registry, Token, Waker};

use super::command::Command;

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
    waker: Waker,
}

/// The two ends. The queue has no bound of its own: each command that senders can repeat is queued at most once.
pub(crate) fn commands(registry: &Registry, token: Token) -> io::Result<(Commands, CommandQueue)> {
    let bell = Arc::new(Bell { asleep: AtomicBool::new(false), waker: Waker::new(registry, token)? });
    let (sender, receiver) = unbounded();
    Ok((Commands { queue: sender, bell: Arc::clone(&bell) }, CommandQueue { queue: receiver, bell }))
}

impl Commands {
    /// Hands a command over. After the I/O thread's end it is dropped.
    pub(crate) fn send(&self, command: Command) {
        if self.queue.send(command).is_ok() && self.bell.asleep.swap(false, Ordering::SeqCst) {
            // It fails only if the poll is gone, and then nobody is left to wake.
            drop(self.bell.waker.wake());
        }
    }
}

impl CommandQueue {
    /// The next command, if there is one.
    pub(crate) fn next(&self) -> Option<Command> {
        self.queue.try_recv().ok()
    }

    /// Says that the I/O thread is about to sleep. False if it must not, because a command came in the meantime:
    /// either we see the command here, or its sender sees that we sleep.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.bell.asleep.store(true, Ordering::SeqCst);
        if self.queue.is_empty() {
            return true;
        }
        self.wake_up();
        false
    }

    /// Says that the I/O thread is awake, so that nobody needs to wake it.
    pub(crate) fn wake_up(&self) {
        self.bell.asleep.store(false, Ordering::SeqCst);
    }
}

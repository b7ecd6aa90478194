//! Owns what becomes of a letter that nobody takes: its caller is told why. Never decides that nobody takes it.

use std::sync::Arc;

use crate::error::{CallError, Executed};
use crate::runtime::Node;
use crate::runtime::letter::Letter;

/// A letter that nobody takes, and why. Whoever posted it answers its caller.
pub(crate) type Refusal = (Letter, CallError);

impl Node {
    /// Ends a letter with an error, and tells its caller.
    pub(crate) fn refuse(self: &Arc<Self>, letter: Letter, error: CallError) {
        match letter.parcel.reply {
            Some(reply) => self.send_reply(reply.node, reply.request, Err(error)),
            None => tracing::debug!(node = %self.id(), name = %letter.name, %error, "a cast was dropped"),
        }
    }

    pub(crate) fn refuse_all(self: &Arc<Self>, refused: Vec<Refusal>) {
        for (letter, error) in refused {
            self.refuse(letter, error);
        }
    }

    /// A queue on a letter's way is full.
    pub(crate) fn overloaded(&self, letter: Letter, what: &str) -> Refusal {
        self.counters.ways_full.add(1);
        self.full(letter, what)
    }

    /// The queue of its worker is full, which is counted there.
    pub(crate) fn full(&self, letter: Letter, what: &str) -> Refusal {
        let error = CallError::Overloaded { name: letter.name.clone(), node: self.id(), what: what.to_owned() };
        (letter, error)
    }

    /// Whatever comes to a node that has stopped would wait there for ever, and keep the node in memory.
    pub(crate) fn stopping(&self, letter: Letter) -> Refusal {
        let error = CallError::Stopping { name: letter.name.clone(), node: self.id() };
        (letter, error)
    }

    pub(crate) fn timed_out(&self, letter: Letter) -> Refusal {
        let error = CallError::Timeout {
            name: letter.name.clone(),
            node: self.id(),
            after: letter.parcel.deadline.limit(),
            executed: Executed::No,
        };
        (letter, error)
    }

    /// A call that its worker has got by another way, where it is answered: nothing comes of this one.
    pub(crate) fn repeated(&self, letter: Letter) -> Refusal {
        let error = CallError::Timeout {
            name: letter.name.clone(),
            node: self.id(),
            after: letter.parcel.deadline.limit(),
            executed: Executed::Maybe,
        };
        (letter, error)
    }
}

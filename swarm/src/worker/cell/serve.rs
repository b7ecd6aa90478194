//! Owns the running of queued messages, one after the other, on tokio. Generic over the worker only.
//! Never starts a message that is past its due time, nor any when the node's lease is over.

use std::sync::Arc;

use tokio::task::coop;

use super::Cell;
use super::entry::{Entry, Reply, Work, answer};
use super::guard::{Guarded, guarded};
use super::ran::Ran;
use crate::call::pending::Answer;
use crate::error::CallError;
use crate::worker::running::Awaited;
use crate::worker::{Active, Later, Payload, Step, Worker};

impl<W: Worker> Cell<W> {
    /// Brings the worker back and runs whatever waits for it.
    pub(super) async fn drain(self: Arc<Self>, worker: Box<W>) {
        if let Some((worker, entry)) = self.check_in(worker) {
            self.drain_from(worker, entry).await;
        }
    }

    /// Runs a message, then whatever waits.
    pub(super) async fn drain_from(self: Arc<Self>, worker: Box<W>, entry: Entry<W>) {
        let mut next = Some((worker, entry));
        while let Some((worker, entry)) = next {
            let Some(worker) = self.serve(worker, entry).await else {
                return;
            };
            next = self.check_in(worker);
            coop::consume_budget().await;
        }
    }

    /// Goes on with a handler that has begun, then with whatever waits.
    pub(super) async fn finish(self: Arc<Self>, later: Later<W, Answer>, reply: Reply) {
        if let Some(worker) = self.complete(later, reply).await {
            self.drain(worker).await;
        }
    }

    /// Runs one message. Gives the worker back unless it panicked.
    async fn serve(self: &Arc<Self>, worker: Box<W>, entry: Entry<W>) -> Option<Box<W>> {
        if !self.core.may_run() {
            entry.bar(&self.core);
            return Some(worker);
        }
        if !self.may_begin(&entry) {
            entry.expire(&self.core);
            return Some(worker);
        }
        let Entry { work, reply, deadline } = entry;
        self.core.set_due(deadline.due);
        let ran = match work {
            Work::Value(message, row) => {
                guarded(&self.core, Awaited::Nobody, || Ran::from((row.run)(self.active(worker), message)))
            }
            Work::Bytes { method, fingerprint, payload, publish: _ } => {
                match self.method(method, fingerprint, &reply) {
                    Ok(run) => guarded(&self.core, Awaited::Nobody, || {
                        Ran::from(answer(run(self.active(worker), payload), Answer::Payload))
                    }),
                    Err(error) => {
                        reply.send(&self.core, Err(error));
                        return Some(worker);
                    }
                }
            }
        };
        match ran {
            Ok(Ran::Done(worker, answer)) => {
                reply.send(&self.core, Ok(answer));
                Some(worker)
            }
            Ok(Ran::Refused(worker, malformed)) => {
                reply.send(&self.core, Err(self.core.mismatch(malformed.to_string())));
                Some(worker)
            }
            Ok(Ran::Later(later)) => self.complete(later, reply).await,
            Err(text) => self.fail(text, reply),
        }
    }

    async fn complete(self: &Arc<Self>, later: Later<W, Answer>, reply: Reply) -> Option<Box<W>> {
        match Guarded::new(self.clone(), later).await {
            Ok((at, answer)) => {
                reply.send(&self.core, Ok(answer));
                Some(at.worker)
            }
            Err(text) => self.fail(text, reply),
        }
    }

    fn fail(self: &Arc<Self>, text: String, reply: Reply) -> Option<Box<W>> {
        self.crashed(&text);
        reply.send(&self.core, Err(self.core.panicked(text)));
        None
    }

    /// A local caller's slot may expire at this very moment, and must then say the truth about whether this ran. The
    /// slot's lock decides: either it is marked as begun here, or it has ended there, at a time past its due.
    fn may_begin(&self, entry: &Entry<W>) -> bool {
        let due = entry.deadline.due;
        if self.core.now() >= due {
            return false;
        }
        match entry.reply {
            Reply::Slot(request) => self.core.host().pending().begin(request) || self.core.now() < due,
            Reply::Nobody | Reply::To(_) => true,
        }
    }

    #[expect(clippy::type_complexity, reason = "it is the type of a row of the method table")]
    fn method(
        &self,
        id: u64,
        fingerprint: u32,
        reply: &Reply,
    ) -> Result<fn(Active<W>, Payload) -> Step<W, Payload>, CallError> {
        let Some(method) = W::METHODS.iter().find(|method| method.id == id) else {
            return Err(CallError::Unhandled {
                name: self.core.name.clone(),
                node: self.core.host().node(),
                worker: W::NAME.to_owned(),
                message: id,
            });
        };
        let known = match reply {
            Reply::Nobody => method.request.cast(),
            Reply::Slot(_) | Reply::To(_) => method.request.call(method.reply),
        };
        if known != fingerprint {
            return Err(self.core.mismatch(format!("the fields of `{}` or of its reply differ", method.name)));
        }
        Ok(method.run)
    }
}

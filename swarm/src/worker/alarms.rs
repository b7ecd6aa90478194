//! Owns the timers that one worker has armed: each keeps its encoded message, so that it can move with the worker.
//! Never delivers a message itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use swarm_net::time::Instant;

use crate::message::{Fingerprint, Schema};
use crate::timer::{Key, Timers};
use crate::worker::{AnyCell, Deadline, Parcel, Payload, SavedTimer};

/// How many timers one worker may have: they travel with it when it moves.
pub const WORKER_TIMERS_MAX: usize = 4096;
/// A worker's period is at least this long: the timer thread serves all workers of the node.
pub(crate) const PERIOD_MIN: Duration = Duration::from_millis(1);
/// When the message of a one-shot timer meets a full queue it tries again after this: soon, but not in a tight loop.
const RETRY: Duration = Duration::from_millis(20);

/// The number of a worker's timer. It stays the same when the worker moves, and may be part of its handoff state.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct TimerId(pub(crate) u64);

impl TimerId {
    /// Of a timer that was armed for a worker which has ended: timers are counted from 1.
    pub(crate) const NEVER: Self = Self(0);
}

impl Schema for TimerId {
    const FINGERPRINT: Fingerprint = Fingerprint::of("swarm.TimerId");
}

/// The message that a timer sends.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: u64,
    pub(crate) fingerprint: u32,
    pub(crate) payload: Payload,
}

impl Message {
    pub(crate) fn into_parcel(self) -> Parcel {
        Parcel {
            method: self.method,
            fingerprint: self.fingerprint,
            payload: self.payload,
            deadline: Deadline::NEVER,
            reply: None,
            publish: 0,
            trace: None,
            unconfirmed: None,
        }
    }
}

/// The armed timers of one worker. Most workers never have any.
#[derive(Default)]
pub(crate) struct Alarms(Option<Box<Own>>);

#[derive(Default)]
struct Own {
    last: u64,
    armed: BTreeMap<u64, Armed>,
}

struct Armed {
    message: Message,
    due: Instant,
    every: Option<Duration>,
    key: Option<Key>,
}

impl Alarms {
    /// Arms a timer.
    ///
    /// # Panics
    /// If the worker, or the node, has as many as it may have.
    pub(crate) fn arm(
        &mut self,
        message: Message,
        due: Instant,
        every: Option<Duration>,
        cell: &Arc<dyn AnyCell>,
    ) -> TimerId {
        let own = self.0.get_or_insert_default();
        assert!(
            own.armed.len() < WORKER_TIMERS_MAX,
            "`{}` has {WORKER_TIMERS_MAX} timers armed, the limit of a worker: cancel those that are not needed",
            cell.name()
        );
        own.last += 1;
        let id = own.last;
        self.insert(id, message, due, every, cell);
        TimerId(id)
    }

    fn insert(&mut self, id: u64, message: Message, due: Instant, every: Option<Duration>, cell: &Arc<dyn AnyCell>) {
        let key = set(due, id, cell);
        self.0.get_or_insert_default().armed.insert(id, Armed { message, due, every, key });
    }

    fn take(&mut self) -> BTreeMap<u64, Armed> {
        self.0.as_mut().map(|own| std::mem::take(&mut own.armed)).unwrap_or_default()
    }

    /// Takes a timer back. Says whether it was armed.
    pub(crate) fn cancel(&mut self, id: TimerId, timers: &Timers) -> bool {
        let Some(armed) = self.0.as_mut().and_then(|own| own.armed.remove(&id.0)) else {
            return false;
        };
        if let Some(key) = armed.key {
            timers.cancel(key);
        }
        true
    }

    /// Takes all timers back.
    pub(crate) fn clear(&mut self, timers: &Timers) {
        for key in self.take().into_values().filter_map(|armed| armed.key) {
            timers.cancel(key);
        }
    }

    /// The message of a timer that is due now. From here on the timer stands at its next tick, or is none any more, so
    /// that a worker which seals meanwhile takes along either the message or the timer.
    pub(crate) fn fall_due(&mut self, id: u64, now: Instant, cell: &Arc<dyn AnyCell>) -> Option<Message> {
        let own = self.0.as_mut()?;
        let armed = own.armed.get_mut(&id)?;
        let Some(every) = armed.every else {
            return own.armed.remove(&id).map(|armed| armed.message);
        };
        armed.due = (armed.due + every).max(now);
        armed.key = set(armed.due, id, cell);
        Some(armed.message.clone())
    }

    /// The message of `id` found no room. A tick is skipped, so ticks never pile up; a single message tries again.
    pub(crate) fn no_room(&mut self, id: u64, message: Message, now: Instant, cell: &Arc<dyn AnyCell>) {
        if !self.0.as_ref().is_some_and(|own| own.armed.contains_key(&id)) {
            self.insert(id, message, now + RETRY, None, cell);
        }
    }

    /// What is armed: the number of each, how long it has to go, its period, and the method that it calls.
    pub(crate) fn list(&self, now: Instant) -> Vec<(u64, Duration, Option<Duration>, u64)> {
        let armed = self.0.iter().flat_map(|own| &own.armed);
        armed.map(|(id, armed)| (*id, armed.due.since(now), armed.every, armed.message.method)).collect()
    }

    /// Takes all timers back and gives them as they travel.
    pub(crate) fn save(&mut self, now: Instant, timers: &Timers) -> Vec<SavedTimer> {
        let armed = self.take();
        armed
            .into_iter()
            .map(|(id, armed)| {
                if let Some(key) = armed.key {
                    timers.cancel(key);
                }
                SavedTimer {
                    id: TimerId(id),
                    remaining: armed.due.since(now),
                    every: armed.every,
                    method: armed.message.method,
                    fingerprint: armed.message.fingerprint,
                    payload: armed.message.payload,
                }
            })
            .collect()
    }

    /// Arms what travelled, in place of what is armed: a worker that resumes has the timers that it had.
    pub(crate) fn replace(&mut self, saved: Vec<SavedTimer>, now: Instant, cell: &Arc<dyn AnyCell>) {
        self.clear(cell.core().host().timers());
        for timer in saved {
            let due = now + timer.remaining;
            let (id, every, message) = timer.into_message();
            let own = self.0.get_or_insert_default();
            own.last = own.last.max(id.0);
            self.insert(id.0, message, due, every, cell);
        }
    }

    /// Arms what travelled beside what is armed, except what `init` has armed anew: a worker that starts afresh.
    pub(crate) fn merge(&mut self, saved: Vec<SavedTimer>, now: Instant, cell: &Arc<dyn AnyCell>) {
        for timer in saved {
            let due = now + timer.remaining;
            let (_, every, message) = timer.into_message();
            let same = |armed: &Armed| armed.message == message && armed.every == every;
            if !self.0.as_ref().is_some_and(|own| own.armed.values().any(same)) {
                self.arm(message, due, every, cell);
            }
        }
    }
}

impl SavedTimer {
    fn into_message(self) -> (TimerId, Option<Duration>, Message) {
        let message = Message { method: self.method, fingerprint: self.fingerprint, payload: self.payload };
        (self.id, self.every, message)
    }
}

/// A timer beyond the node's limit is not armed, and said so; the worker's own limit makes that a matter of thousands
/// of workers.
fn set(due: Instant, id: u64, cell: &Arc<dyn AnyCell>) -> Option<Key> {
    let alarm: Weak<dyn AnyCell> = Arc::downgrade(cell);
    match cell.core().host().timers().arm(due, alarm, id) {
        Ok(key) => Some(key),
        Err(error) => {
            tracing::error!(name = %cell.name(), %error, "a worker's timer is not armed");
            None
        }
    }
}

//! Owns the worker behind a key: its entry, the one timer that ends it, and what of both moves with it. Never keeps a worker
//! for a key without a value.

use std::sync::LazyLock;
use std::time::Instant;

use swarm::TimerId;
use swarm::prelude::*;

use super::entry::{Answer, Entry, Op};

/// Who starts a worker gives it a value at once. One that has none after so long was started anew where another crashed, and
/// has nothing to tell.
const UNUSED_MAX: Duration = Duration::from_secs(5);
/// A call is answered in part when the answers are this long: with one more value it still travels.
const ANSWERS_BYTES_MAX: usize = 1 << 20;

/// What all moments are counted from: what was changed elsewhere before this process began is not before that.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
const BEFORE: Duration = Duration::from_secs(1 << 32);

/// A key that has a value, or is about to.
pub struct Key {
    entry: Entry,
    /// It had a value.
    used: bool,
    alarm: Alarm,
}

/// The timer that is armed. It stays when a value is given more time, and is set anew when it rings.
#[derive(Clone, Copy)]
struct Alarm {
    rings: Option<Duration>,
    timer: Option<TimerId>,
}

/// What moves with a key. Times are spans, since nodes do not agree about what time it is.
#[swarm::message]
pub struct Moving {
    value: Option<Vec<u8>>,
    used: bool,
    ends_in: Option<Duration>,
    changed_before: Duration,
    rings_in: Option<Duration>,
    timer: Option<TimerId>,
}

#[swarm::worker(name = "resp.key", mailbox = 4096)] // as many as one node has connections
impl Key {
    #[init]
    fn init(ctx: &Context<Self>) -> Self {
        let mut key = Self { entry: Entry::default(), used: false, alarm: Alarm { rings: None, timer: None } };
        key.arm(ctx, now(), now() + UNUSED_MAX);
        key
    }

    /// Does one after the other, and answers as many as travel in one reply. The others were not done.
    #[call]
    fn run(&mut self, ctx: &Context<Self>, ops: Vec<Op>) -> Vec<Answer> {
        let now = now();
        let (mut answers, mut bytes) = (Vec::with_capacity(ops.len()), 0);
        for op in ops {
            let answer = self.entry.apply(op, now);
            self.used |= self.entry.value.is_some();
            bytes += answer.bytes();
            answers.push(answer);
            if bytes >= ANSWERS_BYTES_MAX {
                break;
            }
        }
        self.settle(ctx, now);
        answers
    }

    #[cast]
    fn look(&mut self, ctx: &Context<Self>) {
        let now = now();
        self.alarm = Alarm { rings: None, timer: None };
        self.used = true;
        self.entry.expire(now);
        self.settle(ctx, now);
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Moving> {
        let now = now();
        Handoff::Resume(Moving {
            value: self.entry.value.clone(),
            used: self.used,
            ends_in: self.entry.ends.map(|ends| ends.saturating_sub(now)),
            changed_before: now.saturating_sub(self.entry.changed),
            rings_in: self.alarm.rings.map(|rings| rings.saturating_sub(now)),
            timer: self.alarm.timer,
        })
    }

    #[end_handoff]
    fn end_handoff(&mut self, state: Moving) {
        let now = now();
        // The timer has come along, in place of the one that `init` has armed.
        self.alarm = Alarm { rings: state.rings_in.map(|span| now + span), timer: state.timer };
        self.used = state.used;
        self.entry = state.entry(now);
    }

    /// Two have counted apart: what was changed later stays, as with Redis's replicas the data of one side is lost.
    #[resolve_conflict]
    fn resolve_conflict(&mut self, ctx: &Context<Self>, other: Moving) {
        let now = now();
        let theirs = other.entry(now);
        if theirs.value.is_some() && (self.entry.value.is_none() || theirs.changed > self.entry.changed) {
            (self.entry, self.used) = (theirs, true);
            self.settle(ctx, now);
        }
    }

    /// Ends a worker without a value, and sees to it that somebody looks when the value is over.
    fn settle(&mut self, ctx: &Context<Self>, now: Duration) {
        if self.entry.value.is_none() {
            if self.used {
                ctx.stop();
            }
        } else if let Some(ends) = self.entry.ends
            && self.alarm.rings.is_none_or(|rings| ends < rings)
        {
            self.arm(ctx, now, ends);
        }
    }

    fn arm(&mut self, ctx: &Context<Self>, now: Duration, rings: Duration) {
        if let Some(timer) = self.alarm.timer {
            ctx.cancel(timer);
        }
        let timer = ctx.send_after(rings.saturating_sub(now), key::Look);
        self.alarm = Alarm { rings: Some(rings), timer: Some(timer) };
    }
}

impl Moving {
    fn entry(self, now: Duration) -> Entry {
        Entry {
            value: self.value,
            ends: self.ends_in.map(|span| now + span),
            changed: now.saturating_sub(self.changed_before),
        }
    }
}

fn now() -> Duration {
    BEFORE + BEGAN.elapsed()
}

/// The worker's name: the key itself, so that `swarmctl whereis KEY` finds it. A key that is no text, or looks as if it were none,
/// is spelt in hexadecimal digits after `0x`.
///
/// # Errors
/// If the name would be too long.
pub(super) fn name_of(key: &[u8]) -> Result<Name, KeyTooLong> {
    let name = match std::str::from_utf8(key) {
        Ok(text) if !text.starts_with("0x") => Name::from(text),
        _ => {
            let digits = key.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            Name::from("0x".chars().chain(digits).collect::<String>())
        }
    };
    if name.as_str().len() > Name::BYTES_MAX { Err(KeyTooLong) } else { Ok(name) }
}

/// A key whose name would be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyTooLong;

#[cfg(test)]
mod tests;

//! Owns what one batch does to one key: in order, by as few calls as carry it. Tries again only what provably did not run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use swarm::prelude::*;

use super::entry::{Answer, Entry, Op};
use super::key::KeyClient;

/// After this a client is told that nothing was done, rather than that it has to wait on: OTP's limit for calls.
pub(super) const LANE_WITHIN: Duration = Duration::from_secs(5);
/// As much as travels in one call, together with one value more.
const CALL_BYTES_MAX: usize = 2 << 20;
/// The pause before another try: what makes one needed is over in some milliseconds, or takes seconds.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// What is to be done to one key, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// The key's worker.
    pub(super) name: Name,
    /// What it is to do.
    pub(super) ops: Vec<Op>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The name belongs to a worker that is no key.
    WrongType,
    /// What the client is told.
    Told(String),
    /// The answers of the batch are too long together.
    TooMuch,
}

/// How many bytes the answers of a batch may still have.
pub(super) struct Room(AtomicUsize);

impl Room {
    pub(super) fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Takes room for these; says whether there was enough.
    fn take(&self, answers: &[Answer]) -> bool {
        let bytes = answers.iter().map(Answer::bytes).sum();
        let less = |room: usize| room.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Lane {
    /// Does it all, and gives an answer to each, or a trouble from where on there was one.
    pub(super) async fn run(self, swarm: &Swarm, room: &Room) -> Vec<Result<Answer, Trouble>> {
        let until = Instant::now() + LANE_WITHIN;
        let mut answers = Vec::with_capacity(self.ops.len());
        while answers.len() < self.ops.len() {
            let some = fitting(&self.ops[answers.len()..]);
            let done = done(&self.name, some, swarm, until).await;
            match done {
                Ok(done) if room.take(&done) => answers.extend(done.into_iter().map(Ok)),
                Ok(_) => answers.resize(self.ops.len(), Err(Trouble::TooMuch)),
                Err(trouble) => answers.resize(self.ops.len(), Err(trouble)),
            }
        }
        answers
    }
}

/// As many as fit into one call, and at least one.
fn fitting(ops: &[Op]) -> &[Op] {
    let mut bytes = 0;
    let fits = |op: &&Op| {
        bytes += op.bytes();
        bytes <= CALL_BYTES_MAX
    };
    let many = ops.iter().take_while(fits).count();
    &ops[..many.clamp(1, ops.len())]
}

/// The answers to some of these, at least to the first.
async fn done(name: &Name, ops: &[Op], swarm: &Swarm, until: Instant) -> Result<Vec<Answer>, Trouble> {
    let (mut pause, mut started) = (PAUSE_MIN, false);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let error = match KeyClient::at(name).on(swarm).run(ops.to_vec()).timeout(left).await {
            Ok(answers) => return Ok(answers),
            Err(CallError::NotRegistered { .. }) if !ops.iter().any(Op::creates) => return Ok(of_nothing(ops)),
            Err(CallError::NotRegistered { .. }) => {
                match KeyClient::whereis_or_register(name, ()).on(swarm).timeout(left).await {
                    Ok(_) if !std::mem::replace(&mut started, true) => continue,
                    Ok(_) => "the worker that it had is about to end".to_owned(),
                    Err(error) if passes_of_start(&error) && Instant::now() < until => error.to_string(),
                    Err(error) => return Err(not_done(&error)),
                }
            }
            Err(CallError::WrongWorker { .. }) => return Err(Trouble::WrongType),
            Err(error) if passes(&error) && Instant::now() < until => error.to_string(),
            Err(error) if error.executed() == Executed::No => return Err(not_done(&error)),
            Err(error) => return Err(Trouble::Told(format!("ERR it may have been done: {error}"))),
        };
        tracing::debug!(%name, error, "tried again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A key without a worker answers as one without a value, which costs none.
fn of_nothing(ops: &[Op]) -> Vec<Answer> {
    let mut entry = Entry::default();
    ops.iter().map(|op| entry.apply(op.clone(), Duration::ZERO)).collect()
}

/// It did not run, and may run a little later.
fn passes(error: &CallError) -> bool {
    error.executed() == Executed::No
        && matches!(
            error,
            CallError::Ended { .. }
                | CallError::Overloaded { .. }
                | CallError::NotOwner { .. }
                | CallError::NodeDown { .. }
                | CallError::NoQuorum { .. }
                | CallError::Timeout { .. }
        )
}

/// The key may be started a little later. If it was started now, that is as good.
fn passes_of_start(error: &RegisterError) -> bool {
    matches!(
        error,
        RegisterError::Init { .. }
            | RegisterError::NoQuorum { .. }
            | RegisterError::Overloaded { .. }
            | RegisterError::Timeout { .. }
    )
}

fn not_done(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::Told(format!("TRYAGAIN nothing was done: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bytes: usize) -> Op {
        use crate::resp::entry::{Life, When};
        Op::Set { value: vec![0; bytes], life: Life::Unlimited, when: When::Always, previous: false }
    }

    #[test]
    fn a_call_carries_what_fits_and_at_least_one() {
        let ops = [set(CALL_BYTES_MAX / 2), Op::Get, set(CALL_BYTES_MAX / 2), Op::Get, set(1), Op::Get];
        assert_eq!(fitting(&ops).len(), 4);
        assert_eq!(fitting(&ops[4..]).len(), 2);
        assert_eq!(fitting(&[set(CALL_BYTES_MAX + 1), Op::Get]).len(), 1);
    }

    #[test]
    fn room_is_taken_until_there_is_none() {
        let room = Room::of(10);
        let answers = [Answer::Value(vec![0; 4]), Answer::Nil, Answer::Value(vec![0; 2])];
        assert!(room.take(&answers));
        assert!(!room.take(&answers));
        assert!(room.take(&answers[..1]));
    }
}

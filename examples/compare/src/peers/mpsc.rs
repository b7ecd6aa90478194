//! Owns what an actor is at the least: a tokio task, a bounded channel, and a oneshot for each answer. The baseline of all that
//! happens within one process.

use std::io;

use tokio::sync::{mpsc, oneshot};

use super::Peer;
use crate::figure::Seen;
use crate::load::{Caller, Caster, casters};
use crate::order::Load;
use crate::row::Case;

/// The room of a mailbox, as kameo has it by default.
const ROOM: usize = 64;

enum Letter {
    Add(u64, oneshot::Sender<u64>),
    Note(u64),
}

fn start() -> mpsc::Sender<Letter> {
    let (to, mut letters) = mpsc::channel(ROOM);
    tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some(letter) = letters.recv().await {
            match letter {
                Letter::Add(by, answer) => {
                    sum = sum.wrapping_add(by);
                    // Who does not wait any more does not miss it.
                    let _ = answer.send(sum);
                }
                Letter::Note(by) => sum = sum.wrapping_add(by),
            }
        }
    });
    to
}

/// The callers and their tasks.
#[derive(Default)]
pub(crate) struct Mpsc {
    idle: Vec<mpsc::Sender<Letter>>,
}

impl Peer for Mpsc {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let one = start();
        let own = |_| Local(if load.case == Case::One { one.clone() } else { start() });
        let callers = (0..load.callers).map(own).collect();
        casters(callers, &load).await
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        self.idle.extend((0..count).map(|_| start()));
        // As with the others, it counts when all have begun to wait.
        tokio::task::yield_now().await;
        Ok(())
    }
}

struct Local(mpsc::Sender<Letter>);

impl Caller for Local {
    async fn call(&mut self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.0.send(Letter::Add(1, answer)).await.is_ok() && answered.await.is_ok()
    }
}

impl Caster for Local {
    async fn cast(&mut self) -> bool {
        self.0.send(Letter::Note(1)).await.is_ok()
    }
}

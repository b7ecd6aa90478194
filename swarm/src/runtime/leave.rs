//! Owns how a node goes: hand over, answer, pass on, say goodbye, last words, each until its time on one timetable.
//! Never takes longer than it was given.

use std::sync::Arc;
use std::time::Duration;

use swarm_net::time::Instant;
use tokio::sync::oneshot;

use crate::runtime::Node;
use crate::runtime::input::{Input, Left};
use crate::worker::Die;

/// What each stage after the hand-over is given at the most. They take some round trips and half a second of gossip, unless
/// somebody does not answer.
const STAGE_MAX: Duration = Duration::from_secs(1);

/// A short leave keeps this part of its time for each stage after the hand-over, a quarter for all four.
const STAGE_PART: u32 = 16;

/// The least that a goodbye is given, so that it is written even if there is no time to hand anything over.
const GOODBYE_MIN: Duration = Duration::from_millis(20);

/// When each stage of a leave ends, whatever is left to do. One that is done before leaves its time to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timetable {
    limit: Duration,
    handed_over: Instant,
    answered: Instant,
    passed_on: Instant,
    goodbye_said: Instant,
    over: Instant,
}

impl Timetable {
    fn new(now: Instant, limit: Duration) -> Self {
        let stage = (limit / STAGE_PART).min(STAGE_MAX);
        let before_end = |stages| now + (limit - stage * stages);
        Self {
            limit,
            handed_over: before_end(4),
            answered: before_end(3),
            passed_on: before_end(2),
            goodbye_said: before_end(1),
            over: before_end(0),
        }
    }
}

/// Hands everything over, says goodbye, and stops the node. `None` if it had stopped before.
pub(crate) async fn leave(node: &Arc<Node>, limit: Option<Duration>) -> Option<Left> {
    if node.is_stopped() {
        return None;
    }
    tracing::info!(node = %node.id(), "leaving: handing workers over");
    let limit = limit.unwrap_or_else(|| node.config().leave_timeout());
    let times = node.farewell.times(|| Timetable::new(node.now(), limit));
    node.announce_leaving().await;
    let (done, handed_over) = oneshot::channel();
    node.control(Input::Leave(times.handed_over.since(node.now()), done));
    let left = handed_over.await.ok()?;
    if until(node, times.answered, node.answer_users()).await.is_none() {
        tracing::warn!(node = %node.id(), "left though calls of its own users were still under way");
    }
    // Nobody who answers takes longer, however much time there is.
    if until(node, times.passed_on.min(node.now() + STAGE_MAX * 2), node.bid_farewell()).await.is_none() {
        tracing::warn!(node = %node.id(), "left with calls that were not passed on to the end");
    }
    // Who hears the goodbye takes it that nothing runs here any more.
    node.tenancy.end();
    let (gone, goodbye) = oneshot::channel();
    node.transport().leave(move || {
        // It fails if nobody waits any more.
        let _ = gone.send(());
    });
    // The channel is closed when the sockets are; either way it is over.
    let closed = until(node, times.goodbye_said.max(node.now() + GOODBYE_MIN), goodbye).await;
    tracing::debug!(node = %node.id(), ?closed, "said goodbye");
    if until(node, times.over, last_words(node)).await.is_none() {
        tracing::warn!(node = %node.id(), "left though a worker that stayed had not ended");
    }
    node.stop();
    Some(Left { after: times.limit, ..left })
}

/// The end of a stage, if it comes in time.
async fn until<F: Future>(node: &Node, end: Instant, stage: F) -> Option<F::Output> {
    node.within(end.since(node.now()), stage).await
}

/// Lets the workers that nobody could take over, as those of the last node, end in good order. Only after the goodbye:
/// their names live on where there are others, who start them again, and who must not hear of these ends.
async fn last_words(node: &Arc<Node>) {
    let dying: Vec<_> = node.places.cells().map(|cell| node.runtime().spawn(cell.die(Die::NodeLeaving))).collect();
    for dies in dying {
        // One whose last words panic is as dead as the others.
        let _died = dies.await;
    }
}

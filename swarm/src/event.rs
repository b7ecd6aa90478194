//! Owns what a node tells its operator about the cluster. Never anything that code needs for correctness.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use swarm_net::member::Gone;
use swarm_net::node::NodeId;
use tokio::sync::mpsc;

use crate::error::Location;
use crate::name::Name;

/// How many events wait for a subscriber that does not read; later ones are dropped and counted for it.
const WAITING_MAX: usize = 4096;

/// Something that happened in the cluster, as one node saw it.
///
/// ```no_run
/// # async fn example(swarm: swarm::Swarm) {
/// let mut events = swarm.events();
/// while let Some(event) = events.next().await {
///     match event {
///         swarm::Event::NodeUp(node) => println!("{node} is here"),
///         swarm::Event::NodeDown(node, why) => println!("{node} is gone: {why:?}"),
///         other => println!("{other:?}"),
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A node became a member.
    NodeUp(NodeId),
    /// A member has begun to leave.
    NodeLeaving(NodeId),
    /// A node is no longer a member.
    NodeDown(NodeId, Gone),
    /// This node sees enough members, and runs workers ([`Placement::Quorum`](crate::Placement::Quorum)).
    QuorumGained,
    /// This node sees too few members, or was not heard in time: its workers have ended.
    QuorumLost,
    /// A worker runs on this node.
    Started(Name, Location),
    /// A worker has gone from this node to another.
    Moved {
        /// Which.
        name: Name,
        /// To which node.
        to: NodeId,
    },
    /// A worker of this node is started again in place: it panicked, or an operator wants it. Its state since it came is gone.
    Restarted {
        /// Which.
        name: Name,
        /// Why.
        why: String,
    },
    /// A worker was started again after its node was lost; its state since the last handoff is gone.
    FailedOver(Name),
    /// After a healed split two instances of a name were found; one was given the other's state.
    Conflict(Name),
    /// A worker ended.
    Ended {
        /// Which.
        name: Name,
        /// Why.
        why: String,
    },
    /// This many events were dropped because they were not read in time.
    Missed(u64),
}

/// The events of one node from the moment of the subscription on.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Event>);

impl Events {
    /// The next event; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(cx)
    }
}

/// The subscribers of one node.
#[derive(Debug, Default)]
pub(crate) struct Subscribers(Mutex<Vec<Subscriber>>);

#[derive(Debug)]
struct Subscriber {
    queue: mpsc::Sender<Event>,
    missed: u64,
}

impl Subscribers {
    pub(crate) fn subscribe(&self) -> Events {
        let (queue, events) = mpsc::channel(WAITING_MAX);
        self.lock().push(Subscriber { queue, missed: 0 });
        Events(events)
    }

    /// Tells all. Never waits: who does not read misses events, and is told how many.
    pub(crate) fn tell(&self, event: impl Fn() -> Event) {
        self.lock().retain_mut(|subscriber| {
            if subscriber.missed > 0 && subscriber.queue.try_send(Event::Missed(subscriber.missed)).is_ok() {
                subscriber.missed = 0;
            }
            match subscriber.queue.try_send(event()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    subscriber.missed += 1;
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            }
        });
    }

    /// Ends all subscriptions.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

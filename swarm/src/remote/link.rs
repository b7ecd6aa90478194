//! Owns the connection of a client, and what replaces it when it is lost or its node leaves. Never asks anything but whether the node is
//! still there.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use swarm_net::node::NodeId;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use super::dialler::{Connected, Dialler};
use crate::gateway::{BEAT, GatewayClient, Hello, VERSION};
use crate::rpc::{until, within};

/// How long after a round over all addresses the next one begins, at first and at most.
const REST: Duration = Duration::from_millis(50);
const REST_MAX: Duration = Duration::from_secs(1);

/// A connection to a gateway.
pub(super) struct Link {
    pub(super) service: GatewayClient,
    pub(super) node: NodeId,
    pub(super) message_bytes_max: u64,
    /// One for each request that may be under way.
    pub(super) places: Arc<Semaphore>,
}

/// What a client has.
pub(super) enum State {
    /// A connection.
    Up(Arc<Link>),
    /// None, for this reason.
    Down(String),
}

/// Sees to it that a client has a connection.
pub(super) struct Keeper {
    pub(super) dialler: Dialler,
    /// Which of the addresses it is connected to.
    pub(super) at: usize,
    pub(super) told: watch::Sender<State>,
    pub(super) moves: Arc<Notify>,
}

/// Why a connection is not the right one any more.
enum End {
    /// It is lost.
    Lost(String),
    /// Its node is leaving.
    Leaving,
    /// Nobody wants one any more.
    Unwanted,
}

impl Keeper {
    /// Keeps a connection, until the last client goes.
    pub(super) async fn keep(mut self, mut now: Connected) {
        loop {
            match self.watch(&mut now).await {
                End::Unwanted => return,
                End::Leaving => match self.dialler.next(self.at + 1).await {
                    // What is under way goes on over the old one, which ends with the last who waits for something there.
                    Ok((at, next)) => (self.at, now) = (at, next),
                    // It may yet be of use. It is looked at again soon.
                    Err(_) => continue,
                },
                End::Lost(why) => match self.again(why).await {
                    Some(next) => now = next,
                    None => return,
                },
            }
            tracing::info!(node = %now.link.node, "connected to another gateway");
            self.told.send_replace(State::Up(now.link.clone()));
        }
    }

    /// Tries all addresses until one answers; `None` if nobody waits for that any more.
    async fn again(&mut self, why: String) -> Option<Connected> {
        tracing::warn!(why, "the connection to the gateway was lost");
        self.told.send_replace(State::Down(format!("the connection to the gateway was lost: {why}")));
        let mut rest = REST;
        while !self.told.is_closed() {
            match self.dialler.next(self.at + 1).await {
                Ok((at, next)) => {
                    self.at = at;
                    return Some(next);
                }
                Err(why) => drop(self.told.send_replace(State::Down(why))),
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(REST_MAX);
        }
        None
    }

    /// Waits until a connection is not the right one any more.
    async fn watch(&self, Connected { link, life }: &mut Connected) -> End {
        let end = first_of([
            Box::pin(lost(life)),
            Box::pin(beat(link)),
            Box::pin(async {
                self.moves.notified().await;
                End::Leaving
            }),
            Box::pin(async {
                self.told.closed().await;
                End::Unwanted
            }),
        ])
        .await;
        if let End::Lost(_) = end {
            // Who waits for something over it learns now that it will not come.
            life.abort();
        }
        end
    }
}

async fn lost(life: &mut JoinHandle<String>) -> End {
    End::Lost(life.await.unwrap_or_else(|_| "the runtime has ended".to_owned()))
}

/// Asks the node now and then, which also tells it that the program is there.
async fn beat(link: &Link) -> End {
    loop {
        tokio::time::sleep(BEAT).await;
        let hello = Hello { version: VERSION, ..Hello::default() };
        match within(BEAT, link.service.hello(until(BEAT), hello)).await {
            Some(Ok(welcome)) if welcome.leaving => return End::Leaving,
            Some(Ok(_)) => {}
            Some(Err(error)) => return End::Lost(error.to_string()),
            None => return End::Lost(format!("it does not answer within {BEAT:?}")),
        }
    }
}

/// What comes first of these.
async fn first_of<const N: usize>(mut futures: [Pin<Box<dyn Future<Output = End> + Send + '_>>; N]) -> End {
    poll_fn(|cx| {
        let ready = futures.iter_mut().find_map(|future| match future.as_mut().poll(cx) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

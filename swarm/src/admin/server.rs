//! Owns the connections of a node's operators: it takes them, within limits, and ends them with the node. Never answers anything
//! itself.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::codec::wire;
use super::operator::Operator;
use super::service::Admin as _;
#[cfg(unix)]
use super::socket::Socket;
use crate::event::Events;
use crate::runtime::Node;
use crate::worker::Host as _;

/// How many operators may be connected at once; one more is turned away, and not kept waiting for others who never go.
const CONNECTIONS_MAX: usize = 64;

/// How many requests of one of them may be under way.
const REQUESTS_MAX: usize = 16;

/// How long nobody is taken in after the system had no room for one more connection.
const REST: Duration = Duration::from_millis(100);

/// What operators connect to.
#[derive(Debug)]
pub(super) enum Door {
    #[cfg(unix)]
    Unix(Socket),
    Tcp(TcpListener),
}

/// Serves operators until the node stops.
pub(super) async fn serve(node: Arc<Node>, door: Door, operator: Operator, mut events: Events) {
    let mut connections = JoinSet::new();
    let taking = async {
        loop {
            match door.take(&mut connections, &operator).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(node = %node.id(), %error, "an operator's connection could not be taken");
                    node.timers().delay(REST).await;
                }
            }
        }
    };
    let noting = async {
        // A node that has stopped before these events were asked for closes nothing any more.
        while !node.is_stopped() {
            match events.next().await {
                Some(event) => operator.note(event),
                None => return,
            }
        }
    };
    first(pin!(taking), pin!(noting)).await;
}

impl Door {
    /// Takes the next connection.
    async fn take(&self, connections: &mut JoinSet<()>, operator: &Operator) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => admit(connections, socket.accept().await?, operator),
            Self::Tcp(listener) => admit(connections, listener.accept().await?.0, operator),
        }
        Ok(())
    }
}

fn admit<S>(connections: &mut JoinSet<()>, stream: S, operator: &Operator)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    while connections.try_join_next().is_some() {}
    if connections.len() >= CONNECTIONS_MAX {
        tracing::warn!(CONNECTIONS_MAX, "an operator was turned away: too many are connected");
        return;
    }
    connections.spawn(converse(stream, operator.clone()));
}

/// Answers one operator until he goes, or says something that cannot be understood.
async fn converse<S>(stream: S, operator: Operator)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let channel = BaseChannel::with_defaults(wire(stream)).max_concurrent_requests(REQUESTS_MAX);
    let mut requests = pin!(channel.execute(operator.serve()));
    let mut answers = JoinSet::new();
    while let Some(answer) = poll_fn(|cx| requests.as_mut().poll_next(cx)).await {
        while answers.try_join_next().is_some() {}
        answers.spawn(answer);
    }
}

/// Ends with the first of the two.
async fn first(mut one: Pin<&mut impl Future<Output = ()>>, mut other: Pin<&mut impl Future<Output = ()>>) {
    poll_fn(|cx| match (one.as_mut().poll(cx), other.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        (Poll::Ready(()), _) | (_, Poll::Ready(())) => Poll::Ready(()),
    })
    .await;
}

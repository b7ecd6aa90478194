//! Owns the connections of a node's operators: it takes them, within limits, and ends them with the node. Never answers anything
//! itself.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::codec::{FRAME_BYTES_MAX, Json};
use super::operator::Operator;
use super::service::Admin as _;
#[cfg(unix)]
use super::socket::Socket;
use crate::event::Events;
use crate::rpc::{self, first, wire};
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
    let channel = BaseChannel::with_defaults(wire::<Json, _, _, _>(stream, FRAME_BYTES_MAX));
    rpc::converse(channel.max_concurrent_requests(REQUESTS_MAX).execute(operator.serve()), || {}).await;
}

//! Owns the connections of a node's operators: it takes them, within limits, and ends them with the node. Never answers anything
//! itself.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use swarm_net::connection::Gate;
use swarm_net::time::Instant;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::codec::{FRAME_BYTES_MAX, Json};
use super::operator::Operator;
use super::service::Admin as _;
#[cfg(unix)]
use super::socket::Socket;
use crate::event::Events;
use crate::rpc::{self, Place, Places, Stream, first, wire};
use crate::runtime::{Complaints, Node};
use crate::worker::Host as _;

/// How many operators may be connected at once by each way; one more is turned away, and not kept waiting for others who never go.
const CONNECTIONS_MAX: usize = 64;

/// How many may not have proved yet that they know the secret: strangers take no place of those who have. With one more one of those
/// from where the most are is hung up on.
const STRANGERS_MAX: usize = 16;

/// How long that may take them.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// How long a connection by TCP is kept over which nothing is asked: its other end may be gone without a word.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// How many requests of one of them may be under way.
const REQUESTS_MAX: usize = 16;

/// How long nobody is taken in after the system had no room for one more connection.
const REST: Duration = Duration::from_millis(100);

/// What operators connect to.
#[derive(Debug)]
pub(super) enum Door {
    #[cfg(unix)]
    Unix(Socket),
    /// With what they have to prove that they know, if there is a secret.
    Tcp(TcpListener, Option<Gate>),
}

/// What all connections by one way share.
struct Hall {
    node: Arc<Node>,
    operator: Operator,
    strangers: Places,
    places: Arc<Semaphore>,
    complaints: Complaints,
}

/// Serves operators until the node stops.
pub(super) async fn serve(node: Arc<Node>, door: Door, operator: Operator, mut events: Events) {
    let hall = Hall {
        node: node.clone(),
        operator,
        strangers: Places::new(STRANGERS_MAX),
        places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        complaints: Complaints::default(),
    };
    let (hall, mut connections) = (Arc::new(hall), JoinSet::new());
    let taking = async {
        loop {
            while connections.try_join_next().is_some() {}
            match door.take(&mut connections, &hall).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(node = %node.id(), %error, "an operator's connection could not be taken");
                    node.timers().delay(REST).await;
                }
            }
        }
    };
    // As above.
    let running = async { while !node.is_stopped() && events.next().await.is_some() {} };
    first(pin!(taking), pin!(running)).await;
}

impl Door {
    /// Takes the next connection.
    async fn take(&self, connections: &mut JoinSet<()>, hall: &Arc<Hall>) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => {
                let stream = socket.accept().await?;
                match hall.places.clone().try_acquire_owned() {
                    Ok(place) => drop(connections.spawn(converse(hall.clone(), stream, place, || {}))),
                    Err(_) => hall.complain("too many are connected"),
                }
            }
            Self::Tcp(listener, gate) => {
                let (stream, from) = listener.accept().await?;
                let begin = |place| connections.spawn(host(hall.clone(), stream, gate.clone(), place));
                if hall.strangers.serve(from, begin).is_some() {
                    hall.complain("too many are at their handshake");
                }
            }
        }
        Ok(())
    }
}

/// One connection by TCP, from its handshake to its end.
async fn host(hall: Arc<Hall>, stream: TcpStream, gate: Option<Gate>, place: Place) {
    let node = &hall.node;
    let stream = match node.within(HANDSHAKE_MAX, Stream::answer(stream, gate.as_ref())).await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => return hall.complain(&error.to_string()),
        None => return hall.complain("the handshake took too long"),
    };
    drop(place);
    let Ok(place) = hall.places.clone().try_acquire_owned() else {
        return hall.complain("too many are connected");
    };
    let heard = AtomicU64::new(node.now().as_nanos());
    let note = || heard.store(node.now().as_nanos(), Ordering::Relaxed);
    first(pin!(converse(hall.clone(), stream, place, note)), pin!(silence(node, &heard))).await;
}

/// Ends when nothing has been asked for too long.
async fn silence(node: &Node, heard: &AtomicU64) {
    loop {
        let end = Instant::from_nanos(heard.load(Ordering::Relaxed)) + IDLE_MAX;
        let left = end.since(node.now());
        if left.is_zero() {
            return;
        }
        node.timers().delay(left).await;
    }
}

/// Answers one operator until he goes, or says something that cannot be understood.
async fn converse<S>(hall: Arc<Hall>, stream: S, _place: OwnedSemaphorePermit, heard: impl Fn())
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let channel = BaseChannel::with_defaults(wire::<Json, _, _, _>(stream, FRAME_BYTES_MAX));
    let requests = channel.max_concurrent_requests(REQUESTS_MAX).execute(hall.operator.clone().serve());
    rpc::converse(requests, heard).await;
}

impl Hall {
    /// Tells that somebody was turned away, once a second at most.
    fn complain(&self, why: &str) {
        if let Some(untold) = self.complaints.tell(self.node.now()) {
            tracing::warn!(node = %self.node.id(), untold, "an operator was turned away: {why}");
        }
    }
}

//! Owns the connections of programs that are no members: it takes them, within limits, and ends them with the node. Never answers
//! anything itself.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use swarm_net::connection::Gate;
use swarm_net::time::Instant;
use tarpc::server::{BaseChannel, Channel};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::porter::Porter;
use super::service::Gateway as _;
use super::{HEAD_BYTES_MAX, IDLE_MAX, gate};
use crate::rpc::{PackedRequests, Place, Places, Reception, Stream, converse, first, wire};
use crate::runtime::{Complaints, Node};
use crate::worker::Host as _;

/// How many programs may be connected at once; one more is turned away, and not kept waiting for others who never go.
const CONNECTIONS_MAX: usize = 256;

/// How many of them may not have proved yet that they know the secret: strangers take no place of those who have. With one more one of those
/// from where the most are is hung up on.
const STRANGERS_MAX: usize = 64;

/// How long that may take them.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// How many requests of one of them may be under way. A program of ours keeps to half of it.
const REQUESTS_MAX: usize = 512;

/// What all connections of a node's gateway share.
struct Hall {
    node: Arc<Node>,
    gate: Option<Gate>,
    programs: Arc<Semaphore>,
    complaints: Complaints,
}

/// Begins to serve programs at an address, until the node stops. Says where.
///
/// # Errors
/// If the address cannot be used, or the runtime has no drivers.
pub(crate) async fn open(node: &Arc<Node>, addr: SocketAddr) -> io::Result<SocketAddr> {
    let reception = Reception::open(node, addr).await?;
    let addr = reception.addr()?;
    let hall = Arc::new(Hall {
        node: node.clone(),
        gate: gate(node.keys.as_ref()),
        programs: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        complaints: Complaints::default(),
    });
    node.runtime().spawn(async move {
        let turned_away = |from| hall.complain(from, "too many are at their handshake");
        let host = |stream, from, place| host(hall.clone(), stream, from, place);
        reception.take(Places::new(STRANGERS_MAX), host, turned_away).await;
    });
    tracing::info!(node = %node.id(), %addr, secret = node.keys.is_some(), "programs that are no members can connect");
    Ok(addr)
}

/// One connection, from its handshake to its end.
async fn host(hall: Arc<Hall>, stream: TcpStream, from: SocketAddr, place: Place) {
    let node = &hall.node;
    let stream = match node.within(HANDSHAKE_MAX, Stream::answer(stream, hall.gate.as_ref())).await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => return hall.complain(from, &error.to_string()),
        None => return hall.complain(from, "the handshake took too long"),
    };
    drop(place);
    let Ok(_place) = hall.programs.clone().try_acquire_owned() else {
        return hall.complain(from, "too many are connected");
    };
    let message = usize::try_from(node.config().message_bytes_max()).unwrap_or(usize::MAX);
    let wire = wire::<PackedRequests, _, _, _>(stream, message.saturating_add(HEAD_BYTES_MAX));
    let heard = AtomicU64::new(node.now().as_nanos());
    let note = || heard.store(node.now().as_nanos(), Ordering::Relaxed);
    let channel = BaseChannel::with_defaults(wire).max_concurrent_requests(REQUESTS_MAX);
    let talk = converse(channel.execute(Porter::new(node.clone()).serve()), note);
    first(pin!(talk), pin!(silence(node, &heard))).await;
}

/// Ends when nothing has been heard for too long.
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

impl Hall {
    /// Tells that somebody was turned away, once a second at most.
    fn complain(&self, from: SocketAddr, why: &str) {
        if let Some(untold) = self.complaints.tell(self.node.now()) {
            tracing::warn!(node = %self.node.id(), %from, untold, "a program was turned away: {why}");
        }
    }
}

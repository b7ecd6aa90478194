//! Owns the port that Redis clients connect to, and its end: nobody new is let in, those who are there are served on for a
//! while. Never ends a connection in the middle of a batch, unless the client does not read its replies.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use swarm::Swarm;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Connection;
use super::lane::LANE_WITHIN;
use super::reply::Reply;

/// How many clients may be connected to one node: each takes some 64 KiB, and a queue of a hot key has room for all.
pub const CONNECTIONS_MAX: usize = 4096;
/// The pause after a connection could not be accepted, for want of descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(50);

/// What the connections of a node share.
#[derive(Debug)]
pub(super) struct Hall {
    pub(super) swarm: Swarm,
    pub(super) addr: SocketAddr,
    pub(super) since: Instant,
    pub(super) counters: Counters,
}

/// What a node has served.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) connected: AtomicU64,
    pub(super) commands: AtomicU64,
}

impl Counters {
    pub(super) fn commands(&self, more: usize) {
        self.commands.fetch_add(more as u64, Ordering::Relaxed);
    }
}

/// Serves Redis clients until `leave` is ready; then those who are there for `linger` more. The node is a member all the
/// while, so that leaving is for the caller, afterwards.
///
/// # Errors
/// If the listener has no address.
pub async fn serve(
    listener: TcpListener,
    swarm: &Swarm,
    leave: impl Future<Output = ()>,
    linger: Duration,
) -> io::Result<()> {
    let addr = listener.local_addr()?;
    let hall = Arc::new(Hall { swarm: swarm.clone(), addr, since: Instant::now(), counters: Counters::default() });
    let (close, closing) = watch::channel(false);
    let mut clients = JoinSet::new();
    let mut leave = pin!(leave);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut leave => break,
            Some(_) = clients.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if clients.len() < CONNECTIONS_MAX => {
                clients.spawn(greet(stream, hall.clone(), closing.clone()));
            }
            Ok((stream, _)) => turn_away(stream),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    tracing::info!(connections = clients.len(), ?linger, "no more connections; those that are here are served on");
    if timeout(linger, all_end(&mut clients)).await.is_err() {
        tracing::info!(connections = clients.len(), "connections are closed between two commands");
        // Those who wait for it are there.
        let _ = close.send(true);
        // A batch takes no longer than its lanes; and whoever does not read its replies is not waited for.
        let _ = timeout(2 * LANE_WITHIN, all_end(&mut clients)).await;
    }
    Ok(())
}

async fn all_end(clients: &mut JoinSet<()>) {
    while clients.join_next().await.is_some() {}
}

async fn greet(stream: TcpStream, hall: Arc<Hall>, closing: watch::Receiver<bool>) {
    hall.counters.connections.fetch_add(1, Ordering::Relaxed);
    hall.counters.connected.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = served(stream, hall.clone(), closing).await {
        tracing::debug!(%error, "a connection was lost");
    }
    hall.counters.connected.fetch_sub(1, Ordering::Relaxed);
}

async fn served(stream: TcpStream, hall: Arc<Hall>, closing: watch::Receiver<bool>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    Connection::new(stream, hall).serve(closing).await
}

/// There are too many. The words fit into the socket's buffer, or are lost.
fn turn_away(stream: TcpStream) {
    let mut words = Vec::new();
    Reply::Error("ERR max number of clients reached".to_owned()).write(&mut words);
    tokio::spawn(async move {
        let mut stream = stream;
        let _ = timeout(PAUSE, stream.write_all(&words)).await;
    });
}

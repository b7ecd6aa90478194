//! Owns how connections are taken: an address is listened at, and each that comes is given to its host, within a limit, until the node
//! stops. Never knows what is said over them.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Place, Places, first, has_drivers};
use crate::event::Events;
use crate::runtime::Node;
use crate::worker::Host as _;

/// How long nobody is taken in after the system had no room for one more connection.
const REST: Duration = Duration::from_millis(100);

/// How long answers that are on their way when the node stops may take to be read.
#[cfg(any(feature = "dashboard", feature = "http"))]
const END_MAX: Duration = Duration::from_secs(2);

/// Waits for what was open when the node stopped. Who does not read its answer loses it, as if the process had ended.
#[cfg(any(feature = "dashboard", feature = "http"))]
pub(crate) async fn answered(mut left: JoinSet<()>) {
    let answered = async { while left.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(END_MAX, answered).await;
}

/// An address at which a node listens.
pub(crate) struct Reception {
    node: Arc<Node>,
    listener: TcpListener,
    /// They end with the node.
    events: Events,
}

impl Reception {
    /// Begins to listen. Nobody is taken in yet.
    ///
    /// # Errors
    /// If the address cannot be used, or the runtime has no drivers.
    pub(crate) async fn open(node: &Arc<Node>, addr: SocketAddr) -> io::Result<Self> {
        if !has_drivers() {
            let text = "the tokio runtime has no I/O or time driver: build it with `enable_all`";
            return Err(io::Error::new(ErrorKind::Unsupported, text));
        }
        let listener =
            TcpListener::bind(addr).await.map_err(|error| io::Error::new(error.kind(), format!("{addr}: {error}")))?;
        Ok(Self { node: node.clone(), listener, events: node.subscribers.subscribe() })
    }

    /// Where.
    ///
    /// # Errors
    /// If the system does not say.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes connections until the node stops, and gives those that are open then; with what it gives they end. Each is given to its
    /// `host` with one of the `places`; of one that has lost its place for that `turned_away` is told, and it ends.
    pub(crate) async fn take<F>(
        self,
        places: Places,
        host: impl Fn(TcpStream, SocketAddr, Place) -> F,
        turned_away: impl Fn(SocketAddr),
    ) -> JoinSet<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { node, listener, mut events } = self;
        let mut connections = JoinSet::new();
        let taking = async {
            loop {
                match listener.accept().await {
                    Ok((stream, from)) => {
                        while connections.try_join_next().is_some() {}
                        let begin = |place| connections.spawn(host(stream, from, place));
                        if let Some(displaced) = places.serve(from, begin) {
                            turned_away(displaced);
                        }
                    }
                    Err(error) => {
                        let at = listener.local_addr().ok();
                        tracing::warn!(node = %node.id(), ?at, %error, "a connection could not be taken");
                        node.timers().delay(REST).await;
                    }
                }
            }
        };
        let running = async {
            // A node that has stopped before these events were asked for closes nothing any more.
            while !node.is_stopped() && events.next().await.is_some() {}
        };
        first(pin!(taking), pin!(running)).await;
        connections
    }
}

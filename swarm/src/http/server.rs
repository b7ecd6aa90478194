//! Owns the connections of those who speak HTTP to a node: it takes them, within limits, and ends them with the node. Never answers
//! anything itself.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::STRANGERS_MAX;
use super::hall::Hall;
use super::router::router;
use super::settings::Opening;
use crate::rpc::{Entry, Guest, Opened, Reception, Talk, first};
use crate::runtime::Node;

/// How long a stranger may take to agree on keys and to send the head of a request with a token.
const STRANGER_MAX: Duration = Duration::from_secs(5);

/// How long answers that are on their way when the node stops may take to be read.
const END_MAX: Duration = Duration::from_secs(2);

/// Begins to serve HTTP, until the node stops. Says where.
///
/// # Errors
/// If the address cannot be used, or the runtime has no drivers.
pub(crate) async fn open(node: &Arc<Node>, opening: Opening) -> io::Result<Opened> {
    let Opening { entry: Entry { addr, tokens, tls }, idle } = opening;
    let reception = Reception::open(node, addr).await?;
    let addr = reception.addr()?;
    let (scheme, asks) = (if tls.is_some() { "https" } else { "http" }, tokens.is_some());
    let hall = Arc::new(Hall::new(node, tokens.clone()));
    let talk = Talk { node: node.clone(), app: router(hall.clone()), idle, ending: hall.ending.subscribe() };
    let acceptor = tls.map(TlsAcceptor::from);
    node.runtime().spawn(async move {
        let host =
            |stream, from, place| host(hall.clone(), talk.clone(), acceptor.clone(), stream, Guest::new(from, place));
        let turned_away = |from| hall.complain(from, "too many have shown no token yet");
        let mut left = reception.take(Arc::new(Semaphore::new(STRANGERS_MAX)), host, turned_away).await;
        hall.ending.send_replace(true);
        let answered = async { while left.join_next().await.is_some() {} };
        // Who does not read its answer loses it, as if the process had ended.
        let _ = tokio::time::timeout(END_MAX, answered).await;
    });
    tracing::info!(node = %node.id(), tokens = asks, "programs can connect to {scheme}://{addr}");
    Ok(Opened { addr, tokens })
}

/// One connection.
async fn host(hall: Arc<Hall>, talk: Talk, acceptor: Option<TlsAcceptor>, stream: TcpStream, guest: Guest) {
    let (from, guest) = (guest.from, Arc::new(guest));
    // Answers are small, and each is waited for.
    let _ = stream.set_nodelay(true);
    let talk = async {
        match acceptor {
            None => talk.over(stream, guest.clone()).await,
            Some(acceptor) => match acceptor.accept(stream).await {
                Ok(stream) => talk.over(stream, guest.clone()).await,
                Err(error) => hall.complain(from, &error.to_string()),
            },
        }
    };
    let overdue = async {
        match hall.node.within(STRANGER_MAX, guest.known.notified()).await {
            Some(()) => std::future::pending().await,
            None => hall.complain(from, "it has shown no token in time, or sent no request"),
        }
    };
    first(pin!(talk), pin!(overdue)).await;
}

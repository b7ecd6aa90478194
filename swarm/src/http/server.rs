//! Owns the connections of those who speak HTTP to a node: it takes them, within limits, and ends them with the node. Never answers
//! anything itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use super::STRANGERS_MAX;
use super::hall::Hall;
use super::router::router;
use super::settings::Opening;
use crate::rpc::{Entry, Guest, Lapse, Opened, Places, Reception, Talk, answered};
use crate::runtime::Node;

/// How long a stranger may take to agree on keys and to send the head of a request with a token.
const STRANGER_MAX: Duration = Duration::from_secs(5);

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
    let (tls, ending) = (tls.map(TlsAcceptor::from), hall.ending.subscribe());
    let talk = Talk { node: node.clone(), app: router(hall.clone()), tls, stranger: STRANGER_MAX, idle, ending };
    node.runtime().spawn(async move {
        let host = |stream, from, place| {
            let (hall, talk) = (hall.clone(), talk.clone());
            let lapsed = move |from, lapse: &Lapse| hall.complain(from, &lapse.to_string());
            talk.host(stream, Guest::new(from, place), lapsed)
        };
        let turned_away = |from| hall.complain(from, "too many have shown no token yet");
        let left = reception.take(Places::new(STRANGERS_MAX), host, turned_away).await;
        hall.ending.send_replace(true);
        answered(left).await;
    });
    tracing::info!(node = %node.id(), tokens = asks, "programs can connect to {scheme}://{addr}");
    Ok(Opened { addr, tokens })
}

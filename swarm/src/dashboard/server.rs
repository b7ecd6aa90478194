//! Owns the connections of browsers to a node's dashboard: it takes them, within limits, and ends them with the node. Never answers anything
//! itself.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use super::hall::Hall;
use super::router::router;
use crate::rpc::{Entry, Guest, Lapse, Opened, Places, Reception, Talk, answered, first};
use crate::runtime::Node;

/// How many may be connected that are not logged in: strangers take no place of those who are. With one more one of those
/// from where the most are is hung up on.
const STRANGERS_MAX: usize = 64;

/// How long one of them may be, to agree on keys and to ask for the page to log in; then the browser connects anew.
const STRANGER_MAX: Duration = Duration::from_secs(10);

/// How long a connection is kept over which nothing is asked.
const IDLE_MAX: Duration = Duration::from_secs(75);

/// Begins to show the cluster, until the node stops. Says where.
///
/// # Errors
/// If the address cannot be used, or the runtime has no drivers.
pub(crate) async fn open(node: &Arc<Node>, cluster: &str, entry: Entry) -> io::Result<Opened> {
    let Entry { addr, tokens, tls } = entry;
    let reception = Reception::open(node, addr).await?;
    let addr = reception.addr()?;
    let (scheme, asks) = (if tls.is_some() { "https" } else { "http" }, tokens.is_some());
    // Before anything can be asked, so that nothing is missed that happens after the node has started.
    let _ = crate::admin::Diary::of(node);
    let hall = Arc::new(Hall::new(node, cluster, tokens.clone(), tls.is_some(), addr));
    let (tls, ending) = (tls.map(TlsAcceptor::from), hall.ending.subscribe());
    let app = router(hall.clone());
    let talk = Talk { node: node.clone(), app, tls, stranger: STRANGER_MAX, idle: IDLE_MAX, ending };
    node.runtime().spawn(async move {
        let host = |stream, from, place| {
            let (hall, talk) = (hall.clone(), talk.clone());
            let lapsed = move |from, lapse: &Lapse| match lapse {
                // Browsers of those who are about to log in are hung up on as well, and connect anew when they do: that is no news.
                Lapse::Overdue => {}
                Lapse::Handshake(_) => hall.complain(Some(from), &lapse.to_string()),
            };
            talk.host(stream, Guest::new(from, place), lapsed)
        };
        let turned_away = |from| hall.complain(Some(from), "too many are not logged in");
        let mut left = None;
        let taking = async {
            left = Some(reception.take(Places::new(STRANGERS_MAX), host, turned_away).await);
        };
        first(pin!(taking), pin!(hall.live.watch())).await;
        hall.live.end();
        hall.ending.send_replace(true);
        answered(left.unwrap_or_default()).await;
    });
    tracing::info!(node = %node.id(), login = asks, "the dashboard is at {scheme}://{addr}");
    Ok(Opened { addr, tokens })
}

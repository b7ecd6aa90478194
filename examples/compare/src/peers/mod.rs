//! The systems that are compared, each behind the same two doors: a server that says where it is, and a peer that does what it
//! is ordered. What each row is stands in README.md.

pub(crate) mod actix;
pub(crate) mod erlang;
pub(crate) mod kameo;
#[cfg(feature = "kameo-remote")]
pub(crate) mod kameo_remote;
pub(crate) mod map;
pub(crate) mod mpsc;
#[cfg(feature = "murmer")]
pub(crate) mod murmer;
pub(crate) mod ractor;
pub(crate) mod raw;
pub(crate) mod swarm;
pub(crate) mod swarm_grown;
pub(crate) mod swarm_local;
pub(crate) mod tarpc;

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::figure::Seen;
use crate::order::{Load, Order};

/// A system in the process of its callers.
pub(crate) trait Peer {
    /// Is under load, and says how it did.
    async fn load(&mut self, load: Load) -> io::Result<Seen>;

    /// Starts idle workers of eight bytes and keeps them: one after the other, or where their growth is asked for, from many callers.
    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        Err(io::Error::other(format!("{count} idle workers are not offered here")))
    }
}

/// Does what it is told, line by line, until nobody tells it anything any more.
pub(crate) async fn obey(mut peer: impl Peer) -> io::Result<()> {
    println!("ready");
    while let Some(order) = next_order().await? {
        let seen = match order {
            Order::Load(load) => peer.load(load).await?,
            Order::Spawn(count) => {
                let begun = Instant::now();
                peer.spawn(count).await?;
                Seen { ops: count, failed: 0, took: begun.elapsed(), p50_ns: 0, p99_ns: 0 }
            }
        };
        println!("{}", seen.line());
    }
    Ok(())
}

/// Tells where a server is, and keeps it until nobody listens any more.
pub(crate) async fn stand(address: String, held: impl Sized) -> io::Result<()> {
    println!("ready {address}");
    while next_order().await?.is_some() {}
    drop(held);
    Ok(())
}

async fn next_order() -> io::Result<Option<Order>> {
    let read = || {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    };
    let line = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
    if line.is_empty() { Ok(None) } else { line.trim().parse().map(Some) }
}

/// What serde's systems send: bytes that are written as such, and not one by one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Payload(#[serde(with = "serde_bytes")] pub(crate) Vec<u8>);

/// Bytes to send.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    vec![0x5a; count]
}

/// How many of very many workers are called: enough that they are in no cache, and few enough that their names are.
const SAMPLE: u64 = 65_536;

/// So many of `count` numbers, spread evenly.
pub(crate) fn sample(count: u64) -> impl Iterator<Item = u64> {
    let some = count.min(SAMPLE);
    (0..some).map(move |i| i * count / some)
}

/// How often something is looked at that has no event of its own, and how long.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until there is something.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> io::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(io::Error::other(format!("{what} did not come within {PATIENCE:?}")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks until there is something.
#[cfg(feature = "kameo-remote")]
pub(crate) async fn until_asked<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> io::Result<T> {
    let asking = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.map_err(|_| io::Error::other(format!("{what} did not come within {PATIENCE:?}")))
}

//! Owns what is counted, and how: each case is run so often that what happens once in a while hardly counts, after a first part that
//! does not.

use std::io;
use std::time::Duration;

use swarm::Swarm;
use tokio::task::JoinSet;

use crate::account::{Account, AccountClient, account, node};
use crate::server::Server;
use crate::taken;

/// How many requests each case makes.
const REQUESTS: u64 = 12_800;

/// How many come before them: buffers grow to their size, and methods end their probation.
const WARM: u64 = 1_280;

/// Every such cast is a call, after which all of them were handled: 64 callers must not overfill the mailbox.
const CASTS: u64 = 3;

/// How many names are tried for one on the other node. It gets about every second.
const TRIES: u64 = 200;

/// How often it is looked whether the other node has come, and for how long.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

/// What each of a case's requests is.
#[derive(Clone, Copy)]
enum Request {
    Call,
    Named,
    Ready,
    Cast,
}

/// Runs the cases whose names contain `wanted`.
pub(crate) async fn run(wanted: &str) -> io::Result<()> {
    let mut server = Server::start()?;
    let swarm = node(&server.cluster, Some(server.address.clone())).await?;
    meet(&swarm).await?;
    let (near, far) = (placed(&swarm, true).await?, placed(&swarm, false).await?);
    println!("{:<44}{:>10}{:>10}", "blocks taken by each, process of the", "caller", "worker");
    for (name, at, request) in [
        ("remote call", &far, Request::Call),
        ("remote call, by name", &far, Request::Named),
        ("remote call, async and ready", &far, Request::Ready),
        ("remote cast", &far, Request::Cast),
        ("local call", &near, Request::Call),
        ("local call, by name", &near, Request::Named),
        ("local call, async and ready", &near, Request::Ready),
        ("local cast", &near, Request::Cast),
    ] {
        for callers in [1, 64] {
            if name.contains(wanted) {
                load(&swarm, at, request, callers, WARM).await?;
                let before = (taken(), server.taken()?);
                load(&swarm, at, request, callers, REQUESTS).await?;
                let after = (server.taken()?, taken());
                let each = |blocks: u64| blocks as f64 / REQUESTS as f64;
                let (caller, worker) = (each(after.1 - before.0), each(after.0 - before.1));
                println!("{:<44}{caller:>10.3}{worker:>10.3}", format!("{name}, {callers} at a time"));
            }
        }
    }
    println!(
        "One cast in {CASTS} is a call, which tells that the others were handled. A local worker's blocks are the caller's."
    );
    Ok(())
}

async fn meet(swarm: &Swarm) -> io::Result<()> {
    let both = async {
        // The node counts its own partitions twice a second, so that this is after it has begun to own some.
        while swarm.nodes().len() < 2 || swarm.stats().partitions == 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, both).await.map_err(io::Error::other)
}

/// Registers names until the ring has put one on this node, or on the other.
async fn placed(swarm: &Swarm, here: bool) -> io::Result<String> {
    for i in 0..TRIES {
        let name = format!("acct/{here}/{i}");
        AccountClient::register(name.as_str(), ()).on(swarm).await.map_err(io::Error::other)?;
        let at = swarm.whereis(name.as_str()).await.map_err(io::Error::other)?;
        if at.is_some_and(|at| (at.node == swarm.node()) == here) {
            return Ok(name);
        }
    }
    Err(io::Error::other("the ring gave one of two nodes none of many names"))
}

/// Has so many callers make so many requests together.
async fn load(swarm: &Swarm, name: &str, request: Request, callers: u64, requests: u64) -> io::Result<()> {
    let mut all = JoinSet::new();
    for _ in 0..callers {
        all.spawn(caller(swarm.at::<Account>(name), name.to_owned(), request, requests / callers));
    }
    while let Some(done) = all.join_next().await {
        done.map_err(io::Error::other)?.map_err(io::Error::other)?;
    }
    Ok(())
}

async fn caller(
    at: AccountClient,
    name: String,
    request: Request,
    requests: u64,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for i in 1..=requests {
        match request {
            Request::Named => drop(AccountClient::call(name.as_str(), account::Add { by: 1 }).await?),
            Request::Ready => drop(at.add_ready(1).await?),
            Request::Cast if !i.is_multiple_of(CASTS) => at.note(1)?,
            Request::Cast | Request::Call => drop(at.add(1).await?),
        }
    }
    Ok(())
}

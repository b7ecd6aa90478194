//! The messages of one node to one name run once each and in the order sent, whatever becomes of the cluster meanwhile,
//! as long as no connection is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use swarm::prelude::*;
use swarm::{CallError, CastError, Swarm};
use tokio::task::JoinSet;

use crate::fixture::{PATIENCE, all_know, cluster, join, until};

/// So many messages are sent before the sender waits for the last of them: well below the bound of a mailbox, since a
/// cast that finds a full one on another node is lost, as it should be.
const BURST: u64 = 24;

/// Between bursts, so that the nodes' own threads get their share of a small machine.
const PACE: Duration = Duration::from_millis(2);

/// What moves with a [`Notebook`].
#[swarm::message]
#[derive(Debug, Clone)]
pub(crate) struct Page {
    last: BTreeMap<u32, u64>,
    faults: Vec<String>,
}

/// Writes down the last number that each sender has sent, and whatever was not the next.
struct Notebook {
    page: Page,
}

#[swarm::worker]
impl Notebook {
    #[init]
    fn init() -> Self {
        Self { page: Page { last: BTreeMap::new(), faults: Vec::new() } }
    }

    #[cast]
    fn note(&mut self, ctx: &Context<Self>, sender: u32, number: u64) {
        self.write(ctx, sender, number, "cast");
    }

    #[call]
    fn noted(&mut self, ctx: &Context<Self>, sender: u32, number: u64) -> u64 {
        self.write(ctx, sender, number, "call");
        number
    }

    #[call]
    fn page(&self) -> Page {
        self.page.clone()
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Page> {
        Handoff::Resume(self.page.clone())
    }

    #[end_handoff]
    fn end_handoff(&mut self, page: Page) {
        self.page = page;
    }

    fn write(&mut self, ctx: &Context<Self>, sender: u32, number: u64, how: &str) {
        let last = self.page.last.entry(sender).or_default();
        if number != *last + 1 {
            let node = ctx.swarm().node();
            self.page.faults.push(format!("{how} {number} of {sender} after {last} on {node}"));
        }
        *last = number;
    }
}

/// Sends to one name through one node until told to stop, and says how many it has sent.
async fn talk(node: Swarm, sender: u32, name: String, enough: Arc<AtomicBool>) -> u64 {
    let ledger = node.at::<Notebook>(&name);
    let mut number = 0;
    while !enough.load(Ordering::Relaxed) {
        for _ in 0..BURST {
            number += 1;
            cast(&ledger, sender, number).await;
        }
        number += 1;
        let answer = ledger.noted(sender, number).timeout(PATIENCE).await;
        assert_eq!(answer, Ok(number), "{name} through {node:?}");
        tokio::time::sleep(PACE).await;
    }
    number
}

async fn cast(ledger: &NotebookClient, sender: u32, number: u64) {
    loop {
        match ledger.note(sender, number) {
            Ok(()) => return,
            // It was not taken, so it may be sent again.
            Err(CastError::Overloaded { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Registers so many names, and has every node talk to each of them while `change` goes on.
async fn while_talking(
    nodes: &[Swarm],
    names: u32,
    change: impl AsyncFnOnce(),
) -> BTreeMap<String, BTreeMap<u32, u64>> {
    let enough = Arc::new(AtomicBool::new(false));
    let mut talks = JoinSet::new();
    for i in 0..names {
        let name = format!("ledger-{i}");
        NotebookClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        for (sender, node) in nodes.iter().enumerate() {
            let sender = u32::try_from(sender).expect("few nodes");
            let talk = talk(node.clone(), sender, name.clone(), enough.clone());
            let name = name.clone();
            talks.spawn(async move { (name, sender, talk.await) });
        }
    }
    change().await;
    enough.store(true, Ordering::Relaxed);
    let mut sent = BTreeMap::<String, BTreeMap<u32, u64>>::new();
    while let Some(done) = talks.join_next().await {
        let (name, sender, number) = done.expect("no task panics");
        sent.entry(name).or_default().insert(sender, number);
    }
    sent
}

/// Every ledger has every number of every sender, once and in order.
async fn audit(node: &Swarm, sent: &BTreeMap<String, BTreeMap<u32, u64>>) {
    for (name, numbers) in sent {
        let page = node.at::<Notebook>(name).page().timeout(PATIENCE).await.expect("it answers");
        assert_eq!(page.faults, Vec::<String>::new(), "{name}");
        assert_eq!(&page.last, numbers, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_survives_nodes_that_join() {
    let nodes = cluster("order-join", 2).await;
    let mut all = nodes.clone();
    let sent = while_talking(&nodes, 12, async || {
        for _ in 0..2 {
            let newcomer = join("order-join", &[&all[0]]).await;
            all.push(newcomer);
            all_know(&all).await;
            settled(&all).await;
        }
    })
    .await;
    audit(&all[0], &sent).await;
    audit(&all[3], &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_survives_nodes_that_leave() {
    let nodes = cluster("order-leave", 4).await;
    let (stay, go) = nodes.split_at(2);
    let sent = while_talking(stay, 12, async || {
        for node in go {
            node.leave().await.expect("everything is handed over");
            settled(stay).await;
        }
    })
    .await;
    audit(&stay[0], &sent).await;
}

/// Waits until every ledger answers, so that a change of the ring has gone through.
async fn settled(nodes: &[Swarm]) {
    until("every name is listed once", nodes, async || {
        nodes[0].registered().await.is_ok_and(|names| names.len() == 12)
    })
    .await;
    for i in 0..12 {
        let answer = nodes[0].at::<Notebook>(format!("ledger-{i}")).page().timeout(PATIENCE).await;
        assert!(!matches!(answer, Err(CallError::Timeout { .. })), "{answer:?}");
    }
}

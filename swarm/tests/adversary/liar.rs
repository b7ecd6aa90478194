//! Members that say what cannot be: of themselves, and in calls.

use swarm::Config;
use swarm_net::wire::Frame;

use crate::fixture::{SECRET, Siege, patient, start};
use crate::member::{Member, Plan, send_all};
use crate::recording::{CALL, Recording};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_claims_more_worker_types_than_there_are() {
    const CLUSTER: &str = "adversary-table";
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let (target, seed) = (siege.target().node(), siege.target().local_addr());
    let mut plan = Plan::of(CLUSTER, Some(SECRET));
    plan.profile.abilities = (0..7_000).collect();
    plan.profile.version = u64::MAX;
    let member = tokio::task::spawn_blocking(move || {
        let member = Member::start(plan, seed);
        member.reach(target);
        member
    });
    let member = member.await.expect("it is let in");
    siege.until("it is a member", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 4)).await;
    siege.calls_go_on().await;
    drop(member);
    siege.end("a table of 7,000 worker types", 32 << 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_other_partitions_are_refused() {
    const CLUSTER: &str = "adversary-partitions";
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let seed = siege.target().local_addr();
    let before = siege.stats().refused_nodes;
    let mut liars = Vec::new();
    for partitions in [1, 1 << 16] {
        let mut plan = Plan::of(CLUSTER, Some(SECRET));
        plan.config.partitions = partitions;
        liars.push(Member::start(plan, seed));
        let goal = before + liars.len() as u64;
        siege.until("it is refused and counted", |siege| siege.stats().refused_nodes >= goal).await;
    }
    siege.calls_go_on().await;
    siege.end("nodes with one partition, and with 65,536", 32 << 20).await;
}

/// It owns nearly everything, and does what is its part: names move to it, and back when it leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_claims_the_largest_weight_there_is() {
    const CLUSTER: &str = "adversary-weight";
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let heavy = start(CLUSTER, Some(SECRET), Config { weight: u16::MAX, ..patient() }, &[siege.target()]).await;
    siege.until("it is a member", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 4)).await;
    siege.calls_go_on().await;
    heavy.leave().await.expect("it leaves in time");
    siege.end("a node with a weight of 65,535", 64 << 20).await;
}

/// Calls as an honest node sends them, but for one byte of their messages: it is turned to each of some values, one at a time.
#[tokio::test(flavor = "multi_thread")]
async fn calls_with_damaged_messages() {
    const CLUSTER: &str = "adversary-calls";
    let call = Recording::of_a_session().await.frame(CALL);
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let (target, seed) = (siege.target().node(), siege.target().local_addr());
    let before = siege.stats();
    let liar = tokio::task::spawn_blocking(move || {
        let member = Member::start(Plan::of(CLUSTER, Some(SECRET)), seed);
        let peer = member.reach(target);
        let mut sent = 0_u64;
        for at in 0..call.body.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, call.body[at] ^ 1] {
                let mut body = call.body.clone();
                body[at] = value;
                // Each is a call of its own.
                let mut head = call.head;
                head[..8].copy_from_slice(&sent.to_le_bytes());
                send_all(&peer, [Frame::new(CALL, head, &[&body])]);
                sent += 1;
            }
        }
        (member, sent)
    });
    siege.calls_go_on().await;
    let (member, sent) = liar.await.expect("all of them find room");
    // Each is answered, or dropped and counted; a name that another byte has made is nobody's, which is an answer, too.
    siege
        .until("all are dealt with", |siege| member.frames() + siege.stats().malformed - before.malformed >= sent)
        .await;
    assert!(siege.stats().malformed > before.malformed, "lengths that do not add up are among them");
    drop(member);
    siege.end("calls with damaged messages", 32 << 20).await;
}

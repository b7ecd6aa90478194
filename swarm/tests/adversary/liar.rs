//! Members that say what cannot be: of themselves, and in calls.

use swarm::Message;
use swarm_net::wire::Frame;

use crate::cores::{apart, attack};
use crate::fixture::{PATIENCE, SECRET, Siege, TallyClient, patient, tally};
use crate::member::{COUNTED, Member, Plan, send_all};
use crate::pace::blows;
use crate::recording::{CALL, Recording};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_claims_more_worker_types_than_there_are() {
    const CLUSTER: &str = "adversary-table";
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let (target, seed) = (siege.target().node(), siege.target().local_addr());
    let mut plan = Plan::of(CLUSTER, Some(SECRET));
    plan.profile.abilities = (0..7_000).collect();
    plan.profile.version = u64::MAX;
    let member = attack(move || {
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
        liars.push(apart(|| Member::start(plan, seed)));
        let goal = before + liars.len() as u64;
        siege.until("it is refused and counted", |siege| siege.stats().refused_nodes >= goal).await;
    }
    siege.calls_go_on().await;
    siege.end("nodes with one partition, and with 65,536", 32 << 20).await;
}

/// Calls as an honest node sends them, but for one byte: each is set to some values, one at a time. Those whose message is damaged
/// reach a worker, and are all dealt with.
#[tokio::test(flavor = "multi_thread")]
async fn calls_with_damaged_bytes() {
    const CLUSTER: &str = "adversary-calls";
    let (call, name) = Recording::of_a_session().await.call(tally::Hit::ID);
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    TallyClient::register(&name, ()).on(siege.target()).timeout(PATIENCE).await.expect("the name is free");
    let host = siege.target().whereis(&name).await.expect("it is known").expect("it is registered").node;
    let at = siege.nodes.iter().position(|node| node.node() == host).expect("it is on one of ours");
    let host = siege.nodes[at].clone();
    let (member, peer) = siege.let_in(Plan::of(CLUSTER, Some(SECRET)), &host).await;
    let before = siege.nodes[at].stats().malformed;
    let payload = 16 + name.len().next_multiple_of(16);
    let liar = attack(move || {
        let (mut sent, mut counted) = (0_u64, COUNTED);
        // As long as rates are wanted, all of them again.
        for (at, value) in blows(1, u32::MAX).flat_map(|_| damages(&call.body)) {
            let mut body = call.body.clone();
            body[at] = value;
            // Each is a call of its own.
            let number = if at < payload { &mut sent } else { &mut counted };
            *number += 1;
            let mut head = call.head;
            head[..8].copy_from_slice(&number.to_le_bytes());
            send_all(&peer, [Frame::new(CALL, head, &[&body])]);
        }
        counted - COUNTED
    });
    siege.calls_go_on().await;
    let sent = liar.await.expect("all of them find room");
    assert!(sent > 0);
    siege.until("all are answered whose message alone is damaged", |_| member.replies() == sent).await;
    assert!(siege.nodes[at].stats().malformed > before, "and lengths that do not add up are counted");
    drop(member);
    // Those for names that are not there wait for the directory's word: 65,536 letters of some 400 bytes at most.
    siege.end("calls with damaged bytes", 64 << 20).await;
}

/// Where a byte of this body is changed, and to what.
fn damages(body: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    body.iter().enumerate().flat_map(|(at, byte)| [0, 1, 0x7f, 0x80, 0xff, byte ^ 1].map(|value| (at, value)))
}

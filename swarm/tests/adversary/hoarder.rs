//! Members that ask for much and read nothing.

use swarm::rkyv::rancor::Error;
use swarm::{Epoch, Message, Name};
use swarm_net::transport::Lane;
use swarm_net::wire::Frame;

use crate::cores::attack;
use crate::fixture::{PATIENCE, SECRET, Siege, TallyClient, patient, tally};
use crate::member::{Plan, send_all_on};
use crate::recording::{CALL, Recording};

/// "Tell me when everything I sent you until now has found its place."
const FLUSH: u8 = 23;
/// "Give me this piece of a sealed worker's state."
const FETCH: u8 = 28;

/// Each flush is answered by a frame that is never refused for lack of room, so whoever reads none of them loses the connection, and
/// little is read of what it sends over the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_asks_for_words_and_never_reads_them() {
    const CLUSTER: &str = "adversary-deaf";
    let mut config = patient();
    (config.net.calls_queue_frames_max, config.net.calls_queue_bytes_max) = (1_024, 1 << 20);
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), config).await;
    let target = siege.target().clone();
    let (member, _) = siege.let_in(Plan::of(CLUSTER, Some(SECRET)), &target).await;
    let before = siege.stats();
    let hoarder = attack(move || {
        // The answers fill the sockets of both ends, and then the queue.
        let enough = || {
            let now = target.stats();
            now.cut_connections > before.cut_connections && now.held_back > before.held_back
        };
        member.hoard(target.node(), Lane::Calls, || Frame::new(FLUSH, [0; 24], &[]), enough);
        member
    });
    siege.calls_go_on().await;
    let member = hoarder.await.expect("its connection is ended, and the next one held back");
    drop(member);
    siege.end("a member that never reads words", 64 << 20).await;
}

/// Answers to calls may be dropped: who does not read them waits in vain. Four times the queue of its connection is what is kept, and
/// what it calls beyond that is not even done: a gigabyte would be made else.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_calls_and_never_reads_the_answers() {
    const CLUSTER: &str = "adversary-answers";
    const CALLS: u64 = 4_000;
    const ANSWER_BYTES: u32 = 256 << 10;
    let (call, name) = Recording::of_a_session().await.call(tally::Recite::ID);
    let mut config = patient();
    config.net.calls_queue_bytes_max = 1 << 20;
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), config).await;
    TallyClient::register(&name, ()).on(siege.target()).timeout(PATIENCE).await.expect("the name is free");
    let host = siege.target().whereis(&name).await.expect("it is known").expect("it is registered").node;
    let host = siege.nodes.iter().find(|node| node.node() == host).expect("it is on one of ours").clone();
    let (member, _) = siege.let_in(Plan::of(CLUSTER, Some(SECRET)), &host).await;
    let (node, told) = (host.clone(), host.clone());
    let before = host.stats().excessive;
    let hoarder = attack(move || {
        let payload = call.body.len() - 4;
        let mut body = call.body;
        assert_eq!(body[payload..], 3_u32.to_le_bytes(), "that is all that the message says");
        body[payload..].copy_from_slice(&ANSWER_BYTES.to_le_bytes());
        let mut number = 0_u64;
        let next = || {
            number += 1;
            let mut head = call.head;
            head[..8].copy_from_slice(&number.to_le_bytes());
            Frame::new(CALL, head, &[&body])
        };
        let heard = || node.stats().received + node.stats().excessive;
        let before = heard();
        member.hoard(node.node(), Lane::Calls, next, || heard() >= before + CALLS);
        member
    });
    siege.calls_go_on().await;
    let member = hoarder.await.expect("all its calls are heard");
    assert!(told.stats().excessive > before, "and most are not done");
    drop(member);
    // A recorded call has its name alone; what the siege calls are others.
    siege.end("a member that never reads answers", 24 << 20).await;
}

/// Pieces of states are given to whoever asks, and there is nothing to be had by asking for others' names, for what is not sealed, and
/// beyond the end. Who does not read the answers loses the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_asks_for_states_and_never_reads_them() {
    const CLUSTER: &str = "adversary-fetch";
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let target = siege.target().clone();
    let (member, peer) = siege.let_in(Plan::of(CLUSTER, Some(SECRET)), &target).await;
    let before = siege.stats();
    let held = siege.target().whereis("tally-0-0").await.expect("it is known").expect("it is registered");
    let hoarder = attack(move || {
        let ask = |name: &str, epoch: Epoch, at: u64| {
            let body = swarm::rkyv::to_bytes::<Error>(&(Name::from(name), epoch, at)).expect("it fits into memory");
            Frame::new(FETCH, [9; 24], &[&body])
        };
        let asks = [0, 1, 1 << 20, u64::MAX].map(|at| {
            [ask("tally-0-0", held.epoch, at), ask("tally-0-0", Epoch::default(), at), ask("nobody", held.epoch, at)]
        });
        send_all_on(Lane::Bulk, &peer, asks.into_iter().flatten());
        // Some that are none.
        let none = [&[][..], &[0_u8]].map(|body| Frame::new(FETCH, [9; 24], &[body]));
        send_all_on(Lane::Bulk, &peer, none);
        let enough = || target.stats().cut_connections > before.cut_connections;
        member.hoard(target.node(), Lane::Bulk, || ask("tally-0-0", held.epoch, 0), enough);
        member
    });
    siege.calls_go_on().await;
    let member = hoarder.await.expect("its connection is ended");
    let malformed = siege.stats().malformed - before.malformed;
    assert_eq!(malformed, 2, "what is no question is counted");
    drop(member);
    siege.end("a member that never reads states", 64 << 20).await;
}

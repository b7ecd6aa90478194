//! Clusters with a secret: that they work as any other, that it can be changed under load, and who is kept out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use swarm::prelude::*;
use swarm::{Config, KeyId, SecretError, Swarm};

use crate::fixture::{PATIENCE, Tally, TallyClient, all_know, bind, patient, placed, trace, until};
use crate::workers::{Hoard, HoardClient};

const ONE: &str = "the first of three secrets";
const TWO: &str = "the second of three secrets";
const THREE: &str = "the third of three secrets";

async fn join(cluster: &str, secrets: &[&str], seeds: &[&Swarm]) -> Swarm {
    join_with(patient(), cluster, secrets, seeds).await
}

async fn join_with(config: Config, cluster: &str, secrets: &[&str], seeds: &[&Swarm]) -> Swarm {
    trace();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    let mut builder = Swarm::builder().cluster(cluster).bind(bind()).discovery(Seeds::new(seeds)).config(config);
    for secret in secrets {
        builder = builder.secret(*secret);
    }
    builder.start().await.expect("a node starts on a free loopback port")
}

#[tokio::test(flavor = "multi_thread")]
async fn large_states_move_whole_over_protected_connections() {
    const COUNT: u8 = 8;
    let mut nodes = vec![join("secret-hoards", &[ONE], &[]).await];
    let mut digests = Vec::new();
    for i in 0..COUNT {
        let name = format!("hoard-{i}");
        HoardClient::register(&name, (i, 6_000_000)).on(&nodes[0]).timeout(PATIENCE).await.expect("the name is free");
        let hoard = nodes[0].at::<Hoard>(&name);
        hoard.mark(u32::from(i) * 700_000, 255).timeout(PATIENCE).await.expect("it runs");
        digests.push(hoard.digest().timeout(PATIENCE).await.expect("it runs"));
    }
    nodes.push(join("secret-hoards", &[ONE], &[&nodes[0]]).await);
    all_know(&nodes).await;
    placed(&nodes, COUNT.into()).await;
    for (i, digest) in digests.iter().enumerate() {
        for node in &nodes {
            let now = node.at::<Hoard>(format!("hoard-{i}")).digest().timeout(PATIENCE).await;
            assert_eq!(now, Ok(*digest), "hoard-{i} through {node:?}");
        }
    }
    assert_eq!(nodes[0].stats().refused_packets + nodes[0].stats().refused_connections, 0);
    // Which of them have moved by now is the ring's choice; by then all have.
    nodes.remove(0).leave().await.expect("all of them are handed over");
    for (i, digest) in digests.into_iter().enumerate() {
        let now = nodes[0].at::<Hoard>(format!("hoard-{i}")).digest().timeout(PATIENCE).await;
        assert_eq!(now, Ok(digest), "hoard-{i} after its node has left");
    }
    assert_eq!(nodes[0].stats().handoffs_in, u64::from(COUNT));
}

/// What callers have done so far.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) stop: AtomicBool,
    calls: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// Calls its names in turn through one node, until it is told to stop. How often each was called.
pub(crate) async fn call(node: Swarm, first: u64, load: Arc<Load>) -> Vec<u64> {
    let mut hits = vec![0; 8];
    while !load.stop.load(Ordering::SeqCst) {
        for (i, hits) in hits.iter_mut().enumerate() {
            let name = format!("tally-{}", first + i as u64);
            match node.at::<Tally>(&name).hit(1).timeout(PATIENCE).await {
                Ok(_) => *hits += 1,
                Err(error) => {
                    eprintln!("{name} through {node:?}: {error}");
                    load.failed.fetch_add(1, Ordering::SeqCst);
                }
            }
            load.calls.fetch_add(1, Ordering::SeqCst);
        }
    }
    hits
}

/// Waits until so many calls more have ended.
pub(crate) async fn more(nodes: &[Swarm], load: &Load) {
    let goal = load.calls.load(Ordering::SeqCst) + 500;
    until("calls go on", nodes, async || load.calls.load(Ordering::SeqCst) >= goal).await;
}

/// Changes the secret of all nodes, step by step. The new key.
async fn rotate(nodes: &[Swarm], to: &str, load: &Load) -> KeyId {
    let old = nodes[0].keys().ids()[0];
    let ids: Vec<_> = nodes.iter().map(|node| node.keys().add(to).expect("there is room")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one secret has one id: {ids:?}");
    more(nodes, load).await;
    for node in nodes {
        node.keys().use_key(ids[0]).expect("it is there");
        more(nodes, load).await;
    }
    for node in nodes {
        node.keys().remove(old).expect("another is in use");
        more(nodes, load).await;
        assert_eq!(node.keys().ids(), [ids[0]]);
    }
    ids[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_changes_twice_under_load_and_no_call_fails() {
    let mut nodes = vec![join("secret-rotation", &[ONE], &[]).await];
    nodes.push(join("secret-rotation", &[ONE], &[&nodes[0]]).await);
    nodes.push(join("secret-rotation", &[ONE], &[&nodes[0]]).await);
    all_know(&nodes).await;
    for i in 0..24 {
        TallyClient::register(format!("tally-{i}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let load = Arc::new(Load::default());
    let callers: Vec<_> = (0..3).map(|i| tokio::spawn(call(nodes[i].clone(), i as u64 * 8, load.clone()))).collect();
    more(&nodes, &load).await;
    let two = rotate(&nodes, TWO, &load).await;
    // Who comes now knows the new secret alone; workers move to it meanwhile.
    nodes.push(join("secret-rotation", &[TWO], &[&nodes[1]]).await);
    all_know(&nodes).await;
    more(&nodes, &load).await;
    let three = rotate(&nodes, THREE, &load).await;
    assert_ne!(two, three);

    load.stop.store(true, Ordering::SeqCst);
    for (i, caller) in callers.into_iter().enumerate() {
        for (j, hits) in caller.await.expect("it does not panic").into_iter().enumerate() {
            let name = format!("tally-{}", i * 8 + j);
            assert_eq!(nodes[3].at::<Tally>(&name).hit(0).timeout(PATIENCE).await, Ok(hits), "{name}");
        }
    }
    assert_eq!(load.failed.load(Ordering::SeqCst), 0);
    for node in &nodes {
        assert_eq!(node.stats().refused_connections, 0, "{node:?}");
    }
    let stranger = join("secret-rotation", &[ONE, TWO], &[&nodes[0]]).await;
    until("the old secrets open nothing", &nodes, async || stranger.stats().refused_connections > 1).await;
    assert_eq!(stranger.nodes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_share_the_secret_is_alone_and_both_sides_count_it() {
    let node = join("secret-strangers", &[ONE], &[]).await;
    TallyClient::register("tally", ()).on(&node).await.expect("the name is free");
    for secrets in [[TWO].as_slice(), &[]] {
        let before = node.stats().refused_connections;
        let stranger = join("secret-strangers", secrets, &[&node]).await;
        let nodes = [node.clone(), stranger.clone()];
        until("dials are refused and counted", &nodes, async || {
            node.stats().refused_connections > before && stranger.stats().refused_connections > 0
        })
        .await;
        assert_eq!((node.nodes().len(), stranger.nodes().len()), (1, 1));
        let found = stranger.whereis("tally").await.expect("it is alone, and an answer is quick");
        assert_eq!(found, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_by_ids_and_a_node_without_a_secret_gets_none() {
    let node = join("secret-ids", &[ONE, TWO], &[]).await;
    let ids = node.keys().ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(node.keys().add(TWO), Ok(ids[1]));
    assert_eq!(node.keys().remove(ids[0]), Err(SecretError::InUse { id: ids[0] }));
    assert_eq!(node.keys().add("too short"), Err(SecretError::TooShort { bytes: 9 }));
    assert_eq!(format!("{:?}", node.keys()), format!("Keys([KeyId({}), KeyId({})])", ids[0], ids[1]));

    let open = join("secret-ids-none", &[], &[]).await;
    assert_eq!((open.keys().ids(), open.keys().add(ONE)), (vec![], Err(SecretError::Without)));
    assert_eq!(open.keys().use_key(ids[0]), Err(SecretError::Without));
}

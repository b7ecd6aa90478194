//! A node that gives its share of the ring away, and takes it again.

use swarm::Event;
use swarm::admin::{ClientError, Code, Reason};

use super::fixture::{Dir, LET_GO, RockClient, SnailClient, TallyClient, client, next, pair, tallies, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_node_hosts_nothing_and_stays_a_member() {
    let dir = Dir::new();
    let nodes = pair("draining", &dir).await;
    tallies(&nodes[0], 30).await;
    for i in 0..30 {
        TallyClient::at(format!("tally/{i:02}")).on(&nodes[1]).hit().await.expect("it answers");
    }
    let operator = client(&nodes[0]).await;
    // The other node has no socket of its own, and a part of its id is enough.
    let other = nodes[1].node().to_string();
    let row = operator.drain(&other).await.expect("there is another node");
    assert_eq!((row.node.as_str(), row.drained, row.answered), (other.as_str(), true, true));
    let row = async || {
        let rows = operator.nodes().await.expect("it answers").nodes;
        rows.into_iter().find(|row| row.node == other).expect("it is a member")
    };
    until("nothing is there", &nodes[0], async || {
        let row = row().await;
        (row.workers, row.owns, row.weight) == (0, 0, 0)
    })
    .await;
    assert_eq!(nodes[0].nodes().len(), 2, "it has not left");
    for i in 0..30 {
        let tally = TallyClient::at(format!("tally/{i:02}")).on(&nodes[1]);
        assert_eq!(tally.hit().await, Ok(2), "it came along with its count");
    }
    TallyClient::register("late", ()).on(&nodes[1]).await.expect("its own users go on");
    assert_eq!(operator.locate("late").await.expect("it is registered").node, nodes[0].node().to_string());

    let last = operator.drain(&nodes[0].node().to_string()).await;
    let Err(ClientError::Refused(refusal)) = last else { panic!("nobody would take workers: {last:?}") };
    assert_eq!(refusal.code, Code::Refused);
    assert!(refusal.text.contains("is the only node that takes workers"), "{}", refusal.text);

    operator.undrain(&other).await.expect("it answers");
    until("it takes workers again", &nodes[0], async || {
        let row = row().await;
        row.workers > 0 && row.owns > 0 && !row.drained
    })
    .await;
    assert!(operator.drain("10.9.8.7:6").await.expect_err("it is no node").to_string().contains("is no node"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_says_from_where_and_since_when_and_who_stays_is_counted() {
    let dir = Dir::new();
    let nodes = pair("draining-slowly", &dir).await;
    let operator = client(&nodes[0]).await;
    let (one, other) = (nodes[0].node().to_string(), nodes[1].node().to_string());
    // One of each on the node that is drained.
    let mut snail = None;
    for i in 0..64 {
        let name = format!("snail/{i}");
        let at = SnailClient::whereis_or_register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        if at.node == nodes[1].node() {
            snail = Some(name);
            break;
        }
        nodes[0].unregister(&name).await.expect("it is registered");
    }
    let snail = snail.expect("one of 64 names is the other node's");
    let mut rocks = 0;
    for i in 0..16 {
        let at =
            RockClient::whereis_or_register(format!("rock/{i}"), ()).on(&nodes[0]).await.expect("the name is free");
        rocks += u64::from(at.node == nodes[1].node());
    }
    assert!(rocks > 0, "some of 16 names are the other node's");
    let mut events = nodes[1].events();
    operator.drain(&other).await.expect("there is another node");
    let mut moving = None;
    until("it moves", &nodes[0], async || {
        moving = Some(operator.locate(&snail).await.expect("it is registered"));
        matches!(&moving, Some(at) if matches!(at.reason, Reason::Moving { .. }))
    })
    .await;
    let at = moving.expect("it was looked up");
    let Reason::Moving { from, to, .. } = &at.reason else { panic!("it moves: {at:?}") };
    assert_eq!((from, to), (&other, &one));
    assert!(at.why.starts_with(&format!("it has been moving from {other} to {one} for ")), "{}", at.why);
    assert_eq!(operator.describe(&snail).await.expect("it is registered").state, "sealing");
    LET_GO.add_permits(1);
    next(&mut events, |event| matches!(event, Event::Moved { name, .. } if *name == snail.as_str())).await;
    until("it is at home", &nodes[0], async || {
        let at = operator.locate(&snail).await.expect("it is registered");
        (at.reason, at.node) == (Reason::RingOwner, one.clone())
    })
    .await;
    until("all that is left has said that it stays", &nodes[0], async || {
        let rows = operator.nodes().await.expect("it answers").nodes;
        let row = rows.into_iter().find(|row| row.node == other).expect("it is a member");
        (row.workers, row.bound) == (rocks, rocks)
    })
    .await;
}

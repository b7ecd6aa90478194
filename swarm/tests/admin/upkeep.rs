//! Workers that operators move and start again, and keys that they change.

use swarm::admin::{ClientError, Code, Happened, Reason, Since};
use swarm::{Admin, Event, Secret};

use super::fixture::{Dir, RareClient, RockClient, TallyClient, builder, client, next, pair, until};

const ONE: &str = "the first secret of a test";
const TWO: &str = "the second secret of a test";

fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (Code, String) {
    match answer {
        Err(ClientError::Refused(refusal)) => (refusal.code, refusal.text),
        other => panic!("it is refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_moves_with_its_state_and_stays_there_until_it_is_called_home() {
    let dir = Dir::new();
    let nodes = pair("upkeep-move", &dir).await;
    let at = TallyClient::whereis_or_register("tally", ()).on(&nodes[0]).await.expect("the name is free");
    assert_eq!(TallyClient::at("tally").on(&nodes[0]).hit().await, Ok(1));
    let away = nodes.iter().find(|node| node.node() != at.node).expect("there are two").node().to_string();
    let (operator, home) = (client(&nodes[0]).await, at.node.to_string());
    operator.post("tally", Some(&away)).await.expect("it can live there");
    let mut found = None;
    until("it has moved", &nodes[0], async || {
        let at = operator.locate("tally").await.expect("it is registered");
        let there = at.node == away && matches!(at.reason, Reason::Posted { .. });
        found = Some(at);
        there
    })
    .await;
    let found = found.expect("it was looked up");
    assert_eq!(found.reason, Reason::Posted { ring: home.clone() });
    assert!(found.why.starts_with(&format!("an operator has moved it there: the ring would have it on {home}")));
    assert_eq!(TallyClient::at("tally").on(&nodes[0]).hit().await, Ok(2), "its state came along");
    assert_eq!(TallyClient::at("tally").on(&nodes[1]).hit().await, Ok(3));

    let home_again = async |why: &str| {
        until(why, &nodes[0], async || {
            let at = operator.locate("tally").await.expect("it is registered");
            (at.node == home, at.reason) == (true, Reason::RingOwner)
        })
        .await;
    };
    operator.post("tally", None).await.expect("it is registered");
    home_again("it was called home").await;
    operator.post("tally", Some(&away)).await.expect("it can live there");
    until("it has moved", &nodes[0], async || operator.locate("tally").await.is_ok_and(|at| at.node == away)).await;
    let done = operator.rebalance().await.expect("it answers");
    assert_eq!((done.nodes.len(), done.silent.len()), (2, 0));
    home_again("all are to be at home").await;
    assert_eq!(TallyClient::at("tally").on(&nodes[1]).hit().await, Ok(4), "it never lost its state");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_live_there_is_refused_with_the_reason() {
    let dir = Dir::new();
    let one = builder("upkeep-unfit", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node");
    let other = builder("upkeep-unfit", &[&one]).worker::<super::fixture::Rare>().start().await.expect("a node");
    until("both know both", &one, async || one.nodes().len() == 2 && other.nodes().len() == 2).await;
    let (operator, here, there) = (client(&one).await, one.node().to_string(), other.node().to_string());
    RareClient::register("rare", ()).on(&one).await.expect("the other node starts it");
    let (code, text) = refused(operator.post("rare", Some(&here)).await);
    assert_eq!(code, Code::Refused);
    assert_eq!(text, format!("it cannot live on {here}: it does not know the worker type `Rare`"));

    RockClient::register_local("local", super::fixture::Rock).on(&one).await.expect("the name is free");
    let (_, text) = refused(operator.post("local", Some(&there)).await);
    assert!(text.starts_with(&format!("it was registered as an instance on {here}")), "{text}");

    let at = RockClient::whereis_or_register("rock", ()).on(&one).await.expect("the name is free");
    let away = if at.node == one.node() { &there } else { &here };
    operator.post("rock", Some(away)).await.expect("nobody has asked it yet whether it stays");
    until("it has said that it stays", &one, async || {
        matches!(operator.locate("rock").await.expect("it is registered").reason, Reason::Pinned { .. })
    })
    .await;
    let (_, text) = refused(operator.post("rock", Some(away)).await);
    assert!(text.starts_with(&format!("its worker has said that it stays on {}", at.node)), "{text}");

    TallyClient::register("tally", ()).on(&one).await.expect("the name is free");
    operator.drain(&there).await.expect("there is another node");
    until("its share is gone", &one, async || {
        operator.nodes().await.expect("it answers").nodes.iter().any(|row| row.weight == 0)
    })
    .await;
    let (_, text) = refused(operator.post("tally", Some(&there)).await);
    assert!(text.contains("it takes no workers: it is drained"), "{text}");
    let (code, text) = refused(operator.post("nobody", Some(&here)).await);
    assert_eq!((code, text.as_str()), (Code::NotFound, "no worker is registered as `nobody`"));
    assert_eq!(refused(operator.post("tally", Some("10.9.8.7:6")).await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_started_again_and_events_say_why() {
    let dir = Dir::new();
    let nodes = pair("upkeep-restart", &dir).await;
    let operator = client(&nodes[0]).await;
    for name in ["a", "b", "c", "d"] {
        let at = TallyClient::whereis_or_register(name, ()).on(&nodes[0]).await.expect("the name is free");
        assert_eq!(TallyClient::at(name).on(&nodes[0]).hit().await, Ok(1));
        let host = nodes.iter().find(|node| node.node() == at.node).expect("it is ours");
        let mut events = host.events();
        let done = operator.restart(name, "a test wants it").await.expect("it can be");
        assert_eq!((done.name.as_str(), done.node), (name, at.node.to_string()));
        let told = next(&mut events, |event| matches!(event, Event::Restarted { .. })).await;
        assert_eq!(told, Event::Restarted { name: name.into(), why: "a test wants it".to_owned() });
        assert_eq!(TallyClient::at(name).on(&nodes[1]).hit().await, Ok(1), "what it had is gone");
        let after = nodes[0].whereis(name).await.expect("it answers").expect("it is there");
        assert_eq!(after, at, "it is the same activation");
    }
    let page = operator.events_since(&Since::default()).await.expect("it answers");
    let told = |row: &swarm::admin::EventRow| matches!(&row.happened, Happened::Restarted { why, .. } if why == "a test wants it");
    let here =
        async |name| nodes[0].whereis(name).await.is_ok_and(|at| at.is_some_and(|at| at.node == nodes[0].node()));
    let mut hosted = 0;
    for name in ["a", "b", "c", "d"] {
        hosted += usize::from(here(name).await);
    }
    assert_eq!(page.events.iter().filter(|row| told(row)).count(), hosted);

    RockClient::register_local("local", super::fixture::Rock).on(&nodes[0]).await.expect("the name is free");
    let (code, text) = refused(operator.restart("local", "").await);
    assert_eq!(code, Code::Refused);
    assert!(text.contains("registered as an instance, from which nothing can start it again"), "{text}");
    assert_eq!(refused(operator.restart("nobody", "").await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_changed_step_by_step_and_no_step_parts_the_nodes() {
    let dir = Dir::new();
    let one = builder("upkeep-keys", &[]).secret(ONE).admin(Admin::unix(dir.join("one"))).start().await;
    let one = one.expect("a node starts");
    let other = builder("upkeep-keys", &[&one]).secret(ONE).admin(Admin::unix(dir.join("other"))).start().await;
    let nodes = [one, other.expect("a node starts")];
    until("both know both", &nodes[0], async || nodes.iter().all(|node| node.nodes().len() == 2)).await;
    let operators = [client(&nodes[0]).await, client(&nodes[1]).await];
    let rows = operators[0].keys().await.expect("it answers").nodes;
    let old = nodes[0].keys().ids()[0].to_string();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.answered && row.keys == [old.clone()]), "{rows:?}");
    assert_eq!(
        rows.iter().filter(|row| row.here).map(|row| &row.node).collect::<Vec<_>>(),
        [&nodes[0].node().to_string()]
    );

    let added = operators[0].add_key(TWO).await.expect("it is a good one");
    let new = added.id;
    assert_eq!(added.now.keys, [old.clone(), new.clone()]);
    assert_eq!(nodes[1].keys().ids().len(), 1, "only the node that was asked");
    let (code, text) = refused(operators[0].use_key(&new).await);
    assert_eq!(code, Code::Refused);
    assert!(text.starts_with(&format!("{} would not understand key {new}", nodes[1].node())), "{text}");

    operators[1].add_key(TWO).await.expect("it is a good one");
    operators[0].use_key(&new[..4]).await.expect("all have it, and a part of its id is enough");
    let (_, text) = refused(operators[0].remove_key(&old).await);
    assert!(text.starts_with(&format!("{} may still encrypt with key {old}", nodes[1].node())), "{text}");
    operators[1].use_key(&new).await.expect("all have it");
    for operator in &operators {
        let now = operator.remove_key(&old).await.expect("nobody encrypts with it").now;
        assert_eq!(now.keys, [new.as_str()]);
    }
    TallyClient::register("tally", ()).on(&nodes[0]).await.expect("they understand each other");

    assert_eq!(refused(operators[0].use_key("no such").await).0, Code::NotFound);
    let (code, text) = refused(operators[0].add_key("short").await);
    assert_eq!(code, Code::Malformed);
    assert!(text.contains("can be guessed") && !text.contains("short:"), "{text}");
    let plain = builder("upkeep-none", &[]).admin(Admin::unix(dir.join("plain"))).start().await.expect("a node");
    assert_eq!(refused(client(&plain).await.add_key(TWO).await).0, Code::Unsupported);
    // What is said of a secret never shows it.
    assert_eq!(format!("{:?}", swarm::admin::NewKey::new(TWO)), "NewKey(..)");
    let _: Secret = TWO.into();
}

//! What each command shows, to people and as JSON.

use serde_json::json;
use swarm::prelude::*;

use super::fixture::{Audited, Dir, RockClient, Running, Tally, TallyClient, pair};

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_is_shown_to_people_and_to_programs() {
    let dir = Dir::new();
    let nodes = pair("shown", &dir).await;
    for i in 0..12 {
        TallyClient::register(format!("tally/{i:02}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let id = |node: &Swarm| node.node().to_string();

    let text = dir.run(&["nodes"]).await.done();
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().expect("a head").split_whitespace().collect();
    assert_eq!(head, ["NODE", "STATE", "WEIGHT", "OWNS", "WORKERS", "CALLS", "UP", "PID", "SWARM"]);
    assert!(text.contains(&format!("{} *  up ", id(&nodes[0]))) && text.contains(&id(&nodes[1])), "{text}");
    let [answer] = &dir.run(&["nodes", "--json"]).await.json()[..] else { panic!("one document") };
    let rows = answer["nodes"].as_array().expect("a list");
    assert_eq!(rows.iter().map(|row| row["workers"].as_u64().expect("a number")).sum::<u64>(), 12);
    assert!(rows.iter().all(|row| row["answered"] == true && row["drained"] == false && row["stats"]["nodes"] == 2));

    let text = dir.run(&["status"]).await.done();
    assert!(text.contains("cluster          shown\n") && text.contains("workers          12\n"), "{text}");
    let status = &dir.run(&["--json", "status"]).await.json()[0];
    assert_eq!((&status["cluster"], &status["nodes"], &status["silent"]), (&json!("shown"), &json!(2), &json!([])));

    let text = dir.run(&["ring"]).await.done();
    assert!(text.contains("(owners)") && text.contains("50.0%") && text.contains("4096 partitions"), "{text}");
    let ring = &dir.run(&["ring", "--json"]).await.json()[0];
    let tally = ring["kinds"].as_array().expect("a list").iter().find(|kind| kind["kind"] == "Tally").expect("a type");
    assert_eq!(tally["nodes"].as_array().expect("a list").len(), 2);

    // The node's address may name it, and the beginning of its id.
    let address = nodes[1].local_addr().to_string();
    let here = dir.run(&["ls", "--node", &address, "--json"]).await.json().len();
    let there = dir.run(&["ls", "--node", &id(&nodes[0]), "--json"]).await.json().len();
    assert_eq!(here + there, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_listed_found_and_described() {
    let dir = Dir::new();
    let nodes = pair("listed", &dir).await;
    // More than one page.
    for i in 0..520 {
        TallyClient::register(format!("tally/{i:03}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    RockClient::register("rock\u{1b}[2J", ()).on(&nodes[0]).await.expect("the name is free");
    nodes[0].group::<Audited>().join("tally/007").await.expect("it is registered");
    nodes[0].group::<Audited>().key("eu").join("tally/008").await.expect("it is registered");
    let names = async |words: &[&str]| {
        let rows = dir.run(&[&["ls", "--json"], words].concat()).await.json();
        rows.iter().map(|row| row["name"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).await.len(), 521);
    let all: Vec<_> = (0..520).map(|i| format!("tally/{i:03}")).collect();
    assert_eq!(names(&["--kind", "Tally"]).await, all);
    assert_eq!(names(&["--prefix", "tally/51", "--limit", "3"]).await, all[510..513]);
    assert_eq!(names(&["--group", "audited"]).await, ["tally/007"]);
    assert_eq!(names(&["--group", "audited:eu"]).await, ["tally/008"]);
    assert_eq!(names(&["--prefix", "none"]).await, [""; 0]);
    let text = dir.run(&["ls", "--kind", "Rock"]).await.done();
    assert!(text.starts_with("NAME ") && text.contains("rock\\u{1b}[2J"), "no name writes to the terminal: {text:?}");

    TallyClient::at("tally/007").on(&nodes[0]).remind(3600).expect("it is sent");
    assert_eq!(TallyClient::at("tally/007").on(&nodes[0]).hit().await, Ok(1));
    let at = nodes[0].whereis("tally/007").await.expect("it answers").expect("it is there");
    let text = dir.run(&["whereis", "tally/007"]).await.done();
    assert!(text.contains(&format!("node           {}\n", at.node)), "{text}");
    assert!(text.contains("why            the ring gives its partition to this node\n"), "{text}");
    let found = &dir.run(&["whereis", "tally/007", "--json"]).await.json()[0];
    assert_eq!((&found["reason"], &found["epoch"]), (&json!({"is": "ring_owner"}), &json!(at.epoch.to_string())));

    let text = dir.run(&["describe", "tally/007"]).await.done();
    assert!(text.contains("state   running\n") && text.contains("queue   0\n") && text.contains("DUE IN"), "{text}");
    let worker = &dir.run(&["describe", "tally/007", "--json"]).await.json()[0];
    assert_eq!((&worker["at"]["name"], &worker["state"]), (&json!("tally/007"), &json!("running")));
    assert_eq!(worker["timers"].as_array().expect("a list").len(), 1);

    assert!(dir.run(&["unregister", "tally/007"]).await.done().starts_with("tally/007 is unregistered; it was on "));
    assert_eq!(nodes[1].whereis("tally/007").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_drained_and_waited_for() {
    let dir = Dir::new();
    let nodes = pair("drained", &dir).await;
    for i in 0..24 {
        TallyClient::register(format!("tally/{i:02}"), ()).on(&nodes[0]).await.expect("the name is free");
        RockClient::register(format!("rock/{i:02}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let other = nodes[1].node().to_string();
    let row = &dir.run(&["drain", &other, "--wait", "--within", "25", "--json"]).await.json()[0];
    assert_eq!((&row["node"], &row["drained"], &row["owns"]), (&json!(other), &json!(true), &json!(0)));
    assert_eq!(row["workers"], row["bound"], "only those stay that want to");
    assert!(row["bound"].as_u64().expect("a number") > 0, "some of 24 rocks are there: {row}");
    assert!(dir.run(&["ls", "--node", &other, "--kind", "Tally", "--json"]).await.json().is_empty());
    let text = dir.run(&["nodes"]).await.done();
    assert!(text.contains(&format!("{other}    drained ")), "{text}");
    let text = dir.run(&["undrain", &other]).await.done();
    assert!(text.starts_with(&format!("{other} takes workers; ")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_shown_and_followed() {
    let dir = Dir::new();
    let nodes = pair("followed", &dir).await;
    let [one, other] = [nodes[0].node().to_string(), nodes[1].node().to_string()];
    let mut following = Running::start(&dir, &["events", "--follow", "--json"]);
    let mut until = async |by: &str, event: &str| loop {
        let told: serde_json::Value = serde_json::from_str(&following.line().await).expect("a JSON document");
        if told["by"] == by && told["event"] == event {
            return told;
        }
    };
    assert_eq!(until(&one, "node_up").await["node"], other);
    TallyClient::register_local("tally", Tally::new()).on(&nodes[1]).await.expect("the name is free");
    let started = until(&other, "started").await;
    assert_eq!(started["name"], "tally");

    // Of one node alone, from a number on.
    let number = started["number"].to_string();
    let shown = dir.run(&["events", "--json", "--node", &other, "--since", &number]).await.json();
    assert_eq!(shown, [started]);
    nodes[1].leave().await.expect("it leaves in good order");
    let down = until(&one, "node_down").await;
    assert_eq!((&down["node"], &down["why"]), (&json!(other), &json!("left")));
    following.end().await;
    let text = dir.run(&["events"]).await.done();
    let line = format!("Z  {one}  {:>5}  {other} is gone: left\n", down["number"].as_u64().expect("a number"));
    assert!(text.contains(&line), "{text}");
    let wrong = dir.run(&["events", "--since", "3"]).await.failed(2);
    assert!(wrong.contains("--node"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_get_their_completions_without_a_node() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = dir.run(&["completions", shell]).await.done();
        assert!(
            script.contains("swarmctl")
                && script.contains("whereis")
                && script.contains("undrain")
                && script.contains("rebalance"),
            "{shell}"
        );
    }
    let help = dir.run(&["--help"]).await.done();
    assert!(help.contains("Exit status:") && help.contains("no node can be reached"), "{help}");
}

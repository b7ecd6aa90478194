//! What is told as it happens, and to whom.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use swarm::prelude::*;

use super::client::{Feed, Request, login};
use super::fixture::{PATIENCE, TallyClient, builder, node, open_node, register, started};

async fn listen(node: &Swarm, cookie: &str) -> Feed {
    Request::get(node, "/api/live").cookie(cookie).listen().await
}

fn ids(nodes: &Value) -> BTreeSet<String> {
    nodes.as_array().into_iter().flatten().filter_map(|node| node["node"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn first_comes_the_whole_and_then_what_changes() {
    let one = node("live-changes", &[]).await;
    let cookie = login(&one).await;
    let mut feed = listen(&one, &cookie).await;
    let (kind, whole) = feed.next().await.expect("the whole");
    assert_eq!((kind.as_str(), &whole["cluster"]), ("whole", &json!("live-changes")));
    assert_eq!(ids(&whole["nodes"]), BTreeSet::from([one.node().to_string()]));
    assert_eq!((&whole["here"], &whole["changes"]), (&json!(one.node().to_string()), &json!(true)));
    assert_eq!(whole["owners"].as_array().map(Vec::len), Some(4096));

    let other = node("live-changes", &[&one]).await;
    let id = other.node().to_string();
    let (came, given) = (Cell::new(false), Cell::new(false));
    let seen = |_: &str, told: &Value| {
        came.set(came.get() || ids(&told["nodes"]).contains(&id));
        given.set(given.get() || told["owners"].as_array().is_some_and(|owners| owners.len() > 1000));
        (came.get() && given.get()).then_some(())
    };
    feed.until("a node comes, and is given partitions", seen).await;
    let said = |_: &str, told: &Value| {
        let mut nodes = told["nodes"].as_array()?.iter();
        nodes.any(|node| node["node"] == json!(id) && node["swarm"] == env!("CARGO_PKG_VERSION")).then_some(())
    };
    feed.until("it says its version", said).await;
    register(&one, "acct/", 20).await;
    let kinds = |_: &str, told: &Value| told["kinds"].as_array()?.contains(&json!(["Tally", 20])).then_some(());
    feed.until("workers are counted", kinds).await;

    drop(other);
    // Both come in one piece of news, or either before the other.
    let (gone, down) = (Cell::new(false), Cell::new(false));
    let is_down = |event: &Value| event["event"] == "node_down" && event["node"] == json!(id);
    let seen = |_: &str, told: &Value| {
        gone.set(gone.get() || told["gone"].as_array().is_some_and(|all| all.contains(&json!(id))));
        down.set(down.get() || told["events"].as_array().is_some_and(|all| all.iter().any(is_down)));
        (gone.get() && down.get()).then_some(())
    };
    feed.until("a node goes, and that is an event", seen).await;
}

#[tokio::test]
async fn workers_that_move_are_told_by_the_node_that_they_leave() {
    let one = node("live-moves", &[]).await;
    register(&one, "acct/", 40).await;
    let cookie = login(&one).await;
    let mut feed = listen(&one, &cookie).await;
    // Its first round is over, so that what comes from now on has just happened.
    feed.until("figures", |_, told| told["totals"]["workers"].as_u64().filter(|workers| *workers == 40)).await;
    let other = started(builder("live-moves", &[&one])).await;
    let to = other.node().to_string();
    let flows = |_: &str, told: &Value| {
        let mut flows = told["flows"].as_array()?.iter();
        flows.any(|flow| flow["to"] == json!(to) && flow["count"].as_u64() > Some(0)).then_some(())
    };
    feed.until("workers that move", flows).await;
}

#[tokio::test]
async fn the_texts_of_others_are_told_as_they_are() {
    let one = open_node("live-texts", &[]).await;
    let mut feed = listen(&one, "").await;
    let name = "<img src=x onerror=alert(1)>\n\nevent: whole";
    TallyClient::register(name, ()).on(&one).await.expect("the name is free");
    let why = "</script><script>alert(2)</script>";
    let failed = TallyClient::at(name).on(&one).fail(why.to_owned()).await;
    assert!(failed.is_err());
    let told = |kind: &str, told: &Value| {
        assert!(kind != "whole" || told["owners"].is_array());
        let mut events = told["events"].as_array()?.iter();
        events
            .any(|event| event["name"] == name && event["why"].as_str().is_some_and(|text| text.contains(why)))
            .then_some(())
    };
    feed.until("a panic", told).await;
}

#[tokio::test]
async fn who_logs_out_is_told_nothing_more() {
    let one = node("live-logout", &[]).await;
    let cookie = login(&one).await;
    let mut feed = listen(&one, &cookie).await;
    feed.next().await.expect("the whole");
    let out = Request::change(&one, "/api/logout", json!({})).cookie(&cookie).send().await;
    assert_eq!(out.status, 204);
    let ended = async { while feed.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream ends");
}

#[tokio::test]
async fn the_stream_ends_with_its_node() {
    let one = open_node("live-end", &[]).await;
    let mut feed = listen(&one, "").await;
    feed.next().await.expect("the whole");
    drop(one);
    let ended = async { while feed.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream ends");
}

#[tokio::test]
async fn who_reads_late_ends_up_with_the_same() {
    let one = open_node("live-late", &[]).await;
    let mut late = listen(&one, "").await;
    let mut prompt = listen(&one, "").await;
    let mut last = None;
    for _ in 0..6 {
        drop(last.take());
        let next = started(builder("live-late", &[&one])).await;
        let id = next.node().to_string();
        prompt.until("it comes", |_, told| ids(&told["nodes"]).contains(&id).then_some(())).await;
        last = Some(next);
    }
    let last = last.expect("there was one").node().to_string();
    late.until("the last one", |_, told| ids(&told["nodes"]).contains(&last).then_some(())).await;
}

#[tokio::test]
async fn only_so_many_watch() {
    let one = open_node("live-crowd", &[]).await;
    let mut feeds = Vec::new();
    for _ in 0..32 {
        feeds.push(listen(&one, "").await);
    }
    let beyond = Request::get(&one, "/api/live").send().await;
    assert_eq!(beyond.status, 503, "{beyond:?}");
    assert_eq!(Request::get(&one, "/api/workers").send().await.status, 200, "who does not watch is served");
    drop(feeds.pop());
    let again = async { while Request::get(&one, "/").send().await.status != 200 {} };
    again.await;
}

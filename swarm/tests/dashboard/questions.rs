//! What is answered about workers, nodes and groups, and what becomes of what is changed.

use serde_json::{Value, json};

use super::client::{Request, ask, escaped, login};
use super::fixture::{Audited, PATIENCE, RockClient, TallyClient, builder, meet, node, register, started};

fn names(page: &Value) -> Vec<&str> {
    page["workers"].as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect()
}

#[tokio::test]
async fn workers_come_in_pages_and_are_searched_where_they_are() {
    let one = node("questions-pages", &[]).await;
    let other = started(builder("questions-pages", &[&one])).await;
    meet(&[&one, &other]).await;
    register(&one, "acct/", 25).await;
    RockClient::register("rock/1", ()).on(&one).await.expect("the name is free");
    let cookie = login(&one).await;
    let page = ask(&one, &cookie, "/api/workers?prefix=acct%2F&count=10").await.json();
    assert_eq!((names(&page).len(), names(&page)[0]), (10, "acct/0000"));
    let (mut after, mut all) = (page["next"].as_str().map(str::to_owned), 10);
    while let Some(name) = after {
        let page =
            ask(&one, &cookie, &format!("/api/workers?prefix=acct%2F&count=10&after={}", escaped(&name))).await.json();
        all += names(&page).len();
        after = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(all, 25);
    assert_eq!(names(&ask(&one, &cookie, "/api/workers?kind=Rock").await.json()), ["rock/1"]);
    let there = ask(&one, &cookie, &format!("/api/workers?node={}", escaped(&other.node().to_string()))).await.json();
    let told: Vec<_> = there["workers"].as_array().expect("rows").iter().map(|row| row["node"].clone()).collect();
    assert!(!told.is_empty() && told.iter().all(|node| *node == json!(other.node().to_string())), "{told:?}");
    assert_eq!(ask(&one, &cookie, "/api/workers?kind=Nothing").await.status, 404);
    assert_eq!(ask(&one, &cookie, "/api/workers?group=xyz").await.status, 400);
    assert_eq!(ask(&one, &cookie, "/api/workers?count=-1").await.status, 400);
    let most = ask(&one, &cookie, "/api/workers?count=1000000").await.json();
    assert!(names(&most).len() <= 200);
}

#[tokio::test]
async fn groups_are_counted_and_their_members_found() {
    let one = node("questions-groups", &[]).await;
    register(&one, "acct/", 5).await;
    for n in 0..3 {
        swarm::group::<Audited>().on(&one).join(format!("acct/{n:04}")).await.expect("it joins");
    }
    swarm::group::<Audited>().on(&one).key("eu").join("acct/0004").await.expect("it joins");
    let cookie = login(&one).await;
    let told = ask(&one, &cookie, "/api/groups?name=audited").await.json();
    let tag = told["meant"].as_str().expect("a name was asked about").to_owned();
    let row = |key: &str, members: u64| json!({"group": tag, "key": key, "members": members, "nodes": 1});
    assert_eq!(told["groups"], json!([row("", 3), row("eu", 1)]));
    let members = ask(&one, &cookie, &format!("/api/workers?group={tag}&key=eu")).await.json();
    assert_eq!(names(&members), ["acct/0004"]);
}

#[tokio::test]
async fn a_workers_page_tells_its_homes() {
    let one = node("questions-homes", &[]).await;
    let other = node("questions-homes", &[&one]).await;
    let silent = started(builder("questions-homes", &[&one])).await;
    meet(&[&one, &other, &silent]).await;
    TallyClient::register("acct/1", ()).on(&one).await.expect("the name is free");
    let at = swarm::whereis("acct/1").on(&one).await.expect("it is found").expect("it is there").node;
    let to = if at == other.node() { &one } else { &other };
    let cookie = login(&one).await;
    let mut events = to.events();
    let moved = json!({"name": "acct/1", "node": to.node().to_string()});
    let answer = Request::change(&one, "/api/move", moved).cookie(&cookie).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let started = async { while !matches!(events.next().await, Some(swarm::Event::Started(..))) {} };
    tokio::time::timeout(PATIENCE, started).await.expect("it moves");
    TallyClient::at("acct/1").on(&one).hit().await.expect("it answers");
    let homes = async {
        loop {
            let sheet = ask(&one, &cookie, "/api/worker?name=acct%2F1").await.json();
            let history = sheet["history"].as_array().expect("rows").clone();
            let there = |row: &Value| row["event"] == "started" && row["by"] == json!(to.node().to_string());
            if history.iter().any(there) && sheet["worker"]["at"]["node"] == json!(to.node().to_string()) {
                return sheet;
            }
        }
    };
    let sheet = tokio::time::timeout(PATIENCE, homes).await.expect("it is written down");
    assert_eq!(sheet["without"], json!([silent.node().to_string()]), "who writes nothing down is named");
    assert_eq!(sheet["worker"]["methods"][0]["message"], "Tally/hit");
    assert_eq!(ask(&one, &cookie, "/api/worker?name=nobody").await.status, 404);
    assert_eq!(ask(&one, &cookie, "/api/worker").await.status, 404);
}

#[tokio::test]
async fn a_node_is_drained_and_takes_workers_again() {
    let one = node("questions-drain", &[]).await;
    let other = started(builder("questions-drain", &[&one])).await;
    meet(&[&one, &other]).await;
    let cookie = login(&one).await;
    let drain = |drained: bool| {
        let body = json!({"node": other.node().to_string(), "drained": drained});
        Request::change(&one, "/api/drain", body).cookie(&cookie).send()
    };
    let answer = drain(true).await;
    assert_eq!((answer.status, &answer.json()["drained"]), (200, &json!(true)));
    let answer = drain(false).await;
    assert_eq!((answer.status, &answer.json()["drained"]), (200, &json!(false)));
    let nobody = Request::change(&one, "/api/drain", json!({"node": "1.2.3.4:5", "drained": true})).cookie(&cookie);
    assert_eq!(nobody.send().await.status, 404);
    let nothing = Request::change(&one, "/api/drain", json!(["x"])).cookie(&cookie).send().await;
    assert_eq!(nothing.status, 400);
}

#[tokio::test]
async fn names_that_are_no_names_stay_text() {
    let one = node("questions-names", &[]).await;
    let cookie = login(&one).await;
    let names =
        ["<script>alert(1)</script>", "a\nb\r\n\r\nevent: whole", "\u{202e}\u{0}\"'&", "</script><!--", "日本語/🦀"];
    for name in names {
        TallyClient::register(name, ()).on(&one).await.expect("the name is free");
        let answer = ask(&one, &cookie, &format!("/api/worker?name={}", escaped(name))).await;
        assert_eq!(answer.json()["worker"]["at"]["name"], json!(name));
        assert_eq!(answer.field("content-type"), "application/json", "no browser takes it for a page");
    }
    let page = ask(&one, &cookie, "/api/workers").await.json();
    assert_eq!(self::names(&page).len(), names.len());
}

//! What is said to many workers at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Answer, post, worker};
use super::fixture::{Audited, Everyone, PATIENCE, VaultClient, account_on, at, hold, pair, trouble_on, until};
use super::loopback::answer::unchunked;

/// The replies of members by their names, and what the last line counts.
fn told(lines: &[Value]) -> (BTreeMap<String, Value>, Value) {
    let (last, members) = lines.split_last().expect("there is a last line");
    let member = |line: &Value| (line["name"].as_str().expect("a name").to_owned(), line["reply"].clone());
    (members.iter().map(member).collect(), last["end"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_reply_is_published_and_what_has_one_is_asked() {
    let nodes = pair("http-groups").await;
    let names = [account_on(&nodes[0]).await, account_on(&nodes[1]).await];
    for name in &names {
        swarm::group::<Audited>().on(&nodes[0]).join(name.as_str()).await.expect("it joins");
        swarm::group::<Everyone>().key("eu").on(&nodes[0]).join(name.as_str()).await.expect("it joins");
    }
    for node in &nodes {
        let addr = at(node);
        for path in ["/v1/groups/audited", "/v1/groups/everyone"] {
            let key = if path.ends_with("everyone") { "key=eu&" } else { "" };
            for end in [format!("deposit?{key}kind=Account"), format!("Account%2Fdeposit?{key}")] {
                let lines = post(&format!("{path}/{end}"), json!({"cents": 0})).send(addr).await.lines();
                let (replies, end) = told(&lines);
                assert_eq!(replies, names.iter().map(|name| (name.clone(), json!(0))).collect());
                assert_eq!(end, json!({"members": 2, "answered": 2, "failed": 0}));
            }
            let published = post(&format!("{path}/fee?{key}"), json!({"cents": 1})).send(addr).await;
            assert_eq!((published.status, published.json()), (200, json!({"delivered": 2})));
            let none = post(&format!("{path}/deposit?{key}"), json!({"cents": 0})).field("Prefer", "respond-async");
            let none = none.send(addr).await;
            assert_eq!((none.json(), none.field("preference-applied")), (json!({"delivered": 2}), "respond-async"));
        }
        // Those without the key are others, and nobody is among them.
        let lines = post("/v1/groups/everyone/balance", json!({})).send(addr).await.lines();
        assert_eq!(lines, [json!({"end": {"members": 0, "answered": 0, "failed": 0}})]);
        assert_eq!(post("/v1/groups/nobody/fee", json!({"cents": 1})).send(addr).await.json(), json!({"delivered": 0}));
        let misfit = post("/v1/groups/audited/deposit", json!({"cents": "x"})).send(addr).await;
        assert_eq!(misfit.problem(422, "does_not_fit")["field"], json!("cents"));
        post("/v1/groups/audited/nothing", json!({})).send(addr).await.problem(404, "no_message");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_of_a_type_are_a_group() {
    let nodes = pair("http-kinds").await;
    let names = [trouble_on(&nodes[0]).await, trouble_on(&nodes[1]).await];
    let all = swarm::registered().on(&nodes[0]).await.expect("it is answered").len();
    for node in &nodes {
        let lines = post("/v1/kinds/Trouble/touch", json!({})).send(at(node)).await.lines();
        assert_eq!(lines.len(), all + 1, "{lines:?}");
        assert_eq!(lines[all], json!({"end": {"members": all, "answered": all, "failed": 0}}));
        let (replies, _) = told(&lines);
        assert!(names.iter().all(|name| replies.contains_key(name)));
    }
}

/// Others in the group neither hear nor answer, though they could.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_not_public_are_not_reached() {
    let nodes = pair("http-vault").await;
    let name = account_on(&nodes[1]).await;
    VaultClient::register("v", ()).on(&nodes[0]).await.expect("it starts");
    for name in [name.as_str(), "v"] {
        swarm::group::<Everyone>().on(&nodes[0]).join(name).await.expect("it joins");
    }
    let lines = post("/v1/groups/everyone/count", Value::Null).send(at(&nodes[0])).await.lines();
    let (replies, end) = told(&lines);
    assert_eq!(replies, BTreeMap::from([(name, json!(0))]));
    assert_eq!(end["members"], json!(1));
    assert_eq!(VaultClient::at("v").on(&nodes[0]).touched().await, Ok(0));
}

/// The answers come one by one, and who has none by the end is told of, with whether it may have run.
#[tokio::test(flavor = "multi_thread")]
async fn slow_members_do_not_hold_up_the_lines_of_others() {
    let nodes = pair("http-partial").await;
    let slow = trouble_on(&nodes[1]).await;
    let quick = trouble_on(&nodes[0]).await;
    for name in swarm::registered().on(&nodes[0]).await.expect("it is answered") {
        if ![slow.as_str(), quick.as_str()].contains(&name.0.as_str()) {
            swarm::unregister(name.0.clone()).on(&nodes[0]).await.expect("it goes");
        }
    }
    let held = tokio::spawn(post(&worker(&slow, "hold"), json!({"name": "partial"})).send(at(&nodes[0])));
    hold("partial").begun(1).await;
    let mut stream = TcpStream::connect(at(&nodes[0])).await.expect("it listens");
    let request = post("/v1/kinds/Trouble/touch", json!({})).field("Request-Timeout", "3").last();
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    // The first line is there while the other member has not answered.
    let first = async {
        while !String::from_utf8_lossy(&bytes).contains(&quick) {
            let read = stream.read(&mut piece).await.expect("it goes on");
            assert_ne!(read, 0, "it has not ended");
            bytes.extend_from_slice(&piece[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, first).await.expect("the first line comes");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let so_far = unchunked(text.split_once("\r\n\r\n").expect("there is a head").1);
    assert!(!so_far.contains("\"end\"") && !so_far.contains(&slow), "{so_far}");
    stream.read_to_end(&mut bytes).await.expect("it ends in good order");
    hold("partial").let_go();
    let lines = Answer::whole(&bytes).lines();
    let late = lines.iter().find(|line| line["name"] == json!(slow)).expect("it is told of");
    assert_eq!((&late["problem"]["code"], &late["problem"]["status"]), (&json!("timeout"), &json!(504)));
    assert_ne!(late["problem"]["executed"], json!(true), "it had not begun");
    assert_eq!(lines.last().expect("a last line")["end"], json!({"members": 2, "answered": 1, "failed": 1}));
    assert_eq!(held.await.expect("it does not panic").status, 200);
    // What a member could not do is told of with its line.
    let lines = post("/v1/kinds/Trouble/fail", json!({})).send(at(&nodes[0])).await.lines();
    assert!(
        lines[..2]
            .iter()
            .all(|line| line["problem"]["code"] == json!("panicked") && line["problem"]["executed"] == json!(true))
    );
}

/// Who hangs up is not gathered for, and takes no place of others.
#[tokio::test(flavor = "multi_thread")]
async fn lines_that_nobody_reads_are_asked_no_more() {
    let nodes = pair("http-lines-dropped").await;
    let name = trouble_on(&nodes[0]).await;
    let mut stream = TcpStream::connect(at(&nodes[0])).await.expect("it listens");
    let request = post("/v1/kinds/Trouble/hold", json!({"name": "lines"})).field("Request-Timeout", "3600").last();
    stream.write_all(request.as_bytes()).await.expect("it reads");
    hold("lines").begun(1).await;
    drop(stream);
    hold("lines").let_go();
    until("it is over", &nodes[0], async || nodes[0].stats().calls_open == 0).await;
    assert_eq!(post(&worker(&name, "touch"), json!({})).send(at(&nodes[0])).await.status, 200);
}

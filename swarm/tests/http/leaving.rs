//! Nodes that go while programs speak to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Answer, post, worker};
use super::fixture::{AccountClient, PATIENCE, account_on, at, builder, pair, until};

/// What became of one deposit.
enum Deposit {
    Done,
    /// It did not run, and its node says so.
    Not,
    /// Nobody knows.
    Unknown,
}

/// Whether this is an answer to its end, and not what a connection leaves that was cut.
fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    length == Some(body.len())
}

async fn deposit(addr: std::net::SocketAddr, name: &str) -> Deposit {
    let Ok(mut stream) = TcpStream::connect(addr).await else { return Deposit::Not };
    let request = post(&worker(name, "deposit"), json!({"cents": 1})).last();
    let mut bytes = Vec::new();
    if stream.write_all(request.as_bytes()).await.is_err()
        || stream.read_to_end(&mut bytes).await.is_err()
        || !whole(&bytes)
    {
        return Deposit::Unknown;
    }
    let answer = Answer::whole(&bytes);
    match answer.status {
        200 => Deposit::Done,
        _ => match answer.json()["executed"].as_bool() {
            Some(false) => Deposit::Not,
            Some(true) | None => Deposit::Unknown,
        },
    }
}

/// Of a deposit that is said not to have run, nothing is ever found in the account; of one that was answered, its cent is.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_under_load_tells_no_lies() {
    let [one, two] = pair("http-leaving").await;
    let three = builder("http-leaving", &[&one]).start().await.expect("a node starts");
    until("all know all", &one, async || [&one, &two, &three].iter().all(|node| node.nodes().len() == 3)).await;
    let mut names = Vec::new();
    for node in [&one, &two, &three] {
        names.push(account_on(node).await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for client in 0..6 {
        let (over, asked) = (over.clone(), asked.clone());
        let (name, addr) = (names[client % 3].clone(), if client < 3 { at(&one) } else { at(&two) });
        clients.push(tokio::spawn(async move {
            let (mut done, mut unknown) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                match deposit(addr, &name).await {
                    Deposit::Done => done += 1,
                    Deposit::Not => tokio::task::yield_now().await,
                    Deposit::Unknown => unknown += 1,
                }
                asked.fetch_add(1, Ordering::Relaxed);
            }
            (name, done, unknown)
        }));
    }
    let wait = async |more: u64| {
        let from = asked.load(Ordering::Relaxed);
        until("they go on", &one, async || asked.load(Ordering::Relaxed) >= from + more).await;
    };
    wait(60).await;
    two.leave().await.expect("it leaves");
    wait(60).await;
    over.store(true, Ordering::Relaxed);
    let mut sums = std::collections::BTreeMap::<String, (u64, u64)>::new();
    for client in clients {
        let told = tokio::time::timeout(PATIENCE, client).await.expect("it ends in time");
        let (name, done, unknown) = told.expect("it does not panic");
        let sum = sums.entry(name).or_default();
        (sum.0, sum.1) = (sum.0 + done, sum.1 + unknown);
    }
    for (name, (done, unknown)) in sums {
        let balance = AccountClient::at(&name).on(&one).balance().await.expect("it answers");
        assert!(
            done <= balance && balance <= done + unknown,
            "{name}: {balance}, of {done} done and {unknown} unknown"
        );
        assert!(done > 0, "{name}");
    }
}

/// Who keeps its connection is asked to go on elsewhere; and what is under way when the node stops is answered.
#[tokio::test(flavor = "multi_thread")]
async fn connections_end_with_their_node_in_good_order() {
    let [one, two] = pair("http-goodbye").await;
    let mut kept = TcpStream::connect(at(&two)).await.expect("it listens");
    let mut bytes = vec![0; 4096];
    kept.write_all(super::client::get("/v1/workers/a").text().as_bytes()).await.expect("it reads");
    let read =
        tokio::time::timeout(PATIENCE, kept.read(&mut bytes)).await.expect("it answers in time").expect("it goes on");
    let answer = Answer::whole(&bytes[..read]);
    assert_eq!((answer.status, answer.field("connection")), (404, ""));
    let addr = at(&two);
    two.leave().await.expect("it leaves");
    let ended = tokio::time::timeout(PATIENCE, kept.read(&mut bytes)).await.expect("it is ended in time");
    assert!(ended.is_ok_and(|read| read == 0), "in good order");
    until("nobody listens any more", &one, async || TcpStream::connect(addr).await.is_err()).await;
}

//! What somebody may send, how slowly, and how much at once.

use std::time::{Duration, Instant};

use serde_json::json;
use swarm::Http;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Answer, Request, exchange, get, post, worker};
use super::fixture::{AccountClient, PATIENCE, at, one, silent, trouble_on};

async fn hung_up_on(mut stream: TcpStream) -> Vec<u8> {
    let mut told = Vec::new();
    // Whether in good order or not.
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut told)).await;
    drop(read.expect("it is hung up on in time"));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_the_head_too_slowly_is_hung_up_on() {
    let node = silent("http-slow", &[]).http(Http::at("127.0.0.1:0").idle(Duration::from_millis(300))).start().await;
    let node = node.expect("a node starts");
    // One that says nothing, one that says half of it, one that says it letter by letter, and one that has asked already.
    let silent = TcpStream::connect(at(&node)).await.expect("it listens");
    let mut half = TcpStream::connect(at(&node)).await.expect("it listens");
    half.write_all(b"GET /v1/workers/a HTTP/1.1\r\nHost: lo").await.expect("it reads");
    let mut drops = TcpStream::connect(at(&node)).await.expect("it listens");
    let dripping = async {
        drops.write_all(b"GET /v1/workers/a HTTP/1.1\r\nX: ").await?;
        loop {
            drops.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let dripping: std::io::Result<()> = tokio::time::timeout(PATIENCE, dripping).await.expect("it is hung up on");
    assert!(dripping.is_err());
    let mut asked = TcpStream::connect(at(&node)).await.expect("it listens");
    asked.write_all(get("/v1/workers/a").text().as_bytes()).await.expect("it reads");
    assert_eq!(Answer::whole(&hung_up_on(asked).await).status, 404);
    for stream in [silent, half] {
        hung_up_on(stream).await;
    }
}

/// Those who have shown no token have seconds, whatever else a connection may take.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_have_seconds_and_take_no_place_of_others() {
    const STRANGERS: usize = 64;
    const TOKEN: &str = "a token of some bytes";
    let node = silent("http-crowd", &[]).http(Http::at("127.0.0.1:0").token(TOKEN)).start().await;
    let node = node.expect("a node starts");
    let known = |path: &str| get(path).field("Authorization", &format!("Bearer {TOKEN}"));
    let mut guest = TcpStream::connect(at(&node)).await.expect("it listens");
    let mut ask = async |path: &str| {
        guest.write_all(known(path).text().as_bytes()).await.expect("it reads");
        let mut bytes = vec![0; 4096];
        let read = tokio::time::timeout(PATIENCE, guest.read(&mut bytes)).await.expect("it answers in time");
        Answer::whole(&bytes[..read.expect("it goes on")]).status
    };
    assert_eq!(ask("/v1/workers/a").await, 404);
    let mut crowd = Vec::new();
    for _ in 0..STRANGERS {
        let mut stranger = TcpStream::connect(at(&node)).await.expect("it listens");
        stranger.write_all(get("/v1/workers/a").text().as_bytes()).await.expect("it reads");
        crowd.push(stranger);
    }
    for stranger in &mut crowd {
        let read = tokio::time::timeout(PATIENCE, stranger.read(&mut [0; 64])).await.expect("it answers in time");
        assert!(read.is_ok_and(|read| read > 0), "it is told that it may not");
    }
    // There is room for one more: one of them is hung up on.
    let mut one_more = TcpStream::connect(at(&node)).await.expect("it listens");
    one_more.write_all(known("/v1/workers/a").last().as_bytes()).await.expect("it reads");
    assert_eq!(Answer::whole(&hung_up_on(one_more).await).status, 404);
    assert_eq!(ask("/v1/workers/b").await, 404, "who is known goes on");
    for stranger in crowd {
        hung_up_on(stranger).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_not_read() {
    let (node, addr) = one("http-large").await;
    AccountClient::register("a", 0).on(&node).await.expect("it starts");
    let head = Request::new("GET", "/v1/workers/a").field("X", &"x".repeat(20_000)).send(addr).await;
    assert_eq!(head.status, 431);
    let fields = (0..100).fold(get("/v1/workers/a"), |request, i| request.field(&format!("X-{i}"), "y"));
    assert_eq!(fields.send(addr).await.status, 431);
    // Announced, and without saying so.
    let body = format!("{{\"lines\": [], \"x\": \"{}\"}}", "x".repeat(1 << 20));
    Request::new("POST", "/v1/workers/a/book").json(&body).send(addr).await.problem(413, "too_large");
    let chunked = Request::new("POST", "/v1/workers/a/book")
        .field("Content-Type", "application/json")
        .field("Transfer-Encoding", "chunked")
        .last();
    let chunked = format!("{chunked}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let stream = TcpStream::connect(addr).await.expect("it listens");
    exchange(stream, &chunked).await.problem(413, "too_large");
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    let announced = "POST /v1/workers/a/book HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
    stream.write_all(announced.as_bytes()).await.expect("it reads");
    let mut answer = vec![0; 64];
    let read =
        tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await.expect("it is answered at once").expect("it is");
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413 "));
}

/// A body may take no longer than its request has.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (node, addr) = one("http-body").await;
    AccountClient::register("a", 0).on(&node).await.expect("it starts");
    let request = Request::new("POST", "/v1/workers/a/deposit")
        .field("Content-Type", "application/json")
        .field("Content-Length", "100")
        .field("Request-Timeout", "0.2")
        .last();
    let stream = TcpStream::connect(addr).await.expect("it listens");
    let answer = exchange(stream, &(request + "{\"cents\":")).await;
    assert_eq!(answer.problem(408, "slow")["executed"], json!(false));
    assert_eq!(AccountClient::at("a").on(&node).balance().await, Ok(0));
}

/// A short text that tells a large value: `null` is four bytes, and what it tells may be many.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_does_not_grow_without_bound() {
    let (node, addr) = one("http-grow").await;
    let name = trouble_on(&node).await;
    let numbers = |count: usize| format!("{{\"numbers\": [{}null]}}", "null,".repeat(count - 1));
    let fits = Request::new("POST", &worker(&name, "take")).json(numbers(10_000)).send(addr).await;
    assert_eq!((fits.status, fits.json()), (200, json!(10_000)));
    let grows = Request::new("POST", &worker(&name, "take")).json(numbers(200_000)).send(addr).await;
    let problem = match grows.status {
        422 => grows.problem(422, "does_not_fit"),
        _ => grows.problem(413, "too_large"),
    };
    assert_eq!(problem["executed"], json!(false));
}

/// Requests that follow on one connection without waiting are answered in order.
#[tokio::test(flavor = "multi_thread")]
async fn requests_may_follow_each_other() {
    let (node, addr) = one("http-pipeline").await;
    AccountClient::register("a", 0).on(&node).await.expect("it starts");
    let deposit = || post("/v1/workers/a/deposit", json!({"cents": 1}));
    let all = deposit().text() + &deposit().text() + &deposit().last();
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    stream.write_all(all.as_bytes()).await.expect("it reads");
    let told = String::from_utf8(hung_up_on(stream).await).expect("it is text");
    let replies: Vec<_> =
        told.split("HTTP/1.1 200 OK").skip(1).filter_map(|part| part.split("\r\n\r\n").nth(1)).collect();
    assert_eq!(replies, ["1", "2", "3"]);
}

/// More requests than may be under way: each is one whose body does not come.
#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_requests_some_are_told_to_come_again() {
    const REQUESTS: usize = 512;
    let (_node, addr) = one("http-many").await;
    let begun = Request::new("POST", "/v1/workers/a/deposit")
        .field("Content-Type", "application/json")
        .field("Content-Length", "100")
        .field("Expect", "100-continue")
        .text();
    let mut held = Vec::new();
    let refused = loop {
        let mut stream = TcpStream::connect(addr).await.expect("it listens");
        stream.write_all(begun.as_bytes()).await.expect("it reads");
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer))
            .await
            .expect("it answers in time")
            .expect("it does");
        // Who may send its body is under way.
        if !String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 100 ") {
            break Answer::whole(&answer[..read]);
        }
        held.push(stream);
        assert!(held.len() <= 2 * REQUESTS, "one is too many");
    };
    assert_eq!(refused.problem(429, "too_many")["executed"], json!(false));
    assert_eq!(refused.field("retry-after"), "1");
    assert!(held.len() >= REQUESTS, "{} are not too many", held.len());
    // There is room again when they are over.
    drop(held);
    let end = Instant::now() + PATIENCE;
    while get("/v1/workers/a").send(addr).await.status != 404 {
        assert!(Instant::now() < end, "there is room again");
    }
}

//! What strangers may say to a node's page, and how much of it.

use std::io::ErrorKind;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::{PATIENCE, addr, exchange, node, scrape};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_for_the_page_is_told_so() {
    let node = node("http-status", &[]).await;
    let at = addr(&node);
    let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 20_000]].concat();
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(100));
    for (request, status) in [
        (b"GET / HTTP/1.1\r\n\r\n".as_slice(), "404 Not Found"),
        (b"GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 Bad Request"),
        (b"GET /metrics HTTP/9.9\r\n\r\n", "400 Bad Request"),
        (&long, "431 Request Header Fields Too Large"),
        (many.as_bytes(), "431 Request Header Fields Too Large"),
    ] {
        let told = exchange(at, request).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{}: {told}", request.escape_ascii());
        assert!(told.contains("\r\nConnection: close\r\n") && told.contains("GET /metrics is what there is"), "{told}");
        assert_eq!(told.contains("\r\nAllow: GET, HEAD\r\n"), status.starts_with("405"));
    }
    let head = exchange(at, b"HEAD /metrics HTTP/1.1\r\n\r\n").await;
    let (head, body) = head.split_once("\r\n\r\n").expect("there is a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body.is_empty(), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    assert!(length.is_some_and(|length| length.parse::<usize>().expect("a number") > 1_000), "{head}");
    scrape(&node).await;
}

/// The answer is not lost in what was sent beyond the request, nor is that read for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_not_waited_for() {
    let node = node("http-body", &[]).await;
    let body = [b"GET /metrics HTTP/1.1\r\nContent-Length: 50000\r\n\r\n".as_slice(), &[b'x'; 50_000]].concat();
    assert!(exchange(addr(&node), &body).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let mut stream = TcpStream::connect(addr(&node)).await.expect("it listens");
    let endless = async {
        stream.write_all(b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    };
    let ended: std::io::Result<()> = tokio::time::timeout(PATIENCE, endless).await.expect("it hangs up");
    let error = ended.expect_err("it hangs up");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_is_told_so_and_hung_up_on() {
    let node = node("http-slow", &[]).await;
    let began = Instant::now();
    let told = exchange(addr(&node), b"GET /metrics HTTP/1.1\r\nHost: lo").await;
    assert!(told.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{told}");
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_one_is_hung_up_on_and_the_others_have_little_time() {
    const CONNECTIONS: usize = 32;
    let node = node("http-crowd", &[]).await;
    let mut crowd = Vec::new();
    for _ in 0..CONNECTIONS {
        crowd.push(TcpStream::connect(addr(&node)).await.expect("it listens"));
    }
    let page = exchange(addr(&node), b"GET /metrics HTTP/1.1\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "there is room for one more: {page}");
    // One of the others is hung up on for it; the rest are told that they are slow, and go.
    let mut displaced = 0;
    for mut slow in crowd {
        let mut told = String::new();
        let read = tokio::time::timeout(PATIENCE, slow.read_to_string(&mut told)).await;
        let read = read.expect("it is hung up on in time");
        displaced += usize::from(told.is_empty());
        assert!(told.is_empty() || (read.is_ok() && told.starts_with("HTTP/1.1 408 ")), "{told}");
    }
    assert_eq!(displaced, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_with_its_node() {
    let node = node("http-end", &[]).await;
    let at = addr(&node);
    let mut waiting = TcpStream::connect(at).await.expect("it listens");
    scrape(&node).await;
    node.leave().await.expect("it leaves");
    let read = tokio::time::timeout(PATIENCE, waiting.read(&mut [0; 16])).await.expect("it is hung up on in time");
    assert!(read.is_err() || read.is_ok_and(|read| read == 0), "it is told nothing");
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(at).await.is_ok() {
        assert!(Instant::now() < end, "nobody listens any more");
        tokio::task::yield_now().await;
    }
}

//! Who is let in, and over what.

use serde_json::json;
use swarm::{Http, StartError, TokenError};
use tokio::net::TcpStream;

use super::client::{Request, exchange, get, post, worker};
use super::fixture::{AccountClient, at, hold, one, silent, trouble_on};
use super::loopback::dir::Dir;
use super::loopback::tls::Certificate;

const OLD: &str = "the first of the tokens";
const NEW: &str = "the other of the tokens";

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_token_learns_nothing() {
    let node = silent("http-tokens", &[]).http(Http::at("127.0.0.1:0").token(OLD).token(NEW)).start().await;
    let node = node.expect("a node starts");
    AccountClient::register("a", 5).on(&node).await.expect("it starts");
    let with = |value: &str| post("/v1/workers/a/balance", json!({})).field("Authorization", value);
    for token in [OLD, NEW] {
        assert_eq!(with(&format!("Bearer {token}")).send(at(&node)).await.json(), json!(5));
        assert_eq!(with(&format!("bearer  {token} ")).send(at(&node)).await.json(), json!(5));
    }
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer another of the tokens",
        "Basic the first of the tokens",
        OLD,
        "Bearer the first of the token",
    ] {
        let refused = with(value).send(at(&node)).await;
        let problem = refused.problem(401, "unauthorized");
        assert_eq!(
            (refused.field("www-authenticate"), &problem["executed"]),
            ("Bearer realm=\"swarm\"", &json!(false))
        );
        assert!(!refused.body.contains("tokens"), "{refused:?}");
    }
    for request in [get("/openapi.json"), get("/"), get("/v1/workers/a"), Request::new("BREW", "/v1/workers/a")] {
        request.send(at(&node)).await.problem(401, "unauthorized");
    }
    // A body that is not let in is not waited for.
    let large = Request::new("POST", "/v1/workers/a/balance").field("Content-Length", "1000000").send(at(&node)).await;
    large.problem(401, "unauthorized");
}

/// What is under way is answered, and who shows a good token notices nothing.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_changed_without_a_stop() {
    let builder = silent("http-changed", &[]).secret("the secret of the cluster");
    let node = builder.http(Http::at("127.0.0.1:0").token(OLD)).start().await.expect("a node starts");
    let (name, tokens, to) = (trouble_on(&node).await, node.http_tokens(), at(&node));
    let hold = hold("http-changed");
    let shows = |token: &str| format!("Bearer {token}");
    let held = post(&worker(&name, "hold"), json!({"name": "http-changed"})).field("Authorization", &shows(OLD));
    let held = tokio::spawn(held.send(to));
    hold.begun(1).await;

    let asks = |token: &str| get("/v1/workers/nobody").field("Authorization", &shows(token)).send(to);
    asks(NEW).await.problem(401, "unauthorized");
    let (old, new) = (tokens.ids()[0], tokens.add(NEW).expect("it is a good one"));
    for token in [OLD, NEW] {
        asks(token).await.problem(404, "not_registered");
    }
    tokens.remove(old).expect("there is another one");
    assert_eq!(node.http_tokens().ids(), [new]);
    asks(OLD).await.problem(401, "unauthorized");
    asks(NEW).await.problem(404, "not_registered");
    hold.let_go();
    assert_eq!(held.await.expect("it does not panic").json(), json!(1), "what was let in is answered");

    assert_eq!(tokens.remove(old), Err(TokenError::Unknown { id: old }));
    assert_eq!(tokens.remove(new), Err(TokenError::Last { id: new }), "it would be open to nobody");
    assert_eq!(tokens.add("the secret of the cluster"), Err(TokenError::Secret));
    assert!(matches!(tokens.add("short"), Err(TokenError::Refused(_))));
    let (open, _) = one("http-changed-open").await;
    assert_eq!((open.http_tokens().add(NEW), open.http_tokens().ids()), (Err(TokenError::Without), vec![]));
}

/// A page that somebody else has led a browser to must not speak for the machine's user.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_browsers_are_not_let_in_without_a_token() {
    let (node, addr) = one("http-pages").await;
    AccountClient::register("a", 5).on(&node).await.expect("it starts");
    let page = post("/v1/workers/a/balance", json!({})).field("Origin", "https://evil.example").send(addr).await;
    page.problem(403, "forbidden");
    let rebound = "GET /v1/workers/a HTTP/1.1\r\nHost: evil.example:8080\r\nConnection: close\r\n\r\n";
    let stream = TcpStream::connect(addr).await.expect("it listens");
    exchange(stream, rebound).await.problem(421, "misdirected");
    let form =
        Request::new("POST", "/v1/workers/a/deposit").field("Content-Type", "text/plain").field("Content-Length", "11");
    let stream = TcpStream::connect(addr).await.expect("it listens");
    exchange(stream, &(form.last() + "{\"cents\":1}")).await.problem(415, "media_type");
    assert_eq!(AccountClient::at("a").on(&node).balance().await, Ok(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_come_from_a_file_that_is_closed_to_others() {
    let dir = Dir::new();
    let open = dir.write("open", OLD, 0o644);
    let refused = silent("http-open", &[]).http(Http::at("127.0.0.1:0").token_file(&open)).start().await;
    assert!(matches!(&refused, Err(StartError::Http { problem }) if problem.contains("chmod 600")), "{refused:?}");
    let closed = dir.write("closed", &format!("{OLD}\n{NEW}\n"), 0o600);
    let node = silent("http-closed", &[]).http(Http::at("127.0.0.1:0").token_file(&closed)).start().await;
    let node = node.expect("a node starts");
    for token in [OLD, NEW] {
        let answer = get("/v1/workers/a").field("Authorization", &format!("Bearer {token}")).send(at(&node)).await;
        answer.problem(404, "not_registered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_served_nothing_that_can_be_read_along() {
    for http in [Http::at("0.0.0.0:0"), Http::at("0.0.0.0:0").token(OLD), Http::at("0.0.0.0:0").without_tls()] {
        let refused = silent("http-strangers", &[]).http(http).start().await;
        assert!(
            matches!(&refused, Err(StartError::Http { problem }) if problem.contains("other machines")),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_where_there_is_a_certificate() {
    let dir = Dir::new();
    let made = Certificate::new();
    let cert = dir.write("cert.pem", &made.pem(), 0o644);
    let open = dir.write("open.pem", &made.key_pem(), 0o640);
    let key = dir.write("key.pem", &made.key_pem(), 0o600);
    let none = dir.write("none.pem", &made.pem(), 0o600);
    for (cert, key, part) in
        [(&cert, &open, "chmod 600"), (&key, &key, "no certificate"), (&cert, &none, "cannot be used for TLS")]
    {
        let refused = silent("http-tls-bad", &[]).http(Http::at("127.0.0.1:0").tls(cert, key)).start().await;
        assert!(matches!(&refused, Err(StartError::Http { problem }) if problem.contains(part)), "{refused:?}");
    }
    let node = silent("http-tls", &[]).http(Http::at("127.0.0.1:0").token(OLD).tls(&cert, &key)).start().await;
    let node = node.expect("a node starts");
    let stream = made.connect(at(&node)).await;
    let answer = exchange(stream, &get("/openapi.json").field("Authorization", &format!("Bearer {OLD}")).last()).await;
    assert_eq!((answer.status, answer.json()["openapi"].as_str()), (200, Some("3.1.0")));
    // What is no TLS is hung up on, and nobody else minds.
    let mut stream = TcpStream::connect(at(&node)).await.expect("it listens");
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\n\r\n").await.expect("it reads");
    let mut told = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told);
    drop(tokio::time::timeout(super::fixture::PATIENCE, read).await.expect("it is hung up on in time"));
    assert!(!String::from_utf8_lossy(&told).contains("HTTP"), "{told:?}");
}

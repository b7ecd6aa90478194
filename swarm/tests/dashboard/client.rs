//! Owns a browser as small as one can be: a socket, what is written to it, and what comes; and a stream of events.

use std::net::SocketAddr;

use serde_json::Value;
use swarm::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::{PATIENCE, TOKEN, addr};
use super::loopback::answer::Answer;

/// A request to a node, as the page makes it.
pub(crate) struct Request {
    to: SocketAddr,
    head: String,
    body: String,
}

impl Request {
    /// Without a word of where it comes from.
    pub(crate) fn bare(node: &Swarm, method: &str, path: &str) -> Self {
        let to = addr(node);
        Self { to, head: format!("{method} {path} HTTP/1.1\r\n"), body: String::new() }
    }

    pub(crate) fn get(node: &Swarm, path: &str) -> Self {
        let host = addr(node).to_string();
        Self::bare(node, "GET", path).field("Host", &host)
    }

    /// A change, as the page says it.
    pub(crate) fn change(node: &Swarm, path: &str, body: Value) -> Self {
        let host = addr(node).to_string();
        let this = Self::bare(node, "POST", path).field("Host", &host).field("Origin", &format!("http://{host}"));
        this.field("X-Swarm-Dashboard", "1").with(body.to_string())
    }

    /// A form, as the browser sends it.
    pub(crate) fn form(node: &Swarm, token: &str) -> Self {
        Self::form_by(node, "http", token)
    }

    /// The same by `http` or `https`.
    pub(crate) fn form_by(node: &Swarm, scheme: &str, token: &str) -> Self {
        let host = addr(node).to_string();
        let this =
            Self::bare(node, "POST", "/login").field("Host", &host).field("Origin", &format!("{scheme}://{host}"));
        let this = this.field("Content-Type", "application/x-www-form-urlencoded");
        this.with(format!("token={}", token.replace(' ', "+")))
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        if cookie.is_empty() { self } else { self.field("Cookie", cookie) }
    }

    fn with(self, body: String) -> Self {
        let this = self.field("Content-Length", &body.len().to_string());
        Self { body, ..this }
    }

    pub(crate) async fn send(self) -> Answer {
        let stream = TcpStream::connect(self.to).await.expect("it listens");
        self.send_over(stream).await
    }

    /// Over this connection, which ends with the answer.
    pub(crate) async fn send_over(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Answer {
        let text = format!("{}Connection: close\r\n\r\n{}", self.head, self.body);
        stream.write_all(text.as_bytes()).await.expect("it reads");
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        drop(read.expect("it answers in time"));
        Answer::whole(&bytes)
    }

    /// The stream of events that is the answer.
    pub(crate) async fn listen(self) -> Feed {
        let stream = TcpStream::connect(self.to).await.expect("it listens");
        self.listen_over(stream).await
    }

    /// The same over this connection.
    pub(crate) async fn listen_over(self, mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Feed {
        stream.write_all(format!("{}\r\n", self.head).as_bytes()).await.expect("it reads");
        let mut feed = Feed { stream: Box::new(stream), bytes: Vec::new(), text: String::new() };
        let answer = loop {
            if let Some((answer, body)) = Answer::head(&feed.bytes) {
                feed.bytes = body.to_vec();
                break answer;
            }
            assert!(feed.more().await, "it answers");
        };
        assert_eq!((answer.status, answer.field("content-type")), (200, "text/event-stream"), "{answer:?}");
        feed
    }
}

/// What a node tells as it happens.
pub(crate) struct Feed {
    stream: Box<dyn AsyncRead + Unpin + Send>,
    /// What has come and is no whole chunk yet.
    bytes: Vec<u8>,
    /// What has come and is no whole event yet.
    text: String,
}

impl Feed {
    /// The next event. `None` if there are no more.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (kind, data) = event.split_once('\n').expect("two lines");
                let kind = kind.strip_prefix("event: ").expect("its kind").to_owned();
                let data = serde_json::from_str(data.strip_prefix("data: ").expect("its data")).expect("it is JSON");
                self.text = rest.to_owned();
                return Some((kind, data));
            }
            if self.bytes.starts_with(b"0\r\n") || (!self.chunk() && !self.more().await) {
                return None;
            }
        }
    }

    /// The next event that this is found in.
    pub(crate) async fn until<T>(&mut self, what: &str, find: impl Fn(&str, &Value) -> Option<T>) -> T {
        let found = async {
            loop {
                let (kind, data) = self.next().await.expect("the stream goes on");
                if let Some(found) = find(&kind, &data) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("not told in time: {what}"))
    }

    /// Takes a chunk off the bytes, if there is a whole one.
    fn chunk(&mut self) -> bool {
        let Some(end) = self.bytes.windows(2).position(|two| two == b"\r\n") else { return false };
        let length = std::str::from_utf8(&self.bytes[..end]).expect("a length");
        let length = usize::from_str_radix(length, 16).expect("a length");
        if self.bytes.len() < end + 4 + length {
            return false;
        }
        self.text.push_str(std::str::from_utf8(&self.bytes[end + 2..end + 2 + length]).expect("each event is a chunk"));
        self.bytes.drain(..end + 4 + length);
        true
    }

    async fn more(&mut self) -> bool {
        let mut part = [0; 16 << 10];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut part)).await.expect("something comes in time");
        let read = read.unwrap_or(0);
        self.bytes.extend_from_slice(&part[..read]);
        read > 0
    }
}

/// Logs in, and gives what a browser shows from then on.
pub(crate) async fn login(node: &Swarm) -> String {
    let answer = Request::form(node, TOKEN).send().await;
    assert_eq!((answer.status, answer.field("location")), (303, "/"), "{answer:?}");
    answer.field("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// A question of who is logged in.
pub(crate) async fn ask(node: &Swarm, cookie: &str, path: &str) -> Answer {
    Request::get(node, path).cookie(cookie).send().await
}

/// A text as part of an address.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

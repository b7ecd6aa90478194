//! Owns a client of HTTP as small as one can be: a socket, what is written to it, and what comes.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::PATIENCE;
pub(crate) use super::loopback::answer::Answer;

impl Answer {
    /// The JSON of a problem of this sort, with this status.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["code"]), (&Value::from(status), &Value::from(code)), "{self:?}");
        assert!(problem["type"].as_str().is_some_and(|text| text.ends_with(&format!("#{code}"))), "{self:?}");
        assert!(["title", "detail"].iter().all(|name| problem[name].as_str().is_some_and(|text| !text.is_empty())));
        problem
    }

    /// The lines of an answer of many.
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert_eq!((self.status, self.field("content-type")), (200, "application/x-ndjson"), "{self:?}");
        self.body.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}

/// A request, as it is written.
pub(crate) struct Request {
    head: String,
    body: String,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { head: format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n"), body: String::new() }
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn json(self, body: impl ToString) -> Self {
        let body = body.to_string();
        let this = self.field("Content-Type", "application/json").field("Content-Length", &body.len().to_string());
        Self { body, ..this }
    }

    /// All of it, of a connection that ends with its answer.
    pub(crate) fn last(self) -> String {
        self.field("Connection", "close").text()
    }

    pub(crate) fn text(self) -> String {
        format!("{}\r\n{}", self.head, self.body)
    }

    pub(crate) async fn send(self, to: SocketAddr) -> Answer {
        let stream = TcpStream::connect(to).await.expect("it listens");
        exchange(stream, &self.last()).await
    }
}

pub(crate) fn get(path: &str) -> Request {
    Request::new("GET", path)
}

pub(crate) fn post(path: &str, body: Value) -> Request {
    Request::new("POST", path).json(body)
}

pub(crate) fn put(path: &str, body: Value) -> Request {
    Request::new("PUT", path).json(body)
}

pub(crate) fn delete(path: &str) -> Request {
    Request::new("DELETE", path)
}

/// Writes this, and reads the answer until the other side ends.
pub(crate) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    drop(read.expect("it answers in time"));
    Answer::whole(&bytes)
}

/// The path of a worker, or of something of it.
pub(crate) fn worker(name: &str, rest: &str) -> String {
    let name: String = name
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if rest.is_empty() { format!("/v1/workers/{name}") } else { format!("/v1/workers/{name}/{rest}") }
}

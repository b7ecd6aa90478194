//! Owns the connections of those who scrape a node's metrics: it takes them, within limits, and ends them with the node. Never lets a
//! stranger keep anything but one small buffer, for seconds.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::page::{CONTENT_TYPE, render};
use super::request::{Asked, HEAD_BYTES_MAX, Status, asked};
use crate::rpc::{Place, Places, Reception};
use crate::runtime::Node;

/// How many may be connected at once. With one more one of those from where the most are is hung up on.
const CONNECTIONS_MAX: usize = 32;

/// How long a request, its answer, and the end of the connection may take together. A page is some ten kilobytes.
const EXCHANGE_MAX: Duration = Duration::from_secs(10);

/// How long a request may take to come.
const REQUEST_MAX: Duration = Duration::from_secs(5);

/// How old a page may be: to make one takes as long as there are many workers, and what the node's threads tell is as old anyway.
const PAGE_AGE_MAX: Duration = Duration::from_millis(250);

/// How much more of a request is read than is looked at, so that its sender gets the answer before the connection ends.
const REST_BYTES_MAX: usize = 64 << 10;

/// What all connections share.
struct Board {
    node: Arc<Node>,
    /// The last page, and when it was made. Who makes one holds the lock, so that all others wait for it instead of making their own.
    page: Mutex<Option<(Instant, Arc<[u8]>)>>,
}

/// Begins to serve the metrics of a node at an address, until it stops. Says where.
///
/// # Errors
/// If the address cannot be used, or the runtime has no drivers.
pub(crate) async fn open(node: &Arc<Node>, addr: SocketAddr) -> io::Result<SocketAddr> {
    let reception = Reception::open(node, addr).await?;
    let addr = reception.addr()?;
    let board = Arc::new(Board { node: node.clone(), page: Mutex::default() });
    let id = node.id();
    node.runtime().spawn(async move {
        let turned_away = |from| tracing::debug!(node = %id, %from, "too many ask for metrics: one is hung up on");
        reception
            .take(Places::new(CONNECTIONS_MAX), |stream, _, place| host(board.clone(), stream, place), turned_away)
            .await;
    });
    tracing::info!(node = %id, "metrics are told at http://{addr}/metrics");
    Ok(addr)
}

/// One connection: one request and its answer.
async fn host(board: Arc<Board>, mut stream: TcpStream, _place: Place) {
    let node = board.node.clone();
    let exchange = async {
        let asked = match node.within(REQUEST_MAX, request(&mut stream)).await {
            Some(asked) => asked?,
            None => Asked::Nothing(Status::Timeout),
        };
        let told = match asked {
            Asked::Page | Asked::Head => board.page().await,
            Asked::Nothing(status) => Err(status),
        };
        answer(&mut stream, asked, told).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1 << 10];
        let mut left = REST_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut rest).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok::<(), io::Error>(())
    };
    // Who goes away before the end needs no answer.
    let _ = node.within(EXCHANGE_MAX, exchange).await;
}

/// Reads a request.
async fn request(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut bytes = [0; HEAD_BYTES_MAX];
    let mut filled = 0;
    loop {
        match stream.read(&mut bytes[filled..]).await? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
        if let Some(asked) = asked(&bytes[..filled]) {
            return Ok(asked);
        }
    }
}

/// Writes what was asked for, or why there is nothing.
async fn answer(stream: &mut TcpStream, asked: Asked, told: Result<Arc<[u8]>, Status>) -> io::Result<()> {
    let (status, content_type, body) = match told {
        Ok(page) => ("200 OK", CONTENT_TYPE, page),
        Err(status) => {
            let text = format!("{}: GET /metrics is what there is\n", status.line());
            (status.line(), "text/plain; charset=utf-8", text.into_bytes().into())
        }
    };
    let allow = if asked == Asked::Nothing(Status::MethodNotAllowed) { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if asked != Asked::Head {
        stream.write_all(&body).await?;
    }
    Ok(())
}

impl Board {
    /// The page, made anew unless one was just before.
    async fn page(&self) -> Result<Arc<[u8]>, Status> {
        let mut last = self.page.lock().await;
        let now = self.node.now();
        if let Some((made, page)) = &*last
            && now.since(*made) < PAGE_AGE_MAX
        {
            return Ok(page.clone());
        }
        match render(&self.node) {
            Ok(page) => Ok(last.insert((now, page.into())).1.clone()),
            Err(error) => {
                tracing::error!(node = %self.node.id(), %error, "metrics cannot be told");
                Err(Status::Failed)
            }
        }
    }
}

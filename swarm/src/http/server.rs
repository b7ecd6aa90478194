//! Owns the connections of those who speak HTTP to a node: it takes them, within limits, and ends them with the node. Never answers
//! anything itself.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use swarm_net::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::gate::Guest;
use super::hall::Hall;
use super::router::router;
use super::settings::Opening;
use super::{FIELDS_MAX, HEAD_BYTES_MAX, STRANGERS_MAX};
use crate::rpc::{Reception, first};
use crate::runtime::Node;
use crate::worker::Host as _;

/// How long a stranger may take to agree on keys and to send the head of a request with a token.
const STRANGER_MAX: Duration = Duration::from_secs(5);

/// How long somebody may read nothing of what it is sent.
const STALL_MAX: Duration = Duration::from_secs(30);

/// How long answers that are on their way when the node stops may take to be read.
const END_MAX: Duration = Duration::from_secs(2);

/// Begins to serve HTTP, until the node stops. Says where.
///
/// # Errors
/// If the address cannot be used, or the runtime has no drivers.
pub(crate) async fn open(node: &Arc<Node>, opening: Opening) -> io::Result<SocketAddr> {
    let Opening { addr, tokens, tls, idle } = opening;
    let reception = Reception::open(node, addr).await?;
    let addr = reception.addr()?;
    let (scheme, asks) = (if tls.is_some() { "https" } else { "http" }, tokens.is_some());
    let hall = Arc::new(Hall::new(node, tokens, idle));
    let (app, acceptor) = (router(hall.clone()), tls.map(TlsAcceptor::from));
    node.runtime().spawn(async move {
        let host =
            |stream, from, place| host(hall.clone(), app.clone(), acceptor.clone(), stream, Guest::new(from, place));
        let turned_away = |from| hall.complain(from, "too many have shown no token yet");
        let mut left = reception.take(Arc::new(Semaphore::new(STRANGERS_MAX)), host, turned_away).await;
        hall.ending.send_replace(true);
        let answered = async { while left.join_next().await.is_some() {} };
        // Who does not read its answer loses it, as if the process had ended.
        let _ = tokio::time::timeout(END_MAX, answered).await;
    });
    tracing::info!(node = %node.id(), tokens = asks, "programs can connect to {scheme}://{addr}");
    Ok(addr)
}

/// One connection.
async fn host(hall: Arc<Hall>, app: Router, acceptor: Option<TlsAcceptor>, stream: TcpStream, guest: Guest) {
    let (from, guest) = (guest.from, Arc::new(guest));
    // Answers are small, and each is waited for.
    let _ = stream.set_nodelay(true);
    let talk = async {
        match acceptor {
            None => converse(&hall, app, stream, guest.clone()).await,
            Some(acceptor) => match acceptor.accept(stream).await {
                Ok(stream) => converse(&hall, app, stream, guest.clone()).await,
                Err(error) => hall.complain(from, &error.to_string()),
            },
        }
    };
    let overdue = async {
        match hall.node.within(STRANGER_MAX, guest.known.notified()).await {
            Some(()) => std::future::pending().await,
            None => hall.complain(from, "it has shown no token in time, or sent no request"),
        }
    };
    first(pin!(talk), pin!(overdue)).await;
}

/// Answers one connection after its handshake, until it or the node ends.
async fn converse<S>(hall: &Arc<Hall>, app: Router, stream: S, guest: Arc<Guest>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let blocked = Arc::new(AtomicU64::new(0));
    let stream = Watched { stream, blocked: blocked.clone(), hall: hall.clone() };
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(guest.clone());
        app.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(hall.idle);
    http.max_buf_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut ending = hall.ending.subscribe();
    let mut ending = pin!(async move { drop(ending.wait_for(|ending| *ending).await) });
    let mut told = false;
    let talk = std::future::poll_fn(|cx| {
        if !told && ending.as_mut().poll(cx).is_ready() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        // Who goes away before the end needs no answer.
        connection.as_mut().poll(cx).map(drop)
    });
    first(pin!(talk), pin!(stall(&hall.node, &blocked))).await;
}

/// Ends when somebody has read nothing for too long of what it is sent.
async fn stall(node: &Node, blocked: &AtomicU64) {
    loop {
        let since = blocked.load(Ordering::Relaxed);
        let left = match since {
            0 => STALL_MAX,
            since => (Instant::from_nanos(since) + STALL_MAX).since(node.now()),
        };
        if left.is_zero() {
            return;
        }
        node.timers().delay(left).await;
    }
}

/// A connection of which is known since when it takes nothing.
struct Watched<S> {
    stream: S,
    /// By the node's clock, in nanoseconds; 0 while it does.
    blocked: Arc<AtomicU64>,
    hall: Arc<Hall>,
}

impl<S> Watched<S> {
    fn note<T>(&self, poll: Poll<T>) -> Poll<T> {
        let now = || self.hall.node.now().as_nanos().max(1);
        match &poll {
            Poll::Pending if self.blocked.load(Ordering::Relaxed) == 0 => self.blocked.store(now(), Ordering::Relaxed),
            Poll::Pending => {}
            Poll::Ready(_) => self.blocked.store(0, Ordering::Relaxed),
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, content: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(cx, content);
        this.note(poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        contents: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, contents);
        this.note(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_flush(cx);
        this.note(poll)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let ended = ready!(Pin::new(&mut this.stream).poll_shutdown(cx));
        this.note(Poll::Ready(ended))
    }
}

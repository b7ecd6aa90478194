//! Owns one connection by HTTP/1.1: its handshake, how long a stranger may be there, how long it may be idle, how long its other end may read nothing, and that it ends
//! in good order with the node. Never answers anything itself.

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
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{Guest, first};
use crate::runtime::Node;
use crate::worker::Host as _;

/// How long somebody may read nothing of what it is sent.
const STALL_MAX: Duration = Duration::from_secs(30);

/// The longest head of a request: the longest name takes three times its bytes there, and a token some hundred.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The most fields of a head.
const FIELDS_MAX: usize = 64;

/// What all connections of a service by HTTP are told.
#[derive(Clone)]
pub(crate) struct Talk {
    pub(crate) node: Arc<Node>,
    pub(crate) app: Router,
    /// What speaks TLS, if that is spoken.
    pub(crate) tls: Option<TlsAcceptor>,
    /// How long a stranger may take to agree on keys, and to show that it may be here.
    pub(crate) stranger: Duration,
    /// How long a connection is kept over which nothing is asked.
    pub(crate) idle: Duration,
    /// The node has stopped: what is under way is answered, and no more.
    pub(crate) ending: watch::Receiver<bool>,
}

/// Why a connection was ended that had shown nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lapse {
    /// It speaks no TLS, or none that this node speaks.
    #[error("{0}")]
    Handshake(io::Error),
    /// It was a stranger for too long.
    #[error("it has shown no token in time, or sent no request")]
    Overdue,
}

impl Talk {
    /// Serves one connection, until it or the node ends. Each of its requests bears who is at its other end. `lapsed` is told if it ends before
    /// it has shown anything.
    pub(crate) async fn host(self, stream: TcpStream, guest: Guest, lapsed: impl Fn(SocketAddr, &Lapse)) {
        let (node, guest) = (self.node.clone(), Arc::new(guest));
        let lapsed = |lapse| lapsed(guest.from, &lapse);
        let talk = async {
            // Answers are small, and each is waited for.
            let _ = stream.set_nodelay(true);
            match self.tls.clone() {
                None => self.over(stream, guest.clone()).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => self.over(stream, guest.clone()).await,
                    Err(error) => lapsed(Lapse::Handshake(error)),
                },
            }
        };
        let overdue = async {
            match node.within(self.stranger, guest.known.notified()).await {
                Some(()) => std::future::pending().await,
                None => lapsed(Lapse::Overdue),
            }
        };
        first(pin!(talk), pin!(overdue)).await;
    }

    async fn over<S>(&self, stream: S, guest: Arc<Guest>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { node, app, idle, mut ending, .. } = self.clone();
        let blocked = Arc::new(AtomicU64::new(0));
        let stream = Watched { stream, blocked: blocked.clone(), node: node.clone() };
        let app = TowerToHyperService::new(app);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(guest.clone());
            app.call(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(idle);
        http.max_buf_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
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
        first(pin!(talk), pin!(stall(&node, &blocked))).await;
    }
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
    node: Arc<Node>,
}

impl<S> Watched<S> {
    fn note<T>(&self, poll: Poll<T>) -> Poll<T> {
        let now = || self.node.now().as_nanos().max(1);
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

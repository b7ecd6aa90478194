//! Owns the nodes of a test, their workers, and how their pages are fetched.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use swarm::Builder;
use swarm::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::loopback;
use super::page::Page;

/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Handlers of tills that are held up wait for this.
pub(crate) static LET_GO: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(0));

pub(crate) struct Till {
    cents: u64,
}

#[swarm::worker(mailbox = 2)]
impl Till {
    #[init]
    fn init() -> Self {
        Self { cents: 0 }
    }

    #[call]
    fn pay(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }

    #[cast]
    fn note(&mut self, cents: u64) {
        self.cents += cents;
    }

    #[call]
    fn jam(&mut self) {
        panic!("as it was told to");
    }

    /// It lasts until it is let go.
    #[call]
    async fn hold(&self) -> u64 {
        drop(LET_GO.acquire().await);
        self.cents
    }

    /// At least so long.
    #[call]
    fn busy(&self, ms: u64) {
        let end = std::time::Instant::now() + Duration::from_millis(ms);
        while std::time::Instant::now() < end {
            std::hint::spin_loop();
        }
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<u64> {
        Handoff::Resume(self.cents)
    }

    #[end_handoff]
    fn end_handoff(&mut self, cents: u64) {
        self.cents = cents;
    }
}

/// Two types of one name: what is told of them is one.
pub(crate) struct Shelf<T>(std::marker::PhantomData<T>);

#[swarm::worker]
impl<T: swarm::Wire> Shelf<T> {
    #[init]
    fn init() -> Self {
        Self(std::marker::PhantomData)
    }

    #[call]
    fn look(&self) -> u64 {
        7
    }
}

/// A node that tells nobody anything.
pub(crate) fn silent(cluster: &str, seeds: &[&Swarm]) -> Builder {
    loopback::builder(cluster, seeds)
}

/// A node with a page.
pub(crate) async fn node(cluster: &str, seeds: &[&Swarm]) -> Swarm {
    silent(cluster, seeds).metrics("127.0.0.1:0").start().await.expect("a node starts")
}

/// Where a node's page is.
pub(crate) fn addr(node: &Swarm) -> SocketAddr {
    node.metrics().expect("it has a page")
}

/// All that comes for this request until the other side hangs up.
pub(crate) async fn exchange(addr: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    stream.write_all(request).await.expect("it takes a request");
    let mut told = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut told)).await;
    read.expect("it hangs up in time").expect("it hangs up in good order");
    String::from_utf8(told).expect("it is text")
}

/// A node's page, as it is now. On a machine that has so much else to do that it reads a request too late, it is asked for again.
pub(crate) async fn scrape(node: &Swarm) -> Page {
    let end = tokio::time::Instant::now() + PATIENCE;
    let told = loop {
        let told = exchange(addr(node), b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        if !told.starts_with("HTTP/1.1 408 ") || tokio::time::Instant::now() > end {
            break told;
        }
    };
    let (head, body) = told.split_once("\r\n\r\n").expect("there is a head");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{head}"
    );
    Page::read(body)
}

/// How often [`page_when`] looks: a page is made anew as often.
const LOOK: Duration = Duration::from_millis(250);

/// A node's page, as soon as it is as it should be. Looks whenever the node tells of something, and now and then.
pub(crate) async fn page_when(what: &str, node: &Swarm, done: impl Fn(&Page) -> bool) -> Page {
    let mut events = node.events();
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let page = scrape(node).await;
        if done(&page) {
            return page;
        }
        assert!(tokio::time::Instant::now() < end, "not in time: {what}\n{}", page.text());
        drop(tokio::time::timeout(LOOK, events.next()).await);
    }
}

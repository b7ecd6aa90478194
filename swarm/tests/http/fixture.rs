//! Owns the nodes of a test, their HTTP and their workers.

use std::net::SocketAddr;

use swarm::prelude::*;
use swarm::{Builder, Http};

use super::loopback;
pub(crate) use super::loopback::hold::hold;
pub(crate) use super::loopback::{PATIENCE, patient, until};

/// The one sum with which no account is opened. Of a document's readers, who know only that it is a number, none comes upon it.
pub(crate) const TOO_RICH: u64 = 2_000_000;

/// What programs may reach.
pub(crate) struct Account {
    cents: u64,
}

/// What is written into its book.
#[swarm::message(json)]
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// In cents.
    pub(crate) cents: u32,
    pub(crate) memo: Option<String>,
    pub(crate) means: Vec<Means>,
}

/// What a line is about.
#[swarm::message(json)]
#[derive(Debug, Clone)]
pub(crate) enum Means {
    Cash,
    /// By whom.
    Card {
        holder: String,
    },
    Other(String),
}

/// Why there is no money.
#[swarm::message(json)]
#[derive(Debug, Clone)]
pub(crate) struct Overdrawn {
    pub(crate) by: u64,
}

#[swarm::worker(public, json)]
impl Account {
    /// Opens it.
    #[init]
    fn init(opening: u64) -> Result<Self, String> {
        if opening == TOO_RICH { Err("too rich".to_owned()) } else { Ok(Self { cents: opening }) }
    }

    /// What is in it.
    #[call]
    fn balance(&self) -> u64 {
        self.cents
    }

    #[call]
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents = self.cents.saturating_add(cents);
        self.cents
    }

    #[call]
    fn withdraw(&mut self, cents: u64) -> Result<u64, Overdrawn> {
        self.cents = self.cents.checked_sub(cents).ok_or_else(|| Overdrawn { by: cents - self.cents })?;
        Ok(self.cents)
    }

    /// Writes lines into its book.
    #[call]
    fn book(&mut self, lines: Vec<Line>) -> u64 {
        self.cents = lines.iter().fold(self.cents, |cents, line| cents.saturating_add(line.cents.into()));
        self.cents
    }

    #[cast]
    fn fee(&mut self, cents: u64) {
        self.cents = self.cents.saturating_sub(cents);
    }

    #[call(Count)]
    fn count(&self, _: Count) -> u64 {
        self.cents
    }

    /// The account moves with what is in it.
    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<u64> {
        Handoff::Resume(self.cents)
    }

    #[end_handoff]
    fn end_handoff(&mut self, cents: u64) {
        self.cents = cents;
    }
}

/// What several answer.
#[swarm::message(json, reply = u64)]
pub(crate) struct Count;

#[derive(swarm::Group)]
#[group(worker = Account, name = "audited")]
pub(crate) struct Audited;

#[derive(swarm::Group)]
#[group(name = "everyone")]
pub(crate) struct Everyone;

/// One that makes trouble when it is told to. Only the nodes of tests that want it know it.
pub(crate) struct Trouble {
    touched: u64,
}

#[swarm::worker(public, json, register = manual)]
impl Trouble {
    #[init]
    fn init() -> Self {
        Self { touched: 0 }
    }

    #[call]
    fn touch(&mut self) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[call]
    async fn hold(&mut self, name: String) -> u64 {
        self.touched += 1;
        hold(&name).wait().await;
        self.touched
    }

    #[call]
    fn fail(&mut self) {
        panic!("as it was told to");
    }

    #[call]
    fn give(&self, bytes: u64) -> String {
        "x".repeat(usize::try_from(bytes).expect("it fits into memory"))
    }

    #[call]
    fn take(&self, numbers: Vec<Option<u128>>) -> u64 {
        numbers.len() as u64
    }
}

/// What only members may reach.
pub(crate) struct Vault {
    touched: u64,
}

#[swarm::worker(json)]
impl Vault {
    #[init]
    fn init() -> Self {
        Self { touched: 0 }
    }

    #[call]
    fn open(&mut self) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[call(Count)]
    fn count(&mut self, _: Count) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[call]
    fn touched(&self) -> u64 {
        self.touched
    }
}

/// What takes no JSON.
pub(crate) struct Plain;

#[swarm::worker(public)]
impl Plain {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn touch(&self) {}
}

/// A node without HTTP.
pub(crate) fn silent(cluster: &str, seeds: &[&Swarm]) -> Builder {
    loopback::builder(cluster, seeds).worker::<Trouble>()
}

pub(crate) fn builder(cluster: &str, seeds: &[&Swarm]) -> Builder {
    silent(cluster, seeds).http(Http::at("127.0.0.1:0"))
}

/// One node.
pub(crate) async fn one(cluster: &str) -> (Swarm, SocketAddr) {
    let node = builder(cluster, &[]).start().await.expect("a node starts");
    let at = at(&node);
    (node, at)
}

/// Two nodes that know each other.
pub(crate) async fn pair(cluster: &str) -> [Swarm; 2] {
    loopback::pair(builder(cluster, &[]), |one| builder(cluster, &[one])).await
}

/// Where a node serves HTTP.
pub(crate) fn at(node: &Swarm) -> SocketAddr {
    node.http().expect("it serves HTTP")
}

/// Registers workers until one is on this node, and gives its name.
async fn on<W: swarm::Worker>(node: &Swarm, register: impl AsyncFn(&str) -> swarm::Location) -> String {
    for i in 0..200 {
        let name = format!("{}/{}/{i}", W::NAME, node.node());
        if register(&name).await.node == node.node() {
            return name;
        }
    }
    panic!("of 200 names none is at {}", node.node());
}

pub(crate) async fn account_on(node: &Swarm) -> String {
    on::<Account>(node, async |name| AccountClient::whereis_or_register(name, 0).on(node).await.expect("it starts"))
        .await
}

pub(crate) async fn trouble_on(node: &Swarm) -> String {
    on::<Trouble>(node, async |name| TroubleClient::whereis_or_register(name, ()).on(node).await.expect("it starts"))
        .await
}

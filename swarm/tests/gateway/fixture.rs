//! Owns the nodes of a test, their gateways and their workers.

use swarm::Builder;
use swarm::prelude::*;
use swarm::remote::Client;

use super::loopback;
pub(crate) use super::loopback::hold::hold;
pub(crate) use super::loopback::{PATIENCE, patient, until};

/// What programs that are no members may reach.
pub(crate) struct Account {
    cents: u64,
}

#[swarm::worker(public)]
impl Account {
    #[init]
    fn init(opening: u64) -> Result<Self, String> {
        if opening > 1_000_000 { Err("too rich".to_owned()) } else { Ok(Self { cents: opening }) }
    }

    #[call]
    fn balance(&self) -> u64 {
        self.cents
    }

    #[call]
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }

    #[cast]
    fn fee(&mut self, cents: u64) {
        self.cents -= cents;
    }

    #[call]
    async fn hold(&self, name: String) -> u64 {
        hold(&name).wait().await;
        self.cents
    }

    #[call]
    fn take(&self, bytes: Vec<u8>) -> u64 {
        bytes.len() as u64
    }

    #[call]
    fn give(&self, bytes: u64) -> Vec<u8> {
        vec![7; usize::try_from(bytes).expect("it fits into memory")]
    }

    #[call]
    fn fail(&mut self) {
        panic!("as it was told to");
    }

    #[call(Count)]
    fn count(&self, _: Count) -> u64 {
        self.cents
    }

    #[cast(Hear)]
    fn hear(&mut self, hear: Hear) {
        self.cents += hear.cents;
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

impl Account {
    /// One that is on no node.
    pub(crate) fn detached() -> Self {
        Self { cents: 0 }
    }
}

/// What only members may reach.
pub(crate) struct Vault {
    touched: u64,
}

#[swarm::worker]
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

    #[cast]
    fn shake(&mut self) {
        self.touched += 1;
    }

    #[call(Count)]
    fn count(&mut self, _: Count) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[cast(Hear)]
    fn hear(&mut self, _: Hear) {
        self.touched += 1;
    }

    #[call]
    fn touched(&self) -> u64 {
        self.touched
    }
}

/// What both answer.
#[swarm::message(reply = u64)]
pub(crate) struct Count;

/// What both hear.
#[swarm::message]
pub(crate) struct Hear {
    pub(crate) cents: u64,
}

#[derive(swarm::Group)]
#[group(worker = Account, name = "audited")]
pub(crate) struct Audited;

#[derive(swarm::Group)]
#[group(name = "everyone")]
pub(crate) struct Everyone;

/// The same worker as another program knows it, which has another version of its messages and init arguments.
pub(crate) mod other {
    pub(crate) struct Account;

    #[swarm::worker(public, name = "Account", register = manual)]
    impl Account {
        #[init]
        fn init(_opening: String) -> Self {
            Self
        }

        #[call]
        fn deposit(&mut self, _cents: String) -> u64 {
            0
        }

        /// What it has never had here.
        #[call]
        fn close(&mut self) {}
    }
}

pub(crate) fn builder(cluster: &str, seeds: &[&Swarm]) -> Builder {
    loopback::builder(cluster, seeds).gateway("127.0.0.1:0")
}

/// Two nodes that know each other.
pub(crate) async fn pair(cluster: &str) -> [Swarm; 2] {
    loopback::pair(builder(cluster, &[]), |one| builder(cluster, &[one])).await
}

/// The address of a node's gateway.
pub(crate) fn gateway(node: &Swarm) -> String {
    node.gateway().expect("it has a gateway").to_string()
}

/// A program that may use these gateways.
pub(crate) async fn program(nodes: &[&Swarm]) -> Client {
    let addrs: Vec<String> = nodes.iter().map(|node| gateway(node)).collect();
    Client::builder().timeout(PATIENCE).connect(addrs).await.expect("it is let in")
}

/// Registers accounts until one is on this node, and gives its name.
pub(crate) async fn account_on(node: &Swarm) -> String {
    for i in 0..200 {
        let name = format!("on/{}/{i}", node.node());
        let at = AccountClient::whereis_or_register(&name, 0).on(node).await.expect("it starts");
        if at.node == node.node() {
            return name;
        }
    }
    panic!("of 200 names none is at {}", node.node());
}

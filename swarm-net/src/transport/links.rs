//! Owns the sockets of all connections by their token, and counts those that belong to strangers.
//! Never decides what a connection is for.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::appetite::Appetite;
use super::credit::Credit;
use super::dials::Target;
use super::peer::{Lane, Peer};
use super::sockets::{Stream, Token};
use crate::connection::Connection;
use crate::node::NodeId;
use crate::wire::Greeting;

/// A connection with its socket.
#[derive(Debug)]
pub(crate) struct Link {
    /// Shared with the senders, once the connection is open.
    pub(crate) stream: Arc<dyn Stream>,
    pub(crate) connection: Connection,
    pub(crate) about: About,
    /// The other end sends no more, as far as was told.
    pub(crate) closed: bool,
}

/// What is known of a connection beside its bytes.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) origin: Origin,
    /// What the other node said of itself.
    pub(crate) greeting: Option<Greeting>,
    /// Whom we expect at the other end of our dial, and the count of connections with it that we told.
    pub(crate) expects: Option<NodeId>,
    pub(crate) links_told: u64,
    /// The lane of which peer it carries, once it does.
    pub(crate) carries: Option<(Arc<Peer>, Lane)>,
    /// How the other end reads what it has asked for.
    pub(crate) appetite: Appetite,
    /// What its frames were worth.
    pub(crate) credit: Credit,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// We dialled.
    Dialled(Target),
    /// We were dialled from this address.
    Accepted(SocketAddr),
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Links {
    /// Nothing stands where a connection is lent.
    table: BTreeMap<Token, Option<Box<Link>>>,
    next: usize,
    strangers: u32,
    strangers_by_ip: BTreeMap<IpAddr, u32>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialled((addr, _)) => write!(f, "{addr}, which we dialled"),
            Self::Accepted(addr) => write!(f, "{addr}, which dialled us"),
        }
    }
}

impl About {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            greeting: None,
            expects: None,
            links_told: 0,
            carries: None,
            appetite: Appetite::default(),
            credit: Credit::default(),
        }
    }
}

impl Links {
    /// Tokens are never used again, so that an event for a closed socket meets nobody.
    pub(crate) fn new(first: Token) -> Self {
        Self { table: BTreeMap::new(), next: first.0, strangers: 0, strangers_by_ip: BTreeMap::new() }
    }

    pub(crate) fn token(&mut self) -> Token {
        self.next += 1;
        Token(self.next - 1)
    }

    pub(crate) fn put(&mut self, token: Token, link: Box<Link>) {
        self.table.insert(token, Some(link));
    }

    pub(crate) fn take(&mut self, token: Token) -> Option<Box<Link>> {
        self.table.remove(&token)?
    }

    /// The same for a moment, after which it is put back.
    pub(crate) fn lend(&mut self, token: Token) -> Option<Box<Link>> {
        self.table.get_mut(&token)?.take()
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Link> {
        self.table.get_mut(&token)?.as_deref_mut()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Token, &mut Link)> {
        self.table.iter_mut().filter_map(|(token, link)| Some((*token, link.as_deref_mut()?)))
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.table.keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
    }

    /// Counts a new stranger, unless there are too many.
    pub(crate) fn admit_stranger(&mut self, ip: IpAddr, total_max: u32, per_ip_max: u32) -> bool {
        let from_ip = self.strangers_by_ip.get(&ip).copied().unwrap_or(0);
        let room = self.strangers < total_max && from_ip < per_ip_max;
        if room {
            self.strangers += 1;
            self.strangers_by_ip.insert(ip, from_ip + 1);
        }
        room
    }

    /// How many strangers there are.
    pub(crate) fn strangers(&self) -> u32 {
        self.strangers
    }

    /// A stranger is gone, or is none any more.
    pub(crate) fn release_stranger(&mut self, ip: IpAddr) {
        self.strangers -= 1;
        if let Some(count) = self.strangers_by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.strangers_by_ip.remove(&ip);
            }
        }
    }
}

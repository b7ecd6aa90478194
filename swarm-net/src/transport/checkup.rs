//! Owns what is found out about the ways to others when an operator asks: whether a connection is open, whether a small and a full packet are
//! answered, whether beacons come. Never judges: who asks sees all nodes, and this one only its own ends.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::node::NodeId;
use crate::time::Instant;

/// How long answers to pings are waited for: more than any round trip, less than who asks waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How many members are looked at, from this node's place in their order on. So all nodes together look at every member, and no node sends
/// thousands of packets at once.
pub(crate) const MEMBERS_MAX: usize = 64;

/// How many addresses that are dialled in vain are looked at.
pub(crate) const STRANGERS_MAX: usize = 16;

/// How many may wait for one check.
const WAITING_MAX: usize = 16;

/// The way to another node, or to an address where one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Way {
    /// Where the other end is, as it says itself, or as discovery found.
    pub addr: SocketAddr,
    /// Who it is, if it is a member.
    pub node: Option<NodeId>,
    /// The connection for calls is open.
    pub connected: bool,
    /// How often a connection was tried in vain since the last that came about.
    pub failures: u32,
    /// How long the answer to a small packet took; nothing if none came within a second.
    pub small: Option<Duration>,
    /// The same for one as large as any that nodes send.
    pub large: Option<Duration>,
    /// From where its packets come, if not from the address that it tells the others.
    pub elsewhere: Option<SocketAddr>,
    /// How long ago a beacon of it was heard.
    pub beacon: Option<Duration>,
}

impl Way {
    pub(crate) fn to(addr: SocketAddr) -> Self {
        Self {
            addr,
            node: None,
            connected: false,
            failures: 0,
            small: None,
            large: None,
            elsewhere: None,
            beacon: None,
        }
    }
}

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ways {
    /// To members, and to addresses that are dialled in vain.
    pub ways: Vec<Way>,
    /// This node sends beacons.
    pub beacons: bool,
}

/// Who waits for what is found.
pub(crate) struct Report(pub(crate) Box<dyn FnOnce(Ways) + Send>);

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

/// A check under way.
#[derive(Debug)]
pub(crate) struct CheckUp {
    pub(crate) began: Instant,
    pub(crate) ways: BTreeMap<SocketAddr, Way>,
    waiting: Vec<Report>,
}

impl CheckUp {
    pub(crate) fn of(ways: impl Iterator<Item = Way>, began: Instant) -> Self {
        Self { began, ways: ways.map(|way| (way.addr, way)).collect(), waiting: Vec::new() }
    }

    /// One more waits for it. Who is one too many is not told anything.
    pub(crate) fn join(&mut self, report: Report) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(report);
        }
    }

    /// An answer has come to a packet with so many bytes of body.
    pub(crate) fn ponged(&mut self, addr: SocketAddr, bytes: usize, now: Instant) {
        let Some(way) = self.ways.get_mut(&addr) else { return };
        let took = if bytes == 0 { &mut way.small } else { &mut way.large };
        took.get_or_insert(now.since(self.began));
    }

    /// Whether nothing more is waited for.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let answered = |way: &Way| way.small.is_some() && way.large.is_some();
        now.since(self.began) >= PATIENCE || self.ways.values().all(answered)
    }

    /// Tells all who wait.
    pub(crate) fn end(self, beacons: bool) {
        let found = Ways { ways: self.ways.into_values().collect(), beacons };
        for Report(tell) in self.waiting {
            tell(found.clone());
        }
    }
}

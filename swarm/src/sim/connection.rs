//! Owns the connections of a simulated network: their ends, and the segments on their way. They behave as TCP's do: what was cut is
//! delivered later, in order, or the connection ends. Never knows what the bytes mean.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;

use swarm_net::transport::Token;

use crate::sim::net::{Arrival, Inner};
use crate::sim::time::Time;

/// What goes over a connection.
#[derive(Debug)]
pub(super) enum Segment {
    Dial,
    Accepted,
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// Two ends: who dialled, and who was dialled.
pub(super) struct Connection {
    pub(super) ends: [End; 2],
}

/// One end of a connection.
pub(super) struct End {
    pub(super) addr: SocketAddr,
    pub(super) life: u32,
    pub(super) token: Option<Token>,
    /// Somebody holds it.
    pub(super) held: bool,
    pub(super) connected: bool,
    /// It has failed, or was refused.
    pub(super) failed: Option<ErrorKind>,
    /// Nothing more will come.
    pub(super) ended: bool,
    /// What has arrived and was not read.
    pub(super) arrived: VecDeque<u8>,
    /// What is on its way to here, in order.
    pub(super) coming: VecDeque<(Time, Segment)>,
    /// Bytes on their way to here.
    pub(super) under_way: usize,
    /// Since when a segment waits for its way to be free again.
    pub(super) held_up: Option<Time>,
    /// The other end waits for room.
    pub(super) wanted: bool,
}

impl End {
    pub(super) fn new(addr: SocketAddr, life: u32, token: Option<Token>) -> Self {
        Self {
            addr,
            life,
            token,
            held: token.is_some(),
            connected: false,
            failed: None,
            ended: false,
            arrived: VecDeque::new(),
            coming: VecDeque::new(),
            under_way: 0,
            held_up: None,
            wanted: false,
        }
    }
}

impl Inner {
    /// Something can be done at an end.
    pub(super) fn tell(&mut self, id: u64, side: usize, writable: bool) {
        let Some(end) = self.connections.get(&id).map(|connection| &connection.ends[side]) else { return };
        if let (Some(token), true) = (end.token, end.held)
            && let Some(host) = self.hosts.get_mut(&end.addr).filter(|host| host.runs && host.life == end.life)
        {
            *host.ready.entry(token).or_default() |= writable;
            self.busy.insert(end.addr);
        }
    }

    /// Sends a segment to a side of a connection.
    pub(super) fn push(&mut self, id: u64, side: usize, segment: Segment) {
        let at = self.now + self.way();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[side];
        let at = end.coming.back().map_or(at, |(last, _)| at.max(*last));
        if let Segment::Bytes(bytes) = &segment {
            end.under_way += bytes.len();
            self.traffic.writes += 1;
            self.traffic.written_bytes += bytes.len() as u64;
        }
        end.coming.push_back((at, segment));
        if end.coming.len() == 1 && end.held_up.is_none() {
            self.plan(at, Arrival::Segment(id, side));
        }
    }

    pub(super) fn deliver_segment(&mut self, id: u64, side: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (from, to) = (connection.ends[1 - side].addr, connection.ends[side].addr);
        if self.cuts.contains(&(from, to)) {
            connection.ends[side].held_up = Some(self.now);
            return;
        }
        let end = &mut connection.ends[side];
        let Some((_, segment)) = end.coming.pop_front() else { return };
        let next = end.coming.front().map(|(at, _)| *at);
        self.arrive(id, side, segment);
        if let Some(at) = next {
            let at = at.max(self.now);
            self.plan(at, Arrival::Segment(id, side));
        }
        self.forget(id);
    }

    fn arrive(&mut self, id: u64, side: usize, segment: Segment) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[side];
        let host = self.hosts.get_mut(&end.addr);
        if let Segment::Bytes(bytes) = &segment {
            end.under_way -= bytes.len();
        }
        match segment {
            Segment::Dial => match host {
                Some(host) if host.runs => {
                    end.life = host.life;
                    end.connected = true;
                    host.backlog.push_back(id);
                    host.ready.entry(Token::LISTENER).or_default();
                    self.busy.insert(end.addr);
                    self.push(id, 1 - side, Segment::Accepted);
                }
                Some(host) if host.answers => self.push(id, 1 - side, Segment::Reset),
                Some(_) | None => {}
            },
            Segment::Accepted => {
                end.connected = true;
                self.tell(id, side, true);
            }
            Segment::Bytes(bytes) => {
                let lives = host.is_some_and(|host| host.runs && host.life == end.life);
                let open = end.held || end.token.is_none();
                if lives && open && end.failed.is_none() {
                    end.arrived.extend(bytes);
                    self.tell(id, side, false);
                } else if self.hosts.get(&self.connections[&id].ends[side].addr).is_some_and(|host| host.answers) {
                    // Nobody is here for it.
                    self.push(id, 1 - side, Segment::Reset);
                }
            }
            Segment::End => {
                end.ended = true;
                self.tell(id, side, false);
            }
            Segment::Reset => {
                let kind = if end.connected { ErrorKind::ConnectionReset } else { ErrorKind::ConnectionRefused };
                self.fail(id, side, kind);
            }
        }
    }

    pub(super) fn fail(&mut self, id: u64, side: usize, kind: ErrorKind) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let end = &mut connection.ends[side];
            end.failed.get_or_insert(kind);
            end.arrived.clear();
            self.tell(id, side, true);
        }
    }

    /// An end is not held any more.
    pub(super) fn close(&mut self, id: u64, side: usize, silent: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[side];
        end.held = false;
        let unread = !end.arrived.is_empty();
        end.arrived.clear();
        // What was never heard of needs no word.
        let silent = silent || end.failed.is_some();
        if !silent {
            self.push(id, 1 - side, if unread { Segment::Reset } else { Segment::End });
        }
        self.forget(id);
    }

    /// A connection that nobody holds and nothing travels on is no more.
    fn forget(&mut self, id: u64) {
        let over = |end: &End| !end.held && end.coming.is_empty();
        let waits =
            |end: &End| end.token.is_none() && self.hosts.get(&end.addr).is_some_and(|host| host.backlog.contains(&id));
        if self.connections.get(&id).is_some_and(|c| c.ends.iter().all(over) && !waits(&c.ends[1])) {
            self.connections.remove(&id);
        }
    }
}

//! The I/O thread's loop: sockets first, then commands, then timers. Never blocks but in the poll.

mod dialling;
mod handshake;
mod members;
mod serving;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use mio::net::{TcpListener, UdpSocket};
use mio::{Events, Poll, Token};

use super::command::Command;
use super::dials::Dials;
use super::inbox::Inbox;
use super::links::Links;
use super::pairs::Pairs;
use super::wake::{CommandQueue, Commands};
use crate::config::{NetConfig, ms};
use crate::connection::ConnectionLimits;
use crate::discovery::Search;
use crate::error::NetError;
use crate::filter::NodeFilter;
use crate::membership::{Input, Membership, Output};
use crate::node::NodeId;
use crate::time::{Clock, Instant};
use crate::wire::{ClusterHash, Scratch};

pub(crate) const LISTENER: Token = Token(0);
pub(crate) const UDP: Token = Token(1);
pub(crate) const WAKER: Token = Token(2);
pub(crate) const FIRST_LINK: Token = Token(3);

/// Deadlines of connections are looked at so often: far below the shortest of them.
const SWEEP: Duration = Duration::from_millis(250);
/// Commands taken in one turn, so that many busy senders do not starve the sockets.
const COMMANDS_PER_TURN: usize = 4_096;
/// Membership's timers wait for gossip that is still unread, but not longer than this: it may hold refutations.
const TIMER_LAG_MAX: Duration = Duration::from_millis(50);
/// Events of one poll. More of them come with the next.
const EVENTS: usize = 1_024;

/// Everything that the I/O thread owns.
pub(crate) struct Driver {
    pub(crate) me: NodeId,
    pub(crate) cluster: String,
    pub(crate) rules: String,
    pub(crate) cluster_hash: ClusterHash,
    pub(crate) config: NetConfig,
    pub(crate) limits: ConnectionLimits,
    pub(crate) filter: NodeFilter,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) poll: Poll,
    /// Gone as soon as the node stops, so that a new dial is refused.
    pub(crate) listener: Option<TcpListener>,
    /// Gone with the listener, so that whoever sees a connection end may use the port.
    pub(crate) udp: Option<UdpSocket>,
    pub(crate) commands: Commands,
    pub(crate) queue: CommandQueue,
    pub(crate) search: Search,
    pub(crate) membership: Membership,
    pub(crate) outputs: Vec<Output>,
    pub(crate) links: Links,
    pub(crate) pairs: Pairs,
    pub(crate) dials: Dials,
    /// Sockets that may have more to read, or room to write what waits: the poll tells of each only once.
    pub(crate) unfinished: BTreeSet<Token>,
    /// Connections with something new to write.
    pub(crate) dirty: BTreeSet<Token>,
    /// Frames were delivered in this turn.
    pub(crate) delivered: bool,
    /// The datagram that is being written.
    pub(crate) packet: Vec<u8>,
    /// The datagram that was read.
    pub(crate) datagram: Vec<u8>,
    pub(crate) next_sweep: Instant,
    pub(crate) leaving: Option<Leaving>,
    pub(crate) fatal: Option<NetError>,
}

/// The node says goodbye.
pub(crate) struct Leaving {
    until: Instant,
    done: Vec<Sender<()>>,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

impl Driver {
    /// Runs until the node stops, leaves, or cannot go on.
    pub(crate) fn run(&mut self) -> Result<(), NetError> {
        let (mut events, mut scratch) = (Events::with_capacity(EVENTS), Scratch::default());
        while self.turn(&mut events, &mut scratch)? == Flow::Go {}
        Ok(())
    }

    fn turn(&mut self, events: &mut Events, scratch: &mut Scratch) -> Result<Flow, NetError> {
        self.sleep(events).map_err(|error| NetError::System { problem: format!("poll: {error}") })?;
        let mut ready = std::mem::take(&mut self.unfinished);
        let mut writable = std::mem::take(&mut self.dirty);
        for event in events.iter() {
            ready.insert(event.token());
            if event.is_writable() {
                writable.insert(event.token());
            }
        }
        if ready.remove(&UDP) {
            self.read_packets();
        }
        if ready.remove(&LISTENER) {
            self.accept();
        }
        ready.remove(&WAKER);
        for token in ready {
            self.serve(token, scratch);
            writable.remove(&token);
        }
        for token in writable {
            self.flush(token);
        }
        if std::mem::take(&mut self.delivered) {
            self.inbox.batch();
        }
        let flow = self.obey();
        self.fire_timers();
        self.perform();
        for token in std::mem::take(&mut self.dirty) {
            self.flush(token);
        }
        self.perform();
        match self.fatal.take() {
            Some(error) => Err(error),
            None if flow == Flow::End || self.has_left() => Ok(Flow::End),
            None => Ok(Flow::Go),
        }
    }

    fn sleep(&mut self, events: &mut Events) -> io::Result<()> {
        let busy = !self.unfinished.is_empty() || !self.dirty.is_empty() || !self.queue.fall_asleep();
        let timeout = if busy { Duration::ZERO } else { self.time_to_next() };
        let polled = self.poll.poll(events, Some(timeout));
        self.queue.wake_up();
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            polled => polled,
        }
    }

    fn time_to_next(&self) -> Duration {
        let timers = [self.membership.next_timeout(), self.dials.next(), self.leaving.as_ref().map(|l| l.until)];
        let next = timers.into_iter().flatten().fold(self.next_sweep, Ord::min);
        next.since(Clock::instant())
    }

    /// Takes the commands that wait.
    fn obey(&mut self) -> Flow {
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = self.queue.next() else { break };
            match command {
                Command::Ready(peer, lane) => {
                    peer.take_announcement(lane);
                    self.send_waiting(&peer, lane);
                }
                Command::Found(addr) => self.found(addr),
                Command::Heard { node, joined } => self.heard_beacon(node, joined),
                Command::Profile(profile) => self.tell(Input::Profile(profile)),
                Command::Leave(done) => self.leave(done),
                Command::Stop => return Flow::End,
            }
        }
        Flow::Go
    }

    fn fire_timers(&mut self) {
        let now = Clock::instant();
        if let Some(due) = self.membership.next_timeout()
            && due <= now
            && (!self.unfinished.contains(&UDP) || now.since(due) >= TIMER_LAG_MAX)
        {
            self.tell(Input::Timeout);
        }
        self.dial_due(now);
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
    }

    /// Looks at the deadlines of all connections.
    fn sweep(&mut self, now: Instant) {
        for token in self.links.tokens() {
            let Some(link) = self.links.get_mut(token) else { continue };
            match link.connection.tick(now) {
                Ok(()) if link.connection.is_flushed() => {}
                Ok(()) => {
                    self.dirty.insert(token);
                }
                Err(ended) => self.end(token, ended),
            }
        }
        self.dials.forget_old(now);
    }

    fn leave(&mut self, done: Sender<()>) {
        if let Some(leaving) = &mut self.leaving {
            leaving.done.push(done);
            return;
        }
        // What was sent before must go out before the goodbye, which overtakes what is queued.
        for token in self.links.tokens() {
            self.flush(token);
        }
        self.leaving = Some(Leaving { until: Clock::instant() + ms(self.config.goodbye_ms), done: vec![done] });
        self.search.stop();
        self.tell(Input::Leave);
    }

    /// The others hang up when they have heard the goodbye. Who is not connected hears of it by gossip.
    fn has_left(&self) -> bool {
        let Some(leaving) = &self.leaving else { return false };
        let told = self.pairs.iter().next().is_none() || self.membership.next_timeout().is_none();
        leaving.until <= Clock::instant() || (told && self.links.is_empty())
    }

    /// Closes everything: first what is bound to the port, so that whoever loses us and dials again is refused.
    pub(crate) fn close(&mut self) {
        (self.listener, self.udp) = (None, None);
        self.links.clear();
        self.search.stop();
        for node in self.pairs.nodes() {
            self.drop_pair(node);
        }
        for done in self.leaving.take().into_iter().flat_map(|leaving| leaving.done) {
            // It fails if nobody waits any more.
            let _ = done.try_send(());
        }
    }
}

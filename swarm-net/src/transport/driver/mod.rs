//! The I/O thread's loop: sockets first, then commands, then timers. Never blocks but in the poll.

mod checking;
mod counting;
mod dialling;
mod doubt;
mod handshake;
mod holding;
mod members;
mod renewing;
mod serving;

use std::collections::BTreeMap;
use std::io;
use std::mem::{swap, take};
use std::sync::Arc;
use std::time::Duration;

use super::checkup::CheckUp;
use super::command::{Command, Done};
use super::dials::Dials;
use super::inbox::Inbox;
use super::links::Links;
use super::pairs::Pairs;
use super::shares::Shares;
use super::sockets::{Ready, Sockets, Token, Tokens};
use super::traffic::{Meter, Traffic};
use super::wake::{CommandQueue, Commands};
use crate::config::{NetConfig, ms};
use crate::connection::{ConnectionLimits, Lock};
use crate::discovery::Search;
use crate::error::NetError;
use crate::filter::NodeFilter;
use crate::membership::{Input, Membership, Output};
use crate::node::NodeId;
use crate::secret::{Ears, Post, Refusals};
use crate::time::{Clock, Instant};
use crate::wire::Scratch;

/// Deadlines of connections are looked at so often: far below the shortest of them.
const SWEEP: Duration = Duration::from_millis(250);
/// Commands taken in one turn, so that many busy senders do not starve the sockets.
const COMMANDS_PER_TURN: usize = 4_096;
/// Membership's timers wait for gossip that is still unread, but not longer than this: it may hold refutations.
const TIMER_LAG_MAX: Duration = Duration::from_millis(50);
/// No turn takes as long as this, so one that begins so late was not run.
const LATE_MIN: Duration = SWEEP;

/// Everything that the I/O thread owns.
pub(crate) struct Driver {
    pub(crate) me: NodeId,
    pub(crate) cluster: String,
    pub(crate) rules: String,
    /// What closes connections to those without the secret, or without a certificate, if there is one.
    pub(crate) lock: Option<Lock>,
    /// What seals packets, and what opens them.
    pub(crate) post: Post,
    pub(crate) ears: Ears,
    pub(crate) refusals: Refusals,
    pub(crate) meter: Meter,
    /// What went over connections and to peers that are no more, and all packets.
    pub(crate) past: Traffic,
    pub(crate) config: NetConfig,
    pub(crate) limits: ConnectionLimits,
    pub(crate) filter: NodeFilter,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) sockets: Box<dyn Sockets>,
    /// What can be done with them, as of the last look.
    pub(crate) ready: Vec<Ready>,
    pub(crate) commands: Commands,
    pub(crate) queue: CommandQueue,
    pub(crate) search: Search,
    pub(crate) membership: Membership,
    pub(crate) outputs: Vec<Output>,
    pub(crate) links: Links,
    pub(crate) pairs: Pairs,
    /// The suspected nodes whose connections were pinged, and when each answered by UDP.
    pub(crate) doubts: BTreeMap<NodeId, Option<Instant>>,
    /// The check of the ways to others that an operator has asked for.
    pub(crate) checkup: Option<CheckUp>,
    pub(crate) dials: Dials,
    /// Sockets that may have more to read, or room to write what waits: the poll tells of each only once.
    pub(crate) unfinished: Tokens,
    /// Connections from which nothing is read for now, since what came of their peers is not worked off.
    pub(crate) held: Tokens,
    /// How much may be read from each in one turn.
    pub(crate) shares: Shares,
    /// Connections with something new to write.
    pub(crate) dirty: Tokens,
    /// Those that the turn under way reads, and those that it writes.
    pub(crate) reads: Tokens,
    pub(crate) writes: Tokens,
    /// Handshakes that went on in this turn and take signatures.
    pub(crate) costly: u32,
    /// Frames were delivered in this turn.
    pub(crate) delivered: bool,
    /// The datagram that is being written.
    pub(crate) packet: Vec<u8>,
    /// The datagram that was read.
    pub(crate) datagram: Vec<u8>,
    pub(crate) next_sweep: Instant,
    /// When the last turn began.
    pub(crate) began: Instant,
    pub(crate) leaving: Option<Leaving>,
    pub(crate) fatal: Option<NetError>,
}

/// The node says goodbye.
pub(crate) struct Leaving {
    until: Instant,
    done: Vec<Done>,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Go,
    End,
}

impl Driver {
    /// Runs until the node stops, leaves, or cannot go on.
    pub(crate) fn run(&mut self) -> Result<(), NetError> {
        let mut scratch = Scratch::default();
        while self.turn(&mut scratch)? == Flow::Go {}
        Ok(())
    }

    /// Sleeps until there is something to do, and does it.
    pub(crate) fn turn(&mut self, scratch: &mut Scratch) -> Result<Flow, NetError> {
        let due = if self.is_busy() { self.began } else { self.next_due() };
        self.sleep().map_err(|error| NetError::System { problem: format!("poll: {error}") })?;
        let now = Clock::instant();
        self.costly = 0;
        let late = now.since(due.max(std::mem::replace(&mut self.began, now)));
        if late >= LATE_MIN {
            self.inbox.late(late);
        }
        let (mut ready, mut writable) = (take(&mut self.reads), take(&mut self.writes));
        swap(&mut ready, &mut self.unfinished);
        swap(&mut writable, &mut self.dirty);
        for Ready { token, writable: has_room, closed } in self.ready.drain(..) {
            if closed && let Some(link) = self.links.get_mut(token) {
                link.closed = true;
            }
            ready.insert(token);
            if has_room {
                writable.insert(token);
            }
        }
        if ready.remove(Token::DATAGRAMS) {
            self.read_packets();
        }
        if ready.remove(Token::LISTENER) {
            self.accept();
        }
        ready.remove(Token::WAKER);
        self.let_go_on(&mut ready);
        for token in ready.drain() {
            self.serve(token, scratch);
            writable.remove(token);
        }
        writable.drain().for_each(|token| self.flush(token));
        if take(&mut self.delivered) {
            self.inbox.batch();
        }
        let flow = self.obey();
        self.fire_timers();
        self.perform();
        swap(&mut writable, &mut self.dirty);
        writable.drain().for_each(|token| self.flush(token));
        (self.reads, self.writes) = (ready, writable);
        self.perform();
        match self.fatal.take() {
            Some(error) => Err(error),
            None if flow == Flow::End || self.has_left() => Ok(Flow::End),
            None => Ok(Flow::Go),
        }
    }

    fn sleep(&mut self) -> io::Result<()> {
        let longest = self.next_due().since(Clock::instant());
        self.queue.sleep(self.is_busy(), |busy| {
            self.sockets.wait(if busy { Duration::ZERO } else { longest }, &mut self.ready)
        })
    }

    /// Whether there is more to do than one turn did.
    pub(crate) fn is_busy(&self) -> bool {
        !self.unfinished.is_empty() || !self.dirty.is_empty()
    }

    /// When something is due, whatever happens before.
    pub(crate) fn next_due(&self) -> Instant {
        let leaving = self.leaving.as_ref().map(|leaving| leaving.until);
        let timers =
            [self.membership.next_timeout(), self.dials.next(), leaving, self.inbox.due(), self.look_at_held()];
        timers.into_iter().flatten().fold(self.next_sweep, Ord::min)
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
                Command::Renew => self.renew(),
                Command::Cut(node, lane) => self.cut(node, lane),
                Command::Found(addr) => self.found(addr),
                Command::Heard { node, joined } => self.heard_beacon(node, joined),
                Command::CheckUp(report) => self.check_up(report),
                Command::Profile(profile, Done(done)) => {
                    self.tell(Input::Profile(profile));
                    self.perform();
                    done();
                }
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
            && (!self.unfinished.contains(Token::DATAGRAMS) || now.since(due) >= TIMER_LAG_MAX)
        {
            self.tell(Input::Timeout);
        }
        self.dial_due(now);
        if self.inbox.due().is_some_and(|due| due <= now) {
            self.inbox.overdue();
        }
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
    }

    /// Looks at the deadlines of all connections.
    fn sweep(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (token, link) in self.links.iter_mut() {
            match link.connection.tick(now) {
                Ok(()) if link.connection.is_flushed() => {}
                Ok(()) => {
                    self.dirty.insert(token);
                }
                Err(ended) => over.push((token, ended)),
            }
        }
        for (token, ended) in over {
            self.end(token, ended);
        }
        self.settle_doubts(now);
        self.end_check_up(now);
        self.dials.forget_old(now);
        self.tell_traffic();
    }

    fn leave(&mut self, done: Done) {
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
        self.sockets.close();
        self.links.clear();
        self.search.stop();
        for node in self.pairs.nodes() {
            self.drop_pair(node);
        }
        for Done(done) in self.leaving.take().into_iter().flat_map(|leaving| leaving.done) {
            done();
        }
    }
}

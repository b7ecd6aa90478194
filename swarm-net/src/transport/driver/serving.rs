//! Owns how the sockets are read and written, and what happens when a connection ends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Driver;
use super::holding::brought;
use crate::config::ms;
use crate::connection::{Answer, Connection, Denial, Drained, Ended, Event, Flushed, Phase};
use crate::membership::Input;
use crate::secret::Trouble;
use crate::time::{Clock, Instant};
use crate::transport::links::{About, Link, Origin};
use crate::transport::outlet::Outlet;
use crate::transport::peer::{Lane, Peer};
use crate::transport::sockets::{Arrived, Stream, Token};
use crate::wire::{PacketKind, Scratch, WireError};

/// Longest datagram that is read: what one can be at most.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Handshakes with certificates that go on in one turn: each takes some hundreds of microseconds, so these together some
/// milliseconds.
const COSTLY_PER_TURN: u32 = 16;

impl Driver {
    pub(super) fn read_packets(&mut self) {
        let mut buffer = std::mem::take(&mut self.datagram);
        buffer.resize(DATAGRAM_BYTES_MAX, 0);
        self.unfinished.insert(Token::DATAGRAMS);
        for _ in 0..self.config.packets_per_turn {
            match self.sockets.receive(&mut buffer) {
                Ok((length, from)) => self.packet(from, &mut buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unfinished.remove(Token::DATAGRAMS);
                    break;
                }
                // An ICMP answer to something that we sent; what arrives is not concerned.
                Err(_) => {}
            }
        }
        self.datagram = buffer;
    }

    fn packet(&mut self, from: SocketAddr, bytes: &mut [u8]) {
        self.past.packets_received += 1;
        self.past.packet_bytes_received += bytes.len() as u64;
        let Self { ears, pairs, .. } = self;
        let now = Clock::now().unix_ms;
        let Some(packet) = ears.open(bytes, from, now, |sender| pairs.get(sender).is_some()) else { return };
        let addr = packet.sender.addr();
        // Answers go to the claimed address. Unless that is where the packet came from, or the claim was proved by a
        // connection (as behind address translation), anybody could make us flood anybody.
        let direct = (from.ip().to_canonical(), from.port()) == (addr.ip().to_canonical(), addr.port());
        let proved = direct || self.pairs.get(packet.sender).is_some_and(|pair| pair.calls.open.is_some());
        let trusted = packet.sender != self.me && proved && self.filter.admits(addr);
        if !proved {
            self.refusals.note(Trouble::PacketElsewhere, &from);
        } else if let Some(pair) = self.pairs.get_mut(packet.sender) {
            pair.elsewhere = (!direct).then_some(from);
        }
        match packet.kind {
            PacketKind::Gossip if trusted => self.tell(Input::Packet { from: addr, bytes: packet.body }),
            // The answer is shorter than the question, and says how long that was, unless it had no body.
            PacketKind::Ping if trusted => {
                let length = u16::try_from(packet.body.len()).unwrap_or(u16::MAX).to_le_bytes();
                self.send_packet(PacketKind::Pong, addr, if packet.body.is_empty() { &[] } else { &length });
            }
            PacketKind::Pong if trusted => {
                let bytes = packet.body.len();
                self.answered(packet.sender);
                self.ponged(addr, bytes);
            }
            // Beacons come to a group, on a socket of its own.
            PacketKind::Gossip | PacketKind::Ping | PacketKind::Pong | PacketKind::Beacon { .. } => {}
        }
    }

    pub(super) fn send_packet(&mut self, kind: PacketKind, to: SocketAddr, body: &[u8]) {
        self.post.seal(kind, body, Clock::now().unix_ms, &mut self.packet);
        match self.sockets.send(&self.packet, to) {
            Ok(()) => {
                self.past.packets_sent += 1;
                self.past.packet_bytes_sent += self.packet.len() as u64;
            }
            // All that goes by packets survives lost ones, whoever lost them.
            Err(error) => tracing::trace!(%to, %error, "a packet was not sent"),
        }
    }

    pub(super) fn accept(&mut self) {
        self.unfinished.insert(Token::LISTENER);
        for _ in 0..self.config.accepts_per_turn {
            let token = self.links.token();
            match self.sockets.accept(token) {
                Ok((stream, from)) => self.accepted(token, stream, from),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unfinished.remove(Token::LISTENER);
                    break;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // No descriptors are left, most likely. The next connection that comes is an event again.
                    self.refusals.note(Trouble::Unaccepted, &error);
                    self.unfinished.remove(Token::LISTENER);
                    break;
                }
            }
        }
    }

    fn accepted(&mut self, token: Token, stream: Arc<dyn Stream>, from: SocketAddr) {
        let (total, per_ip) = (self.config.strangers_max, self.config.strangers_per_ip_max);
        if self.leaving.is_some() || !self.links.admit_stranger(from.ip(), total, per_ip) {
            if self.leaving.is_none() {
                self.refusals.note(Trouble::Crowd, &from);
            }
            return;
        }
        let connection = Connection::accepted(self.limits, self.lock.as_ref(), Clock::instant());
        let about = About::new(Origin::Accepted(from));
        self.links.put(token, Box::new(Link { stream, connection, about, closed: false }));
        self.unfinished.insert(token);
    }

    /// Reads and writes one connection.
    pub(super) fn serve(&mut self, token: Token, scratch: &mut Scratch) {
        let Some(mut link) = self.links.lend(token) else { return };
        let served = self.serve_link(token, &mut link, scratch);
        self.links.put(token, link);
        match served {
            Ok(()) => {}
            Err(ended) => self.end(token, ended),
        }
        self.perform();
    }

    fn serve_link(&mut self, token: Token, link: &mut Link, scratch: &mut Scratch) -> Result<(), Ended> {
        if link.connection.phase() == Phase::Dialling && !self.dialled(link)? {
            return Ok(());
        }
        let now = Clock::instant();
        if self.is_held(token, link, now) {
            return self.flush_link(token, link);
        }
        if link.connection.is_costly() && !self.affords() {
            self.unfinished.insert(token);
            return self.flush_link(token, link);
        }
        let Link { stream, connection, about, closed } = link;
        let (mut frames, was_open, before) = (false, about.carries.is_some(), connection.frames());
        connection.allow(self.shares.of(token, now).min(allowance(about, connection, now)));
        let drained = connection.read(&mut Arrived::at(&**stream, *closed), scratch, now, &mut |event| {
            if let (&Event::Frame(frame), Some((peer, lane))) = (&event, &about.carries) {
                frames = true;
                self.inbox.frame(peer, *lane, frame);
                Answer::Go
            } else {
                self.answer(token, about, event)
            }
        });
        self.delivered |= frames;
        if frames {
            self.shares.note(token, u32::try_from(connection.frames() - before).unwrap_or(u32::MAX));
        }
        self.heard(about, now);
        if drained? == Drained::Budget {
            self.unfinished.insert(token);
        }
        if let (false, Some((peer, lane))) = (was_open, &about.carries) {
            peer.set_outlet(*lane, Some(Outlet::new(Arc::clone(stream), connection.writer().clone())));
            if let Some(counted) = self.post.counted() {
                connection.counted(counted);
            }
        }
        self.flush_link(token, link)
    }

    /// Whether a handshake that takes signatures may go on in this turn.
    fn affords(&mut self) -> bool {
        let affords = self.costly < COSTLY_PER_TURN;
        self.costly += u32::from(affords);
        affords
    }

    /// Writes what waits for one connection.
    pub(super) fn flush(&mut self, token: Token) {
        let Some(mut link) = self.links.lend(token) else { return };
        let flushed = match link.connection.phase() {
            Phase::Dialling => Ok(()),
            Phase::AwaitWelcome | Phase::AwaitHello | Phase::AwaitConfirm | Phase::Open | Phase::Rejecting => {
                self.flush_link(token, &mut link)
            }
        };
        self.links.put(token, link);
        if let Err(ended) = flushed {
            self.end(token, ended);
        }
    }

    fn flush_link(&mut self, token: Token, link: &mut Link) -> Result<(), Ended> {
        let queue = link.about.carries.as_ref().map(|(peer, lane)| peer.queue(*lane));
        match link.connection.flush(&mut &*link.stream, queue)? {
            // The poll tells when there is room again.
            Flushed::All | Flushed::WouldBlock => {}
            Flushed::Budget => {
                self.dirty.insert(token);
            }
        }
        Ok(())
    }

    /// Frames wait on a lane: write them, or connect.
    pub(super) fn send_waiting(&mut self, peer: &Arc<Peer>, lane: Lane) {
        let Some(pair) = self.pairs.get(peer.node()) else { return };
        if !Arc::ptr_eq(&pair.peer, peer) {
            return;
        }
        match (pair.strand(lane).open, lane) {
            (Some(token), _) => self.flush(token),
            (None, Lane::Bulk) if pair.calls.open.is_some() => {
                self.dials.want((peer.node().addr(), Lane::Bulk), Clock::instant());
            }
            // The calls lane is connected as soon as membership or the back-off wants it.
            (None, Lane::Calls | Lane::Bulk) => {}
        }
    }

    /// Tells membership of traffic, not too often.
    fn heard(&mut self, about: &About, now: Instant) {
        let Some((peer, _)) = &about.carries else { return };
        let every = ms(self.config.heard_every_ms);
        let Some(pair) = self.pairs.get_mut(peer.node()) else { return };
        if pair.reported.is_none_or(|at| now.since(at) >= every) {
            pair.reported = Some(now);
            self.tell(Input::Heard(peer.node()));
        }
    }

    /// A connection is over.
    pub(super) fn end(&mut self, token: Token, ended: Ended) {
        let Some(link) = self.links.take(token) else { return };
        let Link { stream, about, connection, .. } = *link;
        // No sender takes a frame from the queue for this connection from here on.
        self.shut(&connection);
        drop(stream);
        let remote = about.greeting.as_ref().map(|greeting| greeting.node);
        tracing::debug!(origin = ?about.origin, ?remote, phase = ?connection.phase(), %ended, "a connection ended");
        match trouble(&ended) {
            #[cfg(feature = "tls")]
            Some(trouble @ (Trouble::Certificate | Trouble::OurCertificate)) => {
                self.refusals.note(trouble, &format_args!("{}: {ended}", about.origin));
            }
            Some(trouble) => self.refusals.note(trouble, &about.origin),
            None => {}
        }
        match (about.carries, about.origin) {
            (Some((peer, lane)), _) => self.lost(token, &peer, lane),
            (None, Origin::Dialled(target)) => self.dial_failed(target, ended),
            (None, Origin::Accepted(from)) => self.links.release_stranger(from.ip()),
        }
    }

    /// The open connection of a lane is over: give back what was not claimed, and try to connect again.
    fn lost(&mut self, token: Token, peer: &Arc<Peer>, lane: Lane) {
        let node = peer.node();
        let Some(pair) = self.pairs.get_mut(node) else { return };
        if pair.strand(lane).open != Some(token) {
            return;
        }
        pair.strand_mut(lane).open = None;
        peer.set_outlet(lane, None);
        let (claimed, unsent) = peer.queue(lane).reset();
        self.inbox.reset(peer, lane, claimed, unsent);
        if lane == Lane::Bulk {
            return;
        }
        pair.lost = true;
        pair.challenged = None;
        // Nobody watches a bulk connection alone, so it does not outlive the other.
        let bulk = pair.bulk.open;
        if self.leaving.is_none() {
            self.dials.want_at_once((node.addr(), Lane::Calls), Clock::instant());
        }
        self.tell(Input::Lost { node, refused: false });
        if let Some(bulk) = bulk {
            self.end(bulk, Ended::Unwanted);
        }
        self.show_whether_alone();
    }
}

/// As many frames may come over a connection in one turn by what its frames were worth.
fn allowance(about: &mut About, connection: &Connection, now: Instant) -> u32 {
    let About { carries, credit, .. } = about;
    let Some((peer, lane)) = carries else { return u32::MAX };
    let left = credit.left(brought(peer, *lane, connection), now);
    left.map_or(u32::MAX, |frames| u32::try_from(frames).unwrap_or(u32::MAX))
}

/// What a connection's end says of who is at the other end, if anything.
fn trouble(ended: &Ended) -> Option<Trouble> {
    match ended {
        Ended::Denied(Denial::Key) => Some(Trouble::Key),
        Ended::Denied(Denial::WeHaveNone) => Some(Trouble::WeHaveNone),
        Ended::Denied(Denial::TheyHaveNone) => Some(Trouble::TheyHaveNone),
        Ended::Denied(Denial::Otherwise) => Some(Trouble::Otherwise),
        #[cfg(feature = "tls")]
        Ended::Denied(Denial::Certificate(_)) => Some(Trouble::Certificate),
        #[cfg(feature = "tls")]
        Ended::Denied(Denial::OurCertificate(_)) => Some(Trouble::OurCertificate),
        // As without a secret, where the handshake says so in words.
        Ended::Denied(Denial::Version(_)) => Some(Trouble::Misfit),
        Ended::Denied(Denial::Garbage) => Some(Trouble::Handshake),
        Ended::Wire(WireError::Altered) => Some(Trouble::Altered),
        Ended::Wire(_) => Some(Trouble::Garbage),
        Ended::Trickle | Ended::Slow => Some(Trouble::Slow),
        Ended::Cut => Some(Trouble::Cut),
        Ended::Closed
        | Ended::Io(_)
        | Ended::Unwanted
        | Ended::Rejected(..)
        | Ended::Refused
        | Ended::Silent
        | Ended::Renewed
        | Ended::Stuck => None,
    }
}

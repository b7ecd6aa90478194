//! Owns how the figures of the sockets are added up: from what each connection, queue and packet was, on the I/O thread alone. Never
//! asks more of a frame than is known of it anyway.

use super::Driver;
use crate::connection::Connection;
use crate::transport::peer::{Lane, Peer};

impl Driver {
    /// Nobody writes to a connection any more. What it has moved stays counted.
    pub(super) fn shut(&mut self, connection: &Connection) {
        self.past.add(connection.end());
    }

    /// A peer is gone: so does what was taken for it.
    pub(super) fn part_with(&mut self, peer: &Peer) {
        self.past.frames_sent += frames_sent(peer);
    }

    /// Lets others read how much has been moved.
    pub(super) fn tell_traffic(&mut self) {
        let mut traffic = self.past;
        for (_, link) in self.links.iter_mut() {
            traffic.add(link.connection.moved());
        }
        for pair in self.pairs.iter() {
            traffic.frames_sent += frames_sent(&pair.peer);
            traffic.connections += u64::from(pair.calls.open.is_some());
            traffic.bulk_connections += u64::from(pair.bulk.open.is_some());
        }
        traffic.strangers = u64::from(self.links.strangers());
        traffic.suspected = self.membership.suspected() as u64;
        traffic.lateness = u64::from(self.membership.lateness());
        self.meter.publish(traffic);
    }
}

fn frames_sent(peer: &Peer) -> u64 {
    [Lane::Calls, Lane::Bulk].map(|lane| peer.claimed(lane).0).into_iter().sum()
}

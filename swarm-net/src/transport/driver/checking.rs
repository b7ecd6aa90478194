//! Owns the check of the ways to others: what is sent for it, and when it is over. Sends nothing while nobody asks.

use std::net::SocketAddr;

use super::Driver;
use crate::time::{Clock, Instant};
use crate::transport::checkup::{CheckUp, MEMBERS_MAX, Report, STRANGERS_MAX, Way};
use crate::wire::PacketKind;

impl Driver {
    /// Begins a check, or joins the one that is under way.
    pub(super) fn check_up(&mut self, report: Report) {
        if self.checkup.is_none() {
            let now = Clock::instant();
            let mut checkup = CheckUp::of(self.ways(now).into_iter(), now);
            checkup.join(report);
            self.checkup = Some(checkup);
            self.ping_unanswered();
        } else if let Some(checkup) = &mut self.checkup {
            checkup.join(report);
        }
    }

    /// Sends both packets to all who have not answered them: one that is lost by chance is no finding.
    fn ping_unanswered(&mut self) {
        let ways = self.checkup.iter().flat_map(|checkup| checkup.ways.values());
        let unanswered = ways.map(|way| (way.addr, way.small.is_none(), way.large.is_none())).collect::<Vec<_>>();
        // One that is cut to pieces on its way must arrive whole as well.
        let body = vec![0; usize::from(self.config.membership.packet_bytes_max)];
        for (addr, small, large) in unanswered {
            if small {
                self.send_packet(PacketKind::Ping, addr, &[]);
            }
            if large {
                self.send_packet(PacketKind::Ping, addr, &body);
            }
        }
    }

    fn ways(&self, now: Instant) -> Vec<Way> {
        let members = self.pairs.from(self.me).filter(|pair| pair.member).take(MEMBERS_MAX);
        let way = |pair: &crate::transport::pairs::Pair| {
            let node = pair.peer.node();
            Way {
                node: Some(node),
                connected: pair.calls.open.is_some(),
                failures: self.dials.failures(node.addr()),
                elsewhere: pair.elsewhere,
                beacon: pair.beacon.map(|at| now.since(at)),
                ..Way::to(node.addr())
            }
        };
        let mut ways: Vec<Way> = members.map(way).collect();
        let known = |addr: SocketAddr| addr == self.me.addr() || self.pairs.at(addr).next().is_some();
        let failing = self.dials.failing().filter(|(addr, _)| !known(*addr)).take(STRANGERS_MAX);
        ways.extend(failing.map(|(addr, failures)| Way { failures, ..Way::to(addr) }));
        ways
    }

    /// An answer to a packet has come.
    pub(super) fn ponged(&mut self, addr: SocketAddr, bytes: usize) {
        if let Some(checkup) = &mut self.checkup {
            checkup.ponged(addr, bytes, Clock::instant());
        }
    }

    /// Tells what a check has found, if it is over.
    pub(super) fn end_check_up(&mut self, now: Instant) {
        if let Some(checkup) = self.checkup.take_if(|checkup| checkup.is_over(now)) {
            checkup.end(self.search.beacons());
        } else {
            self.ping_unanswered();
        }
    }
}

//! Owns the addresses at which discovery found somebody whom we do not know yet. Never gives up before its tries are used.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::time::Instant;

/// Discovery names more addresses than this only by mistake or malice.
const CANDIDATES_MAX: usize = 4096;

/// With doubling pauses, some minutes. Discovery repeats an address that still speaks.
const TRIES_MAX: u32 = 40;

/// An announcement is one datagram and easily lost, so it is repeated until the node is known.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    all: BTreeMap<SocketAddr, Candidate>,
    pause_min: Duration,
    pause_max: Duration,
}

#[derive(Clone, Debug)]
struct Candidate {
    next: Instant,
    pause: Duration,
    tries: u32,
}

impl Candidates {
    pub(super) fn new(pause_min: Duration, pause_max: Duration) -> Self {
        Self { all: BTreeMap::new(), pause_min, pause_max }
    }

    /// Somebody spoke from there, or a seed names it: it is tried soon, however long the pauses have become.
    pub(super) fn found(&mut self, addr: SocketAddr, now: Instant) {
        if let Some(candidate) = self.all.get_mut(&addr) {
            candidate.tries = 0;
            candidate.next = candidate.next.min(now + self.pause_min);
        } else if self.all.len() < CANDIDATES_MAX {
            self.all.insert(addr, Candidate { next: now, pause: self.pause_min, tries: 0 });
        }
    }

    pub(super) fn known(&mut self, addr: SocketAddr) {
        self.all.remove(&addr);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.all.values().map(|candidate| candidate.next).min()
    }

    /// The addresses to try now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<SocketAddr> {
        let due: Vec<_> = self.all.iter().filter(|(_, c)| c.next <= now).map(|(addr, _)| *addr).collect();
        for addr in &due {
            if let Some(candidate) = self.all.get_mut(addr) {
                candidate.tries += 1;
                candidate.next = now + candidate.pause;
                candidate.pause = (candidate.pause * 2).clamp(Duration::from_millis(1), self.pause_max);
            }
        }
        self.all.retain(|_, candidate| candidate.tries <= TRIES_MAX);
        due
    }
}

//! Owns which addresses are to be dialled, and when next. Never opens a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::peer::Lane;
use crate::config::{NetConfig, ms};
use crate::node::NodeId;
use crate::time::Instant;

/// What is dialled: an address, for a lane.
pub(crate) type Target = (SocketAddr, Lane);

/// The addresses that are dialled, were dialled, or shall be.
#[derive(Debug)]
pub(crate) struct Dials {
    table: BTreeMap<Target, Dial>,
    /// The dials that are wanted and not under way, by time.
    agenda: BTreeSet<(Instant, Target)>,
    jitter: StdRng,
    redial_min: Duration,
    redial_max: Duration,
    refused_redial: Duration,
    dials_max: usize,
}

#[derive(Debug)]
struct Dial {
    wanted: bool,
    busy: bool,
    failures: u32,
    /// Not before this.
    next: Instant,
    /// Who answered there last.
    leads_to: Option<NodeId>,
}

/// How a dial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may work in a moment.
    Passing,
    /// The other end refuses us, and will for a while.
    Refused,
}

impl Dials {
    pub(crate) fn new(config: &NetConfig, jitter: StdRng) -> Self {
        Self {
            table: BTreeMap::new(),
            agenda: BTreeSet::new(),
            jitter,
            redial_min: ms(config.redial_min_ms),
            redial_max: ms(config.redial_max_ms),
            refused_redial: ms(config.refused_redial_ms),
            dials_max: config.dials_max as usize,
        }
    }

    /// Dials as soon as the back-off allows. Ignored if too many addresses are known already.
    pub(crate) fn want(&mut self, target: Target, now: Instant) {
        if self.table.len() >= self.dials_max && !self.table.contains_key(&target) {
            return;
        }
        let fresh = Dial { wanted: false, busy: false, failures: 0, next: now, leads_to: None };
        let dial = self.table.entry(target).or_insert(fresh);
        if !dial.wanted && !dial.busy {
            dial.next = dial.next.max(now);
            self.agenda.insert((dial.next, target));
        }
        dial.wanted = true;
    }

    /// Dials now, without back-off: the last connection was good.
    pub(crate) fn want_at_once(&mut self, target: Target, now: Instant) {
        self.cancel(target);
        if let Some(dial) = self.table.get_mut(&target) {
            dial.failures = 0;
            dial.next = now;
        }
        self.want(target, now);
    }

    /// Does not dial any more, unless it is wanted again.
    pub(crate) fn cancel(&mut self, target: Target) {
        if let Some(dial) = self.table.get_mut(&target) {
            dial.wanted = false;
            self.agenda.remove(&(dial.next, target));
        }
    }

    /// The next dial whose time has come. It is under way until one of the three below is called.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<Target> {
        let &(next, target) = self.agenda.first()?;
        if next > now {
            return None;
        }
        self.agenda.pop_first();
        let dial = self.table.get_mut(&target).expect("what is on the agenda is in the table");
        (dial.busy, dial.wanted) = (true, false);
        Some(target)
    }

    /// The dial reached this node, connected or not.
    pub(crate) fn reached(&mut self, target: Target, node: NodeId, now: Instant) {
        if let Some(dial) = self.table.get_mut(&target) {
            *dial = Dial { wanted: false, busy: false, failures: 0, next: now, leads_to: Some(node) };
        }
    }

    /// The dial failed. It is repeated if it was wanted in the meantime, or if `again`.
    pub(crate) fn failed(&mut self, target: Target, failure: Failure, again: bool, now: Instant) {
        let Some(dial) = self.table.get_mut(&target) else { return };
        let ceiling = self.redial_min.saturating_mul(1 << dial.failures.min(16)).min(self.redial_max);
        let pause = match failure {
            Failure::Passing => ceiling.mul_f64(self.jitter.random_range(0.5..=1.0)),
            Failure::Refused => self.refused_redial,
        };
        let wanted = dial.wanted || again;
        (dial.busy, dial.wanted, dial.next) = (false, wanted, now + pause);
        dial.failures = dial.failures.saturating_add(1);
        if wanted {
            self.agenda.insert((dial.next, target));
        }
    }

    /// Who answered at the address last.
    pub(crate) fn leads_to(&self, target: Target) -> Option<NodeId> {
        self.table.get(&target)?.leads_to
    }

    /// How often calls to an address were dialled in vain since they were answered there.
    pub(crate) fn failures(&self, addr: SocketAddr) -> u32 {
        self.table.get(&(addr, Lane::Calls)).map_or(0, |dial| dial.failures)
    }

    /// The addresses where nobody has answered, and how often that was tried.
    pub(crate) fn failing(&self) -> impl Iterator<Item = (SocketAddr, u32)> {
        let failing = self.table.iter().filter(|((_, lane), dial)| *lane == Lane::Calls && dial.failures > 0);
        failing.map(|((addr, _), dial)| (*addr, dial.failures))
    }

    /// When the next dial is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.agenda.first().map(|(next, _)| *next)
    }

    /// Forgets addresses that nobody wanted since the longest back-off.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        let keep = self.refused_redial + self.redial_max;
        self.table.retain(|_, dial| dial.wanted || dial.busy || now.since(dial.next) < keep);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn target(port: u16) -> Target {
        (([127, 0, 0, 1], port).into(), Lane::Calls)
    }

    fn dials() -> Dials {
        Dials::new(&NetConfig { dials_max: 3, ..NetConfig::default() }, StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_wanted_address_is_dialled_once_at_a_time() {
        let mut dials = dials();
        dials.want(target(1), at(5));
        dials.want(target(1), at(5));
        assert_eq!(dials.begin(at(4)), None);
        assert_eq!((dials.begin(at(5)), dials.begin(at(5))), (Some(target(1)), None));
        dials.want(target(1), at(6));
        assert_eq!(dials.begin(at(6)), None, "one is under way");
        dials.failed(target(1), Failure::Passing, false, at(7));
        assert_eq!(dials.begin(at(17)), Some(target(1)), "it was wanted meanwhile");
        dials.failed(target(1), Failure::Passing, false, at(17));
        assert_eq!((dials.next(), dials.begin(at(99_999))), (None, None));
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_a_good_connection_resets_them() {
        let mut dials = dials();
        let mut now = at(0);
        dials.want(target(1), now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(dials.begin(now), Some(target(1)));
            dials.failed(target(1), Failure::Passing, true, now);
            let next = dials.next().expect("again");
            pauses.push(next.since(now).as_millis() as u64);
            now = next;
        }
        for (i, pause) in pauses.iter().enumerate() {
            let ceiling = (10u64 << i).min(2_000);
            assert!((ceiling / 2..=ceiling).contains(pause), "{pauses:?}");
        }
        dials.want_at_once(target(1), at(0));
        assert_eq!(dials.begin(at(0)), Some(target(1)));
    }

    #[test]
    fn a_refusal_waits_long_and_the_table_is_bounded() {
        let mut dials = dials();
        for port in 0..5 {
            dials.want(target(port), at(0));
        }
        assert_eq!(dials.table.len(), 3);
        dials.begin(at(0));
        dials.failed(target(0), Failure::Refused, false, at(0));
        dials.want(target(0), at(1));
        dials.cancel(target(1));
        dials.cancel(target(2));
        assert_eq!(dials.next(), Some(at(30_000)));
        dials.forget_old(at(40_000));
        assert_eq!(dials.table.len(), 1);
    }
}

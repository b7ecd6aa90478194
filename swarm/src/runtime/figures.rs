//! Owns how a node's figures are gathered: from its parts, and from the control thread, which notes its own after each
//! turn. Never counts anything itself.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::directory::Directory;
use crate::runtime::Node;
use crate::runtime::tally::Tallies;
use crate::stats::Stats;

/// Figures that the control thread writes after each turn.
#[derive(Default)]
pub(crate) struct Gauges {
    partitions: AtomicUsize,
    names: AtomicUsize,
    under_replicated: AtomicUsize,
    moving: AtomicUsize,
    requests: AtomicUsize,
    turns: AtomicU64,
}

impl Node {
    /// What the control thread knows for [`Self::stats`].
    pub(crate) fn note_directory(&self, directory: &Directory, requests: usize, turns: u64) {
        let figures = directory.stats();
        self.gauges.partitions.store(figures.owned, Ordering::Relaxed);
        self.gauges.names.store(figures.records, Ordering::Relaxed);
        self.gauges.under_replicated.store(figures.under_replicated, Ordering::Relaxed);
        self.gauges.moving.store(figures.moving, Ordering::Relaxed);
        self.gauges.requests.store(requests, Ordering::Relaxed);
        self.gauges.turns.store(turns, Ordering::Relaxed);
    }

    /// How many turns the control has taken.
    #[cfg(feature = "metrics")]
    pub(crate) fn turns(&self) -> u64 {
        self.gauges.turns.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let refused = self.transport().refused();
        let (tallied, tallied_failed) = self.tallies.as_ref().map_or((0, 0), Tallies::calls);
        let gauge = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed) as u64;
        Stats {
            nodes: self.routing().view().len().max(1) as u64,
            workers: self.places.count() as u64,
            partitions: gauge(&self.gauges.partitions),
            names: gauge(&self.gauges.names),
            under_replicated: gauge(&self.gauges.under_replicated),
            calls: counters.calls.get() + tallied,
            calls_failed: counters.calls_failed.get() + tallied_failed,
            casts: counters.casts.get(),
            received: counters.received.get(),
            surveyed: counters.surveyed.get(),
            forwarded: counters.forwarded.get(),
            handoffs_in: counters.handoffs_in.get(),
            handoffs_out: counters.handoffs_out.get(),
            handoffs_failed: counters.handoffs_failed.get(),
            handoffs_open: gauge(&self.gauges.moving),
            started: counters.started.get(),
            restarts: counters.restarts.get(),
            given_up: counters.given_up.get(),
            failovers: counters.failovers.get(),
            conflicts: counters.conflicts.get(),
            mailboxes_full: counters.mailboxes_full.get(),
            ways_full: counters.ways_full.get(),
            promotions: counters.promotions.get(),
            demotions: counters.demotions.get(),
            quorums_lost: counters.quorums_lost.get(),
            refused_connections: refused.connections,
            refused_packets: refused.packets,
            replayed_packets: refused.replays,
            misplaced_packets: refused.misplaced,
            turned_away: refused.turned_away,
            broken_connections: refused.broken,
            refused_nodes: refused.misfits,
            cut_connections: refused.cut,
            held_back: refused.held,
            malformed: counters.malformed.get(),
            excessive: counters.excessive.get(),
            calls_open: self.pending.len() as u64,
            requests_open: gauge(&self.gauges.requests),
            messages_held: self.room.letters() as u64,
        }
    }
}

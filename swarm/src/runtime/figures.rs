//! Owns how a node's figures are gathered: from its parts, and from the control thread, which notes its own after each
//! turn. Never counts anything itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::directory::Directory;
use crate::runtime::Node;
use crate::stats::Stats;

/// Figures that the control thread writes after each turn.
#[derive(Default)]
pub(crate) struct Gauges {
    partitions: AtomicUsize,
    names: AtomicUsize,
    under_replicated: AtomicUsize,
    requests: AtomicUsize,
}

impl Node {
    /// What the control thread knows for [`Self::stats`].
    pub(crate) fn note_directory(&self, directory: &Directory, requests: usize) {
        let figures = directory.stats();
        self.gauges.partitions.store(figures.owned, Ordering::Relaxed);
        self.gauges.names.store(figures.records, Ordering::Relaxed);
        self.gauges.under_replicated.store(figures.under_replicated, Ordering::Relaxed);
        self.gauges.requests.store(requests, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let refused = self.transport().refused();
        let gauge = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed) as u64;
        Stats {
            nodes: self.routing().view().len().max(1) as u64,
            workers: self.places.cells().count() as u64,
            partitions: gauge(&self.gauges.partitions),
            names: gauge(&self.gauges.names),
            under_replicated: gauge(&self.gauges.under_replicated),
            calls: counters.calls.get(),
            calls_failed: counters.calls_failed.get(),
            casts: counters.casts.get(),
            received: counters.received.get(),
            surveyed: counters.surveyed.get(),
            forwarded: counters.forwarded.get(),
            handoffs_in: counters.handoffs_in.get(),
            handoffs_out: counters.handoffs_out.get(),
            started: counters.started.get(),
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
        }
    }
}

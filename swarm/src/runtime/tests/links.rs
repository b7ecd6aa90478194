//! Owns what is between two nodes: frames under way in both directions on both lanes, and a connection that may break.
//! Never decides when anything happens.

use std::collections::VecDeque;

use swarm_net::transport::Lane;
use swarm_net::wire::Frame;

/// What one end knows of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// It is up.
    #[default]
    Up,
    /// It is down, and this end has not noticed: what it writes is lost.
    Broken,
    /// It is down, and what this end sends waits.
    Down,
}

/// The connection of two nodes, the lower one first.
#[derive(Default)]
pub(super) struct Link {
    calls: [VecDeque<Frame>; 2],
    bulk: [VecDeque<Frame>; 2],
    pub(super) ends: [End; 2],
}

impl Link {
    /// What is on its way from this end.
    pub(super) fn wire(&mut self, from: usize, lane: Lane) -> &mut VecDeque<Frame> {
        match lane {
            Lane::Calls => &mut self.calls[from],
            Lane::Bulk => &mut self.bulk[from],
        }
    }

    /// It breaks. Gives what was under way.
    pub(super) fn cut(&mut self) -> Vec<Frame> {
        if self.ends != [End::Up; 2] {
            return Vec::new();
        }
        self.ends = [End::Broken; 2];
        self.calls.iter_mut().chain(&mut self.bulk).flat_map(std::mem::take).collect()
    }

    /// Both ends know that it is down, so that either may connect again.
    pub(super) fn may_connect(&self, end: usize) -> bool {
        self.ends[end] == End::Down && self.ends[1 - end] != End::Broken
    }
}

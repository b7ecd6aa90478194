//! Owns the question whether this node is part of a cluster yet, and how it gets there. Never sends anything itself.

use std::time::Duration;

use super::peers::Peers;
use crate::node::NodeId;
use crate::time::Instant;

/// A joined node that was asked answers within this many retry periods, or the next one is asked.
const ASK_PERIODS: u32 = 5;

/// After this many times `form_wait` a node forms a cluster whomever it sees: those that should have done so cannot.
const PATIENCE: u32 = 10;

/// The way into a cluster: the whole member list from a joined node; or, where nobody is joined, the founder with the
/// lowest id forms one and the others get the list from it.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    joined: bool,
    started: Instant,
    /// When somebody was last found.
    found: Instant,
    asked: Option<(NodeId, Instant)>,
    wake: Option<Instant>,
    form_wait: Duration,
    quiet: Duration,
    ask_wait: Duration,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Get the member list from this joined node.
    Ask(NodeId),
    /// Nobody is joined, and it is on us to be the first.
    Form,
}

impl Joining {
    pub(super) fn new(now: Instant, form_wait: Duration, quiet: Duration, retry: Duration) -> Self {
        Self {
            joined: false,
            started: now,
            found: now,
            asked: None,
            wake: Some(now + form_wait),
            form_wait,
            quiet,
            ask_wait: retry * ASK_PERIODS,
        }
    }

    pub(super) fn joined(&self) -> bool {
        self.joined
    }

    pub(super) fn complete(&mut self) {
        self.joined = true;
        self.wake = None;
    }

    /// Somebody new was found: it may be a joined node, so forming waits until we have spoken.
    pub(super) fn found(&mut self, now: Instant) {
        self.found = now;
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.wake
    }

    pub(super) fn step(
        &mut self,
        now: Instant,
        me: NodeId,
        peers: &Peers,
        mut live: impl Iterator<Item = NodeId>,
    ) -> Step {
        if self.joined {
            return Step::Wait;
        }
        if let Some((node, at)) = self.asked
            && peers.is_connected(node)
            && now < at + self.ask_wait
        {
            return self.wait_until(at + self.ask_wait);
        }
        if let Some(node) = peers.joined_after(self.asked.map(|(node, _)| node)) {
            self.asked = Some((node, now));
            self.wake = Some(now + self.ask_wait);
            return Step::Ask(node);
        }
        let ready = (self.started + self.form_wait).max(self.found + self.quiet);
        if now < ready {
            return self.wait_until(ready);
        }
        let first = peers.nodes().next().is_none_or(|least| me < least);
        let patient_until = self.started + self.form_wait * PATIENCE;
        if (first && live.all(|node| peers.is_connected(node))) || now >= patient_until {
            return Step::Form;
        }
        self.wait_until(patient_until)
    }

    fn wait_until(&mut self, at: Instant) -> Step {
        self.wake = Some(at);
        Step::Wait
    }
}

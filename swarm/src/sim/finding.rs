//! Owns how the nodes of a simulated world find each other. Never knows what they make of it.

use crate::sim::site::Part;
use crate::sim::time::{MS, S, Time};
use crate::sim::world::{Step, World};

/// How often a node tells all that it is there.
const BEACON: Time = 300 * MS;

/// As discovery by seeds tries them, while a node knows nobody and after.
const SEEDS_EAGER: Time = 500 * MS;
const SEEDS_STEADY: Time = 15 * S;

/// How nodes find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Each is heard by all, as by multicast.
    Beacons,
    /// Each knows the addresses of the first so many.
    Seeds(usize),
}

impl World {
    pub(super) fn search(&mut self, slot: usize, life: u32) {
        if self.slots[slot].site.is_none() {
            return;
        }
        let pause = match self.finding {
            Finding::Beacons => {
                if !self.slots[slot].paused {
                    self.beacon(slot);
                }
                BEACON + self.dice.roll(50) as Time * MS
            }
            Finding::Seeds(seeds) => self.try_seeds(slot, seeds),
        };
        self.after(pause, Step::Search(slot, life));
    }

    fn beacon(&mut self, slot: usize) {
        let Some(site) = &self.slots[slot].site else { return };
        let (id, addr, joined) = (site.id(), site.addr, site.driven().membership().joined());
        for other in 0..self.slots.len() {
            let heard = other != slot && !self.net.is_cut(addr, self.slots[other].addr);
            if let Some(hearer) = self.slots[other].site.as_ref().filter(|_| heard) {
                hearer.driven().heard(id, joined);
                self.plan_part(other, Part::Io);
            }
        }
    }

    /// Names the seeds to a node, and says when to do so again.
    fn try_seeds(&mut self, slot: usize, seeds: usize) -> Time {
        let Some(site) = &self.slots[slot].site else { return SEEDS_STEADY };
        for seed in self.slots.iter().take(seeds) {
            site.driven().found(seed.addr);
        }
        let pause = if site.driven().is_alone() { SEEDS_EAGER } else { SEEDS_STEADY };
        self.plan_part(slot, Part::Io);
        pause
    }
}

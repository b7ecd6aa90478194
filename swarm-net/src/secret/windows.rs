//! Owns the replay windows of all senders that a node hears. Never takes a packet twice, also not one of a sender whose window is gone.
//!
//! A window shows a repetition only as long as it is kept, and windows are many: anybody with the secret can have any number of boot
//! ids. So senders are of two kinds.
//!
//! - *Known* ones are members, and whoever is connected. Their windows are kept as long as that lasts, and no others push them out. Over
//!   each connection, which cannot be replayed, a node tells how far it has counted; that is where its window begins. So nothing that
//!   it sent before is taken, and it does not matter what its clock shows.
//! - *Strangers* are all others. Each packet says when it was sent. That of a sender without a window is taken only if it was sent about
//!   now ([`SKEW_MS`]) and after [`Windows::floor`], and starts a window that takes nothing earlier. The floor is when this
//!   node started listening: what was recorded before is not for it. When windows become too many, that of the stranger who was heard least
//!   recently is dropped, and the floor rises to the latest time that it has seen: whatever it had taken is below. A sender whose clock is
//!   behind the floor is not heard by packets until its clock has passed it, or it has a connection, which nothing of this delays.

use std::collections::BTreeMap;

use super::window::Window;

/// How far a stranger's clock may be from ours.
const SKEW_MS: u64 = 60_000;
/// Strangers that are remembered: more than find each other at once, and 200 bytes each.
const STRANGERS_MAX: usize = 1_024;

/// The windows of all senders, by their boot id.
#[derive(Debug)]
pub(crate) struct Windows {
    known: BTreeMap<u64, Heard>,
    strangers: BTreeMap<u64, (Heard, u64)>,
    /// The strangers in the order in which they were heard.
    order: BTreeMap<u64, u64>,
    next: u64,
    /// Packets of senders without a window must have been sent after this.
    floor: u64,
}

/// What is remembered of a sender.
#[derive(Clone, Debug)]
struct Heard {
    window: Window,
    /// The latest time at which one of its packets says that it was sent.
    latest: u64,
}

/// What a packet says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) boot: u64,
    pub(crate) counter: u64,
    /// Milliseconds since 1970, by the sender's clock.
    pub(crate) sent: u64,
}

/// Why an authentic packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// It has been taken before, or is older than a window shows.
    Repeated,
    /// Nothing is known of its sender, and it was not sent about now.
    Untimely,
}

impl Windows {
    /// Of nobody; packets that were sent before `now` are not taken from strangers.
    pub(crate) fn new(now: u64) -> Self {
        Self { known: BTreeMap::new(), strangers: BTreeMap::new(), order: BTreeMap::new(), next: 0, floor: now }
    }

    /// Whether a packet is to be taken; from now on it is not. `member` if its sender is to be remembered as long as it is one.
    pub(crate) fn accept(&mut self, stamp: Stamp, now: u64, member: bool) -> Result<(), Stale> {
        let Stamp { boot, counter, sent } = stamp;
        if member && let Some(heard) = self.take_stranger(boot) {
            self.known.insert(boot, heard);
        }
        if let Some(heard) = self.known.get_mut(&boot) {
            return heard.accept(counter, sent);
        }
        if let Some(mut heard) = self.take_stranger(boot) {
            let accepted = heard.accept(counter, sent);
            self.put_stranger(boot, heard);
            return accepted;
        }
        if sent <= self.floor || sent.abs_diff(now) > SKEW_MS {
            return Err(Stale::Untimely);
        }
        let heard = Heard { window: Window::above(counter), latest: sent };
        if member {
            self.known.insert(boot, heard);
        } else {
            self.put_stranger(boot, heard);
        }
        Ok(())
    }

    /// A sender has told over a connection that its next packet has this counter.
    pub(crate) fn know(&mut self, boot: u64, next: u64) {
        let stranger = self.take_stranger(boot);
        let beginning = || Heard { window: Window::above(next.saturating_sub(1)), latest: 0 };
        self.known.entry(boot).or_insert_with(|| stranger.unwrap_or_else(beginning));
    }

    /// A sender is no member any more, and not connected.
    pub(crate) fn forget(&mut self, boot: u64) {
        if let Some(heard) = self.known.remove(&boot) {
            self.put_stranger(boot, heard);
        }
    }

    fn take_stranger(&mut self, boot: u64) -> Option<Heard> {
        let (heard, at) = self.strangers.remove(&boot)?;
        self.order.remove(&at);
        Some(heard)
    }

    fn put_stranger(&mut self, boot: u64, heard: Heard) {
        self.order.insert(self.next, boot);
        self.strangers.insert(boot, (heard, self.next));
        self.next += 1;
        while self.strangers.len() > STRANGERS_MAX
            && let Some((_, boot)) = self.order.pop_first()
            && let Some((gone, _)) = self.strangers.remove(&boot)
        {
            self.floor = self.floor.max(gone.latest);
        }
    }
}

impl Heard {
    fn accept(&mut self, counter: u64, sent: u64) -> Result<(), Stale> {
        if !self.window.accept(counter) {
            return Err(Stale::Repeated);
        }
        self.latest = self.latest.max(sent);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const START: u64 = 1_000_000_000;

    fn stamp(boot: u64, counter: u64, sent: u64) -> Stamp {
        Stamp { boot, counter, sent }
    }

    #[test]
    fn nothing_is_taken_from_before_the_node_listened() {
        let mut windows = Windows::new(START);
        assert_eq!(windows.accept(stamp(1, 5, START), START + 1, false), Err(Stale::Untimely));
        assert_eq!(windows.accept(stamp(1, 6, START + 1), START + 1, false), Ok(()));
        assert_eq!(windows.accept(stamp(1, 5, START), START + 1, false), Err(Stale::Repeated), "nor after a good one");
        assert_eq!(windows.accept(stamp(1, 6, START + 1), START + 1, false), Err(Stale::Repeated));
    }

    #[test]
    fn a_strangers_clock_may_be_off_by_a_minute_and_a_known_ones_by_any_time() {
        let now = START + 10 * SKEW_MS;
        for (sent, taken) in
            [(now - SKEW_MS, true), (now + SKEW_MS, true), (now - SKEW_MS - 1, false), (now + SKEW_MS + 1, false)]
        {
            let mut windows = Windows::new(START);
            assert_eq!(windows.accept(stamp(1, 1, sent), now, false).is_ok(), taken);
            assert_eq!(windows.accept(stamp(2, 1, sent), now, true).is_ok(), taken, "a member that has told nothing");
            windows.know(3, 8);
            assert_eq!(windows.accept(stamp(3, 7, now), now, true), Err(Stale::Repeated), "from before it told");
            assert_eq!(windows.accept(stamp(3, 8, 17), now, true), Ok(()), "its clock does not matter");
        }
    }

    #[test]
    fn what_was_taken_is_not_taken_again_when_its_window_is_gone() {
        let mut windows = Windows::new(START);
        windows.know(u64::MAX, 1);
        windows.accept(stamp(u64::MAX, 1, START + 3), START, true).expect("a member");
        for boot in 0..=STRANGERS_MAX as u64 {
            windows.accept(stamp(boot, 1, START + 10 + boot), START, false).expect("it is new");
        }
        assert_eq!((windows.strangers.len(), windows.floor), (STRANGERS_MAX, START + 10));
        assert!(!windows.strangers.contains_key(&0) && windows.order.len() == STRANGERS_MAX);
        assert_eq!(windows.accept(stamp(0, 1, START + 10), START, false), Err(Stale::Untimely));
        assert_eq!(windows.accept(stamp(0, 2, START + 11), START, false), Ok(()), "it is heard again");
        assert_eq!(windows.accept(stamp(u64::MAX, 1, START + 3), START, true), Err(Stale::Repeated), "members stay");
    }

    #[test]
    fn who_is_forgotten_is_a_stranger_with_its_window() {
        let mut windows = Windows::new(START);
        windows.know(1, 5);
        windows.accept(stamp(1, 5, START + 5), START, true).expect("it is new");
        windows.forget(1);
        assert!(windows.known.is_empty());
        assert_eq!(windows.accept(stamp(1, 5, START + 5), START, false), Err(Stale::Repeated));
        windows.know(1, 2);
        assert_eq!(
            windows.accept(stamp(1, 5, START + 5), START, true),
            Err(Stale::Repeated),
            "it is not forgotten by that"
        );
        assert!(windows.strangers.is_empty() && windows.order.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 16, ..ProptestConfig::default() })]

        #[test]
        fn no_packet_is_ever_taken_twice(
            steps in prop::collection::vec((0u64..2_000, 1u64..4, any::<bool>(), 0u64..8), 1..4_000),
        ) {
            // Counters and times follow from each other as they do at a sender, so that a step repeats what another has sent.
            let (mut windows, mut taken) = (Windows::new(START), BTreeSet::new());
            for (i, (boot, counter, member, what)) in steps.into_iter().enumerate() {
                let now = START + 1 + i as u64;
                match what {
                    0 => windows.forget(boot),
                    // It has sent all that there are.
                    1 => windows.know(boot, 4),
                    _ => {
                        let sent = START + 1 + boot % 7 * 300 + counter;
                        if windows.accept(stamp(boot, counter, sent), now, member).is_ok() {
                            prop_assert!(taken.insert((boot, counter)));
                        }
                    }
                }
                prop_assert!(windows.strangers.len() <= STRANGERS_MAX && windows.strangers.len() == windows.order.len());
            }
        }
    }
}

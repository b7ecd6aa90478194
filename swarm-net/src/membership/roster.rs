//! Owns what the layers above are told of the members, and when: changes wait until it is quiet. Never holds back a
//! proven death, nor the end of a node that came and went before it was reported: others have told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::profiles::Profiles;
use crate::member::{Gone, Member, MemberEvent, Profile, View};
use crate::node::NodeId;
use crate::time::Instant;

/// So many reasons of nodes that are gone are remembered, to tell a return from a first arrival.
const DEPARTED_MAX: usize = 1024;

/// What was reported, what is believed, and the nodes for which the two differ.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    view: View,
    /// The process that lives at each address, as far as the failure detector knows. Without ourselves.
    live: BTreeMap<SocketAddr, NodeId>,
    departed: BTreeMap<NodeId, Gone>,
    unsettled: BTreeSet<NodeId>,
    /// Those of them of whom it may be proven that they are gone.
    ended: BTreeSet<NodeId>,
    /// Gone before they were reported to be there, and not yet reported to be gone.
    passed: BTreeSet<NodeId>,
    /// When the first and the last change happened that are not reported yet.
    window: Option<(Instant, Instant)>,
    quiet: Duration,
    max: Duration,
}

impl Roster {
    pub(super) fn new(me: Member, quiet: Duration, max: Duration) -> Self {
        Self {
            view: View::from([(me.id, me)]),
            live: BTreeMap::new(),
            departed: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            ended: BTreeSet::new(),
            passed: BTreeSet::new(),
            window: None,
            quiet,
            max,
        }
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    pub(super) fn is_live(&self, node: NodeId) -> bool {
        self.live.get(&node.addr()) == Some(&node)
    }

    pub(super) fn is_live_at(&self, addr: SocketAddr) -> bool {
        self.live.contains_key(&addr)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.live.values().copied()
    }

    /// The node lives. Says whether it had been gone.
    pub(super) fn alive(&mut self, node: NodeId, now: Instant) -> bool {
        self.live.insert(node.addr(), node);
        self.passed.remove(&node);
        self.touch(node, now);
        self.departed.remove(&node).is_some()
    }

    /// The node is gone, if it was not, or for a better reason than was known.
    pub(super) fn gone(&mut self, node: NodeId, why: Gone, now: Instant) {
        if self.is_live(node) {
            self.live.remove(&node.addr());
        }
        let proof = |why| why != Gone::Silent;
        let known = self.departed.get(&node).copied();
        if known.is_none() && !self.view.contains_key(&node) {
            self.passed.insert(node);
        }
        if known.is_none_or(|known| proof(why) && !proof(known)) {
            self.departed.insert(node, why);
        }
        if self.is_proven(node) {
            self.ended.insert(node);
        }
        self.touch(node, now);
        while self.departed.len() > DEPARTED_MAX {
            self.departed.pop_first();
        }
    }

    /// What is believed of the node may have changed.
    pub(super) fn touch(&mut self, node: NodeId, now: Instant) {
        if self.view.contains_key(&node) == self.is_live(node) {
            self.unsettled.remove(&node);
        } else {
            self.unsettled.insert(node);
            let first = self.window.map_or(now, |(first, _)| first);
            self.window = Some((first, now));
        }
        if self.unsettled.is_empty() {
            self.window = None;
        }
    }

    /// A member that was reported already says something new of itself.
    pub(super) fn changed(&mut self, node: NodeId, profile: &Arc<Profile>) -> Option<MemberEvent> {
        let member = self.view.get_mut(&node)?;
        member.profile = Arc::clone(profile);
        Some(MemberEvent::Changed(member.clone()))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.window.map(|(first, last)| (last + self.quiet).min(first + self.max))
    }

    /// The deaths of nodes that nobody above takes for members.
    pub(super) fn passed(&mut self, events: &mut Vec<MemberEvent>) {
        let passed = std::mem::take(&mut self.passed).into_iter();
        events.extend(passed.map(|node| MemberEvent::Down(node, self.why(node))));
    }

    /// The deaths that are proven, at once; and those of nodes that nobody above takes for members.
    pub(super) fn proven(&mut self, events: &mut Vec<MemberEvent>) {
        self.passed(events);
        for node in std::mem::take(&mut self.ended) {
            // It may be back.
            if self.unsettled.contains(&node) && self.is_proven(node) {
                self.report_gone(node, events);
            }
        }
        self.close_window();
    }

    /// All that waits, once it is quiet or `all` of it is wanted now. A silent node that `speaks` over its connection
    /// waits until the window's end, in which it can refute.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        profiles: &Profiles,
        speaks: impl Fn(NodeId) -> bool,
        events: &mut Vec<MemberEvent>,
    ) {
        let Some((first, last)) = self.window else {
            return;
        };
        let over = now >= first + self.max;
        if !over && now < last + self.quiet {
            return;
        }
        let (leavers, comers): (Vec<_>, Vec<_>) =
            self.unsettled.iter().copied().partition(|node| self.view.contains_key(node));
        for node in leavers {
            if over || !speaks(node) {
                self.report_gone(node, events);
            }
        }
        comers.into_iter().for_each(|node| self.report_up(node, profiles, events));
        self.close_window();
        if let Some((first, last)) = &mut self.window {
            // What still waits does so for its own sake, and looks again after a further quiet time.
            *last = now;
            if over {
                *first = now;
            }
        }
    }

    /// Everyone who is known to live, at once: the view is complete.
    pub(super) fn report_all(&mut self, profiles: &Profiles, events: &mut Vec<MemberEvent>) {
        let comers: Vec<_> = self.unsettled.iter().copied().filter(|node| self.is_live(*node)).collect();
        comers.into_iter().for_each(|node| self.report_up(node, profiles, events));
        self.close_window();
    }

    fn is_proven(&self, node: NodeId) -> bool {
        let why = self.departed.get(&node);
        self.view.contains_key(&node) && why.is_some_and(|why| *why != Gone::Silent)
    }

    fn report_gone(&mut self, node: NodeId, events: &mut Vec<MemberEvent>) {
        self.unsettled.remove(&node);
        if self.view.remove(&node).is_some() {
            events.push(MemberEvent::Down(node, self.why(node)));
        }
    }

    fn why(&self, node: NodeId) -> Gone {
        self.departed.get(&node).copied().unwrap_or(Gone::Silent)
    }

    /// A node without a profile is not a member yet; it is touched again when the profile comes.
    fn report_up(&mut self, node: NodeId, profiles: &Profiles, events: &mut Vec<MemberEvent>) {
        self.unsettled.remove(&node);
        if let Some(profile) = profiles.get(node) {
            let member = Member { id: node, profile: Arc::clone(profile) };
            self.view.insert(node, member.clone());
            events.push(MemberEvent::Up(member));
        }
    }

    fn close_window(&mut self) {
        if self.unsettled.is_empty() {
            self.window = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn node(i: u8) -> NodeId {
        NodeId::new(([10, 0, 0, i], 7000).into(), i.into())
    }

    fn at(ms: u32) -> Instant {
        Instant::START + MS * ms
    }

    /// A roster of node 0, and the profiles of ten others.
    fn roster() -> (Roster, Profiles) {
        let profile = Profile { version: 1, weight: 1, leaving: false, abilities: Vec::new(), extra: Vec::new() };
        let mut profiles = Profiles::default();
        (0..10).for_each(|i| {
            profiles.learn(node(i), profile.clone());
        });
        let me = Member { id: node(0), profile: profile.into() };
        (Roster::new(me, 150 * MS, 2000 * MS), profiles)
    }

    fn settle(roster: &mut Roster, profiles: &Profiles, ms: u32) -> Vec<NodeId> {
        let mut events = Vec::new();
        roster.settle(at(ms), profiles, |_| false, &mut events);
        let id = |event| match event {
            MemberEvent::Up(member) | MemberEvent::Changed(member) => Some(member.id),
            MemberEvent::Down(node, _) => Some(node),
            MemberEvent::Joined => None,
        };
        events.into_iter().filter_map(id).collect()
    }

    #[test]
    fn changes_wait_for_quiet() {
        let (mut roster, profiles) = roster();
        roster.alive(node(1), at(0));
        roster.alive(node(2), at(100));
        assert_eq!(roster.next_timeout(), Some(at(250)));
        assert_eq!(settle(&mut roster, &profiles, 249), []);
        assert_eq!(settle(&mut roster, &profiles, 250), [node(1), node(2)]);
        assert_eq!(roster.next_timeout(), None);
    }

    #[test]
    fn unrest_is_bounded() {
        let (mut roster, profiles) = roster();
        for ms in (0..2000).step_by(100) {
            assert_eq!(settle(&mut roster, &profiles, ms), []);
            roster.alive(node(1 + (ms / 200 % 9) as u8), at(ms));
            roster.touch(node(1), at(ms));
        }
        assert_eq!(settle(&mut roster, &profiles, 2000).len(), 9);
    }

    #[test]
    fn who_is_back_at_once_was_never_away() {
        let (mut roster, profiles) = roster();
        roster.alive(node(1), at(0));
        settle(&mut roster, &profiles, 1000);
        roster.gone(node(1), Gone::Silent, at(2000));
        assert!(roster.alive(node(1), at(2100)), "it had been gone");
        assert_eq!(settle(&mut roster, &profiles, 9000), []);
    }

    #[test]
    fn proof_does_not_wait() {
        let (mut roster, profiles) = roster();
        (1..3).for_each(|i| {
            roster.alive(node(i), at(0));
        });
        settle(&mut roster, &profiles, 1000);
        (1..3).for_each(|i| roster.gone(node(i), Gone::Silent, at(2000)));
        roster.gone(node(2), Gone::Refused, at(2000));
        let mut events = Vec::new();
        roster.proven(&mut events);
        assert_eq!(events, [MemberEvent::Down(node(2), Gone::Refused)]);
        roster.gone(node(2), Gone::Silent, at(2001));
        assert_eq!(settle(&mut roster, &profiles, 2150), [node(1)]);
    }

    #[test]
    fn who_came_and_went_unreported_is_reported_gone() {
        let (mut roster, profiles) = roster();
        roster.alive(node(1), at(0));
        roster.gone(node(1), Gone::Left, at(100));
        // Another has said goodbye before the gossip told of it, and one is back.
        roster.gone(node(2), Gone::Left, at(100));
        roster.gone(node(3), Gone::Silent, at(100));
        roster.alive(node(3), at(100));
        let mut events = Vec::new();
        roster.proven(&mut events);
        assert_eq!(events, [1, 2].map(|i| MemberEvent::Down(node(i), Gone::Left)));
        roster.gone(node(1), Gone::Refused, at(200));
        roster.proven(&mut events);
        assert_eq!(events.len(), 2, "once");
        assert_eq!(settle(&mut roster, &profiles, 1000), [node(3)]);
    }

    #[test]
    fn without_a_profile_nobody_is_a_member() {
        let (mut roster, mut profiles) = roster();
        roster.alive(node(77), at(0));
        assert_eq!(settle(&mut roster, &profiles, 1000), []);
        assert_eq!(roster.next_timeout(), None);
        profiles.learn(node(77), Profile { version: 1, weight: 1, leaving: false, abilities: vec![], extra: vec![] });
        roster.touch(node(77), at(2000));
        assert_eq!(settle(&mut roster, &profiles, 2150), [node(77)]);
    }
}

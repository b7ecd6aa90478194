use std::collections::VecDeque;
use std::time::Duration;

use foca::State;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::network::{Net, addr, profile};
use crate::member::{Gone, MemberEvent};
use crate::membership::codec::{Codec, Member};
use crate::membership::identity::Identity;
use crate::membership::sync::{self, Head, Kind};
use crate::membership::{Input, Membership, MembershipConfig, Output};
use crate::node::NodeId;
use crate::time::{Instant, Now};

/// Enough to meet each kind of fault many times; raise it to search.
const SEEDS: u64 = 30;

const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);

/// Nodes `0..count`, each of which was told of node 0 once, when all see all.
fn cluster(count: u32, config: MembershipConfig, seed: u64) -> Net {
    let mut net = Net::new(config, seed);
    (0..count).for_each(|i| {
        net.start(i);
    });
    (1..count).for_each(|i| net.discover(i, 0));
    net.run_while(20 * SEC, Net::all_see_all);
    net
}

#[test]
fn a_lone_node_forms_a_cluster() {
    let mut net = Net::new(MembershipConfig::lan(), 1);
    net.start(0);
    net.run(999 * MS);
    assert!(!net.node(0).membership.joined());
    net.run(2 * MS);
    assert_eq!(net.node(0).events.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), [MemberEvent::Joined]);
}

#[test]
fn three_nodes_form_by_one_discovery_each() {
    let net = cluster(3, MembershipConfig::lan(), 2);
    for node in net.nodes.values() {
        assert_eq!(node.ups().len(), 2);
        let joined = node.events.iter().filter(|(_, event)| *event == MemberEvent::Joined).count();
        assert_eq!(joined, 1);
    }
    assert!(net.downs().is_empty());
}

#[test]
fn a_joiner_has_the_whole_view_when_it_is_joined() {
    let mut net = cluster(5, MembershipConfig::lan(), 3);
    net.start(9);
    net.discover(9, 4);
    let took = net.run_while(SEC, |net| net.node(9).membership.joined());
    assert!(took < 100 * MS, "{took:?}: a joiner does not wait to form a cluster");
    assert_eq!(net.node(9).membership.view().len(), 6);
    net.run_while(SEC, Net::all_see_all);
}

#[test]
fn a_joiner_hears_of_the_dead_before_it_is_joined() {
    let mut net = cluster(5, MembershipConfig::lan(), 35);
    let dead = [3, 4].map(|i| net.crash(i, true));
    net.run_while(SEC, Net::all_see_all);
    net.start(9);
    net.discover(9, 1);
    net.run_while(SEC, Net::all_see_all);
    let node = net.node(9);
    assert_eq!(node.downs().into_iter().map(|(node, _)| node).collect::<Vec<_>>(), dead);
    let joined = node.events.iter().position(|(_, event)| *event == MemberEvent::Joined);
    let last = node.events.iter().rposition(|(_, event)| matches!(event, MemberEvent::Down(..)));
    assert!(last < joined, "{:?}", node.events);
}

#[test]
fn lost_announces_are_repeated() {
    let mut net = Net::new(MembershipConfig::lan(), 4);
    (0..2).for_each(|i| {
        net.start(i);
    });
    net.cut(&[0], &[1]);
    net.discover(1, 0);
    net.run(3 * SEC);
    assert!(net.nodes.values().all(|node| node.membership.joined() && node.ups().is_empty()));
    net.heal();
    net.run_while(10 * SEC, Net::all_see_all);
}

#[test]
fn a_refused_crash_is_down_at_once() {
    let mut net = cluster(5, MembershipConfig::lan(), 5);
    let gone = net.crash(3, true);
    let took = net.run_while(SEC, Net::all_see_all);
    assert!(took < 10 * MS, "{took:?}");
    assert!(net.downs().iter().all(|(_, node, why)| (*node, *why) == (gone, Gone::Refused)));
}

#[test]
fn the_proof_of_one_node_reaches_all() {
    let mut net = cluster(8, MembershipConfig::lan(), 6);
    let gone = net.crash(3, false);
    net.input(0, Input::Lost { node: gone, refused: true });
    let took = net.run_while(SEC, Net::all_see_all);
    assert!(took < 600 * MS, "{took:?}");
}

#[test]
fn a_silent_crash_is_down_in_bounded_time() {
    for seed in 0..5 {
        let mut net = cluster(8, MembershipConfig::lan(), 7 + seed);
        let gone = net.crash(3, false);
        let took = net.run_while(20 * SEC, Net::all_see_all);
        assert!(took > SEC && took < 5 * SEC, "{took:?}");
        assert!(net.downs().iter().all(|(_, node, why)| (*node, *why) == (gone, Gone::Silent)));
    }
}

#[test]
fn a_leaver_has_left() {
    let mut net = cluster(5, MembershipConfig::lan(), 20);
    let leaver = net.node(2).id;
    net.input(2, Input::Leave);
    net.run(SEC);
    assert_eq!(net.node(2).membership.next_timeout(), None);
    net.nodes.remove(&addr(2));
    assert!(net.all_see_all());
    net.run(60 * SEC);
    assert!(net.downs().iter().all(|(_, node, why)| (*node, *why) == (leaver, Gone::Left)));
    assert_eq!(net.downs().len(), 4);
}

#[test]
fn a_leaving_flag_reaches_all() {
    let mut net = cluster(4, MembershipConfig::lan(), 21);
    net.input(1, Input::Profile(crate::member::Profile { leaving: true, ..profile() }));
    let id = net.node(1).id;
    let took = net.run_while(SEC, |net| net.nodes.values().all(|node| node.membership.view()[&id].profile.leaving));
    assert!(took < 10 * MS, "{took:?}");
    assert!(
        net.node(0).events.iter().any(|(_, event)| matches!(event, MemberEvent::Changed(member) if member.id == id))
    );
}

/// It was believed to have left, so that nobody waited until its lease was over: what it still ran was started elsewhere.
#[test]
fn who_is_cut_off_while_it_leaves_is_not_said_to_have_left() {
    let mut net = cluster(4, MembershipConfig::lan(), 35);
    let id = net.node(1).id;
    net.input(1, Input::Profile(crate::member::Profile { leaving: true, ..profile() }));
    net.run_while(SEC, |net| net.nodes.values().all(|node| node.membership.view()[&id].profile.leaving));
    net.cut(&[1], &[0, 2, 3]);
    net.run(20 * SEC);
    for i in [0, 2, 3] {
        assert_eq!(net.node(i).downs(), [(id, Gone::Silent)]);
    }
}

/// Else it may take itself for the last node, and its workers end with it.
#[test]
fn who_leaves_is_told_at_once_of_those_who_have_just_joined() {
    let mut net = cluster(1, MembershipConfig::lan(), 34);
    let joiner = net.start(9);
    net.discover(9, 0);
    net.run_while(SEC, |net| net.node(9).membership.joined());
    assert_eq!(net.node(0).ups(), [], "it waits until it is quiet");
    net.input(0, Input::Profile(crate::member::Profile { leaving: true, ..profile() }));
    assert_eq!(net.node(0).ups(), [joiner]);
}

/// Until the quiet time was over a cluster of two kept a single copy of what the leaver had.
#[test]
fn who_hears_of_a_leaver_is_told_first_of_those_who_have_just_joined() {
    let mut net = cluster(2, MembershipConfig::lan(), 35);
    let leaver = net.node(1).id;
    let joiner = net.start(9);
    net.discover(9, 0);
    net.run_while(SEC, |net| net.node(9).membership.joined());
    assert_eq!(net.node(0).ups(), [leaver], "it waits until it is quiet");
    net.input(1, Input::Profile(crate::member::Profile { leaving: true, ..profile() }));
    net.run_while(SEC, |net| net.node(0).membership.view()[&leaver].profile.leaving);
    let last: Vec<_> = net.node(0).events.iter().rev().take(2).map(|(_, event)| event).collect();
    assert!(
        matches!(&last[..], [MemberEvent::Changed(leaves), MemberEvent::Up(heir)] if (leaves.id, heir.id) == (leaver, joiner)),
        "{last:?}"
    );
}

#[test]
fn a_healed_partition_brings_the_same_nodes_back() {
    let mut net = cluster(6, MembershipConfig::lan(), 22);
    let ids: Vec<_> = net.nodes.values().map(|node| node.id).collect();
    net.cut(&[0, 1], &[2, 3, 4, 5]);
    net.run(20 * SEC);
    assert!(net.node(0).sees(&ids[..2]) && net.node(5).sees(&ids[2..]));
    net.heal();
    let took = net.run_while(30 * SEC, Net::all_see_all);
    assert!(took < 10 * SEC, "{took:?}");
    net.run(120 * SEC);
    assert!(net.all_see_all());
    for node in net.nodes.values() {
        let other_side = if node.id < ids[2] { 4 } else { 2 };
        assert_eq!(node.downs().len(), other_side, "{:?}", node.events);
        assert_eq!(node.ups().len(), 5 + other_side);
    }
}

#[test]
fn a_beacon_heals_a_partition_at_once() {
    let mut net = cluster(4, MembershipConfig::lan(), 23);
    net.cut(&[0, 1], &[2, 3]);
    net.run(20 * SEC);
    net.heal();
    net.discover(0, 3);
    let took = net.run_while(30 * SEC, Net::all_see_all);
    assert!(took < SEC, "{took:?}");
}

#[test]
fn lists_are_exchanged_on_demand() {
    let mut net = cluster(3, MembershipConfig::lan(), 32);
    let other = net.node(2).id;
    net.run(10 * SEC);
    let mut out = Vec::new();
    let now = Now { instant: net.now, unix_ms: 0 };
    let asker = &mut net.nodes.get_mut(&addr(0)).expect("it runs").membership;
    asker.handle(now, Input::Exchange(other), &mut out);
    assert!(matches!(&out[..], [Output::Sync { to, .. }] if *to == other), "{out:?}");
}

#[test]
fn clusters_of_other_names_are_ignored() {
    let mut net = Net::new(MembershipConfig::lan(), 24);
    net.start_as(0, 1, "red");
    net.start_as(1, 2, "blue");
    net.discover(0, 1);
    net.run(10 * SEC);
    assert!(net.nodes.values().all(|node| node.membership.joined() && node.ups().is_empty()));
}

#[test]
fn a_restart_replaces_the_old_process() {
    for clock_back in [0, 100_000] {
        let mut net = cluster(5, MembershipConfig::lan(), 25);
        let old = net.crash(3, false);
        net.set_wall_clock(1_700_000_000_000 - clock_back);
        let new = net.start_as(3, 77, "cluster");
        net.discover(3, 0);
        let took = net.run_while(10 * SEC, Net::all_see_all);
        assert!(took < SEC, "{took:?} with the clock set back by {clock_back} ms");
        for node in net.nodes.values().filter(|node| node.id != new) {
            assert_eq!(node.downs(), [(old, Gone::Replaced)]);
            assert_eq!(node.ups().last(), Some(&new));
        }
        net.run(60 * SEC);
        assert!(net.all_see_all() && net.node(3).fatal.is_none());
        assert_eq!(net.downs().len(), 4);
    }
}

/// It had renewed its claim and heard of its old one; then it heard of a rival's, and took itself for replaced: it had no
/// place in its own view.
#[test]
fn what_others_claim_of_our_address_changes_nothing_of_us() {
    let [me, rival, other] = [(0, 1), (0, 2), (1, 3)].map(|(i, boot)| NodeId::new(addr(i), boot));
    let mut membership = Membership::new(me, profile(), "c", MembershipConfig::lan(), 1, Now::default());
    let mut out = Vec::new();
    let connected = Input::Connected { node: other, profile: profile(), joined: true };
    membership.handle(Now::default(), connected, &mut out);
    let head = Head { kind: Kind::Push, joined: true, round: 0 };
    let (mine, theirs) = (Identity::first(me, 0), Identity::first(rival, 1000));
    for claim in [mine, mine, theirs] {
        let frames = sync::write(&Codec::new("c"), head, [Member::down(claim)].iter(), std::iter::empty());
        membership.handle(Now::default(), Input::Sync { from: other, bytes: &frames[0] }, &mut out);
    }
    assert!(membership.view().contains_key(&me));
    let events: Vec<_> = out.iter().filter(|output| matches!(output, Output::Event(_))).collect();
    assert!(events.is_empty(), "{events:?}");
}

/// What a member says of another, and of a process that there may have been before it at its address: to all but that one, or to all.
struct Lie {
    generation: u64,
    incarnation: u16,
    state: State,
    boot: Option<u64>,
    hearers: std::ops::Range<u32>,
}

impl Lie {
    /// Node 3 says it of node 1 by its connections.
    fn tell(&self, net: &mut Net) {
        let (liar, victim) = (net.node(3).id, net.node(1).membership.swim.identity());
        let node = self.boot.map_or(victim.node, |boot| NodeId::new(victim.node.addr(), boot));
        let claim = Identity { node, generation: self.generation, ..victim };
        let lie = Member::new(claim, self.incarnation, self.state);
        let head = Head { kind: Kind::Push, joined: true, round: 0 };
        let frames = sync::write(&Codec::new("cluster"), head, [lie].iter(), std::iter::empty());
        for hearer in self.hearers.clone() {
            net.input(hearer, Input::Sync { from: liar, bytes: &frames[0] });
        }
    }
}

/// A member can say anything of another, also what nobody can outbid: that one is heard again all the same, as the same process.
#[test]
fn absurd_incarnations_and_generations_keep_nobody_out() {
    let began = 1_700_000_001_000;
    let (told, max) = (Identity::TOLD_MAX, Identity::GENERATION_MAX);
    let generations = [began, began + 1, began + 1_000_000, told - 1, told, told + 1, max / 4, max - 1, max];
    let mut lies: Vec<_> = generations.map(|generation| (generation, u16::MAX, 0..3)).into();
    // One that nobody else has heard, and one that leaves room for one more word.
    lies.extend([(told, 0, 0..1), (max, 0, 0..1), (began, u16::MAX - 1, 0..3)]);
    for (generation, incarnation, hearers) in lies {
        for state in [State::Alive, State::Suspect, State::Down] {
            let what = format!("{generation} {incarnation} {state:?} to {hearers:?}");
            let mut net = cluster(4, MembershipConfig::lan(), 30);
            let ids: Vec<_> = net.nodes.values().map(|node| node.id).collect();
            Lie { generation, incarnation, state, boot: None, hearers: hearers.clone() }.tell(&mut net);
            net.run(40 * SEC);
            assert!(net.all_see_all(), "{what}");
            assert!(net.nodes.values().map(|node| node.id).eq(ids), "{what}");
            let ended: Vec<_> = net.nodes.values().filter_map(|node| node.fatal.as_ref()).collect();
            assert!(ended.is_empty(), "{what}: {ended:?}");
        }
    }
}

/// The same of processes that never were, at the victim's address.
#[test]
fn absurd_predecessors_keep_nobody_out() {
    let (told, max) = (Identity::TOLD_MAX, Identity::GENERATION_MAX);
    for state in [State::Alive, State::Suspect, State::Down] {
        for generation in [told - 1, told, told + 1, max - 1, max] {
            let what = format!("{generation} {state:?}");
            let mut net = cluster(4, MembershipConfig::lan(), 30);
            let ids: Vec<_> = net.nodes.values().map(|node| node.id).collect();
            Lie { generation, incarnation: 0, state, boot: Some(7), hearers: 0..3 }.tell(&mut net);
            net.run(40 * SEC);
            assert!(net.all_see_all(), "{what}");
            assert!(net.nodes.values().map(|node| node.id).eq(ids), "{what}");
            assert!(net.nodes.values().all(|node| node.fatal.is_none()), "{what}");
        }
    }
}

/// Who was driven beyond what is believed of others is known to those who hear it itself: also to who joins later, and what follows it
/// at its address is let in.
#[test]
fn who_had_to_rise_beyond_belief_is_known_to_all_who_join_and_can_be_restarted() {
    let mut net = cluster(4, MembershipConfig::lan(), 31);
    let last = Lie { generation: Identity::TOLD_MAX, incarnation: 0, state: State::Down, boot: None, hearers: 0..3 };
    last.tell(&mut net);
    net.run(20 * SEC);
    for _ in 0..100 {
        // Now its present claim, over and over.
        let generation = net.node(1).membership.swim.identity().generation;
        Lie { generation, incarnation: 0, state: State::Down, boot: None, hearers: 0..3 }.tell(&mut net);
        net.run(SEC);
    }
    let risen = net.node(1).membership.swim.identity().generation;
    assert!((100..10_000).contains(&risen.saturating_sub(Identity::TOLD_MAX)), "{risen}");
    assert!(net.all_see_all());

    net.start(4);
    net.discover(4, 0);
    let took = net.run_while(20 * SEC, Net::all_see_all);
    assert!(took < 2 * SEC, "{took:?} to join");

    let old = net.crash(1, false);
    let new = net.start_as(1, 77, "cluster");
    net.discover(1, 0);
    let took = net.run_while(20 * SEC, Net::all_see_all);
    assert!(took < 2 * SEC, "{took:?} to restart");
    net.run(60 * SEC);
    assert!(net.all_see_all() && net.nodes.values().all(|node| node.fatal.is_none()));
    assert!(net.node(0).downs().iter().any(|(gone, _)| *gone == old) && net.node(0).ups().last() == Some(&new));
}

#[test]
fn a_live_double_is_fatal() {
    let mut net = cluster(3, MembershipConfig::lan(), 26);
    let double = NodeId::new(addr(1), 4242);
    net.input(1, Input::Connected { node: double, profile: profile(), joined: true });
    let why = net.node(1).fatal.clone().expect("a double is fatal");
    assert!(why.contains("duplicate address") && why.contains("10.0.0.1:7000"), "{why}");
}

#[test]
fn loss_brings_nobody_down() {
    let mut net = cluster(20, MembershipConfig::lan(), 27);
    net.loss_percent = 5;
    net.run(300 * SEC);
    assert_eq!(net.downs(), []);
    assert!(net.all_see_all());
    let per_second = net.packets_sent / 20 / 300;
    assert!(per_second < 20, "{per_second} packets a node and second");
}

#[test]
fn without_datagrams_connections_keep_the_cluster_together() {
    let mut net = cluster(4, MembershipConfig::lan(), 28);
    net.loss_percent = 100;
    for _ in 0..300 {
        net.run(100 * MS);
        let ids: Vec<_> = net.nodes.values().map(|node| node.id).collect();
        for (i, other) in (0..4).flat_map(|i| ids.iter().map(move |other| (i, *other))) {
            net.input(i, Input::Heard(other));
        }
    }
    assert_eq!(net.downs(), []);
}

#[test]
fn a_hundred_nodes_join_and_all_see_all() {
    let mut net = Net::new(MembershipConfig::lan(), 29);
    (0..100).for_each(|i| {
        net.start(i);
    });
    (1..100).for_each(|i| net.discover(i, i / 2));
    let took = net.run_while(20 * SEC, Net::all_see_all);
    assert!(took < 4 * SEC, "{took:?}");
    net.run(5 * SEC);
    assert_eq!(net.downs(), []);
}

#[test]
fn local_clusters_form_in_half_a_second() {
    let mut net = Net::new(MembershipConfig::local(), 30);
    (0..3).for_each(|i| {
        net.start(i);
    });
    (1..3).for_each(|i| net.discover(i, 0));
    let took = net.run_while(SEC, Net::all_see_all);
    assert!(took < 500 * MS, "{took:?}");
}

#[test]
fn equal_seeds_run_alike() {
    let run = || {
        let mut net = cluster(6, MembershipConfig::lan(), 31);
        net.loss_percent = 20;
        net.crash(2, false);
        net.run(10 * SEC);
        (net.packets_sent, net.nodes.into_values().map(|node| node.events).collect::<Vec<_>>())
    };
    assert_eq!(run(), run());
}

/// Two processes behind one address: node 0 is connected to both, and its packets reach both.
#[test]
fn two_processes_that_fight_for_one_address_end() {
    let ids = [NodeId::new(addr(0), 1), NodeId::new(addr(1), 2), NodeId::new(addr(1), 3)];
    let mut now = Now::default();
    let mut nodes = ids.map(|id| Membership::new(id, profile(), "c", MembershipConfig::lan(), id.boot(), now));
    let mut coming: VecDeque<(usize, Output)> = VecDeque::new();
    let mut fatal = None;
    let connect = |nodes: &mut [Membership; 3], now, at: usize, other: usize| {
        let mut out = Vec::new();
        let input = Input::Connected { node: ids[other], profile: profile(), joined: false };
        nodes[at].handle(now, input, &mut out);
        out.into_iter().map(move |output| (at, output)).collect::<Vec<_>>()
    };
    for (at, other) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
        coming.extend(connect(&mut nodes, now, at, other));
    }
    for _ in 0..20_000 {
        let mut out = Vec::new();
        let Some((from, output)) = coming.pop_front() else {
            let next = nodes.iter().filter_map(Membership::next_timeout).min();
            now.instant = next.expect("somebody waits").max(now.instant);
            for (at, node) in nodes.iter_mut().enumerate() {
                node.handle(now, Input::Timeout, &mut out);
                coming.extend(out.drain(..).map(|output| (at, output)));
            }
            continue;
        };
        for (to, node) in nodes.iter_mut().enumerate() {
            match &output {
                Output::Packet { to: addr, bytes } if *addr == ids[to].addr() => {
                    node.handle(now, Input::Packet { from: ids[from].addr(), bytes }, &mut out);
                }
                Output::Sync { to: id, bytes } if *id == ids[to] => {
                    node.handle(now, Input::Sync { from: ids[from], bytes }, &mut out);
                }
                Output::Fatal(why) => fatal = Some(why.clone()),
                Output::Packet { .. }
                | Output::Sync { .. }
                | Output::Goodbye { .. }
                | Output::Dial(_)
                | Output::Hangup(_)
                | Output::Suspect(_)
                | Output::Event(_) => {}
            }
            coming.extend(out.drain(..).map(|output| (to, output)));
        }
        if fatal.is_some() {
            break;
        }
    }
    assert!(fatal.expect("one of the two ends").contains("duplicate address"));
    assert!(now.instant < Instant::START + 60 * SEC);
}

/// Crashes, restarts, cuts and loss; then calm, after which all see all.
#[test]
fn after_chaos_all_see_all() {
    for seed in 0..SEEDS {
        let mut net = Net::new(MembershipConfig::lan(), seed);
        let mut dice = StdRng::seed_from_u64(seed);
        (0..6).for_each(|i| {
            net.start(i);
        });
        (1..6).for_each(|i| net.discover(i, 0));
        net.loss_percent = 10;
        for boot in 0..20 {
            net.run(MS * dice.random_range(10..4000));
            let one = dice.random_range(0..6);
            match dice.random_range(0..5) {
                0 if net.nodes.contains_key(&addr(one)) => {
                    net.crash(one, dice.random_bool(0.5));
                }
                0 | 1 if !net.nodes.contains_key(&addr(one)) => {
                    net.start_as(one, 10_000 + boot, "cluster");
                    net.discover(one, (one + 1) % 6);
                }
                2 => {
                    let (left, right): (Vec<_>, Vec<_>) = (0..6).partition(|i| *i < one);
                    net.cut(&left, &right);
                }
                _ => net.heal(),
            }
        }
        net.heal();
        net.loss_percent = 0;
        for i in 0..6 {
            // What a beacon does for ever.
            (0..6).filter(|other| *other != i).for_each(|other| net.discover(i, other));
        }
        net.run(30 * SEC);
        assert!(net.all_see_all(), "seed {seed}");
        assert!(net.nodes.values().all(|node| node.fatal.is_none()), "seed {seed}");
    }
}

//! Clusters with a quorum, between instances: what each side of a split does, and what a node does whose time is over.

use std::collections::BTreeSet;
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::directory::quorum::{Quorum, Standing};
use crate::directory::tests::cluster::{Check, Cluster, LEASE, Setup};
use crate::directory::{Answer, Ask, Event, Message, Refusal, RequestId, Role};
use crate::name::Name;

/// `formed` nodes of five, of which `size` make a quorum. Three copies: two that are lost never have all of them.
fn formed(formed: usize, size: u32) -> Cluster {
    Cluster::new(Setup { nodes: 5, capable: 0x1f, replicas: 3, quorum: size, ..Setup::of(formed) })
}

impl Cluster {
    fn answer_to(&self, request: RequestId) -> Option<&Answer> {
        self.answers.get(&request)?.last()
    }

    fn answering(&self, name: &str) -> Vec<usize> {
        self.alive().into_iter().filter(|n| self.answers(*n, &Name::from(name))).collect()
    }

    /// Registers a name by whoever owns its partition, and waits until it runs.
    fn start(&mut self, name: &str) -> Check {
        let owner = self.owner(name).ok_or("nobody owns it")?;
        let request = self.register(owner, name)?;
        self.deliver_all()?;
        match self.answer_to(request) {
            Some(Answer::Registered(_)) => Ok(()),
            other => Err(format!("not registered but {other:?}")),
        }
    }

    fn refuses(&mut self, n: usize, name: &str) -> Check {
        for ask in [Ask::Whereis, Ask::Unregister] {
            let request = self.ask(n, name, ask)?;
            assert_eq!(self.answer_to(request), Some(&Answer::Refused(Refusal::NoQuorum)), "n{n}");
        }
        let request = self.register(n, name)?;
        assert_eq!(self.answer_to(request), Some(&Answer::Refused(Refusal::NoQuorum)), "n{n}");
        Ok(())
    }

    /// Every node is met again by every other.
    fn heal_all(&mut self) -> Check {
        while let Some((n, m)) = self.heals().first().copied() {
            self.heal(n, m)?;
        }
        self.deliver_all()
    }
}

#[test]
fn below_the_quorum_nothing_is_registered_and_at_it_everything_is() -> Check {
    let mut all = formed(2, 3);
    all.refuses(1, "x")?;
    assert!(all.registered(0).is_empty() && all.registered(1).is_empty(), "it leaves no trace");
    all.join(2, 0)?;
    all.sync(2, 0)?;
    all.learn(1, 2)?;
    all.learn(2, 1)?;
    all.deliver_all()?;
    // The newcomer may be the successor of one that had a say, and waits until that has no weight any more.
    assert_eq!(all.owner("x"), None);
    all.pass(LEASE + LEASE / 8)?;
    all.start("x")?;
    assert_eq!(all.answering("x"), [2]);
    all.check_rest()
}

#[test]
fn what_is_asked_while_votes_are_on_their_way_is_held_and_then_done() -> Check {
    let mut all = formed(3, 3);
    // Nothing was delivered for longer than a lease, but all see each other.
    all.tick(LEASE * 2)?;
    let request = all.register(2, "x")?;
    assert_eq!(all.answer_to(request), None);
    all.pass(LEASE)?;
    assert!(matches!(all.answer_to(request), Some(Answer::Registered(_))), "{:?}", all.answer_to(request));
    all.check_rest()
}

#[test]
fn of_three_that_are_all_needed_none_goes_on_without_one() -> Check {
    let mut all = formed(3, 3);
    all.start("x")?;
    all.start("y")?;
    all.split(&BTreeSet::from([0]), true)?;
    all.deliver_all()?;
    for n in 0..3 {
        assert!(all.nodes[n].cells.is_empty(), "n{n} has stopped at once");
        all.refuses(n, "x")?;
    }
    all.pass(LEASE * 2)?;
    assert_eq!((all.owner("x"), all.hosts("x")), (None, vec![]));
    all.heal_all()?;
    all.pass(LEASE)?;
    assert_eq!((all.answering("x"), all.answering("y")), (vec![2], vec![2]), "everything comes back");
    all.check_rest()
}

#[test]
fn of_three_and_two_the_three_go_on_when_the_time_of_the_two_is_over() -> Check {
    let mut all = formed(5, 3);
    all.start("x")?;
    assert_eq!(all.answering("x"), [4]);
    all.split(&BTreeSet::from([3, 4]), false)?;
    all.pass(LEASE / 2)?;
    assert_eq!(all.answering("x"), [4], "the two have not noticed, and may run on for a while");
    assert_eq!(all.owner("x"), Some(4), "nobody else decides until then");
    all.pass(LEASE)?;
    assert_eq!(all.answering("x"), [2]);
    assert!(all.nodes[3].cells.is_empty() && all.nodes[4].cells.is_empty());
    for (n, m) in [(3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2)] {
        all.notice_down(n, m)?;
    }
    all.refuses(3, "x")?;
    all.refuses(4, "x")?;
    all.heal_all()?;
    all.pass(LEASE)?;
    assert_eq!(all.answering("x"), [4], "it is back at its place");
    all.check_rest()
}

#[test]
fn a_node_that_stood_still_answers_for_nothing_when_it_goes_on() -> Check {
    let mut all = formed(4, 3);
    all.start("x")?;
    assert_eq!(all.answering("x"), [3]);
    all.nodes[3].frozen = true;
    for n in 0..3 {
        all.suspect(n, 3)?;
    }
    // It was told that its connections broke, and stands still again.
    all.nodes[3].frozen = true;
    all.pass(LEASE * 2)?;
    assert_eq!(all.answering("x"), [2]);
    assert!(all.nodes[3].cells.contains_key(&Name::from("x")), "it has not noticed anything");
    // Whatever comes first: its lease ends before it is looked at.
    let asked = all.ask(3, "x", Ask::Whereis)?;
    assert_ne!(all.answer_to(asked).map(|answer| matches!(answer, Answer::Whereis(Some(_)))), Some(true));
    all.deliver_all()?;
    assert!(all.nodes[3].cells.is_empty());
    all.heal_all()?;
    all.pass(LEASE)?;
    assert_eq!(all.answering("x"), [3]);
    all.check_rest()
}

#[test]
fn of_two_that_miss_each_other_the_others_name_the_owner_and_no_name_answers_twice() -> Check {
    let mut all = formed(4, 3);
    all.start("x")?;
    all.suspect(3, 2)?;
    all.suspect(2, 3)?;
    // Whoever is heard first takes the other's lease; but n0 and n1 see both, and n3 as the owner.
    for _ in 0..12 {
        all.pass(LEASE / 4)?;
        assert!(all.answering("x").iter().all(|n| *n == 3), "{:?}", all.answering("x"));
    }
    all.heal_all()?;
    all.pass(LEASE)?;
    assert_eq!(all.answering("x"), [3]);
    all.check_rest()
}

#[test]
fn an_order_from_before_the_lease_ended_is_not_obeyed_after_it_has_begun_anew() -> Check {
    let mut all = Cluster::new(Setup { nodes: 5, capable: 0b0_0001, quorum: 3, ..Setup::of(4) });
    all.register(3, "x")?;
    let start = |all: &Cluster| {
        let queue = all.channels.get(&(3, 0));
        queue.is_some_and(|queue| queue.iter().any(|(_, message)| matches!(message, Message::Do { .. })))
    };
    for _ in 0..100 {
        if start(&all) {
            break;
        }
        for (from, to) in all.pending().into_iter().filter(|pair| *pair != (3, 0)) {
            all.deliver(from, to)?;
        }
    }
    assert!(start(&all), "the order is on its way");
    // For so long nothing at all arrives, and then all but what n3 has sent to n0.
    all.tick(LEASE * 2)?;
    for _ in 0..40 {
        all.tick(LEASE / 32)?;
        for (from, to) in all.pending().into_iter().filter(|pair| *pair != (3, 0)) {
            all.deliver(from, to)?;
        }
    }
    assert_eq!(all.nodes[0].dir.world.standing, Standing::Leased);
    while start(&all) {
        all.deliver(3, 0)?;
    }
    assert!(all.hosts("x").is_empty(), "who gave the order may have been succeeded since");
    all.pass(LEASE)?;
    assert_eq!(all.answering("x"), [0], "it is given anew");
    all.check_rest()
}

#[test]
fn a_claim_waits_for_a_silent_member_however_long_it_takes() -> Check {
    let mut all = Cluster::new(Setup { nodes: 5, claim_wait: LEASE, quorum: 3, ..Setup::of(4) });
    all.nodes[0].frozen = true;
    all.join(4, 3)?;
    all.sync(4, 3)?;
    for n in 0..4 {
        all.learn(n, 4)?;
        all.learn(4, n)?;
    }
    all.nodes[0].frozen = true;
    all.pass(LEASE * 8)?;
    let role = |all: &Cluster| all.nodes[4].dir.role(all.nodes[4].dir.partition_of(&"x".into()));
    assert_eq!(role(&all), Role::Candidate, "it does not go on without n0");
    all.nodes[0].frozen = false;
    all.pass(LEASE)?;
    all.start("x")?;
    all.check_rest()
}

/// It was dead to one that stood still since, and came back meanwhile: what it ran was started a second time.
#[test]
fn who_is_dead_to_a_claimant_and_a_member_to_a_voter_is_heard() -> Check {
    let mut all = formed(5, 3);
    all.start("x")?;
    (0..4).try_for_each(|n| all.suspect(n, 4))?;
    all.nodes[4].frozen = true;
    all.pass(6 * LEASE)?;
    assert_eq!(all.answering("x"), [3]);
    (0..3).try_for_each(|n| all.suspect(n, 3))?;
    all.nodes[3].frozen = true;
    all.notice_down(4, 3)?;
    (0..3).try_for_each(|n| all.heal(n, 4))?;
    all.nodes[3].frozen = true;
    all.pass(6 * LEASE)?;
    assert_eq!(all.answering("x"), [4]);
    [0, 1, 2, 4].into_iter().try_for_each(|n| all.heal(n, 3))?;
    all.nodes[3].frozen = true;
    all.pass(LEASE / 2)?;
    // It begins to leave, so that the ring's owner is the one that knows nothing of its return.
    all.leave(4)?;
    (0..3).try_for_each(|n| all.learn_leave(n, 4))?;
    all.feed(3, Event::Stalled)?;
    let there = |(from, to): &(usize, usize)| *from != 4 && *to != 4;
    for _ in 0..48 {
        all.tick(LEASE / 64)?;
        while let Some((from, to)) = all.pending().into_iter().find(there) {
            all.deliver(from, to)?;
        }
        for (n, name) in all.jobs() {
            all.work(n, &name, true)?;
        }
        assert!(all.answering("x").len() <= 1, "{:?}", all.answering("x"));
    }
    all.heal_all()
}

#[test]
fn who_says_goodbye_is_not_waited_for() -> Check {
    let mut all = formed(4, 3);
    all.start("x")?;
    all.leave(3)?;
    for n in 0..3 {
        all.learn_leave(n, 3)?;
    }
    all.deliver_all()?;
    assert_eq!(all.answering("x"), [2]);
    all.exit(3)?;
    for n in 0..3 {
        all.notice_down(n, 3)?;
    }
    all.deliver_all()?;
    all.start("y")?;
    all.check_rest()
}

/// A newcomer saw it still when the others had heard its goodbye, and said so when it promised: they took it for missing, and
/// nothing was registered or unregistered before they had waited for it in vain.
#[test]
fn who_has_said_goodbye_is_not_waited_for_though_a_newcomer_sees_it_still() -> Check {
    let setup = Setup { nodes: 5, capable: 0x1f, partitions: 8, replicas: 3, quorum: 3, ..Setup::of(4) };
    let mut all = Cluster::new(setup);
    all.leave(3)?;
    (0..3).try_for_each(|n| all.learn_leave(n, 3))?;
    all.deliver_all()?;
    all.join(4, 0)?;
    all.sync(4, 0)?;
    all.learn_leave(4, 3)?;
    all.exit(3)?;
    (0..3).try_for_each(|n| all.notice_down(n, 3))?;
    for n in 1..3 {
        all.learn(n, 4)?;
        all.learn(4, n)?;
    }
    all.deliver_all()?;
    assert!(all.nodes[4].view.contains(&3), "it has not noticed");
    let names = (0..64).map(|n| format!("x{n}"));
    let of = |n: usize, name: &str| {
        let dir = &all.nodes[n].dir;
        dir.ring().owner(dir.partition_of(&name.into())) == Some(all.ids[n])
    };
    // What is to be the newcomer's waits until it has a lease.
    let names: Vec<String> = names.filter(|name| (0..3).any(|n| of(n, name))).collect();
    names.iter().try_for_each(|name| all.start(name))
}

// ---------- the lease by itself ----------

fn node(n: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n))
}

fn at(ms: u64) -> Instant {
    Instant::START + Duration::from_millis(ms)
}

/// One of three, awake at 2,200 ms, with leases of 1,600 ms and two votes needed.
fn awake() -> Quorum {
    let mut quorum = Quorum::new(node(1), 2, Duration::from_millis(1_600));
    quorum.see([node(1), node(2), node(3)].into_iter());
    quorum.look(at(500));
    quorum
}

/// Asks at this time, and says which round it was.
fn ask(quorum: &mut Quorum, ms: u64) -> u64 {
    quorum.look(at(ms)).ask.expect("it is time to ask").0
}

#[test]
fn a_new_node_takes_no_part_for_as_long_as_its_predecessor_may_have_promised() {
    let mut quorum = awake();
    assert_eq!(quorum.vote(at(2_199), node(2), Vec::new()), None);
    assert_eq!(quorum.look(at(2_199)).ask, None);
    assert!(quorum.next() <= at(2_200));
    assert_eq!(quorum.vote(at(2_200), node(2), Vec::new()), Some(Vec::new()));
    assert!(quorum.look(at(2_200)).ask.is_some());
}

#[test]
fn a_lease_lasts_from_when_it_was_asked_for_and_a_late_vote_does_not_revive_it() {
    let mut quorum = awake();
    let first = ask(&mut quorum, 2_200);
    quorum.granted(at(2_300), node(2), first, &[]);
    assert_eq!(quorum.look(at(2_300)).begun, Some(at(3_800)));
    assert_eq!(quorum.standing(), Standing::Leased);
    let second = ask(&mut quorum, 3_700);
    quorum.granted(at(3_800), node(2), second, &[]);
    let findings = quorum.look(at(3_800));
    assert!(findings.ended, "its time was over before the vote came");
    assert_eq!(findings.begun, Some(at(5_300)), "this is another lease");
    let third = ask(&mut quorum, 4_300);
    quorum.granted(at(4_400), node(3), third, &[]);
    let findings = quorum.look(at(4_400));
    assert_eq!((findings.ended, findings.begun, findings.extended), (false, None, Some(at(5_900))));
    quorum.see([node(1)].into_iter());
    assert!(quorum.look(at(4_401)).ended, "it sees nobody any more");
    assert_eq!(quorum.standing(), Standing::Below);
}

#[test]
fn a_lost_node_is_dead_when_enough_are_bound_and_none_has_promised_it_anything() {
    let mut quorum = awake();
    assert!(quorum.vote(at(2_200), node(3), Vec::new()).is_some());
    let first = ask(&mut quorum, 2_200);
    quorum.miss(node(3));
    quorum.granted(at(2_250), node(2), first, &[]);
    let second = ask(&mut quorum, 2_300);
    quorum.granted(at(2_310), node(2), second, &[node(3)]);
    assert_eq!(quorum.look(at(2_320)).dead, [], "this node has granted it something itself");
    // 1,600 ms and a sixteenth after 2,200 that is over, but then node 2 is no longer bound by what it said.
    assert_eq!(quorum.look(at(3_900)).dead, []);
    let last = ask(&mut quorum, 3_950);
    quorum.granted(at(3_960), node(2), last, &[node(3)]);
    assert_eq!(quorum.look(at(3_960)).dead, [node(3)]);
    assert_eq!(quorum.look(at(3_970)).dead, [], "which is told once");
}

#[test]
fn an_answer_to_a_question_from_before_a_node_was_lost_says_nothing_about_it() {
    let mut quorum = awake();
    let first = ask(&mut quorum, 2_200);
    quorum.miss(node(3));
    let second = ask(&mut quorum, 2_300);
    // It was lost before as well, and has been a member since.
    quorum.granted(at(2_310), node(2), first, &[node(3)]);
    assert_eq!(quorum.look(at(2_310)).dead, []);
    quorum.granted(at(2_320), node(2), second, &[node(3)]);
    assert_eq!(quorum.look(at(2_320)).dead, [node(3)]);
}

#[test]
fn who_is_missing_to_another_gets_no_vote_while_that_one_was_promised_it() {
    let mut quorum = awake();
    assert_eq!(quorum.vote(at(2_200), node(2), vec![node(3)]), Some(vec![node(3)]));
    assert_eq!(quorum.vote(at(2_300), node(3), Vec::new()), None);
    assert_eq!(quorum.vote(at(2_300), node(2), vec![node(1)]), None, "nobody votes against itself");
    // It is found again.
    assert_eq!(quorum.vote(at(2_400), node(2), Vec::new()), Some(Vec::new()));
    assert!(quorum.vote(at(2_500), node(3), Vec::new()).is_some());
    // Now it was promised something, and the other one hears so.
    assert_eq!(quorum.vote(at(2_600), node(2), vec![node(3)]), Some(Vec::new()));
    assert_eq!(quorum.vote(at(4_201), node(2), vec![node(3)]), Some(vec![node(3)]));
}

#[test]
fn the_lease_that_the_data_plane_found_over_is_given_up() -> Check {
    let mut all = formed(3, 2);
    all.start("x")?;
    all.feed(2, Event::Lapsed)?;
    assert_eq!(all.nodes[2].cells.values().filter(|cell| cell.running).count(), 0);
    all.pass(LEASE)?;
    assert_eq!(all.answering("x"), [2], "it was started again");
    all.check_rest()
}

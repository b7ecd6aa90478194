//! Each check can fail: histories made by hand, in which one thing is wrong.

use super::*;
use crate::epoch::{Epoch, Term};
use crate::error::Executed;
use crate::sim::journal::{Birth, Born, End, Run, Told};
use crate::worker::Die;

fn node(n: u64) -> NodeId {
    NodeId::new(([10, 0, 0, 1], 1).into(), n)
}

fn epoch(n: u32) -> Epoch {
    Epoch::new(Term::default(), n)
}

fn ran(op: OpId, n: u32, at: u64) -> Run {
    Run { op, name: "x".into(), epoch: epoch(n), node: node(at), at: op, done: None }
}

fn born(n: u32, birth: Birth) -> Born {
    Born { name: "x".into(), epoch: epoch(n), node: node(1), birth }
}

fn arrived(from: u32) -> Birth {
    Birth::Arrived { from: epoch(from).into(), given: Vec::new() }
}

fn merged(from: u32) -> Birth {
    Birth::Absorbed { from: epoch(from).into(), given: Vec::new() }
}

/// A request about x that was done before the next one began.
fn asked(journal: &mut Journal, what: What) -> OpId {
    journal.now += 2;
    let id = journal.begin(what, "x", node(1));
    journal.now += 1;
    journal.end(id, Told::Done);
    id
}

/// A history in which x runs on one node and has nothing in its state that matters.
fn evidence<'a>(journal: &'a Journal, nobody: &'a BTreeSet<NodeId>, live: &'a BTreeSet<NodeId>) -> Evidence<'a> {
    Evidence {
        journal,
        graceful: false,
        together: true,
        whole: true,
        quorum: false,
        excused: nobody,
        live,
        hosts: BTreeMap::from([("x".to_owned(), vec![node(1)])]),
        states: BTreeMap::new(),
        free: BTreeSet::from(["x".to_owned()]),
        members: Some(Vec::new()),
        excess: Vec::new(),
    }
}

/// What the checks say of it.
fn judged(journal: &Journal, change: impl FnOnce(&mut Evidence<'_>)) -> Option<&'static str> {
    let (nobody, live) = (BTreeSet::new(), BTreeSet::from([node(1)]));
    let mut evidence = evidence(journal, &nobody, &live);
    change(&mut evidence);
    judge(&evidence).map(|violation| violation.invariant)
}

#[test]
fn who_was_answered_is_answered_by_nothing_earlier() {
    let mut journal = Journal::default();
    let calls = [(); 2].map(|()| asked(&mut journal, What::Call));
    let split = |evidence: &mut Evidence<'_>| (evidence.together, evidence.whole) = (false, false);
    let stood_still = |evidence: &mut Evidence<'_>| evidence.together = false;
    journal.runs = vec![ran(calls[0], 2, 2), ran(calls[1], 2, 2)];
    assert_eq!(judged(&journal, stood_still), None);
    journal.runs[1] = ran(calls[1], 1, 1);
    let found = Some("no call is answered by an activation that was overtaken before it began");
    assert_eq!((judged(&journal, stood_still), judged(&journal, split)), (found, None));
    // It was under way already.
    let begun = journal.ops[&calls[0]].begun;
    journal.ops.entry(calls[1]).and_modify(|op| op.begun = begun);
    assert_eq!(judged(&journal, stood_still), None);
}

#[test]
fn a_later_instance_is_followed_by_no_earlier_one() {
    let mut journal = Journal::default();
    let calls = [(); 3].map(|()| asked(&mut journal, What::Cast));
    journal.runs = vec![ran(calls[0], 1, 1), ran(calls[1], 2, 2)];
    assert_eq!(judged(&journal, |_| {}), None);
    journal.runs.push(ran(calls[2], 1, 1));
    assert_eq!(judged(&journal, |_| {}), Some("in a connected cluster a name never answers in two places"));
    assert_eq!(judged(&journal, |evidence| evidence.together = false), None);
}

#[test]
fn an_instance_does_not_answer_after_a_later_one_has_run() {
    let mut journal = Journal::default();
    let calls = [(); 2].map(|()| asked(&mut journal, What::Call));
    journal.runs = vec![ran(calls[0], 1, 1), ran(calls[1], 2, 2)];
    journal.runs[0].done = Some(journal.runs[1].at);
    assert_eq!(judged(&journal, |_| {}), None);
    journal.runs[0].done = Some(journal.runs[1].at + 1);
    let wrong = Some("in a connected cluster a name never answers in two places");
    assert_eq!(judged(&journal, |_| {}), wrong);
    assert_eq!(judged(&journal, |evidence| (evidence.together, evidence.quorum) = (false, true)), wrong);
    // Nobody heard the answer.
    let unheard = Told::Failed { executed: Some(Executed::Maybe), text: "no quorum".into() };
    journal.ops.get_mut(&calls[0]).expect("it was asked").ended = Some((journal.now, unheard));
    assert_eq!(judged(&journal, |_| {}), None);
}

#[test]
fn with_a_quorum_nothing_is_merged() {
    let mut journal = Journal::default();
    journal.births = vec![born(1, Birth::Init), born(2, Birth::Init), born(2, merged(1))];
    assert_eq!(judged(&journal, |_| {}), None);
    let wrong = Some("with a quorum a name never has two instances");
    assert_eq!(judged(&journal, |evidence| evidence.quorum = true), wrong);
}

#[test]
fn a_worker_is_given_up_to_somebody() {
    let mut journal = Journal::default();
    journal.births = vec![born(1, Birth::Init), born(2, Birth::Init), born(2, arrived(1))];
    let mut end = End { name: "x".into(), epoch: epoch(1), node: node(1), why: Die::Moved, births: 3 };
    journal.ends = vec![end.clone()];
    assert_eq!(judged(&journal, |_| {}), None);
    end.births = 2;
    journal.ends = vec![end];
    assert_eq!(judged(&journal, |_| {}), Some("a worker is given up only after another has its state"));
}

/// Two meet, and one gives way.
#[test]
fn a_duplicate_is_given_up_when_it_has_been_merged() {
    let wrong = Some("a worker is given up only after another has its state");
    let mut journal = Journal::default();
    let end = |births| End { name: "x".into(), epoch: epoch(2), node: node(1), why: Die::Moved, births };
    journal.births = vec![born(1, Birth::Init), born(2, Birth::Init), born(3, Birth::Init), born(1, merged(3))];
    journal.ends = vec![end(4)];
    assert_eq!(judged(&journal, |_| {}), wrong, "another was merged");
    journal.births.push(born(1, merged(2)));
    assert_eq!(judged(&journal, |_| {}), wrong, "it was merged too late");
    journal.ends = vec![end(5)];
    assert_eq!(judged(&journal, |_| {}), None);
    // What was merged went on under another epoch, and was merged as that.
    journal.births.truncate(3);
    journal.births.extend([born(4, Birth::Unsealed { from: epoch(2).into() }), born(1, merged(4))]);
    assert_eq!(judged(&journal, |_| {}), None);
    journal.births.truncate(3);
    journal.ends = vec![end(3)];
    assert_eq!(judged(&journal, |_| {}), wrong);
    journal.hung.insert("x".into());
    assert_eq!(judged(&journal, |_| {}), None, "it did not say what it had");
}

#[test]
fn a_state_is_merged_once() {
    let wrong = Some("resolve_conflict is given another's state, and once");
    let history = |births: Vec<Born>| {
        let mut journal = Journal::default();
        journal.births = births;
        journal
    };
    // Two were made from one, and the one is merged into the other.
    let siblings = vec![born(2, arrived(1)), born(3, arrived(1)), born(2, merged(3))];
    assert_eq!(judged(&history(siblings.clone()), |_| {}), None);
    let again = [siblings, vec![born(2, merged(3))]].concat();
    assert_eq!(judged(&history(again), |_| {}), wrong);
    assert_eq!(judged(&history(vec![born(2, arrived(1)), born(2, merged(1))]), |_| {}), wrong);
    assert_eq!(judged(&history(vec![born(2, arrived(1)), born(1, merged(2))]), |_| {}), wrong);
}

#[test]
fn groups_have_the_members_that_joined() {
    let wrong = Some("the members of a group are exactly those that joined");
    let mut journal = Journal::default();
    let member = |evidence: &mut Evidence<'_>| evidence.members = Some(vec!["x".to_owned()]);
    assert_eq!((judged(&journal, |_| {}), judged(&journal, member)), (None, wrong));
    asked(&mut journal, What::Join);
    assert_eq!((judged(&journal, |_| {}), judged(&journal, member)), (wrong, None));
    asked(&mut journal, What::Leave);
    assert_eq!((judged(&journal, |_| {}), judged(&journal, member)), (None, wrong));
    // What failed may be done yet, but it does not undo what it is the same as.
    let join = journal.begin(What::Join, "x", node(1));
    journal.end(join, Told::Failed { executed: None, text: String::new() });
    asked(&mut journal, What::Leave);
    assert_eq!((judged(&journal, |_| {}), judged(&journal, member)), (None, None));
    let mut journal = Journal::default();
    let join = journal.begin(What::Join, "x", node(1));
    journal.end(join, Told::Failed { executed: None, text: String::new() });
    asked(&mut journal, What::Join);
    assert_eq!((judged(&journal, |_| {}), judged(&journal, member)), (wrong, None));
    // Who can say which of two at a time came last?
    let (join, leave) = (journal.begin(What::Join, "x", node(1)), journal.begin(What::Leave, "x", node(1)));
    journal.end(leave, Told::Done);
    journal.end(join, Told::Done);
    assert_eq!((judged(&journal, |_| {}), judged(&journal, member)), (None, None));
}

/// A journal in which a name was registered for node 1 alone.
fn local(name: &str) -> Journal {
    let mut journal = Journal::default();
    let id = journal.begin(What::RegisterLocal, name, node(1));
    journal.end(id, Told::Done);
    journal
}

#[test]
fn what_is_registered_for_one_node_runs_there_alone() {
    let wrong = Some("a name that is registered for one node alone runs nowhere else, and ends with that node");
    let runs_on = |at: &'static [u64]| {
        move |evidence: &mut Evidence<'_>| {
            let hosts = at.iter().map(|n| node(*n)).collect();
            (evidence.together, evidence.hosts) = (false, BTreeMap::from([("x".to_owned(), hosts)]));
        }
    };
    let mut journal = local("x");
    assert_eq!(judged(&journal, runs_on(&[1])), None);
    assert_eq!(judged(&journal, runs_on(&[])), None, "its node may have been taken for dead");
    assert_eq!(judged(&journal, runs_on(&[2])), wrong);
    assert_eq!(judged(&journal, runs_on(&[1, 2])), wrong);
    journal.births = vec![born(1, Birth::Init)];
    assert_eq!(judged(&journal, runs_on(&[1])), None);
    journal.births = vec![Born { node: node(2), ..born(1, Birth::Init) }];
    assert_eq!(judged(&journal, runs_on(&[1])), wrong);
}

#[test]
fn what_is_registered_for_one_node_stays_as_long_as_that() {
    let nowhere = |evidence: &mut Evidence<'_>| drop(evidence.hosts.insert("x".to_owned(), Vec::new()));
    let mut journal = local("x");
    let (lost, fails) =
        (Some("an acknowledged registration stays"), Some("no request fails while nodes join and leave in good order"));
    let call = journal.begin(What::Call, "x", node(2));
    journal.end(call, Told::Failed { executed: Some(Executed::Maybe), text: "nobody has this name".into() });
    let graceful = |evidence: &mut Evidence<'_>| evidence.graceful = true;
    assert_eq!((judged(&journal, nowhere), judged(&journal, graceful)), (lost, fails));
    let nobody = BTreeSet::new();
    let mut crashed = evidence(&journal, &nobody, &nobody);
    nowhere(&mut crashed);
    assert_eq!(judge(&crashed), None);
    crashed.free.clear();
    let left = "a name that is registered for one node alone runs nowhere else, and ends with that node";
    assert_eq!(judge(&crashed).map(|violation| violation.invariant), Some(left));
    journal.ends = vec![End { name: "x".into(), epoch: epoch(1), node: node(1), why: Die::NoQuorum, births: 0 }];
    assert_eq!(judged(&journal, nowhere), lost);
    let cut_off = |evidence: &mut Evidence<'_>| {
        nowhere(evidence);
        evidence.quorum = true;
    };
    assert_eq!(judged(&journal, cut_off), None);
    journal.leavers.insert(node(1));
    let leaves = |evidence: &mut Evidence<'_>| {
        nowhere(evidence);
        graceful(evidence);
    };
    assert_eq!(judged(&journal, leaves), None);
}

/// A worker that stays where it is has its state for as long as its node is there.
#[test]
fn who_stays_begins_anew_only_when_its_node_leaves() {
    let (lost, given_up) =
        (Some("a worker that moves keeps its state"), Some("a worker is given up only after another has its state"));
    let mut journal = Journal::default();
    let stayer = |n, at| Born { name: "stayer".into(), epoch: epoch(n), node: node(at), birth: Birth::Init };
    journal.births = vec![stayer(1, 1), stayer(2, 2)];
    let calls = [(); 2].map(|()| asked(&mut journal, What::Cast));
    let did = |n: usize| Run { name: "stayer".into(), ..ran(calls[n], n as u32 + 1, n as u64 + 1) };
    journal.runs = vec![did(0), did(1)];
    let has = |state: Vec<OpId>| {
        move |evidence: &mut Evidence<'_>| {
            evidence.graceful = true;
            evidence.states = BTreeMap::from([("stayer".to_owned(), state)]);
        }
    };
    assert_eq!(judged(&journal, has(vec![calls[1]])), lost, "its node is there");
    journal.leavers.insert(node(1));
    assert_eq!(judged(&journal, has(vec![calls[1]])), None);
    assert_eq!(judged(&journal, has(calls.to_vec())), lost, "it has begun anew");
    assert_eq!(judged(&journal, has(Vec::new())), lost);
    journal.ends = vec![End { name: "stayer".into(), epoch: epoch(1), node: node(1), why: Die::Moved, births: 2 }];
    assert_eq!(judged(&journal, has(vec![calls[1]])), None);
    journal.leavers.clear();
    assert_eq!(judged(&journal, |_| {}), given_up);
    journal.births = vec![born(1, Birth::Init), born(2, Birth::Init)];
    journal.leavers.insert(node(1));
    let of_x = |evidence: &mut Evidence<'_>| evidence.graceful = true;
    (journal.ends, journal.runs) = (Vec::new(), Vec::new());
    assert_eq!(judged(&journal, of_x), lost, "one that moves keeps it whoever leaves");
}

#[test]
fn what_is_left_is_told() {
    let left = |evidence: &mut Evidence<'_>| evidence.excess.push("10.0.0.1: 3 pending calls, at most 0".into());
    let bounded = Some("queues, calls, timers, hints and tombstones are bounded");
    assert_eq!(judged(&Journal::default(), left), bounded);
}

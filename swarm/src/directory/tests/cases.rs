//! Schedules of our own: starts and moves that fail, groups, routes, waits of claims, and rivals. n3 > n2 > n1 > n0 in the
//! ring.

use std::time::Duration;

use crate::directory::tests::cluster::{Check, Cluster, Job, Setup, spec};
use crate::directory::tests::steps::{formed, hosted_by};
use crate::directory::{
    Answer, Ask, DirectoryConfig, Event, GroupKey, Message, PartitionId, Record, Refusal, RequestId, Role, Route, Spec,
    Stranded,
};
use crate::epoch::Term;
use crate::name::Name;

#[test]
fn a_first_start_that_fails_leaves_no_trace() -> Check {
    let mut all = formed(3);
    let request = all.register(2, "x")?;
    all.until(|all| !all.jobs().is_empty())?;
    all.work(2, &Name::from("x"), false)?;
    all.rest()?;
    assert_eq!(all.answer(request), Some(&Answer::InitFailed(all.ids[2], "init failed".into())));
    let whereis = all.ask(2, "x", Ask::Whereis)?;
    assert_eq!(all.answer(whereis), Some(&Answer::Whereis(None)));
    Ok(())
}

#[test]
fn without_a_capable_node_nothing_is_registered() -> Check {
    let mut all = hosted_by(3, 0b1000);
    let request = all.register(2, "x")?;
    assert_eq!(all.answer(request), Some(&Answer::NoCapableNode));
    Ok(())
}

/// A partition's records travel as one message, and one that is too long is never sent: replicas would be without it, and who takes over
/// would wait for it for ever. So whoever would make it too long is refused.
#[test]
fn what_finds_no_room_in_its_partition_is_refused() -> Check {
    let mut all = formed(3);
    let args = |bytes: usize| Spec { args: vec![7; bytes][..].into(), ..spec(false) };
    let room = DirectoryConfig::LAN.records_bytes_max;
    let mut register = |name: &str, bytes: usize| -> Result<Option<Answer>, String> {
        let request = all.ask(2, name, Ask::Register(args(bytes)))?;
        all.rest()?;
        Ok(all.answer(request).cloned())
    };
    let (half, full) = (room / 2, Some(Answer::Refused(Refusal::Full)));
    assert!(matches!(register("a", half)?, Some(Answer::Registered(_))));
    assert_eq!(register("b", half)?, full);
    let rest = room - [half, 0, 0].map(|bytes| Record::bytes_of(&"a".into(), &args(bytes))).iter().sum::<usize>();
    assert_eq!(register("c", rest + Record::bytes_of(&"c".into(), &args(1)))?, full);
    assert!(matches!(register("c", rest)?, Some(Answer::Registered(_))), "what is refused takes no room");
    assert!(matches!(register("d", 0)?, Some(Answer::Registered(_))), "to the last byte");
    let group = GroupKey { tag: 1, key: "g".into() };
    let join = all.ask(2, "d", Ask::Join { group: group.clone(), kind: None })?;
    assert_eq!(all.answer(join), full.as_ref());
    all.ask(2, "c", Ask::Unregister)?;
    all.rest()?;
    let join = all.ask(2, "d", Ask::Join { group, kind: None })?;
    all.rest()?;
    assert_eq!(all.answer(join), Some(&Answer::Done), "there is room again");
    Ok(())
}

#[test]
fn a_move_that_fails_runs_on_where_it_was_and_is_tried_again() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.call(2, &Name::from("x"));
    all.joins(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.until(|all| all.jobs().iter().any(|(n, _)| *n == 3))?;
    all.work(3, &Name::from("x"), false)?;
    all.until(|all| all.runs(2, "x"))?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

/// Who had stood still did what it found in its sockets, long after its asker had asked another: a name was registered
/// again that had been unregistered since.
#[test]
fn what_is_held_for_who_has_lost_the_connection_is_not_done() -> Check {
    let mut all = formed(3);
    all.feed(2, Event::Stalled)?;
    let from = RequestId { node: all.ids[0], seq: 1_000 };
    all.ask_as(from, 2, "x", Ask::Register(spec(false)))?;
    assert_eq!(all.answer(from), None, "it is held until the others have promised");
    all.reset(0, 2)?;
    all.rest()?;
    assert_eq!(all.owner("x"), Some(2));
    assert!(all.registered(2).is_empty() && all.hosts("x").is_empty());
    Ok(())
}

/// The owner remembered for ever that it had been told to seal: a name that rests, of which more was kept.
#[test]
fn who_was_to_move_and_stays_after_all_rests() -> Check {
    let (mut all, x) = (hosted_by(1, 0b0011), Name::from("x"));
    all.joins(3, 0)?;
    all.rest()?;
    all.registered_at(3, "x")?;
    all.joins(1, 0)?;
    all.learn(3, 1)?;
    all.until(|all| matches!(all.nodes[0].cells[&x].job, Some(Job::Seal { .. })))?;
    all.crash(1);
    all.notice_down(3, 1)?;
    all.work(0, &x, false)?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [0]);
    Ok(())
}

/// A worker remembered up to 64 places where it had been, as did its owner: more than all the rest of an idle one.
#[test]
fn where_a_worker_has_been_is_forgotten_when_nothing_of_it_is_left_there() -> Check {
    let (mut all, x) = (hosted_by(1, 0b1111), Name::from("x"));
    all.registered_at(0, "x")?;
    for n in 1..4 {
        all.joins(n, 0)?;
        (1..n).try_for_each(|m| all.learn(m, n))?;
        all.rest()?;
        assert_eq!(all.hosts("x"), [n], "it has moved");
        let epochs =
            all.nodes.iter().flat_map(|node| &node.dir.partitions).flat_map(|partition| {
                partition.cells.get(&x).map(|cell| cell.absorbed().to_vec()).into_iter().flatten()
            });
        assert_eq!(epochs.count(), 0);
        assert!(all.nodes.iter().flat_map(|node| &node.dir.partitions).all(|partition| partition.absorbed.is_empty()));
    }
    Ok(())
}

/// As when the two sides of a split ran different versions of the worker: neither node has a moment's rest otherwise.
#[test]
fn a_merge_that_fails_is_tried_again_later() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.registered_at(2, "x")?;
    for n in [0, 1] {
        all.suspect(n, 2)?;
        all.suspect(2, n)?;
    }
    all.deliver_all()?;
    all.call(1, &x);
    all.call(2, &x);
    for n in [0, 1] {
        all.heal(n, 2)?;
        all.heal(2, n)?;
    }
    let merging = |all: &Cluster| matches!(all.nodes[2].cells[&x].job, Some(Job::Absorb { .. }));
    for _ in 0..3 {
        all.until(merging)?;
        all.work(2, &x, false)?;
        all.deliver_all()?;
        assert!(all.sealed(1, "x"), "the other state waits");
        all.tick(Duration::from_secs(1))?;
    }
    all.rest()?;
    assert_eq!(all.hosts("x"), [2]);
    Ok(())
}

#[test]
fn who_answers_ignore_stays_until_its_node_leaves() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.registered_at(2, "x")?;
    all.nodes[2].cells.get_mut(&x).expect("x runs there").pin = true;
    all.joins(3, 0)?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [2]);
    all.leave(2)?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

#[test]
fn who_asks_why_is_told_and_a_name_at_rest_goes_on_resting() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.registered_at(2, "x")?;
    all.rest()?;
    let asked = all.ask(2, "x", Ask::Explain)?;
    let Some(Answer::Whereabouts(at)) = all.answer(asked) else { return Err("it is registered".into()) };
    assert_eq!((at.location.node, at.owner, at.desired), (all.ids[2], all.ids[2], Some(all.ids[2])));
    assert_eq!((&at.moving, at.queued, at.starting, at.pinned, at.cells), (&None, false, false, false, 1));
    assert!(all.nodes[2].dir.partitions.iter().any(|partition| partition.rests(&x)));
    let nobody = all.ask(2, "y", Ask::Explain)?;
    assert_eq!(all.answer(nobody), Some(&Answer::Whereis(None)));

    all.joins(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.until(|all| matches!(all.nodes[2].cells[&x].job, Some(Job::Seal { .. })))?;
    all.tick(Duration::from_millis(10))?;
    let asked = all.ask(3, "x", Ask::Explain)?;
    let Some(Answer::Whereabouts(at)) = all.answer(asked) else { return Err("it is registered".into()) };
    let moving = at.moving.as_ref().ok_or("it moves")?;
    assert_eq!((moving.from, moving.to, at.owner), (Some(all.ids[2]), Some(all.ids[3]), all.ids[3]));
    assert!(moving.since_ms >= 10, "{moving:?}");
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

#[test]
fn a_local_worker_stays_and_ends_with_its_node() -> Check {
    let mut all = formed(3);
    let local = |all: &mut Cluster, home: usize, name| {
        all.seq += 1;
        let from = RequestId { node: all.ids[home], seq: all.seq };
        all.ask_as(from, 2, name, Ask::Register(spec(true)))?;
        all.deliver_all()?;
        assert!(matches!(all.answer(from), Some(Answer::Registered(_))));
        Ok::<_, String>(())
    };
    local(&mut all, 0, "x")?;
    local(&mut all, 1, "y")?;
    all.joins(3, 1)?;
    all.rest()?;
    assert_eq!((all.hosts("x"), all.hosts("y")), (vec![0], vec![1]));
    for name in ["x", "y"] {
        let ids: Vec<_> = all.ghost.registered.iter().filter(|(other, _)| *other == name).cloned().collect();
        all.ghost.ended.extend(ids);
    }
    all.crash(0);
    all.leave(1)?;
    all.rest()?;
    assert_eq!((all.hosts("x"), all.hosts("y")), (vec![], vec![]));
    Ok(())
}

/// Its owner had written down where it starts, and was followed by another before it had ordered that.
#[test]
fn a_local_worker_is_started_by_the_next_owner_if_the_first_did_not() -> Check {
    let mut all = formed(3);
    let from = RequestId { node: all.ids[0], seq: 1_000 };
    all.ask_as(from, 2, "x", Ask::Register(spec(true)))?;
    all.deliver(2, 1)?;
    assert!(all.nodes[0].cells.is_empty(), "nothing is ordered before it is known that there are copies");
    all.crash(2);
    for n in [0, 1] {
        all.notice_down(n, 2)?;
    }
    all.ask_as(from, 1, "x", Ask::Register(spec(true)))?;
    all.rest()?;
    assert!(matches!(all.answers[&from][..], [Answer::Registered(_)]), "{:?}", all.answers[&from]);
    assert_eq!(all.hosts("x"), [0]);
    // There is no second one to be started.
    all.stop(0, &Name::from("x"))?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [0; 0]);
    Ok(())
}

#[test]
fn groups_follow_the_worker() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    let group = GroupKey { tag: 1, key: Name::from("eu") };
    let request = all.ask(2, "x", Ask::Join { group: group.clone(), kind: None })?;
    assert_eq!(all.answer(request), None);
    all.deliver_all()?;
    assert_eq!(all.answer(request), Some(&Answer::Done));
    all.joins(3, 0)?;
    all.rest()?;
    assert_eq!(all.nodes[3].cells[&Name::from("x")].groups, [group]);
    Ok(())
}

#[test]
fn a_join_is_acknowledged_when_every_publish_finds_the_worker() -> Check {
    let mut all = hosted_by(3, 0b0001);
    all.registered_at(2, "x")?;
    let (x, group) = (Name::from("x"), |key: &str| GroupKey { tag: 1, key: Name::from(key) });
    let first = all.ask(2, "x", Ask::Join { group: group("a"), kind: None })?;
    let second = all.ask(2, "x", Ask::Join { group: group("b"), kind: None })?;
    // Everything but the word of the host, which tells others first.
    for _ in 0..20 {
        for (from, to) in all.pending() {
            all.deliver(from, to)?;
        }
    }
    assert_eq!(all.nodes[0].cells[&x].groups, [group("a"), group("b")]);
    assert_eq!((all.answer(first), all.answer(second)), (None, None));
    let told: Vec<_> = all.nodes[0].cells[&x].indexing.iter().map(|(epoch, turn, _)| (*epoch, *turn)).collect();
    let [(epoch, early), (_, late)] = told[..] else { return Err(format!("it was told {told:?}")) };
    all.indexed(0, &x, epoch, early)?;
    for (from, to) in all.pending() {
        all.deliver(from, to)?;
    }
    assert_eq!((all.answer(first), all.answer(second)), (None, None), "that was about the first order only");
    all.indexed(0, &x, epoch, late)?;
    for (from, to) in all.pending() {
        all.deliver(from, to)?;
    }
    assert_eq!((all.answer(first), all.answer(second)), (Some(&Answer::Done), Some(&Answer::Done)));
    Ok(())
}

/// A worker may join in its `init` or `begin_handoff`, and wait for the answer there: it cannot wait until it runs.
#[test]
fn who_joins_while_it_starts_or_is_sealed_is_indexed_before_it_hears() -> Check {
    let mut all = hosted_by(3, 0b1001);
    let (x, group) = (Name::from("x"), |key: &str| GroupKey { tag: 1, key: Name::from(key) });
    let messages = |all: &mut Cluster| -> Check {
        for _ in 0..20 {
            for (from, to) in all.pending() {
                all.deliver(from, to)?;
            }
        }
        Ok(())
    };
    let join = |all: &mut Cluster, (owner, host): (usize, usize), key: &str| -> Check {
        let request = all.ask(owner, "x", Ask::Join { group: group(key), kind: None })?;
        messages(all)?;
        assert_eq!(all.answer(request), None, "nobody would find it in {key}");
        let cell = &all.nodes[host].cells[&x];
        assert!(cell.groups.contains(&group(key)));
        let &(epoch, turn, _) = cell.indexing.back().expect("it was told");
        all.indexed(host, &x, epoch, turn)?;
        messages(all)?;
        assert_eq!(all.answer(request), Some(&Answer::Done), "{key}");
        Ok(())
    };
    all.register(2, "x")?;
    messages(&mut all)?;
    assert_eq!(all.nodes[0].cells[&x].job, Some(Job::Start { source: None }));
    join(&mut all, (2, 0), "starting")?;
    all.deliver_all()?;
    assert!(all.nodes[0].cells[&x].running);
    all.joins(3, 0)?;
    for n in 0..3 {
        all.learn(n, 3)?;
    }
    messages(&mut all)?;
    assert_eq!(all.nodes[0].cells[&x].job, Some(Job::Seal { forced: false }));
    join(&mut all, (3, 0), "sealing")?;
    all.nodes[0].cells.get_mut(&x).expect("it is there").indexing.clear();
    all.work(0, &x, true)?;
    messages(&mut all)?;
    assert!(all.nodes[0].cells[&x].sealed && all.nodes[3].cells[&x].job.is_some());
    join(&mut all, (3, 3), "moving")?;
    all.deliver_all()?;
    all.rest()?;
    assert_eq!(all.nodes[3].cells[&x].groups, [group("moving"), group("sealing"), group("starting")]);
    Ok(())
}

#[test]
fn calls_are_routed_when_it_is_known_where() -> Check {
    let mut all = hosted_by(3, 0b0001);
    let (x, y) = (Name::from("x"), Name::from("y"));
    all.register(2, "x")?;
    all.feed(2, Event::Wanted(x.clone()))?;
    all.feed(2, Event::Wanted(y.clone()))?;
    all.feed(1, Event::Wanted(x.clone()))?;
    assert_eq!(all.routes, [(2, y.clone(), Route::Unknown), (1, x.clone(), Route::Ring)]);
    all.deliver_all()?;
    let to_host = (2, x.clone(), Route::Host(all.ids[0]));
    assert_eq!(all.routes.last(), Some(&to_host));
    all.feed(0, Event::Wanted(x.clone()))?;
    assert_eq!(all.routes.last(), Some(&(0, x, Route::Here)));
    // A new owner holds unknown names until it has heard everybody.
    all.joins(3, 0)?;
    all.feed(3, Event::Wanted(y.clone()))?;
    assert_eq!(all.routes.len(), 4);
    all.rest()?;
    assert_eq!(all.routes.last(), Some(&(3, y, Route::Unknown)));
    Ok(())
}

/// It was tried again for ever on a node that refused it each time, and its calls waited for their deadlines.
#[test]
fn what_nobody_has_the_version_for_is_refused_until_somebody_has() -> Check {
    let (mut all, x) = (Cluster::new(Setup { capable: 0b1001, otherwise: 0b0110, ..Setup::of(3) }), Name::from("x"));
    all.register(2, "x")?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [0], "only that node has the version");
    all.crash(0);
    for n in [1, 2] {
        all.notice_down(n, 0)?;
    }
    all.rest()?;
    all.feed(2, Event::Wanted(x.clone()))?;
    let why = Stranded { worker: "test".into(), version: 0, known: [1].into() };
    assert_eq!(all.routes.last(), Some(&(2, x.clone(), Route::Stranded(Box::new(why)))));
    let whereis = all.ask(2, "x", Ask::Whereis)?;
    assert!(matches!(all.answer(whereis), Some(Answer::Whereis(Some(_)))), "it is registered as before");
    all.joins(3, 1)?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

#[test]
fn asking_again_does_nothing_twice() -> Check {
    let mut all = formed(3);
    let request = all.registered_at(2, "x")?;
    all.ask_as(request, 2, "x", Ask::Register(spec(false)))?;
    all.deliver_all()?;
    assert_eq!(all.answers[&request].len(), 2);
    assert!(all.answers[&request].iter().all(|answer| matches!(answer, Answer::Registered(_))));
    assert_eq!(all.ghost.used.len(), 1);
    let other = all.register(2, "x")?;
    assert!(matches!(all.answer(other), Some(Answer::AlreadyRegistered(_))));
    Ok(())
}

#[test]
fn a_silent_member_is_forced_after_claim_wait() -> Check {
    let mut all = Cluster::new(Setup { claim_wait: Duration::from_secs(2), ..Setup::of(3) });
    all.registered_at(2, "x")?;
    all.crash(2);
    all.notice_down(1, 2)?;
    // n0 does not know, and n1 does not hear it.
    all.tick(Duration::from_secs(3))?;
    assert_eq!(all.owner("x"), Some(1));
    all.until(|all| all.runs(1, "x"))?;
    all.rest()
}

#[test]
fn a_member_that_disagrees_is_waited_for_longer_than_a_silent_one() -> Check {
    let mut all = Cluster::new(Setup { claim_wait: Duration::from_secs(2), ..Setup::of(3) });
    all.registered_at(2, "x")?;
    all.joins(3, 0)?;
    // n1 and n2 are slow to hear of n3, and say so whenever it asks them.
    for _ in 0..4 {
        all.deliver_all()?;
        all.tick(Duration::from_secs(2))?;
    }
    assert_eq!(all.nodes[3].dir.role(PartitionId(0)), Role::Candidate, "n2 hosts x, and n3 must not start another");
    assert!(all.runs(2, "x"));
    all.rest()?;
    assert!(all.runs(3, "x"));
    Ok(())
}

#[test]
fn each_member_is_waited_for_from_when_it_was_first_missed() -> Check {
    let mut all = Cluster::new(Setup { claim_wait: Duration::from_secs(2), ..Setup::of(2) });
    all.joins(3, 0)?;
    all.tick(Duration::from_millis(1_500))?;
    all.join(2, 0)?;
    all.learn(3, 2)?;
    all.tick(Duration::from_millis(600))?;
    assert_eq!(all.nodes[3].dir.role(PartitionId(0)), Role::Candidate, "n2 has been missed for a moment only");
    all.tick(Duration::from_millis(1_500))?;
    assert!(matches!(all.nodes[3].dir.role(PartitionId(0)), Role::Owner { .. }));
    Ok(())
}

/// It had promised, so that nobody asked it anew, and its cells were waited for without an end.
#[test]
fn who_promised_and_is_lost_before_it_is_seen_is_forced_after_claim_wait() -> Check {
    let mut all = Cluster::new(Setup { claim_wait: Duration::from_secs(2), ..Setup::of(2) });
    all.joins(2, 1)?;
    all.deliver_all()?;
    all.join(3, 0)?;
    all.sync(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.deliver_all()?;
    assert!(!all.nodes[3].view.contains(&2), "n3 has only been told of n2");
    assert_eq!(all.owner("x"), Some(3));
    all.crash(2);
    all.reset(3, 2)?;
    let request = all.register(3, "x")?;
    all.pass(Duration::from_millis(1_500))?;
    assert_eq!(all.answer(request), None, "n2 may come back");
    all.pass(Duration::from_secs(1))?;
    assert!(matches!(all.answer(request), Some(Answer::Registered(_))));
    Ok(())
}

/// What a joiner is told of the dead before it is joined it still knows when others name them.
#[test]
fn who_was_dead_before_a_node_joined_is_not_waited_for() -> Check {
    let mut all = formed(3);
    all.crash(0);
    all.join(3, 1)?;
    all.nodes[3].down.insert(0);
    all.feed(3, Event::Down(all.ids[0]))?;
    all.sync(3, 1)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.deliver_all()?;
    assert!(all.nodes[1].view.contains(&0), "others have not noticed");
    assert_eq!(all.owner("x"), Some(3), "claim_wait is a day");
    Ok(())
}

/// The question came while the member took the owner for dead, and it was not asked again: no name moved any more.
#[test]
fn who_did_not_hear_the_question_for_its_cells_is_asked_again() -> Check {
    let mut all = formed(3);
    all.ghost.imperfect = true;
    all.reset(2, 0)?;
    assert!(all.in_flight(2, 0, |message| matches!(message, Message::Survey { .. })));
    all.nodes[0].view.remove(&2);
    all.feed(0, Event::Down(all.ids[2]))?;
    all.show_view(0)?;
    while all.pending().contains(&(2, 0)) {
        all.deliver(2, 0)?;
    }
    let request = all.register(2, "x")?;
    all.deliver_all()?;
    assert_eq!(all.answer(request), None, "n2 does not know what n0 runs");
    all.learn(0, 2)?;
    assert!(all.in_flight(0, 2, |message| matches!(message, Message::Nudge)));
    all.deliver_all()?;
    assert!(matches!(all.answer(request), Some(Answer::Registered(_))));
    Ok(())
}

/// The word of the member that it had not listened is lost as well: then the sweep asks again.
#[test]
fn who_never_said_that_it_did_not_listen_is_asked_again_later() -> Check {
    let mut all = formed(3);
    all.ghost.imperfect = true;
    all.reset(2, 0)?;
    assert!(all.in_flight(2, 0, |message| matches!(message, Message::Survey { .. })));
    all.channels.remove(&(2, 0));
    let request = all.register(2, "x")?;
    all.deliver_all()?;
    assert_eq!(all.answer(request), None, "n2 does not know what n0 runs");
    all.pass(Duration::from_secs(3))?;
    assert!(matches!(all.answer(request), Some(Answer::Registered(_))));
    Ok(())
}

#[test]
fn a_stalled_owner_asks_everybody_before_it_decides() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.feed(2, Event::Stalled)?;
    assert_eq!(all.nodes[2].dir.role(PartitionId(0)), Role::Candidate);
    all.rest()?;
    assert!(all.runs(2, "x"));
    assert!(!all.jobs().iter().any(|(n, name)| matches!(all.nodes[*n].cells[name].job, Some(Job::Drop))));
    Ok(())
}

/// Who does not decide yet was told that where a worker had been it is gone, and wanted to tell the worker: it did not listen to
/// itself yet, and the name was left alone for ever.
#[test]
fn who_does_not_decide_yet_orders_nothing() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.registered_at(2, "x")?;
    all.joins(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.until(|all| all.runs(3, "x") && matches!(all.nodes[2].cells[&x].job, Some(Job::Drop)))?;
    all.feed(3, Event::Stalled)?;
    for (from, to) in [(3, 2), (2, 3)] {
        while all.pending().contains(&(from, to)) {
            all.deliver(from, to)?;
        }
    }
    all.work(2, &x, true)?;
    while all.pending().contains(&(2, 3)) {
        all.deliver(2, 3)?;
    }
    assert_eq!(all.nodes[3].dir.role(PartitionId(0)), Role::Candidate, "it has not heard everybody");
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    all.leave(3)?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [2]);
    Ok(())
}

/// Registers a name and stops when its first start is under way; gives its request and its host.
fn starting(all: &mut Cluster, owner: usize, name: &str) -> Result<(RequestId, usize), String> {
    let first = all.register(owner, name)?;
    for _ in 0..1_000 {
        if let Some((host, _)) = all.jobs().first() {
            return Ok((first, *host));
        }
        for (from, to) in all.pending() {
            all.deliver(from, to)?;
        }
    }
    Err("it is never started".into())
}

#[test]
fn a_rival_waits_until_the_first_start_has_ended_well() -> Check {
    let mut all = formed(3);
    let (first, host) = starting(&mut all, 2, "x")?;
    let rival = all.register(2, "x")?;
    let any = all.ask(2, "x", Ask::WhereisOrRegister(spec(false)))?;
    let whereis = all.ask(2, "x", Ask::Whereis)?;
    assert_eq!((all.answer(rival), all.answer(any)), (None, None), "nobody knows yet whether the name is taken");
    assert_eq!(all.answer(whereis), Some(&Answer::Whereis(None)));
    all.work(host, &Name::from("x"), true)?;
    all.deliver_all()?;
    let Some(Answer::Registered(at)) = all.answer(first).cloned() else { return Err("not registered".into()) };
    assert_eq!(all.answer(rival), Some(&Answer::AlreadyRegistered(at.clone())));
    assert_eq!(all.answer(any), Some(&Answer::Whereis(Some(at))));
    all.rest()
}

#[test]
fn a_rival_tries_itself_when_the_first_start_has_failed() -> Check {
    let mut all = formed(3);
    let (first, host) = starting(&mut all, 2, "x")?;
    let (second, third) = (all.register(2, "x")?, all.register(2, "x")?);
    all.work(host, &Name::from("x"), false)?;
    all.deliver_all()?;
    assert!(matches!(all.answer(first), Some(Answer::InitFailed(..))));
    assert!(matches!(all.answer(second), Some(Answer::Registered(_))));
    assert!(matches!(all.answer(third), Some(Answer::AlreadyRegistered(_))));
    all.rest()
}

#[test]
fn a_rival_of_a_lost_owner_is_sent_to_the_next() -> Check {
    let mut all = formed(3);
    starting(&mut all, 2, "x")?;
    let rival = all.register(2, "x")?;
    all.joins(3, 0)?;
    all.rest()?;
    assert!(matches!(all.answer(rival), Some(Answer::NotOwner(_) | Answer::AlreadyRegistered(_))));
    Ok(())
}

/// A term that nobody can outbid would take a partition away from everybody, and the next claim would count beyond all numbers.
#[test]
fn a_term_beyond_all_clocks_is_not_believed() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    let term = Term { counter: u64::MAX, ..Term::default() };
    let (from, partition) = (all.ids[0], PartitionId(0));
    for message in [Message::Claim { term, sees: 0 }, Message::Known { term }, Message::Refuse { promised: term }] {
        all.feed(2, Event::Messages { from, batch: vec![(partition, message)] })?;
    }
    all.feed(2, Event::Stalled)?;
    all.rest()?;
    assert_eq!(all.owner("x"), Some(2));
    assert!(all.runs(2, "x"));
    Ok(())
}

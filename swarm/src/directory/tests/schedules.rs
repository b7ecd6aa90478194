//! The schedules of protocol.md §15 that break simpler protocols. n3 > n2 > n1 > n0 in the ring.

use std::time::Duration;

use crate::directory::tests::cluster::{Check, Cluster, Setup};
use crate::directory::tests::steps::{formed, hosted_by, inherited};
use crate::directory::{Answer, Ask, Message, PartitionId, Role};
use crate::name::Name;

#[test]
pub(super) fn s01_two_terms_have_different_epochs() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.joins(3, 0)?;
    all.crash(2);
    all.notice_down(1, 2)?;
    all.notice_down(3, 2)?;
    all.deliver_all()?;
    all.rest()?;
    let request = all.ask(3, "x", Ask::Unregister)?;
    all.deliver_all()?;
    assert_eq!(all.answer(request), Some(&Answer::Unregistered));
    all.registered_at(3, "x")?;
    all.rest()
}

#[test]
pub(super) fn s02_no_late_ack_after_a_promise() -> Check {
    let mut all = formed(3);
    all.joins(3, 0)?;
    all.learn(1, 3)?;
    all.until(|all| all.in_flight(1, 3, |message| matches!(message, Message::Promise { .. })))?;
    let request = all.register(2, "x")?;
    while !all.channels.get(&(2, 1)).is_none_or(|queue| queue.is_empty()) {
        all.deliver(2, 1)?;
    }
    assert_eq!(all.answer(request), None, "n1 follows n3: it must not confirm what n2 writes");
    all.rest()?;
    assert!(!matches!(all.answer(request), Some(Answer::Registered(_))));
    Ok(())
}

#[test]
pub(super) fn s03_a_joiner_asks_everybody() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.join(3, 0)?;
    all.leave(2)?;
    all.sync(3, 0)?;
    all.deliver_all()?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

#[test]
pub(super) fn s04_who_sees_another_owner_does_not_promise() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.join(3, 1)?;
    all.sync(3, 1)?;
    while !all.channels.get(&(3, 2)).is_none_or(|queue| queue.is_empty()) {
        all.deliver(3, 2)?;
    }
    assert!(all.in_flight(2, 3, |message| matches!(message, Message::Disagree { .. })));
    all.crash(1);
    all.notice_down(3, 1)?;
    all.notice_down(2, 1)?;
    all.deliver_all()?;
    all.rest()
}

#[test]
pub(super) fn s05_two_joiners_ask_whom_the_others_see() -> Check {
    let mut all = formed(2);
    all.registered_at(1, "x")?;
    all.joins(2, 1)?;
    all.joins(3, 0)?;
    all.learn(1, 3)?;
    all.until(|all| !all.pending().iter().any(|(_, to)| *to == 1))?;
    all.crash(0);
    for n in [3, 1, 2] {
        all.notice_down(n, 0)?;
    }
    all.deliver_all()?;
    all.rest()
}

#[test]
pub(super) fn s06_a_joiner_whose_contact_dies_claims_nothing() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.join(3, 1)?;
    all.crash(1);
    all.notice_down(3, 1)?;
    assert_eq!(all.nodes[3].dir.role(PartitionId(0)), Role::Idle);
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

#[test]
pub(super) fn s07_an_old_replica_keeps_its_copy() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.joins(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.crash(2);
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    Ok(())
}

#[test]
pub(super) fn s08_what_was_unregistered_stays_so() -> Check {
    let mut all = hosted_by(3, 0b0010);
    all.registered_at(2, "x")?;
    all.suspect(2, 1)?;
    let request = all.ask(2, "x", Ask::Unregister)?;
    all.deliver_all()?;
    assert_eq!(all.answer(request), Some(&Answer::Unregistered));
    all.heal(2, 1)?;
    all.rest()?;
    assert!(all.hosts("x").is_empty());
    // An unregister that overtakes a start.
    let mut all = hosted_by(3, 0b0001);
    all.register(2, "x")?;
    all.until(|all| all.in_flight(2, 0, |message| matches!(message, Message::Do { .. })))?;
    let request = all.ask(2, "x", Ask::Unregister)?;
    assert_eq!(all.answer(request), None, "the host was told to start it and has not answered");
    all.rest()?;
    assert_eq!(all.answer(request), Some(&Answer::Unregistered));
    assert!(all.hosts("x").is_empty());
    Ok(())
}

#[test]
pub(super) fn s09_nothing_starts_before_its_record_is_stable() -> Check {
    let mut all = formed(3);
    let request = all.register(2, "x")?;
    assert!(all.hosts("x").is_empty());
    all.crash(2);
    all.rest()?;
    assert_eq!(all.answer(request), None);
    Ok(())
}

#[test]
pub(super) fn s10_a_sealed_host_waits_for_its_owner() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.call(2, &Name::from("x"));
    all.joins(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.until(|all| all.sealed(2, "x"))?;
    for _ in 0..100 {
        all.tick(Duration::from_secs(1))?;
    }
    assert!(all.sealed(2, "x"));
    all.rest()
}

#[test]
pub(super) fn s11_an_ancestor_is_dropped_and_not_merged() -> Check {
    let mut all = hosted_by(2, 0b0101);
    all.registered_at(1, "x")?;
    all.call(0, &Name::from("x"));
    all.joins(2, 1)?;
    all.learn(0, 2)?;
    all.until(|all| all.runs(2, "x"))?;
    assert!(all.sealed(0, "x"));
    all.joins(3, 1)?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [2]);
    Ok(())
}

#[test]
pub(super) fn s12_no_start_is_sent_twice() -> Check {
    let mut all = hosted_by(3, 0b0001);
    let request = all.register(2, "x")?;
    all.until(|all| !all.jobs().is_empty())?;
    all.work(0, &Name::from("x"), false)?;
    all.reset(0, 2)?;
    all.rest()?;
    assert!(matches!(all.answer(request), Some(Answer::Registered(_))));
    assert_eq!(all.ghost.used.len(), 2);
    Ok(())
}

#[test]
pub(super) fn s13_a_report_from_before_a_directive_is_ignored() -> Check {
    let mut all = hosted_by(3, 0b0001);
    all.registered_at(2, "x")?;
    // The owner asks anew while a report of the old state is under way.
    all.stop(0, &Name::from("x"))?;
    let request = all.register(2, "x")?;
    all.rest()?;
    assert!(matches!(all.answer(request), Some(Answer::AlreadyRegistered(_))));
    assert!(all.hosts("x").is_empty());
    Ok(())
}

#[test]
pub(super) fn s14_a_healed_member_is_asked() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    for n in [0, 1] {
        all.suspect(n, 2)?;
        all.suspect(2, n)?;
    }
    all.deliver_all()?;
    all.registered_at(1, "y")?;
    all.registered_at(2, "z")?;
    let (x, y) = (Name::from("x"), Name::from("y"));
    all.call(1, &x);
    all.call(2, &x);
    all.call(1, &y);
    assert_eq!(all.hosts("x"), [1, 2]);
    all.rest()?;
    assert_eq!((all.hosts("x"), all.hosts("y"), all.hosts("z")), (vec![2], vec![2], vec![2]));
    Ok(())
}

#[test]
pub(super) fn s15_no_decision_before_all_hosts_spoke() -> Check {
    let mut all = hosted_by(3, 0b0001);
    all.register(2, "x")?;
    all.until(|all| all.in_flight(2, 0, |message| matches!(message, Message::Do { .. })))?;
    all.joins(3, 1)?;
    all.learn(2, 3)?;
    let request = all.ask(3, "x", Ask::Unregister)?;
    all.rest()?;
    assert_eq!(all.answer(request), Some(&Answer::Unregistered));
    // An owner that is complete by inheritance starts nothing while a host has not spoken.
    let mut all = inherited()?;
    assert_eq!(all.nodes[1].dir.role(PartitionId(0)), Role::Owner { complete: true });
    assert!(!all.in_flight(1, 0, |message| matches!(message, Message::Do { .. })));
    assert_eq!(all.unfinished(1).0, 0);
    all.rest()?;
    Ok(())
}

#[test]
pub(super) fn s16_terms_do_not_run_away() -> Check {
    let mut all = Cluster::new(Setup { wall: false, ..Setup::of(3) });
    all.joins(3, 0)?;
    for _ in 0..500 {
        all.deliver_all()?;
        all.tick(Duration::from_millis(250))?;
    }
    all.check_terms(4)?;
    all.rest()
}

#[test]
pub(super) fn s17_copies_are_retired_when_others_hold_everything() -> Check {
    let mut all = formed(2);
    all.registered_at(1, "x")?;
    all.joins(2, 1)?;
    all.learn(0, 2)?;
    all.joins(3, 2)?;
    for n in [0, 1] {
        all.learn(n, 3)?;
    }
    all.until(|all| all.in_flight(3, 0, |message| matches!(message, Message::Retire { .. })))?;
    let copies = all.nodes.iter().filter(|node| node.dir.partitions[0].copy.is_some()).count();
    assert!(copies >= 2);
    all.crash(3);
    all.rest()?;
    assert_eq!(all.hosts("x"), [2]);
    Ok(())
}

#[test]
pub(super) fn s17_a_sibling_survives_the_unregister_of_the_other() -> Check {
    let mut all = formed(3);
    for n in [0, 1] {
        all.suspect(n, 2)?;
        all.suspect(2, n)?;
    }
    all.deliver_all()?;
    all.registered_at(1, "x")?;
    all.registered_at(2, "x")?;
    all.rest()?;
    assert_eq!(all.hosts("x"), [2]);
    let request = all.ask(2, "x", Ask::Unregister)?;
    all.rest()?;
    assert_eq!(all.answer(request), Some(&Answer::Unregistered));
    assert!(all.hosts("x").is_empty());
    Ok(())
}

//! Scripts of a node that stands still, is taken for dead, and goes on.

use std::time::Duration;

use crate::directory::Event;
use crate::directory::tests::cluster::{Check, Cluster};
use crate::directory::tests::steps::{formed, hosted_by};
use crate::name::Name;

/// Everybody takes a node for dead, and what it hosted runs elsewhere.
fn taken_for_dead(all: &mut Cluster, n: usize) -> Check {
    let others: Vec<usize> = all.alive().into_iter().filter(|other| *other != n).collect();
    for other in &others {
        all.suspect(*other, n)?;
    }
    all.nodes[n].frozen = true;
    all.deliver_all()?;
    all.nodes[n].frozen = false;
    Ok(())
}

/// It asked as soon as it went on, when nobody listened to it yet, and was not heard of before the next sweep: each name ran
/// twice until then.
#[test]
fn who_was_not_listened_to_is_told_when_it_is_a_member_again() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    taken_for_dead(&mut all, 2)?;
    assert_eq!(all.hosts("x"), [1, 2]);
    all.feed(2, Event::Stalled)?;
    // Its questions come by connections that live on when it is a member again.
    all.deliver_all()?;
    for n in [0, 1] {
        all.nodes[n].down.remove(&2);
        all.learn(n, 2)?;
    }
    all.deliver_all()?;
    assert_eq!(all.owner("x"), Some(2), "without any time having passed");
    assert_eq!(all.hosts("x"), [2]);
    all.rest()
}

/// What had stood still was where the ring wants the name. It answered at its old epoch, and went on at it for good: whoever
/// fences by epochs had seen a later one, and shut it out.
#[test]
pub(super) fn who_stood_still_runs_nothing_before_it_is_told() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.registered_at(2, "x")?;
    all.call(2, &x);
    taken_for_dead(&mut all, 2)?;
    all.call(1, &x);
    all.feed(2, Event::Stalled)?;
    if all.runs(2, "x") {
        return Err("it runs beside its follower".into());
    }
    for n in [0, 1] {
        all.heal(n, 2)?;
    }
    all.until(|all| all.runs(2, "x"))?;
    all.rest()?;
    assert_eq!((all.hosts("x"), all.nodes[2].cells[&x].ops.len()), (vec![2], 2), "the two were united");
    Ok(())
}

#[test]
pub(super) fn who_stood_still_goes_on_under_a_new_epoch() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.registered_at(2, "x")?;
    taken_for_dead(&mut all, 2)?;
    let later = all.nodes[1].cells[&x].epoch;
    all.feed(2, Event::Stalled)?;
    for n in [0, 1] {
        all.heal(n, 2)?;
    }
    all.until(|all| all.runs(2, "x"))?;
    let now = all.nodes[2].cells[&x].epoch;
    if now < later {
        return Err(format!("it goes on at {now}, after {later} has run"));
    }
    all.rest()
}

/// The one that had run elsewhere meanwhile is dead, too: only its record knows of its epoch.
#[test]
fn who_stood_still_goes_on_under_a_new_epoch_also_when_the_later_instance_is_gone() -> Check {
    let (mut all, x) = (formed(4), Name::from("x"));
    all.registered_at(3, "x")?;
    taken_for_dead(&mut all, 3)?;
    let (host, later) = (2, all.nodes[2].cells[&x].epoch);
    all.crash(host);
    for n in [0, 1] {
        all.notice_down(n, host)?;
    }
    all.feed(3, Event::Stalled)?;
    all.notice_down(3, host)?;
    for n in [0, 1] {
        all.heal(n, 3)?;
    }
    all.rest()?;
    assert_eq!(all.hosts("x"), [3]);
    assert!(all.nodes[3].cells[&x].epoch > later);
    Ok(())
}

/// Nobody had missed it: its workers go on as they were, as soon as their owners have heard of it.
#[test]
fn who_stood_still_for_a_moment_goes_on_as_it_was() -> Check {
    let (mut all, x, y) = (hosted_by(3, 0b011), Name::from("x"), Name::from("y"));
    all.registered_at(2, "x")?;
    all.registered_at(2, "y")?;
    let epochs = |all: &Cluster| [&x, &y].map(|name| all.nodes[1].cells[name].epoch);
    let before = epochs(&all);
    assert_eq!(all.owner("x"), Some(2), "another node decides");
    all.feed(1, Event::Stalled)?;
    assert!(!all.runs(1, "x") && !all.runs(1, "y"));
    all.deliver_all()?;
    assert!(all.runs(1, "x") && all.runs(1, "y"), "without any time having passed");
    assert_eq!(epochs(&all), before);
    all.rest()
}

/// The report of it was lost with the connection.
#[test]
fn who_stood_still_is_told_although_its_word_of_it_was_lost() -> Check {
    let mut all = hosted_by(3, 0b011);
    all.registered_at(2, "x")?;
    all.feed(1, Event::Stalled)?;
    all.reset(1, 2)?;
    all.deliver_all()?;
    assert!(all.runs(1, "x"));
    all.rest()
}

/// A start was under way when its host stood still; others have started the name since.
#[test]
fn what_started_before_its_node_stood_still_waits_as_well() -> Check {
    let (mut all, x) = (formed(3), Name::from("x"));
    all.register(2, "x")?;
    while !all.nodes[2].cells.contains_key(&x) {
        let (from, to) = *all.pending().first().ok_or("it is never started")?;
        all.deliver(from, to)?;
    }
    taken_for_dead(&mut all, 2)?;
    assert!(all.runs(1, "x"));
    all.feed(2, Event::Stalled)?;
    all.work(2, &x, true)?;
    assert!(!all.runs(2, "x"));
    for n in [0, 1] {
        all.heal(n, 2)?;
    }
    all.rest()
}

/// All whom it knew have left a cluster that goes on without it.
fn lost_with_x() -> Result<Cluster, String> {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    taken_for_dead(&mut all, 2)?;
    all.nodes[2].frozen = true;
    all.joins(3, 0)?;
    all.learn(1, 3)?;
    all.deliver_all()?;
    for n in [0, 1] {
        all.crash(n);
        all.notice_down(3, n)?;
    }
    all.deliver_all()?;
    all.feed(2, Event::Stalled)?;
    for n in [0, 1] {
        all.notice_down(2, n)?;
    }
    all.deliver_all()?;
    Ok(all)
}

/// It took itself for the whole cluster, and went on with what it had.
#[test]
fn who_stood_still_decides_nothing_alone() -> Check {
    let (mut all, x) = (lost_with_x()?, Name::from("x"));
    let later = all.nodes[3].cells[&x].epoch;
    assert!(all.runs(3, "x") && !all.runs(2, "x"));
    all.nodes[2].down.clear();
    all.heal(3, 2)?;
    all.learn(2, 3)?;
    all.until(|all| all.hosts("x").len() == 1)?;
    let (_, cell) = all.nodes.iter().find_map(|node| node.cells.get_key_value(&x)).ok_or("x is lost")?;
    assert!(cell.epoch >= later);
    all.rest()
}

/// But not for ever: it may be the only one that lives.
#[test]
fn who_stood_still_and_hears_nobody_goes_on_alone() -> Check {
    let mut all = lost_with_x()?;
    all.crash(3);
    all.tick(Duration::from_secs(5))?;
    assert!(!all.runs(2, "x"));
    all.tick(Duration::from_secs(6))?;
    all.deliver_all()?;
    assert!(all.runs(2, "x"));
    all.rest()
}

/// Views change for other reasons as well, and then it is still not listened to.
#[test]
fn who_was_not_listened_to_is_not_told_before() -> Check {
    let mut all = formed(4);
    all.registered_at(3, "x")?;
    taken_for_dead(&mut all, 3)?;
    all.feed(3, Event::Stalled)?;
    all.deliver_all()?;
    all.leave(0)?;
    for n in [1, 2] {
        all.learn_leave(n, 0)?;
    }
    assert!(![0, 1, 2].into_iter().any(|n| all.in_flight(n, 3, |_| true)), "it would be lost on its way");
    for n in [0, 1, 2] {
        all.nodes[n].down.remove(&3);
        all.learn(n, 3)?;
    }
    all.deliver_all()?;
    assert_eq!(all.owner("x"), Some(3));
    all.learn_leave(3, 0)?;
    all.rest()
}

//! Scripts of a node that stands still, is taken for dead, and goes on.

use crate::directory::Event;
use crate::directory::tests::cluster::{Check, Cluster};
use crate::directory::tests::steps::formed;

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

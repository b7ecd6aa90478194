//! Nodes that leave, and calls of their own and of others that they have to do with. The simulator found each of these.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::transport::Lane;

use super::notebook::{Notebook, die_slowly, disorder, fall_silent};
use super::site::id;
use super::world::{Fate, World};
use crate::call::deadline::Deadline;
use crate::call::frame::{Envelope, kind};
use crate::call::pending::{Place, Waiting};
use crate::directory::Answer;
use crate::error::{CallError, Executed, RegistryError};
use crate::name::Name;
use crate::runtime::input::Left;
use crate::runtime::lane::Way;
use crate::runtime::leave;
use crate::runtime::requests::Outcome;
use crate::runtime::sending::Unwritten;
use crate::swarm::Swarm;
use crate::worker::{Payload, Worker as _};

const LONG: Duration = Duration::from_secs(60);

/// No call has failed, though it might have.
fn end(mut world: World) -> Result<(), String> {
    world.calm(Duration::from_millis(900))?;
    world.audit()?;
    disorder(&world.ran).map_or(Ok(()), Err)?;
    match world.fates.iter().find(|(_, fate)| **fate != Fate::Answered) {
        Some((sent, fate)) => Err(format!("{sent:?}: {fate:?}")),
        None => Ok(()),
    }
}

/// It said goodbye as soon as its workers were handed over, and the calls of its own users ended with it.
#[test]
fn a_leaver_waits_for_the_answers_to_its_own_users() {
    let (mut world, x) = (World::new(2, &["x"], 1024), Name::from("x"));
    world.call(1, &x, LONG);
    let node = world.sites[1].node.clone();
    let left = world.begin(async move { leave(&node, Some(LONG)).await });
    world.work();
    // Longer than all that comes after may take.
    for _ in 0..20 {
        world.pass(Duration::from_secs(1));
        world.work();
    }
    world.carry(1, 0);
    world.work();
    world.carry(0, 1);
    assert_eq!((world.open_calls(), world.fates.values().collect::<Vec<_>>()), (0, vec![&Fate::Answered]));
    for _ in 0..20 {
        world.pass(Duration::from_secs(1));
        world.work();
    }
    assert!(left.is_finished(), "it waits for nothing more");
}

/// Each stage of a leave had a time of its own, so that a limit of 4 s was one of up to 12 s.
#[test]
fn a_leave_takes_no_longer_than_its_limit_whatever_hangs() {
    for limit in [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(4), Duration::from_secs(30)] {
        let mut world = World::new(2, &["x"], 1024);
        // Last words that go on, a call that is not answered, a node that is silent, and workers that are not handed over.
        die_slowly();
        world.call(0, &Name::from("y"), LONG);
        world.stay = 3;
        let (begun, step) = (world.now(), (limit / 1_000).max(Duration::from_millis(1)));
        let leaves = |world: &World, limit| {
            let node = world.sites[0].node.clone();
            world.begin(async move { leave(&node, Some(limit)).await })
        };
        // Who asks once more does not give it more time.
        let [first, second] = [leaves(&world, limit), leaves(&world, LONG)];
        world.work();
        while !first.is_finished() {
            world.pass(step);
            world.work();
            assert!(world.now().since(begun) <= limit + step * 5, "it hangs");
        }
        assert!(world.now().since(begun) >= limit, "all the time that there is was given to what hangs");
        let left = Some(Left { workers: 3, after: limit });
        assert_eq!(world.outcome(first), Some(left));
        assert_eq!(world.outcome(second), Some(left));
        fall_silent();
        world.work();
    }
}

/// A future of a user that was polled once and never again held the leave of its node, to the end of its limit.
#[test]
fn a_leaver_waits_for_answers_and_not_for_who_looks_at_them() {
    let mut world = World::new(2, &["x"], 1024);
    let swarm = Swarm::unnamed(world.sites[1].node.clone());
    let mut cx = Context::from_waker(Waker::noop());
    let (mut list, mut whereis) = (swarm.registered().timeout(LONG), swarm.whereis("x").timeout(LONG));
    assert!(Pin::new(&mut list).poll(&mut cx).is_pending() && Pin::new(&mut whereis).poll(&mut cx).is_pending());
    let node = world.sites[1].node.clone();
    let answered = world.begin(async move { node.answer_users().await });
    let waits = |world: &mut World| {
        world.work();
        world.pass(Duration::from_millis(5));
        world.work();
        !answered.is_finished()
    };
    assert!(waits(&mut world), "both are open");
    world.carry(1, 0);
    world.carry(0, 1);
    assert!(waits(&mut world), "nobody has said where it is");
    for request in world.asked.drain(..) {
        request.done.send(Outcome::Answered(Answer::Whereis(None))).expect("somebody waits");
    }
    assert!(!waits(&mut world), "nobody has looked, and it is done");
    let (list, whereis) = (Pin::new(&mut list).poll(&mut cx), Pin::new(&mut whereis).poll(&mut cx));
    assert!(matches!(list, Poll::Ready(Ok(found)) if found.len() == 1), "who looks later finds it");
    assert_eq!(whereis, Poll::Ready(Ok(None)));
    let late = Pin::new(&mut swarm.registered()).poll(&mut cx);
    assert!(matches!(late, Poll::Ready(Err(RegistryError::Stopping { .. }))));
}

/// What never comes is not waited for longer than who asked would have done.
#[test]
fn a_leaver_waits_for_an_answer_no_longer_than_its_user_would() {
    let mut world = World::new(2, &["x"], 1024);
    let swarm = Swarm::unnamed(world.sites[1].node.clone());
    let mut list = swarm.registered().timeout(Duration::from_secs(3));
    assert!(Pin::new(&mut list).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let node = world.sites[1].node.clone();
    let answered = world.begin(async move { node.answer_users().await });
    for over in [false, true] {
        world.work();
        world.pass(Duration::from_secs(2));
        world.work();
        assert_eq!(answered.is_finished(), over);
    }
}

/// A call goes 2 → 1 → 0, where it waits for its worker, which is on its way to `to`.
fn passed_on(to: usize) -> (World, Name) {
    let (mut world, x) = (World::new(4, &["x"], 1024), Name::from("x"));
    for me in 0..4 {
        world.see(me, 1);
    }
    world.decide(1);
    world.advance(&x, Some(to));
    world.work();
    world.call(2, &x, LONG);
    world.carry(2, 1);
    world.answer(1, &x);
    world.carry(1, 0);
    world.work();
    assert!(world.ran.is_empty(), "the worker is sealed");
    (world, x)
}

/// Both ends of a connection notice that it is lost.
fn part(world: &mut World, a: usize, b: usize) {
    world.cut(a, b);
    world.mend(a, b);
    world.mend(b, a);
}

/// The end of its connections was taken for the loss of those whom it had passed calls on to.
#[test]
fn what_a_leaver_has_passed_on_outlives_it() {
    let (mut world, _) = passed_on(3);
    let node = world.sites[1].node.clone();
    let bidding = world.begin({
        let node = node.clone();
        async move { node.bid_farewell().await }
    });
    world.work();
    for other in [0, 2, 3] {
        node.farewell.let_go(id(other));
        world.carry(1, other);
        world.carry(other, 1);
    }
    world.pass(Duration::from_millis(5));
    world.work();
    assert!(bidding.is_finished(), "all is confirmed");
    drop(node);
    part(&mut world, 1, 0);
    world.carry(1, 2);
    assert_eq!(end(world), Ok(()));
}

/// The call came back in its worker's queue. When the node lost the old host it told the caller that the call was lost.
#[test]
fn what_has_come_back_does_not_fail_with_whom_it_had_gone_to() {
    let (mut world, x) = passed_on(1);
    world.advance(&x, None);
    world.arrive(&x);
    world.advance(&x, None);
    world.carry(0, 1);
    world.cut(0, 1);
    world.mend(1, 0);
    world.work();
    world.carry(1, 2);
    assert_eq!(world.open_calls(), 0, "it is answered before the old host tells of the loss");
    assert_eq!(end(world), Ok(()));
}

/// A relay lost the old host, and the caller believed it though the call had gone on from there.
#[test]
fn what_has_gone_on_does_not_fail_with_whom_it_went_by() {
    let (mut world, x) = passed_on(3);
    world.advance(&x, None);
    world.arrive(&x);
    world.advance(&x, None);
    world.carry(1, 2);
    world.carry(0, 2);
    part(&mut world, 0, 1);
    world.carry(1, 2);
    assert_eq!(end(world), Ok(()));
}

/// The call came home to its caller, behind its worker. When the old host went, the caller took it for lost with that one,
/// whether it had heard before or after that it had gone there.
#[test]
fn what_has_come_home_does_not_fail_with_whom_it_had_gone_to() {
    for heard_late in [false, true] {
        let (mut world, x) = passed_on(2);
        let hear = |world: &mut World| world.carry(1, 2);
        if !heard_late {
            hear(&mut world);
        }
        world.advance(&x, None);
        world.arrive(&x);
        world.advance(&x, None);
        world.carry(0, 2);
        if heard_late {
            hear(&mut world);
        }
        part(&mut world, 0, 2);
        assert_eq!(world.open_calls(), 1, "it stands in the queue of its worker");
        assert_eq!(end(world), Ok(()));
    }
}

/// It had been under way for half of its time, which did not count, and ran when its caller had been told that it would not.
#[test]
fn what_has_come_home_runs_no_later_than_its_caller_waits() {
    let (mut world, x) = passed_on(2);
    world.advance(&x, None);
    world.arrive(&x);
    world.advance(&x, None);
    while world.claim(0, 2, Lane::Calls) {}
    world.pass(LONG / 2);
    world.carry(0, 2);
    world.pass(LONG / 2 + Duration::from_secs(1));
    assert_eq!(world.open_calls(), 0, "nobody waits any more");
    world.work();
    assert!(world.ran.is_empty(), "{:?}", world.fates);
}

/// Its node stopped in the midst of sending it, so it was told `Stopping`, and by that that it had not run. A program's client then
/// asked the next gateway, and the worker was asked twice.
#[test]
fn what_goes_while_its_node_stops_may_have_run() {
    let world = World::new(2, &["x"], 1024);
    let node = &world.sites[1].node;
    node.stop();
    let told = |place| {
        let deadline = Deadline::after(world.now(), LONG);
        let waiting = node.pending.take(Waiting { name: "x".into(), deadline, place });
        let mut call = waiting.expect("there is room");
        node.end_if_stopped(call.request());
        match Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => error.executed(),
            Poll::Ready(Ok(_)) | Poll::Pending => panic!("nobody else ends it"),
        }
    };
    assert_eq!(told(Place::Here), Executed::No);
    for gone in [Place::Sending { peer: id(0) }, Place::Sent { peer: id(0), frame: 1 }, Place::Away, Place::Begun] {
        assert_eq!(told(gone), Executed::Maybe, "{gone:?}");
    }
}

/// Who was told that its node stops was told that nothing has run, so nothing of it is sent any more. Who only does not wait may
/// have let go of a message that is to run.
#[test]
fn what_is_told_that_its_node_stops_is_not_sent() {
    let world = World::new(2, &["x"], 1024);
    let node = &world.sites[1].node;
    let write = |request| {
        let envelope = Envelope::own("x".into(), (Notebook::KIND.0, 1, 0), request, LONG);
        let letter = node.letter(envelope, Payload::empty(), kind::CALL, None);
        node.write(id(0), letter, Way { hop: None, apart: false }).map_err(|unwritten| match unwritten {
            Unwritten::Refused(refused) => refused.1,
            Unwritten::Full(_) | Unwritten::NoWay(_) => panic!("there is a way, and room"),
        })
    };
    let deadline = Deadline::after(world.now(), LONG);
    let call = node.pending.take(Waiting { name: "x".into(), deadline, place: Place::Here }).expect("there is room");
    let request = call.request().0;
    drop(call);
    assert_eq!(write(request), Ok(()));
    node.pending.close();
    assert!(matches!(write(request), Err(CallError::Stopping { .. })));
}

//! Schedules that once went wrong, found by walks and made short.

use std::time::Duration;

use swarm_net::transport::Lane;

use super::notebook::{disorder, fall_silent, stop_after};
use super::world::{Fate, World};
use crate::error::CallError;
use crate::name::Name;
use crate::rules::Rule;

/// Below every wait that gives up order.
const SOON: Duration = Duration::from_millis(900);

fn end(mut world: World) -> Result<(), String> {
    world.calm(SOON)?;
    world.audit()?;
    disorder(&world.ran).map_or(Ok(()), Err)?;
    world.rest()
}

/// The word that it was all went ahead of a queue that found no room, or was dropped for lack of it.
#[test]
fn the_end_of_a_moved_queue_follows_it_though_the_connection_is_full() {
    assert_eq!(move_with_a_queue(), Ok(()));
    Rule::Gate.without(move_with_a_queue).expect_err("without a gate the others do not wait");
}

fn move_with_a_queue() -> Result<(), String> {
    let mut world = World::new(3, &["x"], 1);
    let x = Name::from("x");
    world.advance(&x, Some(1));
    world.work();
    for _ in 0..20 {
        world.cast(2, &x);
        world.carry(2, 0);
    }
    world.advance(&x, None);
    world.see(2, 1);
    world.cast(2, &x);
    world.carry(2, 0);
    world.carry(0, 2);
    world.carry(2, 1);
    end(world)
}

/// A worker that has moved stops itself at the first message of its old queue. While its last words take their time the rest
/// of that queue comes, and with it what waited at the gate was forgotten: nobody told the callers before their deadlines.
#[test]
fn what_waits_at_the_gate_of_a_worker_that_stops_is_answered() {
    assert_eq!(stop_behind_a_gate(), Ok(()));
}

fn stop_behind_a_gate() -> Result<(), String> {
    let mut world = World::new(3, &["x"], 1024);
    let (x, long) = (Name::from("x"), Duration::from_secs(5));
    world.advance(&x, Some(1));
    world.work();
    for _ in 0..3 {
        world.call(2, &x, long);
    }
    world.carry(2, 0);
    world.see(2, 1);
    world.see(1, 1);
    world.decide(1);
    world.advance(&x, None);
    for _ in 0..2 {
        world.call(1, &x, long);
    }
    world.arrive(&x);
    world.advance(&x, None);
    stop_after(1);
    // The first of the queue is the worker's last; the others come while it dies.
    world.claim(0, 1, Lane::Calls);
    world.deliver(0, 1, Lane::Calls);
    world.work();
    world.carry(0, 1);
    world.work();
    fall_silent();
    world.calm(SOON)?;
    let told = |fate: &Fate| matches!(fate, Fate::Failed(CallError::NotRegistered { .. }));
    let untold = world.fates.iter().find(|(sent, fate)| (sent.1, sent.2) != (2, 1) && !told(fate));
    untold.map_or(Ok(()), |untold| Err(format!("{untold:?}")))?;
    end(world)
}

/// The owner was the old host: it sent calls on to the new one, which sent them back, for as long as the old one remembered
/// where the worker had gone.
#[test]
fn calls_do_not_go_to_and_fro_when_a_worker_has_moved_and_ended() {
    assert_eq!(ended_elsewhere(), Ok(()));
}

fn ended_elsewhere() -> Result<(), String> {
    let mut world = World::new(3, &["x"], 1024);
    let x = Name::from("x");
    world.advance(&x, Some(1));
    world.calm(SOON)?;
    stop_after(1);
    world.call(1, &x, Duration::from_secs(5));
    world.work();
    fall_silent();
    world.calm(SOON)?;
    world.call(2, &x, Duration::from_secs(5));
    world.calm(SOON)?;
    let told = world.fates.values().any(|fate| matches!(fate, Fate::Failed(CallError::NotRegistered { .. })));
    assert!(told, "{:?}", world.fates);
    end(world)
}

/// Nothing that comes to where a worker was waits for the directory there to say where it is now.
#[test]
fn what_comes_too_late_goes_after_the_worker_at_once() {
    assert_eq!(come_late(), Ok(()));
    let waits = Rule::Redirect.without(come_late).expect_err("without a redirect the directory has to be asked");
    assert!(waits.contains("waits"), "{waits}");
}

fn come_late() -> Result<(), String> {
    let mut world = World::new(3, &["x"], 1024);
    let x = Name::from("x");
    world.advance(&x, Some(1));
    world.work();
    world.advance(&x, None);
    world.arrive(&x);
    world.advance(&x, None);
    world.work();
    world.carry(0, 1);
    world.cast(2, &x);
    world.carry(2, 0);
    world.carry(0, 1);
    world.work();
    if world.ran.is_empty() {
        return Err("a message waits where the worker was".into());
    }
    end(world)
}

/// A letter came round to its caller, and was confirmed to the relay although it waited there; so the relay let the next
/// one go another way.
#[test]
fn what_comes_round_is_not_overtaken_by_what_did_not() {
    assert_eq!(come_round(), Ok(()));
    Rule::Confirmation.without(come_round).expect_err("if what waits is confirmed, the next one goes ahead");
}

fn come_round() -> Result<(), String> {
    let mut world = World::new(3, &["x"], 1024);
    let x = Name::from("x");
    world.see(1, 2);
    world.see(2, 1);
    world.cast(1, &x);
    world.cast(1, &x);
    world.claim(1, 2, Lane::Calls);
    world.deliver(1, 2, Lane::Calls);
    world.carry(2, 1);
    world.see(2, 0);
    for _ in 0..5 {
        world.carry(1, 2);
        world.carry(2, 1);
    }
    world.carry(2, 0);
    world.work();
    if let [ran, ..] = &world.ran[..] {
        return Err(format!("{ran:?}, while the first is still with its caller"));
    }
    end(world)
}

/// Three relays pass a letter on to each other in a circle, and then agree on each of them in turn.
#[test]
fn a_circle_of_relays_ends_in_order() {
    for owner in 0..4 {
        let mut world = World::new(4, &["x", "y"], 1024);
        let names = world.names();
        for (node, next) in [(1, 2), (2, 3), (3, 1)] {
            world.see(node, next);
        }
        for round in 0..12 {
            world.cast(1, &names[round % 2]);
            world.carry(1, 2);
            world.carry(2, 3);
            world.carry(3, 1);
            if round % 4 == 3 {
                world.pass(Duration::from_millis(50));
            }
        }
        world.decide(owner);
        assert_eq!(end(world), Ok(()), "they agree on {owner}");
    }
}

/// What a node remembers of others' calls must not keep it in memory. (The world looks, when it is dropped.)
#[test]
fn a_node_that_stops_while_it_relays_is_freed() {
    let mut world = World::new(3, &["x"], 1024);
    let x = Name::from("x");
    world.advance(&x, Some(1));
    world.calm(SOON).expect("nothing hinders the move");
    world.call(2, &x, Duration::from_secs(5));
    world.carry(2, 0);
    drop(world);
}

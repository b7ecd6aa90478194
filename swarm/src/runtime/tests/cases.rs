//! Schedules that once went wrong, found by walks and made short.

use std::time::Duration;

use swarm_net::transport::Lane;

use super::notebook::disorder;
use super::world::World;
use crate::name::Name;
use crate::runtime::rules::Rule;

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

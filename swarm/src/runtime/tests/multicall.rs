//! Multicalls to a worker that moves meanwhile: it is called once, wherever it is met, and its answer is the one that counts.

use std::time::Duration;

use swarm_net::transport::Lane;
use tokio::task::JoinHandle;

use super::notebook::{Ask, Notebook, Total, fall_silent, stop_after};
use super::world::World;
use crate::error::{CallError, Executed, RegistryError};
use crate::message::{Message, Schema, encode};
use crate::name::Name;
use crate::whom::Whom;
use crate::worker::Worker;

type Answers = Result<Vec<(Name, Result<Vec<u8>, CallError>)>, RegistryError>;

/// Node 2 calls all workers.
fn multicall(world: &mut World) -> JoinHandle<Answers> {
    let node = world.sites[2].node.clone();
    let answers = world.begin(async move {
        let (whom, meant) = (Whom::Kind(Notebook::KIND.0), Ask::FINGERPRINT.call(Total::FINGERPRINT));
        node.multicall(whom, Ask::ID, meant, &encode(&Ask(2, 1)), Duration::from_secs(5)).await
    });
    world.work();
    answers
}

/// The worker is on node 0. Node 1 has pledged to node 2 that it has nobody.
fn pledged() -> (World, Name) {
    let mut world = World::new(3, &["x"], 1024);
    let node = world.sites[2].node.clone();
    let list = world.begin(async move { node.list(Whom::Kind(Notebook::KIND.0), Duration::from_secs(5)).await });
    world.work();
    world.calm(Duration::from_millis(900)).expect("all answer");
    world.work();
    assert_eq!(world.outcome(list).expect("all have answered").expect("it is in time").len(), 1);
    (world, Name::from("x"))
}

/// The worker is about to move from node 0 to node 1.
fn seal(world: &mut World, x: &Name) {
    world.advance(x, Some(1));
    world.work();
}

/// It starts on node 1, which takes its pledge back before, and is given up by node 0.
fn moves(world: &mut World, x: &Name) {
    world.advance(x, None);
    for _ in 0..2 {
        world.arrive(x);
        world.carry(1, 2);
        world.carry(2, 1);
    }
    world.work();
    world.advance(x, None);
}

/// Everything comes to its end.
fn answers_of(world: &mut World, answers: JoinHandle<Answers>) -> Result<Answers, String> {
    for _ in 0..20 {
        world.calm(Duration::from_millis(900))?;
        // Answers are gathered for a moment.
        world.pass(Duration::from_millis(5));
        world.work();
    }
    world.outcome(answers).ok_or("it does not end".to_owned())
}

/// The worker has been called once, and has answered.
fn end(mut world: World, answers: JoinHandle<Answers>) -> Result<(), String> {
    let answers = answers_of(&mut world, answers)?;
    match (answers.as_deref(), world.ran.len()) {
        (Ok([(_, Ok(_))]), 1) => world.audit(),
        (answers, ran) => Err(format!("{answers:?}, and {ran} ran")),
    }
}

/// Called where it had been and where it went, it ran twice; and what was said of the call that did not run hid the answer.
#[test]
fn who_is_met_at_both_of_its_hosts_answers_once() {
    let (mut world, x) = pledged();
    seal(&mut world, &x);
    let answers = multicall(&mut world);
    world.carry(2, 0);
    moves(&mut world, &x);
    world.carry(0, 1);
    for _ in 0..4 {
        world.work();
        world.pass(Duration::from_millis(5));
        world.carry(1, 0);
        world.carry(0, 2);
    }
    assert_eq!(end(world, answers), Ok(()));
}

/// The new host heard the question while the old queue was on its way there, the old one when it had given the worker up:
/// neither called it.
#[test]
fn who_has_left_one_host_and_waits_at_the_other_is_not_missed() {
    let (mut world, x) = pledged();
    seal(&mut world, &x);
    let answers = multicall(&mut world);
    moves(&mut world, &x);
    world.carry(2, 0);
    assert_eq!(end(world, answers), Ok(()));
}

/// The new host heard the question before the worker came, the old one when it had given it up.
#[test]
fn who_has_left_one_host_and_was_not_yet_at_the_other_is_not_missed() {
    let (mut world, x) = (World::new(3, &["x"], 1024), Name::from("x"));
    seal(&mut world, &x);
    let answers = multicall(&mut world);
    world.carry(2, 1);
    world.carry(1, 2);
    moves(&mut world, &x);
    world.carry(2, 0);
    assert_eq!(end(world, answers), Ok(()));
}

/// The connection of nodes 2 and 0 breaks, both notice, and there is another.
fn reconnect(world: &mut World) {
    world.cut(2, 0);
    for (me, other) in [(2, 0), (0, 2), (2, 0), (0, 2)] {
        world.mend(me, other);
    }
}

/// The members there were missing, though nobody had gone.
#[test]
fn who_lists_asks_again_when_the_connection_is_lost() {
    for answered in [false, true] {
        let mut world = World::new(3, &["x"], 1024);
        let node = world.sites[2].node.clone();
        let list = world.begin(async move { node.list(Whom::Kind(Notebook::KIND.0), Duration::from_secs(5)).await });
        world.work();
        if answered {
            world.carry(2, 0);
            world.claim(0, 2, Lane::Calls);
        } else {
            world.claim(2, 0, Lane::Calls);
        }
        reconnect(&mut world);
        world.calm(Duration::from_millis(900)).expect("all answer");
        world.work();
        let found = world.outcome(list).expect("all have answered").expect("it is in time");
        assert_eq!(found.len(), 1, "answered: {answered}");
    }
}

/// It may have run, so it is not called again; and it is not left out.
#[test]
fn whose_answer_is_lost_may_have_run() {
    for ran in [0, 1] {
        let (mut world, _) = pledged();
        let answers = multicall(&mut world);
        if ran == 1 {
            world.carry(2, 0);
            world.work();
            world.pass(Duration::from_millis(5));
            world.work();
            world.claim(0, 2, Lane::Calls);
        } else {
            world.claim(2, 0, Lane::Calls);
        }
        reconnect(&mut world);
        let answers = answers_of(&mut world, answers).expect("it ends").expect("it is in time");
        let [(_, Err(CallError::NodeDown { executed: Executed::Maybe, .. }))] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!(world.ran.len(), ran);
    }
}

/// A question that had not left when the connection was lost was left out as well.
#[test]
fn who_was_not_asked_yet_is_asked_over_the_next_connection() {
    let (mut world, _) = pledged();
    let answers = multicall(&mut world);
    reconnect(&mut world);
    assert_eq!(end(world, answers), Ok(()));
}

/// Its old host still passes calls on, and nobody takes them.
#[test]
fn who_has_moved_and_ended_is_no_member() {
    let (mut world, x) = (World::new(3, &["x"], 1024), Name::from("x"));
    world.advance(&x, Some(1));
    world.calm(Duration::from_millis(900)).expect("nothing hinders the move");
    stop_after(1);
    world.cast(1, &x);
    world.work();
    fall_silent();
    world.calm(Duration::from_millis(900)).expect("it ends");
    let answers = multicall(&mut world);
    assert_eq!(answers_of(&mut world, answers), Ok(Ok(Vec::new())));
}

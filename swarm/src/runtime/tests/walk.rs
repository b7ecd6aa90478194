//! Random walks: nodes that call, views that flip, workers that move, connections that break, then calm. Every message
//! runs once and in order, and nothing is left. `ORDER_WALKS=100000` walks longer, `ORDER_SEED=n` walks one again, with
//! a trace.

use std::time::Duration;

use swarm_net::transport::Lane;

use super::notebook::{disorder, fail_starts};
use super::world::World;
use crate::dice::Dice;
use crate::rules::Rule;

/// How many things happen before it is calm.
const STEPS: usize = 250;

/// Below the shortest wait that gives up order: all that may be lost to time is.
const STRICT: Duration = Duration::from_millis(900);

/// The longest that anything may wait.
const LOOSE: Duration = Duration::from_secs(60);

/// What may happen in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// Views flip and workers move: order is kept.
    Flips,
    /// Connections break as well: what one took with it is lost, and nothing else.
    Breaks,
    /// Time passes as well: deadlines end.
    Storm,
}

fn weather(seed: u64) -> Weather {
    match seed % 4 {
        0 | 1 => Weather::Flips,
        2 => Weather::Breaks,
        _ => Weather::Storm,
    }
}

fn walk(seed: u64, traced: bool) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let weather = weather(seed);
    let nodes = 3 + dice.roll(2);
    let queue = [65_536, 65_536, 3][dice.roll(3)];
    let mut world = World::new(nodes, &["x", "y", "z"][..1 + dice.roll(3)], queue);
    world.traced = traced;
    fail_starts(0);
    for _ in 0..STEPS {
        step(&mut world, &mut dice, weather);
    }
    fail_starts(0);
    let within = if weather == Weather::Storm { LOOSE } else { STRICT };
    let mut result = world.calm(within).and_then(|()| world.audit()).and_then(|()| world.rest());
    if let (Ok(()), Weather::Flips, Some(what)) = (&result, weather, disorder(&world.ran)) {
        result = Err(what);
    }
    result
}

fn step(world: &mut World, dice: &mut Dice, weather: Weather) {
    let (a, b) = (dice.roll(world.nodes()), dice.roll(world.nodes()));
    let name = {
        let names = world.names();
        names[dice.roll(names.len())].clone()
    };
    match dice.roll(100) {
        0..12 => world.cast(a, &name),
        12..16 => world.call(a, &name, Duration::from_secs(5)),
        16..17 => world.call(a, &name, Duration::from_millis(20)),
        17..40 => drop(world.claim(a, b, Lane::Calls)),
        40..63 => drop(world.deliver(a, b, Lane::Calls)),
        63..65 => drop(world.claim(a, b, Lane::Bulk)),
        65..67 => drop(world.deliver(a, b, Lane::Bulk)),
        67..75 => world.work(),
        75..83 => drop(world.answer(a, &name)),
        83..91 => drop(world.advance(&name, Some(a))),
        91..95 => world.see(a, b),
        95 => world.decide(a),
        96 => world.pass(Duration::from_millis(1)),
        97 if weather == Weather::Storm => world.pass(Duration::from_millis([50, 300, 1_100, 6_000][dice.roll(4)])),
        97 => fail_starts(usize::from(dice.roll(4) == 0)),
        98 if weather != Weather::Flips && dice.roll(2) == 0 => world.cut(a, b),
        _ => drop(world.mend(a, b)),
    }
}

/// The first of so many walks that breaks a promise if a rule is off.
fn first_broken(rule: Rule, walks: u64) -> Option<(u64, String)> {
    let calm = (0..walks).filter(|seed| weather(*seed) == Weather::Flips);
    rule.without(|| calm.into_iter().find_map(|seed| Some((seed, walk(seed, false).err()?))))
}

/// Each of these rules, and within how many walks its lack is noticed.
const RULES: [(Rule, u64); 6] = [
    (Rule::Flush, 40),
    (Rule::Confirmation, 40),
    (Rule::Gate, 40),
    (Rule::Round, 400),
    (Rule::Seal, 40),
    (Rule::Forward, 40),
];

/// The walks would find a mistake: without any one of the rules they do. (That of redirects has a script among
/// the cases; the others are those of `directory::tests::rules`.)
#[test]
fn a_walk_without_one_of_the_rules_goes_wrong() {
    for (rule, walks) in RULES {
        let broken = first_broken(rule, walks);
        println!("{rule:?}: {broken:?}");
        assert!(broken.is_some(), "{walks} walks without {rule:?} keep all promises");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_message_runs_once_and_in_order_and_nothing_is_stuck() {
    if let Some(seed) = number("ORDER_SEED") {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).without_time().with_ansi(false).init();
        return walk(seed, true).expect("a walk keeps its promises");
    }
    let (walks, first) = (number("ORDER_WALKS").unwrap_or(2_000), number("ORDER_FIRST").unwrap_or(0));
    let bad: Vec<_> = (first..first + walks).filter_map(|seed| Some((seed, walk(seed, false).err()?))).collect();
    let few = &bad[..bad.len().min(20)];
    assert!(bad.is_empty(), "{} of {walks} walks: {few:#?}", bad.len());
}

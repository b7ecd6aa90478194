//! Random walks: a storm of faults, then calm, with every invariant checked after every step.
//! `WALKS=100000` walks longer, `WALK_SEED=n` walks that one again, with a trace.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::dice::Dice;
use crate::directory::tests::cluster::{Check, Cluster, LEASE, Setup, spec};
use crate::directory::{Ask, GroupKey};
use crate::name::Name;
use crate::rules::Rule;

/// What the walks met: a walk that meets nothing proves nothing.
#[derive(Debug, Default)]
struct Seen {
    activations: usize,
    registered: usize,
    unregistered: usize,
    crashes: usize,
    imperfect: usize,
    /// Leases that nodes have had.
    leases: usize,
    freezes: usize,
    calls: usize,
    gone: usize,
}

impl Seen {
    fn add(&mut self, cluster: &Cluster) {
        let ghost = &cluster.ghost;
        self.activations += ghost.used.len();
        self.registered += ghost.registered.len();
        self.unregistered += ghost.unregistered.len();
        self.crashes += ghost.crashes;
        self.imperfect += usize::from(ghost.imperfect);
        self.leases += cluster.nodes.iter().map(|node| node.era).sum::<usize>();
        self.calls += ghost.ops.len();
        self.gone += cluster.nodes.iter().filter(|node| node.gone).count();
    }
}

/// More nodes than these are never alive at a time.
const ALIVE_MAX: usize = 4;

/// How often each fault may still happen.
struct Budget {
    crash: usize,
    join: usize,
    leave: usize,
    suspect: usize,
    reset: usize,
    fail: usize,
    pin: usize,
    stop: usize,
    asks: usize,
    stalls: usize,
    freezes: usize,
    splits: usize,
    rests: usize,
    posts: usize,
}

fn storm(cluster: &mut Cluster, dice: &mut Dice, budget: &mut Budget) -> Check {
    let alive: Vec<usize> = cluster.alive().into_iter().collect();
    let names = ["x", "y"];
    let Some(n) = dice.of(&alive) else {
        return Ok(());
    };
    let m = dice.of(&alive).unwrap_or(n);
    match dice.roll(if cluster.setup.quorum > 0 { 24 } else { 20 }) {
        0 if budget.crash > 0 && alive.len() > 1 => {
            budget.crash -= 1;
            cluster.crash(n);
            Ok(())
        }
        1 if budget.join > 0 && !cluster.nodes[n].leaving && alive.len() < ALIVE_MAX => {
            let fresh = (0..cluster.nodes.len()).find(|i| !cluster.nodes[*i].up && !cluster.nodes[*i].gone);
            budget.join -= 1;
            fresh.map_or(Ok(()), |fresh| cluster.join(fresh, n))
        }
        2 if budget.leave > 0 && cluster.nodes[n].joined && !cluster.nodes[n].leaving => {
            let stay = alive.iter().filter(|i| !cluster.nodes[**i].leaving && cluster.setup.capable & (1 << **i) != 0);
            if stay.filter(|i| **i != n).count() == 0 {
                return Ok(());
            }
            budget.leave -= 1;
            cluster.leave(n)
        }
        3 if budget.suspect > 0 && n != m && cluster.nodes[n].view.contains(&m) => {
            budget.suspect -= 1;
            cluster.suspect(n, m)
        }
        4 => cluster.heals().first().map_or(Ok(()), |(n, m)| cluster.heal(*n, *m)),
        5 if budget.reset > 0 && n != m => {
            budget.reset -= 1;
            cluster.reset(n, m)
        }
        6 if budget.fail > 0 => {
            let Some((n, name)) = dice.of(&cluster.jobs()) else {
                return Ok(());
            };
            budget.fail -= 1;
            cluster.work(n, &name, false)
        }
        7 if budget.pin > 0 => {
            let name = Name::from(names[dice.roll(2)]);
            if let Some(cell) = cluster.nodes[n].cells.get_mut(&name).filter(|cell| cell.serves() && cell.job.is_none())
            {
                budget.pin -= 1;
                cell.pin = true;
            }
            Ok(())
        }
        8 if budget.stop > 0 => {
            let name = Name::from(names[dice.roll(2)]);
            let runs = cluster.nodes[n].cells.get(&name).is_some_and(|cell| cell.serves() && cell.job.is_none());
            if !runs {
                return Ok(());
            }
            budget.stop -= 1;
            cluster.stop(n, &name)
        }
        9 if budget.stalls > 0 => {
            budget.stalls -= 1;
            cluster.feed(n, crate::directory::Event::Stalled)
        }
        10 => cluster.tick(Duration::from_millis(50 * (1 + dice.roll(8)) as u64)),
        11 => {
            let name = Name::from(names[dice.roll(2)]);
            if cluster.answers(n, &name) && cluster.nodes[n].cells[&name].job.is_none() {
                cluster.call(n, &name);
            }
            Ok(())
        }
        12..=16 if budget.asks > 0 => {
            let name = names[dice.roll(2)];
            // Some come to nodes that are not the owner, or no longer, or to the one on the other side of a split.
            let owner = cluster.owner(name).filter(|_| dice.roll(4) > 0).unwrap_or(n);
            let group = GroupKey { tag: 5, key: Name::from(["a", "b"][dice.roll(2)]) };
            let ask = match dice.roll(10) {
                0..=4 => Ask::Register(spec(false)),
                5 | 6 => Ask::Unregister,
                7 => Ask::WhereisOrRegister(spec(false)),
                8 => Ask::Join { group, kind: None },
                _ => Ask::Leave { group },
            };
            budget.asks -= 1;
            cluster.ask(owner, name, ask).map(|_| ())
        }
        17 if budget.rests > 0 => {
            // What happens next happens to names at rest.
            budget.rests -= 1;
            cluster.deliver_all()
        }
        19 if budget.posts > 0 => {
            budget.posts -= 1;
            match dice.roll(6) {
                0 => cluster.feed(n, crate::directory::Event::Rebalance),
                roll => {
                    let to = (roll > 1).then_some(cluster.ids[m]);
                    let name = names[dice.roll(2)];
                    cluster.ask(cluster.owner(name).unwrap_or(n), name, Ask::Post(to)).map(|_| ())
                }
            }
        }
        18 => cluster.feed(n, crate::directory::Event::Wanted(names[dice.roll(2)].into())),
        // A node stands still until something wakes it, and the others go on.
        20 if budget.freezes > 0 => {
            budget.freezes -= 1;
            cluster.note(|| format!("[n{n} stands still]"));
            cluster.nodes[n].frozen = true;
            cluster.pass(LEASE * (1 + dice.roll(3) as u32) / 2)
        }
        21 => cluster.pass(LEASE / (1 + dice.roll(8) as u32)),
        // All others lose sight of one node or two, which may or may not have noticed.
        22 | 23 if budget.splits > 0 => {
            budget.splits -= 1;
            let (noticed, span) = (dice.roll(4) == 0, LEASE / (1 + dice.roll(16) as u32));
            let away = BTreeSet::from([n, if dice.roll(4) == 0 { m } else { n }]);
            cluster.split(&away, noticed)?;
            cluster.pass(span)
        }
        _ => Ok(()),
    }
}

/// Whether a walk is one of a cluster with a quorum.
#[derive(Clone, Copy)]
enum Kind {
    Ring,
    Quorum,
}

fn walk(kind: Kind, seed: u64, traced: bool, seen: &mut Seen) -> (Check, u64, Vec<String>) {
    let mut dice = Dice::new(seed);
    let formed = match kind {
        Kind::Ring => 1 + dice.roll(3),
        Kind::Quorum => [2, 3, 4, 4, 4][dice.roll(5)],
    };
    let force = dice.roll(8) == 0;
    let setup = Setup {
        nodes: 4,
        formed,
        partitions: 1 + dice.roll(2) as u32,
        replicas: 1 + dice.roll(3),
        capable: [0xf, 0xf, 0b0101, 0b0011][dice.roll(4)],
        claim_wait: Duration::from_secs(if force { 2 } else { 86_400 }),
        wall: dice.roll(2) == 0,
        ..Setup::of(formed)
    };
    let setup = match kind {
        Kind::Ring => setup,
        // More than half of those that there are at a time; more come when others have gone.
        Kind::Quorum => {
            Setup { quorum: 3, nodes: 7, capable: [0x7f, 0x7f, 0b101_0101, 0b1_1011][dice.roll(4)], ..setup }
        }
    };
    let split = dice.roll(2) == 0 || matches!(kind, Kind::Quorum);
    let crash = dice.roll(setup.replicas);
    let mut budget = Budget {
        crash,
        join: dice.roll(4),
        leave: dice.roll(2),
        suspect: if split { dice.roll(6) } else { 0 },
        reset: [0, 1, 3, 20][dice.roll(4)],
        fail: dice.roll(3),
        pin: [0, 1, 4][dice.roll(3)],
        stop: usize::from(dice.roll(4) == 0),
        asks: [1 + dice.roll(6), 20][usize::from(dice.roll(3) == 0)] * if matches!(kind, Kind::Quorum) { 3 } else { 1 },
        stalls: usize::from(dice.roll(6) == 0),
        splits: if matches!(kind, Kind::Quorum) { 1 + dice.roll(3) } else { 0 },
        freezes: if matches!(kind, Kind::Quorum) { dice.roll(4) } else { 0 },
        rests: dice.roll(4),
        // Half of the walks: in the others names live where the ring wants them.
        posts: 4 * (seed % 2) as usize,
    };
    let freezes = budget.freezes;
    let mut cluster = Cluster::new(setup);
    cluster.trace = traced.then(Vec::new);
    let (mut steps, mut result) = (0, Ok(()));
    if matches!(kind, Kind::Quorum) {
        // Something to be torn apart.
        result = ["x", "y"].into_iter().try_for_each(|name| {
            let owner = cluster.owner(name).unwrap_or_default();
            cluster.register(owner, name).and_then(|_| cluster.deliver_all())
        });
    }
    let (length, faults) = (20 + dice.roll(160), 1 + dice.roll(4));
    while result.is_ok() && steps < length as u64 {
        steps += 1;
        if dice.roll(8) < faults {
            result = storm(&mut cluster, &mut dice, &mut budget);
            continue;
        }
        let (truths, pairs, jobs) = (cluster.truths(), cluster.pending(), cluster.jobs());
        let i = dice.roll(truths.len() + pairs.len() + jobs.len());
        result = if i < truths.len() {
            cluster.come_true(truths[i])
        } else if i < truths.len() + pairs.len() {
            let (from, to) = pairs[i - truths.len()];
            cluster.deliver(from, to)
        } else if let Some((n, name)) = jobs.get(i - truths.len() - pairs.len()) {
            cluster.work(*n, name, true)
        } else {
            Ok(())
        };
    }
    cluster.note(|| "---- calm ----".into());
    if result.is_ok() {
        result = cluster.calm(|count| {
            steps += 1;
            dice.roll(count)
        });
    }
    seen.add(&cluster);
    seen.freezes += freezes - budget.freezes;
    (result, steps, cluster.trace.unwrap_or_default())
}

/// The first of so many walks that breaks an invariant without a rule.
pub(super) fn first_broken(rule: Rule, walks: u64) -> Option<(u64, String)> {
    let broken = |seed| Some((seed, walk(Kind::Ring, seed, false, &mut Seen::default()).0.err()?));
    rule.without(|| (0..walks).find_map(broken))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn random_walks_keep_the_invariants() {
    walks(Kind::Ring);
}

#[test]
fn with_a_quorum_no_name_answers_twice_on_any_walk() {
    let seen = walks(Kind::Quorum);
    assert!(seen.is_none_or(|seen| seen.leases > 0 && seen.imperfect > 0 && seen.freezes > 0));
}

fn walks(kind: Kind) -> Option<Seen> {
    if let Some(seed) = number("WALK_SEED") {
        let (result, _, trace) = walk(kind, seed, true, &mut Seen::default());
        trace.iter().for_each(|line| println!("{line}"));
        result.expect("the invariants of protocol.md §14 hold");
        return None;
    }
    // With a quorum time passes in small steps, which takes the machine longer.
    let usual = match kind {
        Kind::Ring => 400,
        Kind::Quorum => 120,
    };
    let (walks, first) = (number("WALKS").unwrap_or(usual), number("WALK_FIRST").unwrap_or(0));
    let (mut steps, mut bad) = (0, Vec::new());
    let mut seen = Seen::default();
    for seed in first..first + walks {
        let (result, taken, _) = walk(kind, seed, false, &mut seen);
        steps += taken;
        if let Err(text) = result {
            bad.push((seed, text));
        }
    }
    println!("{walks} walks, {steps} steps, {} bad; {seen:?}", bad.len());
    assert!(bad.is_empty(), "{} of {walks} walks, as: {:#?}", bad.len(), &bad[..bad.len().min(8)]);
    Some(seen)
}

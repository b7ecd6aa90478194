//! What a signal to end does to a process that leaves upon it: its workers move, what could not is said in time and by its
//! status, and a second signal is obeyed at once.

use std::time::{Duration, Instant};

use crate::driven::{Driven, ids};
use crate::process::Process;

/// Names enough that each of two nodes gets some.
const NAMES: usize = 20;
/// Much longer than any of this takes: a limit that nothing here should wait for.
const NEVER_MS: &str = "600000";

/// Two nodes that have found each other.
fn pair(cluster: &str, leave_within_ms: &str) -> [Driven; 2] {
    // A node that knows nobody seeks itself, and not the networks of this machine.
    let start = |seed: &str| {
        Driven::start(None, &["127.0.0.1:0", "--cluster", cluster, "--seed", seed, "--leave-within", leave_within_ms])
    };
    let first = start("127.0.0.1:1");
    let second = start(address(first.id()));
    let mut nodes = [first, second];
    let both = ids(&nodes);
    for node in &mut nodes {
        node.until("both", Driven::members, |members| *members == both);
    }
    nodes
}

fn address(id: &str) -> &str {
    id.split('#').next().unwrap_or_default()
}

/// Registers names with this command at `node`, and returns how many came to `host`.
#[track_caller]
fn register(node: &mut Driven, command: &str, host: &str) -> usize {
    let at = |n| format!("{command} name/{n}");
    let hosts: Vec<_> =
        (0..NAMES).map(|n| node.until("its host", |node| node.ask(&at(n)), |at| at.starts_with("at "))).collect();
    hosts.iter().filter(|at| at.strip_prefix("at ") == Some(host)).count()
}

#[test]
fn a_node_that_is_terminated_hands_its_workers_over() {
    for signal in ["-TERM", "-INT"] {
        let [mut stays, leaves] = pair(&format!("terminated{signal}"), NEVER_MS);
        let moved = register(&mut stays, "register", leaves.id());
        assert!(moved > 0, "one of two nodes hosts some of {NAMES} names");
        for n in 0..NAMES {
            assert_eq!(stays.ask(&format!("add name/{n} 7")), "sum 7");
        }
        leaves.signal(signal);
        let (last, status) = leaves.ended();
        assert_eq!((last.as_str(), status.code()), ("left", Some(0)));
        for n in 0..NAMES {
            assert_eq!(stays.ask(&format!("add name/{n} 1")), "sum 8", "name/{n} moved with its state");
        }
    }
}

#[test]
fn what_could_not_be_moved_in_time_is_said_each_second_and_by_the_status() {
    let [mut stays, other] = pair("anchored", NEVER_MS);
    drop(other);
    // Its log comes with its lines.
    let words = ["127.0.0.1:0", "--cluster", "anchored", "--seed", address(stays.id()), "--leave-within", "2500"];
    let shell = ["-c", "exec \"$0\" \"$@\" 2>&1", env!("CARGO_BIN_EXE_node")];
    let leaves = Process::start(None, "sh", &[&shell[..], &words].concat());
    let up = leaves.line_that("that it is up", |line| line.starts_with("up "));
    let id = up["up ".len()..].to_owned();
    stays.until("its successor", Driven::members, |members| members.len() == 2 && members.contains(&id));
    let anchored = register(&mut stays, "anchor", &id);
    assert!(anchored > 0, "one of two nodes hosts some of {NAMES} names");

    let began = Instant::now();
    leaves.signal("-TERM");
    let left = format!("workers={anchored} calls=0");
    for _ in 0..2 {
        leaves.line_that("what is left", |line| line.contains("still to move") && line.contains(&left));
    }
    let last = leaves.line_that("its last word", |line| line.starts_with("error "));
    assert!(last.contains(&format!("with {anchored} workers not handed over")), "{last}");
    assert!(began.elapsed() >= Duration::from_millis(2_500), "it tried until its limit");
    assert_eq!(leaves.ended().code(), Some(1));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let [mut stays, leaves] = pair("impatient", NEVER_MS);
    let anchored = register(&mut stays, "anchor", leaves.id());
    assert!(anchored > 0, "one of two nodes hosts some of {NAMES} names");
    leaves.signal("-TERM");
    leaves.signal("-INT");
    let (last, status) = leaves.ended();
    assert!(last.starts_with("error ") && last.contains(&format!("with {anchored} workers not handed over")), "{last}");
    assert_eq!(status.code(), Some(1));
}

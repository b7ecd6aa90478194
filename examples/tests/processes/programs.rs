//! The small programs, as a person starts them in terminals. Each test has a network of its own, so that their
//! clusters, which have fixed names, do not meet those of anybody else on this machine.

use crate::network;
use crate::process::Process;

/// Visits are a second apart; two nodes on one machine find each other in less.
const VISITS_MAX: usize = 40;
/// Each unheard hello waits a second for Bob.
const HELLOS_MAX: usize = 30;

fn visit(line: &str) -> Option<u64> {
    line.strip_prefix("visit ")?.split(',').next()?.parse().ok()
}

#[test]
fn two_counters_count_together_and_the_count_goes_on_when_one_leaves() {
    let Some(network) = network::of(1) else {
        return;
    };
    let space = network.namespace(1);
    let start = || Process::start(Some(&space), env!("CARGO_BIN_EXE_counter"), &[]);
    let (first, second) = (start(), start());
    let on = |line: &str| line.rsplit(' ').next().map(str::to_owned);
    let met = |line: &str| visit(line).is_some();

    // They met when both name the same node for a while: the sums that they print are then different ones.
    let mut agreed = 0;
    let mut last = 0;
    for _ in 0..VISITS_MAX {
        let (here, there) = (first.line_that("a visit", met), second.line_that("a visit", met));
        agreed = if on(&here) == on(&there) { agreed + 1 } else { 0 };
        last = visit(&here).max(visit(&there)).expect("both lines are visits");
        if agreed == 3 {
            break;
        }
    }
    assert_eq!(agreed, 3, "the two never counted on one node");

    first.signal("-INT");
    assert!(first.ended().success(), "it leaves gracefully");
    let after = second.line_that("a visit", |line| visit(line).is_some_and(|count| count > last));
    let next = second.line_that("a visit", met);
    assert_eq!(visit(&next), visit(&after).map(|count| count + 1), "nobody else counts now, and nothing was lost");
}

#[test]
fn a_chat_reaches_both_terminals_and_the_room_remembers() {
    let Some(network) = network::of(1) else {
        return;
    };
    let space = network.namespace(1);
    let enter = |name| {
        let guest = Process::start(Some(&space), env!("CARGO_BIN_EXE_chat"), &["lobby", name]);
        guest.line_that("who it is", |line| line.starts_with("you are "));
        guest
    };
    let (mut ada, bob) = (enter("ada"), enter("bob"));
    // The two may not have met yet; what was said in a room of one's own is not lost, but not heard either.
    assert!((0..HELLOS_MAX).any(|_| ada_is_heard(&mut ada, &bob)), "Bob never heard Ada");

    let late = Process::start(Some(&space), env!("CARGO_BIN_EXE_chat"), &["lobby", "late"]);
    late.line_that("what was said before", |line| line == "ada: hello");
    late.line_that("who it is", |line| line.starts_with("you are "));

    ada.say("");
    assert!(ada.ended().success(), "an empty line ends it");
}

/// Ada says hello and hears it herself; whether Bob hears it, too.
fn ada_is_heard(ada: &mut Process, bob: &Process) -> bool {
    ada.say("hello");
    ada.line_that("hello", |line| line == "ada: hello");
    bob.line_soon().is_some_and(|line| line == "ada: hello")
}

/// Both spans are of one trace, and that of the handler on the other node is a child of its caller's. All of it on the loopback interface.
#[test]
fn a_trace_goes_on_on_the_other_node() {
    let traced = Process::start(None, env!("CARGO_BIN_EXE_traced"), &[]);
    traced.line_that("the answer", |line| line.starts_with("acct/42 on ") && line.ends_with(" has 500 cents"));
    let value = |label: &str| {
        let line = traced.line_that(label, |line| line.strip_prefix('\t').is_some_and(|line| line.starts_with(label)));
        line.split_once(':').expect("each has a value").1.trim().to_owned()
    };
    let span = || ["Name", "TraceId", "SpanId", "ParentSpanId"].map(&value);
    let (handler, caller) = (span(), span());
    assert_eq!([&*handler[0], &*caller[0]], ["swarm.call", "payday"], "the handler ends first");
    assert_eq!(handler[1], caller[1], "one trace");
    assert_eq!(handler[3], caller[2], "the one below the other");
    assert!(traced.ended().success());
}

#[test]
fn a_listener_starts_finds_calls_casts_publishes_and_multicalls() {
    let Some(network) = network::of(1) else {
        return;
    };
    let listener = Process::start(Some(&network.namespace(1)), env!("CARGO_BIN_EXE_listener"), &[]);
    listener.line_that("a greeting", |line| line.starts_with("hi from greeter/"));
    listener.line_that("a call", |line| line.starts_with("greeter/0 is on "));
    listener.line_that("the publication", |line| line.starts_with("5 heard the news; all of them said hi "));
    listener.signal("-INT");
    listener.line_that("last words", |line| line.contains(" ends here: "));
    assert!(listener.ended().success(), "it leaves gracefully");
}

//! Owns how the figures are printed, and those of Elixir's Swarm beside them.
//!
//! Elixir's are of Swarm 3.4.0 on Elixir 1.14 and OTP 25, measured on a machine of the same kind (2 virtual CPUs) with
//! one BEAM process a node, and several runs of each.

use super::rounds::{Called, Calls, Changed, Registered, Told, Weighed, median};

/// Swarm 3.4.0: `register_name/5` on 3 nodes from 64 processes.
const ELIXIR_REGISTER: &str = "8,700-10,800";
/// Swarm 3.4.0: a third node joins with 10,000 names; with state some are lost.
const ELIXIR_JOIN: &str = "4.67 s";
/// Swarm 3.4.0: calls of 16 clients that failed around that.
const ELIXIR_JOIN_FAILED: &str = "1,020 of 308,816";
/// Swarm 3.4.0: SIGKILL of a node with 3,287 of 10,000 names.
const ELIXIR_CRASH: &str = "4.2-5.5 s";
/// Swarm 3.4.0: calls of 16 clients that failed around that.
const ELIXIR_CRASH_FAILED: &str = "2,606 of 25,069";
/// Swarm 3.4.0: `publish` to 1,000 on 2 nodes until all have acknowledged.
const ELIXIR_PUBLISH: &str = "78.9 ms";
/// Swarm 3.4.0: `multi_call` over 1,000, median.
const ELIXIR_MULTICALL: &str = "174 ms";
/// Swarm 3.4.0: an idle worker with everything, on its host.
const ELIXIR_WORKER: &str = "4,000-4,900 B";

/// The first lines.
pub(super) fn head() {
    println!("Three processes on this machine, medians (least and most in brackets), beside Swarm 3.4.0 on OTP 25.\n");
    row("", "Elixir", "ours");
}

pub(super) fn register(rounds: &[Registered]) {
    let all: Vec<u64> = rounds.iter().map(|round| round.names_s).collect();
    row("register, 3 nodes, 64 callers, names/s", ELIXIR_REGISTER, &spread(&all, 1, ""));
    row("  of these failed", "", &rounds.iter().map(|round| round.failed).sum::<u64>().to_string());
}

pub(super) fn call(all: &[Called]) {
    for called in all {
        let (place, callers) = (if called.home { "here" } else { "on the other node" }, called.callers);
        row(&format!("calls/s to workers {place}, {callers} callers"), "", &spread(&called.calls_s, 1, ""));
        row("  p50", "", &spread(&called.p50_ns, 1_000, " us"));
        row("  p99", "", &spread(&called.p99_ns, 1_000, " us"));
        row("  failed", "", &called.failed.to_string());
    }
}

pub(super) fn change(rounds: &[Changed]) {
    let all = |figure: fn(&Changed) -> u64| rounds.iter().map(figure).collect::<Vec<_>>();
    row("a third node joins: all names placed", ELIXIR_JOIN, &spread(&all(|round| round.join_us), 1000, " ms"));
    row("  the first of them", "", &spread(&all(|round| round.first_us), 1000, " ms"));
    row("  workers moved with state, of 10,000", "3,287", &spread(&all(|round| round.moved), 1, ""));
    row("  calls failed meanwhile", ELIXIR_JOIN_FAILED, &failed(rounds.iter().map(|round| &round.join_calls)));
    row("  longest call meanwhile", "1.65 s", &spread(&all(|round| round.join_calls.longest_us), 1000, " ms"));
    row("  calls lost from the states", "some", &all(|round| round.off).iter().sum::<u64>().to_string());
    row("kill -9: all names answer", ELIXIR_CRASH, &spread(&all(|round| round.crash_us), 1000, " ms"));
    row("  workers on it, of 10,000", "3,287", &spread(&all(|round| round.crashed), 1, ""));
    row("  calls failed meanwhile", ELIXIR_CRASH_FAILED, &failed(rounds.iter().map(|round| &round.crash_calls)));
    row("  longest call meanwhile", "", &spread(&all(|round| round.crash_calls.longest_us), 1000, " ms"));
    row("  names that never answered", "", &all(|round| round.lost).iter().sum::<u64>().to_string());
}

pub(super) fn tell(rounds: &[(Told, Told)]) {
    let all = |figure: fn(&(Told, Told)) -> u64| rounds.iter().map(figure).collect::<Vec<_>>();
    row("publish to 1,000, acknowledged", ELIXIR_PUBLISH, &spread(&all(|(told, _)| told.took_us), 1000, " ms"));
    row("  delivered", "", &spread(&all(|(told, _)| told.reached), 1, ""));
    row("multicall of 1,000", ELIXIR_MULTICALL, &spread(&all(|(_, asked)| asked.took_us), 1000, " ms"));
    row("  answered", "", &spread(&all(|(_, asked)| asked.reached), 1, ""));
}

pub(super) fn memory(rounds: &[Weighed]) {
    for weighed in rounds {
        let what = format!("idle worker of 8 B, all of {} node(s)", weighed.nodes);
        row(&what, ELIXIR_WORKER, &format!("{} B", weighed.bytes / weighed.workers));
    }
}

fn row(what: &str, elixir: &str, ours: &str) {
    println!("{what:<42}{elixir:>18}    {ours}");
}

/// The median, and all in order.
fn spread(values: &[u64], unit: u64, name: &str) -> String {
    let mut values = values.to_vec();
    values.sort_unstable();
    let middle = median(values.iter().copied()).unwrap_or_default();
    let decimal = |value: u64| {
        if unit == 1 { value.to_string() } else { format!("{}.{}", value / unit, value % unit * 10 / unit) }
    };
    let ends = match (values.first(), values.last()) {
        (Some(least), Some(most)) if least != most => format!(" ({}-{})", decimal(*least), decimal(*most)),
        _ => String::new(),
    };
    format!("{}{name}{ends}", decimal(middle))
}

fn failed<'a>(rounds: impl Iterator<Item = &'a Calls>) -> String {
    let (failed, made) = rounds.fold((0, 0), |(failed, made), calls| (failed + calls.failed, made + calls.made));
    format!("{failed} of {made}")
}

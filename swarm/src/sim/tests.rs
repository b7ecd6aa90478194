//! A short sweep, that a seed says it all, and the seeds that found something once.

mod outage;

use super::finding::Finding;
use super::time::{MS, S};
use super::world::World;
use super::{Counts, Fault, LargeOptions, Options, journal, large, run};
use crate::config::Config;
use crate::placement::Placement;

#[test]
fn a_seed_gives_the_same_run_byte_for_byte() {
    let few = Options { trace: true, requests: 60, ..Options::default() };
    let usual = Options { trace: true, ..Options::default() };
    // 65, 2049: several starts waited for the end of one recall, and were woken in no order.
    for (seed, options) in (0..8).map(|seed| (seed, &few)).chain([(65, &usual), (2049, &usual)]) {
        let (first, second) = (run(seed, options), run(seed, options));
        let differ = first.trace.iter().zip(&second.trace).find(|(a, b)| a != b);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!((first.fingerprint, first.trace.len()), (second.fingerprint, second.trace.len()), "seed {seed}");
    }
}

/// All holds, and everything that can go wrong did: else the sweep would prove nothing.
#[test]
fn a_short_sweep_finds_nothing_though_everything_goes_wrong() {
    let (mut faults, mut handoffs, mut failovers, mut conflicts) = (Counts::default(), 0, 0, 0);
    for seed in 0..48 {
        let outcome = run(seed, &Options::default());
        assert_eq!(
            outcome.violation, None,
            "seed {seed}: cargo run -p swarm --features sim --bin sim -- --seed {seed} --trace"
        );
        faults.merge(&outcome.faults);
        handoffs += outcome.handoffs;
        failovers += outcome.failovers;
        conflicts += outcome.conflicts;
    }
    let missing: Vec<_> = Fault::ALL.into_iter().filter(|fault| faults.of(*fault) == 0).collect();
    assert!(missing.is_empty(), "{missing:?} did not occur: {faults}");
    // Aborted handoffs are too rare for so few seeds: `sim --seeds` asserts them.
    assert!(handoffs > 0 && failovers > 0 && conflicts > 0, "{handoffs} {failovers} {conflicts}");
}

/// The form in which large clusters are measured, with few nodes.
#[test]
fn a_cluster_is_measured_through_a_crash_a_leave_and_a_join() {
    let mut options = LargeOptions::of(12);
    options.config.net.partitions = 256;
    let mut told = 0;
    let outcome = large(&options, |_| told += 1);
    assert_eq!(outcome.problem, None);
    let phases: Vec<_> = outcome.phases.iter().map(|phase| (phase.what, phase.known.is_some())).collect();
    let expected = [
        ("form", true),
        ("names are registered", false),
        ("rest", false),
        ("a process crashes", true),
        ("a machine loses power", true),
        ("a node leaves", true),
        ("a node joins", true),
    ];
    assert_eq!((phases, told), (expected.to_vec(), expected.len()));
    for phase in &outcome.phases {
        assert!(phase.rested <= phase.limit, "{phase:?}");
        assert!(phase.known.is_none_or(|(half, all)| half <= all && all <= phase.rested), "{phase:?}");
    }
    // Probes and gossip never rest: each node probes one other in each period, and is answered.
    let resting = &outcome.phases[2].rates;
    let probes = 1_000.0 / options.config.net.membership.probe_period_ms as f64;
    assert!((probes..20.0 * probes).contains(&resting.packets), "{resting:?}");
}

/// A newcomer was in the ring before it had its first lease. For so long nobody decided about what was to be its own: names
/// were not to be registered, moves to it came to nothing, and the queue of a worker that had just moved stayed behind until
/// its gate did not wait any more, so that messages changed their order.
#[test]
fn a_newcomer_has_no_share_of_the_ring_before_its_first_lease() {
    journal::open(false);
    let mut config = Config { placement: Placement::Quorum { size: 3 }, ..Config::local() };
    config.net.partitions = 8;
    let mut world = World::new(7, config, false, Finding::Beacons);
    let start = |world: &mut World| {
        let slot = world.add_slot();
        world.start(slot, true, 0);
        slot
    };
    for _ in 0..3 {
        start(&mut world);
    }
    world.pass(10 * S);
    assert_eq!(world.unsettled(), None);
    let newcomer = start(&mut world);
    let mut without_owner = 0;
    while world.site(newcomer).is_some_and(|site| !site.has_joined()) {
        world.pass(10 * MS);
        let owned: usize = world.sites().map(|(_, site)| site.control(|control| control.owned().count())).sum();
        without_owner += u32::from(owned < 8);
    }
    assert!(without_owner < 10, "no longer than it takes to ask the newcomer, and not {without_owner}0 ms");
    world.pass(5 * S);
    assert_eq!(world.unsettled(), None);
    assert!(
        world.site(newcomer).is_some_and(|site| site.control(|control| control.owned().count()) > 0),
        "then it has its share"
    );
    drop(world);
    swarm_net::time::Clock::set(None);
}

/// Each of these led to a fault of the code on the day when it was found. The code has changed since, and with it what a seed
/// leads to: none of them would find its fault again. What does is the script that stands beside each.
#[test]
fn seeds_that_found_something_once() {
    let stories = [
        (
            2,
            "a rival's claim to a node's address took the node out of its own view",
            "membership::tests::scripts::what_others_claim_of_our_address_changes_nothing_of_us",
        ),
        (
            48,
            "a leaving node gave its own users' calls up",
            "runtime::tests::leaving::a_leaver_waits_for_the_answers_to_its_own_users",
        ),
        (
            610,
            "a call that a leaving node had passed on failed when that node's connections ended",
            "runtime::tests::leaving::what_a_leaver_has_passed_on_outlives_it, and the two after it",
        ),
        (
            1_522,
            "a call of a node that had just joined was passed on to a host that it was not connected to, and never answered",
            "runtime::early::tests::an_answer_waits_for_its_callers_connection",
        ),
        (
            2_111,
            "a member that took the owner for dead when it was asked for its cells was never asked again",
            "directory::tests::cases::who_did_not_hear_the_question_for_its_cells_is_asked_again",
        ),
        (
            2_189,
            "who had stood still, and knew nobody any more of a cluster that had gone on, answered at its old epoch",
            "directory::tests::frozen::who_stood_still_decides_nothing_alone",
        ),
        (
            2_210,
            "what two nodes said that had passed a call on crossed, and the call was taken for lost with the one that left",
            "call::pending::tests::words_of_several_nodes_may_cross",
        ),
        (
            2_378,
            "a new owner took a worker of one node for ended that the owner before it had written down and not started",
            "directory::tests::cases::a_local_worker_is_started_by_the_next_owner_if_the_first_did_not",
        ),
        (
            7_684,
            "two nodes passed a call on that had stood in a worker's queue, and waited for each other's confirmation for ever",
            "runtime::letter::tests::what_comes_out_of_a_queue_counts_as_passed_on_unless_it_was_written_here",
        ),
        (
            8_806,
            "a node that left while others had just joined took itself for the last one",
            "membership::tests::scripts::who_leaves_is_told_at_once_of_those_who_have_just_joined",
        ),
        (
            10_431,
            "who had promised and was lost before it was a member was neither asked anew nor given up",
            "directory::tests::cases::who_promised_and_is_lost_before_it_is_seen_is_forced_after_claim_wait",
        ),
        (
            11_666,
            "a multicall ran twice for a worker that moved: where it had been, and where it went",
            "runtime::tests::multicall::who_is_met_at_both_of_its_hosts_answers_once",
        ),
        (
            17_720,
            "a node came and went before it was reported, and an owner waited for its cells for ever",
            "membership::roster::tests::who_came_and_went_unreported_is_reported_gone",
        ),
        (
            19_187,
            "a node first heard of as down was not known to be down, and a new owner waited for it without copies",
            "membership::swim::tests::who_is_heard_of_when_it_is_down_already_is_noted_once",
        ),
        (
            30_095,
            "a worker that stays, was made to give way and went on after all counted as one that stays without being asked again",
            "directory::cell::tests::who_was_sealed_is_not_pinned_any_more",
        ),
        (
            35_759,
            "a node that did not decide yet ordered its own worker something, did not listen to itself, and left the name alone for ever",
            "directory::tests::cases::who_does_not_decide_yet_orders_nothing",
        ),
    ];
    let with_a_quorum = [(
        5_684,
        "a node that took the owner for dead when that asked for its cells did not ask to be asked again: names stood for half a minute",
        "directory::tests::cases::who_did_not_hear_the_question_for_its_cells_is_asked_again",
    )];
    let quorum = Options { placement: Placement::Quorum { size: 3 }, ..Options::default() };
    let stories = stories.map(|story| (story, Options::default())).into_iter();
    for ((seed, story, script), options) in stories.chain(with_a_quorum.map(|story| (story, quorum.clone()))) {
        let outcome = run(seed, &options);
        assert_eq!(outcome.violation, None, "seed {seed}: {story} (see {script})");
    }
}

//! A short sweep, that a seed says it all, and the seeds that found something once.

use super::{Counts, Fault, Options, run};

#[test]
fn a_seed_gives_the_same_run_byte_for_byte() {
    let options = Options { trace: true, requests: 60, ..Options::default() };
    for seed in 0..8 {
        let (first, second) = (run(seed, &options), run(seed, &options));
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
    assert!(handoffs > 0 && failovers > 0 && conflicts > 0, "{handoffs} {failovers} {conflicts}");
}

/// Each of these was a fault of the code. As the code changes so does what a seed leads to; the schedule itself is what
/// the checks would find again.
#[test]
fn seeds_that_found_something_once() {
    let stories = [
        (2, "a rival's claim to a node's address took the node out of its own view"),
        (48, "a leaving node gave its own users' calls up"),
        (610, "a call that a leaving node had passed on failed when that node's connections ended"),
        (2_111, "a member that took the owner for dead when it was asked for its cells was never asked again"),
        (8_806, "a node that left while others had just joined took itself for the last one"),
        (10_431, "who had promised and was lost before it was a member was neither asked anew nor given up"),
        (11_666, "a multicall ran twice for a worker that moved: where it had been, and where it went"),
        (17_720, "a node came and went before it was reported, and an owner waited for its cells for ever"),
        (
            19_187,
            "a node first heard of as down was not known to be down, and a new owner waited for it without copies",
        ),
    ];
    for (seed, story) in stories {
        let outcome = run(seed, &Options::default());
        assert_eq!(outcome.violation, None, "seed {seed}: {story}");
    }
}

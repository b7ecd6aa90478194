//! A short sweep, and that a seed says it all.

use super::{Options, run};

#[test]
fn a_seed_gives_the_same_run_byte_for_byte() {
    let options = Options { trace: true, ..Options::default() };
    for seed in 0..8 {
        let (first, second) = (run(seed, &options), run(seed, &options));
        let differ = first.trace.iter().zip(&second.trace).find(|(a, b)| a != b);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!((first.fingerprint, first.trace.len()), (second.fingerprint, second.trace.len()), "seed {seed}");
    }
}

#[test]
fn a_short_sweep_finds_nothing() {
    let bad: Vec<_> =
        (0..64).map(|seed| run(seed, &Options::default())).filter_map(|run| Some((run.seed, run.violation?))).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

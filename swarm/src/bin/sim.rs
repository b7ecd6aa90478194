//! Runs simulated clusters from their seeds: `sim --seed N --trace`, `sim --seeds A..B`.

use std::process::ExitCode;
use std::time::Instant;

use swarm::sim::{Options, run};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut options = Options::default();
    let (mut from, mut to) = (0u64, 100u64);
    let mut it = args.iter();
    while let Some(arg) = it.next() {
        match arg.as_str() {
            "--seed" => {
                from = it.next().unwrap().parse().unwrap();
                to = from + 1;
            }
            "--seeds" => {
                let (a, b) = it.next().unwrap().split_once("..").unwrap();
                from = a.parse().unwrap();
                to = b.parse().unwrap();
            }
            "--trace" => options.trace = true,
            _ => {}
        }
    }
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("the seed says so") {
            report(info);
        }
    }));
    let begun = Instant::now();
    let mut bad = 0;
    for seed in from..to {
        let outcome = run(seed, &options);
        for line in &outcome.trace {
            println!("{line}");
        }
        if let Some(violation) = &outcome.violation {
            bad += 1;
            println!("seed {seed} ({:?}): {violation}", outcome.trouble);
        }
    }
    println!("{} runs, {bad} bad, {:?} each", to - from, begun.elapsed() / (to - from) as u32);
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

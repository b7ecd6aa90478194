//! Runs simulated clusters from their seeds: all of a range with progress, or one with everything that happens in it.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use swarm::Placement;
use swarm::sim::{self, Counts, Fault, LargeOptions, Options, Outcome, Phase, Rule, Trouble};

const USAGE: &str =
    "usage: sim [--seed N | --seeds A..B] [--nodes N] [--names N] [--requests N] [--placement P] [--trace]
           [--without RULE]
       sim --large N [--names N] [--partitions P] [--seed N]
  --seed N       run this seed
  --seeds A..B   run the seeds from A to B - 1 on all processors (default 0..1000)
  --nodes N      how many nodes there are at first (default 5)
  --names N      how many names are registered at first (default 6)
  --requests N   how many things clients ask for while there is trouble (default 120)
  --placement P  ring (the default), or a quorum such as quorum:3, with 3 to 5 nodes then
  --trace        print everything that happens
  --without RULE do without a rule (gate, seal, ..; any other word lists them), and succeed if a seed shows it
  --large N      measure a cluster of N nodes with default timings; succeed if all came about in its time
  --partitions P so many slices of the name space (default 4096), only with --large";

/// How much of a failed run is shown when it was not asked for.
const LINES_SHOWN: usize = 40;

/// A sweep of so many seeds must have met everything that can happen, or it proves less than it says.
const COVERING: u64 = 500;

struct Args {
    seeds: Range<u64>,
    options: Options,
    /// Instead of them.
    large: Option<LargeOptions>,
}

fn main() -> ExitCode {
    let args = match read(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    be_quiet_about_wanted_panics();
    if let Some(options) = &args.large {
        return if measure(options) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let single = args.seeds.end - args.seeds.start == 1;
    let holds = match args.options.without {
        Some(rule) if !single => is_noticed(rule, &args),
        Some(_) | None => {
            if single {
                one(&args)
            } else {
                sweep(&args)
            }
        }
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut options = Options::default();
    let mut seeds = 0..1_000;
    let (mut large, mut names, mut partitions) = (None, None, None);
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--seed" => {
                let seed: u64 = number(&value()?)?;
                seeds = seed..seed.saturating_add(1);
            }
            "--seeds" => {
                let text = value()?;
                let (from, to) = text.split_once("..").ok_or_else(|| format!("`{text}` is not like 0..1000"))?;
                seeds = number(from)?..number(to)?;
            }
            "--nodes" => options.nodes = number(&value()?)?,
            "--names" => names = Some(number(&value()?)?),
            "--large" => large = Some(LargeOptions::of(number(&value()?)?)),
            "--partitions" => partitions = Some(number(&value()?)?),
            "--requests" => options.requests = number(&value()?)?,
            "--placement" => options.placement = value()?.parse()?,
            "--trace" => options.trace = true,
            "--without" => options.without = Some(rule(&value()?)?),
            _ => return Err(format!("`{arg}` is not known")),
        }
    }
    if seeds.is_empty() {
        return Err(format!("there is no seed in {seeds:?}"));
    }
    options.names = names.unwrap_or(options.names);
    if let Some(large) = &mut large {
        if !(4..=4_000).contains(&large.nodes) {
            return Err("a large world needs 4 to 4000 nodes".to_owned());
        }
        large.names = names.unwrap_or(large.names);
        large.config.net.partitions = partitions.unwrap_or(large.config.net.partitions);
        large.seed = if seeds.end - seeds.start == 1 { seeds.start } else { large.seed };
    } else if partitions.is_some() {
        return Err("`--partitions` goes with `--large`".to_owned());
    }
    if !(2..=100).contains(&options.nodes) || options.names == 0 {
        return Err("a world needs 2 to 100 nodes, and a name".to_owned());
    }
    if let Placement::Quorum { size } = options.placement {
        let size = size as usize;
        if !(size..2 * size).contains(&options.nodes) {
            return Err(format!("a quorum of {size} needs {size} to {} nodes", 2 * size - 1));
        }
    }
    Ok(Args { seeds, options, large })
}

fn rule(text: &str) -> Result<Rule, String> {
    let known = Rule::ALL.into_iter().find(|rule| format!("{rule:?}").eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("`{text}` is none of {:?}", Rule::ALL))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number that can be used here"))
}

/// Workers of the simulation panic because their seed says so; what else panics is told.
fn be_quiet_about_wanted_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(sim::WANTED_PANIC) {
            report(info);
        }
    }));
}

/// Runs seeds until one is bad for want of a rule, and not with it. Says whether there was one.
fn is_noticed(rule: Rule, args: &Args) -> bool {
    let mut whole = args.options.clone();
    whole.without = None;
    let noticed = |run: &Outcome| run.violation.is_some() && sim::run(run.seed, &whole).violation.is_none();
    let bad = args.seeds.clone().map(|seed| sim::run(seed, &args.options)).find(noticed);
    match &bad {
        Some(outcome) => println!("without {rule:?}: {}", told(outcome)),
        None => println!("without {rule:?}: {} seeds, and all holds", args.seeds.end - args.seeds.start),
    }
    bad.is_some()
}

/// Runs one seed and tells all of it. Says whether all held.
fn one(args: &Args) -> bool {
    let outcome = sim::run(args.seeds.start, &args.options);
    let mut out = std::io::stdout().lock();
    for line in &outcome.trace {
        // Whoever reads may have seen enough.
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    drop(out);
    println!("{}", told(&outcome));
    outcome.violation.is_none()
}

/// Measures a large cluster. Says whether all came about in its time.
fn measure(options: &LargeOptions) -> bool {
    let begun = Instant::now();
    let LargeOptions { nodes, names, seed, config, .. } = options;
    println!("{nodes} nodes, {names} names, {} partitions, seed {seed}", config.net.partitions);
    println!(
        "{:<22} {:>8} {:>8} {:>8} {:>8} | {:>9} {:>9} {:>9} {:>10} | {:>6}",
        "virtual seconds", "half", "all", "at rest", "limit", "packets/s", "bytes/s", "writes/s", "bytes/s", "real s"
    );
    let mut last = begun;
    let outcome = sim::large(options, |phase| {
        println!("{} | {:>6.1}", row(phase), last.elapsed().as_secs_f64());
        last = Instant::now();
    });
    if let Some(problem) = &outcome.problem {
        println!("NOT IN TIME: {problem}");
    }
    let memory = peak_bytes().map(|peak| {
        let all = peak as f64 / f64::from(1 << 20);
        format!(", {all:.0} MiB at most ({:.2} MiB a node)", all / *nodes as f64)
    });
    println!("{:.1} s{}", begun.elapsed().as_secs_f64(), memory.unwrap_or_default());
    outcome.problem.is_none()
}

fn row(phase: &Phase) -> String {
    let seconds = |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{:.2}", time.as_secs_f64()));
    let (half, all) = phase.known.unzip();
    let rates = &phase.rates;
    format!(
        "{:<22} {:>8} {:>8} {:>8} {:>8} | {:>9.1} {:>9.0} {:>9.1} {:>10.0}",
        phase.what,
        seconds(half),
        seconds(all),
        seconds(Some(phase.rested)),
        seconds(Some(phase.limit)),
        rates.packets,
        rates.packet_bytes,
        rates.writes,
        rates.written_bytes
    )
}

/// The most memory that this process has had, where the system tells it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

fn told(outcome: &Outcome) -> String {
    let Outcome { seed, trouble, messages, handoffs, failovers, conflicts, lasted, fingerprint, .. } = outcome;
    let mut text = format!(
        "seed {seed} ({trouble:?}): {lasted:.1} s, {messages} messages, {handoffs} handoffs, {failovers} begun anew, \
         {conflicts} conflicts, fingerprint {fingerprint:016x}"
    );
    match &outcome.violation {
        Some(violation) => write!(text, "\nVIOLATED {violation}"),
        None => write!(text, "; all holds"),
    }
    .expect("a string takes everything");
    text
}

#[derive(Default)]
struct Sum {
    runs: u64,
    bad: Vec<u64>,
    faults: Counts,
    messages: usize,
    handoffs: usize,
    aborted: usize,
    failovers: usize,
    conflicts: usize,
    barred: usize,
    by_trouble: std::collections::BTreeMap<Trouble, (u64, u64)>,
}

/// Runs all seeds on all processors. Says whether all held, and whether what can go wrong did.
fn sweep(args: &Args) -> bool {
    let begun = Instant::now();
    let (next, sum) = (AtomicU64::new(args.seeds.start), Mutex::new(Sum::default()));
    let total = args.seeds.end - args.seeds.start;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shown = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.seeds.end {
                        break;
                    }
                    let outcome = sim::run(seed, &args.options);
                    let mut sum = sum.lock().expect("nobody panics with it");
                    sum.add(&outcome);
                    if outcome.violation.is_some() {
                        println!("{}{}", told(&outcome), last_words(&outcome, &args.options));
                    }
                    if shown && sum.runs % 10 == 0 {
                        eprint!("\r{} of {total}, {} bad, {:.0?}  ", sum.runs, sum.bad.len(), begun.elapsed());
                    }
                }
            });
        }
    });
    if shown {
        eprintln!();
    }
    let sum = sum.into_inner().expect("nobody panicked with it");
    sum.tell(begun.elapsed());
    let missing = if total < COVERING { Vec::new() } else { sum.missing(args.options.placement) };
    if !missing.is_empty() {
        println!("NOT COVERED: {}", missing.join(", "));
    }
    sum.bad.is_empty() && missing.is_empty()
}

/// The end of what happened to the names and nodes that a violation tells of.
fn last_words(outcome: &Outcome, options: &Options) -> String {
    let Some(violation) = &outcome.violation else { return String::new() };
    // Another run tells it: the same seed gives the same.
    let mut traced = options.clone();
    traced.trace = true;
    let again = sim::run(outcome.seed, &traced);
    let concerned: Vec<&str> = violation
        .found
        .split([' ', ','])
        .filter(|word| word.len() > 4 && word.contains(|c: char| c.is_ascii_digit()))
        .collect();
    let lines: Vec<_> = again.trace.iter().filter(|line| concerned.iter().any(|word| line.contains(word))).collect();
    let shown = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
    shown.iter().fold(String::new(), |text, line| text + "\n" + line)
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        let bad = outcome.violation.is_some();
        self.bad.extend(bad.then_some(outcome.seed));
        self.faults.merge(&outcome.faults);
        self.messages += outcome.messages;
        self.handoffs += outcome.handoffs;
        self.aborted += outcome.aborted;
        self.failovers += outcome.failovers;
        self.conflicts += outcome.conflicts;
        self.barred += outcome.barred;
        let of_it = self.by_trouble.entry(outcome.trouble).or_default();
        *of_it = (of_it.0 + 1, of_it.1 + u64::from(bad));
    }

    /// What never occurred.
    fn missing(&self, placement: Placement) -> Vec<String> {
        let Self { handoffs, aborted, failovers, conflicts, barred, .. } = self;
        let quorum = matches!(placement, Placement::Quorum { .. });
        let last = if quorum { ("lost quorums", barred) } else { ("conflicts", conflicts) };
        let counts = [("handoffs", handoffs), ("aborted handoffs", aborted), ("failovers", failovers), last];
        let events = counts.into_iter().filter(|(_, count)| **count == 0).map(|(what, _)| what.to_owned());
        let faults = Fault::ALL.into_iter().filter(|fault| self.faults.of(*fault) == 0).map(|fault| fault.to_string());
        events.chain(faults).collect()
    }

    fn tell(&self, took: Duration) {
        let Self { runs, bad, messages, handoffs, aborted, failovers, conflicts, barred, .. } = self;
        let a_minute = *runs as f64 / took.as_secs_f64() * 60.0;
        println!("{runs} runs in {took:.1?} ({a_minute:.0} a minute), {} bad: {bad:?}", bad.len());
        println!(
            "{messages} messages, {handoffs} handoffs, {aborted} aborted, {failovers} begun anew, {conflicts} conflicts, \
             {barred} ended without a quorum"
        );
        println!("faults: {}", self.faults);
        for (trouble, (runs, bad)) in &self.by_trouble {
            println!("{trouble:?}: {runs} runs, {bad} bad");
        }
    }
}

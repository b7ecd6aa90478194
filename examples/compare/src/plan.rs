//! Owns which system offers which bench, on which runtimes, and in what order all is taken. Never runs anything.

use examples::figures::haul::BULK_BYTES;
use examples::figures::rounds::{CALLERS, CLIENTS, MEMBERS, NAMES};

use crate::options::{COUNT_MAX, Options};
use crate::row::{Bench, Case, Row, Runtime, System};

/// How many names are registered at once.
const REGISTERED: u64 = 100_000;

/// How many idle workers are started and weighed.
const IDLE: u64 = 100_000;
const IDLE_MANY: u64 = COUNT_MAX;

/// How many workers there are, step by step, where it is asked whether figures stay what they were.
const GROWTH: [u64; 4] = [1_000, 10_000, 100_000, COUNT_MAX];

/// How many names there are when a node joins, and when it is killed, which then has a third of them.
const CHANGED_MANY: u64 = COUNT_MAX;

/// How large groups are: the second is the most that are asked, the third the most that are told.
const ASKED_MANY: u64 = 100_000;
const TOLD_MANY: u64 = COUNT_MAX;

/// The state of each worker that moves.
const STATE_BYTES: u64 = 64;

/// What a message within one process carries, and an idle worker keeps.
const WORD_BYTES: u64 = 8;

/// More callers than that beside a move would only be about the calls.
const BESIDE_MAX: u64 = 64;

/// What is taken together, in processes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A server and its client.
    Pair,
    /// One process.
    Near,
    /// One process with so many idle workers.
    Idle(u64),
    /// A cluster of so many.
    Register(u64),
    /// A server and its client, with more and more workers.
    Grow,
    /// One process with more and more workers.
    GrowNear,
    /// A cluster with so many names which a third joins, and is killed.
    Change(u64),
    /// A cluster with a group of so many.
    Tell(u64),
    /// A cluster which one leaves that has a large worker.
    Haul(u64),
}

/// A system's turn of one stage in each round.
#[derive(Clone, Debug)]
pub(crate) struct Stint {
    pub(crate) stage: Stage,
    pub(crate) system: System,
    pub(crate) runtime: Runtime,
    pub(crate) rows: Vec<Row>,
}

/// All stages in order, with the turns of each.
pub(crate) fn plan(options: &Options, offered: impl Fn(System, Stage) -> bool) -> Vec<Vec<Stint>> {
    let mut stages = vec![Stage::Pair, Stage::Near, Stage::Idle(IDLE), Stage::Idle(IDLE_MANY), Stage::Register(1)];
    stages.extend([
        Stage::Register(3),
        Stage::Grow,
        Stage::GrowNear,
        Stage::Change(NAMES),
        Stage::Change(CHANGED_MANY),
    ]);
    stages.extend([MEMBERS, ASKED_MANY, TOLD_MANY].map(Stage::Tell));
    stages
        .extend(options.callers.iter().filter(|callers| **callers <= BESIDE_MAX).map(|callers| Stage::Haul(*callers)));
    let turns = |stage| {
        let mut turns = Vec::new();
        for system in
            System::ALL.iter().copied().filter(|system| options.wants_system(*system) && offered(*system, stage))
        {
            for runtime in runtimes(system, stage) {
                let mut rows = rows(stage, system, *runtime, options);
                // Casts are compared with the calls of bare sockets, which know no difference.
                let base = |row: &Row| row.system == System::Raw && options.wants_bench(Bench::RemoteCast);
                rows.retain(|row| options.wants_bench(row.bench) || base(row));
                rows.retain(|row| row.count <= options.count_most);
                if !rows.is_empty() {
                    turns.push(Stint { stage, system, runtime: *runtime, rows });
                }
            }
        }
        turns
    };
    stages.into_iter().map(turns).filter(|turns| !turns.is_empty()).collect()
}

/// On what a system takes part in a stage; nothing, if it does not.
fn runtimes(system: System, stage: Stage) -> &'static [Runtime] {
    use Runtime::{Current, One, Threads, Two};
    match (stage, system) {
        (Stage::Pair, System::Raw) => &[Threads],
        (Stage::Pair, System::Tarpc) => &[Current, Two],
        (Stage::Pair | Stage::Near, System::Swarm) => &[One, Two],
        (Stage::Pair, System::Ractor | System::Kameo | System::Murmer | System::Erlang) => &[Two],
        (Stage::Pair, System::SwarmPool | System::SwarmSecret | System::SwarmTls) => &[Two],
        (Stage::GrowNear, System::Map) => &[Two],
        (Stage::Near, System::Mpsc) => &[Current, One, Two],
        (Stage::Near | Stage::Idle(IDLE), System::Actix) => &[Current],
        (Stage::Near | Stage::Idle(IDLE), System::Ractor | System::Kameo | System::Erlang) => &[Two],
        (Stage::Idle(IDLE), System::Mpsc) => &[Two],
        (Stage::Idle(_) | Stage::Grow | Stage::GrowNear, System::Swarm) => &[Two],
        (Stage::Register(_) | Stage::Change(_) | Stage::Tell(_) | Stage::Haul(_), System::Swarm) => &[Two],
        (Stage::Pair | Stage::Near | Stage::Idle(_) | Stage::Grow | Stage::GrowNear, _) => &[],
        (Stage::Register(_) | Stage::Change(_) | Stage::Tell(_) | Stage::Haul(_), _) => &[],
    }
}

fn rows(stage: Stage, system: System, runtime: Runtime, options: &Options) -> Vec<Row> {
    let row = |bench| Row { bench, system, runtime, case: Case::Handle, nodes: 1, callers: 1, payload: 0, count: 0 };
    let plain = |bench| Row { case: Case::Plain, ..row(bench) };
    match stage {
        Stage::Pair => pair_rows(system, options, row),
        Stage::Near => near_rows(system, options, row),
        Stage::Idle(count) => {
            let both = [Bench::Spawn, Bench::Memory];
            both.map(|bench| Row { payload: WORD_BYTES, count, ..plain(bench) }).to_vec()
        }
        Stage::Register(nodes) => {
            vec![Row { nodes, callers: CALLERS, count: REGISTERED, ..plain(Bench::Register) }]
        }
        Stage::Grow => grow_rows(row),
        Stage::GrowNear => {
            let grown = Row { case: Case::Growth, callers: CALLERS, payload: WORD_BYTES, ..row(Bench::LocalCall) };
            GROWTH.map(|count| Row { count, ..grown }).to_vec()
        }
        Stage::Change(count) => {
            let both = [Bench::JoinRebalance, Bench::KillFailover];
            both.map(|bench| Row { nodes: 3, callers: CLIENTS, payload: STATE_BYTES, count, ..plain(bench) }).to_vec()
        }
        Stage::Tell(count) => {
            let told = |bench| Row { nodes: 3, payload: WORD_BYTES, count, ..plain(bench) };
            let mut rows = vec![told(Bench::Publish)];
            if count <= ASKED_MANY {
                rows.push(told(Bench::Multicall));
            }
            rows
        }
        Stage::Haul(callers) => {
            vec![Row { nodes: 3, callers, payload: BULK_BYTES, count: 1, ..plain(Bench::HandoffBulk) }]
        }
    }
}

fn pair_rows(system: System, options: &Options, row: impl Fn(Bench) -> Row) -> Vec<Row> {
    let protected = matches!(system, System::SwarmSecret | System::SwarmTls);
    let casts = protected || matches!(system, System::Ractor | System::Erlang | System::Swarm);
    let mut rows = Vec::new();
    for bench in [Bench::RemoteCall, Bench::RemoteCast] {
        if bench == Bench::RemoteCall || casts {
            for (payload, callers) in
                options.payloads.iter().flat_map(|payload| options.callers.iter().map(move |c| (payload, c)))
            {
                rows.push(Row { callers: *callers, payload: *payload, ..row(bench) });
            }
        }
    }
    if system == System::Swarm {
        rows.extend(options.callers.iter().map(|callers| Row {
            callers: *callers,
            case: Case::Name,
            ..row(Bench::Whereis)
        }));
    }
    rows
}

/// At each step: how fast workers come, what they weigh, and how fast they are called. In the end, what they weigh when some are busy.
fn grow_rows(row: impl Fn(Bench) -> Row) -> Vec<Row> {
    let all =
        |bench, count| Row { nodes: 2, callers: CALLERS, payload: WORD_BYTES, count, case: Case::Growth, ..row(bench) };
    let benches = [Bench::Register, Bench::Memory, Bench::RemoteCall];
    let mut rows: Vec<Row> = GROWTH.iter().flat_map(|count| benches.map(|bench| all(bench, *count))).collect();
    rows.push(Row { case: Case::Busy, ..all(Bench::Memory, COUNT_MAX) });
    rows
}

fn near_rows(system: System, options: &Options, row: impl Fn(Bench) -> Row) -> Vec<Row> {
    let ours = system == System::Swarm;
    let cases: &[(Bench, Case)] = &[
        (Bench::LocalCall, Case::Handle),
        (Bench::LocalCall, Case::One),
        (Bench::LocalCall, Case::Name),
        (Bench::LocalCall, Case::Ready),
        (Bench::LocalCall, Case::Pending),
        (Bench::LocalCast, Case::Handle),
        (Bench::LocalCast, Case::Name),
    ];
    let offers = |case| ours || matches!(case, Case::Handle | Case::One);
    let mut rows = Vec::new();
    for (bench, case) in cases.iter().copied().filter(|(_, case)| offers(*case)) {
        for callers in options.callers.iter().copied() {
            // One caller has one worker in any case.
            if case != Case::One || callers > 1 {
                rows.push(Row { callers, case, payload: WORD_BYTES, ..row(bench) });
            }
        }
    }
    rows
}

/// The row whose rate is the measure of another's: bare sockets, or a bare task and channels.
pub(crate) fn base(row: &Row) -> Option<(Row, Row)> {
    let same = |runtime| match row.bench {
        Bench::RemoteCall | Bench::RemoteCast if row.case == Case::Growth => None,
        Bench::LocalCall if row.case == Case::Growth => Some(Row { system: System::Map, runtime, ..*row }),
        Bench::RemoteCall | Bench::RemoteCast => {
            Some(Row { bench: Bench::RemoteCall, system: System::Raw, runtime: Runtime::Threads, ..*row })
        }
        Bench::LocalCall | Bench::LocalCast => {
            let case = if row.case == Case::One { Case::One } else { Case::Handle };
            Some(Row { system: System::Mpsc, runtime, case, ..*row })
        }
        Bench::Register | Bench::Whereis | Bench::Spawn | Bench::Memory | Bench::JoinRebalance => None,
        Bench::KillFailover | Bench::Publish | Bench::Multicall | Bench::HandoffBulk => None,
    };
    Some((same(row.runtime)?, same(Runtime::Two)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[&str]) -> Vec<Row> {
        let options = Options::parse(words.iter().map(|word| (*word).to_owned())).expect("the words are right");
        plan(&options, |_, _| true).into_iter().flatten().flat_map(|stint| stint.rows).collect()
    }

    #[test]
    fn every_bench_and_every_system_has_rows_and_none_twice() {
        let rows = all(&[]);
        for bench in Bench::ALL {
            assert!(rows.iter().any(|row| row.bench == *bench), "{bench}");
        }
        for system in System::ALL {
            assert!(rows.iter().any(|row| row.system == *system), "{system}");
        }
        let distinct: std::collections::HashSet<&Row> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len());
    }

    #[test]
    fn whatever_is_compared_with_a_base_has_one() {
        let rows = all(&[]);
        for row in &rows {
            if let Some((first, second)) = base(row) {
                assert!(rows.contains(&first) || rows.contains(&second), "{row:?}");
            }
        }
    }

    #[test]
    fn nothing_is_about_more_than_is_wanted() {
        let rows = all(&["--most", "10000"]);
        assert_eq!(rows.iter().map(|row| row.count).max(), Some(10_000));
        assert!(rows.iter().any(|row| row.case == Case::Growth));
    }

    #[test]
    fn only_what_is_wanted_is_taken() {
        let rows = all(&["--bench", "remote_call", "--system", "tarpc", "--callers", "3", "--payload", "7"]);
        let runtimes: Vec<Runtime> = rows.iter().map(|row| row.runtime).collect();
        assert_eq!(runtimes, [Runtime::Current, Runtime::Two]);
        assert!(rows.iter().all(|row| (row.callers, row.payload) == (3, 7)), "{rows:?}");
    }
}

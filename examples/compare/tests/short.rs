//! A short run as a user would start it: what it prints, and that nothing of it stays behind.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn compare(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.args(words.split_whitespace()).stdin(Stdio::null());
    command
}

#[test]
fn each_row_is_an_object_a_line() {
    let words = "--json --rounds 2 --seconds 0.1 --callers 1,3 --payload 32 --most 1 --bench remote_call \
                 --bench local_call --system raw --system mpsc --system swarm --system swarm-pool --system swarm-secret --system swarm-tls";
    let output = compare(words).output().expect("the program was built with this test");
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    let rows: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let systems: BTreeSet<&str> = rows.iter().filter_map(|row| row["system"].as_str()).collect();
    assert_eq!(systems, BTreeSet::from(["mpsc", "raw", "swarm", "swarm-pool", "swarm-secret", "swarm-tls"]), "{told}");
    for row in &rows {
        for figure in ["per_s", "p50_us", "p99_us", "cpu_us", "ratio_raw"] {
            assert!(row[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure} of {row}");
        }
        assert_eq!((row["failed"].as_u64(), row["rounds"].as_u64()), (Some(0), Some(2)), "{row}");
    }
}

#[test]
fn what_grows_is_told_beside_what_it_was() {
    let words = "--json --rounds 1 --seconds 0.1 --most 10000 --bench register --bench remote_call --bench memory \
                 --callers 1 --payload 32 --system swarm";
    let output = compare(words).output().expect("the program was built with this test");
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    let grown: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is an object"))
        .filter(|row| row["case"] == "growth")
        .collect();
    let counts: Vec<_> =
        grown.iter().filter_map(|row| Some((row["bench"].as_str()?, row["count"].as_u64()?))).collect();
    let benches = ["register", "memory", "remote_call"];
    assert_eq!(counts, [1_000, 10_000].map(|count| benches.map(|bench| (bench, count))).concat(), "{told}");
    for row in &grown {
        assert!(row["flat"].as_f64().is_some_and(|flat| flat > 0.0), "{row}");
        assert_eq!((row["flat"] == 1.0, row["failed"].as_u64()), (row["count"] == 1_000, Some(0)), "{row}");
    }
}

#[test]
fn a_mistake_is_told_and_nothing_is_measured() {
    let output = compare("--bench remote_walk").output().expect("the program was built with this test");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("remote_call"), "{output:?}");
}

#[test]
fn all_processes_end_with_the_one_that_was_killed() {
    let words = "--rounds 1 --seconds 60 --callers 1 --payload 32 --bench remote_call --system swarm";
    let mut parent = compare(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was built");
    let children = until(|| Some(children(parent.id())).filter(|children| children.len() == 2));
    parent.kill().expect("it runs for a minute");
    parent.wait().expect("it was killed");
    until(|| children.iter().all(|child| !is_running(*child)).then_some(()));
}

fn children(of: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// A process whose parent has gone is nobody's but init's, which may leave it a zombie.
fn is_running(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

//! The demo as a person runs it: it holds, two of them do not meet, and no process outlives it however it ends.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How many flights: every act of the demo takes its time, so this hardly matters; the first few thousand know
/// most aircraft.
const FLIGHTS: &str = "4000";
/// A process whose parent is gone ends at once; this is for a machine that is busy with something else.
const GONE_WITHIN: Duration = Duration::from_secs(20);

fn demo(words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the demo was built with this test")
}

#[test]
fn two_demos_side_by_side_hold_and_do_not_meet() {
    let demos = [demo(&["--limit", FLIGHTS]), demo(&["--limit", FLIGHTS, "--nodes", "2", "--callers", "16"])];
    for demo in demos {
        let done = demo.wait_with_output().expect("the demo is ours");
        let (text, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{}\n{text}\n{errors}", done.status);
        assert!(text.trim_end().ends_with("all held"), "{text}");
        assert!(text.contains("they restarted from zero") && text.contains("is killed with SIGKILL"), "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let done = demo(&["--flights", "/nowhere/flights.csv"]).wait_with_output().expect("the demo is ours");
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("/nowhere/flights.csv"));
}

/// What the demo says of a file with these rows; nothing is started for it.
fn refused(name: &str, rows: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let head = "carrier,tailnum,origin,dest,arr_delay,air_time,distance";
    std::fs::write(&path, format!("{head}\n{rows}")).expect("the directory is there for this");
    let path = path.to_str().expect("a path of text");
    let done = demo(&["--flights", path]).wait_with_output().expect("the demo is ours");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains(path), "{said}");
    said
}

#[test]
fn a_file_with_a_bad_row_is_refused_by_its_line() {
    let good = "UA,N14228,EWR,IAH,11,227,1400\n".repeat(600);
    let said = refused("bad-number.csv", &format!("{good}UA,N14228,EWR,IAH,11,227,far\n{good}"));
    assert!(said.contains("line 602") && said.contains("`far`"), "{said}");
    let said = refused("short-row.csv", &format!("{good}UA,N14228\n"));
    assert!(said.contains("line: 602") && said.contains("2 fields"), "{said}");
}

#[test]
fn a_file_with_too_few_flights_or_aircraft_is_refused() {
    let said = refused("short.csv", "UA,N14228,EWR,IAH,11,227,1400\n");
    assert!(said.contains("1 flights by 1 aircraft are too few"), "{said}");
    let said = refused("lonely.csv", &"UA,N14228,EWR,IAH,11,227,1400\n".repeat(600));
    assert!(said.contains("600 flights by 1 aircraft are too few"), "{said}");
}

#[test]
fn ctrl_c_ends_every_process() {
    ends_every_process_after("-INT", Some(130));
}

#[test]
fn no_process_outlives_a_killed_demo() {
    ends_every_process_after("-KILL", None);
}

/// Sends the demo a signal once its nodes run, and waits until they are gone.
#[track_caller]
fn ends_every_process_after(signal: &str, status: Option<i32>) {
    let mut demo = demo(&[]);
    let mut lines = BufReader::new(demo.stdout.take().expect("its standard output is piped"));
    let nodes = node_pids(&mut lines);
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    let sent = Command::new("kill").args([signal, &demo.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
    assert_eq!(demo.wait().expect("the demo is ours").code(), status);
    for pid in nodes {
        assert!(gone(pid), "process {pid} outlived the demo");
    }
}

/// The nodes' processes: from the plain table, as soon as it says that three are up.
fn node_pids(lines: &mut BufReader<ChildStdout>) -> BTreeSet<u32> {
    let mut pids = BTreeSet::new();
    let mut line = String::new();
    while pids.len() < 3 && lines.read_line(&mut line).expect("the demo prints text") > 0 {
        if let [_, pid, _, "up", ..] = line.split_whitespace().collect::<Vec<_>>()[..] {
            pids.insert(pid.parse().expect("the second column is a process"));
        }
        line.clear();
    }
    pids
}

fn gone(pid: u32) -> bool {
    let began = Instant::now();
    while began.elapsed() < GONE_WITHIN {
        // A zombie is gone, too: it waits only for whoever inherited it to look.
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        if state.is_err() || state.is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
        {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

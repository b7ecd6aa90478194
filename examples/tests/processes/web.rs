//! The web service as browsers see it: one session by two instances in turn, also when the one that has it leaves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::Process;

/// Every answer comes within milliseconds; this is for a machine that is busy with something else.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

struct Instance {
    id: String,
    addr: String,
    process: Process,
}

struct Answer {
    status: String,
    cookie: Option<String>,
    body: serde_json::Value,
}

impl Instance {
    fn start(cluster: &str, seed: Option<&Self>) -> Self {
        // An instance that knows nobody seeks itself, and not the networks of this machine.
        let seed = seed.map_or("127.0.0.1:1", |other| other.id.split('#').next().unwrap_or_default());
        let words = ["--port", "0", "--cluster", cluster, "--seed", seed];
        let process = Process::start(None, env!("CARGO_BIN_EXE_web"), &words);
        let up = process.line();
        let (id, addr) = up.strip_prefix("up ").and_then(|up| up.split_once(" http ")).expect("it says that it is up");
        Self { id: id.to_owned(), addr: addr.to_owned(), process }
    }

    /// The answer to one request over a connection of its own.
    #[track_caller]
    fn ask(&self, method_and_path: &str, cookie: Option<&str>, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.addr).expect("the instance listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("it is not zero");
        let cookie = cookie.map(|cookie| format!("Cookie: theme=dark; {cookie}\r\n")).unwrap_or_default();
        let head = format!("{method_and_path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}", self.addr);
        let request = format!("{head}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("the instance reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer comes");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("an answer has a status").to_owned();
        let cookie = lines.find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next().map(str::to_owned));
        Answer { status, cookie, body: serde_json::from_str(body).unwrap_or_default() }
    }
}

/// Two instances that have found each other: a session of the one is reached by the other.
fn pair(cluster: &str) -> (Vec<Instance>, String) {
    let first = Instance::start(cluster, None);
    let second = Instance::start(cluster, Some(&first));
    let began = Instant::now();
    loop {
        let cookie = first.ask("GET /", None, "").cookie.expect("a new session is named");
        if second.ask("POST /notes", Some(&cookie), "a first note").status == "204" {
            return (vec![first, second], cookie);
        }
        assert!(began.elapsed() < ANSWER_WITHIN, "the two never met");
        std::thread::sleep(LOOK_EVERY);
    }
}

#[test]
fn a_session_goes_on_whichever_instance_serves_it_and_when_its_own_leaves() {
    let (mut instances, cookie) = pair("web-turns");
    for visit in 2..12 {
        let instance = &instances[visit % 2];
        let shown = instance.ask("GET /", Some(&cookie), "");
        assert_eq!((shown.status.as_str(), shown.cookie.as_deref()), ("200", Some(cookie.as_str())));
        assert_eq!(shown.body["visits"], visit);
        assert_eq!(shown.body["served_by"], instance.id);
        assert_eq!(instances[1 - visit % 2].ask("POST /notes", Some(&cookie), &format!("note {visit}")).status, "204");
    }
    let before = instances[0].ask("GET /", Some(&cookie), "").body;
    let has_it = instances.iter().position(|instance| before["hosted_by"] == instance.id).expect("one of them has it");
    let leaves = instances.remove(has_it);
    leaves.process.signal("-TERM");
    assert!(leaves.process.ended().success(), "it leaves gracefully");
    let after = instances[0].ask("GET /", Some(&cookie), "").body;
    assert_eq!((&after["visits"], &after["notes"]), (&13.into(), &before["notes"]));
    assert_eq!(after["hosted_by"], instances[0].id);
    assert_eq!(after["notes"].as_array().map(Vec::len), Some(11));
}

#[test]
fn a_session_that_ended_and_one_that_was_made_up_are_begun_anew() {
    let (instances, cookie) = pair("web-ends");
    let ended = instances[1].ask("DELETE /session", Some(&cookie), "");
    assert_eq!((ended.status.as_str(), ended.cookie.as_deref()), ("204", Some("session=")));
    assert_eq!(instances[0].ask("POST /notes", Some(&cookie), "late").status, "401");
    let made_up = "session=00000000000000000000000000000001";
    for unknown in [cookie.as_str(), made_up, "session=x"] {
        let begun = instances[0].ask("GET /", Some(unknown), "");
        assert_eq!(begun.body["visits"], 1, "{unknown}");
        assert!(begun.cookie.is_some_and(|cookie| cookie != unknown), "{unknown} is not taken over");
    }
    assert_eq!(instances[0].ask("POST /notes", None, "whose?").status, "401");
    let cookie = instances[0].ask("GET /", None, "").cookie;
    assert_eq!(instances[1].ask("POST /notes", cookie.as_deref(), &"long ".repeat(2_000)).status, "413");
}

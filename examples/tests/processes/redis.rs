//! Owns the programs of Redis that tests drive, a connection that speaks RESP2, and what a test does where the programs are not
//! there. Never lets it pass where they are required.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Every reply comes within milliseconds, or within the limit of a call; this is for a machine that is busy with something else.
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// Whether Debian's redis-tools are here; a printed reason if not. With `TEST_REDIS=required`, as in CI, that is a panic.
pub(crate) fn is_here() -> bool {
    let here = |program| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if here("redis-cli") && here("redis-benchmark") {
        return true;
    }
    let required = std::env::var("TEST_REDIS").is_ok_and(|word| word == "required");
    assert!(!required, "redis-cli and redis-benchmark are required here: install redis-tools");
    println!("skipped: redis-cli and redis-benchmark are not here (Debian's redis-tools)");
    false
}

/// `redis-benchmark` with these words, against this port.
pub(crate) fn benchmark(port: u16, words: &[&str]) -> Child {
    Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-q"])
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redis-benchmark was found before")
}

/// Waits until it has ended without an error.
#[track_caller]
pub(crate) fn ended_well(benchmark: Child) {
    let done = benchmark.wait_with_output().expect("the process is ours");
    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && errors.is_empty(), "{}\n{said}\n{errors}", done.status);
    assert!(!said.contains("rror") && said.contains("requests per second"), "{said}");
}

/// What `redis-cli` prints for these lines.
#[track_caller]
pub(crate) fn cli(port: u16, lines: &str) -> String {
    let mut cli = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli was found before");
    cli.stdin.take().expect("it is piped").write_all(lines.as_bytes()).expect("redis-cli reads its input");
    let done = cli.wait_with_output().expect("the process is ours");
    assert!(done.status.success(), "{}", done.status);
    String::from_utf8(done.stdout).expect("it prints text")
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Simple(String),
    Error(String),
    Number(i64),
    Bulk(String),
    Nil,
    Array(Vec<Reply>),
}

impl Reply {
    /// The text that it carries, whatever it is.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Bulk(text) => text,
            Self::Number(_) | Self::Nil | Self::Array(_) => "",
        }
    }
}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
        stream.set_read_timeout(Some(REPLY_WITHIN)).expect("it is not zero");
        stream.set_nodelay(true).expect("it is a socket");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends these bytes as they are.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the node reads");
    }

    /// The reply to one command.
    #[track_caller]
    pub(crate) fn ask(&mut self, words: &[&str]) -> Reply {
        let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        self.send(format!("*{}\r\n{bulks}", words.len()).as_bytes());
        self.reply()
    }

    /// The next reply.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a reply comes");
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).unwrap_or_else(|| panic!("the connection ended"));
        let number = || rest.parse::<i64>().expect("a number");
        match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(number()),
            "$" if number() < 0 => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; usize::try_from(number()).expect("a length") + 2];
                self.stream.read_exact(&mut bytes).expect("the rest of a reply comes");
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(String::from_utf8(bytes).expect("these tests store text"))
            }
            "*" => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            _ => panic!("{line} is no reply"),
        }
    }

    /// What is sent until the connection ends.
    #[track_caller]
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).expect("the node ends it in good order");
        rest
    }

    /// One figure of `INFO`.
    #[track_caller]
    pub(crate) fn info(&mut self, figure: &str) -> u64 {
        let Reply::Bulk(info) = self.ask(&["INFO"]) else { panic!("INFO is a text") };
        let line = info.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':').map(str::to_owned));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {figure} in {info}"))
    }
}

//! Owns the nodes of a test, and how the program is started.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use swarm::Admin;
use swarm::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Semaphore;

use super::loopback;
pub(crate) use super::loopback::{PATIENCE, builder};

/// Counts, and keeps its count when it moves.
#[swarm::message]
pub(crate) struct Tally {
    hits: u64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { hits: 0 }
    }
}

#[swarm::worker(state = Self)]
impl Tally {
    #[init]
    fn init() -> Self {
        Self { hits: 0 }
    }

    #[call]
    fn hit(&mut self) -> u64 {
        self.hits += 1;
        self.hits
    }

    #[cast]
    fn remind(&mut self, ctx: &Context<Self>, after_s: u64) {
        ctx.send_after(Duration::from_secs(after_s), tally::Remind { after_s });
    }
}

/// As many runs of [`Sloth::hang`] end as there are permits.
pub(crate) static LET_GO: Semaphore = Semaphore::const_new(0);

/// Takes its time.
pub(crate) struct Sloth;

#[swarm::worker]
impl Sloth {
    #[init]
    fn init() -> Self {
        Self
    }

    #[cast]
    async fn hang(&mut self) {
        LET_GO.acquire().await.expect("it is never closed").forget();
    }
}

/// Stays where it is.
pub(crate) struct Rock;

#[swarm::worker]
impl Rock {
    #[init]
    fn init() -> Self {
        Self
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff {
        Handoff::Ignore
    }
}

#[derive(swarm::Group)]
#[group(name = "audited")]
pub(crate) struct Audited;

/// A directory of a test, where the program looks for sockets. It goes with this.
pub(crate) struct Dir(loopback::dir::Dir);

impl Dir {
    pub(crate) fn new() -> Self {
        let dir = loopback::dir::Dir::new();
        std::fs::create_dir(dir.join("swarm")).expect("a new directory in it");
        Self(dir)
    }

    /// A socket where the program looks for it.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.0.join("swarm").join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program, which looks for sockets here and nowhere else.
    pub(crate) fn program(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swarmctl"));
        command.args(words).env("XDG_RUNTIME_DIR", self.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, words: &[&str]) -> Ran {
        let ran = tokio::time::timeout(PATIENCE, self.program(words).output()).await;
        Ran::of(words, ran.expect("it ends in time").expect("it can be started"))
    }
}

/// How the program has run.
#[derive(Debug)]
pub(crate) struct Ran {
    words: Vec<String>,
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(words: &[&str], output: Output) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            status: output.status.code().expect("no signal has ended it"),
            out: String::from_utf8(output.stdout).expect("it writes text"),
            err: String::from_utf8(output.stderr).expect("it writes text"),
        }
    }

    /// What it has written, if it did what it was asked to.
    pub(crate) fn done(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{:?}", self.words);
        self.out
    }

    /// The same as one JSON document a line.
    pub(crate) fn json(self) -> Vec<Value> {
        let out = self.done();
        out.lines().map(|line| serde_json::from_str(line).expect("a line is a JSON document")).collect()
    }

    /// What it has complained about, if it ended with this status.
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{:?}: {}", self.words, self.err);
        self.err
    }
}

/// A program that goes on, line by line.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(dir: &Dir, words: &[&str]) -> Self {
        let mut child = dir.program(words).stdout(Stdio::piped()).spawn().expect("it can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    pub(crate) async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("there is one in time").expect("it can be read").expect("it goes on")
    }

    pub(crate) async fn end(mut self) {
        self.child.kill().await.expect("it runs");
    }
}

/// Two nodes that know each other. The program finds the first by itself.
pub(crate) async fn pair(cluster: &str, dir: &Dir) -> [Swarm; 2] {
    let one = builder(cluster, &[]).admin(Admin::unix(dir.socket("one.sock")));
    loopback::pair(one, |one| builder(cluster, &[one]).admin(Admin::unix(dir.path().join("other.sock")))).await
}

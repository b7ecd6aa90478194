//! Owns one process of the program `node`, driven by lines. Never waits for an answer without a limit, and never leaves the
//! process behind.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Every answer comes at once or never; the slowest is a call that waits for its own timeout of 5 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// What the cluster is awaited to do takes a second or a few; this is for a machine that is busy with something else.
const HOLDS_WITHIN: Duration = Duration::from_secs(60);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The process. It is killed when this is dropped.
pub struct Driven {
    id: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Driven {
    /// Starts the program with these words, in the network namespace `space` if there is one, and waits until it is up.
    pub fn start(space: Option<&str>, words: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_node");
        let mut command = match space {
            Some(space) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", space, program]);
                command
            }
            None => Command::new(program),
        };
        let mut child = command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program `node` was built with this test");
        let stdout = child.stdout.take().expect("its standard output is piped");
        let (read, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .all(|line| read.send(line).is_ok())
        });
        let mut node = Self {
            id: String::new(),
            stdin: child.stdin.take(),
            child,
            lines,
        };
        node.id = node
            .line()
            .strip_prefix("up ")
            .expect("a node says first that it is up")
            .to_owned();
        node
    }

    /// Who it is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The answer to one command.
    pub fn ask(&mut self, command: &str) -> String {
        let stdin = self
            .stdin
            .as_mut()
            .expect("only a node that left has no standard input");
        writeln!(stdin, "{command}").expect("the node still reads");
        self.line()
    }

    /// The members as it sees them.
    pub fn members(&mut self) -> Vec<String> {
        words(&self.ask("members"), "members")
    }

    /// Every name and its node, as it sees them; nothing while it cannot tell.
    pub fn names(&mut self) -> Vec<(String, String)> {
        let pair = |word: String| {
            word.split_once('=')
                .map(|(name, node)| (name.to_owned(), node.to_owned()))
        };
        words(&self.ask("names"), "names")
            .into_iter()
            .filter_map(pair)
            .collect()
    }

    /// Asks again and again until the answer `holds`.
    #[track_caller]
    pub fn until<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut Self) -> T,
        holds: impl Fn(&T) -> bool,
    ) -> T {
        let began = Instant::now();
        loop {
            let answer = ask(self);
            if holds(&answer) {
                return answer;
            }
            assert!(
                began.elapsed() < HOLDS_WITHIN,
                "{} never saw {what}; at last: {answer:?}",
                self.id
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Lets it leave gracefully.
    pub fn leave(mut self) {
        assert_eq!(self.ask("leave"), "left");
        let status = self.child.wait().expect("the process is ours");
        assert!(status.success(), "{} ended with {status}", self.id);
    }

    fn line(&mut self) -> String {
        self.lines
            .recv_timeout(ANSWER_WITHIN)
            .unwrap_or_else(|error| panic!("no line from node {:?}: {error}", self.id))
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is no more after this.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The nodes of a cluster, sorted as they are in an answer.
pub fn ids<'a>(nodes: impl IntoIterator<Item = &'a Driven>) -> Vec<String> {
    let mut ids: Vec<_> = nodes.into_iter().map(|node| node.id.clone()).collect();
    ids.sort();
    ids
}

/// The words of an answer after the first, or none if it is another answer.
fn words(answer: &str, first: &str) -> Vec<String> {
    let mut words = answer.split_whitespace();
    if words.next() != Some(first) {
        return Vec::new();
    }
    words.map(str::to_owned).collect()
}

//! Owns one node that is driven by lines. Never waits without a limit for what the cluster should come to.

use std::fmt::Debug;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::process::Process;

/// What the cluster is awaited to do takes a second or a few; this is for a machine that is busy with something
/// else.
const HOLDS_WITHIN: Duration = Duration::from_secs(60);
/// The pause between two looks. What several processes come to agree upon is no event of any one of them.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A process of the program `node`.
pub(crate) struct Driven {
    id: String,
    process: Process,
}

impl Driven {
    /// Starts it with these words, in the network namespace `space` if there is one, and waits until it is up.
    pub(crate) fn start(space: Option<&str>, words: &[&str]) -> Self {
        let process = Process::start(space, env!("CARGO_BIN_EXE_node"), words);
        let id = process.line().strip_prefix("up ").expect("a node says first that it is up").to_owned();
        Self { id, process }
    }

    /// Who it is.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The answer to one command.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.process.say(command);
        self.process.line()
    }

    /// The members as it sees them.
    #[track_caller]
    pub(crate) fn members(&mut self) -> Vec<String> {
        words(&self.ask("members"), "members")
    }

    /// Every name and its node, as it sees them; nothing while it cannot tell.
    #[track_caller]
    pub(crate) fn names(&mut self) -> Vec<(String, String)> {
        let pair = |word: String| word.split_once('=').map(|(name, node)| (name.to_owned(), node.to_owned()));
        words(&self.ask("names"), "names").into_iter().filter_map(pair).collect()
    }

    /// Asks again and again until the answer `holds`.
    #[track_caller]
    pub(crate) fn until<T: Debug>(
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
            assert!(began.elapsed() < HOLDS_WITHIN, "{} never saw {what}; at last: {answer:?}", self.id);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Stops it in its tracks.
    pub(crate) fn freeze(&self) {
        self.process.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.process.signal("-CONT");
    }

    /// Types a command that it will read in its time; the answers come by [`Driven::answer`].
    pub(crate) fn type_ahead(&mut self, command: &str) {
        self.process.say(command);
    }

    /// Its next answer.
    #[track_caller]
    pub(crate) fn answer(&self) -> String {
        self.process.line()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Its last line and its status, when it has ended by itself.
    #[track_caller]
    pub(crate) fn ended(self) -> (String, ExitStatus) {
        (self.process.line(), self.process.ended())
    }

    /// Lets it leave gracefully.
    pub(crate) fn leave(mut self) {
        assert_eq!(self.ask("leave"), "left");
        let status = self.process.ended();
        assert!(status.success(), "{} ended with {status}", self.id);
    }
}

/// The nodes of a cluster, sorted as they are in an answer.
pub(crate) fn ids<'a>(nodes: impl IntoIterator<Item = &'a Driven>) -> Vec<String> {
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

//! Owns one running program: its lines in and out. Never waits without a limit, and never leaves the process
//! behind.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Every line that is awaited comes within a second or a few; this is for a machine that is busy with something
/// else.
const LINE_WITHIN: Duration = Duration::from_secs(60);
/// Long enough for what usually takes a millisecond, short enough to try again if it did not come.
const SOON: Duration = Duration::from_secs(1);

/// The program. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts `program` with these words, in the network namespace `space` if there is one.
    pub(crate) fn start(space: Option<&str>, program: &str, words: &[&str]) -> Self {
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
            .expect("the program was built with this test");
        let stdout = child.stdout.take().expect("its standard output is piped");
        let (read, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).all(|line| read.send(line).is_ok())
        });
        Self { stdin: child.stdin.take(), child, lines }
    }

    /// Types a line.
    #[track_caller]
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its standard input is piped and stays open");
        writeln!(stdin, "{line}").expect("the process reads what is typed");
    }

    /// Its next line.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.line_that("anything", |_| true)
    }

    /// Its next line that `is` so, leaving out those before.
    #[track_caller]
    pub(crate) fn line_that(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + LINE_WITHIN;
        let mut last = None;
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(rest) {
                Ok(line) if is(&line) => return line,
                Ok(line) => last = Some(line),
                Err(error) => panic!("it never said {what} ({error}), at last it said {last:?}"),
            }
        }
    }

    /// Its next line, if it comes soon.
    pub(crate) fn line_soon(&self) -> Option<String> {
        self.lines.recv_timeout(SOON).ok()
    }

    /// Sends it a signal by its name, as `kill` has it.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success(), "the process is there");
    }

    /// Waits until it ends by itself, and its output with it.
    #[track_caller]
    pub(crate) fn ended(mut self) -> ExitStatus {
        // Closed only after that: to some programs a closed standard input is a reason to end.
        let stdin = self.stdin.take();
        let until = Instant::now() + LINE_WITHIN;
        let mut last = None;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => last = Some(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it never ended, at last it said {last:?}"),
            }
        }
        let status = self.child.wait().expect("the process is ours");
        drop(stdin);
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is no more after this.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

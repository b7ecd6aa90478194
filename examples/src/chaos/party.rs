//! Owns one callers' process as its parent sees it: it says a line and gets figures. Never counts anything itself.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::figures::Figures;
use crate::fleet::board::{Board, Phase, Reading};
use crate::fleet::cluster::Launch;

/// Reading ten thousand books is the longest that is asked; this is for a machine that is busy with something else.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
/// The rows of callers stand below those of all nodes.
const ROW: usize = 9_000;

/// The process. It is killed when this is dropped.
pub struct Party {
    child: Child,
    stdin: ChildStdin,
    answers: mpsc::Receiver<Figures>,
    wrong: Arc<Mutex<Vec<String>>>,
    row: usize,
    board: Arc<Board>,
}

impl Party {
    /// Starts it and waits until it is a member.
    pub async fn start(launch: &Launch, number: usize, logs: &Path, board: &Arc<Board>) -> io::Result<Self> {
        let log = File::create(logs.join(format!("callers-{number}.log")))?;
        let mut child = launch.command()?.stderr(Stdio::from(log)).spawn()?;
        let row = ROW + number;
        board.add(row, child.id().unwrap_or_default());
        let stdin = child.stdin.take().ok_or_else(|| io::Error::other("a piped child has a standard input"))?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("a piped child has a standard output"))?;
        let (answer, mut answers) = mpsc::channel(1);
        let wrong = Arc::default();
        let reader = Reader { row, board: board.clone(), wrong: Arc::clone(&wrong), answer };
        tokio::spawn(reader.follow(BufReader::new(stdout).lines()));
        // Its first word is that it is up, which counts as an answer.
        hear(&mut answers).await?;
        Ok(Self { child, stdin, answers, wrong, row, board: board.clone() })
    }

    /// Says something and waits for what is answered.
    pub async fn ask(&mut self, what: &str) -> io::Result<Figures> {
        self.stdin.write_all(format!("{what}\n").as_bytes()).await?;
        if what == "go" {
            self.board.set_phase(self.row, Phase::Calling);
        }
        hear(&mut self.answers).await
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its row on the board.
    pub const fn row(&self) -> usize {
        self.row
    }

    /// What it found wrong.
    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn hear(answers: &mut mpsc::Receiver<Figures>) -> io::Result<Figures> {
    let answer = timeout(ANSWERED_WITHIN, answers.recv()).await;
    let answer = answer.map_err(|_| io::Error::other(format!("callers did not answer within {ANSWERED_WITHIN:?}")))?;
    answer.ok_or_else(|| io::Error::other("a callers' process ended before its time"))
}

struct Reader {
    row: usize,
    board: Arc<Board>,
    wrong: Arc<Mutex<Vec<String>>>,
    answer: mpsc::Sender<Figures>,
}

impl Reader {
    async fn follow(self, mut lines: Lines<BufReader<ChildStdout>>) {
        let mut calls = 0;
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(reading) = Reading::parse(&line) {
                let more = reading.calls.saturating_sub(calls);
                calls = reading.calls;
                self.board.count_done(usize::try_from(more).unwrap_or_default());
                self.board.read(self.row, reading, Instant::now());
            } else if let Some(failed) = line.strip_prefix("failed ") {
                self.board.set_failed(self.row, failed.parse().unwrap_or_default());
            } else if let Some(text) = line.strip_prefix("wrong ") {
                self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
            } else if let Some(host) = line.strip_prefix("up ") {
                self.board.name(self.row, host.to_owned());
                self.answered(Figures::default()).await;
            } else if let Some(figures) = Figures::parse(&line) {
                self.answered(figures).await;
            }
        }
    }

    async fn answered(&self, figures: Figures) {
        // Nobody waits any more when the party is dropped.
        let _ = self.answer.send(figures).await;
    }
}

//! Owns the answers of a group as lines of JSON (NDJSON), one a member as it answers, and a last one that counts them. Never tells of a
//! member twice, and never holds more for who does not read than it may.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use futures_core::Stream;
use serde::Serialize;
use serde_json::value::RawValue;
use swarm_net::node::NodeId;
use tokio::sync::mpsc;

use super::gate::UnderWay;
use super::hall::{End, Hall};
use super::problem::Problem;
use super::sort;
use crate::error::{CallError, Executed};
use crate::message::JsonError;
use crate::name::Name;
use crate::runtime::survey::{Answers, Findings};
use crate::worker::{Host as _, Payload};

/// The media type of the lines.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// What replies are held of that are not read. Those that find no room are said to be too large.
const UNREAD_BYTES_MAX: usize = 16 << 20;

/// What is held with the lines that say so. Of a group that is too large for this, who does not read learns no more.
const LINES_BYTES_MAX: usize = 2 * UNREAD_BYTES_MAX;

/// How a reply is told as JSON.
type Write = fn(&Payload) -> Result<String, JsonError>;

/// The lines.
pub(super) struct Lines {
    lines: mpsc::UnboundedReceiver<io::Result<String>>,
    unread: Arc<AtomicUsize>,
}

impl Stream for Lines {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lines.poll_recv(cx).map_ok(|line| {
            self.unread.fetch_sub(line.len(), Ordering::Relaxed);
            line.into()
        })
    }
}

/// The lines that these answers make. Nothing more is asked when they are dropped.
pub(super) fn of(hall: &Hall, answers: Answers, write: Write, end: End, under_way: UnderWay) -> Lines {
    let (sender, lines) = mpsc::unbounded_channel();
    let (node, limit) = (hall.node.clone(), hall.left(end));
    let unread = Arc::<AtomicUsize>::default();
    let roll = Roll {
        me: node.id(),
        limit: end.limit,
        write,
        called: BTreeMap::new(),
        count: Count::default(),
        out: sender,
        unread: unread.clone(),
    };
    hall.node.runtime().spawn(async move {
        let late = node.timers().delay(limit);
        gather(answers, roll, late).await;
        drop(under_way);
    });
    Lines { lines, unread }
}

enum Next {
    Came(NodeId, Findings),
    /// Every node has answered, or is lost.
    All,
    /// The time is over.
    Late,
    /// Nobody reads any more.
    Gone,
}

/// Takes answers as they come, whether or not the lines are read, so that what is held of them can be counted.
async fn gather(mut answers: Answers, mut roll: Roll, late: impl Future<Output = ()>) {
    let mut late = pin!(late);
    let out = roll.out.clone();
    let mut gone = pin!(out.closed());
    loop {
        let next = poll_fn(|cx| {
            if gone.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Next::Gone);
            }
            if late.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Next::Late);
            }
            let came = |part: Option<_>| part.map_or(Next::All, |(from, findings)| Next::Came(from, findings));
            pin!(answers.next()).poll(cx).map(came)
        });
        match next.await {
            Next::Came(from, findings) => {
                if !roll.take(from, findings) {
                    return;
                }
            }
            Next::Gone => return,
            Next::All => return roll.end(true),
            Next::Late => return roll.end(false),
        }
    }
}

/// Who was called, and what each has answered so far.
struct Roll {
    me: NodeId,
    limit: Duration,
    write: Write,
    called: BTreeMap<Name, (NodeId, Answer)>,
    count: Count,
    out: mpsc::UnboundedSender<io::Result<String>>,
    unread: Arc<AtomicUsize>,
}

enum Answer {
    /// Nothing yet.
    Awaited,
    /// It may not have run there. A member that moves may be called twice, and what the other says counts more if it has run.
    Doubtful(CallError),
    /// That has been told.
    Told,
}

/// How many members there were, and of how many there is a reply.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Count {
    members: u64,
    answered: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Last {
    end: Count,
}

impl Roll {
    /// Takes a part of a node's answer. False if who is told does not read, and too much is held for it.
    fn take(&mut self, from: NodeId, findings: Findings) -> bool {
        for (name, location) in findings.found {
            self.called.entry(name).or_insert((location.node, Answer::Awaited));
        }
        findings.replies.into_iter().all(|(name, reply)| self.answered(name, from, reply))
    }

    fn answered(&mut self, name: Name, from: NodeId, reply: Result<Vec<u8>, CallError>) -> bool {
        let (_, known) = self.called.entry(name.clone()).or_insert((from, Answer::Awaited));
        match (known, reply) {
            (Answer::Told, _) => true,
            (known, Ok(reply)) => {
                *known = Answer::Told;
                self.tell_reply(&name, from, &reply)
            }
            (known, Err(error)) if error.executed() == Executed::Yes => {
                *known = Answer::Told;
                self.tell_problem(&name, from, Problem::call(error, self.me))
            }
            // What may have run goes before what has not.
            (Answer::Doubtful(before), Err(error)) => {
                if before.executed() == Executed::No {
                    *before = error;
                }
                true
            }
            (known @ Answer::Awaited, Err(error)) => {
                *known = Answer::Doubtful(error);
                true
            }
        }
    }

    fn tell_reply(&mut self, name: &Name, from: NodeId, reply: &[u8]) -> bool {
        let room = UNREAD_BYTES_MAX.saturating_sub(self.unread.load(Ordering::Relaxed));
        let written = (self.write)(&Payload::copy_of(reply)).map_err(|error| error.to_string());
        let fits = |json: String| match json.len() > room {
            true => Err(format!("it has {} bytes, and what has come before is not read: read faster", json.len())),
            false => RawValue::from_string(json).map_err(|error| error.to_string()),
        };
        match written.and_then(fits) {
            Ok(json) => {
                self.count.answered += 1;
                self.tell(Line { name: name.as_str(), node: from.to_string(), reply: Some(json), problem: None })
            }
            Err(problem) => {
                let detail = format!("the handler ran, and its reply cannot be told: {problem}");
                self.tell_problem(name, from, Problem::new(sort::UNWRITTEN, detail).executed(Executed::Yes))
            }
        }
    }

    fn tell_problem(&mut self, name: &Name, from: NodeId, problem: Problem) -> bool {
        self.count.failed += 1;
        let problem = RawValue::from_string(problem.text()).ok();
        self.tell(Line { name: name.as_str(), node: from.to_string(), reply: None, problem })
    }

    fn tell(&self, line: impl Serialize) -> bool {
        let mut text = serde_json::to_string(&line).expect("strings and numbers can be told as JSON");
        text.push('\n');
        if self.unread.fetch_add(text.len(), Ordering::Relaxed) + text.len() > LINES_BYTES_MAX {
            // Without its last line, so that nobody takes it for the whole.
            let _ = self.out.send(Err(io::Error::other("the lines are not read, and no more are held")));
            return false;
        }
        self.out.send(Ok(text)).is_ok()
    }

    /// Tells of those who have not answered, and how many there were. `in_time` says that all nodes have answered, or are lost.
    fn end(mut self, in_time: bool) {
        for (name, (node, answer)) in std::mem::take(&mut self.called) {
            self.count.members += 1;
            let (after, executed) = (self.limit, Executed::Maybe);
            let error = match answer {
                Answer::Told => continue,
                Answer::Doubtful(error) => error,
                // So it went with its node, or with the connection to that.
                Answer::Awaited if in_time => CallError::NodeDown { name: name.clone(), node, executed },
                Answer::Awaited => CallError::Timeout { name: name.clone(), node, after, executed },
            };
            if !self.tell_problem(&name, node, Problem::call(error, self.me)) {
                return;
            }
        }
        self.tell(Last { end: self.count });
    }
}

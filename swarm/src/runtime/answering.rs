//! Owns this node's part of a survey: who of its workers is meant, and what they answer. A slow worker never holds back
//! what the others have answered.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::node::NodeId;
use tokio::sync::OwnedSemaphorePermit;

use crate::call::frame::{answer_head, kind};
use crate::call::pending::{Answer, Place, Ticket, Waiting};
use crate::call::traced;
use crate::error::{CallError, Executed, Location};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::letter::Letter;
use crate::runtime::places::Found;
use crate::runtime::survey::{Findings, Question, Told, Whom};
use crate::trace::TraceContext;
use crate::worker::{Deadline, KindId, Parcel, Payload, ReplyTo};

/// How long answers are gathered before they are sent: longer than quick handlers take, shorter than anyone notices.
const GATHER: Duration = Duration::from_millis(5);

/// How many names one part of an answer carries, so that no frame grows with the node.
pub(crate) const PART_MAX: usize = 4096;

/// How many members are told, or called, before somebody else has a turn: a question comes on the thread that keeps this node in the
/// cluster, and a group may have a million of them.
const TURN_MAX: usize = 512;

/// How many surveys may be told or called by tasks at once. Each keeps the names of its members: beyond that the thread that reads does it
/// itself, so that who asks without end is not read meanwhile.
pub(crate) const TASKS_MAX: usize = 32;

/// What one name takes of a part beside its own bytes and those of its reply, and the head and tail of a part: more than any
/// location or error.
const NAMED_BYTES: usize = 512;

impl Node {
    /// Answers another node's question, or this node's own.
    pub(crate) fn survey(self: &Arc<Self>, to: NodeId, number: u64, question: Question) {
        let question = match question {
            Question::Inquire(inquiry) => return self.answer_inquiry(to, number, inquiry),
            question @ (Question::List(_)
            | Question::Page { .. }
            | Question::Publish { .. }
            | Question::Multicall { .. }) => question,
        };
        let Some(meant) = self.meant_or_pledge(to, number, question.whom()) else { return };
        let public = matches!(question.whom(), Whom::Public(_));
        match question {
            Question::List(_) => self.list_here(to, number, &meant),
            Question::Page { prefix, after, count, .. } => {
                let comes = |name: &Name| {
                    name.as_str().starts_with(prefix.as_str()) && after.as_ref().is_none_or(|after| name > after)
                };
                let meant = meant.into_iter().filter(comes).collect();
                self.page_here(to, number, meant, count as usize);
            }
            Question::Inquire(_) => {}
            Question::Publish { told, .. } => self.publish_here((to, number), meant, Heard::of(told, public)),
            Question::Multicall { told, within_ms, .. } => {
                let within = Duration::from_millis(u64::from(within_ms));
                self.multicall_here((to, number), meant, Heard::of(told, public), within);
            }
        }
    }

    fn list_here(self: &Arc<Self>, to: NodeId, number: u64, meant: &[Name]) {
        // A worker that has just come and waits for the rest of its queue is here all the same.
        let located = meant.iter().filter_map(|name| Some((name.clone(), self.location(&self.places.any_cell(name)?))));
        let mut found: Vec<_> = located.collect();
        while found.len() > PART_MAX {
            let rest = found.split_off(PART_MAX);
            self.findings(to, number, Findings { found, ..Findings::default() });
            found = rest;
        }
        self.findings(to, number, Findings { found, last: true, ..Findings::default() });
    }

    fn page_here(self: &Arc<Self>, to: NodeId, number: u64, mut names: Vec<Name>, count: usize) {
        let count = count.clamp(1, PART_MAX);
        let mut until = None;
        if names.len() > count {
            // Only the first names need to be in order.
            names.select_nth_unstable(count);
            names.truncate(count);
            until = names.iter().max().cloned();
        }
        names.sort_unstable();
        let located = names.into_iter().filter_map(|name| self.location_here(&name).map(|at| (name, at)));
        let found = located.collect();
        self.findings(to, number, Findings { found, until, last: true, ..Findings::default() });
    }

    fn publish_here(self: &Arc<Self>, (to, number): (NodeId, u64), meant: Vec<Name>, told: Heard) {
        let mut meant = meant.into_iter();
        let mut delivered = self.publish_turn(&mut meant, &told);
        let Some(task) = self.task_for(&meant) else {
            while meant.len() > 0 {
                delivered += self.publish_turn(&mut meant, &told);
            }
            return self.findings(to, number, Findings { delivered, last: true, ..Findings::default() });
        };
        let node = self.clone();
        self.runtime().spawn(async move {
            let _task = task;
            while meant.len() > 0 {
                tokio::task::yield_now().await;
                delivered += node.publish_turn(&mut meant, &told);
            }
            node.findings(to, number, Findings { delivered, last: true, ..Findings::default() });
        });
    }

    /// Leave for a task to go on with these; `None` if there are none, or too many tasks do.
    fn task_for(&self, left: &impl ExactSizeIterator) -> Option<OwnedSemaphorePermit> {
        if left.len() == 0 { None } else { self.telling.clone().try_acquire_owned().ok() }
    }

    /// Tells the next of them, and says how many that are here were told.
    fn publish_turn(self: &Arc<Self>, meant: &mut impl Iterator<Item = Name>, heard: &Heard) -> u64 {
        let mut delivered = 0;
        for name in meant.take(TURN_MAX) {
            let here = self.places.open_cell(&name);
            if here.as_ref().is_some_and(|cell| !cell.takes(heard.told.message, heard.told.fingerprint)) {
                // Any worker may be in an untyped group, and those without a method for the message are not reached.
                continue;
            }
            let Some(kind) = self.kind_told(&name, heard) else { continue };
            match self.route(Letter::new(name, kind, heard.parcel(Deadline::NEVER, None))) {
                Ok(()) => delivered += u64::from(here.is_some()),
                Err((letter, error)) => self.refuse(letter, error),
            }
        }
        delivered
    }

    fn multicall_here(self: &Arc<Self>, (to, number): (NodeId, u64), meant: Vec<Name>, told: Heard, within: Duration) {
        let deadline = Deadline::after(self.now(), within);
        let (mut findings, mut called) = (Findings::default(), VecDeque::with_capacity(meant.len()));
        let mut meant = meant.into_iter();
        self.multicall_turn(&mut meant, (&told, deadline), &mut findings, &mut called);
        let task = self.task_for(&meant);
        while task.is_none() && meant.len() > 0 {
            self.multicall_turn(&mut meant, (&told, deadline), &mut findings, &mut called);
        }
        let node = self.clone();
        self.runtime().spawn(async move {
            // The first part names all that were called, so nothing is sent before they are.
            while meant.len() > 0 {
                tokio::task::yield_now().await;
                node.multicall_turn(&mut meant, (&told, deadline), &mut findings, &mut called);
            }
            drop(task);
            // One after the other, and now and then all at once: a task that every answer wakes to look at all of them
            // would take the square of their number.
            while let Some(first) = called.front_mut() {
                match node.within(GATHER, &mut first.ticket).await {
                    Some(answer) => {
                        findings.replies.extend(called.pop_front().and_then(|called| called.says(answer)));
                    }
                    None => {
                        findings.replies.extend(take_ready(&mut called));
                        let anything = !findings.found.is_empty() || !findings.replies.is_empty();
                        if anything && !called.is_empty() {
                            node.findings(to, number, std::mem::take(&mut findings));
                        }
                    }
                }
            }
            findings.last = true;
            node.findings(to, number, findings);
        });
    }

    /// Calls the next of them.
    fn multicall_turn(
        self: &Arc<Self>,
        meant: &mut impl Iterator<Item = Name>,
        (told, deadline): (&Heard, Deadline),
        findings: &mut Findings,
        called: &mut VecDeque<Called>,
    ) {
        for name in meant.take(TURN_MAX) {
            let Some(kind) = self.kind_told(&name, told) else { continue };
            // One whose queue is still on its way here is called behind it, and one that has left lately where it went.
            let here = self.places.any_cell(&name).map(|cell| (name.clone(), self.location(&cell)));
            let left = here.is_none();
            findings.found.extend(here);
            match self.post_survey(name.clone(), kind, told, deadline) {
                Ok(ticket) => called.push_back(Called { name, ticket, left }),
                Err(error) => findings.replies.push((name, Err(error))),
            }
        }
    }

    /// Calls one worker as part of a survey. One that moves may be called where it was and where it goes, and knows by the
    /// id which of them to answer.
    fn post_survey(
        self: &Arc<Self>,
        name: Name,
        kind: u64,
        told: &Heard,
        deadline: Deadline,
    ) -> Result<Ticket, CallError> {
        self.post_bytes(name, kind, deadline, |reply| told.parcel(deadline, Some(reply)))
    }

    /// Calls a worker with a message that is there as bytes already, and is answered in bytes.
    pub(crate) fn post_bytes(
        self: &Arc<Self>,
        name: Name,
        kind: u64,
        deadline: Deadline,
        parcel: impl FnOnce(ReplyTo) -> Parcel,
    ) -> Result<Ticket, CallError> {
        let waiting = Waiting { name: name.clone(), deadline, place: Place::Here };
        let ticket = self.pending.take(waiting).map_err(|exhausted| CallError::Overloaded {
            name: name.clone(),
            node: self.id(),
            what: format!("the table of waiting calls ({exhausted})"),
        })?;
        let parcel = parcel(self.reply_to(self.id(), ticket.request().0));
        self.post(Letter::new(name.clone(), kind, parcel));
        self.end_if_stopped(ticket.request());
        Ok(ticket)
    }

    /// The kind that a worker must have to be told something as part of a survey, 0 for any; `None` if it is not to be told at all.
    fn kind_told(&self, name: &Name, told: &Heard) -> Option<u64> {
        // Should the name be another's when the letter comes there, that one is not told.
        if told.public { self.public_kind(name).map(|KindId(kind)| kind) } else { Some(0) }
    }

    /// The kind of a worker that is here, or was lately, if it is a public one.
    fn public_kind(&self, name: &Name) -> Option<KindId> {
        let kind = match self.places.read(name).get(name)? {
            Found::Cell(cell, _) => cell.kind(),
            Found::Redirect(_, kind, _) => kind,
            Found::Held => return None,
        };
        self.kinds.get(kind).filter(|entry| entry.public).map(|entry| entry.kind)
    }

    /// The names of this node that are meant, and those that were here lately: what is published goes after them.
    pub(crate) fn meant(&self, whom: &Whom) -> Vec<Name> {
        match whom {
            Whom::Everyone => self.places.cells().map(|cell| cell.name().clone()).collect(),
            Whom::Kind(kind) => self.places.of_kind(KindId(*kind)),
            Whom::Group(group) => self.groups.of(group),
            Whom::Public(group) => {
                let mut names = self.groups.of(group);
                names.retain(|name| self.public_kind(name).is_some());
                names
            }
        }
    }

    /// Sends findings, in as many parts as they need to travel.
    pub(crate) fn findings(self: &Arc<Self>, to: NodeId, number: u64, mut findings: Findings) {
        if to == self.id() {
            self.surveys.arrived(number, to, findings);
            return;
        }
        let limit = self.part_bytes_max();
        let mut part = Findings::default();
        let mut room = limit;
        let found = std::mem::take(&mut findings.found).into_iter().map(Piece::Found);
        let replies = std::mem::take(&mut findings.replies).into_iter();
        let replies = replies.map(|(name, reply)| Piece::Reply((name.clone(), self.travels(name, reply))));
        for piece in found.chain(replies) {
            let bytes = piece.bytes();
            if bytes > room && room < limit {
                self.part(to, number, &std::mem::take(&mut part));
                room = limit;
            }
            room = room.saturating_sub(bytes);
            match piece {
                Piece::Found(named) => part.found.push(named),
                Piece::Reply(reply) => part.replies.push(reply),
            }
        }
        self.part(to, number, &Findings { found: part.found, replies: part.replies, ..findings });
    }

    /// A reply as it can travel.
    fn travels(&self, name: Name, reply: Reply) -> Reply {
        let limit = self.part_bytes_max() as u64;
        let reply = reply?;
        let bytes = reply.len() as u64;
        if bytes > limit { Err(CallError::TooLarge { name, bytes, limit, executed: Executed::Yes }) } else { Ok(reply) }
    }

    /// How much one part carries: the longest reply, unless that fits into no frame with its name.
    fn part_bytes_max(&self) -> usize {
        let frame = self.config().net.frame_bytes_max as usize;
        let message = usize::try_from(self.config().message_bytes_max()).unwrap_or(usize::MAX);
        message.min(frame.saturating_sub(NAMED_BYTES + Name::BYTES_MAX))
    }

    fn part(self: &Arc<Self>, to: NodeId, number: u64, findings: &Findings) {
        match rkyv::to_bytes::<rkyv::rancor::Error>(findings) {
            Ok(bytes) => {
                self.send_frame(to, kind::FINDINGS, answer_head(number, 0), &bytes);
            }
            Err(error) => tracing::error!(peer = %to, %error, "an answer could not be encoded"),
        }
    }
}

/// What the members of a group are told here.
struct Heard {
    told: Told,
    /// Where who has asked stands in a trace.
    trace: Option<Box<TraceContext>>,
    /// By a program that is no member: only public ones are told.
    public: bool,
}

impl Heard {
    fn of(told: Told, public: bool) -> Self {
        let trace = traced::read(&told.trace).map(Box::new);
        Self { told, trace, public }
    }

    fn parcel(&self, deadline: Deadline, reply: Option<ReplyTo>) -> Parcel {
        Parcel {
            method: self.told.message,
            fingerprint: self.told.fingerprint,
            payload: Payload::copy_of(&self.told.payload),
            deadline,
            reply,
            publish: self.told.id,
            trace: self.trace.clone(),
            unconfirmed: None,
        }
    }
}

/// One thing that is found.
enum Piece {
    Found((Name, Location)),
    Reply((Name, Reply)),
}

impl Piece {
    fn bytes(&self) -> usize {
        let (name, reply) = match self {
            Self::Found((name, _)) => (name, 0),
            Self::Reply((name, reply)) => (name, reply.as_ref().map_or(0, Vec::len)),
        };
        NAMED_BYTES + name.as_str().len() + reply
    }
}

type Reply = Result<Vec<u8>, CallError>;

fn bytes_of(answer: Result<Answer, CallError>) -> Reply {
    match answer? {
        Answer::Payload(payload) => Ok(payload.to_vec()),
        Answer::Value(_) => unreachable!("a message that came as bytes is answered in bytes"),
    }
}

/// A worker that was called as part of a survey.
struct Called {
    name: Name,
    ticket: Ticket,
    /// It had left this node already.
    left: bool,
}

impl Called {
    /// What is to be told of its answer. That there is no such worker says nothing of one that has left.
    fn says(self, answer: Result<Answer, CallError>) -> Option<(Name, Reply)> {
        match bytes_of(answer) {
            Err(CallError::NotRegistered { .. }) if self.left => None,
            reply => Some((self.name, reply)),
        }
    }
}

/// Takes out of `called` who has answered.
fn take_ready(called: &mut VecDeque<Called>) -> Vec<(Name, Reply)> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut ready = Vec::new();
    for _ in 0..called.len() {
        let Some(mut next) = called.pop_front() else { break };
        match Pin::new(&mut next.ticket).poll(&mut cx) {
            Poll::Ready(answer) => ready.extend(next.says(answer)),
            Poll::Pending => called.push_back(next),
        }
    }
    ready
}
